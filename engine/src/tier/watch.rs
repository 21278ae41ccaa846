//! Compiled code of watched functions.
//!
//! The probes of a function are a plan: what happens at which cell of its structural code. Code
//! compiled with it belongs to the store, runs counters where they are, and calls the engine where
//! probes have functions to call. When the function's probes change, the plan is dropped, frames
//! of its code go on in the interpreter's private code, and new code is made once it is worth it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::code::Slot;
#[cfg(jit)]
use super::code::{HeldPlace, NativeCode};
use crate::code::FuncCode;
use crate::hook::{Buffer, Counters, Folded, OutsideCall, Taken, ValueCall};
use crate::runtime::core::StoreCore;

/// What compiled code does at the sites of a function.
pub(crate) struct WatchPlan {
    /// The function's structural code.
    pub(crate) template: Arc<FuncCode>,
    /// By cell of it.
    pub(crate) sites: HashMap<usize, WatchSite>,
    /// Locals are in their slots at all times: somebody looks at them when a trap unwinds the frame.
    pub(crate) keeps_slots: bool,
    /// Where blocks of counters begin that [`Count::block`] names. Code finds a block's address here: as a
    /// constant it would be made anew for each count.
    pub(crate) blocks: Box<[usize]>,
    /// Where the function's context is, which code has in a register: counters nearby are found from there.
    pub(crate) ctx: usize,
}

impl WatchPlan {
    /// Whether somebody may look at locals at its sites: then all of them are kept (R5 of the design).
    pub(crate) fn shows_locals(&self) -> bool {
        let mut sites = self.sites.values();
        self.keeps_slots || sites.any(|site| matches!(site, WatchSite::Fire(_)))
    }

    /// The counters of a block that sites have.
    #[cfg(jit)]
    fn counters(&self, block: u32) -> &Counters {
        let mut sites = self.sites.values();
        let counters = sites.find_map(|site| match site {
            WatchSite::Inline(steps) => {
                let mut counts = steps.iter().filter_map(Step::count);
                let count = counts.find(|count| count.block == block);
                count.map(|count| &count.counters)
            }
            WatchSite::Fire(_) => None,
        });
        counters.expect("counters of a site")
    }
}

/// What happens before a cell.
pub(crate) enum WatchSite {
    /// These, in order.
    Inline(Vec<Step>),
    /// The engine fires the site whose data is at this address. Valid as long as the plan is that of
    /// the function.
    Fire(usize),
}

impl WatchSite {
    /// Whether probes may fail here, and end the run.
    pub(crate) fn may_fail(&self) -> bool {
        match self {
            WatchSite::Fire(_) => true,
            WatchSite::Inline(steps) => steps.iter().any(|step| step.count().is_none()),
        }
    }
}

/// What compiled code does by itself.
pub(crate) struct Step {
    pub(crate) action: InPlace,
    /// If one of a group fails, those of later groups are not done.
    pub(crate) group: u8,
}

impl Step {
    /// The counter that it adds to, if that is all.
    pub(crate) fn count(&self) -> Option<&Count> {
        match &self.action {
            InPlace::Count(count) => Some(count),
            InPlace::Call { .. } | InPlace::Outside { .. } | InPlace::Record { .. } => None,
        }
    }
}

/// An action of a probe, without the engine.
pub(crate) enum InPlace {
    /// Adds to a counter.
    Count(Count),
    /// Calls a function with values.
    Call {
        taken: Box<[Taken]>,
        call: Arc<ValueCall>,
    },
    /// Calls a function if a value is outside of its range.
    Outside {
        taken: Box<[Taken]>,
        call: Arc<OutsideCall>,
    },
    /// Writes a record.
    Record {
        taken: Box<[Taken]>,
        tag: u64,
        buffer: Arc<Buffer>,
    },
}

/// A counter that compiled code adds to.
pub(crate) struct Count {
    pub(crate) counters: Counters,
    /// Number of the block that they are, in [`WatchPlan::blocks`].
    pub(crate) block: u32,
    pub(crate) index: usize,
    pub(crate) by: CountBy,
}

/// Which counter, and what is added.
pub(crate) enum CountBy {
    /// Adds this much.
    Number(u64),
    /// Makes it 1.
    Set,
    /// Adds 1 to the counter that the topmost operand chooses; there are this many more behind the
    /// first.
    Operand { last: u32, boolean: bool },
    /// Takes an operand into account.
    Fold(Folded),
}

/// What a store has of compiled code for a watched function.
pub(crate) struct Watched {
    pub(crate) plan: Arc<WatchPlan>,
    pub(crate) whole: Arc<Slot>,
    loops: HashMap<u32, Arc<Slot>>,
    /// How often the function was found running with these probes.
    pub(crate) samples: u32,
    /// How often its probes have changed before.
    pub(crate) changes: u32,
}

/// Changes of a function's probes after which zeal does not compile it any more.
const ZEALOUS_CHANGES: u32 = 4;

impl Watched {
    /// Whether it is worth to compile it, after so many samples of functions that nothing watches.
    /// Probes that come and go would otherwise have it compiled over and over.
    pub(crate) fn is_hot(&self, samples: u32, zealous: bool) -> bool {
        match zealous {
            true => self.changes < ZEALOUS_CHANGES,
            false => self.samples >= samples << self.changes.min(8),
        }
    }

    fn slots(&self) -> impl Iterator<Item = &Arc<Slot>> {
        self.loops.values().chain([&self.whole])
    }

    /// Code for the loop at `pc`.
    pub(crate) fn at_loop(&mut self, pc: u32) -> Arc<Slot> {
        self.loops.entry(pc).or_default().clone()
    }
}

/// Gives counters what a loop has counted in registers, in which the instruction at `pc` has trapped.
///
/// # Safety
/// The thread is where it has landed after that, and the frame still there.
#[cfg(jit)]
pub(super) unsafe fn give_held(code: &NativeCode, pc: usize) {
    let Some(plan) = &code.watch else {
        return;
    };
    let registers = crate::sys::signals::faulted();
    for held in code.held_at(pc) {
        let there = match held.place {
            HeldPlace::Register(number) => registers[usize::from(number)],
            HeldPlace::Frame(distance) => {
                let fp = registers[FP] as usize as *const u64;
                // SAFETY: the frame is there, and has the value at this distance.
                unsafe { fp.wrapping_byte_offset(distance as isize).read() }
            }
            HeldPlace::Nowhere => 0,
        };
        let (block, index) = held.counter;
        let n = there.wrapping_add(held.n);
        plan.counters(block).add(index, n as i64);
    }
}

/// Number of the register that holds the frame pointer.
#[cfg(jit)]
const FP: usize = 5;

impl StoreCore {
    /// What there is of compiled code for a watched function; `None` if it is not watched, or only
    /// because a limit is near.
    pub(crate) fn watched(&mut self, func: u32) -> Option<&mut Watched> {
        if self.probes.held.contains(&func) || self.probes.dirty.contains_key(&func) {
            return None;
        }
        // SAFETY: records live as long as the store.
        let ctx = unsafe { (*self.funcs[func as usize].record).ctx };
        let keep = self.engine().config().keep_locals;
        let private = self.probes.private.get(&func)?;
        Some(self.native.watched.entry(func).or_insert_with(|| Watched {
            plan: Arc::new(private.watch_plan(self.probes.funcs.get(&func), ctx, keep)),
            whole: Arc::default(),
            loops: HashMap::new(),
            samples: 0,
            changes: self.native.changes.get(&func).copied().unwrap_or(0),
        }))
    }

    /// A function's probes have changed: code that was made for them is not run any more. Whether
    /// there may be frames of it.
    pub(crate) fn unwatch(&mut self, func: u32) -> bool {
        let Some(watched) = self.native.watched.remove(&func) else {
            return false;
        };
        // What has not been compiled has cost nothing.
        if watched.slots().any(|slot| slot.ready().is_some()) {
            *self.native.changes.entry(func).or_default() += 1;
        }
        self.retire(&watched);
        true
    }

    /// The fuel is counted from now on, or is not.
    pub(crate) fn unwatch_all(&mut self) {
        for (_, watched) in std::mem::take(&mut self.native.watched) {
            self.retire(&watched);
        }
    }

    fn retire(&mut self, watched: &Watched) {
        for code in watched.slots().filter_map(|slot| slot.ready()) {
            let base = code.base as usize;
            // Code that was made but never used goes with its slot, and other code may soon be where
            // it was.
            if self.native.code.contains_key(&base) {
                self.native.retired.push(base);
            }
        }
    }

    /// Frees code that is not run any more and that no frame stands in.
    pub(crate) fn free_retired(&mut self) {
        if self.native.retired.is_empty() {
            return;
        }
        let frames = self.frames().filter_map(|frame| frame.native);
        let used: HashSet<usize> = frames.map(|native| native.code.base as usize).collect();
        let (kept, free) = std::mem::take(&mut self.native.retired)
            .into_iter()
            .partition(|base| used.contains(base));
        self.native.retired = kept;
        let free: Vec<usize> = free;
        for base in free {
            if let Some(code) = self.native.code.remove(&base) {
                self.native.code.remove(&(base + code.twin));
            }
        }
    }
}
