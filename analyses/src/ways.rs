//! How often each way of each branch was taken, for the analyses that want it: what the
//! counts of blocks tell, and counters for the rest.

use std::collections::HashMap;

use probity_engine::hook::Counters;
use probity_engine::wasmparser::Operator;
use probity_engine::{Result, WasmPc};
use probity_probes::counts::FunctionCounts;
use probity_probes::events::{Branch, BranchKind, branches};
use probity_probes::told::Told;
use probity_probes::wanted::Wanted;

use crate::analysis::{Function, Instrument, Key};

/// Counters of all branches of functions.
#[derive(Default)]
pub(crate) struct Ways {
    /// The ways of all branches of a function, one branch after the other,
    /// for all its instances.
    counters: HashMap<Key, Counters>,
}

impl Ways {
    /// Which execution counts of a function are needed to tell.
    pub fn wants_counts(at: &Instrument<'_, '_, '_>) -> Result<Wanted> {
        let mut wanted = Wanted::nothing();
        for branch in branches(&at.operators()?) {
            let cfg = at.cfg()?;
            // What is not told by the counts of blocks is by that of the operator, in part.
            match (branch.kind, Told::by(&cfg, branch.index)) {
                (BranchKind::Table(_), _) => {}
                (_, Some(told)) => told.want(&cfg, &mut wanted),
                (BranchKind::Condition, None) => wanted.add(&cfg, branch.index),
                (BranchKind::Reference(_), None) => {}
            }
        }
        Ok(wanted)
    }

    /// Counts what the counts of blocks do not tell.
    pub fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        let branches = branches(&at.operators()?);
        let ways = branches.iter().map(|branch| branch.ways()).sum();
        let counters = self.counters.entry(at.key);
        let counters = counters.or_insert_with(|| Counters::new(ways));
        let mut first = 0;
        for branch in branches {
            if !told_by_counts(at, &branch)? {
                match branch.kind {
                    BranchKind::Condition => {
                        branch.count_taken(at.probes, at.func, counters, first + 1)?
                    }
                    _ => branch.count(at.probes, at.func, counters, first)?,
                };
            }
            first += branch.ways();
        }
        Ok(())
    }

    /// The branches of a function with the count of each way: not taken and taken, or each
    /// target with the default last. 0 in what never started.
    pub fn of(
        &self,
        function: &Function<'_>,
        operators: &[(WasmPc, Operator<'_>)],
    ) -> Vec<(Branch, Vec<u64>)> {
        let counters = self.counters.get(&function.key);
        let mut first = 0;
        let ways = branches(operators).into_iter().map(|branch| {
            let way = |at: usize| counters.map_or(0, |counters| counters.get(at));
            let mut counted: Vec<u64> = (first..first + branch.ways()).map(way).collect();
            first += branch.ways();
            let op = &operators[branch.index].1;
            let counts = function.counts.as_ref();
            if let Some(ways) = counts.and_then(|counts| told(counts, &branch, op)) {
                return (branch, ways);
            }
            if let (BranchKind::Condition, Some(counts)) = (branch.kind, counts) {
                let reached = counts.instr(branch.index);
                counted[0] = reached.saturating_sub(counted[1]);
            }
            (branch, counted)
        });
        ways.collect()
    }
}

/// Whether the ways of a branch follow from the counts of blocks.
fn told_by_counts(at: &Instrument<'_, '_, '_>, branch: &Branch) -> Result<bool> {
    Ok(match branch.kind {
        BranchKind::Table(_) => false,
        BranchKind::Condition | BranchKind::Reference(_) => {
            Told::by(&*at.cfg()?, branch.index).is_some()
        }
    })
}

/// The ways of a branch, if they follow from the counts of blocks.
fn told(counts: &FunctionCounts, branch: &Branch, op: &Operator<'_>) -> Option<Vec<u64>> {
    if let BranchKind::Table(_) = branch.kind {
        return None;
    }
    let [behind, elsewhere] = Told::by(counts.cfg(), branch.index)?.ways(counts);
    // Behind an `if` is its true arm.
    Some(match op {
        Operator::If { .. } => vec![elsewhere, behind],
        _ => vec![behind, elsewhere],
    })
}
