//! The JSON of `llvm-cov export`, version 2.0.1 (described in LLVM's `CoverageExporterJson.cpp`).
//!
//! There, code is regions of the source, each with a count. Here a line with code is a region of its own. A branch with
//! more than two ways is a region for each of them, whose other way is all the rest; summaries
//! count ways once, as everywhere else.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::coverage::{CoverageData, FileCoverage, FileTotals, Share, SourceBranch};

/// Kinds of regions: code, a branch.
const CODE: u32 = 0;
const BRANCH: u32 = 4;

pub(super) fn write(coverage: &CoverageData, out: &mut dyn Write) -> io::Result<()> {
    let files = coverage.files();
    let sum = files
        .iter()
        .map(FileCoverage::totals)
        .fold(FileTotals::default(), FileTotals::plus);
    let document = json!({
        "data": [{
            "files": files.iter().map(file).collect::<Vec<_>>(),
            "functions": files.iter().flat_map(functions).collect::<Vec<_>>(),
            "totals": summary(&sum),
        }],
        "type": "llvm.coverage.json.export",
        "version": "2.0.1",
    });
    serde_json::to_writer(&mut *out, &document)?;
    out.write_all(b"\n")
}

fn file(file: &FileCoverage) -> Value {
    let branches = file.branches.iter().flat_map(regions);
    json!({
        "filename": file.path,
        "segments": segments(file),
        "branches": branches.collect::<Vec<_>>(),
        "expansions": [],
        "summary": summary(&file.totals()),
    })
}

/// Where counts change: [line, column, count, has a count, begins a region, is a gap].
fn segments(file: &FileCoverage) -> Vec<Value> {
    let mut segments = Vec::new();
    let mut lines = file.lines.iter().peekable();
    while let Some(line) = lines.next() {
        segments.push(json!([line.line, 1, line.count, true, true, false]));
        let behind = line.line.saturating_add(1);
        if lines.peek().is_none_or(|next| next.line != behind) {
            segments.push(json!([behind, 1, 0, false, false, false]));
        }
    }
    segments
}

/// [first line, first column, last line, last column, taken, not taken, file, expanded file, kind]
fn regions(branch: &SourceBranch) -> Vec<Value> {
    let (line, column) = (branch.line, branch.column.max(1));
    let region = |taken, rest| json!([line, column, line, column, taken, rest, 0, 0, BRANCH]);
    if let [one, other] = branch.ways[..] {
        return vec![region(one.count, other.count)];
    }
    let sum = branch
        .ways
        .iter()
        .fold(0u64, |sum, way| sum.saturating_add(way.count));
    let ways = branch.ways.iter();
    ways.map(|way| region(way.count, sum.saturating_sub(way.count)))
        .collect()
}

fn functions(file: &FileCoverage) -> Vec<Value> {
    let functions = file.functions.iter().map(|function| {
        let own = function.line..=function.end_line;
        let lines = file.lines.iter().filter(|line| own.contains(&line.line));
        // [first line, first column, last line, last column, count, file, expanded file, kind]
        let end = function.end_line.saturating_add(1);
        let mut regions = vec![json!([
            function.line,
            1,
            end,
            1,
            function.count,
            0,
            0,
            CODE
        ])];
        regions.extend(lines.map(|line| {
            let behind = line.line.saturating_add(1);
            json!([line.line, 1, behind, 1, line.count, 0, 0, CODE])
        }));
        let branches = file
            .branches
            .iter()
            .filter(|branch| own.contains(&branch.line));
        json!({
            "name": function.name,
            "count": function.count,
            "regions": regions,
            "branches": branches.flat_map(self::regions).collect::<Vec<_>>(),
            "filenames": [file.path],
        })
    });
    functions.collect()
}

fn summary(totals: &FileTotals) -> Value {
    let percent = |share: Share| share.percent().unwrap_or(0.0);
    let share = |share: Share| json!({"count": share.total, "covered": share.covered, "percent": percent(share)});
    let with_rest = |share: Share| {
        json!({
            "count": share.total,
            "covered": share.covered,
            "notcovered": share.total - share.covered,
            "percent": percent(share),
        })
    };
    json!({
        "lines": share(totals.lines),
        "functions": share(totals.functions),
        "instantiations": share(totals.functions),
        "regions": with_rest(totals.lines),
        "branches": with_rest(totals.branches),
    })
}
