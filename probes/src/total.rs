//! A running total: the weight of all operators that have executed, in one counter of a store, which anybody may read at
//! any time. What a call costs is then the difference between two readings, at its entry and behind its
//! exit, without adding up what each block of each function has counted.
//!
//! As with counts (see [`flow`](crate::flow)), most blocks need no counter. Each class of block starts and ends has a
//! *potential*, the weight of the way there along the spanning tree from the outside of the function, so what a counted
//! block adds is its weight, less the difference of potentials between its end and its start, and the others add nothing: from entry to exit the
//! potentials cancel (Ball and Larus, "Efficient path profiling", MICRO 29, 1996, do the same to number paths). So
//! the total is exact whenever no counted function is active, and the difference of two readings is exact for
//! whatever was entered and left between them. A way that ends inside a block, by a trap or an exception, ends
//! at a potential that is not that of the outside; [`RunningTotal::unwound`] says what is missing then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use probity_engine::hook::{Action, Counters, Probe, Probes, Site};
use probity_engine::{Func, Result, WasmPc};

use crate::cfg::Cfg;
use crate::flow::{Flow, Weighed};
use crate::unwind::Unwind;
use crate::wanted::Wanted;

/// The total of one store. Clones are the same total.
///
/// ```
/// use probity_engine::{Engine, Instance, Module, Store};
/// use probity_probes::cfg::Cfg;
/// use probity_probes::total::RunningTotal;
/// use std::sync::Arc;
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module (func (export "f") (param i32)
///     (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#)?;
/// let mut store = Store::new(&engine, ());
/// let total = RunningTotal::new();
/// let of = total.clone();
/// store.probes().on_first_call(move |probes, func| {
///     let (module, index) = probes.module_of(func).unwrap();
///     let operators = module.function(index).unwrap().operators().unwrap();
///     let cfg = Arc::new(Cfg::new(&operators));
///     // Rule `instr.v1`: each operator weighs 1.
///     of.instrument(probes, func, &cfg, |_| 1).unwrap();
/// });
/// let instance = Instance::new(&mut store, &module, &[])?;
/// instance.get_typed_func::<i32, ()>(&store, "f")?.call(&mut store, 10)?;
/// // Ten rounds of six operators, and two `end`s.
/// assert_eq!(total.get(), 10 * 6 + 2);
/// # Ok::<(), probity_engine::Error>(())
/// ```
#[derive(Clone)]
pub struct RunningTotal {
    counter: Counters,
    functions: Arc<Mutex<HashMap<Func, Arc<Placed>>>>,
}

impl Default for RunningTotal {
    fn default() -> RunningTotal {
        RunningTotal::new()
    }
}

/// A function whose operators are in the total.
struct Placed {
    cfg: Arc<Cfg>,
    weighed: Weighed,
    /// Weight of all operators before that of an index.
    before: Vec<u64>,
}

impl RunningTotal {
    /// 0.
    pub fn new() -> RunningTotal {
        RunningTotal {
            counter: Counters::new(1),
            functions: Arc::default(),
        }
    }

    /// The total, modulo 2^64. What active calls have added until now may be anything; what calls that have returned
    /// have added is exact.
    #[inline]
    pub fn get(&self) -> u64 {
        self.counter.get(0)
    }

    /// Adds all operators of a function from now on, each with the weight that `weight` gives for its index; call it before the function's
    /// first execution. Nothing is done if they are in already.
    ///
    /// # Errors
    /// If the engine refuses a probe, such as for a host function.
    pub fn instrument(
        &self,
        probes: &mut Probes<'_>,
        func: Func,
        cfg: &Arc<Cfg>,
        weight: impl Fn(usize) -> u64,
    ) -> Result<()> {
        if self.functions().contains_key(&func) {
            return Ok(());
        }
        let mut before = Vec::with_capacity(cfg.len() + 1);
        let mut sum = 0u64;
        before.push(0);
        before.extend((0..cfg.len()).map(|index| {
            sum = sum.wrapping_add(weight(index));
            sum
        }));
        let blocks = cfg.blocks();
        let weight_of = |block: usize| {
            let block = &blocks[block];
            before[block.end as usize].wrapping_sub(before[block.start as usize])
        };
        let weighed = Flow::minimal(cfg, &Wanted::all()).weigh((0..blocks.len()).map(weight_of));
        for (at, &n) in weighed.added.iter().enumerate().filter(|(_, n)| **n != 0) {
            let action = Action::CountAdd {
                counters: self.counter.clone(),
                index: 0,
                n,
            };
            let site = match blocks.get(at) {
                Some(block) => Site::Before(WasmPc(cfg.pcs()[block.start as usize])),
                None => Site::Entry,
            };
            // Behind those who read the total at an entry.
            probes.insert(func, site, Probe::new(action).priority(i32::MAX))?;
        }
        let placed = Placed {
            cfg: cfg.clone(),
            weighed,
            before,
        };
        self.functions().insert(func, Arc::new(placed));
        Ok(())
    }

    /// What the total lacks, modulo 2^64, because a frame was left from within, or has caught an exception; 0 if the function's
    /// operators are not in. It is not added: whoever reads the total when functions are entered and left
    /// adds it where that frame's own weight is.
    pub fn unwound(&self, func: Func, unwind: Unwind) -> u64 {
        let Some(placed) = self.functions().get(&func).cloned() else {
            return 0;
        };
        let missing = placed.stopped(unwind);
        match unwind.caught_at.and_then(|pc| placed.cfg.index_of(pc)) {
            Some(landing) => {
                let at = placed.cfg.block_of(landing);
                missing.wrapping_sub(placed.weighed.at_start[at])
            }
            None => missing,
        }
    }

    fn functions(&self) -> MutexGuard<'_, HashMap<Func, Arc<Placed>>> {
        self.functions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Placed {
    /// The weight of the way to where a frame stopped, less what was added on it.
    fn stopped(&self, unwind: Unwind) -> u64 {
        let Some(at) = self.cfg.index_of(unwind.pc) else {
            return 0;
        };
        let block = self.cfg.block_of(at);
        let start = self.cfg.blocks()[block].start as usize;
        let behind = at + usize::from(unwind.executed);
        let within = self.before[behind].wrapping_sub(self.before[start]);
        // At the edge, the block's counter has not run.
        let added = match behind > start {
            true => self.weighed.added[block],
            false => 0,
        };
        self.weighed.at_start[block]
            .wrapping_add(within)
            .wrapping_sub(added)
    }
}
