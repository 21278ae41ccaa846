//! Wasmtime's side. It is built with the feature `wasmtime` alone, because that takes minutes.

mod shared;
mod values;

use std::borrow::Cow;

use wasmtime::{
    Collector, Config, Engine, Error, Extern, ExternType, Func, GcHeapOutOfMemory, Global,
    Instance, Memory, Module, OptLevel, Ref, RootScope, SharedMemory, Store, StoreLimits,
    StoreLimitsBuilder, Table, Tag, ThrownException, Trap, Val,
};

use crate::case::Case;
use crate::end::{End, TrapClass, Unclear};
use crate::features::Features;
use crate::fuzz::Peer;
use crate::host::{Host, HostFailure, HostLog, MEMORY_BYTES_MAX, TABLE_ELEMENTS_MAX};
use crate::side::{Item, Side};
use crate::value::{LEVELS, Type, Value};
use shared::Copier;
use values::{from_ref, from_val, to_val, type_of};

/// Name and version, for the ledger.
pub const NAME: &str = "wasmtime 48.0";

/// What it supports beyond Wasm 2.0; relaxed SIMD too, since it can be told to be deterministic.
pub const FEATURES: Features = Features::ALL;

/// Its fuel is charged otherwise; plenty compared with [`crate::probity::FUEL`].
const FUEL: u64 = 4_000_000;

struct Data {
    host: Host,
    limits: StoreLimits,
}

/// Makes its engine.
///
/// # Errors
/// It cannot be configured so on this machine.
pub fn engine() -> Result<Engine, Error> {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .cranelift_nan_canonicalization(true)
        // Its optimiser is not what is tested.
        .cranelift_opt_level(OptLevel::None)
        .wasm_backtrace_max_frames(None)
        .collector(Collector::DeferredReferenceCounting)
        .relaxed_simd_deterministic(true)
        .wasm_relaxed_simd(true)
        .wasm_tail_call(true)
        .wasm_extended_const(true)
        .wasm_multi_memory(true)
        .wasm_memory64(true)
        .wasm_reference_types(true)
        .wasm_function_references(true)
        .wasm_gc(true)
        .wasm_exceptions(true)
        .wasm_threads(true)
        .shared_memory(true)
        .wasm_custom_page_sizes(true)
        .wasm_wide_arithmetic(true);
    Engine::new(&config)
}

/// An instance in Wasmtime.
pub struct WasmtimeSide {
    store: Store<Data>,
    start: End,
    instance: Option<Instance>,
    items: Vec<Shown>,
}

/// What [`Side::items`] shows.
enum Shown {
    Extern(Extern),
    Shared(Copier),
}

impl WasmtimeSide {
    /// Instantiates the case's module.
    ///
    /// # Errors
    /// The module is refused, or needs an import that cannot be made.
    pub fn new(engine: &Engine, case: &Case) -> Result<WasmtimeSide, String> {
        // With its causes.
        let text = |error: Error| format!("{error:#}");
        let module = Module::new(engine, &case.wasm).map_err(text)?;
        let limits = StoreLimitsBuilder::new()
            .memory_size(MEMORY_BYTES_MAX as usize)
            .table_elements(TABLE_ELEMENTS_MAX as usize)
            .build();
        let host = Host::new(case.seed);
        let mut store = Store::new(engine, Data { host, limits });
        store.limiter(|data| &mut data.limits);
        store.set_fuel(FUEL).map_err(text)?;
        let mut imports: Vec<Extern> = Vec::new();
        for import in module.imports() {
            let ty = import.ty();
            let same_kind = |other: &&Extern| kind(other) == kind_of_type(&ty);
            let index = imports.iter().filter(same_kind).count();
            imports.push(make_import(&mut store, index, ty)?);
        }
        let (start, instance, externs) = match Instance::new(&mut store, &module, &imports) {
            Ok(instance) => {
                let exports = case.shape.exports.iter();
                let externs = exports.filter_map(|e| instance.get_export(&mut store, &e.name));
                (End::Results(Vec::new()), Some(instance), externs.collect())
            }
            Err(error) => {
                imports.sort_by_key(kind);
                (end_of(&mut store, &error), None, imports)
            }
        };
        let shown = |item: Extern| match item {
            Extern::SharedMemory(memory) => Copier::new(&mut store, memory)
                .map(Shown::Shared)
                .map_err(text),
            item => Ok(Shown::Extern(item)),
        };
        let items: Result<Vec<Shown>, String> = externs.into_iter().map(shown).collect();
        Ok(WasmtimeSide {
            items: items?,
            store,
            start,
            instance,
        })
    }

    fn try_call(&mut self, export: &str, arguments: &[Value]) -> Result<Vec<Value>, Error> {
        self.store.set_fuel(FUEL)?;
        let mut store = RootScope::new(&mut self.store);
        let func = self
            .instance
            .and_then(|instance| instance.get_func(&mut store, export))
            .ok_or_else(|| Error::msg(format!("no exported function `{export}`")))?;
        let ty = func.ty(&store);
        let mut vals = Vec::new();
        for (&value, ty) in arguments.iter().zip(ty.params()) {
            vals.push(to_val(&mut store, value, &ty)?);
        }
        // The call overwrites them, whatever they are.
        let mut results = vec![Val::I32(0); ty.results().len()];
        func.call(&mut store, &vals, &mut results)?;
        let results = results.iter();
        Ok(results.map(|v| from_val(&mut store, v, LEVELS)).collect())
    }
}

impl Side for WasmtimeSide {
    fn start(&self) -> &End {
        &self.start
    }

    fn call(&mut self, export: &str, arguments: &[Value]) -> End {
        match self.try_call(export, arguments) {
            Ok(values) => End::Results(values),
            Err(error) => end_of(&mut self.store, &error),
        }
    }

    fn items(&mut self) -> Vec<Item<'_>> {
        let mut store = RootScope::new(&mut self.store);
        let item = |shown: &Shown| match shown {
            Shown::Shared(copier) => Item::Memory(Cow::Owned(copier.bytes(&mut store))),
            Shown::Extern(item) => content(&mut store, item),
        };
        self.items.iter().map(item).collect()
    }

    fn host_log(&self) -> HostLog {
        self.store.data().host.log()
    }
}

/// What an item holds. Memories are copied, since the others need the store for themselves.
fn content(store: &mut RootScope<&mut Store<Data>>, item: &Extern) -> Item<'static> {
    match item {
        Extern::Func(_) => Item::Func,
        Extern::Tag(_) => Item::Tag,
        Extern::Memory(memory) => Item::Memory(Cow::Owned(memory.data(&*store).to_vec())),
        // Shown by its copier.
        Extern::SharedMemory(_) => Item::Memory(Cow::Borrowed(&[])),
        Extern::Global(global) => {
            let val = global.get(&mut *store);
            Item::Global(from_val(store, &val, LEVELS))
        }
        Extern::Table(table) => Item::Table(
            (0..table.size(&*store))
                .filter_map(|i| {
                    let val = table.get(&mut *store, i)?;
                    Some(from_ref(store, &val, LEVELS))
                })
                .collect(),
        ),
    }
}

/// Kinds in the order in which [`Side::items`] has imports.
fn kind(item: &Extern) -> u8 {
    match item {
        Extern::Func(_) => 0,
        Extern::Table(_) => 1,
        Extern::Memory(_) | Extern::SharedMemory(_) => 2,
        Extern::Global(_) => 3,
        Extern::Tag(_) => 4,
    }
}

fn kind_of_type(ty: &ExternType) -> u8 {
    match ty {
        ExternType::Func(_) => 0,
        ExternType::Table(_) => 1,
        ExternType::Memory(_) => 2,
        ExternType::Global(_) => 3,
        ExternType::Tag(_) => 4,
    }
}

/// Makes the import with this index among those of its kind.
fn make_import(store: &mut Store<Data>, index: usize, ty: ExternType) -> Result<Extern, String> {
    let text = |error: Error| format!("{error:#}");
    Ok(match ty {
        ExternType::Func(ty) => {
            let val_types: Vec<_> = ty.results().collect();
            let types: Vec<Type> = val_types.iter().map(type_of).collect();
            let func = Func::new(store, ty, move |mut caller, arguments, results| {
                let arguments = arguments.iter();
                let arguments: Vec<Value> = arguments
                    .map(|v| from_val(&mut caller, v, LEVELS))
                    .collect();
                let host: &mut Host = &mut caller.data_mut().host;
                let values = host.call(index, arguments, types.iter().copied())?;
                for (i, value) in values.into_iter().enumerate() {
                    results[i] = to_val(&mut caller, value, &val_types[i])?;
                }
                Ok(())
            });
            Extern::Func(func)
        }
        ExternType::Global(ty) => {
            let value = store.data().host.global(index, type_of(ty.content()));
            let value = value.ok_or("imported global of a type that no host can make")?;
            let val = to_val(store, value, ty.content()).map_err(text)?;
            Extern::Global(Global::new(store, ty, val).map_err(text)?)
        }
        ExternType::Memory(ty) if ty.is_shared() => {
            Extern::SharedMemory(SharedMemory::new(store.engine(), ty).map_err(text)?)
        }
        ExternType::Memory(ty) => Extern::Memory(Memory::new(store, ty).map_err(text)?),
        ExternType::Tag(ty) => Extern::Tag(Tag::new(store, &ty).map_err(text)?),
        ExternType::Table(ty) if !ty.element().is_nullable() => {
            return Err("imported table without null elements".to_owned());
        }
        ExternType::Table(ty) => {
            let null = Ref::null(ty.element().heap_type());
            Extern::Table(Table::new(store, ty, null).map_err(text)?)
        }
    })
}

fn end_of(store: &mut Store<Data>, error: &Error) -> End {
    if error.is::<ThrownException>() {
        let mut store = RootScope::new(store);
        let thrown = values::take_exception(&mut store);
        return thrown.map_or_else(
            || End::Broken("an exception without one pending".to_owned()),
            End::Thrown,
        );
    }
    if error.is::<HostFailure>() {
        return End::Trap(TrapClass::Host);
    }
    if error.is::<GcHeapOutOfMemory<()>>() || error.is::<GcHeapOutOfMemory<u32>>() {
        return End::Unclear(Unclear::System);
    }
    let Some(trap) = error.downcast_ref::<Trap>() else {
        return End::Unclear(Unclear::Refused(format!("{error:#}")));
    };
    End::Trap(match trap {
        Trap::UnreachableCodeReached => TrapClass::Unreachable,
        Trap::MemoryOutOfBounds => TrapClass::Memory,
        Trap::TableOutOfBounds => TrapClass::Table,
        Trap::IndirectCallToNull => TrapClass::NullElement,
        Trap::BadSignature => TrapClass::Signature,
        Trap::IntegerOverflow => TrapClass::Overflow,
        Trap::IntegerDivisionByZero => TrapClass::DivideByZero,
        Trap::BadConversionToInteger => TrapClass::Conversion,
        Trap::NullReference => TrapClass::Null,
        Trap::CastFailure => TrapClass::Cast,
        Trap::ArrayOutOfBounds => TrapClass::Array,
        Trap::HeapMisaligned => TrapClass::Unaligned,
        Trap::AtomicWaitNonSharedMemory => TrapClass::NotShared,
        Trap::AllocationTooLarge => return End::Unclear(Unclear::System),
        Trap::StackOverflow => return End::Unclear(Unclear::Stack),
        Trap::OutOfFuel => return End::Unclear(Unclear::Fuel),
        other => return End::Unclear(Unclear::Refused(other.to_string())),
    })
}

/// Wasmtime as a peer.
pub struct WasmtimePeer {
    engine: Result<Engine, Error>,
}

impl Default for WasmtimePeer {
    fn default() -> WasmtimePeer {
        WasmtimePeer { engine: engine() }
    }
}

impl Peer for WasmtimePeer {
    fn name(&self) -> &str {
        NAME
    }

    fn instantiate(&self, case: &Case) -> Result<Box<dyn Side>, String> {
        let engine = self.engine.as_ref().map_err(|error| format!("{error:#}"))?;
        Ok(Box::new(WasmtimeSide::new(engine, case)?))
    }
}
