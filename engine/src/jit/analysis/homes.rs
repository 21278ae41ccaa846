//! Which locals are better kept in their slots than found again at each site.
//!
//! A local that is live at a site has to be found there, and to say where it is costs the register
//! allocator more than all else (it takes half of the time to compile). A local that is stored to its
//! slot whenever it is set is always found there, so that sites need not know more; but each store
//! is executed. So this is for locals that are live at many sites and set at few places, as execution
//! goes: what is in a loop counts more.

use wasmparser::Operator;

use super::access::local_of;
use super::{Analysis, LoopInfo};

/// How many times as often as a loop's surroundings its inside is thought to run.
const ROUNDS_LOG2: u32 = 3;

/// Loops beyond this depth count no more.
const DEPTH_MAX: u32 = 6;

/// So many sites for so many stores make it worth its while.
const SITES: u64 = 3;
const STORES: u64 = 2;

impl Analysis {
    /// For each local, whether it is to be kept in its slot. At sites all locals matter that are live,
    /// or simply all; places that were only asked for may be sites or not.
    pub(crate) fn kept_locals(
        &self,
        ops: &[(Operator<'_>, u32)],
        num_locals: usize,
        all: bool,
    ) -> Vec<bool> {
        let (mut stores, mut sites) = (vec![0; num_locals], vec![0; num_locals]);
        let mut everywhere = 0;
        match all {
            true => stores.fill(1),
            false => self
                .live_at_entry()
                .iter()
                .for_each(|local| stores[local as usize] = 1),
        }
        let mut loops = self.loops.iter().peekable();
        let mut around: Vec<&LoopInfo> = Vec::new();
        let mut points = self.points.iter().peekable();
        for (at, (op, _)) in ops.iter().enumerate() {
            while around.pop_if(|open| open.end <= at).is_some() {}
            around.extend(loops.next_if(|info| info.op == at));
            let depth = (around.len() as u32).min(DEPTH_MAX);
            let weight = 1u64 << (ROUNDS_LOG2 * depth);
            if let Some((local, true)) = local_of(op) {
                stores[local as usize] += weight;
            }
            let Some(point) = points.next_if(|point| point.op == at) else {
                continue;
            };
            // Polls hardly ever look.
            if matches!(op, Operator::Loop { .. }) {
                continue;
            }
            if all {
                everywhere += weight;
                continue;
            }
            for local in point.live.iter() {
                sites[local as usize] += weight;
            }
        }
        let both = stores.into_iter().zip(sites);
        both.map(|(stores, sites)| stores * SITES <= (sites + everywhere) * STORES)
            .collect()
    }
}
