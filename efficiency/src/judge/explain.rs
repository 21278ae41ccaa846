//! Where a program's instructions are, by function, line and loop, and what it did not execute: over all tests together.

use std::collections::BTreeMap;

use probity_analyses::Session;
use probity_analyses::coverage::{CoverageData, FileCoverage, FunctionCoverage};
use probity_analyses::export::{Data, DataKind};
use probity_analyses::heap::data::HeapSite;
use probity_analyses::report::table::{Table, Value};
use probity_engine::{Module, WasmPc};
use probity_probes::demangle::demangle;
use probity_probes::source::SourceMap;

use super::deep::patient;
use super::given_again;
use super::prepare::PreparedTest;
use super::runner::{Observer, Runner};
use crate::result::{Coverage, Hot, HotBranch, HotFunction, HotLine, HotLoop, TestResult};
use crate::task::Limits;

/// Entries of each list that are kept, hottest first.
pub(super) const KEPT: usize = 20;
/// Lines that were not executed that are kept.
const UNCOVERED_KEPT: usize = 100;
/// How the judge calls the program's own file, without the end.
const OWN_FILE: &str = "main.";

/// Runs the tests once more, watched.
pub(super) fn explain<'a, 't>(
    runner: &impl Fn(Observer) -> Result<Runner<'a>, String>,
    module: &Module,
    tests: impl Iterator<Item = (&'t PreparedTest, &'t TestResult)>,
    limits: &Limits,
    source: Option<&str>,
    heap: bool,
) -> (Option<Hot>, Option<Coverage>) {
    let mut session = Session::new();
    let by_line = [("granularity", "line"), ("files", "all")];
    let by_line = by_line.map(|(name, value)| (name.to_owned(), value.to_owned()));
    // Both are in the registry, and the first has such data.
    let added = session.add("coverage", &by_line).is_ok()
        && session.add("loops", &[]).is_ok()
        && session.collect(DataKind::Coverage).is_ok()
        && (!heap || session.add("heap", &[]).is_ok() && session.collect(DataKind::Heap).is_ok());
    let Ok(mut watched) = runner(Observer::Session(session)) else {
        return (None, None);
    };
    if !added {
        return (None, None);
    }
    let patient = patient(limits);
    for (test, tested) in tests {
        let given = given_again(test, tested, &patient);
        watched.run(&given, &test.args, Some(&test.expected));
        if module.start_function().is_some() {
            // Each run is of a store of its own, and the analyses are of one.
            break;
        }
    }
    let Some((mut session, Some(mut store))) = watched.into_session() else {
        return (None, None);
    };
    let mut data = CoverageData::default();
    let mut loops = None;
    let mut sites = None;
    for mut report in session.finish(&mut store) {
        match report.data.take() {
            Some(Data::Coverage(found)) => data = found,
            Some(Data::Heap(found)) => sites = Some(found.sites),
            _ => {
                loops = report
                    .tables
                    .into_iter()
                    .find(|table| table.name == "loops")
            }
        }
    }
    let Some(covered) = data.modules.into_iter().next() else {
        return (None, None);
    };
    let map = SourceMap::new(module);
    let weighed = Weighed::new(&covered.functions, module, map.as_ref());
    let own = |file: &&FileCoverage| is_own(&file.path);
    let mut hot = Hot {
        functions: weighed.functions(&covered.functions),
        lines: weighed.lines(&covered.files, sites.as_deref()),
        loops: loops.map_or_else(Vec::new, |table| {
            weighed.loops(&table, map.as_ref(), sites.as_deref())
        }),
        branches: branches(&covered.functions, map.as_ref()),
    };
    if let Some(source) = source {
        quote(&mut hot, source);
    }
    let coverage = covered.files.iter().find(own).map(coverage);
    (Some(hot), coverage)
}

/// Gives the lines of the program's own file their texts.
pub(super) fn quote(hot: &mut Hot, source: &str) {
    let texts: Vec<&str> = source.lines().collect();
    for line in hot.lines.iter_mut().filter(|line| is_own(&line.file)) {
        let text = (line.line as usize)
            .checked_sub(1)
            .and_then(|at| texts.get(at));
        line.text = text.map_or("", |text| text.trim()).to_owned();
    }
}

/// Whether it is what the judge calls a program's own file.
pub(crate) fn is_own(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.starts_with(OWN_FILE)
}

/// What of the program's own file was executed.
pub(super) fn coverage(file: &FileCoverage) -> Coverage {
    let share = |part: usize, of: usize| match of {
        0 => 100.0,
        of => 100.0 * part as f64 / of as f64,
    };
    let executed = file.lines.iter().filter(|line| line.count > 0).count();
    let ways = || file.branches.iter().flat_map(|branch| &branch.ways);
    let taken = ways().filter(|way| way.count > 0).count();
    let missed = file.lines.iter().filter(|line| line.count == 0);
    Coverage {
        line: share(executed, file.lines.len()),
        branch: share(taken, ways().count()),
        uncovered: missed
            .take(UNCOVERED_KEPT)
            .map(|line| format!("{}:{}", name_of(&file.path), line.line))
            .collect(),
    }
}

pub(super) fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// How often a line was executed; 0 if it has no code.
pub(super) fn line_count(files: &[FileCoverage], path: &str, number: u32) -> u64 {
    let file = files.iter().find(|file| file.path == path);
    let line = file.and_then(|file| file.lines.iter().find(|line| line.line == number));
    line.map_or(0, |line| line.count)
}

pub(super) fn percent(part: u64, total: u64) -> f64 {
    match total {
        0 => 0.0,
        total => 100.0 * part as f64 / total as f64,
    }
}

/// Conditional branches that were executed, the most executed first.
fn branches(functions: &[FunctionCoverage], map: Option<&SourceMap>) -> Vec<HotBranch> {
    let mut hot: Vec<(u64, u32, HotBranch)> = Vec::new();
    for function in functions {
        for branch in &function.branches {
            // Tables have more ways, or one.
            let [not_taken, taken] = branch.ways[..] else {
                continue;
            };
            let executed = taken + not_taken;
            if executed == 0 {
                continue;
            }
            let line = map.and_then(|map| map.line(WasmPc(branch.pc)));
            let found = HotBranch {
                file: line
                    .as_ref()
                    .map_or_else(String::new, |line| name_of(&line.file).to_owned()),
                line: line.map_or(0, |line| line.line),
                function: readable(&function.name),
                taken,
                not_taken,
            };
            hot.push((executed, branch.pc, found));
        }
    }
    hot.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    hot.truncate(KEPT);
    hot.into_iter().map(|(_, _, found)| found).collect()
}

/// Allocations that a line made: it is the innermost of the program's own on the way to them.
fn line_allocs(sites: &[HeapSite], path: &str, line: u32) -> u64 {
    let own = |site: &&HeapSite| {
        let mut places = site.frames.iter().filter_map(|frame| frame.place.as_ref());
        let innermost = places.find(|(file, _)| is_own(file));
        innermost.is_some_and(|(file, at)| **file == *path && *at == line)
    };
    sites.iter().filter(own).map(|site| site.total[1]).sum()
}

/// Allocations that were made on the way from a loop's body, which is at these offsets.
fn loop_allocs(sites: &[HeapSite], pc: u32, end: u32) -> u64 {
    let within = |site: &&HeapSite| {
        site.frames
            .iter()
            .any(|frame| (pc..=end).contains(&frame.pc))
    };
    sites.iter().filter(within).map(|site| site.total[1]).sum()
}

fn readable(name: &str) -> String {
    demangle(name).unwrap_or_else(|| name.to_owned())
}

/// Executions of each operator, added up.
struct Weighed {
    total: u64,
    /// By pc of each operator that was executed.
    operators: BTreeMap<u32, u64>,
    /// By file and line.
    lines: BTreeMap<(String, u32), u64>,
}

impl Weighed {
    fn new(functions: &[FunctionCoverage], module: &Module, map: Option<&SourceMap>) -> Weighed {
        let mut weighed = Weighed {
            total: 0,
            operators: BTreeMap::new(),
            lines: BTreeMap::new(),
        };
        for function in functions.iter().filter(|function| function.entries > 0) {
            let info = module.function(function.index);
            let operators = info
                .and_then(|info| info.operators().ok())
                .unwrap_or_default();
            for piece in function.pieces.iter().filter(|piece| piece.count > 0) {
                let from = operators.partition_point(|(pc, _)| pc.0 < piece.start);
                let own = operators[from..]
                    .iter()
                    .take_while(|(pc, _)| pc.0 < piece.end);
                for (pc, _) in own {
                    weighed.add(*pc, piece.count, map);
                }
            }
        }
        weighed
    }

    fn add(&mut self, pc: WasmPc, count: u64, map: Option<&SourceMap>) {
        self.total += count;
        *self.operators.entry(pc.0).or_default() += count;
        // Line 0 is what compilers give to code of no line.
        let line = map
            .and_then(|map| map.line(pc))
            .filter(|line| line.line > 0);
        if let Some(line) = line {
            let at = (line.file.to_string(), line.line);
            *self.lines.entry(at).or_default() += count;
        }
    }

    fn percent(&self, part: u64) -> f64 {
        percent(part, self.total)
    }

    fn functions(&self, functions: &[FunctionCoverage]) -> Vec<HotFunction> {
        let executed = functions.iter().filter(|function| function.entries > 0);
        let mut hot: Vec<HotFunction> = executed
            .map(|function| {
                let weights = function.pieces.iter();
                let instr = weights
                    .map(|piece| piece.count * u64::from(piece.operators))
                    .sum();
                HotFunction {
                    name: readable(&function.name),
                    calls: function.entries,
                    instr,
                    instr_percent: self.percent(instr),
                }
            })
            .collect();
        hot.sort_by(|a, b| b.instr.cmp(&a.instr).then_with(|| a.name.cmp(&b.name)));
        hot.truncate(KEPT);
        hot
    }

    fn lines(&self, files: &[FileCoverage], sites: Option<&[HeapSite]>) -> Vec<HotLine> {
        let mut hot: Vec<(&(String, u32), &u64)> = self.lines.iter().collect();
        hot.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
        hot.truncate(KEPT);
        let line = |((path, number), instr): (&(String, u32), &u64)| HotLine {
            file: name_of(path).to_owned(),
            line: *number,
            // See `quote`.
            text: String::new(),
            count: line_count(files, path, *number),
            instr: *instr,
            instr_percent: self.percent(*instr),
            allocs: sites.map(|sites| line_allocs(sites, path, *number)),
        };
        hot.into_iter().map(line).collect()
    }

    fn loops(
        &self,
        table: &Table,
        map: Option<&SourceMap>,
        sites: Option<&[HeapSite]>,
    ) -> Vec<HotLoop> {
        let column = |name: &str| table.columns.iter().position(|column| column.name == name);
        let number = |row: &[Value], name: &str| match row.get(column(name)?)? {
            Value::Number(number) => Some(*number),
            _ => None,
        };
        let text = |row: &[Value], name: &str| match row.get(column(name)?)? {
            Value::Text(text) => Some(text.to_string()),
            _ => None,
        };
        let found = |row: &Vec<Value>| {
            let (pc, end) = (number(row, "pc")? as u32, number(row, "end")? as u32);
            let instr: u64 = self.operators.range(pc..=end).map(|(_, count)| count).sum();
            let trips = number(row, "iterations")?;
            let entries = number(row, "entries").unwrap_or(0);
            let line = map.and_then(|map| map.line(WasmPc(pc)));
            let found = HotLoop {
                file: line
                    .as_ref()
                    .map_or_else(String::new, |line| name_of(&line.file).to_owned()),
                line: line.map_or(0, |line| line.line),
                function: readable(&text(row, "name")?),
                entries,
                trips,
                average: if entries == 0 {
                    0.0
                } else {
                    trips as f64 / entries as f64
                },
                instr_percent: self.percent(instr),
                allocs: sites.map(|sites| loop_allocs(sites, pc, end)),
            };
            Some((instr, pc, found))
        };
        let mut hot: Vec<(u64, u32, HotLoop)> = table.rows.iter().filter_map(found).collect();
        hot.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        hot.truncate(KEPT);
        hot.into_iter().map(|(_, _, found)| found).collect()
    }
}
