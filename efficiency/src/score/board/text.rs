//! The board as a table of aligned columns.

use std::io::{self, Write};

use super::{Board, Cell, shown};
use crate::score::bootstrap::LEVEL;
use crate::score::metric::Better;

pub(super) fn write(board: &Board, out: &mut dyn Write) -> io::Result<()> {
    let mut table = vec![head(board)];
    for row in &board.rows {
        let mut cells = vec![
            printable(row.shown()),
            format!("{}/{}", row.tasks, board.tasks),
            row.samples.to_string(),
            format!("{:.1}%", row.coverage_percent()),
        ];
        cells.extend(row.cells.iter().map(|cell| cell_text(cell, row.tasks)));
        table.push(cells);
    }
    let widths: Vec<usize> = (0..table[0].len())
        .map(|at| table.iter().map(|row| row[at].chars().count()).max())
        .map(|width| width.unwrap_or(0))
        .collect();
    for row in &table {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            match at {
                0 => line += &format!("{cell:width$}"),
                _ => line += &format!("  {cell:>width$}"),
            }
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    if board.rows.is_empty() {
        writeln!(out, "no samples")?;
    }
    writeln!(out)?;
    notes(board, out)
}

fn head(board: &Board) -> Vec<String> {
    let mut head: Vec<String> = ["model", "tasks", "samples", "judged"]
        .map(str::to_owned)
        .into();
    head.extend(board.columns.iter().map(|column| column.name.clone()));
    head
}

/// The value, its interval, and over how many tasks if not over all that the model has.
fn cell_text(cell: &Cell, tasks: usize) -> String {
    let Some(value) = cell.value else {
        return "-".to_owned();
    };
    let mut text = shown(value);
    if let Some((low, high)) = cell.interval {
        text += &format!(" [{}, {}]", shown(low), shown(high));
    }
    if cell.tasks != tasks {
        text += &format!(" ({})", cell.tasks);
    }
    text
}

fn notes(board: &Board, out: &mut dyn Write) -> io::Result<()> {
    let width = board.columns.iter().map(|c| c.name.chars().count()).max();
    let width = width.unwrap_or(0);
    for column in &board.columns {
        let lower = match column.better {
            Better::Higher => "",
            Better::Lower => "; lower is better",
        };
        writeln!(
            out,
            "{:width$}  {}{lower}  [{}]",
            column.name, column.summary, column.origin
        )?;
    }
    if !board.cost.is_empty() {
        writeln!(out, "cost: {}", board.cost)?;
    }
    let has_intervals = board.rows.iter().flat_map(|row| &row.cells);
    if has_intervals.clone().any(|cell| cell.interval.is_some()) {
        writeln!(
            out,
            "[low, high]: {:.0} % of {} resamples of the tasks (seed {})",
            100.0 * LEVEL,
            board.bootstrap.resamples,
            board.bootstrap.seed
        )?;
    }
    let partial = |row: &super::Row| {
        row.cells
            .iter()
            .any(|c| c.value.is_some() && c.tasks != row.tasks)
    };
    if board.rows.iter().any(partial) {
        writeln!(
            out,
            "(n): over n tasks only; the others lack what the metric needs"
        )?;
    }
    for warning in &board.warnings {
        writeln!(out, "warning: {}", printable(warning))?;
    }
    Ok(())
}

/// Names come from files that are not trusted: a terminal sees no control characters of them.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
