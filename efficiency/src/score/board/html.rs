//! The board as one page: style and data are in it, its policy forbids every load and script, and names are never markup.

use std::io::{self, Write};

use super::{Board, Cell, Row, shown};
use crate::score::bootstrap::LEVEL;
use crate::score::metric::Better;

const STYLE: &str = include_str!("board.css");

pub(super) fn write(board: &Board, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="color-scheme" content="light dark">
<title>Scores</title>
<style>
{STYLE}</style>
</head>
<body>
<h1>Scores</h1>"#
    )?;
    let cost = match board.cost.is_empty() {
        true => String::new(),
        false => format!(", cost in <code>{}</code>", escape(&board.cost)),
    };
    writeln!(
        out,
        "<p class=\"dim\">{} models, {} tasks{cost}</p>",
        board.rows.len(),
        board.tasks
    )?;
    for warning in &board.warnings {
        writeln!(out, "<p class=\"note\">{}</p>", escape(warning))?;
    }
    table(board, out)?;
    writeln!(out, "<h2>Metrics</h2>\n<dl>")?;
    for column in &board.columns {
        let lower = match column.better {
            Better::Higher => "",
            Better::Lower => "; lower is better",
        };
        writeln!(
            out,
            "<dt>{}</dt><dd>{}{lower} <span class=\"dim\">{}</span></dd>",
            escape(&column.name),
            escape(column.summary),
            escape(column.origin)
        )?;
    }
    writeln!(
        out,
        "</dl>\n<footer>Samples that could not be judged are left out. Below a score is the interval of {:.0} % of {} resamples of \
         the tasks (seed {}), and over how many tasks the score is if not over all that the model has. Probity {}.</footer>\n\
         </body>\n</html>",
        100.0 * LEVEL,
        board.bootstrap.resamples,
        board.bootstrap.seed,
        env!("CARGO_PKG_VERSION")
    )
}

fn table(board: &Board, out: &mut dyn Write) -> io::Result<()> {
    write!(
        out,
        "<div class=\"scroll\"><table>\n<thead><tr><th>model<th class=\"num\">tasks<th class=\"num\">samples<th class=\"num\">judged"
    )?;
    for column in &board.columns {
        write!(
            out,
            "<th class=\"num\" title=\"{}\">{}",
            escape(column.summary),
            escape(&column.name)
        )?;
    }
    writeln!(out, "</thead>\n<tbody>")?;
    let best: Vec<Option<f64>> = (0..board.columns.len()).map(|at| best(board, at)).collect();
    for row in &board.rows {
        write!(
            out,
            "<tr><th scope=\"row\">{}<td class=\"num\">{}/{}<td class=\"num\">{}<td class=\"num\">{:.1} %",
            escape(row.shown()),
            row.tasks,
            board.tasks,
            row.samples,
            row.coverage_percent()
        )?;
        for (cell, best) in row.cells.iter().zip(&best) {
            write!(out, "{}", of_cell(row, cell, *best))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "</tbody>\n</table></div>")
}

/// The best value of a column.
fn best(board: &Board, at: usize) -> Option<f64> {
    let values = board.rows.iter().filter_map(|row| row.cells[at].value);
    match board.columns[at].better {
        Better::Higher => values.max_by(f64::total_cmp),
        Better::Lower => values.min_by(f64::total_cmp),
    }
}

fn of_cell(row: &Row, cell: &Cell, best: Option<f64>) -> String {
    let Some(value) = cell.value else {
        return "<td class=\"num none\">-".to_owned();
    };
    let class = if Some(value) == best { " best" } else { "" };
    let mut text = format!("<td class=\"num{class}\">{}", shown(value));
    let mut small = Vec::new();
    if let Some((low, high)) = cell.interval {
        small.push(format!("{} &ndash; {}", shown(low), shown(high)));
    }
    if cell.tasks != row.tasks {
        small.push(format!("{} tasks", cell.tasks));
    }
    if !small.is_empty() {
        text += &format!("<small>{}</small>", small.join("; "));
    }
    text
}

/// Text as HTML has it, in attributes too.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
