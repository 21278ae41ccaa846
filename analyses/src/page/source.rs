//! The source with what executed and where the weight is.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::cell::{cut, grouped, share};
use super::json::Json;
use crate::coverage::{CoverageData, FileCoverage, Share};
use crate::escape::html;
use crate::source_lines::{LineState, ShownLine, source_lines};
use crate::sources;

/// Lines of all files that a page holds.
const LINES_MAX: usize = 30_000;
/// Longer lines are for machines.
const COLUMNS_MAX: usize = 400;
/// Files are shown at once if there are no more.
const OPEN_FILES_MAX: usize = 3;

/// Source files with their counts, weights, or both.
#[derive(Default)]
pub(super) struct Source {
    /// The heaviest first.
    files: Vec<File>,
    has_counts: bool,
    /// The analysis that weights are of, and what they are numbers of.
    weights: Option<(String, String)>,
    weight_max: u64,
    weight_sum: u64,
}

#[derive(Default)]
struct File {
    coverage: FileCoverage,
    weights: BTreeMap<u32, u64>,
    /// That of code at no line, too.
    weight: u64,
}

impl Source {
    /// Of a run's coverage, if it was collected, and of the profile `report` of `analysis`.
    pub fn new(coverage: Option<&CoverageData>, profile: Option<(&str, &Json)>) -> Source {
        let mut files: BTreeMap<String, File> = BTreeMap::new();
        for file in coverage.map(CoverageData::files).unwrap_or_default() {
            let own = files.entry(file.path.clone()).or_default();
            own.coverage = file;
        }
        let mut source = Source {
            has_counts: !files.is_empty(),
            ..Source::default()
        };
        if let Some((analysis, report)) = profile {
            let unit = report
                .get("weight")
                .and_then(Json::text)
                .unwrap_or("weight");
            source.weights = Some((analysis.to_owned(), unit.to_owned()));
            source.weight_sum = report.get("total").and_then(Json::number).unwrap_or(0);
            for row in report.get("lines").map(Json::items).unwrap_or_default() {
                let Some(path) = row.get("file").and_then(Json::text) else {
                    continue;
                };
                let file = files.entry(path.to_owned()).or_default();
                path.clone_into(&mut file.coverage.path);
                let number = |key: &str| row.get(key).and_then(Json::number);
                let weight = number("self").unwrap_or(0);
                file.weight = file.weight.saturating_add(weight);
                let line = number("line").and_then(|line| u32::try_from(line).ok());
                if let Some(line) = line {
                    let own = file.weights.entry(line).or_default();
                    *own = own.saturating_add(weight);
                    source.weight_max = source.weight_max.max(*own);
                }
            }
        }
        source.files = files.into_values().collect();
        source.files.sort_by_key(|file| Reverse(file.weight));
        source
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    pub fn has_counts(&self) -> bool {
        self.has_counts
    }

    pub fn has_weights(&self) -> bool {
        self.weights.is_some() && self.weight_max > 0
    }

    /// All of it, with the text of files below `dirs`.
    pub fn markup(&self, dirs: &[PathBuf]) -> String {
        let mut out = self.list(dirs);
        let mut left = LINES_MAX;
        for (at, file) in self.files.iter().enumerate() {
            let text = sources::text(dirs, &file.coverage.path);
            let lines = source_lines(
                &file.coverage,
                text.as_deref(),
                file.weights.keys().copied(),
            );
            let name = html(shown(dirs, &file.coverage.path));
            if lines.len() > left {
                let _ = writeln!(
                    out,
                    r#"<p class="dim" id="f{at}">{name}: {} lines are more than this page still holds ({} in all).</p>"#,
                    grouped(lines.len() as u64),
                    grouped(LINES_MAX as u64),
                );
                continue;
            }
            left -= lines.len();
            let open = if at < OPEN_FILES_MAX { " open" } else { "" };
            let _ = writeln!(
                out,
                r#"<details class="file" id="f{at}"{open}><summary><b>{name}</b></summary><div class="scroll">"#
            );
            if text.is_none() {
                out += r#"<p class="dim">The text is not below <code>--source-dir</code>: lines that have code.</p>"#;
            }
            self.file(at, file, &lines, &mut out);
            out += "</div></details>\n";
        }
        out
    }

    fn list(&self, dirs: &[PathBuf]) -> String {
        let mut out = String::from(
            r#"<div class="scroll"><table class="list" id="source-files"><thead><tr><th scope="col">file"#,
        );
        if self.has_counts {
            out += r#"<th scope="col" class="num">lines executed<th scope="col" class="num">functions<th scope="col" class="num">ways of branches"#;
        }
        if let Some((_, unit)) = &self.weights {
            let _ = write!(
                out,
                r#"<th scope="col" class="num" aria-sort="descending">{}"#,
                html(unit)
            );
        }
        out += "<tbody>\n";
        for (at, file) in self.files.iter().enumerate() {
            let path = &file.coverage.path;
            let _ = write!(
                out,
                r##"<tr><td class="name"><a href="#f{at}" title="{}">{}</a>"##,
                html(path),
                html(shown(dirs, path)),
            );
            if self.has_counts {
                let totals = file.coverage.totals();
                for share in [totals.lines, totals.functions, totals.branches] {
                    // What is sorted by.
                    let percent = share
                        .percent()
                        .map(|percent| format!(r#" data-v="{percent:.3}""#));
                    let (percent, text) = (percent.unwrap_or_default(), share_text(share));
                    let _ = write!(
                        out,
                        r#"<td class="num"{percent}>{}"#,
                        text.unwrap_or_default()
                    );
                }
            }
            if self.weights.is_some() {
                let width = share(file.weight as f64, self.weight_sum as f64);
                let weight = grouped(file.weight);
                let _ = write!(
                    out,
                    r#"<td class="num bar" style="--w:{width:.1}%">{weight}"#
                );
            }
            out += "\n";
        }
        out + "</table></div>\n"
    }

    fn file(&self, at: usize, file: &File, lines: &[ShownLine<'_>], out: &mut String) {
        let head = |name: &str| format!(r#"<th scope="col" class="num">{name}"#);
        *out += r#"<table class="source"><thead><tr>"#;
        *out += &head("line");
        if self.has_counts {
            *out += &head("times");
            *out += &head("ways");
        }
        if let Some((_, unit)) = &self.weights {
            *out += &head(&html(unit));
        }
        *out += "<th scope=\"col\">source<tbody>\n";
        for line in lines {
            let number = line.number;
            let class = match line.state {
                LineState::NoCode => "",
                LineState::Missed => r#" class="miss""#,
                LineState::InPart => r#" class="part""#,
                LineState::Executed => r#" class="hit""#,
            };
            let _ = write!(out, r#"<tr id="f{at}l{number}"{class}><td>{number}"#);
            if self.has_counts {
                let count = line.count.map(grouped).unwrap_or_default();
                let _ = write!(out, "<td>{count}<td>{}", line.ways);
            }
            if self.weights.is_some() {
                match file.weights.get(&number) {
                    Some(&weight) => {
                        // Of the hottest line: of all weight, most would not be seen.
                        let heat = share(weight as f64, self.weight_max as f64);
                        let weight = grouped(weight);
                        let _ = write!(out, r#"<td class="heat" style="--w:{heat:.1}%">{weight}"#);
                    }
                    None => *out += "<td>",
                }
            }
            let _ = writeln!(out, "<td>{}", html(&cut(line.text, COLUMNS_MAX)));
        }
        *out += "</table>";
    }
}

fn shown<'p>(dirs: &[PathBuf], path: &'p str) -> &'p str {
    sources::relative(dirs, path).map_or(path, |(_, rest)| rest)
}

/// `3/4 75.0 %`; `None` of nothing.
pub(super) fn share_text(share: Share) -> Option<String> {
    let (covered, total) = (grouped(share.covered), grouped(share.total));
    let percent = share.percent()?;
    Some(format!(
        "{covered}/{total} <span class=\"dim\">{percent:.1} %</span>"
    ))
}
