//! Text for people: what of each file executed, and what did not.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::{function_shares, one_line, shown_name};
use crate::coverage::{CoverageData, FileCoverage, FileTotals, Share};
use crate::sources;

pub(super) fn write(coverage: &CoverageData, out: &mut dyn Write) -> io::Result<()> {
    let files = coverage.files();
    if !files.is_empty() {
        let mut sum = FileTotals::default();
        let mut rows = vec![["lines", "functions", "branches", "file"].map(str::to_owned)];
        for file in &files {
            let totals = file.totals();
            sum = sum.plus(totals);
            rows.push(row(&totals, &shown(coverage, &file.path)));
        }
        rows.push(row(&sum, "total"));
        align(&rows, out)?;
        let mut missed = files
            .iter()
            .filter(|f| f.totals().lines.covered < f.totals().lines.total);
        if let Some(first) = missed.next() {
            writeln!(out, "\nlines that did not execute")?;
            for file in std::iter::once(first).chain(missed) {
                writeln!(out, "{}: {}", shown(coverage, &file.path), missing(file))?;
            }
        }
    }
    for module in coverage
        .modules
        .iter()
        .filter(|module| module.files.is_empty())
    {
        let name = module.path.as_deref().or(module.name.as_deref());
        writeln!(
            out,
            "{}: no source lines are known",
            one_line(name.unwrap_or("module"))
        )?;
        let mut rows = vec![["operators", "entries", "function", ""].map(str::to_owned)];
        let mut sum = Share::default();
        for (function, share) in function_shares(module) {
            sum = sum.plus(share);
            let name = format!("{} {}", function.index, one_line(&shown_name(function)));
            rows.push([
                text(share),
                function.entries.to_string(),
                name,
                String::new(),
            ]);
        }
        rows.push([text(sum), String::new(), "total".to_owned(), String::new()]);
        align(&rows, out)?;
    }
    Ok(())
}

fn row(totals: &FileTotals, name: &str) -> [String; 4] {
    [
        text(totals.lines),
        text(totals.functions),
        text(totals.branches),
        name.to_owned(),
    ]
}

/// As short as it can be found by.
fn shown(coverage: &CoverageData, path: &str) -> String {
    let short = sources::relative(&coverage.source_dirs, path).map_or(path, |(_, rest)| rest);
    one_line(short).into_owned()
}

fn text(share: Share) -> String {
    match share.percent() {
        Some(percent) => format!("{}/{} {percent:5.1}%", share.covered, share.total),
        None => "-".to_owned(),
    }
}

/// Lines that did not execute, neighbours joined where no line that did is between them.
fn missing(file: &FileCoverage) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    let mut joined = false;
    for line in &file.lines {
        if line.count > 0 {
            joined = false;
            continue;
        }
        match ranges.last_mut() {
            Some(last) if joined => last.1 = line.line,
            _ => ranges.push((line.line, line.line)),
        }
        joined = true;
    }
    let ranges = ranges.into_iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    ranges.collect::<Vec<_>>().join(" ")
}

/// Numbers at the right of their columns, the last column at the left.
fn align(rows: &[[String; 4]], out: &mut dyn Write) -> io::Result<()> {
    let is_text = |column: usize| rows[0][column] == "file" || rows[0][column] == "function";
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = rows
                .iter()
                .map(|row| row[column].width())
                .max()
                .unwrap_or(0);
            let padding = " ".repeat(width - cell.width());
            match is_text(column) {
                true => line.extend(["  ", cell, &padding]),
                false => line.extend(["  ", &padding, cell]),
            }
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
