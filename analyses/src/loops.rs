//! Entries and iterations of each loop. An iteration begins each time that
//! control reaches the `loop` operator, by falling into it (an entry) or by a
//! branch back.

use std::collections::HashMap;

use probity_engine::hook::Counters;
use probity_engine::wasmparser::Operator;
use probity_engine::{Result, WasmPc};
use probity_probes::cfg::Cfg;
use probity_probes::events::{Branch, BranchKind, branches};
use probity_probes::loop_entry::Entry;
use probity_probes::told::Told;
use probity_probes::wanted::Wanted;

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

impl Analysis for Loops {
    fn wants_counts(&self, at: &Instrument<'_, '_, '_>) -> Result<Wanted> {
        let (operators, cfg) = (at.operators()?, at.cfg()?);
        let mut wanted = Wanted::nothing();
        for item in cfg.loops() {
            let header = item.header as usize;
            wanted.add(&cfg, header);
            match Entry::of(&operators, &cfg, header) {
                Entry::Function => wanted.add_entry(),
                Entry::From(before) => wanted.add(&cfg, before),
                Entry::Guard(..) | Entry::Dead => {}
            }
        }
        for guard in guards(&operators, &cfg) {
            match told(&guard, &cfg) {
                Some(told) => told.want(&cfg, &mut wanted),
                None if guard.kind == BranchKind::Condition => wanted.add(&cfg, guard.index),
                None => {}
            }
        }
        Ok(wanted)
    }

    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        let (operators, cfg) = (at.operators()?, at.cfg()?);
        let guards = guards(&operators, &cfg);
        if guards.is_empty() {
            return Ok(());
        }
        let counters = self.guards.entry(at.key);
        let counters = counters.or_insert_with(|| Counters::new(2 * guards.len()));
        for (slot, guard) in guards.iter().enumerate() {
            if told(guard, &cfg).is_none() {
                match guard.kind {
                    BranchKind::Condition => {
                        guard.count_taken(at.probes, at.func, counters, 2 * slot + 1)?
                    }
                    _ => guard.count(at.probes, at.func, counters, 2 * slot)?,
                };
            }
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
            let mut guards = guards(&operators, &cfg).into_iter().enumerate();
            for item in cfg.loops() {
                let entry = Entry::of(&operators, &cfg, item.header as usize);
                let guard = match entry {
                    Entry::Guard(..) => guards.next(),
                    _ => None,
                };
                let counts = function.counts.as_ref();
                let iterations = counts.map_or(0, |counts| counts.instr(item.header as usize));
                if iterations == 0 && !self.zero {
                    continue;
                }
                let entries = counts.and_then(|counts| match entry {
                    Entry::Function => Some(counts.entries()),
                    Entry::From(before) => Some(counts.completed(before)),
                    Entry::Guard(_, way) => {
                        let (slot, guard) = guard?;
                        let counted =
                            |way| Some(self.guards.get(&function.key)?.get(2 * slot + way));
                        match (told(&guard, &cfg), guard.kind, way) {
                            (Some(told), ..) => Some(told.ways(counts)[way]),
                            (None, BranchKind::Condition, 0) => {
                                Some(counts.instr(guard.index).saturating_sub(counted(1)?))
                            }
                            _ => counted(way),
                        }
                    }
                    Entry::Dead => Some(0),
                });
                // A limit may end the run between the entry and the loop.
                let entries = entries.map(|entries| entries.min(iterations));
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
            ..Findings::default()
        }
    }
}

/// What guards a loop, in the order of the loops.
fn guards(operators: &[(WasmPc, Operator<'_>)], cfg: &Cfg) -> Vec<Branch> {
    let branches = branches(operators);
    let branch = |index: usize| {
        let at = branches.binary_search_by_key(&index, |branch| branch.index);
        at.ok().map(|at| branches[at])
    };
    let guards = cfg.loops().iter().filter_map(|item| {
        match Entry::of(operators, cfg, item.header as usize) {
            Entry::Guard(index, _) => branch(index),
            _ => None,
        }
    });
    guards.collect()
}

/// The block that tells which way a guard on a reference went, if one does.
fn told(guard: &Branch, cfg: &Cfg) -> Option<Told> {
    match guard.kind {
        BranchKind::Reference(_) => Told::by(cfg, guard.index),
        _ => None,
    }
}
