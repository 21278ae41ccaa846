//! How values look. A JSON report has no kinds of columns: their names say what is meant, which for analyses that the page
//! does not know is a guess, and never wrong by more than the form.

use std::borrow::Cow;
use std::sync::Arc;

use probity_probes::demangle::demangle;

use super::json::Json;
use crate::escape::html;
pub(super) use crate::report::thousands as grouped;

/// Items of a list longer than this are cut.
const LIST_MAX: usize = 12;
/// Text longer than this is cut: a module may have names of any length.
const TEXT_MAX: usize = 300;

/// Byte offsets in the module.
const PCS: &[&str] = &["pc", "end", "start", "from", "to", "landing"];
/// Numbers that only name something.
const INDICES: &[&str] = &[
    "index", "func", "callee", "line", "column", "node", "parent", "memory", "global", "table",
    "type", "rule", "width", "depth", "tag",
];
/// Names of functions, which the module may have mangled.
const NAMES: &[&str] = &["name", "caller", "callee_name", "function"];

/// What a column's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Pc,
    Index,
    Name,
    Percent,
    Other,
}

impl Look {
    /// By the name of the column.
    pub fn of(column: &str) -> Look {
        let is_one_of = |names: &[&str]| names.contains(&column);
        match () {
            () if is_one_of(PCS) || column.ends_with("_pc") => Look::Pc,
            () if is_one_of(INDICES) => Look::Index,
            () if is_one_of(NAMES) => Look::Name,
            () if column == "percent" || column.ends_with("_percent") => Look::Percent,
            () => Look::Other,
        }
    }

    /// Whether it is a number of events, so that higher is hotter.
    pub fn is_count(self) -> bool {
        self == Look::Other
    }
}

/// A column's name for people, as text reports have it.
pub(super) fn label(column: &str) -> String {
    html(&cut(&column.replace('_', " "), TEXT_MAX))
}

/// A value, as markup.
pub(super) fn shown(look: Look, value: &Json) -> String {
    match (look, value) {
        (_, Json::Null) => String::new(),
        (_, Json::Bool(value)) => if *value { "yes" } else { "no" }.to_owned(),
        (Look::Pc, Json::Number(number)) => format!("{number:#x}"),
        (Look::Index, Json::Number(number)) => number.to_string(),
        (Look::Percent, number) if number.real().is_some() => {
            format!("{:.1} %", number.real().unwrap_or_default())
        }
        (_, Json::Number(number)) => grouped(*number),
        (_, Json::Negative(number)) => format!("-{}", grouped(number.unsigned_abs())),
        (_, Json::Real(number)) if *number == 0.0 || (1e-3..1e15).contains(&number.abs()) => {
            let text = format!("{number:.3}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        (_, Json::Real(number)) => format!("{number:e}"),
        (Look::Name, Json::Text(text)) => html(&readable(text)),
        (_, Json::Text(text)) => html(&cut(text, TEXT_MAX)),
        (look, Json::List(items)) => list(look, items),
        (_, Json::Map(entries)) => {
            let entry = |(key, value): &(Arc<str>, Json)| {
                format!("{}: {}", html(key), shown(Look::of(key), value))
            };
            entries
                .iter()
                .take(LIST_MAX)
                .map(entry)
                .collect::<Vec<_>>()
                .join(", ")
        }
    }
}

fn list(look: Look, items: &[Json]) -> String {
    let item = |item: &Json| match item {
        // A piece of the module.
        Json::List(ends) => match &ends[..] {
            [Json::Number(start), Json::Number(end)] => format!("{start:#x}-{end:#x}"),
            _ => list(look, ends),
        },
        item => shown(look, item),
    };
    let mut parts: Vec<String> = items.iter().take(LIST_MAX).map(item).collect();
    if items.len() > LIST_MAX {
        parts.push(format!(
            "... {} more",
            grouped((items.len() - LIST_MAX) as u64)
        ));
    }
    parts.join(" ")
}

/// A function's name for people.
pub(super) fn readable(name: &str) -> Cow<'_, str> {
    match demangle(name) {
        Some(name) => cut(&name, TEXT_MAX).into_owned().into(),
        None => cut(name, TEXT_MAX),
    }
}

/// No more than so many characters.
pub(super) fn cut(text: &str, chars_max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars_max) {
        None => text.into(),
        Some((end, _)) => format!("{} ...", &text[..end]).into(),
    }
}

/// A share of 100, as markup has it; 0 of nothing.
pub(super) fn share(part: f64, whole: f64) -> f64 {
    match whole > 0.0 && part.is_finite() {
        true => (part * 100.0 / whole).clamp(0.0, 100.0),
        false => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_the_name_of_their_column() {
        let shows = |column: &str, value: &str| {
            let value: Json = serde_json::from_str(value).expect("JSON");
            shown(Look::of(column), &value)
        };
        assert_eq!(shows("pc", "76"), "0x4c");
        assert_eq!(shows("index", "1234"), "1234");
        assert_eq!(
            shows("count", "18446744073709551615"),
            "18,446,744,073,709,551,615"
        );
        assert_eq!(shows("sum", "-1234"), "-1,234");
        assert_eq!(shows("taken_percent", "5.4508"), "5.5 %");
        assert_eq!(shows("average", "3.0"), "3");
        assert_eq!(shows("average", "0.125"), "0.125");
        assert_eq!(shows("count", "0"), "0");
        assert_eq!(shows("name", "\"_ZN3app3runEi\""), "app::run(int)");
        assert_eq!(shows("file", "\"<i>\""), "&lt;i&gt;");
        assert_eq!(
            shows("covered_ranges", "[[76,80],[90,91]]"),
            "0x4c-0x50 0x5a-0x5b"
        );
        assert_eq!(
            shows("targets", "[0,1,2,3,4,5,6,7,8,9,10,11,12]"),
            "0 1 2 3 4 5 6 7 8 9 10 11 ... 1 more"
        );
        assert_eq!(shows("anything", "null"), "");
        assert_eq!(shows("anything", "{\"a\":1000}"), "a: 1,000");
    }
}
