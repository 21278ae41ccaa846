//! One page of a run, from its JSON report: what `probity report` writes.
//!
//! The page needs nothing else: style, script and data are in it, its policy forbids every load, and text from the
//! module is never markup. All that is text, tables too, is there without the script; that one sorts, filters, shows one
//! section at a time, and draws the flame graph. An analysis that the page does not know is shown like the others, by its
//! facts and tables.

mod cell;
mod flame;
mod functions;
mod json;
mod sections;
mod source;
mod summary;
mod table;

use std::io::{self, Write};
use std::path::PathBuf;

use crate::coverage::CoverageData;
use crate::escape::{html, json_in_script};
use json::Json;

/// The options of `probity run` whose report has all that the page shows.
pub const RUN_OPTIONS: &str = "-a icount -a profile -a coverage:granularity=line -a loops -a branches -a calls \
-a memstats -a opcodes --format json";

const STYLE: &str = concat!(include_str!("../colours.css"), include_str!("page.css"));
const SCRIPT: &str = include_str!("page.js");
const FLAME_SCRIPT: &str = include_str!("flame.js");

/// A run's report, to be written as a page.
#[derive(Debug)]
pub struct Page {
    document: Json,
    coverage: Option<CoverageData>,
    /// Of the document, for the page's policy.
    hash: blake3::Hash,
    source_dirs: Vec<PathBuf>,
    title: Option<String>,
}

impl Page {
    /// Of a JSON report, as [`Format::Json`](crate::Format::Json) has it; that of
    /// merged coverage, which has no run, too.
    ///
    /// # Errors
    /// If it is no such report; where it is no JSON the message has line and column.
    pub fn from_json(text: &[u8]) -> Result<Page, String> {
        let document: Json = serde_json::from_slice(text).map_err(|e| e.to_string())?;
        match document.get("schema") {
            Some(Json::Number(1)) => {}
            Some(Json::Number(other)) => {
                return Err(format!(
                    "its schema is {other}; this version reads schema 1"
                ));
            }
            _ => return Err("it has no `schema`, so it is no report of a run".to_owned()),
        }
        if !matches!(document.get("analyses"), Some(Json::Map(_))) {
            return Err("it has no `analyses`, so it is no report of a run".to_owned());
        }
        let has_lines = document
            .get("analyses")
            .and_then(|analyses| analyses.get("coverage")?.get("data"))
            .is_some();
        let coverage = has_lines.then(|| CoverageData::from_json(text));
        Ok(Page {
            coverage: coverage.transpose()?,
            hash: blake3::hash(text),
            document,
            source_dirs: Vec::new(),
            title: None,
        })
    }

    /// Directories below which source files are read and shown; none by default, for a module may name any file.
    pub fn source_dirs(&mut self, dirs: Vec<PathBuf>) -> &mut Page {
        self.source_dirs = dirs;
        self
    }

    /// The page's title; the name of the module by default.
    pub fn title(&mut self, title: &str) -> &mut Page {
        self.title = Some(title.to_owned());
        self
    }

    /// Writes the page, as UTF-8.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut out = io::BufWriter::new(out);
        let title = html(&self.shown_title());
        // Nothing that the document says can be a script: it would have to contain its own hash.
        let nonce = &self.hash.to_hex()[..32];
        let flames = sections::flames(self);
        let sections = sections::all(self, &flames);
        write!(
            out,
            r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{STYLE}</style>
</head>
<body>
<header>
<h1>{title}</h1>
{}
<button id="theme" type="button" hidden>Dark</button>
</header>
<nav aria-label="Sections">"#,
            summary::badge(&self.document)
        )?;
        for section in &sections {
            let (id, name) = (section.id, section.name);
            let class = if section.is_missing {
                r#" class="missing""#
            } else {
                ""
            };
            write!(out, r##"<a href="#{id}"{class}>{name}</a>"##)?;
        }
        writeln!(out, "</nav>\n<main>")?;
        for section in &sections {
            let (id, name, markup) = (section.id, section.name, &section.markup);
            writeln!(
                out,
                r#"<section id="{id}" aria-labelledby="{id}-h"><h2 id="{id}-h">{name}</h2>"#
            )?;
            writeln!(out, "{markup}</section>")?;
        }
        let flames = serde_json::to_string(&flames)?;
        writeln!(
            out,
            r#"</main>
<footer>Probity {}. Counts are exact unless a section says otherwise; program counters are byte offsets in the module.</footer>
<script type="application/json" id="flame-data">{}</script>
<script nonce="{nonce}">
{SCRIPT}
{FLAME_SCRIPT}</script>
</body>
</html>"#,
            env!("CARGO_PKG_VERSION"),
            json_in_script(&flames),
        )?;
        out.flush()
    }

    fn analyses(&self) -> &Json {
        self.document.get("analyses").unwrap_or(&Json::Null)
    }

    fn shown_title(&self) -> String {
        if let Some(title) = &self.title {
            return title.clone();
        }
        let module = self.document.get("module");
        let text = |key: &str| module.and_then(|module| module.get(key)?.text());
        match text("path").or_else(|| text("name")) {
            Some(name) => name.rsplit(['/', '\\']).next().unwrap_or(name).to_owned(),
            None => "Report".to_owned(),
        }
    }
}
