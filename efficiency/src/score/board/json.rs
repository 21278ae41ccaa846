//! The board as JSON: what is not known is `null`.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Board, Row};
use crate::score::bootstrap::LEVEL;

/// Version of the form.
const SCHEMA: u32 = 1;

pub(super) fn write(board: &Board, out: &mut dyn Write) -> io::Result<()> {
    let columns: Vec<Value> = board
        .columns
        .iter()
        .map(|column| {
            json!({
                "name": column.name,
                "summary": column.summary,
                "origin": column.origin,
                "better": column.better.name(),
            })
        })
        .collect();
    let rows: Vec<Value> = board.rows.iter().map(|row| of_row(board, row)).collect();
    let document = json!({
        "schema": SCHEMA,
        "cost": board.cost,
        "tasks": board.tasks,
        "bootstrap": {
            "resamples": board.bootstrap.resamples,
            "seed": board.bootstrap.seed,
            "level": LEVEL,
        },
        "metrics": columns,
        "models": rows,
        "warnings": board.warnings,
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn of_row(board: &Board, row: &Row) -> Value {
    let scores = board.columns.iter().zip(&row.cells).map(|(column, cell)| {
        let (low, high) = cell.interval.unzip();
        let score = json!({
            "value": cell.value,
            "low": low,
            "high": high,
            "tasks": cell.tasks,
        });
        (column.name.clone(), score)
    });
    json!({
        "model": row.model,
        "tasks": row.tasks,
        "samples": row.samples,
        "judged": row.judged,
        "coverage_percent": row.coverage_percent(),
        "scores": scores.collect::<serde_json::Map<_, _>>(),
    })
}
