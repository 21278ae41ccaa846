//! What executed at all. Each probe fires once and removes itself, so that a
//! program that has been seen runs at full speed.
//!
//! By instruction it is exact after traps and exits too: a straight line is
//! cut behind each operator that can leave it, and the probe of a piece sits
//! at the piece's last operator, so that it fires when all of it executed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use probity_engine::hook::{Action, Counters, Probe, Site};
use probity_engine::wasmparser::Operator;
use probity_engine::{Result, WasmPc};
use probity_probes::cfg::Cfg;
use probity_probes::events::can_leave;

use crate::analysis::{Analysis, Findings, Function, Instrument, Key, Run};
use crate::options::{OptionInfo, Options};
use crate::report::table::{Column, Fact, Kind, Table, Value};

/// What one thing to cover is.
pub(crate) const GRANULARITY: OptionInfo = OptionInfo {
    name: "granularity",
    default: "instruction",
    help: "what is covered or not: each function, block (when entered) or instruction",
    values: &["function", "block", "instruction"],
};

#[derive(Clone, Copy, PartialEq)]
enum Granularity {
    Function,
    Block,
    Instruction,
}

pub(crate) struct Coverage {
    granularity: Granularity,
    functions: HashMap<Key, Seen>,
}

/// What executed of one function, in all its instances.
struct Seen {
    pieces: Vec<Piece>,
    /// One for each piece: not 0 once it executed.
    fired: Counters,
    cfg: Option<Arc<Cfg>>,
    /// Indices of operators at which activations ended.
    ends: BTreeSet<usize>,
}

/// Operators `start..end` by index; the probe is before `probe`.
struct Piece {
    start: usize,
    end: usize,
    probe: Site,
}

impl Coverage {
    pub fn new(options: &Options) -> Coverage {
        Coverage {
            granularity: match options.get(GRANULARITY.name) {
                "function" => Granularity::Function,
                "block" => Granularity::Block,
                _ => Granularity::Instruction,
            },
            functions: HashMap::new(),
        }
    }

    fn pieces(&self, operators: &[(WasmPc, Operator<'_>)], cfg: &Cfg) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for block in cfg.blocks() {
            let mut start = block.start as usize;
            for index in block.instrs() {
                let last = index + 1 == block.end as usize;
                let cut =
                    self.granularity == Granularity::Instruction && can_leave(&operators[index].1);
                if last || cut {
                    let probe = match self.granularity {
                        Granularity::Instruction => index,
                        _ => start,
                    };
                    pieces.push(Piece {
                        start,
                        end: index + 1,
                        probe: Site::Before(operators[probe].0),
                    });
                    start = index + 1;
                }
            }
        }
        pieces
    }
}

impl Analysis for Coverage {
    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        if !self.functions.contains_key(&at.key) {
            let (pieces, cfg) = match self.granularity {
                Granularity::Function => (vec![Piece::function()], None),
                _ => (self.pieces(&at.operators()?, &*at.cfg()?), Some(at.cfg()?)),
            };
            let seen = Seen {
                fired: Counters::new(pieces.len()),
                pieces,
                cfg,
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
                let action = Action::CountAdd {
                    counters: seen.fired.clone(),
                    index,
                    n: 1,
                };
                at.probes
                    .insert(at.func, piece.probe, Probe::new(action).one_shot())?;
            }
        }
        Ok(())
    }

    fn unwound(&mut self, key: Key, pc: WasmPc) {
        if let Some(seen) = self.functions.get_mut(&key)
            && let Some(index) = seen.cfg.as_ref().and_then(|cfg| cfg.index_of(pc))
        {
            seen.ends.insert(index);
        }
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let mut columns = run.function_columns("index");
        columns.extend([
            Column::new("total", Kind::Count),
            Column::new("covered", Kind::Count),
            Column::new("percent", Kind::Percent),
            Column::new("covered_ranges", Kind::Ranges),
            Column::new("uncovered_ranges", Kind::Ranges),
        ]);
        let mut table = Table::new("functions", columns, None);
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
        }
    }
}

impl Coverage {
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
        let mut states = Vec::new();
        let fresh;
        let pieces = match seen {
            Some(seen) => &seen.pieces,
            None => {
                fresh = self.pieces(&operators, &Cfg::new(&operators));
                &fresh
            }
        };
        for (at, piece) in pieces.iter().enumerate() {
            let fired = seen.is_some_and(|seen| seen.fired.get(at) > 0);
            if self.granularity == Granularity::Block {
                states.push((pc(piece.start), pc(piece.end), fired));
                continue;
            }
            // Where the furthest activation that ended inside stopped.
            let stop = seen.and_then(|seen| seen.ends.range(piece.start..piece.end).next_back());
            let covered = |index| fired || stop.is_some_and(|&stop| index <= stop);
            let items = piece.start..piece.end;
            states.extend(items.map(|index| (pc(index), pc(index + 1), covered(index))));
        }
        states
    }
}

impl Piece {
    fn function() -> Piece {
        Piece {
            start: 0,
            end: 0,
            probe: Site::Entry,
        }
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
