//! Which way control goes, by counting: where something decides, every way has a counter, and whoever fires behind
//! it sees whether the ways that it is about have become more.
//!
//! So the rounds of a loop that come from outside are told from those that come back: a round for which the ways back
//! have not changed is an entry. Where nothing has to be computed, entries are the rounds less the ways back.
//!
//! Between a way back and the `loop` operator the guest executes nothing. A
//! run that is ended just there from outside (a timeout, Ctrl-C) has a way back
//! without its round: one entry is then missing.

use probity_engine::hook::{Action, Counters, Probe, ProbeId, Probes, Site};
use probity_engine::wasmparser::Operator;
use probity_engine::{Func, Result, WasmPc};

use super::body::Body;
use super::spec::Structure;
use crate::events;
use crate::labels::Labels;

/// Counts of some ways.
#[derive(Debug, Clone)]
pub(super) struct Ways {
    counters: Counters,
    /// Those counters among them that these ways have: the others have other ways.
    ours: Vec<usize>,
    /// The loop that they lead to, if exceptions may lead there too.
    header: Option<WasmPc>,
}

impl Ways {
    /// Counts the ways back to the loop whose `loop` operator has the index `header`.
    pub fn back(
        probes: &mut Probes<'_>,
        func: Func,
        body: &Body<'_>,
        header: usize,
        placed: &mut Vec<ProbeId>,
    ) -> Result<Ways> {
        let cfg = body.cfg();
        let to = cfg.block_of(header) as u32;
        let sources = cfg.edges_to(to).filter(|&from| from >= to);
        let labels = Labels::new(&body.operators);
        let sources = sources.map(|from| {
            let at = cfg.blocks()[from as usize].end as usize - 1;
            let ours = match &body.operators[at].1 {
                Operator::Br { .. } => vec![0],
                Operator::BrTable { .. } => {
                    let targets = labels.targets(at).iter().enumerate();
                    let ours = targets.filter(|(_, to)| **to == header);
                    ours.map(|(way, _)| way).collect()
                }
                // Not taken, taken.
                _ => vec![1],
            };
            (at, ours)
        });
        let header = Some(body.operators[header].0);
        Ways::count(probes, func, body, sources.collect(), header, placed)
    }

    /// Counts the ways of an edge from the operator of this index, if it decides about that: `None` if it is
    /// taken whenever the operator executes.
    pub fn edge(
        probes: &mut Probes<'_>,
        func: Func,
        body: &Body<'_>,
        (at, structure): (usize, Structure),
        placed: &mut Vec<ProbeId>,
    ) -> Result<Option<Ways>> {
        let taken = structure == Structure::EdgeTaken;
        let ours = match &body.operators[at].1 {
            // The way behind it is that for what is not zero.
            Operator::If { .. } => usize::from(!taken),
            op if decides(op) => usize::from(taken),
            _ => return Ok(None),
        };
        let sources = vec![(at, vec![ours])];
        Ways::count(probes, func, body, sources, None, placed).map(Some)
    }

    /// Counts ways of operators, given by index with those of its ways that are meant.
    fn count(
        probes: &mut Probes<'_>,
        func: Func,
        body: &Body<'_>,
        sources: Vec<(usize, Vec<usize>)>,
        header: Option<WasmPc>,
        placed: &mut Vec<ProbeId>,
    ) -> Result<Ways> {
        // Slot 0 is for exceptions that land on the loop.
        let mut ours = vec![0];
        let mut len = 1;
        let mut branches = Vec::new();
        for (at, ways) in sources {
            let (pc, op) = &body.operators[at];
            let branch = events::branch_of(at, *pc, op);
            ours.extend(ways.into_iter().map(|way| len + way));
            branches.push((*pc, branch, len));
            len += branch.map_or(1, |branch| branch.ways());
        }
        let counters = Counters::new(len);
        for (pc, branch, first) in branches {
            placed.push(match branch {
                Some(branch) => branch.count(probes, func, &counters, first)?,
                None => {
                    let action = Action::CountAdd {
                        counters: counters.clone(),
                        index: first,
                        n: 1,
                    };
                    probes.insert(func, Site::Before(pc), Probe::new(action))?
                }
            });
        }
        Ok(Ways {
            counters,
            ours,
            header,
        })
    }

    /// How often control has gone these ways.
    pub fn taken(&self) -> u64 {
        self.ours.iter().map(|&at| self.counters.get(at)).sum()
    }

    /// An exception was caught: by the loop, or by something else.
    pub fn caught_at(&self, pc: WasmPc) {
        if self.header == Some(pc) {
            self.counters.add(0, 1);
        }
    }
}

/// Whether an operator chooses between the operator behind it and another place.
pub(super) fn decides(op: &Operator<'_>) -> bool {
    matches!(
        op,
        Operator::If { .. }
            | Operator::BrIf { .. }
            | Operator::BrOnNull { .. }
            | Operator::BrOnNonNull { .. }
            | Operator::BrOnCast { .. }
            | Operator::BrOnCastFail { .. }
    )
}

/// The edges from the last operator of a block: whether one leads elsewhere, and whether one to the operator behind it.
pub(super) fn edges_of(op: &Operator<'_>) -> (bool, bool) {
    let always = matches!(
        op,
        Operator::Br { .. } | Operator::BrTable { .. } | Operator::Else
    );
    (always || decides(op), !always)
}
