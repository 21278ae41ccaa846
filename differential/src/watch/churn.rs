//! Probes that insert and remove probes at random places while they fire: in the function that
//! runs, in its callers and in others, at entries, exits and operators.

use std::sync::{Arc, Mutex, PoisonError};

use probity_engine::Store;
use probity_engine::hook::{Action, Counters, Probe, ProbeId, Probes, Site};
use probity_engine::{Func, WasmPc};

use crate::rng::Rng;

/// Probes alive at a time, so that a run stays fast.
const LIVE_MAX: usize = 24;

/// Probes that each function gets at its first call.
const AT_FIRST_CALL: u64 = 3;

struct Churn {
    rng: Rng,
    live: Vec<ProbeId>,
    funcs: Vec<(Func, Vec<WasmPc>)>,
    counters: Counters,
}

/// Starts it.
pub fn install<T>(store: &mut Store<T>, seed: u64) {
    let churn = Arc::new(Mutex::new(Churn {
        rng: Rng::new(seed),
        live: Vec::new(),
        funcs: Vec::new(),
        counters: Counters::new(2),
    }));
    store.probes().on_first_call(move |probes, func| {
        let pcs = operators_of(probes, func);
        let mut state = churn.lock().unwrap_or_else(PoisonError::into_inner);
        state.funcs.push((func, pcs));
        for _ in 0..state.rng.below(AT_FIRST_CALL + 1) {
            state.insert(probes, &churn);
        }
    });
}

fn operators_of(probes: &Probes<'_>, func: Func) -> Vec<WasmPc> {
    let Some((module, index)) = probes.module_of(func) else {
        return Vec::new();
    };
    let operators = module.function(index).map(|f| f.operators());
    match operators {
        Some(Ok(operators)) => operators.into_iter().map(|(pc, _)| pc).collect(),
        _ => Vec::new(),
    }
}

impl Churn {
    fn change(&mut self, probes: &mut Probes<'_>, shared: &Arc<Mutex<Churn>>) {
        let full = self.live.len() >= LIVE_MAX;
        if !self.live.is_empty() && (full || self.rng.one_in(2)) {
            let at = self.rng.below(self.live.len() as u64) as usize;
            probes.remove(self.live.swap_remove(at));
        } else if !full {
            self.insert(probes, shared);
        }
    }

    fn insert(&mut self, probes: &mut Probes<'_>, shared: &Arc<Mutex<Churn>>) {
        let rng = &mut self.rng;
        let mut probe = if rng.one_in(3) {
            Probe::new(Action::CountAdd {
                counters: self.counters.clone(),
                index: 0,
                n: 1,
            })
        } else {
            let shared = shared.clone();
            Probe::call(move |context| {
                let mut churn = shared.lock().unwrap_or_else(PoisonError::into_inner);
                if churn.rng.one_in(4) {
                    super::read_frames(context);
                }
                for _ in 0..churn.rng.below(3) {
                    churn.change(&mut context.probes(), &shared);
                }
                Ok(())
            })
        };
        if rng.one_in(4) {
            probe = probe.one_shot();
        }
        probe = probe.priority(rng.below(3) as i32);
        if rng.one_in(30) {
            self.live.push(probes.insert_global(probe));
            return;
        }
        // The newest function is most likely the one that runs.
        let newest = self.funcs.len().saturating_sub(1);
        let at = match rng.below(2) {
            0 => newest,
            _ => rng.below(self.funcs.len() as u64) as usize,
        };
        let Some((func, pcs)) = self.funcs.get(at) else {
            return;
        };
        let site = match rng.below(8) {
            0 => Site::Entry,
            1 => Site::Exit,
            _ if pcs.is_empty() => Site::Entry,
            _ => Site::Before(*rng.pick(pcs)),
        };
        if let Ok(id) = probes.insert(*func, site, probe) {
            self.live.push(id);
        }
    }
}
