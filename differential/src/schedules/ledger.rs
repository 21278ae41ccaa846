//! The ledger of schedules: one line for each session.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::ledger::{Entry, cells, range};

const HEADER: &str = "\
# Ledger of schedules

One line for each session of `probity-differential schedules run`, appended by it. A schedule is
probes that come and go at moments of a run; its seed gives the program, the schedule and, where
the tier is `mixed`, the tier. `programs` are ours + those of wasm-smith, each with up to 128
schedules; `fires` are those of all probes by the model, all of which were compared; `mismatches`
counts schedules in which anything differed from the run without probes or from the model.

| date | commit | tier | seeds | programs | schedules | fires | mismatches | seconds |
|---|---|---|---|---|---|---|---|---|
";

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Day, in UTC.
    pub date: String,
    /// Commit of the sources, `+` if they had changes.
    pub commit: String,
    /// How code was executed.
    pub tier: String,
    /// First seed, and the one behind the last.
    pub seeds: (u64, u64),
    /// Programs of ours, and those of wasm-smith.
    pub programs: (u64, u64),
    /// Schedules played.
    pub schedules: u64,
    /// Fires of all probes.
    pub fires: u64,
    /// Schedules in which something differed.
    pub mismatches: u64,
    /// Time of the session.
    pub seconds: u64,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((from, to), (ours, generated)) = (self.seeds, self.programs);
        write!(
            f,
            "| {} | {} | {} | {from}..{to} | {ours} + {generated} | {} | {} | {} | {} |",
            self.date,
            self.commit,
            self.tier,
            self.schedules,
            self.fires,
            self.mismatches,
            self.seconds
        )
    }
}

impl Entry for Row {
    const HEADER: &'static str = HEADER;

    fn parse(line: &str) -> Option<Row> {
        let cells = cells(line);
        let [
            _,
            date,
            commit,
            tier,
            seeds,
            programs,
            schedules,
            fires,
            mismatches,
            seconds,
            _,
        ] = cells[..]
        else {
            return None;
        };
        let (ours, generated) = programs.split_once(" + ")?;
        Some(Row {
            date: date.to_owned(),
            commit: commit.to_owned(),
            tier: tier.to_owned(),
            seeds: range(seeds)?,
            programs: (ours.parse().ok()?, generated.parse().ok()?),
            schedules: schedules.parse().ok()?,
            fires: fires.parse().ok()?,
            mismatches: mismatches.parse().ok()?,
            seconds: seconds.parse().ok()?,
        })
    }
}

/// Where the committed ledger is.
pub fn default_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("SCHEDULES.md")
}

/// The first seed that no session in this tier has used.
pub fn next_seed(rows: &[Row], tier: &str) -> u64 {
    let same = rows.iter().filter(|row| row.tier == tier);
    same.map(|row| row.seeds.1).max().unwrap_or(0)
}

/// Sums by tier, one line each, and over all.
pub fn totals(rows: &[Row]) -> String {
    let mut tiers: Vec<&str> = rows.iter().map(|row| row.tier.as_str()).collect();
    tiers.sort_unstable();
    tiers.dedup();
    let line = |name: &str, of: &dyn Fn(&Row) -> bool| {
        let rows = || rows.iter().filter(|row| of(row));
        let sum = |value: fn(&Row) -> u64| rows().map(value).sum::<u64>();
        let (schedules, seconds) = (sum(|row| row.schedules), sum(|row| row.seconds));
        format!(
            "{name}: {} sessions, {} programs, {schedules} schedules ({} a second), {} fires, \
             {} mismatches\n",
            rows().count(),
            sum(|row| row.programs.0 + row.programs.1),
            schedules / seconds.max(1),
            sum(|row| row.fires),
            sum(|row| row.mismatches),
        )
    };
    let lines = tiers
        .iter()
        .map(|&tier| line(tier, &|row| row.tier == tier));
    let mut text: String = lines.collect();
    text.push_str(&line("all", &|_| true));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(tier: &str, seeds: (u64, u64)) -> Row {
        Row {
            date: "2026-01-02".to_owned(),
            commit: "abc1234".to_owned(),
            tier: tier.to_owned(),
            seeds,
            programs: (3, 4),
            schedules: 800,
            fires: 50_000,
            mismatches: 1,
            seconds: 2,
        }
    }

    #[test]
    fn rows_are_read_back_and_add_up() {
        let rows = [
            row("jit", (0, 800)),
            row("osr", (0, 800)),
            row("jit", (896, 1696)),
        ];
        let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
        let text = format!("{HEADER}{text}");
        let read: Vec<Row> = text.lines().filter_map(Row::parse).collect();
        assert_eq!(read, rows);
        assert_eq!(next_seed(&read, "jit"), 1696);
        assert_eq!(next_seed(&read, "interp"), 0);
        assert_eq!(
            totals(&read),
            "jit: 2 sessions, 14 programs, 1600 schedules (400 a second), 100000 fires, 2 mismatches\n\
             osr: 1 sessions, 7 programs, 800 schedules (400 a second), 50000 fires, 1 mismatches\n\
             all: 3 sessions, 21 programs, 2400 schedules (400 a second), 150000 fires, 3 mismatches\n"
        );
    }

    #[test]
    fn the_committed_ledger_is_readable() {
        let text = std::fs::read_to_string(default_path()).expect("a ledger");
        let rows = text.lines().filter_map(Row::parse).count();
        let lines = text.lines().filter(|line| line.starts_with("| 2")).count();
        assert_eq!(rows, lines);
        assert!(text.starts_with(HEADER));
    }
}
