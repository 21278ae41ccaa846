//! Formats, read back by readers of others: totals are those of the report, names come through whole, and
//! none of them breaks the format.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lcov::{Reader, Report};
use probity_analyses::coverage::{
    CoverageData, FileCoverage, FileTotals, FunctionCoverage, LineCoverage, ModuleCoverage,
    OffsetBranch, Piece, SourceBranch, SourceFunction, SourceWay,
};
use probity_analyses::export::{Data, ExportInfo, exports};
use serde::Deserialize;

/// Two files, one of a name that every format has to escape.
const HOSTILE: &str = "src/<b>\"a\"&'b'\n</script>\u{1b}[2J.rs";

fn function(name: &str, line: u32, end_line: u32, count: u64) -> SourceFunction {
    SourceFunction {
        name: name.to_owned(),
        line,
        end_line,
        count,
    }
}

fn branch(line: u32, ordinal: u32, ways: &[u64]) -> SourceBranch {
    let ways = ways.iter().enumerate();
    SourceBranch {
        line,
        column: 5,
        ordinal,
        ways: ways
            .map(|(at, &count)| SourceWay {
                to_line: line + at as u32,
                count,
            })
            .collect(),
    }
}

fn file(path: &str, counts: &[(u32, u64)]) -> FileCoverage {
    let line = |&(line, count): &(u32, u64)| LineCoverage { line, count };
    FileCoverage {
        path: path.to_owned(),
        lines: counts.iter().map(line).collect(),
        ..FileCoverage::default()
    }
}

/// 7 lines of which 4 executed, 4 functions of which 3, 9 ways of which 5.
fn coverage() -> CoverageData {
    let mut plain = file(
        "/work/src/lib.rs",
        &[(1, 3), (2, 3), (3, 0), (7, u64::MAX), (8, 1)],
    );
    plain.functions = vec![
        function("app::{{closure}}", 1, 3, 3),
        // The same name again, elsewhere.
        function("app::{{closure}}", 7, 8, 1),
        function("app::never,<T>", 3, 3, 0),
    ];
    plain.branches = vec![
        branch(2, 0, &[3, 0]),
        branch(2, 1, &[0, 0]),
        // A `switch`.
        branch(7, 0, &[1, 2, 0]),
    ];
    let mut hostile = file(HOSTILE, &[(1, 0), (2, 0)]);
    hostile.functions = vec![function("<script>alert(1)</script>\n\"&'", 1, 2, 1)];
    hostile.branches = vec![branch(2, 0, &[1, 1])];
    let module = ModuleCoverage {
        hash: "1".to_owned(),
        path: Some("a<b>.wasm".to_owned()),
        runs: 1,
        files: vec![plain, hostile],
        ..ModuleCoverage::default()
    };
    CoverageData {
        modules: vec![module],
        ..CoverageData::default()
    }
}

/// What the report says of it.
fn totals(coverage: &CoverageData) -> FileTotals {
    let files = coverage.files();
    let totals = files.iter().map(FileCoverage::totals);
    let totals = totals.fold(FileTotals::default(), FileTotals::plus);
    let report = coverage.report();
    let fact = |name: &str| {
        let fact = report.facts.iter().find(|fact| fact.column.name == name);
        fact.map(|fact| fact.value.clone())
    };
    assert_eq!(fact("lines_covered"), Some(totals.lines.covered.into()));
    assert_eq!(fact("branches_total"), Some(totals.branches.total.into()));
    totals
}

fn written(format: &str, coverage: &CoverageData) -> String {
    let export = ExportInfo::find(format).expect("a format");
    let mut out = Vec::new();
    let data = Data::Coverage(coverage.clone());
    export.write(&data, &mut out).expect("memory");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn totals_by_hand() {
    let totals = totals(&coverage());
    assert_eq!((totals.lines.covered, totals.lines.total), (4, 7));
    assert_eq!((totals.functions.covered, totals.functions.total), (3, 4));
    assert_eq!((totals.branches.covered, totals.branches.total), (5, 9));
}

#[test]
fn lcov_by_its_crate() {
    let coverage = coverage();
    let text = written("lcov", &coverage);
    let report = Report::from_reader(Reader::new(text.as_bytes())).expect("a tracefile");
    let mut sums = [(0, 0); 3];
    for section in report.sections.values() {
        let add = |sum: &mut (u64, u64), executed: bool| {
            sum.0 += 1;
            sum.1 += u64::from(executed);
        };
        for line in section.lines.values() {
            add(&mut sums[0], line.count > 0);
        }
        for function in section.functions.values() {
            add(&mut sums[1], function.count > 0);
        }
        for branch in section.branches.values() {
            add(&mut sums[2], branch.taken.is_some_and(|taken| taken > 0));
        }
    }
    let totals = totals(&coverage);
    let pair = |share: probity_analyses::coverage::Share| (share.total, share.covered);
    assert_eq!(
        sums,
        [
            pair(totals.lines),
            pair(totals.functions),
            pair(totals.branches)
        ]
    );
    let names: Vec<&str> = report
        .sections
        .keys()
        .map(|key| key.source_file.to_str().expect("UTF-8"))
        .collect();
    assert_eq!(
        names,
        [
            "/work/src/lib.rs",
            "src/<b>\"a\"&'b'\u{fffd}</script>\u{fffd}[2J.rs"
        ]
    );
    // The sums that the file itself claims.
    let sum = |key: &str| -> u64 {
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        lines
            .map(|number| number.parse::<u64>().expect("a number"))
            .sum()
    };
    assert_eq!((sum("LF"), sum("LH")), pair(totals.lines));
    assert_eq!((sum("FNF"), sum("FNH")), pair(totals.functions));
    assert_eq!((sum("BRF"), sum("BRH")), pair(totals.branches));
    // What did not execute has not been decided either way.
    assert!(text.contains("BRDA:2,1,0,-\nBRDA:2,1,1,-\n"), "{text}");
    assert!(text.contains("FN:7,app::{{closure}} (line 7)\n"), "{text}");
}

/// Elements and attributes of `coverage-04.dtd`: the attributes that are required, those that are not, and
/// the children in their order.
const DTD: &[(&str, &str, &str, &str)] = &[
    (
        "coverage",
        "line-rate branch-rate lines-covered lines-valid branches-covered branches-valid complexity version timestamp",
        "",
        "sources packages",
    ),
    ("sources", "", "", "source*"),
    ("source", "", "", ""),
    ("packages", "", "", "package*"),
    (
        "package",
        "name line-rate branch-rate complexity",
        "",
        "classes",
    ),
    ("classes", "", "", "class*"),
    (
        "class",
        "name filename line-rate branch-rate complexity",
        "",
        "methods lines",
    ),
    ("methods", "", "", "method*"),
    (
        "method",
        "name signature line-rate branch-rate complexity",
        "",
        "lines",
    ),
    ("lines", "", "", "line*"),
    (
        "line",
        "number hits",
        "branch condition-coverage",
        "conditions*",
    ),
    ("conditions", "", "", "condition*"),
    ("condition", "number type coverage", "", ""),
];

fn check_by_dtd(node: roxmltree::Node<'_, '_>) {
    let name = node.tag_name().name();
    let rule = DTD.iter().find(|rule| rule.0 == name);
    let (_, required, optional, children) = rule.unwrap_or_else(|| panic!("element {name}"));
    let has: Vec<&str> = node
        .attributes()
        .map(|attribute| attribute.name())
        .collect();
    for wanted in required.split_whitespace() {
        assert!(has.contains(&wanted), "{name} lacks {wanted}");
    }
    for given in has {
        let mut known = required
            .split_whitespace()
            .chain(optional.split_whitespace());
        assert!(known.any(|known| known == given), "{name} has {given}");
    }
    let inside: Vec<_> = node.children().filter(|child| child.is_element()).collect();
    match children.strip_suffix('*') {
        Some(only) => {
            for child in &inside {
                assert_eq!(child.tag_name().name(), only, "in {name}");
            }
        }
        None => {
            let names: Vec<&str> = inside.iter().map(|child| child.tag_name().name()).collect();
            assert_eq!(
                names,
                children.split_whitespace().collect::<Vec<_>>(),
                "in {name}"
            );
        }
    }
    inside.into_iter().for_each(check_by_dtd);
}

#[test]
fn cobertura_by_an_xml_parser_and_its_dtd() {
    let mut coverage = coverage();
    coverage.source_dirs = vec![PathBuf::from("/work")];
    let text = written("cobertura", &coverage);
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..Default::default()
    };
    let document = roxmltree::Document::parse_with_options(&text, options).expect("XML");
    let root = document.root_element();
    check_by_dtd(root);
    let totals = totals(&coverage);
    let number = |node: roxmltree::Node<'_, '_>, name: &str| -> u64 {
        let text = node.attribute(name).expect("an attribute");
        text.parse().expect("a number")
    };
    assert_eq!(number(root, "lines-valid"), totals.lines.total);
    assert_eq!(number(root, "lines-covered"), totals.lines.covered);
    assert_eq!(number(root, "branches-valid"), totals.branches.total);
    assert_eq!(number(root, "branches-covered"), totals.branches.covered);
    // 4 of 7.
    assert_eq!(root.attribute("line-rate"), Some("0.5714"));

    // Counted again from the lines of classes; each branch is a condition.
    let classes = document
        .descendants()
        .filter(|node| node.has_tag_name("class"));
    let (mut lines, mut ways, mut names) = ((0, 0), (0, 0), Vec::new());
    for class in classes {
        names.push(class.attribute("filename").expect("a name").to_owned());
        let own = class
            .children()
            .find(|node| node.has_tag_name("lines"))
            .expect("lines");
        for line in own.children().filter(|node| node.has_tag_name("line")) {
            lines.0 += 1;
            lines.1 += u64::from(number(line, "hits") > 0);
            let Some(coverage) = line.attribute("condition-coverage") else {
                continue;
            };
            let (_, of) = coverage.split_once('(').expect("covered/total");
            let (covered, total) = of.trim_end_matches(')').split_once('/').expect("both");
            ways.0 += total.parse::<u64>().expect("a number");
            ways.1 += covered.parse::<u64>().expect("a number");
        }
    }
    assert_eq!(lines, (totals.lines.total, totals.lines.covered));
    assert_eq!(ways, (totals.branches.total, totals.branches.covered));
    // Below the source directory, and as it was; what XML cannot hold is replaced.
    assert_eq!(
        names,
        [
            "src/lib.rs",
            "src/<b>\"a\"&'b'\u{fffd}</script>\u{fffd}[2J.rs"
        ]
    );
    let sources: Vec<_> = document
        .descendants()
        .filter(|node| node.has_tag_name("source"))
        .collect();
    assert_eq!(sources.len(), 1);
    assert_eq!(sources[0].text(), Some("/work"));
}

/// As `llvm-cov export` documents it; what is not listed is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LlvmCov {
    data: Vec<LlvmData>,
    #[serde(rename = "type")]
    kind: String,
    version: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LlvmData {
    files: Vec<LlvmFile>,
    functions: Vec<LlvmFunction>,
    totals: LlvmSummary,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LlvmFile {
    filename: String,
    segments: Vec<(u64, u64, u64, bool, bool, bool)>,
    branches: Vec<[u64; 9]>,
    expansions: Vec<()>,
    summary: LlvmSummary,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LlvmFunction {
    name: String,
    count: u64,
    regions: Vec<[u64; 8]>,
    branches: Vec<[u64; 9]>,
    filenames: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LlvmSummary {
    lines: LlvmShare,
    functions: LlvmShare,
    instantiations: LlvmShare,
    regions: LlvmShare,
    branches: LlvmShare,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LlvmShare {
    count: u64,
    covered: u64,
    notcovered: Option<u64>,
    percent: f64,
}

#[test]
fn llvm_cov_by_its_schema() {
    let coverage = coverage();
    let document: LlvmCov = serde_json::from_str(&written("llvm-cov", &coverage)).expect("JSON");
    assert_eq!(document.kind, "llvm.coverage.json.export");
    assert_eq!(document.version, "2.0.1");
    let data = &document.data[0];
    let totals = totals(&coverage);
    let check = |share: &LlvmShare, expected: probity_analyses::coverage::Share| {
        assert_eq!(
            (share.count, share.covered),
            (expected.total, expected.covered)
        );
        let rest = expected.total - expected.covered;
        assert!(share.notcovered.is_none_or(|missed| missed == rest));
        assert!((share.percent - expected.percent().unwrap_or(0.0)).abs() < 1e-9);
    };
    check(&data.totals.lines, totals.lines);
    check(&data.totals.functions, totals.functions);
    check(&data.totals.instantiations, totals.functions);
    check(&data.totals.regions, totals.lines);
    check(&data.totals.branches, totals.branches);

    // Readers know lines by segments: a segment holds up to the next.
    let mut lines: BTreeMap<(&str, u64), u64> = BTreeMap::new();
    for file in &data.files {
        assert!(file.expansions.is_empty());
        assert!(
            file.segments
                .is_sorted_by_key(|segment| (segment.0, segment.1))
        );
        for (at, segment) in file.segments.iter().enumerate() {
            let (line, _, count, has_count, _, _) = *segment;
            let end = file.segments.get(at + 1).map_or(line + 1, |next| next.0);
            if has_count {
                lines.extend((line..end).map(|line| ((&*file.filename, line), count)));
            }
        }
    }
    assert_eq!(lines.len() as u64, totals.lines.total);
    let executed = lines.values().filter(|&&count| count > 0).count();
    assert_eq!(executed as u64, totals.lines.covered);
    assert_eq!(lines[&("/work/src/lib.rs", 7)], u64::MAX);
    let of_file = data.files.iter().map(|file| file.summary.branches.count);
    assert_eq!(of_file.sum::<u64>(), totals.branches.total);
    // Three branches of two ways, one of three: a region for each of its ways.
    let regions = data.files.iter().flat_map(|file| &file.branches);
    let regions: Vec<(u64, u64, u64)> = regions.map(|r| (r[0], r[4], r[5])).collect();
    assert_eq!(
        regions,
        [
            (2, 3, 0),
            (2, 0, 0),
            (7, 1, 2),
            (7, 2, 1),
            (7, 0, 3),
            (2, 1, 1)
        ]
    );
    let executed = data.functions.iter().filter(|function| function.count > 0);
    assert_eq!(executed.count() as u64, totals.functions.covered);
    for function in &data.functions {
        assert_eq!(function.filenames.len(), 1);
        assert_eq!(function.regions[0][4], function.count, "{}", function.name);
        assert!(function.branches.len() < 6);
    }
}

/// Names and sources are text, whatever is in them; and the page needs nothing else.
#[test]
fn html_is_one_page_without_foreign_markup() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut coverage = coverage();
    let source = dir.path().join("lib.rs");
    std::fs::write(&source, "fn a() {}\n<script>alert(2)</script> & \"x\"\n}\n").expect("written");
    coverage.modules[0].files[0].path = source.display().to_string();
    coverage.source_dirs = vec![dir.path().to_owned()];
    let page = written("html", &coverage);
    assert!(page.starts_with("<!DOCTYPE html>"));
    assert_eq!(page.matches("<script").count(), 1);
    assert!(!page.contains("alert(1)</script>") && !page.contains("alert(2)</script>"));
    assert!(page.contains("&lt;script&gt;alert(2)&lt;/script&gt; &amp; &quot;x&quot;"));
    for outside in ["src=", "http:", "https:", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    // 4 lines of 7 executed; line 2 with a way that was not taken, 7 too.
    assert!(page.contains("4/7 57.1%") && page.contains("3/4 75.0%") && page.contains("5/9 55.6%"));
    let rows = |class: &str| page.matches(&format!("\" class=\"{class}\"><td>")).count();
    assert_eq!((rows("hit"), rows("part"), rows("miss")), (2, 2, 3));
    // Lines behind the end of the file, which is shorter than it was.
    assert!(page.contains(r#"<tr id="f0l7" class="part"><td>7<td>18446744073709551615"#));
}

/// A module without source lines: by function and offset.
fn without_source() -> CoverageData {
    let piece = |start, end, operators, count| Piece {
        start,
        end,
        operators,
        count,
    };
    let functions = vec![
        FunctionCoverage {
            index: 3,
            name: "<f>".to_owned(),
            entries: 2,
            pieces: vec![piece(16, 20, 3, 2), piece(20, 24, 2, 0)],
            branches: vec![OffsetBranch {
                pc: 18,
                ways: vec![2, 0],
            }],
        },
        FunctionCoverage {
            index: 4,
            name: "_ZN3app1gEi".to_owned(),
            entries: 0,
            pieces: vec![piece(30, 31, 1, 0)],
            branches: Vec::new(),
        },
    ];
    let module = ModuleCoverage {
        path: Some("plain.wasm".to_owned()),
        functions,
        ..ModuleCoverage::default()
    };
    CoverageData {
        modules: vec![module],
        ..CoverageData::default()
    }
}

#[test]
fn without_source_by_function_and_offset() {
    let coverage = without_source();
    let summary = "plain.wasm: no source lines are known
   operators  entries  function
  3/5  60.0%        2  3 <f>
  0/1   0.0%        0  4 app::g(int)
  3/6  50.0%           total
";
    assert_eq!(written("summary", &coverage), summary);
    let page = written("html", &coverage);
    assert!(page.contains("&lt;f&gt;") && page.contains("3/5 60.0%"));
    assert!(
        page.contains("<td>0x10<td>0x14<td>2<td>branch 0x12: 2 / 0"),
        "{page}"
    );
    // Formats of source lines are empty, and still formats.
    assert_eq!(written("lcov", &coverage), "");
    for format in ["cobertura", "llvm-cov"] {
        assert!(!written(format, &coverage).is_empty());
    }
}

/// Some readers refuse a report without a directory of its sources: where a relative path is, else the reader's own.
#[test]
fn cobertura_has_a_directory_of_sources() {
    let here = [PathBuf::from(env!("CARGO_MANIFEST_DIR"))];
    let sources = |dirs: &[PathBuf], path: &str| -> Vec<String> {
        let mut coverage = coverage();
        coverage.source_dirs = dirs.to_vec();
        for file in &mut coverage.modules[0].files {
            file.path = path.to_owned();
        }
        let text = written("cobertura", &coverage);
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix("<source>"));
        let lines = lines.filter_map(|line| line.strip_suffix("</source>"));
        lines.map(str::to_owned).collect()
    };
    let home = [here[0].display().to_string()];
    assert_eq!(sources(&here, "src/lib.rs"), home);
    let below = format!("{}/src/lib.rs", home[0]);
    assert_eq!(sources(&here, &below), home);
    assert_eq!(sources(&here, "src/none.rs"), ["."]);
    assert_eq!(sources(&[], "src/lib.rs"), ["."]);
}

#[test]
fn summary_of_files() {
    let mut coverage = coverage();
    coverage.source_dirs = vec![PathBuf::from("/work")];
    coverage.modules[0].files[1].path = "/other.rs".to_owned();
    let summary = "       lines   functions    branches  file
  0/2   0.0%  1/1 100.0%  2/2 100.0%  /other.rs
  4/5  80.0%  2/3  66.7%  3/7  42.9%  src/lib.rs
  4/7  57.1%  3/4  75.0%  5/9  55.6%  total

lines that did not execute
/other.rs: 1-2
src/lib.rs: 3
";
    assert_eq!(written("summary", &coverage), summary);
}

#[test]
fn every_format_takes_everything_and_says_when_a_disk_is_full() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let data = Data::Coverage(coverage());
    let mut names = Vec::new();
    for export in exports()
        .iter()
        .filter(|export| export.takes == data.kind())
    {
        names.push(export.name);
        let error = export.write(&data, &mut Full).map_err(|e| e.kind());
        assert_eq!(
            error,
            Err(std::io::ErrorKind::StorageFull),
            "{}",
            export.name
        );
        let empty = Data::Coverage(CoverageData::default());
        export.write(&empty, &mut Vec::new()).expect("memory");
    }
    assert_eq!(names, ["lcov", "cobertura", "llvm-cov", "html", "summary"]);
    let error = ExportInfo::find("lcvo")
        .map(|export| export.name)
        .map_err(|e| e.to_string());
    assert_eq!(
        error,
        Err("unknown export format `lcvo`; did you mean `lcov`?".to_owned())
    );
}
