//! The probe table: the engine's side; crate `probes` builds on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Result;
use crate::module::Module;
use crate::runtime::{AsContext, AsContextMut, Func, Instance, StoreCore, Val};
use crate::types::WasmPc;

/// Where a probe sits in a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Site {
    /** before the instruction at this pc */
    Before(WasmPc),
    /** before everything else of the function */
    Entry,
    /** every way out, after the last instruction */
    Exit,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProbeId(pub(crate) u64);
/// A block of u64 counters shared between running code and the reader.
#[derive(Clone)]
pub struct Counters(Arc<[AtomicU64]>);
impl Counters {
    pub fn new(len: usize) -> Counters {
        Counters((0..len).map(|_| AtomicU64::new(0)).collect())
    }
    pub fn len(&self) -> usize {
        self.0.len()
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub fn get(&self, i: usize) -> u64 {
        self.0[i].load(Ordering::Relaxed)
    }
    pub fn add(&self, i: usize, n: i64) {
        self.0[i].store(self.get(i).wrapping_add(n as u64), Ordering::Relaxed)
    }
}
/// The closed vocabulary of what a probe can do.
pub enum Action {
    /// counters[index] += n
    CountAdd {
        counters: Counters,
        index: usize,
        n: u64,
    },
    /// counters[first + min(top operand as u32, len - 1)] += 1; before br_if/if/select: len 2 counts (zero, non-zero) after mapping non-zero to 1
    CountTop {
        counters: Counters,
        first: usize,
        len: u32,
        boolean: bool,
    },
    /// call a function with the frame
    Call(Callback),
}
pub type Callback = Box<dyn FnMut(&mut ProbeContext<'_>) -> Result<()> + Send>;
pub struct Probe {
    pub action: Action,
    pub priority: i32,
    pub one_shot: bool,
}
impl Probe {
    pub fn new(action: Action) -> Probe {
        Probe {
            action,
            priority: 0,
            one_shot: false,
        }
    }
    pub fn call(f: impl FnMut(&mut ProbeContext<'_>) -> Result<()> + Send + 'static) -> Probe {
        Probe::new(Action::Call(Box::new(f)))
    }
    pub fn one_shot(mut self) -> Probe {
        self.one_shot = true;
        self
    }
    pub fn priority(mut self, p: i32) -> Probe {
        self.priority = p;
        self
    }
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitReason {
    Return,
    Trap,
    Exception,
    TailCall,
}
/// The probe table of a store; also reached from a probe (`ProbeContext::probes`) and from a host call (`Caller::probes`).
pub struct Probes<'a> {
    core: &'a mut StoreCore,
}
impl<'a> Probes<'a> {
    pub(crate) fn new(core: &'a mut StoreCore) -> Probes<'a> {
        Probes { core }
    }

    /// Error if the function is a host function or no instruction starts at the pc.
    pub fn insert(&mut self, func: Func, site: Site, probe: Probe) -> Result<ProbeId> {
        unimplemented!()
    }
    /// before every instruction of every function
    pub fn insert_global(&mut self, probe: Probe) -> ProbeId {
        unimplemented!()
    }
    /// false if it was removed already
    pub fn remove(&mut self, id: ProbeId) -> bool {
        unimplemented!()
    }
    /// Called once for each Wasm function (of any instance), before its first execution, when it can still be instrumented for free.
    pub fn on_first_call(&mut self, f: impl FnMut(&mut Probes<'_>, Func) + Send + 'static) {
        unimplemented!()
    }
    /// Called for every Wasm frame that a trap or host error unwinds, innermost first: function and pc of the instruction that did not
    /// complete (the trapping one in the innermost frame, the call in the others).
    pub fn on_unwind(&mut self, f: impl FnMut(&mut Probes<'_>, Func, WasmPc) + Send + 'static) {
        unimplemented!()
    }
    /// pcs etc. of the function's module
    pub fn module_of(&self, func: Func) -> Option<(Module, u32)> {
        unimplemented!()
    }
}
/// What a probe sees; valid only during its call.
pub struct ProbeContext<'a> {
    core: &'a mut StoreCore,
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
impl ProbeContext<'_> {
    pub fn func(&self) -> Func {
        unimplemented!()
    }
    pub fn func_index(&self) -> u32 {
        unimplemented!()
    }
    pub fn pc(&self) -> WasmPc {
        unimplemented!()
    }
    pub fn instance(&self) -> Instance {
        unimplemented!()
    }
    /// set at exit sites
    pub fn exit_reason(&self) -> Option<ExitReason> {
        unimplemented!()
    }
    /// the frame the probe fired in
    pub fn frame(&mut self) -> FrameAccessor<'_> {
        unimplemented!()
    }
    /// number of Wasm frames on the stack
    pub fn depth(&self) -> usize {
        unimplemented!()
    }
    /// n-th Wasm frame outwards, 0 = this one
    pub fn frame_at(&mut self, n: usize) -> Option<FrameAccessor<'_>> {
        unimplemented!()
    }
    pub fn probes(&mut self) -> Probes<'_> {
        unimplemented!()
    }
    pub fn id(&self) -> ProbeId {
        unimplemented!()
    }
}
pub struct FrameAccessor<'a> {
    core: &'a mut StoreCore,
}
impl FrameAccessor<'_> {
    pub fn func(&self) -> Func {
        unimplemented!()
    }
    pub fn func_index(&self) -> u32 {
        unimplemented!()
    }
    pub fn pc(&self) -> WasmPc {
        unimplemented!()
    }
    pub fn num_locals(&self) -> u32 {
        unimplemented!()
    }
    pub fn local(&self, i: u32) -> Option<Val> {
        unimplemented!()
    }
    pub fn num_operands(&self) -> u32 {
        unimplemented!()
    }
    /// 0 = bottom of the function's operand stack
    pub fn operand(&self, i: u32) -> Option<Val> {
        unimplemented!()
    }
    /// 0 = top
    pub fn top(&self, i: u32) -> Option<Val> {
        unimplemented!()
    }
    pub fn set_local(&mut self, i: u32, v: Val) -> Result<()> {
        unimplemented!()
    }
    pub fn set_operand(&mut self, i: u32, v: Val) -> Result<()> {
        unimplemented!()
    }
}
