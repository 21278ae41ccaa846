//! From what the operators of a function did to lines, functions and branches of its source.
//!
//! - A line executed as often as the most executed of its operators. Where a function exists
//!   several times (instances of a generic one, inlined copies), that is added up over the
//!   copies, so that a line of a function that is inlined into two others has the executions
//!   of both. The highest count and not the sum, because the compiler spreads a line over
//!   several places.
//! - Structural operators (`end`, for example) have no line of their own: compilers give them the
//!   line of what is in front of them, but control comes to them from elsewhere. They count only
//!   where the compiler begins a line with them.
//! - A function was entered as often as its code was called, and as often as the first operator
//!   of each inlined copy executed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use probity_engine::WasmPc;
use probity_engine::wasmparser::Operator;
use probity_probes::cfg::Cfg;
use probity_probes::demangle::demangle;
use probity_probes::events::{Branch, BranchKind};
use probity_probes::labels::Labels;
use probity_probes::source::{FunctionCode, SourceFunction as Declared, SourceMap, SourceRow};

use super::data::{FileCoverage, SourceBranch, SourceFunction, SourceWay};
use super::file_filter::FileFilter;
use super::files::FileSum;
use crate::analysis::Function;

/// What is known of one function's run.
pub(super) struct Executed<'a> {
    pub function: &'a Function<'a>,
    pub operators: &'a [(WasmPc, Operator<'a>)],
    /// Executions of each operator.
    pub counts: &'a [u64],
    /// How often each way of each branch was taken.
    pub branches: &'a [(Branch, Vec<u64>)],
}

/// The source files of a module.
pub(super) struct Files<'f> {
    filter: &'f FileFilter,
    sums: Vec<(Arc<str>, FileSum)>,
    /// `None` for files that are not of interest.
    known: HashMap<Arc<str>, Option<u32>>,
}

/// What a branch is known by: its file, line and column, the lines that it leads to, and the copy that
/// it is in.
type BranchKey = (u32, u32, u32, Vec<u32>, Option<u32>);

/// Where an operator comes from.
#[derive(Clone, Copy)]
struct Spot {
    /// The inlined copy that it is in.
    copy: Option<u32>,
    /// `None` for files that are not of interest.
    file: Option<u32>,
    /// 0 if there is none.
    line: u32,
    column: u32,
    /// Whether the line may be told by it.
    tells: bool,
}

impl<'f> Files<'f> {
    pub fn new(filter: &'f FileFilter) -> Files<'f> {
        Files {
            filter,
            sums: Vec::new(),
            known: HashMap::new(),
        }
    }

    pub fn finish(self) -> Vec<FileCoverage> {
        let files = self.sums.into_iter();
        let mut files: Vec<FileCoverage> = files
            .map(|(path, sum)| sum.finish(path.to_string()))
            .filter(|file| !file.lines.is_empty() || !file.functions.is_empty())
            .collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    }

    /// Adds what a function did.
    pub fn add(&mut self, source: &SourceMap, executed: &Executed<'_>) {
        let body = executed.function.info.body().unwrap_or(0..0);
        let rows: Vec<SourceRow<'_>> = source.rows(body.clone()).collect();
        let Some(first) = rows.iter().find(|row| row.line > 0) else {
            return;
        };
        let code = source.function(WasmPc(executed.operators[0].0.0));
        let spots = self.spots(executed.operators, &rows, code);
        self.lines(&spots, executed.counts);
        self.branches(&spots, executed);
        let declared = match code {
            Some(code) => code.function().clone(),
            None => {
                let name = executed.function.name();
                Arc::new(Declared {
                    name: demangle(&name).map_or(name, Into::into),
                    place: None,
                })
            }
        };
        let begins = (self.file(first.file), first.line);
        self.functions(&spots, executed, &declared, begins, code);
    }

    fn file(&mut self, path: &Arc<str>) -> Option<u32> {
        if let Some(&known) = self.known.get(path) {
            return known;
        }
        let taken = !path.is_empty() && self.filter.takes(path);
        let index = taken.then(|| {
            self.sums.push((path.clone(), FileSum::default()));
            self.sums.len() as u32 - 1
        });
        self.known.insert(path.clone(), index);
        index
    }

    fn sum(&mut self, file: u32) -> &mut FileSum {
        &mut self.sums[file as usize].1
    }

    fn spots(
        &mut self,
        operators: &[(WasmPc, Operator<'_>)],
        rows: &[SourceRow<'_>],
        code: Option<&FunctionCode>,
    ) -> Vec<Spot> {
        let files: Vec<Option<u32>> = rows.iter().map(|row| self.file(row.file)).collect();
        let mut rows = rows.iter().zip(files).peekable();
        let mut spots = Vec::with_capacity(operators.len());
        for (index, (pc, op)) in operators.iter().enumerate() {
            while rows.next_if(|(row, _)| row.end <= pc.0).is_some() {}
            let (mut file, mut line, mut column, mut begins) = (None, 0, 0, false);
            if let Some((row, of)) = rows.peek().filter(|(row, _)| row.start <= pc.0) {
                (file, line, column) = (*of, row.line, row.column);
                begins = row.start == pc.0;
            }
            let tells = match op {
                Operator::End => begins && index + 1 == operators.len(),
                Operator::Else => false,
                op if is_structural(op) => begins,
                _ => true,
            };
            spots.push(Spot {
                copy: code.and_then(|code| code.innermost(pc.0)),
                file,
                line,
                column,
                tells,
            });
        }
        spots
    }

    fn lines(&mut self, spots: &[Spot], counts: &[u64]) {
        let mut highest: BTreeMap<(u32, u32, Option<u32>), u64> = BTreeMap::new();
        for (spot, &count) in spots.iter().zip(counts) {
            if let Some(file) = spot.file
                && spot.tells
                && spot.line > 0
            {
                let line = highest.entry((file, spot.line, spot.copy)).or_default();
                *line = count.max(*line);
            }
        }
        for ((file, line, _), count) in highest {
            self.sum(file).line(line, count);
        }
    }

    fn branches(&mut self, spots: &[Spot], executed: &Executed<'_>) {
        let interesting =
            |branch: &Branch| spots[branch.index].file.is_some() && spots[branch.index].line > 0;
        if !executed
            .branches
            .iter()
            .any(|(branch, _)| interesting(branch))
        {
            return;
        }
        let landings = Landings::new(executed.operators);
        // How many there have been.
        let mut seen: HashMap<BranchKey, u32> = HashMap::new();
        for (branch, ways) in executed.branches.iter().filter(|(b, _)| interesting(b)) {
            let spot = spots[branch.index];
            let Some(file) = spot.file else {
                continue;
            };
            let mut to: Vec<SourceWay> = Vec::new();
            let mut lands: Vec<usize> = Vec::new();
            for (way, &count) in ways.iter().enumerate() {
                let landing = landings.of(branch, way);
                let again = lands.iter().position(|&other| other == landing);
                // Cases of a `switch` that share an arm are one way.
                if let (BranchKind::Table(_), Some(at)) = (branch.kind, again) {
                    to[at].count = to[at].count.saturating_add(count);
                    continue;
                }
                lands.push(landing);
                let to_line = landings.line(landing, executed.operators, spots);
                to.push(SourceWay { to_line, count });
            }
            // Whether a condition is taken or not where it holds is the compiler's choice, in each
            // copy anew.
            to.sort_by_key(|way| way.to_line);
            let leads_to = to.iter().map(|way| way.to_line).collect();
            let key = (file, spot.line, spot.column, leads_to, spot.copy);
            let ordinal = seen.entry(key).or_default();
            let branch = SourceBranch {
                line: spot.line,
                column: spot.column,
                ordinal: *ordinal,
                ways: to,
            };
            *ordinal += 1;
            self.sum(file).branch(&branch);
        }
    }

    fn functions(
        &mut self,
        spots: &[Spot],
        executed: &Executed<'_>,
        declared: &Declared,
        begins: (Option<u32>, u32),
        code: Option<&FunctionCode>,
    ) {
        // Of each copy: executions of its first operator, whether any executed, and the
        // last line of each file.
        let mut copies: BTreeMap<Option<u32>, (u64, bool)> = BTreeMap::new();
        let mut last_lines: BTreeMap<(Option<u32>, u32), u32> = BTreeMap::new();
        for (spot, &count) in spots.iter().zip(executed.counts) {
            let (_, any) = copies.entry(spot.copy).or_insert((count, false));
            *any |= count > 0;
            if let Some(file) = spot.file {
                let line = last_lines.entry((spot.copy, file)).or_default();
                *line = spot.line.max(*line);
            }
        }
        let entries = executed.function.counts.as_ref().map_or(0, |c| c.entries());
        copies.insert(None, (entries, false));
        for (copy, (first, any)) in copies {
            let inlined = copy.and_then(|at| code?.inlined().get(at as usize));
            let declared = inlined.map_or(declared, |inlined| &inlined.function);
            let (file, line) = match (&declared.place, inlined) {
                (Some(place), _) if place.line > 0 => (self.file(&place.file), place.line),
                (_, None) => begins,
                _ => continue,
            };
            let Some(file) = file else {
                continue;
            };
            let last = last_lines.get(&(copy, file)).copied().unwrap_or(line);
            self.sum(file).function(SourceFunction {
                name: declared.name.to_string(),
                line,
                end_line: last.max(line),
                count: first.max(u64::from(any)),
            });
        }
    }
}

/// Whether an operator does nothing but give control a form.
fn is_structural(op: &Operator<'_>) -> bool {
    matches!(
        op,
        Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::TryTable { .. }
            | Operator::Else
            | Operator::End
            | Operator::Nop
    )
}

/// Where branches go on.
struct Landings {
    labels: Labels,
    cfg: Cfg,
}

impl Landings {
    fn new(operators: &[(WasmPc, Operator<'_>)]) -> Landings {
        Landings {
            labels: Labels::new(operators),
            cfg: Cfg::new(operators),
        }
    }

    /// The operator where a way of a branch lands.
    fn of(&self, branch: &Branch, way: usize) -> usize {
        let behind = branch.index + 1;
        if let BranchKind::Table(_) = branch.kind {
            let targets = self.labels.targets(branch.index);
            return targets.get(way).copied().unwrap_or(behind);
        }
        match self.labels.targets(branch.index).first() {
            Some(&target) => [behind, target][way],
            // An `if`, whose true arm is behind it; a `select` goes on there in any case.
            None => match self.cfg.two_ways(branch.index) {
                Some((_, elsewhere)) if way == 0 => {
                    let block = self.cfg.blocks().get(elsewhere);
                    block.map_or(behind, |block| block.start as usize)
                }
                _ => behind,
            },
        }
    }

    /// The line of what is first executed there; 0 if that is of none.
    fn line(&self, landing: usize, operators: &[(WasmPc, Operator<'_>)], spots: &[Spot]) -> u32 {
        let rest = operators.iter().zip(spots).skip(landing);
        let mut rest = rest.take_while(|((_, op), _)| !matches!(op, Operator::Else));
        let first = rest.find(|((_, op), _)| !is_structural(op));
        first.map_or(0, |(_, spot)| spot.line)
    }
}
