//! A comparison as text.

use std::fmt;

use super::{Comparison, Delta, Key, SampleComparison};
use crate::grid::{grouped, printable, write as write_table};
use crate::{Column, Status};

/// A comparison, to be written.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// What is written.
    pub comparison: &'a Comparison,
    /// Which cost is shown of tests and in the overview.
    pub column: Column,
    /// Functions, lines and loops shown of a sample.
    pub top: usize,
    /// Whether samples are shown in detail that are not the only one.
    pub has_details: bool,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Comparison {
            samples,
            only_before,
            only_after,
            ..
        } = self.comparison;
        let has_overview = samples.len() != 1;
        if has_overview {
            self.write_overview(f)?;
        }
        for (i, sample) in samples.iter().enumerate() {
            if !has_overview || self.has_details {
                writeln!(
                    f,
                    "{}{}",
                    if has_overview || i > 0 { "\n" } else { "" },
                    printable(&sample.key.to_string())
                )?;
                self.write_sample(&sample.comparison, f)?;
            }
        }
        write_keys("only before", only_before, f)?;
        write_keys("only after", only_after, f)
    }
}

impl Shown<'_> {
    fn write_overview(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let samples = &self.comparison.samples;
        if samples.is_empty() {
            return writeln!(f, "no sample is in both");
        }
        let mut rows = vec![head("sample", self.column)];
        rows[0].push("status".to_owned());
        for sample in samples {
            let comparison = &sample.comparison;
            let mut row = vec![printable(&sample.key.to_string())];
            row.extend(cells(comparison.cost(self.column)));
            row.push(status(Some(comparison.before), Some(comparison.after)));
            rows.push(row);
        }
        write_table(f, "<>>>><", &rows)?;
        let changed = samples
            .iter()
            .filter(|sample| sample.comparison.is_changed());
        writeln!(
            f,
            "{} of {} samples changed",
            changed.count(),
            samples.len()
        )
    }

    fn write_sample(&self, sample: &SampleComparison, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let module = if sample.is_same_module {
            ", the same module"
        } else {
            ""
        };
        let ended = status(Some(sample.before), Some(sample.after));
        writeln!(f, "status: {ended}{module}")?;
        for warning in &sample.warnings {
            writeln!(f, "warning: {}", printable(warning))?;
        }
        if let (Some(before), Some(after)) = (&sample.growth_before, &sample.growth_after) {
            let change = match before == after {
                true => before.clone(),
                false => format!("{before} -> {after}"),
            };
            writeln!(f, "growth: {}", printable(&change))?;
        }
        if !sample.costs.is_empty() {
            let mut rows = vec![head("cost", "")];
            rows.extend(sample.costs.iter().map(|cost| {
                let mut row = vec![cost.column.to_string()];
                row.extend(cells(cost.delta));
                row
            }));
            writeln!(f)?;
            write_table(f, "<>>>>", &rows)?;
        }
        self.write_tests(sample, f)?;
        self.write_places(sample, f)
    }

    fn write_tests(&self, sample: &SampleComparison, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if sample.tests.is_empty() {
            return Ok(());
        }
        let mut rows = vec![head("test", self.column)];
        rows[0].push("status".to_owned());
        for test in &sample.tests {
            let size = test
                .size
                .map_or(String::new(), |size| format!(" (n={size})"));
            let found = test.costs.iter().find(|cost| cost.column == self.column);
            let mut row = vec![printable(&format!("{}{size}", test.id))];
            row.extend(cells(found.map_or(Delta::default(), |cost| cost.delta)));
            row.push(status(test.before, test.after));
            rows.push(row);
        }
        writeln!(f)?;
        write_table(f, "<>>>><", &rows)
    }

    fn write_places(&self, sample: &SampleComparison, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let functions = sample.functions.iter().map(|function| {
            let mut row = vec![printable(&function.name)];
            row.extend(cells(function.instr));
            row
        });
        self.write_list("function", "instr", functions, f)?;
        let lines = sample.lines.iter().map(|line| {
            let mut row = vec![place(&line.file, line.line_before, line.line_after)];
            row.extend(cells(line.instr));
            row.push(printable(&line.text));
            row
        });
        self.write_list("line", "instr", lines, f)?;
        let loops = sample.loops.iter().map(|l| {
            let mut row = vec![place(&l.function, l.line_before, l.line_after)];
            row.extend(cells(l.trips));
            row
        });
        self.write_list("loop", "trips", loops, f)
    }

    fn write_list(
        &self,
        what: &str,
        number: &str,
        rows: impl ExactSizeIterator<Item = Vec<String>>,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let more = rows.len().saturating_sub(self.top);
        let mut table = vec![head(what, number)];
        table.extend(rows.take(self.top));
        if table.len() == 1 {
            return Ok(());
        }
        writeln!(f)?;
        write_table(f, "<>>>><", &table)?;
        if more > 0 {
            writeln!(f, "... and {more} more")?;
        }
        Ok(())
    }
}

fn head(what: &str, number: impl fmt::Display) -> Vec<String> {
    let number = number.to_string();
    let space = if number.is_empty() { "" } else { " " };
    let before = format!("{number}{space}before");
    [what, &before, "after", "change", "%"]
        .map(str::to_owned)
        .to_vec()
}

/// Before, after, change, percent.
fn cells(delta: Delta) -> [String; 4] {
    let number = |number: Option<u64>| number.map_or("-".to_owned(), grouped);
    let change = match delta.change() {
        None => String::new(),
        Some(change) if change > 0 => format!("+{}", grouped(change)),
        Some(change) => grouped(change),
    };
    [
        number(delta.before),
        number(delta.after),
        change,
        delta.percent().map_or(String::new(), percent),
    ]
}

/// With a sign; what is not 0 never looks like 0.
pub(super) fn percent(percent: f64) -> String {
    match percent {
        0.0 => "0".to_owned(),
        p if p.abs() < 0.05 => format!("{p:+.1e}"),
        p => format!("{p:+.1}"),
    }
}

fn status(before: Option<Status>, after: Option<Status>) -> String {
    let name = |status: Option<Status>| status.map_or("-", Status::name);
    if before == after {
        name(before).to_owned()
    } else {
        format!("{} -> {}", name(before), name(after))
    }
}

/// `main.cpp:12`, or `main.cpp:12 -> 14`.
fn place(name: &str, before: Option<u32>, after: Option<u32>) -> String {
    let name = printable(name);
    match (before, after) {
        (Some(before), Some(after)) if before != after => format!("{name}:{before} -> {after}"),
        (Some(line), _) | (None, Some(line)) => format!("{name}:{line}"),
        (None, None) => name,
    }
}

fn write_keys(what: &str, keys: &[Key], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    keys.iter()
        .try_for_each(|key| writeln!(f, "{what}: {}", printable(&key.to_string())))
}
