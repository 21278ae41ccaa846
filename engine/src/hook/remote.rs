//! Requests of other threads: to insert and remove probes, and to look at a store while its guest
//! runs.
//!
//! A request is carried out on the store's own thread, between two operators of the guest, which
//! notices nothing: in the interpreter at a poll, to which compiled code comes by leaving. The
//! engine's side is `runtime/requests.rs` (where) and `runtime/inbox.rs` (how it is seen).

use std::time::Duration;

use super::ticket::Ticket;
use super::timer::{self, Timer};
use super::{FrameAccessor, Probe, ProbeId, ProbePanic, Probes, Site};
use crate::error::{BacktraceFrame, Error, Result, TrapCode};
use crate::runtime::core::StoreCore;
use crate::runtime::{AsContext, AsContextMut, Func, InterruptHandle, Store};

/// A handle with which any thread reaches a store, whatever that is doing.
///
/// # When requests are carried out
/// In the order in which they were posted, on the store's thread,
/// - while Wasm code runs: at its next poll, within about a millisecond, in whichever tier it is.
///   Compiled code leaves for that and comes back, loops by being entered where they are;
/// - while the guest waits for another thread (`memory.atomic.wait`): at once. It keeps its place among
///   those who wait and goes on with what is left of its time;
/// - while a host function runs: behind its return. A host function that blocks is not interrupted;
/// - while an instruction works on much memory (`memory.fill`, ...): behind it;
/// - while no guest runs: at the beginning of the next [`Func::call`], or by
///   [`Store::serve_requests`]. What was posted while one ran is carried out before its outermost
///   call returns.
///
/// Requests that are posted from a request, a probe or a host function are carried out at the
/// guest's next poll, too. An [interrupt](Remote::interrupt) does not overtake requests that were
/// posted before it, unless the guest is in an instruction that works on much memory.
///
/// When the store is dropped, pending requests and later ones are answered with [`StoreGone`].
///
/// # Failures
/// Errors and panics of a request go to its [`Ticket`], and the guest goes on
/// ([`RequestContext::end_guest`] ends it). Those of a [`Timer`], which has none, end the guest as a
/// probe's do.
///
/// ```
/// use std::thread;
/// use probity_engine::hook::{Action, Counters, Probe, Site};
/// use probity_engine::{Engine, Instance, Module, Store, TrapCode};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module (func (export "spin") (loop nop br 0)))"#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let spin = instance.get_func(&store, "spin").unwrap();
/// let (pc, _) = module.function(0).unwrap().operators()?[1]; // the `nop`
///
/// let remote = store.remote();
/// let watcher = thread::spawn(move || {
///     let counters = Counters::new(1);
///     let action = Action::CountAdd { counters: counters.clone(), index: 0, n: 1 };
///     let id = remote.insert(spin, Site::Before(pc), Probe::new(action)).wait()?;
///     while counters.get(0) < 1000 {
///         thread::yield_now();
///     }
///     assert!(remote.remove(id).wait()?);
///     let depth = remote.run(|context| Ok(context.depth())).wait()?;
///     assert_eq!(depth, 1);
///     remote.interrupt(TrapCode::Interrupted);
///     Ok::<(), probity_engine::Error>(())
/// });
/// let error = spin.call(&mut store, &[], &mut []).unwrap_err();
/// assert_eq!(error.trap().unwrap().code(), TrapCode::Interrupted);
/// watcher.join().unwrap()?;
/// # Ok::<(), probity_engine::Error>(())
/// ```
///
/// [`StoreGone`]: super::StoreGone
#[derive(Clone, Debug)]
pub struct Remote {
    handle: InterruptHandle,
}

impl Remote {
    /// Inserts a probe, as [`Probes::insert`] does; it takes effect before the guest's next operator.
    pub fn insert(&self, func: Func, site: Site, probe: Probe) -> Ticket<ProbeId> {
        self.run(move |context| context.probes().insert(func, site, probe))
    }

    /// Inserts a probe before every operator of every function, as [`Probes::insert_global`] does.
    pub fn insert_global(&self, probe: Probe) -> Ticket<ProbeId> {
        self.run(move |context| Ok(context.probes().insert_global(probe)))
    }

    /// Removes a probe, as [`Probes::remove`] does: once this is answered it fires no more, unless it
    /// is just firing (another probe of that fire has called guest code).
    pub fn remove(&self, id: ProbeId) -> Ticket<bool> {
        self.run(move |context| Ok(context.probes().remove(id)))
    }

    /// Runs a function on the store's thread.
    pub fn run<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut RequestContext<'_>) -> Result<R> + Send + 'static,
    ) -> Ticket<R> {
        let (sender, ticket) = Ticket::new();
        let posted = self.handle.post(Box::new(move |core| {
            let mut context = RequestContext::new(core);
            let done = ProbePanic::contain(|| f(&mut context));
            let ending = context.take_ending();
            sender.send(done);
            ending.map_or(Ok(()), Err)
        }));
        // Dropping it answers the ticket.
        drop(posted);
        ticket
    }

    /// Calls `f` over and over while a guest runs, as often as `period` says; on the store's thread,
    /// where it can look at the whole stack. Its error or panic ends the guest, as a probe's does.
    ///
    /// A thread is made that keeps the time. Ticks do not pile up: one that comes while the last one
    /// still waits for the guest's next poll, or while no guest runs, is [missed](Timer::missed).
    /// Periods below ten microseconds count as that.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use std::sync::{Arc, Mutex};
    /// use std::time::Duration;
    /// use probity_engine::{Engine, Instance, Module, Store};
    ///
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, r#"(module
    ///     (func $leaf (param i32)
    ///         (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    ///     (func (export "work") (call $leaf (i32.const 30000000))))"#)?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// let work = instance.get_typed_func::<(), ()>(&store, "work")?;
    ///
    /// let stacks = Arc::new(Mutex::new(HashMap::<Vec<u32>, u64>::new()));
    /// let seen = stacks.clone();
    /// let timer = store.remote().every(Duration::from_millis(1), move |context| {
    ///     let frames = context.backtrace();
    ///     let stack = frames.iter().map(|frame| frame.func_index()).collect();
    ///     *seen.lock().unwrap().entry(stack).or_default() += 1;
    ///     Ok(())
    /// })?;
    /// work.call(&mut store, ())?;
    /// timer.stop();
    /// assert!(stacks.lock().unwrap()[&vec![0, 1]] > 0);
    /// # Ok::<(), probity_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn every(
        &self,
        period: Duration,
        f: impl FnMut(&mut RequestContext<'_>) -> Result<()> + Send + 'static,
    ) -> Result<Timer> {
        timer::every(self.handle.clone(), period, Box::new(f))
    }

    /// Calls `f` once, when `delay` is over: a request as any other, but for its error or panic, which
    /// ends the guest.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn after(
        &self,
        delay: Duration,
        f: impl FnOnce(&mut RequestContext<'_>) -> Result<()> + Send + 'static,
    ) -> Result<Timer> {
        let mut f = Some(f);
        let f = move |context: &mut RequestContext<'_>| f.take().map_or(Ok(()), |f| f(context));
        timer::after(self.handle.clone(), delay, Box::new(f))
    }

    /// Ends the guest, as [`InterruptHandle::interrupt`] does.
    pub fn interrupt(&self, code: TrapCode) {
        self.handle.interrupt(code);
    }
}

/// What a request sees; borrowed for its call. The guest stands between two operators, or does not run.
pub struct RequestContext<'a> {
    core: &'a mut StoreCore,
    ending: Option<Error>,
}

impl<'a> RequestContext<'a> {
    pub(super) fn new(core: &'a mut StoreCore) -> RequestContext<'a> {
        RequestContext { core, ending: None }
    }

    /// The error that is to end the guest.
    pub(super) fn take_ending(&mut self) -> Option<Error> {
        self.ending.take()
    }

    /// The probe table.
    pub fn probes(&mut self) -> Probes<'_> {
        Probes::new(self.core)
    }

    /// Number of Wasm frames on the stack; 0 if no guest runs.
    pub fn depth(&self) -> usize {
        self.core.frames().count()
    }

    /// The `n`-th Wasm frame outwards; 0 is the innermost.
    pub fn frame_at(&mut self, n: usize) -> Option<FrameAccessor<'_>> {
        let frame = self.core.frames().nth(n)?;
        let lost = self.core.is_unwinding(&frame);
        Some(FrameAccessor::new(self.core, frame.into(), !lost))
    }

    /// Function and pc of all Wasm frames, innermost first: the operator that is next, in outer frames
    /// the call. This costs much less than looking at each frame.
    pub fn backtrace(&self) -> Vec<BacktraceFrame> {
        let frames = self.core.frames();
        frames
            .filter_map(|frame| self.core.backtrace_frame(&frame))
            .collect()
    }

    /// Ends the guest with an error, once this request is done; if none runs, the call that is about to
    /// begin, or [`Store::serve_requests`].
    pub fn end_guest(&mut self, error: Error) {
        self.ending.get_or_insert(error);
    }
}

impl AsContext for RequestContext<'_> {
    fn core(&self) -> &StoreCore {
        self.core
    }
}

impl AsContextMut for RequestContext<'_> {
    fn core_mut(&mut self) -> &mut StoreCore {
        self.core
    }
}

impl Probes<'_> {
    /// A handle with which other threads reach the store.
    pub fn remote(&self) -> Remote {
        Remote {
            handle: self.core.interrupt.clone(),
        }
    }
}

impl<T> Store<T> {
    /// A handle with which other threads insert and remove probes, look at what runs, and end it.
    pub fn remote(&self) -> Remote {
        Remote {
            handle: self.core().interrupt.clone(),
        }
    }

    /// Carries out the requests that other threads have posted up to now, while no guest runs. Calls do
    /// that, too, before they begin.
    ///
    /// # Errors
    /// The first error that would end a guest: see [`Remote`].
    pub fn serve_requests(&mut self) -> Result<()> {
        self.core_mut().serve()
    }
}
