//! Snapshots: what an instance is at one moment, to be that again.
//!
//! References are kept by the index of their function, so that a snapshot belongs to no store. Memories are frozen once;
//! an instance that goes back to them, or is made from them, copies nothing until it writes.

use std::collections::HashMap;
use std::sync::Arc;

use super::instance::{CoreRef, InstanceData};
use super::linker::check_imports;
use super::{AsContext, AsContextMut, Extern, Instance, StoreCore};
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
pub struct Snapshot(Arc<Frozen>);

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lengths = self.0.memories.iter().map(|memory| memory.len);
        f.debug_struct("Snapshot")
            .field("memory_bytes", &lengths.sum::<u64>())
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
        let raws = |data: &InstanceData, words: &[Word]| -> Vec<u64> {
            words.iter().map(|word| word.raw(data) as u64).collect()
        };
        for (&table, words) in data.tables.iter().zip(&frozen.tables) {
            self.tables[table as usize].replace(raws(data, words));
        }
        let imported = data.module.inner.num_imported_globals;
        for (index, word) in (imported..).zip(&frozen.globals) {
            let raw = word.raw(data);
            data.set_raw_global(index, raw);
        }
        data.elements = frozen
            .elements
            .iter()
            .map(|words| raws(data, words))
            .collect();
        data.dropped_data.clone_from(&frozen.dropped_data);
        Ok(())
    }
}

impl Snapshot {
    /// The module that it is an instance of.
    pub fn module(&self) -> &Module {
        &self.0.module
    }
}

impl Instance {
    /// Freezes what the instance is now: its memories, tables, globals, and which of its segments are dropped. What the host
    /// keeps for it is not in it.
    ///
    /// # Errors
    /// The module imports a memory, a table or a mutable global, a memory is shared, the instance holds references to objects or to
    /// functions of other instances, or code of the store is running.
    pub fn snapshot(&self, store: &impl AsContext) -> Result<Snapshot> {
        let core = store.core();
        core.check_idle()?;
        let data = &core.instances[self.checked(core) as usize];
        Ok(Snapshot(Arc::new(core.freeze(data)?)))
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
        core.thaw(id, &snapshot.0)
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
        core.make_instance(module, imports, |core, id| core.thaw(id, &snapshot.0))
    }
}
