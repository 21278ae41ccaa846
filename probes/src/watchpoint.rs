//! Watchpoints: whoever writes to a range of a memory, or to a global.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use probity_engine::hook::{Probe, ProbeContext, ProbeId, Probes, Site};
use probity_engine::wasmparser::{MemArgTarget, Operator};
use probity_engine::{Func, Global, Instance, Memory, Result, Store, Val, WasmPc};

use crate::opcode::Opcode;
use crate::operands::{count, memarg};

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

/// Called before each write that touches what is watched.
type Callback = Box<dyn FnMut(&mut ProbeContext<'_>, &Write) -> Result<()> + Send>;

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
/// point.attach(&mut store);
/// let f = instance.get_typed_func::<i32, ()>(&store, "f")?;
/// f.call(&mut store, 0)?; // 4..12
/// f.call(&mut store, 8)?; // 12..20
/// assert_eq!(seen.lock().unwrap().len(), 1);
/// assert_eq!(seen.lock().unwrap()[0].1, 4..12);
/// # Ok::<(), probity_engine::Error>(())
/// ```
#[derive(Clone)]
pub struct Watchpoint {
    shared: Arc<Shared>,
}

struct Shared {
    watched: Watched,
    callback: Mutex<Callback>,
    probes: Mutex<Vec<ProbeId>>,
}

impl Watchpoint {
    /// A watchpoint that is nowhere yet.
    pub fn new(
        watched: Watched,
        f: impl FnMut(&mut ProbeContext<'_>, &Write) -> Result<()> + Send + 'static,
    ) -> Watchpoint {
        Watchpoint {
            shared: Arc::new(Shared {
                watched,
                callback: Mutex::new(Box::new(f)),
                probes: Mutex::default(),
            }),
        }
    }

    /// Watches every function of a store from its first execution on. Those that have executed already are
    /// watched by [`Watchpoint::instrument`].
    pub fn attach<T>(&self, store: &mut Store<T>) {
        let point = self.clone();
        let id = store.probes().on_first_call(move |probes, func| {
            // The function's own body was decoded before, and its sites exist.
            let _ = point.instrument(probes, func);
        });
        self.keep(id);
    }

    /// Watches a function from now on, also where it is executing.
    ///
    /// # Errors
    /// If the engine refuses a probe.
    pub fn instrument(&self, probes: &mut Probes<'_>, func: Func) -> Result<()> {
        let Some(((module, index), instance)) =
            probes.module_of(func).zip(probes.instance_of(func))
        else {
            return Ok(());
        };
        let Some(info) = module.function(index) else {
            return Ok(());
        };
        let operators = info.operators()?;
        for (pc, op) in &operators {
            let Some(extent) = self.writes(op, probes, instance) else {
                continue;
            };
            let operands = count(op, &module, &info).unwrap_or(0);
            let id = self.insert(probes, (func, *pc), operands, extent)?;
            self.keep(id);
        }
        Ok(())
    }

    /// Takes all its probes away.
    pub fn detach<T>(&self, store: &mut Store<T>) {
        let probes = self.shared.probes.lock();
        let probes = std::mem::take(&mut *probes.unwrap_or_else(PoisonError::into_inner));
        for id in probes {
            store.probes().remove(id);
        }
    }

    fn keep(&self, id: ProbeId) {
        let probes = self.shared.probes.lock();
        probes.unwrap_or_else(PoisonError::into_inner).push(id);
    }

    fn insert(
        &self,
        probes: &mut Probes<'_>,
        (func, pc): (Func, WasmPc),
        operands: u32,
        extent: Extent,
    ) -> Result<ProbeId> {
        let shared = self.shared.clone();
        let probe = Probe::call(move |context| {
            let bytes = match &shared.watched {
                Watched::Global(_) => 0..0,
                Watched::Bytes(_, watched) => {
                    let frame = context.frame();
                    let mut operand = |from_top| frame.top(from_top).and_then(|val| address(&val));
                    let Some(start) = operands.checked_sub(1).and_then(&mut operand) else {
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
                    bytes
                }
            };
            let callback = shared.callback.lock();
            callback.unwrap_or_else(PoisonError::into_inner)(context, &Write { bytes })
        });
        probes.insert(func, Site::Before(pc), probe)
    }

    /// How much an operator writes, if it may write to what is watched.
    fn writes(&self, op: &Operator<'_>, probes: &Probes<'_>, instance: Instance) -> Option<Extent> {
        match (&self.shared.watched, op) {
            (Watched::Global(watched), Operator::GlobalSet { global_index }) => {
                let global = instance.global(probes, *global_index);
                (global == Some(*watched)).then_some(Extent::Operand)
            }
            (Watched::Global(_), _) => None,
            (Watched::Bytes(watched, _), op) => {
                let (memory, extent) = memory_write(op)?;
                let memory = instance.memory(probes, memory);
                (memory == Some(*watched)).then_some(extent)
            }
        }
    }
}

/// How many bytes an operator writes, from the address that is its first operand on.
#[derive(Clone, Copy)]
enum Extent {
    /// So many, at an offset.
    Fixed { offset: u64, len: u64 },
    /// As many as its last operand says.
    Operand,
}

/// The memory that an operator writes to, and how much.
fn memory_write(op: &Operator<'_>) -> Option<(u32, Extent)> {
    match *op {
        Operator::MemoryFill { mem } | Operator::MemoryInit { mem, .. } => {
            Some((mem, Extent::Operand))
        }
        Operator::MemoryCopy { dst_mem, .. } => Some((dst_mem, Extent::Operand)),
        _ => {
            let memarg = memarg(op)?;
            let name = Opcode::of(op).mnemonic();
            let writes = name.contains("store") || name.contains("atomic.rmw");
            let MemArgTarget::Memory(memory) = memarg.target else {
                return None;
            };
            let len = 1u64 << memarg.max_align.min(63);
            let extent = Extent::Fixed {
                offset: memarg.offset,
                len,
            };
            writes.then_some((memory, extent))
        }
    }
}

/// An operand that is an address or a length.
fn address(val: &Val) -> Option<u64> {
    match *val {
        Val::I32(value) => Some(u64::from(value as u32)),
        Val::I64(value) => Some(value as u64),
        _ => None,
    }
}
