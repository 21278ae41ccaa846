//! What is where on the page.

use std::fmt::Write as _;

use super::Page;
use super::cell::{Look, grouped, label, shown};
use super::flame::Flame;
use super::functions::functions;
use super::json::Json;
use super::source::Source;
use super::summary;
use super::table::{ROWS_MAX, Table};
use crate::escape::html;

/// A part of the page with a heading and a link to it.
pub(super) struct Section {
    pub id: &'static str,
    pub name: &'static str,
    pub markup: String,
    /// The run did not find out what it shows.
    pub is_missing: bool,
}

/// A section of analyses: those that belong there, and the option that gives it something to show.
struct Place {
    id: &'static str,
    name: &'static str,
    analyses: &'static [&'static str],
    option: &'static str,
    what: &'static str,
}

const FLAME: Place = Place {
    id: "flame",
    name: "Flame graph",
    analyses: &["profile", "sample"],
    option: "-a profile",
    what: "call tree",
};
const SOURCE: Place = Place {
    id: "source",
    name: "Source",
    analyses: &["coverage"],
    option: "-a coverage:granularity=line",
    what: "counts of source lines",
};
const FUNCTIONS: Place = Place {
    id: "functions",
    name: "Functions",
    analyses: &["icount", "fprofile", "calls"],
    option: "-a icount",
    what: "counts of functions",
};
const OTHERS: &[Place] = &[
    Place {
        id: "loops",
        name: "Loops",
        analyses: &["loops"],
        option: "-a loops",
        what: "counts of loops",
    },
    Place {
        id: "branches",
        name: "Branches",
        analyses: &["branches", "control", "blocks"],
        option: "-a branches",
        what: "counts of branches",
    },
    Place {
        id: "memory",
        name: "Memory",
        analyses: &[
            "memstats",
            "memory",
            "cache",
            "heap",
            "allocations",
            "globals",
        ],
        option: "-a memstats",
        what: "counts of loads and stores",
    },
    Place {
        id: "opcodes",
        name: "Opcodes",
        analyses: &["opcodes", "hotness"],
        option: "-a opcodes",
        what: "counts of opcodes",
    },
];

/// Every section, in the order of the page.
pub(super) fn all(page: &Page, flames: &[Flame]) -> Vec<Section> {
    let mut sections = vec![
        Section {
            id: "summary",
            name: "Summary",
            markup: summary::markup(page),
            is_missing: false,
        },
        flame(page, flames),
        source(page),
        by_function(page),
    ];
    sections.extend(OTHERS.iter().map(|place| {
        let markup = analyses_of(page, place);
        place.section(markup)
    }));
    let placed = |name: &str| {
        let places = [&FLAME, &SOURCE, &FUNCTIONS].into_iter().chain(OTHERS);
        places
            .into_iter()
            .any(|place| place.analyses.contains(&name))
    };
    let others = page
        .analyses()
        .entries()
        .iter()
        .filter(|(name, _)| !placed(name));
    let markup: String = others
        .map(|(name, report)| analysis(name, report))
        .collect();
    if !markup.is_empty() {
        sections.push(Section {
            id: "other",
            name: "Other",
            markup,
            is_missing: false,
        });
    }
    sections
}

/// The call trees of the run.
pub(super) fn flames(page: &Page) -> Vec<Flame> {
    let analyses = page.analyses().entries().iter();
    analyses
        .filter_map(|(name, report)| Flame::of(name, report))
        .collect()
}

impl Place {
    /// Says how to get it if it is empty.
    fn section(&self, markup: String) -> Section {
        let is_missing = markup.is_empty();
        Section {
            id: self.id,
            name: self.name,
            markup: if is_missing { self.missing() } else { markup },
            is_missing,
        }
    }

    fn missing(&self) -> String {
        let Place { what, option, .. } = self;
        format!(
            "<p class=\"note\">This run has no {what}. <code>probity run {option} --format json -o RUN.json MODULE</code> counts them.</p>\n"
        )
    }
}

fn analyses_of(page: &Page, place: &Place) -> String {
    let analyses = page.analyses().entries().iter();
    let own = analyses.filter(|(name, _)| place.analyses.contains(&&**name));
    own.map(|(name, report)| analysis(name, report)).collect()
}

fn flame(page: &Page, flames: &[Flame]) -> Section {
    let tables = analyses_of(page, &FLAME);
    let mut markup = String::new();
    if flames.is_empty() {
        markup += &FLAME.missing();
    }
    for flame in flames {
        let (sum, analysis) = (grouped(flame.sum()), html(&flame.analysis));
        let unit = html(&flame.unit);
        let _ = writeln!(
            markup,
            r#"<p class="dim"><b>{analysis}</b>: <span data-flame-total="{analysis}">{sum}</span> {unit}"#
        );
        if flame.is_sampled {
            markup += ", by samples\n";
        }
        if flame.left_out > 0 {
            let left_out = grouped(flame.left_out as u64);
            let _ = writeln!(markup, "; the lightest {left_out} nodes are not drawn");
        }
        markup += "</p>\n";
    }
    if !flames.is_empty() {
        markup += include_str!("flame.html");
    }
    markup += &tables;
    Section {
        id: FLAME.id,
        name: FLAME.name,
        markup,
        is_missing: flames.is_empty(),
    }
}

fn source(page: &Page) -> Section {
    let profiles = ["profile", "fprofile", "sample"];
    let mut profiles = profiles
        .iter()
        .filter_map(|&name| Some((name, page.analyses().get(name)?)));
    let has_lines = |(_, report): &(&str, &Json)| {
        report
            .get("lines")
            .is_some_and(|lines| !lines.items().is_empty())
    };
    let source = Source::new(page.coverage.as_ref(), profiles.find(has_lines));
    let mut markup = String::new();
    if !source.has_counts() {
        let has_none = page.coverage.is_some() && source.is_empty();
        markup += &match has_none {
            true => "<p class=\"note\">The module does not say what its source is: build it with debug information \
                (<code>-g</code>, or <code>debug = \"line-tables-only\"</code>), or give <code>probity run</code> a \
                <code>--source-map</code>.</p>\n"
                .to_owned(),
            false => SOURCE.missing(),
        };
    }
    if !source.is_empty() {
        if !source.has_weights() {
            markup += "<p class=\"dim\">With <code>-a profile</code>, the weight of each line is here too.</p>\n";
        }
        markup += &source.markup(&page.source_dirs);
    }
    markup += &analyses_of(page, &SOURCE);
    Section {
        id: SOURCE.id,
        name: SOURCE.name,
        markup,
        is_missing: source.is_empty(),
    }
}

fn by_function(page: &Page) -> Section {
    let all = functions(page.analyses());
    let mut markup = String::new();
    if !all.is_empty() {
        markup += &all.markup("all-functions", ROWS_MAX);
    }
    markup += &analyses_of(page, &FUNCTIONS);
    FUNCTIONS.section(markup)
}

/// All of an analysis: facts, warnings, tables.
fn analysis(name: &str, report: &Json) -> String {
    let mut out = format!("<h3>{}</h3>\n", html(name));
    out += &facts(name, report);
    for warning in report.get("warnings").map(Json::items).unwrap_or_default() {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", shown(Look::Other, warning));
    }
    for (key, value) in report.entries() {
        if is_apart(key) {
            continue;
        }
        let Some(table) = Table::of(value) else {
            continue;
        };
        let _ = writeln!(out, "<h4>{}</h4>", label(key));
        match table.is_empty() {
            true => out += "<p class=\"dim\">none</p>\n",
            false => out += &table.markup(&html(&format!("{name}-{key}")), ROWS_MAX),
        }
    }
    out
}

/// What is neither fact nor table: `data` is for programs.
fn is_apart(key: &str) -> bool {
    matches!(key, "warnings" | "data")
}

/// The single values of an analysis.
pub(super) fn facts(name: &str, report: &Json) -> String {
    let mut out = String::new();
    for (key, value) in report.entries() {
        if is_apart(key) || Table::is(value) {
            continue;
        }
        let (value, name) = match value {
            Json::Null => ("-".to_owned(), html(name)),
            value => (shown(Look::of(key), value), html(name)),
        };
        let _ = write!(
            out,
            "<div><dt>{}</dt><dd data-fact=\"{name}.{}\">{value}</dd></div>",
            label(key),
            html(key)
        );
    }
    match out.is_empty() {
        true => out,
        false => format!("<dl class=\"facts\">{out}</dl>\n"),
    }
}
