//! One page that needs nothing else: totals, files, functions, and the source with its counts.
//! Where no source is known or can be read, functions with the offsets of their code.

use std::io::{self, Write};

use super::{function_shares, shown_name};
use crate::coverage::{
    CoverageData, FileCoverage, FileTotals, FunctionCoverage, ModuleCoverage, Share,
};
use crate::escape::html as escape;
use crate::source_lines::{LineState, source_lines};
use crate::sources;

const STYLE: &str = concat!(
    include_str!("../colours.css"),
    include_str!("html/page.css")
);
const SCRIPT: &str = include_str!("html/page.js");
/// Files are shown at once if there are no more.
const OPEN_FILES_MAX: usize = 8;

pub(super) fn write(coverage: &CoverageData, out: &mut dyn Write) -> io::Result<()> {
    let files = coverage.files();
    writeln!(
        out,
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>Coverage</title>
<style>
{STYLE}</style>
</head>
<body>
<header>
<h1>Coverage</h1>
<input id="filter" type="search" placeholder="filter files" aria-label="filter files">
<button id="theme" type="button">light / dark</button>
<span class="dim">n, p: next and previous line that did not fully execute</span>
</header>"#
    )?;
    list_of_modules(coverage, out)?;
    if !files.is_empty() {
        list_of_files(coverage, &files, out)?;
    }
    let mut texts = Vec::with_capacity(files.len());
    for (at, file) in files.iter().enumerate() {
        let text = sources::text(&coverage.source_dirs, &file.path);
        one_file(coverage, at, file, text.as_deref(), files.len(), out)?;
        texts.push((&*file.path, text.is_some()));
    }
    let readable = |path: &str| texts.contains(&(path, true));
    for module in &coverage.modules {
        if !module.files.iter().any(|file| readable(&file.path)) {
            code(module, out)?;
        }
    }
    writeln!(out, "<script>\n{SCRIPT}</script>\n</body>\n</html>")
}

fn list_of_modules(coverage: &CoverageData, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        r#"<h2>Modules</h2>
<table class="list">
<tr><th>module<th class="num">runs<th class="num">functions called<th class="num">operators executed"#
    )?;
    for module in &coverage.modules {
        let mut called = Share::default();
        let mut operators = Share::default();
        for (function, share) in function_shares(module) {
            called.total += 1;
            called.covered += u64::from(function.entries > 0);
            operators = operators.plus(share);
        }
        writeln!(
            out,
            r#"<tr><td>{}<td class="num">{}{}{}"#,
            escape(name_of(module)),
            module.runs,
            cell(called),
            cell(operators),
        )?;
    }
    writeln!(out, "</table>")
}

fn list_of_files(
    coverage: &CoverageData,
    files: &[FileCoverage],
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(
        out,
        r#"<h2>Files</h2>
<table class="list" id="files">
<tr><th>file<th class="num">lines<th class="num">functions<th class="num">branches"#
    )?;
    let mut sum = FileTotals::default();
    for (at, file) in files.iter().enumerate() {
        let totals = file.totals();
        sum = sum.plus(totals);
        let (path, name) = (escape(&file.path), escape(shown(coverage, &file.path)));
        writeln!(
            out,
            r##"<tr data-path="{path}"><td><a href="#f{at}" title="{path}">{name}</a>{}"##,
            cells(&totals)
        )?;
    }
    writeln!(out, r#"<tr class="sum"><td>total{}"#, cells(&sum))?;
    writeln!(out, "</table>")
}

fn one_file(
    coverage: &CoverageData,
    at: usize,
    file: &FileCoverage,
    text: Option<&str>,
    files: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (path, name) = (escape(&file.path), escape(shown(coverage, &file.path)));
    let open = if files <= OPEN_FILES_MAX { " open" } else { "" };
    let lines = share_text(file.totals().lines);
    writeln!(
        out,
        r#"<details id="f{at}" data-path="{path}"{open}>
<summary title="{path}"><b>{name}</b> <span class="dim">{lines} lines</span></summary>
<div class="inner">"#
    )?;
    if !file.functions.is_empty() {
        writeln!(
            out,
            r#"<details><summary>functions</summary><div class="inner">"#
        )?;
        writeln!(
            out,
            r#"<table class="list"><tr><th>function<th class="num">line<th class="num">entered"#
        )?;
        for function in &file.functions {
            writeln!(
                out,
                r##"<tr><td>{}<td class="num"><a href="#f{at}l{line}">{line}</a>{}"##,
                escape(&function.name),
                count_cell(function.count),
                line = function.line,
            )?;
        }
        writeln!(out, "</table></div></details>")?;
    }
    if text.is_none() {
        writeln!(
            out,
            r#"<p class="dim">&ensp;the file cannot be read here: its lines that have code</p>"#
        )?;
    }
    source(at, file, text, out)?;
    writeln!(out, "</div>\n</details>")
}

/// All lines of the text, or those that have code.
fn source(
    at: usize,
    file: &FileCoverage,
    text: Option<&str>,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, r#"<table class="source">"#)?;
    for line in source_lines(file, text, []) {
        let (number, ways, text) = (line.number, line.ways, escape(line.text));
        let class = match line.state {
            LineState::NoCode => "",
            LineState::Missed => r#" class="miss""#,
            LineState::Executed => r#" class="hit""#,
            LineState::InPart => r#" class="part""#,
        };
        let count = line.count.map_or(String::new(), |count| count.to_string());
        writeln!(
            out,
            r#"<tr id="f{at}l{number}"{class}><td>{number}<td>{count}<td>{ways}<td>{text}"#
        )?;
    }
    writeln!(out, "</table>")
}

/// A module by function and offset.
fn code(module: &ModuleCoverage, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        r#"<h2>{}</h2>
<table class="list">
<tr><th>function<th class="num">index<th class="num">entered<th class="num">operators executed<th>code"#,
        escape(name_of(module))
    )?;
    for (function, share) in function_shares(module) {
        writeln!(
            out,
            r#"<tr data-path="{name}"><td>{name}<td class="num">{}{}{}<td>{}"#,
            function.index,
            count_cell(function.entries),
            cell(share),
            offsets(function),
            name = escape(&shown_name(function)),
        )?;
    }
    writeln!(out, "</table>")
}

/// What executed how often of a function's code, folded.
fn offsets(function: &FunctionCoverage) -> String {
    let (Some(first), Some(last)) = (function.pieces.first(), function.pieces.last()) else {
        return String::new();
    };
    let mut text = format!(
        r#"<details><summary>{:#x}-{:#x}</summary><div class="inner"><table class="source">"#,
        first.start, last.end
    );
    for piece in &function.pieces {
        let class = if piece.count > 0 { "hit" } else { "miss" };
        let inside =
            |branch: &&crate::coverage::OffsetBranch| (piece.start..piece.end).contains(&branch.pc);
        let branches = function.branches.iter().filter(inside).map(|branch| {
            let ways: Vec<String> = branch.ways.iter().map(u64::to_string).collect();
            format!("branch {:#x}: {}", branch.pc, ways.join(" / "))
        });
        let branches = branches.collect::<Vec<_>>().join("\n");
        text += &format!(
            "<tr class=\"{class}\"><td>{:#x}<td>{:#x}<td>{}<td>{branches}",
            piece.start, piece.end, piece.count
        );
    }
    text + "</table></div></details>"
}

fn name_of(module: &ModuleCoverage) -> &str {
    let name = module.path.as_deref().or(module.name.as_deref());
    name.unwrap_or("module")
}

fn shown<'p>(coverage: &CoverageData, path: &'p str) -> &'p str {
    sources::relative(&coverage.source_dirs, path).map_or(path, |(_, rest)| rest)
}

fn cells(totals: &FileTotals) -> String {
    [totals.lines, totals.functions, totals.branches]
        .map(cell)
        .concat()
}

fn cell(share: Share) -> String {
    match share.percent() {
        None => r#"<td class="num none">-"#.to_owned(),
        Some(percent) => format!(
            r#"<td class="num">{} <meter min="0" max="100" low="50" high="80" optimum="100" value="{percent:.1}"></meter>"#,
            share_text(share)
        ),
    }
}

fn share_text(share: Share) -> String {
    let (covered, total) = (share.covered, share.total);
    match share.percent() {
        Some(percent) => format!("{covered}/{total} {percent:.1}%"),
        None => "no".to_owned(),
    }
}

fn count_cell(count: u64) -> String {
    let zero = if count == 0 { " zero" } else { "" };
    format!(r#"<td class="num{zero}">{count}"#)
}
