//! Text for people: aligned columns, hottest rows first, shares, and no more
//! rows than asked for.

use std::cmp::Reverse;
use std::io;

use probity_probes::demangle::demangle;
use unicode_width::UnicodeWidthStr;

use super::table::{AnalysisReport, Column, Fact, Kind, Table, Value};
use super::{OutcomeCode, OutcomeKind, Report};

/// Names longer than this are cut.
const NAME_WIDTH_MAX: usize = 60;
/// Items of a list longer than this are cut.
const LIST_MAX: usize = 8;

pub(super) fn write(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    outcome(report, out)?;
    write_analyses(&report.analyses, out)
}

pub(super) fn write_analyses(
    analyses: &[AnalysisReport],
    out: &mut dyn io::Write,
) -> io::Result<()> {
    for analysis in analyses {
        writeln!(out, "\n== {} ==", analysis.name)?;
        for warning in &analysis.warnings {
            writeln!(out, "warning: {}", printable(warning))?;
        }
        for fact in &analysis.facts {
            writeln!(out, "{}: {}", label(&fact.column), fact_text(fact))?;
        }
        for table in &analysis.tables {
            write_table(analysis, table, out)?;
        }
    }
    Ok(())
}

fn outcome(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    let (module, outcome) = (&report.module, &report.outcome);
    let name = module.path.as_deref().or(module.name.as_deref());
    let code = match &outcome.code {
        OutcomeCode::Number(code) => code.to_string(),
        OutcomeCode::Name(name) => name.clone(),
    };
    let ended = match outcome.kind {
        OutcomeKind::Exit => format!("exited with code {code}"),
        OutcomeKind::Trap => format!("trapped: {code}"),
        OutcomeKind::Limit => format!("ended by its limit: {code}"),
        OutcomeKind::Error => format!("failed: {code}"),
    };
    let module = match name {
        Some(name) => printable(name),
        None => "module".to_owned(),
    };
    writeln!(out, "{module} {ended}")?;
    for line in outcome.message.lines() {
        writeln!(out, "  {}", printable(line))?;
    }
    for frame in &outcome.backtrace {
        writeln!(out, "    {}", printable(frame))?;
    }
    Ok(())
}

fn write_table(
    analysis: &AnalysisReport,
    table: &Table,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let heat = table
        .heat
        .and_then(|name| table.columns.iter().position(|c| c.name == name));
    let share = heat.filter(|_| table.share);
    let heat_of = |row: &Vec<Value>| match heat.map(|at| &row[at]) {
        Some(Value::Number(count)) => *count,
        _ => 0,
    };
    let mut rows: Vec<&Vec<Value>> = table.rows.iter().collect();
    rows.sort_by_key(|row| Reverse(heat_of(row)));
    let total: u128 = rows.iter().map(|row| u128::from(heat_of(row))).sum();
    let top = analysis.top.filter(|_| !table.whole);
    let shown = top.unwrap_or(usize::MAX).min(rows.len());

    let mut lines: Vec<Vec<String>> = Vec::with_capacity(shown + 1);
    let mut head: Vec<String> = table.columns.iter().map(label).collect();
    if let Some(at) = share {
        head.insert(at + 1, "%".to_owned());
    }
    lines.push(head);
    for row in &rows[..shown] {
        let cells = table.columns.iter().zip(row.iter());
        let mut cells: Vec<String> = cells.map(|(c, v)| cell(c.kind, v)).collect();
        if let Some(at) = share {
            let share = heat_of(row) as f64 * 100.0 / (total.max(1) as f64);
            cells.insert(at + 1, format!("{share:.1}"));
        }
        lines.push(cells);
    }
    let mut right: Vec<bool> = table.columns.iter().map(|c| is_number(c.kind)).collect();
    if let Some(at) = share {
        right.insert(at + 1, true);
    }
    writeln!(out, "\n{}", table.name)?;
    if rows.is_empty() {
        return writeln!(out, "  none");
    }
    align(&lines, &right, out)?;
    match rows.len() - shown {
        0 => Ok(()),
        more => writeln!(out, "  ... and {} more", thousands(more as u64)),
    }
}

fn align(lines: &[Vec<String>], right: &[bool], out: &mut dyn io::Write) -> io::Result<()> {
    let width = |column: usize| lines.iter().map(|line| line[column].width()).max();
    let widths: Vec<usize> = (0..right.len()).map(|at| width(at).unwrap_or(0)).collect();
    for line in lines {
        let mut text = String::new();
        for ((cell, &width), &right) in line.iter().zip(&widths).zip(right) {
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            text.push_str("  ");
            match right {
                true => text.extend([padding.as_str(), cell]),
                false => text.extend([cell, padding.as_str()]),
            }
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

fn label(column: &Column) -> String {
    column.name.replace('_', " ")
}

fn is_number(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Text | Kind::Function | Kind::Counts | Kind::Ranges
    )
}

fn fact_text(fact: &Fact) -> String {
    let text = cell(fact.column.kind, &fact.value);
    match fact.column.kind {
        Kind::Percent => text + "%",
        _ => text,
    }
}

fn cell(kind: Kind, value: &Value) -> String {
    match value {
        Value::Number(number) => match kind {
            Kind::Pc => format!("{number:#x}"),
            Kind::Index => number.to_string(),
            _ => thousands(*number),
        },
        Value::Negative(number) => format!("-{}", thousands(number.unsigned_abs())),
        Value::Real(number) => match kind {
            Kind::Number => number.to_string(),
            Kind::Percent => format!("{number:.1}"),
            _ => format!("{number:.2}"),
        },
        Value::Word(word) => (*word).to_owned(),
        Value::Text(text) if kind == Kind::Function => {
            let name = demangle(text).unwrap_or_else(|| text.to_string());
            shorten(&printable(&name))
        }
        Value::Text(text) => printable(text),
        Value::Numbers(numbers) => list(numbers, |number| thousands(*number)),
        Value::Ranges(ranges) => list(ranges, |(first, behind)| format!("{first:#x}-{behind:#x}")),
        Value::Nothing => "-".to_owned(),
    }
}

fn list<T>(items: &[T], text: impl Fn(&T) -> String) -> String {
    let shown: Vec<String> = items.iter().take(LIST_MAX).map(text).collect();
    let more = match items.len().saturating_sub(LIST_MAX) {
        0 => String::new(),
        more => format!(" ... {} more", thousands(more as u64)),
    };
    shown.join(" ") + &more
}

/// Names come from the module: control characters must not reach a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn shorten(name: &str) -> String {
    if name.width() <= NAME_WIDTH_MAX {
        return name.to_owned();
    }
    let kept: String = name.chars().take(NAME_WIDTH_MAX - 3).collect();
    kept + "..."
}

/// 1,234,567
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
