//! What several analyses know of each function, as one table.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::json::Json;
use super::table::{NULL, Table};

/// Analysis, its table by function, and which columns are shown under which name.
type Part = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const PARTS: &[Part] = &[
    (
        "icount",
        "functions",
        &[
            ("static", "operators"),
            ("count", "executed"),
            ("fuel", "fuel"),
        ],
    ),
    ("profile", "functions", PROFILE),
    ("fprofile", "functions", PROFILE),
    ("sample", "functions", PROFILE),
    (
        "coverage",
        "functions",
        &[("covered", "covered"), ("percent", "covered_percent")],
    ),
    (
        "memstats",
        "functions",
        &[
            ("loads", "loads"),
            ("load_bytes", "load_bytes"),
            ("stores", "stores"),
            ("store_bytes", "store_bytes"),
        ],
    ),
];
const PROFILE: &[(&str, &str)] = &[("calls", "calls"), ("self", "self"), ("total", "total")];

/// Module if there are several, index and name.
type Key = (Option<String>, Option<u64>, String);

/// Every function that an analysis has in its table by function.
pub(super) fn functions(analyses: &Json) -> Table<'_> {
    let mut columns: Vec<Arc<str>> = Vec::new();
    let mut indices: HashMap<Key, usize> = HashMap::new();
    let mut rows: Vec<(Key, Vec<Cow<'_, Json>>)> = Vec::new();
    let mut has_profile = false;
    for &(analysis, table, shown) in PARTS {
        let items = analyses.get(analysis).and_then(|report| report.get(table));
        let items = items.map(Json::items).unwrap_or_default();
        // Two profiles of a run would have the same columns.
        let is_profile = shown == PROFILE;
        if items.is_empty() || (is_profile && has_profile) {
            continue;
        }
        has_profile |= is_profile;
        let first = columns.len();
        columns.extend(shown.iter().map(|(_, name)| (*name).into()));
        for item in items {
            let text = |key: &str| item.get(key).and_then(Json::text).map(str::to_owned);
            let index = item.get("index").or_else(|| item.get("func"));
            let key = (
                text("module"),
                index.and_then(Json::number),
                text("name").unwrap_or_default(),
            );
            let at = *indices.entry(key).or_insert_with_key(|key| {
                rows.push((key.clone(), Vec::new()));
                rows.len() - 1
            });
            let cells = &mut rows[at].1;
            if cells.len() > first {
                continue;
            }
            cells.resize(first, NULL);
            let value = |(column, _): &(&str, &str)| item.get(column).map_or(NULL, Cow::Borrowed);
            cells.extend(shown.iter().map(value));
        }
    }
    let has_modules = rows.iter().any(|((module, _, _), _)| module.is_some());
    let mut head: Vec<Arc<str>> = ["module", "index", "name"].map(Arc::from).into();
    if !has_modules {
        head.remove(0);
    }
    head.extend(columns);
    let rows = rows.into_iter().map(|((module, index, name), cells)| {
        let mut row = vec![
            Cow::Owned(module.map_or(Json::Null, Json::Text)),
            Cow::Owned(index.map_or(Json::Null, Json::Number)),
            Cow::Owned(Json::Text(name)),
        ];
        if !has_modules {
            row.remove(0);
        }
        row.extend(cells);
        row
    });
    Table::new(head, rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `b` is in one table only, and the host's function in the other; a function twice in one
    /// table has the cells of the first.
    #[test]
    fn tables_are_joined_by_function() {
        let analyses: Json = serde_json::from_str(
            r#"{"fprofile":{"functions":[{"func":0,"name":"a","calls":9,"self":9,"total":9}]},
                "icount":{"functions":[{"index":0,"name":"a","static":1,"count":5,"fuel":4},
                                       {"index":1,"name":"b","static":2,"count":0,"fuel":0}]},
                "profile":{"functions":[{"func":0,"name":"a","calls":1,"self":5,"total":7},
                                        {"func":0,"name":"a","calls":2,"self":2,"total":2},
                                        {"func":null,"name":"host.f","calls":3,"self":0,"total":0}]}}"#,
        )
        .expect("JSON");
        let markup = functions(&analyses).markup("t", 10);
        let rows: Vec<&str> = markup
            .lines()
            .filter(|line| line.starts_with("<tr><td"))
            .collect();
        assert_eq!(rows.len(), 3, "{markup}");
        let cells = |row: &str| -> Vec<String> {
            let cells = row.split("<td").skip(1);
            cells
                .map(|cell| cell.rsplit('>').next().unwrap_or("").to_owned())
                .collect()
        };
        assert_eq!(cells(rows[0]), ["0", "a", "1", "5", "4", "1", "5", "7"]);
        assert_eq!(cells(rows[1]), ["", "host.f", "", "", "", "3", "0", "0"]);
        assert_eq!(cells(rows[2]), ["1", "b", "2", "0", "0", "", "", ""]);
    }
}
