//! Cobertura's XML, by its `coverage-04.dtd`. Directories are packages, files classes.
//! The time of a report is 0: equal runs give equal reports.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::coverage::{CoverageData, FileCoverage, FileTotals, LineCoverage, Share, SourceBranch};
use crate::escape::xml;
use crate::sources;

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
"#;

/// A file with the name that it has in the report.
type Named<'f> = (String, &'f FileCoverage);

pub(super) fn write(coverage: &CoverageData, out: &mut dyn Write) -> io::Result<()> {
    let files = coverage.files();
    let mut dirs: Vec<String> = Vec::new();
    let mut packages: BTreeMap<String, Vec<Named<'_>>> = BTreeMap::new();
    for file in &files {
        // Readers look for files below the sources, mostly of a repository.
        let (dir, name) = match sources::relative(&coverage.source_dirs, &file.path) {
            Some((dir, rest)) => (Some(dir), rest),
            None => (
                sources::home(&coverage.source_dirs, &file.path),
                &*file.path,
            ),
        };
        let dir = dir.map(|dir| dir.display().to_string());
        dirs.extend(dir.filter(|dir| !dirs.contains(dir)));
        let name = name.to_owned();
        let package = name.rsplit_once('/').map_or("", |(dir, _)| dir);
        packages
            .entry(package.replace('/', "."))
            .or_default()
            .push((name, file));
    }
    let sum = files
        .iter()
        .map(FileCoverage::totals)
        .fold(FileTotals::default(), FileTotals::plus);
    out.write_all(HEAD.as_bytes())?;
    writeln!(
        out,
        r#"<coverage {} lines-covered="{}" lines-valid="{}" branches-covered="{}" branches-valid="{}" complexity="0" version="{}" timestamp="0">"#,
        rates(&sum),
        sum.lines.covered,
        sum.lines.total,
        sum.branches.covered,
        sum.branches.total,
        env!("CARGO_PKG_VERSION"),
    )?;
    writeln!(out, "<sources>")?;
    if dirs.is_empty() {
        // Paths are as the compiler had them. Readers want a directory all the same; gcovr refuses a report without.
        dirs.push(".".to_owned());
    }
    for dir in &dirs {
        writeln!(out, "<source>{}</source>", xml(dir))?;
    }
    writeln!(out, "</sources>\n<packages>")?;
    for (package, files) in &packages {
        let totals = files.iter().map(|(_, file)| file.totals());
        let totals = totals.fold(FileTotals::default(), FileTotals::plus);
        let (name, rates) = (xml(package), rates(&totals));
        writeln!(out, r#"<package name="{name}" {rates} complexity="0">"#)?;
        writeln!(out, "<classes>")?;
        for (name, file) in files {
            class(name, file, out)?;
        }
        writeln!(out, "</classes>\n</package>")?;
    }
    writeln!(out, "</packages>\n</coverage>")
}

fn class(name: &str, file: &FileCoverage, out: &mut dyn Write) -> io::Result<()> {
    let short = name.rsplit('/').next().unwrap_or(name);
    let (short, name, rates) = (xml(short), xml(name), rates(&file.totals()));
    writeln!(
        out,
        r#"<class name="{short}" filename="{name}" {rates} complexity="0">"#
    )?;
    writeln!(out, "<methods>")?;
    for function in &file.functions {
        let own = function.line..=function.end_line;
        let within = |line: u32| own.contains(&line);
        let lines = file.lines.iter().filter(|line| within(line.line));
        let branches = file.branches.iter().filter(|branch| within(branch.line));
        let part = FileCoverage {
            lines: lines.copied().collect(),
            branches: branches.cloned().collect(),
            ..FileCoverage::default()
        };
        let (name, rates) = (xml(&function.name), self::rates(&part.totals()));
        writeln!(
            out,
            r#"<method name="{name}" signature="" {rates} complexity="0">"#
        )?;
        lines_of(&part, out)?;
        writeln!(out, "</method>")?;
    }
    writeln!(out, "</methods>")?;
    lines_of(file, out)?;
    writeln!(out, "</class>")
}

fn lines_of(file: &FileCoverage, out: &mut dyn Write) -> io::Result<()> {
    let mut branches: BTreeMap<u32, Vec<&SourceBranch>> = BTreeMap::new();
    for branch in &file.branches {
        branches.entry(branch.line).or_default().push(branch);
    }
    writeln!(out, "<lines>")?;
    for LineCoverage { line, count } in &file.lines {
        let Some(branches) = branches.get(line) else {
            writeln!(
                out,
                r#"<line number="{line}" hits="{count}" branch="false"/>"#
            )?;
            continue;
        };
        let all = branches.iter().map(|branch| taken(branch));
        let all = all.fold(Share::default(), Share::plus);
        writeln!(
            out,
            r#"<line number="{line}" hits="{count}" branch="true" condition-coverage="{}% ({}/{})">"#,
            percent(all),
            all.covered,
            all.total,
        )?;
        writeln!(out, "<conditions>")?;
        for (at, branch) in branches.iter().enumerate() {
            let kind = if branch.ways.len() == 2 {
                "jump"
            } else {
                "switch"
            };
            let percent = percent(taken(branch));
            writeln!(
                out,
                r#"<condition number="{at}" type="{kind}" coverage="{percent}%"/>"#
            )?;
        }
        writeln!(out, "</conditions>\n</line>")?;
    }
    writeln!(out, "</lines>")
}

fn taken(branch: &SourceBranch) -> Share {
    let taken = branch.ways.iter().filter(|way| way.count > 0);
    Share {
        total: branch.ways.len() as u64,
        covered: taken.count() as u64,
    }
}

/// Whole, and 100 only if nothing is missing.
fn percent(share: Share) -> u64 {
    share.covered * 100 / share.total.max(1)
}

fn rates(totals: &FileTotals) -> String {
    let rate = |share: Share| share.percent().map_or(1.0, |percent| percent / 100.0);
    let (lines, branches) = (rate(totals.lines), rate(totals.branches));
    format!(r#"line-rate="{lines:.4}" branch-rate="{branches:.4}""#)
}
