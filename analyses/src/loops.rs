//! Entries and iterations of each loop. An iteration begins each time that
//! control reaches the `loop` operator, by falling into it (an entry) or by a
//! branch back.

use std::collections::HashMap;

use probity_engine::hook::Counters;
use probity_engine::wasmparser::Operator;
use probity_engine::{Result, WasmPc};
use probity_probes::cfg::Cfg;
use probity_probes::counts::FunctionCounts;
use probity_probes::events::{Branch, BranchKind};

use crate::analysis::{Analysis, Findings, Instrument, Key, Run};
use crate::options::Options;
use crate::report::table::{Column, Fact, Kind, Table, Value};

pub(crate) struct Loops {
    zero: bool,
    /// Both ways of each guard of a function's loops, in their order.
    guards: HashMap<Key, Counters>,
}

impl Loops {
    pub fn new(options: &Options) -> Loops {
        Loops {
            zero: options.zero(),
            guards: HashMap::new(),
        }
    }
}

/// How control falls into a loop.
enum Entry {
    /// At the start of the function.
    Function,
    /// From the operator of this index, whenever it completes.
    From(usize),
    /// From the `if` or `br_if` of this index, when it goes this way.
    Guard(usize, usize),
    /// Never.
    Dead,
    /// From a branch on a reference, or a call that may be caught.
    Unknown,
}

impl Analysis for Loops {
    fn wants_counts(&self) -> bool {
        true
    }

    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        let (operators, cfg) = (at.operators()?, at.cfg()?);
        let guards: Vec<usize> = guards(&operators, &cfg).collect();
        if guards.is_empty() {
            return Ok(());
        }
        let counters = self.guards.entry(at.key);
        let counters = counters.or_insert_with(|| Counters::new(2 * guards.len()));
        for (slot, index) in guards.into_iter().enumerate() {
            let guard = Branch {
                index,
                pc: operators[index].0,
                kind: BranchKind::Condition,
            };
            guard.count(at.probes, at.func, counters, 2 * slot)?;
        }
        Ok(())
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let mut columns = run.function_columns("func");
        columns.extend([
            Column::new("pc", Kind::Pc),
            Column::new("end", Kind::Pc),
            Column::new("depth", Kind::Index),
            Column::new("entries", Kind::Count),
            Column::new("iterations", Kind::Count),
            Column::new("average", Kind::Average),
        ]);
        let mut table = Table::new("loops", columns, Some("iterations"));
        for function in run.functions(self.zero) {
            let who = run.function_cells(&function);
            let operators = function.operators();
            let cfg = Cfg::new(&operators);
            let mut slots = 0..;
            for item in cfg.loops() {
                let entry = entry(&operators, &cfg, item.header as usize);
                let guard = match entry {
                    Entry::Guard(_, way) => slots.next().map(|slot: usize| 2 * slot + way),
                    _ => None,
                };
                let guarded = || Some(self.guards.get(&function.key)?.get(guard?));
                let counts = function.counts.as_ref();
                let iterations = counts.map_or(0, |counts| counts.instr(item.header as usize));
                if iterations == 0 && !self.zero {
                    continue;
                }
                let entries = counts.and_then(|counts| entries(&entry, counts, guarded));
                let mut row = who.clone();
                row.extend([
                    cfg.pcs()[item.header as usize].into(),
                    cfg.pcs()[item.end as usize].into(),
                    item.depth.into(),
                    entries.map_or(Value::Nothing, Value::from),
                    iterations.into(),
                    match entries {
                        None | Some(0) => Value::Nothing,
                        Some(entries) => (iterations as f64 / entries as f64).into(),
                    },
                ]);
                table.push(row);
            }
        }
        Findings {
            facts: vec![Fact::new(
                "iterations",
                Kind::Count,
                table.sum("iterations"),
            )],
            tables: vec![table],
        }
    }
}

/// The guards that need counters, in the order of their loops.
fn guards(operators: &[(WasmPc, Operator<'_>)], cfg: &Cfg) -> impl Iterator<Item = usize> {
    cfg.loops()
        .iter()
        .filter_map(|item| match entry(operators, cfg, item.header as usize) {
            Entry::Guard(index, _) => Some(index),
            _ => None,
        })
}

fn entry(operators: &[(WasmPc, Operator<'_>)], cfg: &Cfg, header: usize) -> Entry {
    let Some(before) = header.checked_sub(1) else {
        return Entry::Function;
    };
    let to = cfg.block_of(header) as u32;
    let from = cfg
        .edges()
        .iter()
        .filter(|edge| edge.1 == to && edge.0 < to);
    let last = |block: u32| cfg.blocks()[block as usize].end as usize - 1;
    // An `if` right before the loop enters it when true, one whose `else` is
    // right before it when false.
    let guard = from
        .clone()
        .map(|&(block, _)| last(block))
        .find_map(|at| match operators[at].1 {
            Operator::If { .. } => Some(Entry::Guard(at, usize::from(at == before))),
            Operator::BrIf { .. } if at == before => Some(Entry::Guard(at, 0)),
            _ => None,
        });
    let falls = from.clone().any(|&(block, _)| last(block) == before);
    guard.unwrap_or_else(|| match operators[before].1 {
        _ if !falls => Entry::Dead,
        Operator::BrOnNull { .. }
        | Operator::BrOnNonNull { .. }
        | Operator::BrOnCast { .. }
        | Operator::BrOnCastFail { .. } => Entry::Unknown,
        _ => {
            let block = cfg.block_of(before) as u32;
            match cfg.edges().iter().filter(|edge| edge.0 == block).count() {
                1 => Entry::From(before),
                _ => Entry::Unknown,
            }
        }
    })
}

fn entries(
    entry: &Entry,
    counts: &FunctionCounts,
    guarded: impl Fn() -> Option<u64>,
) -> Option<u64> {
    match entry {
        Entry::Function => Some(counts.entries()),
        Entry::From(before) => Some(counts.completed(*before)),
        Entry::Guard(..) => guarded(),
        Entry::Dead => Some(0),
        Entry::Unknown => None,
    }
}
