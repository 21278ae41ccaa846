//! Counts of executed operators, taken in two ways that must agree: a global probe that counts
//! in a map, and the engine's counting actions at some of the operators.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use probity_engine::Store;
use probity_engine::hook::{Action, Counters, Probe, Probes, Site};
use probity_engine::wasmparser::Operator;
use probity_engine::{Func, WasmPc};

use crate::rng::Rng;

/// Function index and pc.
type Place = (u32, u32);

/// Counters of a `CountTop`.
const TOP_LEN: u32 = 3;

/// Executions of operators, by place.
pub enum Counts {
    /// Of all operators; those that are missing were not executed.
    Tally(Arc<Mutex<BTreeMap<Place, u64>>>),
    /// Of some operators.
    Counters(Arc<Mutex<Vec<(Place, Counters)>>>),
}

/// Counts with a global probe.
pub fn tally<T>(store: &mut Store<T>) -> Counts {
    let counts: Arc<Mutex<BTreeMap<Place, u64>>> = Arc::default();
    let shared = counts.clone();
    store.probes().insert_global(Probe::call(move |context| {
        let place = (context.func_index(), context.pc().0);
        let mut counts = shared.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(place).or_default() += 1;
        Ok(())
    }));
    Counts::Tally(counts)
}

/// Counts with actions at random operators of each function that runs.
pub fn counters<T>(store: &mut Store<T>, seed: u64) -> Counts {
    let counts: Arc<Mutex<Vec<(Place, Counters)>>> = Arc::default();
    let shared = counts.clone();
    let mut rng = Rng::new(seed);
    // From a single operator to all of them: dense probes meet fused handlers, sparse ones
    // the way in and out of them.
    let one_in = 1 << rng.below(6);
    store.probes().on_first_call(move |probes, func| {
        for (place, counters) in place_counters(probes, func, &mut rng, one_in) {
            let mut counts = shared.lock().unwrap_or_else(PoisonError::into_inner);
            counts.push((place, counters));
        }
    });
    Counts::Counters(counts)
}

fn place_counters(
    probes: &mut Probes<'_>,
    func: Func,
    rng: &mut Rng,
    one_in: u64,
) -> Vec<(Place, Counters)> {
    let Some((module, index)) = probes.module_of(func) else {
        return Vec::new();
    };
    let Some(Ok(operators)) = module.function(index).map(|f| f.operators()) else {
        return Vec::new();
    };
    let mut placed = Vec::new();
    for (pc, operator) in operators {
        if !rng.one_in(one_in) {
            continue;
        }
        let counters = Counters::new(TOP_LEN as usize);
        let action = if pops_i32_last(&operator) && rng.one_in(2) {
            Action::CountTop {
                counters: counters.clone(),
                first: 0,
                len: TOP_LEN,
                boolean: rng.one_in(2),
            }
        } else {
            Action::CountAdd {
                counters: counters.clone(),
                index: 0,
                n: 1,
            }
        };
        if probes
            .insert(func, Site::Before(pc), Probe::new(action))
            .is_ok()
        {
            placed.push(((index, pc.0), counters));
        }
    }
    placed
}

fn pops_i32_last(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::BrIf { .. } | Operator::If { .. } | Operator::BrTable { .. }
    )
}

impl Counts {
    /// Do the counters agree with the tally of another run?
    ///
    /// # Errors
    /// The first counter that does not.
    pub fn agree(&self, tally: &Counts) -> Result<(), String> {
        let (Counts::Counters(counters), Counts::Tally(tally)) = (self, tally) else {
            return Err("no counters to compare with a tally".to_owned());
        };
        let counters = counters.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, counter) in counters.iter() {
            let counted: u64 = (0..counter.len()).map(|i| counter.get(i)).sum();
            let expected = tally.get(place).copied().unwrap_or(0);
            if counted != expected {
                let (func, pc) = (place.0, WasmPc(place.1));
                return Err(format!(
                    "operator at {pc} of function {func} executed {expected} times, counted {counted}"
                ));
            }
        }
        Ok(())
    }
}
