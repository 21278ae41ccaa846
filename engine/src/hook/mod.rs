//! The probe table: the engine's side of probes.
//!
//! The engine knows three things of a probe: its [`Site`], a closed vocabulary of
//! [`Action`]s, and when it goes away. Everything else, what to watch and what to
//! make of it, is built on top.
//!
//! # Contract
//! 1. Inserting returns a handle; the probe takes effect before the next execution of its site in
//!    any frame, active ones included.
//! 2. Removing takes effect after the current fire. Code whose probes are all gone is the code
//!    that runs where nothing was ever watched.
//! 3. Changes made while a site fires are deferred to the end of that site's list. Guest code
//!    called from a probe does not fire that probe.
//! 4. Order: lower [`Probe::priority`] first, then insertion. [`Site::After`] an operator fires before
//!    [`Site::Before`] the one behind it, [`Site::Entry`] before the first operator's
//!    [`Site::Before`], [`Site::Exit`] after the last one's; entry and exit pair always, with an
//!    [`ExitReason`].
//! 5. Observation never changes guest state. Writes through [`FrameAccessor`] behave as if the
//!    program had done them, exactly once. So do [`ProbeContext::skip`] and [`ProbeContext::return_now`], once
//!    all probes of the fire have run; the first probe that asks for one of these wins.
//! 6. A probe's error ends the guest; when several probes of a fire fail, the first in order
//!    wins. A panic of a probe becomes an error ([`ProbePanic`]).
//! 7. A probe's view of the frame ([`ProbeContext`], [`FrameAccessor`]) is borrowed for the call,
//!    so that it cannot be used after execution has resumed.
//!
//! The last point is held by the borrow checker:
//!
//! ```compile_fail
//! use probity_engine::hook::{FrameAccessor, Probe};
//!
//! let mut kept: Option<FrameAccessor<'static>> = None;
//! let probe = Probe::call(move |context| {
//!     kept = Some(context.frame());
//!     Ok(())
//! });
//! ```
//!
//! # Sites
//! Each operator is a site of its own, structural ones (`block`, `loop`, `else`, `end`, `nop`)
//! included. A site fires each time control reaches it, as rule `instr.v1` counts: a branch to a
//! block lands on its `end`, a branch to a loop on its `loop`, a branch to the outermost label on
//! the function's last `end`; a true arm that runs into `else` reaches the `else`.

mod alone;
pub(crate) mod arena;
mod events;
mod fire;
mod fired;
mod jump;
mod outside;
mod private;
mod remote;
mod ring;
mod steps;
mod sync;
pub(crate) mod table;
mod ticket;
mod timer;
mod value;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{BacktraceFrame, Error, Result};
use crate::frame::walk::FrameRef;
use crate::module::Module;
use crate::runtime::core::{FuncKind, StoreCore};
use crate::runtime::{AsContext, AsContextMut, Func, Instance};
use crate::sync::add_alone;
use crate::types::WasmPc;

pub use self::events::{HostCall, HostPhase};
pub use crate::frame::accessor::FrameAccessor;
pub(crate) use fire::fire;
#[cfg(jit)]
pub(crate) use fired::Fired;
pub(crate) use outside::OutsideCall;
#[cfg(jit)]
pub(crate) use outside::{CALL_STATUS, VALUES, call_outside};
pub use outside::{OutsideCallback, StoreView};
#[cfg(jit)]
pub(crate) use private::SiteData;
pub use remote::{Remote, RequestContext};
pub(crate) use ring::Buffer;
#[cfg(jit)]
pub(crate) use ring::{CURSOR, LIMIT, STATUS, drain_full};
pub use ring::{DrainCallback, Ring};
pub(crate) use steps::{failed, steps};
pub use ticket::{StoreGone, Ticket};
pub use timer::Timer;
#[cfg(jit)]
pub(crate) use value::call_values;
pub use value::{INPUTS_MAX, Input, ValueCallback};
pub(crate) use value::{Taken, ValueCall};

/// Where a probe sits in a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Site {
    /// Before the operator at this pc.
    Before(WasmPc),
    /// Behind the operator at this pc: it has completed, and control goes on to the operator behind it in the
    /// same function, which has not begun. So a call's results are on the operand stack; a branch that is taken
    /// does not come here, nor does a call that traps. Operators that never go on (`br`, `else`, `return`,
    /// ...) have no such site.
    After(WasmPc),
    /// Before everything else of the function.
    Entry,
    /// Every way out: after the last operator of a return, and when a trap or error unwinds the
    /// frame.
    Exit,
}

/// Names a probe in its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProbeId(pub(crate) u64);

/// A block of counters, shared between running code and whoever reads it.
///
/// Clones are the same counters. Code of one store adds to them; what others write while that code runs may be lost.
///
/// Anyone may read them at any time. They are exact whenever the guest does not run: behind a call of it however it ended,
/// in probes, host functions and requests. Meanwhile a loop of compiled code may have counted more than it has
/// added to them yet; another thread that wants to know now asks by a request, if only to do nothing
/// ([`Remote::run`]).
#[derive(Clone, Debug)]
pub struct Counters(Arc<[AtomicU64]>);

impl Counters {
    /// Counters at zero.
    pub fn new(len: usize) -> Counters {
        Counters((0..len).map(|_| AtomicU64::new(0)).collect())
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Value of a counter.
    ///
    /// # Panics
    /// Index out of range.
    #[inline]
    pub fn get(&self, i: usize) -> u64 {
        self.0[i].load(Ordering::Relaxed)
    }

    /// Adds to a counter, which wraps around.
    ///
    /// # Panics
    /// Index out of range.
    #[inline]
    pub fn add(&self, i: usize, n: i64) {
        add_alone(&self.0[i], n as u64);
    }

    /// Makes a counter 1.
    ///
    /// # Panics
    /// Index out of range.
    pub fn set(&self, i: usize) {
        self.0[i].store(1, Ordering::Relaxed);
    }

    /// Replaces a counter, such as the end of a range ([`Action::Outside`]).
    ///
    /// # Panics
    /// Index out of range.
    #[inline]
    pub fn put(&self, i: usize, value: u64) {
        self.0[i].store(value, Ordering::Relaxed);
    }

    /// What [`Action::Set`] does. Only the store's own thread writes to counters of its probes meanwhile.
    pub(crate) fn note(&self, i: usize) {
        let before = self.0[i].load(Ordering::Relaxed);
        self.0[i].store(
            probity_interp::handlers::probe::noted(before),
            Ordering::Relaxed,
        );
    }

    /// Address of a counter, for code of the store whose probe holds this block.
    pub(crate) fn address(&self, i: usize) -> *mut u64 {
        self.0[i].as_ptr()
    }
}

/// What a probe does when it fires.
pub enum Action {
    /// `counters[index] += n`
    CountAdd {
        /// Where to count.
        counters: Counters,
        /// Which counter.
        index: usize,
        /// What to add.
        n: u64,
    },
    /// The lowest byte of `counters[index]` becomes 1, and so the counter, if it was below 256: that something happened at
    /// all. A one-shot probe that does this may stay
    /// in the table behind its first fire, for nobody can see another one: compiled code is then not made
    /// anew.
    Set {
        /// Where it is noted.
        counters: Counters,
        /// Which counter.
        index: usize,
    },
    /// Counts the topmost operand, an `i32`: `counters[first + min(operand, len - 1)] += 1`. Only
    /// before an operator that has such an operand (`br_if`, `if`, `select`, `br_table`, ...).
    CountTop {
        /// Where to count.
        counters: Counters,
        /// Counter of operand 0.
        first: usize,
        /// Number of counters, at least 1.
        len: u32,
        /// Every operand but 0 counts as 1.
        boolean: bool,
    },
    /// Takes an operand into account, an `i32` or `i64`: its sum, its least or greatest value, its distribution. Before an
    /// operator the operands are those that it finds, behind it there are its results.
    Fold {
        /// Where it is kept.
        counters: Counters,
        /// Which counter; the first of 65 for [`Fold::Log2`].
        index: usize,
        /// Which operand; 0 is the topmost.
        operand: u32,
        /// An `i32` has a sign.
        signed: bool,
        /// What is kept of it.
        fold: Fold,
    },
    /// Calls a function with values of the frame, which it sees nothing else of. In compiled code this costs little
    /// more than a call; locals that nobody else needs are not kept for it.
    Values {
        /// What it is given, at most [`INPUTS_MAX`]; at exits nothing.
        inputs: Vec<Input>,
        /// The function.
        callback: ValueCallback,
    },
    /// Calls a function with values of the frame where one of them is outside of its range, and with the store to read
    /// from. Value `i` is inside if `value - ranges[first + 2 * i]`, which wraps around, is less than
    /// `ranges[first + 2 * i + 1]`; what it is compared with is what the counters are at the fire, and whoever is called may
    /// change them ([`Counters::put`]). Compiled code calls nothing as long as all are inside.
    Outside {
        /// What it is given, at most [`INPUTS_MAX`]; not at exits.
        inputs: Vec<Input>,
        /// Where each range begins, and its length.
        ranges: Counters,
        /// The first counter.
        first: usize,
        /// The function.
        callback: OutsideCallback,
    },
    /// Writes a record to a buffer: a tag, and values of the frame behind it. Meant for many of them: nothing is called
    /// until the buffer is full.
    Record {
        /// The buffer.
        ring: Ring,
        /// The first word of the record, to tell sites apart.
        tag: u64,
        /// What follows, at most [`INPUTS_MAX`]; at exits nothing.
        inputs: Vec<Input>,
    },
    /// Calls a function.
    Call(Callback),
}

/// What is kept of the operands that a site has seen, each as 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// `counter += operand`, which wraps around.
    Sum,
    /// `counter += 1` unless the operand is zero.
    Nonzero,
    /// `counter = max(counter, operand ^ mask)`, unsigned. As counters begin at 0, this is the greatest of unsigned
    /// values with the mask 0, and the complement of their least with a mask of ones. For values with a sign flip the
    /// uppermost bit of either.
    Max {
        /// What the operand is combined with.
        mask: u64,
    },
    /// `counters[bits] += 1`, where `bits` is the number of the operand's bits without leading zeros: 0 for 0, `n` for
    /// those from `2^(n-1)` on and below `2^n`.
    Log2,
}

impl Fold {
    /// How many counters it needs.
    pub fn counters(self) -> usize {
        match self {
            Fold::Sum | Fold::Nonzero | Fold::Max { .. } => 1,
            Fold::Log2 => 65,
        }
    }

    fn apply(self, counters: &Counters, index: usize, value: u64) {
        match self {
            Fold::Sum => counters.add(index, value as i64),
            Fold::Nonzero => counters.add(index, (value != 0).into()),
            Fold::Max { mask } => {
                let new = counters.get(index).max(value ^ mask);
                counters.0[index].store(new, Ordering::Relaxed);
            }
            Fold::Log2 => counters.add(index + (64 - value.leading_zeros()) as usize, 1),
        }
    }
}

/// An operand that a probe takes into account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Folded {
    pub(crate) taken: Taken,
    pub(crate) fold: Fold,
}

/// A function that a probe calls. An error ends the guest.
pub type Callback = Box<dyn FnMut(&mut ProbeContext<'_>) -> Result<()> + Send>;

/// A probe to be inserted.
pub struct Probe {
    /// What it does.
    pub action: Action,
    /// Lower values fire first; the default is 0. Local and global probes of a site share one order.
    pub priority: i32,
    /// It goes away after its first fire.
    pub one_shot: bool,
}

impl Probe {
    /// With default priority, until it is removed.
    pub fn new(action: Action) -> Probe {
        Probe {
            action,
            priority: 0,
            one_shot: false,
        }
    }

    /// Calls `f` at each fire.
    pub fn call(f: impl FnMut(&mut ProbeContext<'_>) -> Result<()> + Send + 'static) -> Probe {
        Probe::new(Action::Call(Box::new(f)))
    }

    /// Goes away after the first fire.
    pub fn one_shot(mut self) -> Probe {
        self.one_shot = true;
        self
    }

    /// Lower values fire first.
    pub fn priority(mut self, p: i32) -> Probe {
        self.priority = p;
        self
    }
}

/// The error that a panic of a probe becomes.
#[derive(Debug)]
pub struct ProbePanic(String);

impl ProbePanic {
    /// Calls a probe's function; a panic becomes an error.
    #[inline]
    pub(crate) fn contain<R>(f: impl FnOnce() -> Result<R>) -> Result<R> {
        let result = catch_unwind(AssertUnwindSafe(f));
        result.unwrap_or_else(|panic| Err(Error::host(ProbePanic::new(&*panic))))
    }

    fn new(payload: &(dyn std::any::Any + Send)) -> ProbePanic {
        let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        ProbePanic(text.unwrap_or_else(|| "no message".to_owned()))
    }
}

impl std::fmt::Display for ProbePanic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "probe panicked: {}", self.0)
    }
}

impl std::error::Error for ProbePanic {}

/// How a function was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitReason {
    /// It returned.
    Return,
    /// A trap or an error of the host unwinds it.
    Trap,
    /// An exception unwinds it.
    Exception,
    /// A tail call replaces it.
    TailCall,
}

/// The probe table of a store; also reached from a probe ([`ProbeContext::probes`]) and from a
/// host function ([`Caller::probes`](crate::Caller::probes)).
///
/// ```
/// use probity_engine::hook::{Action, Counters, Probe, Site};
/// use probity_engine::{Engine, Instance, Module, Store};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module
///     (func (export "count") (param i32)
///         loop local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end))"#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let func = instance.get_func(&store, "count").unwrap();
///
/// let counters = Counters::new(1);
/// let (pc, _) = module.function(0).unwrap().operators()?[0]; // the `loop`
/// let action = Action::CountAdd { counters: counters.clone(), index: 0, n: 1 };
/// let id = store.probes().insert(func, Site::Before(pc), Probe::new(action))?;
/// func.typed::<i32, ()>(&store)?.call(&mut store, 10)?;
/// assert_eq!(counters.get(0), 10);
/// assert!(store.probes().remove(id));
/// # Ok::<(), probity_engine::Error>(())
/// ```
pub struct Probes<'a> {
    core: &'a mut StoreCore,
}

impl<'a> Probes<'a> {
    pub(crate) fn new(core: &'a mut StoreCore) -> Probes<'a> {
        Probes { core }
    }

    /// Inserts a probe.
    ///
    /// # Errors
    /// The function is a host function or belongs to another store, no operator starts at the
    /// pc or control never goes on behind it, or the action does not fit the site.
    pub fn insert(&mut self, func: Func, site: Site, probe: Probe) -> Result<ProbeId> {
        if !func.belongs_to(self.core) {
            return Err(Error::usage("function of another store"));
        }
        self.core.insert_probe(func.id, site, probe)
    }

    /// Inserts a probe before every operator of every function.
    ///
    /// # Panics
    /// The action is [`Action::Fold`], or [`Action::Values`], [`Action::Outside`] or [`Action::Record`] with inputs: what operands there are depends
    /// on the site. Or its ring is another store's.
    pub fn insert_global(&mut self, probe: Probe) -> ProbeId {
        self.core.insert_global_probe(probe)
    }

    /// Removes a probe, or who is told of an event; false if it is gone already.
    pub fn remove(&mut self, id: ProbeId) -> bool {
        self.core.remove_probe(id)
    }

    /// While [`Probes::on_unwind`] tells of a frame: whether its operator did not execute, because
    /// a limit, an interrupt or a probe ended the run before it. What an operator that traps or
    /// calls does is part of its execution.
    pub fn stopped_before(&self) -> bool {
        self.core.probes.stopped_before
    }

    /// While [`Probes::on_unwind`] tells of a frame: the pc at which it goes on, if an exception was
    /// thrown by the operator that is told of, or through the call, and this very frame catches
    /// it. `None` if the frame is gone. As with a branch to the label, it is the pc of the `end` of
    /// a block or of a `loop`.
    pub fn caught_at(&self) -> Option<WasmPc> {
        self.core.probes.caught_at
    }

    /// Whether functions of this store may be compiled. There a counter costs next to nothing, while to take a
    /// probe away that has fired costs new code; where all is interpreted it is the other way round.
    pub fn may_compile(&self) -> bool {
        self.core.engine().config().may_compile()
    }

    /// The module of a function and its index there; `None` for host functions.
    pub fn module_of(&self, func: Func) -> Option<(Module, u32)> {
        let (module, index) = self.core.func_module(func)?;
        Some((module.clone(), index))
    }

    /// The instance of a function; `None` for host functions.
    pub fn instance_of(&self, func: Func) -> Option<Instance> {
        self.core.func_instance(func)
    }
}

impl AsContext for Probes<'_> {
    fn core(&self) -> &StoreCore {
        self.core
    }
}

impl AsContextMut for Probes<'_> {
    fn core_mut(&mut self) -> &mut StoreCore {
        self.core
    }
}

/// Which kind of site a probe fires at.
#[derive(Clone, Copy)]
pub(crate) enum Moment {
    /// Before an operator, or at an entry.
    Before,
    /// Behind the operator at this pc.
    After(u32),
    /// At an exit.
    Exit(ExitReason),
    /// A trap is about to unwind the frame.
    Trap,
    /// The frame catches an exception.
    Catch,
    /// The frame calls a host function, or has done so.
    HostCall,
    /// So much fuel has been consumed.
    Tick,
}

/// What a probe sees; borrowed for its call.
pub struct ProbeContext<'a> {
    core: &'a mut StoreCore,
    id: ProbeId,
    moment: Moment,
    /// The frame that the probe fired in.
    frame: FrameRef<'a>,
}

impl ProbeContext<'_> {
    /// The function.
    pub fn func(&self) -> Func {
        self.core.func(self.frame.func)
    }

    /// The function's index in its module.
    pub fn func_index(&self) -> u32 {
        self.frame.range.func_index
    }

    /// Pc of the operator that the probe fired before, or after; at exits, of the operator that leaves.
    pub fn pc(&self) -> WasmPc {
        WasmPc(match self.moment {
            Moment::After(pc) => pc,
            _ => self.frame.pc(),
        })
    }

    /// The function's instance.
    pub fn instance(&self) -> Instance {
        let id = self
            .core
            .instance_of(self.frame.ctx)
            .map_or(0, |data| data.id);
        Instance {
            store: self.core.id(),
            id,
        }
    }

    /// At exits: how the function is left.
    pub fn exit_reason(&self) -> Option<ExitReason> {
        match self.moment {
            Moment::Exit(reason) => Some(reason),
            _ => None,
        }
    }

    /// The frame that the probe fired in.
    pub fn frame(&mut self) -> FrameAccessor<'_> {
        if self.frame.native.is_some() && self.core.is_redirected(&self.frame) {
            // A write has taken it from compiled code.
            let fp = self.frame.fp;
            let moved = self.core.innermost_frame().filter(|new| new.fp == fp);
            if let Some(moved) = moved {
                self.frame = moved.into();
            }
        }
        let frame = FrameRef::Borrowed(&self.frame);
        // What a handler had not yet written of its operands is lost.
        let lost = matches!(
            self.moment,
            Moment::Exit(ExitReason::Trap) | Moment::Trap | Moment::Catch
        );
        FrameAccessor::new(self.core, frame, !lost)
    }

    /// Number of Wasm frames on the stack.
    pub fn depth(&self) -> usize {
        self.core.frames().count()
    }

    /// Function and pc of all Wasm frames, innermost first: the operator that is next, in outer frames
    /// the call. This costs much less than looking at each frame.
    pub fn backtrace(&self) -> Vec<BacktraceFrame> {
        let frames = self.core.frames();
        frames
            .filter_map(|frame| self.core.backtrace_frame(&frame))
            .collect()
    }

    /// The `n`-th Wasm frame outwards; 0 is the frame that the probe fired in.
    pub fn frame_at(&mut self, n: usize) -> Option<FrameAccessor<'_>> {
        if n == 0 {
            return Some(self.frame());
        }
        let frame = self.core.frames().nth(n)?;
        let lost = self.core.is_unwinding(&frame);
        Some(FrameAccessor::new(self.core, frame.into(), !lost))
    }

    /// The probe table.
    pub fn probes(&mut self) -> Probes<'_> {
        Probes::new(self.core)
    }

    /// The probe that fired.
    pub fn id(&self) -> ProbeId {
        self.id
    }
}

impl AsContext for ProbeContext<'_> {
    fn core(&self) -> &StoreCore {
        self.core
    }
}

impl AsContextMut for ProbeContext<'_> {
    fn core_mut(&mut self) -> &mut StoreCore {
        self.core
    }
}

impl StoreCore {
    fn func_instance(&self, func: Func) -> Option<Instance> {
        match self.funcs[func.id as usize].kind {
            FuncKind::Wasm { instance, .. } => Some(Instance {
                store: self.id(),
                id: instance,
            }),
            FuncKind::Host(_) => None,
        }
    }
}
