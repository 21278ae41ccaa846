//! Telling the rounds of a loop that come from outside from those that come back:
//! every way back is counted, so a round for which that count has not changed is an
//! entry. Where nothing has to be computed, entries are the rounds less the ways back.
//!
//! Between a way back and the `loop` operator the guest executes nothing. A
//! run that is ended just there from outside (a timeout, Ctrl-C) has a way back
//! without its round: one entry is then missing.

use probity_engine::hook::{Action, Counters, Probe, ProbeId, Probes, Site};
use probity_engine::wasmparser::Operator;
use probity_engine::{Func, Result, WasmPc};

use super::body::Body;
use crate::events;
use crate::labels::Labels;

/// Counts of the ways back to one loop.
#[derive(Debug, Clone)]
pub(super) struct BackEdges {
    counters: Counters,
    /// Those counters among them that are ways back: the others are ways on.
    back: Vec<usize>,
    header: WasmPc,
}

impl BackEdges {
    /// Counts the ways back to the loop whose `loop` operator has the index `header`.
    pub fn count(
        probes: &mut Probes<'_>,
        func: Func,
        body: &Body<'_>,
        header: usize,
        placed: &mut Vec<ProbeId>,
    ) -> Result<BackEdges> {
        let cfg = body.cfg();
        let to = cfg.block_of(header) as u32;
        let sources = cfg.edges_to(to).filter(|&from| from >= to);
        let sources: Vec<usize> = sources
            .map(|from| cfg.blocks()[from as usize].end as usize - 1)
            .collect();

        let labels = Labels::new(&body.operators);
        // Slot 0 is for exceptions that land on the loop.
        let mut back = vec![0];
        let mut len = 1;
        let mut branches = Vec::new();
        for &at in &sources {
            let (pc, op) = &body.operators[at];
            let ways = match op {
                Operator::Br { .. } => {
                    back.push(len);
                    1
                }
                Operator::BrTable { .. } => {
                    let all = labels.targets(at);
                    let ours = all.iter().enumerate().filter(|(_, to)| **to == header);
                    back.extend(ours.map(|(way, _)| len + way));
                    all.len()
                }
                // Not taken, taken.
                _ => {
                    back.push(len + 1);
                    2
                }
            };
            branches.push((*pc, at, len));
            len += ways;
        }

        let counters = Counters::new(len);
        for (pc, at, first) in branches {
            let branch = events::branch_of(at, pc, &body.operators[at].1);
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
        Ok(BackEdges {
            counters,
            back,
            header: body.operators[header].0,
        })
    }

    /// How often control has come back.
    pub fn taken(&self) -> u64 {
        self.back.iter().map(|&at| self.counters.get(at)).sum()
    }

    /// An exception was caught: by the loop, or by something else.
    pub fn caught_at(&self, pc: WasmPc) {
        if pc == self.header {
            self.counters.add(0, 1);
        }
    }
}
