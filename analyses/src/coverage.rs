//! What executed at all. Where code may be compiled that follows from the counts of blocks, which cost least there, and
//! nothing where another analysis has them counted anyway. Where all is interpreted, each probe fires once and removes
//! itself, so that a program that has been seen runs at full speed.
//!
//! By instruction it is exact after traps, exits and exceptions too: such a probe sits at the last operator of a
//! block, so that it fires when all of the block executed; and where a block was left from within is learnt when it is.

mod collect;
mod data;
mod diff;
mod file_filter;
mod files;
mod merge;
mod source;
pub(crate) mod tables;

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use probity_engine::hook::{Action, Counters, Probe, Site};
use probity_engine::{Func, Result, WasmPc};
use probity_probes::cfg::{Block, Cfg};
use probity_probes::counts::FunctionCounts;
use probity_probes::unwind::Unwind;
use probity_probes::wanted::Wanted;

use crate::analysis::{Analysis, Findings, Function, Instrument, Key, Run};
use crate::export::{Data, DataKind};
use crate::options::{OptionInfo, Options};
use crate::report::table::{Column, Fact, Kind, Table, Value};

use collect::Collector;
pub use data::*;
pub use diff::{CoverageDiff, FileDiff};
pub(crate) use file_filter::{FILES, FileFilter};
pub(crate) use files::FileSum;
pub use files::{FileTotals, Share};

/// What one thing to cover is.
pub(crate) const GRANULARITY: OptionInfo = OptionInfo {
    name: "granularity",
    default: "instruction",
    help: "what is covered or not: each function, block (when entered), instruction, or source line",
    values: &["function", "block", "instruction", "line"],
};

#[derive(Clone, Copy, PartialEq)]
enum Granularity {
    Function,
    Block,
    Instruction,
}

pub(crate) struct Coverage {
    granularity: Granularity,
    /// Source lines alone, which are known from counts.
    only_lines: bool,
    functions: HashMap<Key, Seen>,
    files: FileFilter,
    /// If exports want it.
    collector: Option<Collector>,
}

/// What executed of one function, in all its instances.
struct Seen {
    pieces: Vec<Range<usize>>,
    /// One for each piece: not 0 once it executed.
    fired: Counters,
    cfg: Arc<Cfg>,
    /// Indices of operators before which straight lines ended.
    ends: BTreeSet<usize>,
}

impl Coverage {
    pub fn new(options: &Options) -> Coverage {
        let granularity = match options.get(GRANULARITY.name) {
            "function" => Granularity::Function,
            "block" => Granularity::Block,
            _ => Granularity::Instruction,
        };
        let files = FileFilter::parse(options.get(FILES.name));
        let only_lines = options.get(GRANULARITY.name) == "line";
        Coverage {
            granularity,
            only_lines,
            functions: HashMap::new(),
            collector: only_lines.then(|| Collector::new(files.clone())),
            files,
        }
    }

    /// Whether a function needs no probes of its own.
    fn follows_from_counts(&self, at: &Instrument<'_, '_, '_>) -> bool {
        self.granularity != Granularity::Function && at.probes.may_compile()
    }

    /// What has one probe, as operator indices; the function itself as none.
    fn pieces(&self, cfg: &Cfg) -> Vec<Range<usize>> {
        match self.granularity {
            Granularity::Function => std::iter::once(0..0).collect(),
            _ => cfg.blocks().iter().map(Block::instrs).collect(),
        }
    }

    fn site(&self, piece: &Range<usize>, cfg: &Cfg) -> Site {
        match self.granularity {
            Granularity::Function => Site::Entry,
            Granularity::Block => Site::Before(WasmPc(cfg.pcs()[piece.start])),
            Granularity::Instruction => Site::Before(WasmPc(cfg.pcs()[piece.end - 1])),
        }
    }
}

impl Analysis for Coverage {
    fn collect(&mut self, _kind: DataKind) {
        let files = &self.files;
        self.collector
            .get_or_insert_with(|| Collector::new(files.clone()));
    }

    fn wants_counts(&self, at: &Instrument<'_, '_, '_>) -> Result<Wanted> {
        Ok(
            match self.collector.is_some() || self.follows_from_counts(at) {
                true => Wanted::all(),
                false => Wanted::nothing(),
            },
        )
    }

    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        if let Some(collector) = &mut self.collector {
            collector.instrument(at)?;
        }
        if self.only_lines || self.follows_from_counts(at) {
            return Ok(());
        }
        let cfg = match self.granularity {
            Granularity::Function => Arc::default(),
            _ => at.cfg()?,
        };
        if !self.functions.contains_key(&at.key) {
            let pieces = self.pieces(&cfg);
            let seen = Seen {
                fired: Counters::new(pieces.len()),
                pieces,
                cfg: cfg.clone(),
                ends: BTreeSet::new(),
            };
            self.functions.insert(at.key, seen);
        }
        let Some(seen) = self.functions.get(&at.key) else {
            return Ok(());
        };
        for (index, piece) in seen.pieces.iter().enumerate() {
            // In a second instance, only what the first has not reached.
            if seen.fired.get(index) == 0 {
                let action = Action::Set {
                    counters: seen.fired.clone(),
                    index,
                };
                let probe = Probe::new(action).one_shot();
                at.probes.insert(at.func, self.site(piece, &cfg), probe)?;
            }
        }
        Ok(())
    }

    fn unwound(&mut self, key: Key, _func: Func, unwind: Unwind) {
        if let Some(seen) = self.functions.get_mut(&key)
            && let Some(index) = seen.cfg.index_of(unwind.pc)
        {
            seen.ends.insert(index + usize::from(unwind.executed));
        }
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let mut findings = match self.only_lines {
            true => Findings {
                facts: vec![Fact::new("granularity", Kind::Text, "line")],
                ..Findings::default()
            },
            false => self.by_function(run),
        };
        if let Some(collector) = &self.collector {
            let data = collector.finish(run);
            let (totals, files) = tables::files(&data);
            findings.facts.extend(tables::facts(&totals));
            findings.tables.push(files);
            findings.data = Some(Data::Coverage(data));
        }
        findings
    }
}

impl Coverage {
    /// What is covered of each function of the code.
    fn by_function(&self, run: &Run<'_>) -> Findings {
        let mut columns = run.function_columns("index");
        columns.extend([
            Column::new("total", Kind::Count),
            Column::new("covered", Kind::Count),
            Column::new("percent", Kind::Percent),
            Column::new("covered_ranges", Kind::Ranges),
            Column::new("uncovered_ranges", Kind::Ranges),
        ]);
        let mut table = Table::new("functions", columns, Some("covered")).without_share();
        let (mut functions, mut started) = (0u64, 0u64);
        for function in run.functions(true) {
            let states = self.states(&function);
            let total = states.len();
            let covered = states.iter().filter(|&&(_, _, covered)| covered).count();
            functions += 1;
            started += u64::from(covered > 0);
            let mut row = run.function_cells(&function);
            row.extend([
                total.into(),
                covered.into(),
                percent(covered as u64, total as u64),
                Value::Ranges(ranges(&states, true)),
                Value::Ranges(ranges(&states, false)),
            ]);
            table.push(row);
        }
        let granularity = match self.granularity {
            Granularity::Function => "function",
            Granularity::Block => "block",
            Granularity::Instruction => "instruction",
        };
        let (total, covered) = (table.sum("total"), table.sum("covered"));
        Findings {
            facts: vec![
                Fact::new("granularity", Kind::Text, granularity),
                Fact::new("total", Kind::Count, total),
                Fact::new("covered", Kind::Count, covered),
                Fact::new("percent", Kind::Percent, percent(covered, total)),
                Fact::new("functions_total", Kind::Count, functions),
                Fact::new("functions_covered", Kind::Count, started),
            ],
            tables: vec![table],
            ..Findings::default()
        }
    }

    /// Everything to cover in a function, in order: first and behind the last
    /// byte offset, and whether it executed.
    fn states(&self, function: &Function<'_>) -> Vec<(u32, u32, bool)> {
        let body = function.info.body().unwrap_or(0..0);
        let seen = self.functions.get(&function.key);
        if self.granularity == Granularity::Function {
            let covered = seen.is_some_and(|seen| seen.fired.get(0) > 0);
            return vec![(body.start, body.end, covered)];
        }
        let operators = function.operators();
        let pc = |index: usize| operators.get(index).map_or(body.end, |(pc, _)| pc.0);
        let by_block = self.granularity == Granularity::Block;
        let Some(seen) = seen else {
            // Most functions of a large module have no counts either, and never started.
            let counts = function.counts.as_ref();
            let parts = match (by_block, counts) {
                (true, Some(counts)) => self.pieces(counts.cfg()),
                (true, None) => self.pieces(&Cfg::new(&operators)),
                (false, _) => (0..operators.len()).map(|at| at..at + 1).collect(),
            };
            let executions = counts.map(FunctionCounts::instrs).unwrap_or_default();
            let covered = |at: usize| executions.get(at).is_some_and(|&times| times > 0);
            let state = |part: Range<usize>| (pc(part.start), pc(part.end), covered(part.start));
            return parts.into_iter().map(state).collect();
        };
        let mut states = Vec::new();
        for (at, piece) in seen.pieces.iter().enumerate() {
            let fired = seen.fired.get(at) > 0;
            if by_block {
                states.push((pc(piece.start), pc(piece.end), fired));
                continue;
            }
            // Where the furthest line that ended inside stopped; one that ended
            // at the end has fired.
            let stop = seen.ends.range(piece.start + 1..piece.end).next_back();
            let covered = |index| fired || stop.is_some_and(|&stop| index < stop);
            let states_of = |index| (pc(index), pc(index + 1), covered(index));
            states.extend(piece.clone().map(states_of));
        }
        states
    }
}

fn percent(covered: u64, total: u64) -> Value {
    match total {
        0 => Value::Nothing,
        _ => (covered as f64 * 100.0 / total as f64).into(),
    }
}

/// Neighbours of the wanted state, joined.
fn ranges(states: &[(u32, u32, bool)], wanted: bool) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &(start, end, _) in states.iter().filter(|&&(_, _, covered)| covered == wanted) {
        match ranges.last_mut() {
            Some(last) if last.1 == start => last.1 = end,
            _ => ranges.push((start, end)),
        }
    }
    ranges
}
