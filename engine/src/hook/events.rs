//! Moments of a store that are no site of a function: first calls, instances, host calls, traps, caught exceptions,
//! unwinding, the end of a call from the host, ticks of fuel.

use std::sync::{Arc, Mutex, PoisonError};

use probity_interp::layout::HEADER_SLOTS;

use super::{Moment, ProbeContext, ProbeId, ProbePanic, Probes};
use crate::error::{Error, Result};
use crate::frame::walk::{Frame, FrameRef, Place};
use crate::runtime::core::StoreCore;
use crate::runtime::value::read_vals;
use crate::runtime::{ExnRef, Func, Instance, Val};
use crate::types::{ValType, WasmPc};

/// Functions that are called at one kind of moment, in order of insertion.
type List<F> = Vec<Arc<Watcher<F>>>;

struct Watcher<F: ?Sized> {
    id: ProbeId,
    /// Taken out while it runs, so that guest code called from it does not call it.
    f: Mutex<Option<Box<F>>>,
}

type FirstCall = dyn FnMut(&mut Probes<'_>, Func) + Send;
type Unwind = dyn FnMut(&mut Probes<'_>, Func, WasmPc) + Send;
type Instantiated = dyn FnMut(&mut Probes<'_>, Instance) + Send;
type HostCalled = dyn FnMut(&mut ProbeContext<'_>, &HostCall<'_>) -> Result<()> + Send;
type Trapped = dyn FnMut(&mut ProbeContext<'_>, &Error) + Send;
type Caught = dyn FnMut(&mut ProbeContext<'_>, &ExnRef) + Send;
type Ended = dyn FnMut(&mut Probes<'_>, Func, Option<&Error>) + Send;
type Ticked = dyn FnMut(&mut ProbeContext<'_>) -> Result<()> + Send;

/// All of a store's.
#[derive(Default)]
pub(crate) struct Events {
    first_call: List<FirstCall>,
    unwind: List<Unwind>,
    instantiated: List<Instantiated>,
    host_call: List<HostCalled>,
    trap: List<Trapped>,
    catch: List<Caught>,
    end: List<Ended>,
    tick: List<Ticked>,
}

impl Events {
    pub(super) fn remove(&mut self, id: ProbeId) {
        fn without<F: ?Sized>(list: &mut List<F>, id: ProbeId) {
            list.retain(|watcher| watcher.id != id);
        }
        let Events {
            first_call,
            unwind,
            instantiated,
            host_call,
            trap,
            catch,
            end,
            tick,
        } = self;
        without(first_call, id);
        without(unwind, id);
        without(instantiated, id);
        without(host_call, id);
        without(trap, id);
        without(catch, id);
        without(end, id);
        without(tick, id);
    }
}

/// A call of a host function by Wasm code, told of before it and behind it.
pub struct HostCall<'a> {
    /// The host function.
    pub func: Func,
    /// Module and name under which it was imported or defined, where it has one.
    pub name: &'a str,
    /// Before the call, or how it came back.
    pub phase: HostPhase<'a>,
    /// Arguments before the call; results behind it, none where it has failed.
    pub values: &'a [Val],
}

/// Whether a host function is about to be called, or how it came back.
#[derive(Clone, Copy, Debug)]
pub enum HostPhase<'a> {
    /// It is about to be called.
    Call,
    /// It has returned.
    Return,
    /// It has failed with this error, which may be an exception or the guest's exit.
    Fail(&'a Error),
}

impl Probes<'_> {
    /// Calls `f` once for each Wasm function of the store, just before its first execution: then
    /// it can be instrumented without cost to functions that never run.
    pub fn on_first_call(
        &mut self,
        f: impl FnMut(&mut Probes<'_>, Func) + Send + 'static,
    ) -> ProbeId {
        self.watch::<FirstCall>(|events| &mut events.first_call, Box::new(f))
    }

    /// Calls `f` for every Wasm frame that a trap, host error or exception unwinds, innermost first,
    /// with the function and the pc of the operator that did not complete: the trapping or throwing
    /// one in the innermost frame, the call in the others. The frame that catches an exception is
    /// told of last, see [`Probes::caught_at`].
    pub fn on_unwind(
        &mut self,
        f: impl FnMut(&mut Probes<'_>, Func, WasmPc) + Send + 'static,
    ) -> ProbeId {
        self.watch::<Unwind>(|events| &mut events.unwind, Box::new(f))
    }

    /// Calls `f` with each instance that is made from now on, before its start function runs.
    pub fn on_instantiate(
        &mut self,
        f: impl FnMut(&mut Probes<'_>, Instance) + Send + 'static,
    ) -> ProbeId {
        self.watch::<Instantiated>(|events| &mut events.instantiated, Box::new(f))
    }

    /// Calls `f` before and behind each call of a host function by Wasm code, with the caller's frame. An error
    /// before the call ends the guest without the call, one behind it afterwards.
    pub fn on_host_call(
        &mut self,
        f: impl FnMut(&mut ProbeContext<'_>, &HostCall<'_>) -> Result<()> + Send + 'static,
    ) -> ProbeId {
        self.watch::<HostCalled>(|events| &mut events.host_call, Box::new(f))
    }

    /// Calls `f` when a trap or an error of the host is about to unwind Wasm frames, before any of their exits
    /// fires: the whole stack is still there. The trapping operator's operands are not. Exceptions are no
    /// traps.
    pub fn on_trap(
        &mut self,
        f: impl FnMut(&mut ProbeContext<'_>, &Error) + Send + 'static,
    ) -> ProbeId {
        self.watch::<Trapped>(|events| &mut events.trap, Box::new(f))
    }

    /// Calls `f` with each exception that is caught, in the frame that catches it: frames further in are gone, and it
    /// still stands at the operator that threw, or at the call that the exception came out of. Where it goes on is
    /// [`Probes::caught_at`]. Operands of the frame are not there.
    pub fn on_catch(
        &mut self,
        f: impl FnMut(&mut ProbeContext<'_>, &ExnRef) + Send + 'static,
    ) -> ProbeId {
        self.watch::<Caught>(|events| &mut events.catch, Box::new(f))
    }

    /// Calls `f` when a call from the host into the store ends and no other is in progress: with the function
    /// that was called, and the error if it failed. The guest's exit is an error of the host, too.
    pub fn on_end(
        &mut self,
        f: impl FnMut(&mut Probes<'_>, Func, Option<&Error>) + Send + 'static,
    ) -> ProbeId {
        self.watch::<Ended>(|events| &mut events.end, Box::new(f))
    }

    /// Calls `f` each time that `every` more units of fuel have been consumed, counted from now: before the first operator, or
    /// function entry, that would make them exceed a multiple of `every`, as a limit ends the guest
    /// ([`Store::set_fuel_limit`](crate::Store::set_fuel_limit)). So it is called at the same operators in every run and in every
    /// tier. The frame stands at that operator; at an entry at the function's first one, before probes of the entry. The size of
    /// bulk operations does not count, and `every` 0 is 1.
    ///
    /// Compiled code counts fuel as long as there is anybody to be told: functions are compiled again, unless
    /// [`Config::count_fuel`](crate::Config::count_fuel) had them counted from the start. The last 8,192 units before each call
    /// are interpreted, so with a shorter period all is.
    ///
    /// A tail call is paid for behind the exits of the function that it leaves.
    ///
    /// `f` is called before other probes of the operator. Its error ends the guest. A fuel limit that is reached at the same
    /// place ends it afterwards. What guest code that `f` calls consumes does count, but does not call `f`.
    ///
    /// Exact from the place where it is inserted, if that is outside of running code, in a host function or in a probe. Where another
    /// thread has it inserted is not the same in each run.
    ///
    /// It comes before the probes of that operator, too, unless it is due only because a probe behind the operator
    /// before has called the guest: these two are fired in one go, and the tick comes behind them.
    ///
    /// ```
    /// use probity_engine::{Engine, Instance, Module, Store, Val};
    /// use std::sync::{Arc, Mutex};
    ///
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, r#"(module (func (export "count") (param i32)
    ///     (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#)?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = Instance::new(&mut store, &module, &[])?;
    ///
    /// let seen = Arc::new(Mutex::new(Vec::new()));
    /// let sink = seen.clone();
    /// let id = store.probes().on_fuel(10, move |context| {
    ///     if let Some(Val::I32(left)) = context.frame().local(0) {
    ///         sink.lock().unwrap().push(left);
    ///     }
    ///     Ok(())
    /// });
    /// // The entry costs 1, each round 5.
    /// instance.get_typed_func::<i32, ()>(&store, "count")?.call(&mut store, 6)?;
    /// assert_eq!(*seen.lock().unwrap(), [4, 2, 0]);
    /// assert!(store.probes().remove(id));
    /// # Ok::<(), probity_engine::Error>(())
    /// ```
    pub fn on_fuel(
        &mut self,
        every: u64,
        f: impl FnMut(&mut ProbeContext<'_>) -> Result<()> + Send + 'static,
    ) -> ProbeId {
        let id = self.watch::<Ticked>(|events| &mut events.tick, Box::new(f));
        self.core.fuel.add_tick(id, every);
        self.core.count_as_needed();
        id
    }

    fn watch<F: ?Sized>(
        &mut self,
        list: impl Fn(&mut Events) -> &mut List<F>,
        f: Box<F>,
    ) -> ProbeId {
        let table = &mut self.core.probes;
        let id = table.new_event();
        let f = Mutex::new(Some(f));
        list(&mut table.events).push(Arc::new(Watcher { id, f }));
        id
    }
}

impl StoreCore {
    /// Calls those on a list, as it is now.
    fn tell<F: ?Sized>(
        &mut self,
        list: impl Fn(&Events) -> &List<F>,
        mut call: impl FnMut(&mut Self, ProbeId, &mut F),
    ) {
        for watcher in list(&self.probes.events).clone() {
            let lock = || watcher.f.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = lock().take();
            if let Some(mut f) = taken {
                call(self, watcher.id, &mut f);
                *lock() = Some(f);
            }
        }
    }

    /// A function is about to be executed for the first time.
    pub(super) fn tell_first_call(&mut self, func: Func) {
        self.tell(
            |events| &events.first_call,
            |core, _, f| f(&mut Probes::new(core), func),
        );
    }

    /// A frame is unwound.
    pub(crate) fn tell_unwind(&mut self, func: u32, pc: u32) {
        let func = self.func(func);
        self.tell(
            |events| &events.unwind,
            |core, _, f| f(&mut Probes::new(core), func, WasmPc(pc)),
        );
    }

    /// There is a new instance.
    pub(crate) fn tell_instantiated(&mut self, instance: Instance) {
        self.tell(
            |events| &events.instantiated,
            |core, _, f| f(&mut Probes::new(core), instance),
        );
    }

    /// A call from the host has ended.
    pub(crate) fn tell_end(&mut self, func: Func, error: Option<&Error>) {
        self.tell(
            |events| &events.end,
            |core, _, f| f(&mut Probes::new(core), func, error),
        );
    }

    /// The innermost frame of the position noted last is about to be unwound.
    pub(super) fn tell_trap(&mut self, frame: Option<Frame>, error: &Error) {
        let Some(frame) = frame else {
            return;
        };
        self.tell(
            |events| &events.trap,
            |core, id, f| {
                // The trap is the first error, and wins.
                let _ = core.with_context(id, &frame, Moment::Trap, |context| {
                    f(context, error);
                    Ok(())
                });
            },
        );
    }

    /// The innermost frame of the position noted last catches an exception.
    pub(crate) fn tell_catch(&mut self, exception: &ExnRef) {
        self.tell(
            |events| &events.catch,
            |core, id, f| {
                if let Some(frame) = core.innermost_frame() {
                    // The guest goes on whatever happens here.
                    let _ = core.with_context(id, &frame, Moment::Catch, |context| {
                        f(context, exception);
                        Ok(())
                    });
                }
            },
        );
    }

    /// Calls those who are to be told now how much fuel has been consumed. The innermost frame of the position noted last
    /// stands where more would be.
    pub(crate) fn tell_ticks(&mut self) -> Result<()> {
        let due = self.fuel.take_due();
        let mut first = Ok(());
        self.tell(
            |events| &events.tick,
            |core, id, f| {
                let frame = core.innermost_frame().filter(|_| due.contains(&id));
                let Some(mut frame) = frame else {
                    return;
                };
                // What has not been entered stands before cells that clear its locals.
                let sites = &frame.range.code.sites;
                if let (Place::At(cell), Some(&first)) = (frame.place, sites.operators.first())
                    && frame.range.private.is_some()
                    && frame.range.code.pcs[cell] < first
                {
                    frame.place = Place::At(sites.cell_at(first).unwrap_or(cell));
                }
                let done = core.with_context(id, &frame, Moment::Tick, |context| f(context));
                if first.is_ok() {
                    first = done;
                }
            },
        );
        if self.native.counted {
            // The frame may have left compiled code for this.
            self.hurry_back();
        }
        first
    }

    /// Whether somebody wants to know of ends of calls from the host.
    pub(crate) fn watches_ends(&self) -> bool {
        !self.probes.events.end.is_empty()
    }

    /// Whether somebody wants to know of calls of host functions.
    pub(crate) fn watches_host_calls(&self) -> bool {
        !self.probes.events.host_call.is_empty()
    }

    /// A host function is called, or has come back. `slots` has arguments or results.
    pub(crate) fn tell_host_call(
        &mut self,
        (func, phase): (Func, HostPhase<'_>),
        (types, slots): (&[ValType], &[u64]),
    ) -> Result<()> {
        let mut values: Vec<Val> = types.iter().map(|_| Val::I32(0)).collect();
        read_vals(self, types, slots, &mut values);
        let name = self.func_name(func);
        let call = HostCall {
            func,
            name: &name,
            phase,
            values: &values,
        };
        let mut first = Ok(());
        self.tell(
            |events| &events.host_call,
            |core, id, f| {
                let Some(frame) = core.innermost_frame() else {
                    return;
                };
                let done =
                    core.with_context(id, &frame, Moment::HostCall, |context| f(context, &call));
                if first.is_ok() {
                    first = done;
                }
            },
        );
        first
    }

    /// Calls a function with the view of a frame; its panic becomes an error.
    pub(super) fn with_context(
        &mut self,
        id: ProbeId,
        frame: &Frame,
        moment: Moment,
        f: impl FnOnce(&mut ProbeContext<'_>) -> Result<()>,
    ) -> Result<()> {
        // Guest code that it calls gets the stack behind this frame.
        let code = &frame.range.code;
        let slots = code.frame_slots.max(code.header + HEADER_SLOTS as u32);
        let old_top = self.stack_top;
        self.stack_top = frame.fp.wrapping_add(slots as usize).max(old_top);
        let machine = self.machine.as_ptr();
        // SAFETY: the machine is the store's.
        let store = unsafe { (*machine).store };
        let mut context = ProbeContext {
            core: self,
            id,
            moment,
            frame: FrameRef::Borrowed(frame),
        };
        let result = ProbePanic::contain(|| f(&mut context));
        // SAFETY: as above. Calls from the callback may have replaced it.
        unsafe { (*machine).store = store };
        self.stack_top = old_top;
        result
    }
}
