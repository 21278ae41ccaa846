//! The ledger: a table in Markdown with one line for each session. Sessions add up, and a session
//! without a given seed goes on behind the seeds that the ledger has for its peer and settings.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// A line of a ledger.
pub trait Entry: fmt::Display + Sized {
    /// What the file begins with: what it is, and the head of the table.
    const HEADER: &'static str;

    /// Reads a line; `None` if it is not one.
    fn parse(line: &str) -> Option<Self>;
}

const HEADER: &str = "\
# Ledger of differential runs

One line for each session of `probity-differential run`, appended by it. A seed and a
configuration give the same case for ever (with the same version of wasm-smith: 0.263).
`unclear` counts modules of which nothing could be said from some call on (out of fuel or
stack, or refused by the peer); `mismatches` counts modules.

| date | commit | peer | configuration | seeds | modules | calls | unclear | mismatches |
|---|---|---|---|---|---|---|---|---|
";

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Day, in UTC.
    pub date: String,
    /// Commit of the sources, `+` if they had changes.
    pub commit: String,
    /// Name and version of the peer.
    pub peer: String,
    /// Profile and features.
    pub configuration: String,
    /// First seed, and the one behind the last.
    pub seeds: (u64, u64),
    /// Modules run.
    pub modules: u64,
    /// Calls compared.
    pub calls: u64,
    /// Modules of which something could not be said.
    pub unclear: u64,
    /// Modules with a mismatch.
    pub mismatches: u64,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.seeds.0, self.seeds.1);
        write!(
            f,
            "| {} | {} | {} | {} | {from}..{to} | {} | {} | {} | {} |",
            self.date,
            self.commit,
            self.peer,
            self.configuration,
            self.modules,
            self.calls,
            self.unclear,
            self.mismatches
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
            peer,
            configuration,
            seeds,
            modules,
            calls,
            unclear,
            mismatches,
            _,
        ] = cells[..]
        else {
            return None;
        };
        Some(Row {
            date: date.to_owned(),
            commit: commit.to_owned(),
            peer: peer.to_owned(),
            configuration: configuration.to_owned(),
            seeds: range(seeds)?,
            modules: modules.parse().ok()?,
            calls: calls.parse().ok()?,
            unclear: unclear.parse().ok()?,
            mismatches: mismatches.parse().ok()?,
        })
    }
}

/// The cells of a line, with an empty one at each end.
pub fn cells(line: &str) -> Vec<&str> {
    line.trim().split('|').map(str::trim).collect()
}

/// Reads `FROM..TO`.
pub fn range(text: &str) -> Option<(u64, u64)> {
    let (from, to) = text.split_once("..")?;
    Some((from.parse().ok()?, to.parse().ok()?))
}

/// Where the committed ledger is.
pub fn default_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("LEDGER.md")
}

/// The sessions so far; none if there is no file yet.
///
/// # Errors
/// The file cannot be read.
pub fn read<E: Entry>(path: &Path) -> io::Result<Vec<E>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.lines().filter_map(E::parse).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Adds a session.
///
/// # Errors
/// The file cannot be written.
pub fn append<E: Entry>(path: &Path, row: &E) -> io::Result<()> {
    let mut text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => E::HEADER.to_owned(),
        other => other?,
    };
    text.push_str(&format!("{row}\n"));
    fs::write(path, text)
}

/// The first seed that no session of this peer and configuration has used.
pub fn next_seed(rows: &[Row], peer: &str, configuration: &str) -> u64 {
    let same = rows
        .iter()
        .filter(|row| row.peer == peer && row.configuration == configuration);
    same.map(|row| row.seeds.1).max().unwrap_or(0)
}

/// Sums by peer, one line each, and over all.
pub fn totals(rows: &[Row]) -> String {
    let mut peers: Vec<&str> = rows.iter().map(|row| row.peer.as_str()).collect();
    peers.sort_unstable();
    peers.dedup();
    let sum = |name: &str, of: &dyn Fn(&Row) -> bool| {
        let rows = rows.iter().filter(|row| of(row));
        let (mut modules, mut calls, mut unclear, mut mismatches, mut sessions) = (0, 0, 0, 0, 0);
        for row in rows {
            modules += row.modules;
            calls += row.calls;
            unclear += row.unclear;
            mismatches += row.mismatches;
            sessions += 1;
        }
        format!(
            "{name}: {sessions} sessions, {modules} modules, {calls} calls, {unclear} unclear, \
             {mismatches} mismatches\n"
        )
    };
    let lines = peers.iter().map(|&peer| sum(peer, &|row| row.peer == peer));
    let mut text: String = lines.collect();
    text.push_str(&sum("all", &|_| true));
    text
}

/// Day of today in UTC.
pub fn today() -> String {
    let mut text = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    text.truncate(10);
    text
}

/// Commit that the sources are at, with `+` for changes; `unknown` without git.
pub fn commit() -> String {
    let git = |args: &[&str]| {
        let output = Command::new("git")
            .args(args)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else {
        return "unknown".to_owned();
    };
    // The ledgers themselves change with every session.
    let ledgers = [":!LEDGER.md", ":!SCHEDULES.md"];
    let sources = ["diff", "--stat", "HEAD", "--", "..", ledgers[0], ledgers[1]];
    match git(&sources) {
        Some(changes) if changes.is_empty() => commit,
        _ => format!("{commit}+"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(peer: &str, seeds: (u64, u64)) -> Row {
        Row {
            date: "2026-01-02".to_owned(),
            commit: "abc1234".to_owned(),
            peer: peer.to_owned(),
            configuration: "mixed wasm2".to_owned(),
            seeds,
            modules: 10,
            calls: 50,
            unclear: 1,
            mismatches: 0,
        }
    }

    #[test]
    fn rows_are_read_back_and_add_up() {
        let rows = [row("a", (0, 12)), row("b", (0, 5)), row("a", (12, 20))];
        let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
        let text = format!("{HEADER}{text}");
        let read: Vec<Row> = text.lines().filter_map(Row::parse).collect();
        assert_eq!(read, rows);
        assert_eq!(next_seed(&read, "a", "mixed wasm2"), 20);
        assert_eq!(next_seed(&read, "b", "mixed wasm2"), 5);
        assert_eq!(next_seed(&read, "b", "mixed wasm2+gc"), 0);
        assert_eq!(
            totals(&read),
            "a: 2 sessions, 20 modules, 100 calls, 2 unclear, 0 mismatches\n\
             b: 1 sessions, 10 modules, 50 calls, 1 unclear, 0 mismatches\n\
             all: 3 sessions, 30 modules, 150 calls, 3 unclear, 0 mismatches\n"
        );
    }

    #[test]
    fn the_committed_ledger_is_readable() {
        let text = fs::read_to_string(default_path()).expect("a ledger");
        let rows = text.lines().filter_map(Row::parse).count();
        let lines = text.lines().filter(|line| line.starts_with("| 2")).count();
        assert_eq!(rows, lines);
        assert!(text.starts_with(HEADER));
    }
}
