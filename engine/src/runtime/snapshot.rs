//! Snapshots: what an instance is at one moment, to be that again.
//!
//! References are kept by the index of their function, so that a snapshot belongs to no store. Memories are frozen once;
//! an instance that goes back to them, or is made from them, copies nothing until it writes.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use super::instance::{CoreRef, InstanceData};
use super::linker::check_imports;
use super::{AsContext, AsContextMut, Extern, Instance, Store, StoreCore};
use crate::error::{Error, Result, TrapCode};
use crate::gc::layout::raw_to_i31;
use crate::module::Module;
use crate::sys::image::Image;
use crate::types::ValType;

/// An instance's memories, tables, globals and segments at one moment. Cheap to clone; of no store, but of one engine.
///
/// ```
/// use probity_engine::{Engine, Instance, Module, Snapshot, Store};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module
///     (global $n (mut i32) (i32.const 0))
///     (func (export "next") (result i32)
///         (global.set $n (i32.add (global.get $n) (i32.const 1)))
///         global.get $n))"#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let next = instance.get_typed_func::<(), i32>(&store, "next")?;
/// next.call(&mut store, ())?;
/// let snapshot = instance.snapshot(&store)?;
/// assert_eq!(next.call(&mut store, ())?, 2);
/// instance.restore(&mut store, &snapshot)?;
/// assert_eq!(next.call(&mut store, ())?, 2);
///
/// let mut other = Store::new(&engine, ());
/// let copy = Instance::from_snapshot(&mut other, &snapshot, &[])?;
/// assert_eq!(copy.get_typed_func::<(), i32>(&other, "next")?.call(&mut other, ())?, 2);
/// # Ok::<(), probity_engine::Error>(())
/// ```
#[derive(Clone)]
pub struct Snapshot {
    frozen: Arc<Frozen>,
    host: Option<Arc<dyn Any + Send + Sync>>,
}

/// Mutable state of the host's that declares itself part of snapshots: the data of a store.
///
/// ```
/// use probity_engine::{Engine, Error, HostState, Linker, Module, Store};
///
/// struct Clock(u64);
///
/// impl HostState for Clock {
///     type Frozen = u64;
///
///     fn freeze(&self) -> Result<u64, Error> {
///         Ok(self.0)
///     }
///
///     fn thaw(&mut self, frozen: &u64) -> Result<(), Error> {
///         self.0 = *frozen;
///         Ok(())
///     }
/// }
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module
///     (import "clock" "read" (func $read (result i64)))
///     (func (export "now") (result i64) (call $read)))"#)?;
/// let mut linker = Linker::new(&engine);
/// linker.func_wrap("clock", "read", |mut caller: probity_engine::Caller<'_, Clock>| {
///     caller.data_mut().0 += 1;
///     caller.data().0
/// })?;
/// let mut store = Store::new(&engine, Clock(10));
/// let instance = linker.instantiate(&mut store, &module)?;
/// let now = instance.get_typed_func::<(), u64>(&store, "now")?;
/// assert_eq!(now.call(&mut store, ())?, 11);
/// let snapshot = instance.snapshot_with_host(&store)?;
/// assert_eq!(now.call(&mut store, ())?, 12);
///
/// let mut other = Store::new(&engine, Clock(0));
/// let copy = linker.instantiate_snapshot(&mut other, &snapshot)?;
/// other.restore_host(&snapshot)?;
/// let now = copy.get_typed_func::<(), u64>(&other, "now")?;
/// assert_eq!(now.call(&mut other, ())?, 12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait HostState {
    /// What is kept. It may be thawed any number of times, in any store.
    type Frozen: Any + Send + Sync;

    /// What it is now.
    ///
    /// # Errors
    /// It refers to what cannot be had twice; the message says to what.
    fn freeze(&self) -> Result<Self::Frozen>;

    /// Makes it what it was.
    ///
    /// # Errors
    /// What it referred to is not there; it is unchanged then.
    fn thaw(&mut self, frozen: &Self::Frozen) -> Result<()>;
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lengths = self.frozen.memories.iter().map(|memory| memory.len);
        f.debug_struct("Snapshot")
            .field("memory_bytes", &lengths.sum::<u64>())
            .field("host", &self.host.is_some())
            .finish_non_exhaustive()
    }
}

struct Frozen {
    module: Module,
    memories: Vec<FrozenMemory>,
    tables: Vec<Vec<Word>>,
    /// Of the instance's own, in order.
    globals: Vec<Word>,
    elements: Vec<Vec<Word>>,
    dropped_data: Vec<bool>,
}

struct FrozenMemory {
    image: Arc<Image>,
    len: u64,
}

/// A value that is of no store.
#[derive(Clone, Copy)]
enum Word {
    Bits(u128),
    Func(u32),
}

/// The functions of an instance by their records.
struct FuncIndices<'a> {
    data: &'a InstanceData,
    imported: HashMap<u64, u32>,
}

impl<'a> FuncIndices<'a> {
    fn new(data: &'a InstanceData) -> FuncIndices<'a> {
        let imported = 0..data.module.inner.num_imported_funcs;
        FuncIndices {
            data,
            imported: imported.map(|i| (data.raw_func(i), i)).collect(),
        }
    }

    /// A reference as a word.
    fn word(&self, raw: u64) -> Result<Word> {
        if raw == 0 || raw_to_i31(raw).is_some() {
            return Ok(Word::Bits(raw.into()));
        }
        let own = self.data.func_of_record(raw);
        let func = own.or_else(|| self.imported.get(&raw).copied());
        func.map(Word::Func).ok_or_else(|| {
            Error::usage(
                "failed to take a snapshot: the instance holds a reference to an object, or to a function of another instance",
            )
        })
    }

    fn words(&self, raws: &[u64]) -> Result<Vec<Word>> {
        raws.iter().map(|&raw| self.word(raw)).collect()
    }
}

impl Word {
    fn raw(self, data: &InstanceData) -> u128 {
        match self {
            Word::Bits(bits) => bits,
            Word::Func(index) => data.raw_func(index).into(),
        }
    }
}

/// What a snapshot could not hold: it belongs to others, too.
fn check_module(module: &Module) -> Result<()> {
    let m = &module.inner;
    let what = if m.num_imported_memories > 0 {
        "a memory"
    } else if m.num_imported_tables > 0 {
        "a table"
    } else if m.globals[..m.num_imported_globals as usize]
        .iter()
        .any(|global| global.ty.mutable)
    {
        "a mutable global"
    } else {
        return Ok(());
    };
    Err(Error::usage(format!(
        "failed to take a snapshot: the module imports {what}"
    )))
}

impl StoreCore {
    fn freeze(&self, data: &InstanceData) -> Result<Frozen> {
        check_module(&data.module)?;
        let indices = FuncIndices::new(data);
        let m = &data.module.inner;
        let memories = data.memories.iter().map(|&id| {
            let memory = &self.memories[id as usize];
            if memory.as_shared().is_some() {
                return Err(Error::usage(
                    "failed to take a snapshot: the instance has a shared memory",
                ));
            }
            let image = Image::new(memory.data(), memory.is_fresh())
                .ok_or_else(|| Error::usage("failed to take a snapshot: out of memory"))?;
            Ok(FrozenMemory {
                image: Arc::new(image),
                len: memory.len(),
            })
        });
        let tables = data.tables.iter();
        let own = m.num_imported_globals as usize..m.globals.len();
        let globals = own.map(|index| {
            let raw = data.raw_global(index as u32);
            match m.globals[index].ty.content {
                ValType::Ref(_) => indices.word(raw as u64),
                _ => Ok(Word::Bits(raw)),
            }
        });
        let elements = data.elements.iter();
        Ok(Frozen {
            module: data.module.clone(),
            memories: memories.collect::<Result<_>>()?,
            tables: tables
                .map(|&id| indices.words(self.tables[id as usize].elements()))
                .collect::<Result<_>>()?,
            globals: globals.collect::<Result<_>>()?,
            elements: elements
                .map(|raws| indices.words(raws))
                .collect::<Result<_>>()?,
            dropped_data: data.dropped_data.clone(),
        })
    }

    /// Makes an instance of the same module what the snapshot was.
    fn thaw(&mut self, id: u32, frozen: &Frozen) -> Result<()> {
        let bytes_max = self.limits.memory_bytes_max.unwrap_or(u64::MAX);
        if frozen.memories.iter().any(|memory| memory.len > bytes_max) {
            return Err(TrapCode::MemoryLimit.into());
        }
        let data = &mut self.instances[id as usize];
        for (&memory, frozen) in data.memories.iter().zip(&frozen.memories) {
            let memory = &mut self.memories[memory as usize];
            if !memory.reset(&frozen.image, frozen.len) {
                return Err(Error::usage(format!(
                    "failed to map the {} bytes of a snapshot's memory",
                    frozen.len
                )));
            }
        }
        for (&table, words) in data.tables.iter().zip(&frozen.tables) {
            let words = words.iter();
            self.tables[table as usize].replace(words.map(|word| word.raw(data) as u64));
        }
        let imported = data.module.inner.num_imported_globals;
        for (index, word) in (imported..).zip(&frozen.globals) {
            let raw = word.raw(data);
            data.set_raw_global(index, raw);
        }
        let mut elements = std::mem::take(&mut data.elements);
        elements.resize_with(frozen.elements.len(), Vec::new);
        for (own, words) in elements.iter_mut().zip(&frozen.elements) {
            own.clear();
            own.extend(words.iter().map(|word| word.raw(data) as u64));
        }
        data.elements = elements;
        data.dropped_data.clone_from(&frozen.dropped_data);
        Ok(())
    }
}

impl Snapshot {
    /// The module that it is an instance of.
    pub fn module(&self) -> &Module {
        &self.frozen.module
    }
}

impl Instance {
    /// Freezes what the instance is now: its memories, tables, globals, and which of its segments are dropped. What the host
    /// keeps for it is not in it, see [`Instance::snapshot_with_host`].
    ///
    /// # Errors
    /// The module imports a memory, a table or a mutable global, a memory is shared, the instance holds references to objects or to
    /// functions of other instances, or code of the store is running.
    pub fn snapshot(&self, store: &impl AsContext) -> Result<Snapshot> {
        let core = store.core();
        core.check_idle()?;
        let data = &core.instances[self.checked(core) as usize];
        Ok(Snapshot {
            frozen: Arc::new(core.freeze(data)?),
            host: None,
        })
    }

    /// The same with the store's data, which [`Store::restore_host`] gives to another store, or to this one again.
    ///
    /// # Errors
    /// As for [`Instance::snapshot`], or the data cannot be frozen.
    pub fn snapshot_with_host<T: HostState>(&self, store: &Store<T>) -> Result<Snapshot> {
        let snapshot = self.snapshot(store)?;
        Ok(Snapshot {
            host: Some(Arc::new(store.data().freeze()?)),
            ..snapshot
        })
    }

    /// Makes the instance what it was when the snapshot was taken, of it or of another instance of its module. Compiled code and probes
    /// stay. Takes time by what was written since.
    ///
    /// # Errors
    /// The snapshot is of another module or exceeds the store's limits, or code of the store is running. If the system refuses
    /// to map memory, what the instance holds is not known any more.
    pub fn restore(&self, store: &mut impl AsContextMut, snapshot: &Snapshot) -> Result<()> {
        let core = store.core_mut();
        core.check_idle()?;
        let id = self.checked(core);
        if !core.instances[id as usize].module.same(snapshot.module()) {
            return Err(Error::usage("the snapshot is of another module"));
        }
        core.thaw(id, &snapshot.frozen)
    }

    /// Makes an instance that goes on where the snapshot was taken: segments and start function have run. Whatever its size, only
    /// what it writes to is copied. `imports` as for [`Instance::new`].
    ///
    /// # Errors
    /// As for [`Instance::new`].
    pub fn from_snapshot(
        store: &mut impl AsContextMut,
        snapshot: &Snapshot,
        imports: &[Extern],
    ) -> Result<Instance> {
        let module = snapshot.module();
        let core = store.core_mut();
        if !core.engine().same(&module.inner.engine) {
            return Err(Error::usage("snapshot of another engine"));
        }
        check_imports(&CoreRef(core), module, imports)?;
        core.make_instance(module, imports, |core, id| core.thaw(id, &snapshot.frozen))
    }
}

impl<T: HostState> Store<T> {
    /// Makes the store's data what they were when a snapshot was taken with them ([`Instance::snapshot_with_host`]). Instances go
    /// back by themselves ([`Instance::restore`]).
    ///
    /// # Errors
    /// The snapshot was taken without data, or with data of another kind, or they cannot be thawed.
    pub fn restore_host(&mut self, snapshot: &Snapshot) -> Result<()> {
        let host = snapshot.host.as_ref();
        let host = host.ok_or_else(|| Error::usage("the snapshot has no state of a host"))?;
        let frozen = host.downcast_ref::<T::Frozen>();
        let frozen =
            frozen.ok_or_else(|| Error::usage("the snapshot has the state of another host"))?;
        self.data_mut().thaw(frozen)
    }
}
