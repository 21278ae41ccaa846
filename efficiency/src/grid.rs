//! Tables of text, and numbers as they stand in them.

use std::fmt;

/// Writes rows of equally many cells: `align` has `<` or `>` for each column. No white space at the ends of lines.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, align: &str, rows: &[Vec<String>]) -> fmt::Result {
    let width = |i: usize| {
        let cells = rows.iter().filter_map(|row| row.get(i));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let columns: Vec<(char, usize)> = align
        .chars()
        .enumerate()
        .map(|(i, side)| (side, width(i)))
        .collect();
    for row in rows {
        let mut line = String::new();
        for (i, (cell, (side, width))) in row.iter().zip(&columns).enumerate() {
            line.push_str(if i > 0 { "  " } else { "" });
            line += &match side {
                '<' => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            };
        }
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}

/// `12,345`.
pub(crate) fn grouped(number: impl fmt::Display) -> String {
    let text = number.to_string();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.as_str()),
    };
    let mut out = sign.to_owned();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Text that a terminal shows as it is: names come from programs, and programs are not trusted.
pub(crate) fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
