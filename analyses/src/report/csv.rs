//! CSV: one rectangle for the whole document (its form is described in the
//! parent module).

use std::io;

use super::table::{Column, Value};
use super::{AnalysisReport, OutcomeCode, Report};

pub(super) fn write(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    write_analyses(&report.analyses, Some(&run(report)), out)
}

/// With the row about the run, if it is about one.
pub(super) fn write_analyses(
    analyses: &[AnalysisReport],
    run: Option<&[(&'static str, String)]>,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let mut columns: Vec<&str> = Vec::new();
    let mut add = |name: &'static str| {
        if !columns.contains(&name) {
            columns.push(name);
        }
    };
    for analysis in analyses {
        let tables = analysis.tables.iter().flat_map(|table| &table.columns);
        let facts = analysis.facts.iter().map(|fact| &fact.column);
        facts.chain(tables).for_each(|column| add(column.name));
    }
    let run_columns = run.iter().flat_map(|run| run.iter());
    run_columns.for_each(|&(name, _)| add(name));

    let mut writer = ::csv::Writer::from_writer(out);
    let header = ["analysis", "table"];
    writer
        .write_record(header.iter().chain(&columns))
        .map_err(io_error)?;
    let mut record = |analysis: &str, table: &str, cells: &[(&str, String)]| {
        let cell = |wanted: &&str| {
            let cell = cells.iter().find(|(name, _)| name == wanted);
            cell.map_or("", |(_, value)| value)
        };
        let values = columns.iter().map(cell);
        let record = [analysis, table].into_iter().chain(values);
        writer.write_record(record).map_err(io_error)
    };
    if let Some(run) = run {
        record("", "run", run)?;
    }
    for analysis in analyses {
        let summary = analysis.facts.iter().map(|f| cell(&f.column, &f.value));
        let summary: Vec<(&str, String)> = summary.collect();
        if !summary.is_empty() {
            record(analysis.name, "summary", &summary)?;
        }
        for table in &analysis.tables {
            for row in &table.rows {
                let cells = table.columns.iter().zip(row).map(|(c, v)| cell(c, v));
                record(analysis.name, table.name, &cells.collect::<Vec<_>>())?;
            }
        }
    }
    writer.flush()
}

/// Keeps the kind, which callers look at (closed pipe, full disk).
fn io_error(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// The row about the run as a whole.
fn run(report: &Report) -> Vec<(&'static str, String)> {
    let (module, outcome) = (&report.module, &report.outcome);
    let code = match &outcome.code {
        OutcomeCode::Number(code) => code.to_string(),
        OutcomeCode::Name(name) => name.clone(),
    };
    vec![
        ("path", module.path.clone().unwrap_or_default()),
        ("bytes", module.bytes.to_string()),
        ("outcome", outcome.kind.name().to_owned()),
        ("code", code),
        ("message", outcome.message.clone()),
    ]
}

fn cell(column: &Column, value: &Value) -> (&'static str, String) {
    let join = |parts: &mut dyn Iterator<Item = String>| parts.collect::<Vec<_>>().join(" ");
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::Negative(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Word(word) => (*word).to_owned(),
        Value::Text(text) => text.to_string(),
        Value::Numbers(numbers) => join(&mut numbers.iter().map(u64::to_string)),
        Value::Ranges(ranges) => join(&mut ranges.iter().map(|(a, b)| format!("{a}-{b}"))),
        Value::Nothing => String::new(),
    };
    (column.name, text)
}
