//! A source file line by line, with what executed: for pages that show it.

use std::collections::{BTreeMap, BTreeSet};

use crate::coverage::{FileCoverage, SourceBranch};

/// What of a line executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineState {
    NoCode,
    Missed,
    /// But not each way of its branches.
    InPart,
    Executed,
}

/// A line of a file.
pub(crate) struct ShownLine<'t> {
    /// From 1.
    pub number: u32,
    pub state: LineState,
    /// How often it executed, if it has code.
    pub count: Option<u64>,
    /// How many of its ways were taken, and each of them when pointed at; markup.
    pub ways: String,
    /// Empty if the text is not known.
    pub text: &'t str,
}

/// All lines of the text, or those that have code, and `others`.
pub(crate) fn source_lines<'t>(
    file: &FileCoverage,
    text: Option<&'t str>,
    others: impl IntoIterator<Item = u32>,
) -> Vec<ShownLine<'t>> {
    let counts: BTreeMap<u32, u64> = file
        .lines
        .iter()
        .map(|line| (line.line, line.count))
        .collect();
    let mut branches: BTreeMap<u32, Vec<&SourceBranch>> = BTreeMap::new();
    for branch in &file.branches {
        branches.entry(branch.line).or_default().push(branch);
    }
    let last = text.map_or(0, |text| text.lines().count() as u32);
    let texts = text.unwrap_or_default().lines();
    // A file may have become shorter since the module was built.
    let mut beyond: BTreeSet<u32> = counts.keys().copied().chain(others).collect();
    beyond.retain(|&number| number > last);
    let line = |(number, text)| {
        let own = branches.get(&number).map_or(&[][..], Vec::as_slice);
        let taken = |branch: &&SourceBranch| branch.ways.iter().all(|way| way.count > 0);
        let count = counts.get(&number).copied();
        ShownLine {
            number,
            state: match count {
                None => LineState::NoCode,
                Some(0) => LineState::Missed,
                Some(_) if own.iter().all(taken) => LineState::Executed,
                Some(_) => LineState::InPart,
            },
            count,
            ways: ways(own),
            text,
        }
    };
    let beyond = beyond.into_iter().map(|number| (number, ""));
    (1u32..).zip(texts).chain(beyond).map(line).collect()
}

/// How many of a line's ways were taken, and each of them when pointed at.
fn ways(branches: &[&SourceBranch]) -> String {
    let all = branches.iter().flat_map(|branch| &branch.ways);
    let total = all.clone().count();
    if total == 0 {
        return String::new();
    }
    let taken = all.filter(|way| way.count > 0).count();
    let told = branches.iter().map(|branch| {
        let ways = branch.ways.iter().map(|way| match way.to_line {
            0 => format!("{} times on", way.count),
            line => format!("{} times to line {line}", way.count),
        });
        format!(
            "column {}: {}",
            branch.column,
            ways.collect::<Vec<_>>().join(", ")
        )
    });
    let told = told.collect::<Vec<_>>().join("&#10;");
    format!(r#"<abbr title="{told}">{taken}/{total}</abbr>"#)
}
