//! Any table of any analysis, hottest rows first, as markup that reads without a script and that one sorts.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write as _;
use std::sync::Arc;

use super::cell::{Look, grouped, label, share, shown};
use super::json::Json;

/// Rows of one table that a page holds.
pub(super) const ROWS_MAX: usize = 1_000;
/// Columns of one table; more are of no analysis.
const COLUMNS_MAX: usize = 100;
/// Of a column that a row does not have.
pub(super) const NULL: Cow<'static, Json> = Cow::Owned(Json::Null);
/// What decides which rows are hottest, the best first.
const HEAT: &[&str] = &[
    "self",
    "inner",
    "count",
    "iterations",
    "covered",
    "load_bytes",
    "entries",
    "executed",
    "total",
    "bytes",
    "accesses",
    "misses",
    "reads",
];

/// Rows of one shape.
pub(super) struct Table<'j> {
    columns: Vec<Arc<str>>,
    rows: Vec<Vec<Cow<'j, Json>>>,
    /// Which column rows are sorted by and have bars in.
    heat: Option<usize>,
}

impl<'j> Table<'j> {
    /// Whether a value of a report is a table.
    pub fn is(value: &Json) -> bool {
        let Json::List(items) = value else {
            return false;
        };
        items.iter().all(|item| matches!(item, Json::Map(_)))
    }

    /// A table of a report; `None` if the value is none.
    pub fn of(value: &'j Json) -> Option<Table<'j>> {
        if !Table::is(value) {
            return None;
        }
        let items = value.items();
        let mut columns: Vec<Arc<str>> = Vec::new();
        let mut rows = Vec::with_capacity(items.len());
        for item in items {
            let entries = item.entries();
            // Those of the rows before, mostly.
            let as_before = entries.len() == columns.len()
                && entries
                    .iter()
                    .zip(&columns)
                    .all(|((key, _), column)| key == column);
            if as_before {
                rows.push(
                    entries
                        .iter()
                        .map(|(_, value)| Cow::Borrowed(value))
                        .collect(),
                );
                continue;
            }
            let mut row = Vec::new();
            for (key, value) in entries {
                let at = columns.iter().position(|column| column == key);
                let at = match at {
                    Some(at) => at,
                    None if columns.len() == COLUMNS_MAX => continue,
                    None => {
                        columns.push(key.clone());
                        columns.len() - 1
                    }
                };
                if row.len() <= at {
                    row.resize(at + 1, NULL);
                }
                row[at] = Cow::Borrowed(value);
            }
            rows.push(row);
        }
        Some(Table::new(columns, rows))
    }

    /// Rows may be short.
    pub fn new(columns: Vec<Arc<str>>, mut rows: Vec<Vec<Cow<'j, Json>>>) -> Table<'j> {
        for row in &mut rows {
            row.resize(columns.len(), NULL);
        }
        let known = HEAT
            .iter()
            .find_map(|heat| columns.iter().position(|name| &**name == *heat));
        let is_count = |&at: &usize| {
            Look::of(&columns[at]).is_count() && rows.iter().any(|row| row[at].real().is_some())
        };
        let heat = known.or_else(|| (0..columns.len()).find(is_count));
        let mut table = Table {
            columns,
            rows,
            heat,
        };
        if let Some(heat) = heat {
            // Stable: what is equally hot stays in the order of the module.
            table.rows.sort_by(|a, b| hotter(&a[heat], &b[heat]));
        }
        table
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// With at most `rows_max` rows; says if there are more.
    pub fn markup(&self, id: &str, rows_max: usize) -> String {
        let mut out = String::new();
        if self.rows.len() > rows_max {
            let by = self.heat.map_or("first", |_| "hottest");
            let (shown, all) = (grouped(rows_max as u64), grouped(self.rows.len() as u64));
            let _ = writeln!(
                out,
                r#"<p class="dim">The {by} {shown} of {all} rows; the JSON report has all.</p>"#
            );
        }
        out + &self.head(id, rows_max)
    }

    /// The first rows.
    pub fn head(&self, id: &str, rows_max: usize) -> String {
        let mut out = String::new();
        let heat = self.heat;
        let hottest = heat.map(|heat| {
            self.rows
                .first()
                .map_or(0.0, |row| row[heat].real().unwrap_or(0.0))
        });
        let looks: Vec<Look> = self.columns.iter().map(|column| Look::of(column)).collect();
        let is_number: Vec<bool> = (0..looks.len()).map(|at| self.is_number(at)).collect();
        let _ = write!(
            out,
            r#"<div class="scroll"><table class="list" id="{id}"><thead><tr>"#
        );
        for (at, column) in self.columns.iter().enumerate() {
            let class = if is_number[at] { r#" class="num""# } else { "" };
            let sorted = if heat == Some(at) {
                r#" aria-sort="descending""#
            } else {
                ""
            };
            let _ = write!(out, "<th scope=\"col\"{class}{sorted}>{}", label(column));
        }
        out += "<tbody>\n";
        for row in self.rows.iter().take(rows_max) {
            out += "<tr>";
            for (at, value) in row.iter().enumerate() {
                let text = shown(looks[at], value);
                if heat == Some(at) {
                    let width = share(value.real().unwrap_or(0.0), hottest.unwrap_or(0.0));
                    let _ = write!(out, r#"<td class="num bar" style="--w:{width:.1}%">{text}"#);
                } else if looks[at] == Look::Percent && is_number[at] {
                    let width = share(value.real().unwrap_or(0.0), 100.0);
                    let _ = write!(
                        out,
                        r#"<td class="num bar part" style="--w:{width:.1}%">{text}"#
                    );
                } else if is_number[at] {
                    let _ = write!(out, r#"<td class="num">{text}"#);
                } else {
                    let name = if looks[at] == Look::Name {
                        r#" class="name""#
                    } else {
                        ""
                    };
                    let _ = write!(out, "<td{name}>{text}");
                }
            }
            out += "\n";
        }
        out += "</table></div>\n";
        out
    }

    fn is_number(&self, at: usize) -> bool {
        let mut values = self
            .rows
            .iter()
            .map(|row| &row[at])
            .filter(|value| ***value != Json::Null);
        values.next().is_some_and(|value| value.real().is_some())
    }
}

/// Highest first, what is no number last.
fn hotter(a: &Json, b: &Json) -> Ordering {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => b.cmp(a),
        _ => match (a.real(), b.real()) {
            (Some(a), Some(b)) => b.total_cmp(&a),
            (a, b) => b.is_some().cmp(&a.is_some()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of other columns, of none, and counts that are no numbers: all are there, hottest first.
    #[test]
    fn rows_of_any_shape() {
        let rows = r#"[{"a":"x","count":1},{"count":3,"b":"<y>"},{},{"count":null,"a":"z"},{"count":18446744073709551615}]"#;
        let rows: Json = serde_json::from_str(rows).expect("JSON");
        let table = Table::of(&rows).expect("a table");
        let columns: Vec<&str> = table.columns.iter().map(|column| &**column).collect();
        assert_eq!(columns, ["a", "count", "b"]);
        let markup = table.markup("t", ROWS_MAX);
        let at = |text: &str| {
            markup
                .find(text)
                .unwrap_or_else(|| panic!("no {text} in {markup}"))
        };
        assert!(
            at("18,446,744,073,709,551,615") < at("&lt;y&gt;") && at("&lt;y&gt;") < at("<td>x")
        );
        assert!(at("<td>x") < at("<td>z"));
        assert_eq!(markup.matches("<tr>").count(), 6);
        let cut = table.markup("t", 2);
        assert!(cut.contains("The hottest 2 of 5 rows"), "{cut}");
        assert_eq!(cut.matches("<tr>").count(), 3);
        assert!(Table::of(&Json::Null).is_none());
        assert!(Table::of(&Json::List(vec![Json::Null])).is_none());
    }
}
