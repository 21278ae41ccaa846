//! The first section: what was run, how it ended, totals, and where to look.

use std::fmt::Write as _;

use super::Page;
use super::cell::{Look, grouped, shown};
use super::functions::functions;
use super::json::Json;
use super::sections::facts;
use super::source::share_text;
use crate::coverage::Share;
use crate::escape::html;

/// Functions that the summary shows.
const HOTTEST: usize = 10;

/// How the run ended, in a word or two; empty if the document is of no run.
pub(super) fn badge(document: &Json) -> String {
    let Some(outcome) = document.get("outcome") else {
        return String::new();
    };
    let kind = outcome.get("kind").and_then(Json::text).unwrap_or("?");
    let code = outcome
        .get("code")
        .map(|code| shown(Look::Index, code))
        .unwrap_or_default();
    let class = match (kind, code.as_str()) {
        ("exit", "0") => "good",
        ("exit" | "limit", _) => "fair",
        _ => "bad",
    };
    format!(
        r#"<span class="badge {class}">{} {code}</span>"#,
        html(kind)
    )
}

/// All of it.
pub(super) fn markup(page: &Page) -> String {
    let mut out = run(&page.document);
    out += &tiles(page.analyses());
    let functions = functions(page.analyses());
    if !functions.is_empty() {
        out += "<h3>Hottest functions</h3>\n";
        out += &functions.head("hottest", HOTTEST);
    }
    out += "<h3>Totals of each analysis</h3>\n";
    if page.analyses().entries().is_empty() {
        let _ = writeln!(
            out,
            "<p class=\"note\">No analysis watched this run. <code>probity run {} -o RUN.json MODULE</code> counts all that this \
             page shows.</p>",
            super::RUN_OPTIONS
        );
    }
    for (name, report) in page.analyses().entries() {
        let _ = write!(out, "<h4>{}</h4>\n{}", html(name), facts(name, report));
    }
    out
}

/// What was run, and how it ended.
fn run(document: &Json) -> String {
    let mut out = String::new();
    if let Some(module) = document.get("module") {
        let text = |key: &str| module.get(key).and_then(Json::text).map(html);
        let number = |key: &str| module.get(key).and_then(Json::number).map(grouped);
        let rows = [
            ("file", text("path")),
            ("module", text("name")),
            ("bytes", number("bytes")),
            ("functions", number("functions")),
        ];
        out += "<dl class=\"facts\">";
        for (name, value) in rows
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
        {
            let _ = write!(
                out,
                "<div><dt>{name}</dt><dd data-fact=\"module.{name}\">{value}</dd></div>"
            );
        }
        out += "</dl>\n";
    }
    if let Some(outcome) = document.get("outcome") {
        let message = outcome.get("message").and_then(Json::text).unwrap_or("");
        let backtrace = outcome
            .get("backtrace")
            .map(Json::items)
            .unwrap_or_default();
        let backtrace = backtrace.iter().filter_map(Json::text);
        let lines: Vec<&str> = Some(message)
            .filter(|m| !m.is_empty())
            .into_iter()
            .chain(backtrace)
            .collect();
        if !lines.is_empty() {
            let _ = writeln!(
                out,
                "<pre class=\"outcome\">{}</pre>",
                html(&lines.join("\n"))
            );
        }
    }
    out
}

/// The figures that most ask for first, if the run has them.
fn tiles(analyses: &Json) -> String {
    let fact = |analysis: &str, key: &str| analyses.get(analysis)?.get(key)?.number();
    let first = |places: &[(&str, &str)]| {
        places
            .iter()
            .find_map(|(analysis, key)| fact(analysis, key))
    };
    let share = |covered: &str, total: &str| {
        let share = Share {
            covered: fact("coverage", covered)?,
            total: fact("coverage", total)?,
        };
        share_text(share)
    };
    let two = |analysis: &str, a: &str, b: &str| {
        let (a, b) = (fact(analysis, a)?, fact(analysis, b)?);
        Some(format!(
            "{} <span class=\"dim\">/ {}</span>",
            grouped(a),
            grouped(b)
        ))
    };
    // Of a profile, only those that count instructions.
    let profiled = |analysis: &str| {
        let report = analyses.get(analysis)?;
        let unit = report.get("weight")?.text()?;
        (unit == "instructions")
            .then(|| report.get("total")?.number())
            .flatten()
    };
    let instructions = first(&[
        ("icount", "total"),
        ("hotness", "total"),
        ("opcodes", "total"),
        ("blocks", "total"),
    ]);
    let instructions = instructions
        .or_else(|| profiled("profile"))
        .or_else(|| profiled("fprofile"));
    let tiles = [
        ("instructions", instructions.map(grouped)),
        ("fuel", first(&[("icount", "fuel")]).map(grouped)),
        ("lines executed", share("lines_covered", "lines_total")),
        (
            "functions executed",
            share("source_functions_covered", "source_functions_total")
                .or_else(|| share("functions_covered", "functions_total")),
        ),
        (
            "branches taken / not",
            two("branches", "taken", "not_taken"),
        ),
        (
            "loop iterations",
            first(&[("loops", "iterations")]).map(grouped),
        ),
        ("loads / stores", two("memstats", "loads", "stores")),
    ];
    let mut out = String::new();
    for (name, value) in tiles
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    {
        let _ = write!(
            out,
            "<div class=\"tile\"><dd>{value}</dd><dt>{name}</dt></div>"
        );
    }
    match out.is_empty() {
        true => out,
        false => format!("<dl class=\"tiles\">{out}</dl>\n"),
    }
}
