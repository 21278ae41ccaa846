//! Watchpoints: whoever writes to a range of a memory, or to a global.

use std::ops::Range;

use probity_engine::hook::{Probe, ProbeContext, Probes, Site};
use probity_engine::wasmparser::Operator;
use probity_engine::{Func, Global, Instance, Memory, Result};

use crate::access::{Extent, unsigned, writes};
use crate::kinds::Watch;
use crate::kinds::watch::Callback;
use crate::matcher::FunctionSelector;
use crate::operands::count;

/// What is watched.
#[derive(Debug, Clone, PartialEq)]
pub enum Watched {
    /// These bytes of a memory.
    Bytes(Memory, Range<u64>),
    /// A global.
    Global(Global),
}

/// A write that is about to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The bytes that it writes, in part outside of those that are watched; empty for globals. If they are out of
    /// bounds, it will trap.
    pub bytes: Range<u64>,
}

/// A watchpoint. Only Wasm code of the store is seen: not the host, not other threads that share a memory, and not active
/// segments. Functions that write nothing are not touched.
///
/// ```
/// use probity_engine::{Engine, Instance, Module, Store};
/// use probity_probes::watchpoint::{Watched, Watchpoint};
/// use std::sync::{Arc, Mutex};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module (memory (export "m") 1)
///     (func (export "f") (param i32) (i64.store offset=4 (local.get 0) (i64.const 1))))"#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let memory = instance.get_memory(&store, "m").unwrap();
///
/// let seen = Arc::new(Mutex::new(Vec::new()));
/// let sink = seen.clone();
/// let point = Watchpoint::new(Watched::Bytes(memory, 8..12), move |context, write| {
///     sink.lock().unwrap().push((context.pc(), write.bytes.clone()));
///     Ok(())
/// });
/// point.attach(&mut store.probes());
/// let f = instance.get_typed_func::<i32, ()>(&store, "f")?;
/// f.call(&mut store, 0)?; // 4..12
/// f.call(&mut store, 8)?; // 12..20
/// assert_eq!(seen.lock().unwrap().len(), 1);
/// assert_eq!(seen.lock().unwrap()[0].1, 4..12);
/// # Ok::<(), probity_engine::Error>(())
/// ```
#[derive(Clone)]
pub struct Watchpoint(Watch);

impl Watchpoint {
    /// A watchpoint that is nowhere yet.
    pub fn new(
        watched: Watched,
        f: impl FnMut(&mut ProbeContext<'_>, &Write) -> Result<()> + Send + 'static,
    ) -> Watchpoint {
        let callback = Callback::new(f);
        Watchpoint(Watch::new(move |place| {
            for (pc, op) in place.operators {
                let Some(extent) = watched.written(op, place.probes, place.instance) else {
                    continue;
                };
                let operands = count(op, place.module, &place.info).unwrap_or(0);
                let probe = probe(&watched, operands, extent, callback.clone());
                place.insert(Site::Before(*pc), probe)?;
            }
            Ok(())
        }))
    }

    /// Watches every function of a store from its first execution on. Those that have executed already are
    /// watched by [`Watchpoint::instrument`].
    pub fn attach(&self, probes: &mut Probes<'_>) {
        self.0.attach(probes, FunctionSelector::all());
    }

    /// Watches a function from now on, also where it is executing.
    ///
    /// # Errors
    /// If the engine refuses a probe.
    pub fn instrument(&self, probes: &mut Probes<'_>, func: Func) -> Result<()> {
        self.0.instrument(probes, func)
    }

    /// Takes all its probes away.
    pub fn detach(&self, probes: &mut Probes<'_>) {
        self.0.detach(probes);
    }
}

/// Tells of what an operator is about to write, if that is watched.
fn probe(watched: &Watched, operands: u32, extent: Extent, callback: Callback<Write>) -> Probe {
    let watched = match watched {
        Watched::Global(_) => {
            return Probe::call(move |context| callback.call(context, &Write { bytes: 0..0 }));
        }
        Watched::Bytes(_, watched) => watched.clone(),
    };
    Probe::call(move |context| {
        let frame = context.frame();
        let operand = |from_top| frame.top(from_top).and_then(|val| unsigned(&val));
        let Some(start) = operands.checked_sub(1).and_then(operand) else {
            return Ok(());
        };
        let (start, len) = match extent {
            Extent::Fixed { offset, len } => (start.saturating_add(offset), len),
            Extent::Operand => (start, operand(0).unwrap_or(0)),
        };
        let bytes = start..start.saturating_add(len);
        if bytes.end <= watched.start || watched.end <= bytes.start || len == 0 {
            return Ok(());
        }
        callback.call(context, &Write { bytes })
    })
}

impl Watched {
    /// How much an operator writes, if it may write to this.
    fn written(
        &self,
        op: &Operator<'_>,
        probes: &Probes<'_>,
        instance: Instance,
    ) -> Option<Extent> {
        match (self, op) {
            (Watched::Global(watched), Operator::GlobalSet { global_index }) => {
                let global = instance.global(probes, *global_index);
                (global == Some(*watched)).then_some(Extent::Operand)
            }
            (Watched::Global(_), _) => None,
            (Watched::Bytes(watched, _), op) => {
                let (memory, extent) = writes(op)?;
                let memory = instance.memory(probes, memory);
                (memory == Some(*watched)).then_some(extent)
            }
        }
    }
}
