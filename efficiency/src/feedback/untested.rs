//! Statements on lines that no test executes.

use super::shown;
use super::statement::{Fact, Heading, Statement};
use crate::result::SampleResult;

/// Ranges of lines that are listed.
const RANGES_MAX: usize = 6;

/// `lines 14, 20-23 never executed - behaviour there is unchecked`
pub(super) fn untested(result: &SampleResult, out: &mut Vec<Statement>) {
    let Some(coverage) = result.coverage.as_ref().filter(|c| !c.uncovered.is_empty()) else {
        return;
    };
    let ranges = ranges(&coverage.uncovered);
    let is_one_file = ranges.iter().all(|range| range.file == ranges[0].file);
    let all = coverage.uncovered.len() as u64;
    let from = "result#/coverage/uncovered";
    let count = || Fact::count("uncovered", all, shown::count(all), from);
    let short = Statement::new(Heading::Untested, 410)
        .fact(count())
        .words(if all == 1 { " line" } else { " lines" })
        .words(" never executed");
    let mut statement = Statement::new(Heading::Untested, 410);
    let listed = &ranges[..ranges.len().min(RANGES_MAX)];
    statement = statement.words(if all == 1 { "line " } else { "lines " });
    for (i, range) in listed.iter().enumerate() {
        if i > 0 {
            statement = statement.words(", ");
        }
        if !is_one_file && !range.file.is_empty() {
            let file = Fact::text("file", range.file, format!("{from}/{}", range.first.0));
            statement = statement.fact(file).words(":");
        }
        let line = |(index, line): (usize, u32)| {
            let from = format!("{from}/{index}");
            Fact::count("line", line.into(), line.to_string(), from)
        };
        statement = statement.fact(line(range.first));
        if range.last.1 > range.first.1 {
            statement = statement.words("-").fact(line(range.last));
        }
    }
    if ranges.len() > listed.len() {
        statement = statement
            .words(" and others, ")
            .fact(count())
            .words(" in all,");
    }
    let statement = statement.words(" never executed - behaviour there is unchecked");
    out.push(statement.or_short(short));
}

/// Neighbouring lines; each end with its index among the uncovered.
struct Range<'a> {
    file: &'a str,
    first: (usize, u32),
    last: (usize, u32),
}

/// Of `file:line`, in ascending order. What has no line is left out.
fn ranges(uncovered: &[String]) -> Vec<Range<'_>> {
    let lines = uncovered.iter().enumerate().filter_map(|(i, place)| {
        let (file, line) = place.rsplit_once(':')?;
        Some((file, line.parse::<u32>().ok()?, i))
    });
    let mut lines: Vec<_> = lines.collect();
    lines.sort_unstable();
    let mut ranges: Vec<Range<'_>> = Vec::new();
    for (file, line, index) in lines {
        match ranges.last_mut() {
            Some(range) if range.file == file && line <= range.last.1.saturating_add(1) => {
                range.last = (index, line);
            }
            _ => ranges.push(Range {
                file,
                first: (index, line),
                last: (index, line),
            }),
        }
    }
    ranges
}
