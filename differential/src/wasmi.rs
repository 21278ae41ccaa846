//! wasmi's side.

mod guard;

use std::borrow::Cow;

use wasmi::{
    AsContext, AsContextMut, Config, Engine, Error, Extern, ExternRef, ExternType, F32, F64, Func,
    Global, Instance, Memory, Module, Nullable, Ref, Store, StoreLimits, StoreLimitsBuilder, Table,
    TrapCode, V128, Val, ValType,
    errors::{ErrorKind, HostError, InstantiationError, MemoryError, TableError},
};

use crate::case::Case;
use crate::end::{End, TrapClass, Unclear};
use crate::features::Features;
use crate::fuzz::Peer;
use crate::host::{Host, HostFailure, HostLog, MEMORY_BYTES_MAX, TABLE_ELEMENTS_MAX};
use crate::side::{Item, Side};
use crate::value::{RefKind, Type, Value};

/// Name and version, for the ledger.
pub const NAME: &str = "wasmi 2.0.0";

/// What it supports beyond Wasm 2.0. Relaxed SIMD is left out: its results differ by right.
pub const FEATURES: Features = Features::TAIL_CALLS
    .or(Features::EXTENDED_CONST)
    .or(Features::MULTI_MEMORY)
    .or(Features::MEMORY64)
    .or(Features::CUSTOM_PAGE_SIZES)
    .or(Features::WIDE_ARITHMETIC);

/// Its fuel is charged otherwise; plenty compared with [`crate::probity::FUEL`].
const FUEL: u64 = 2_000_000;

impl HostError for HostFailure {}

struct Data {
    host: Host,
    limits: StoreLimits,
}

/// Makes its engine.
pub fn engine() -> Engine {
    let mut config = Config::default();
    config
        .consume_fuel(true)
        .set_max_recursion_depth(20_000)
        .set_max_stack_height(32 << 20)
        .wasm_custom_page_sizes(true)
        .wasm_wide_arithmetic(true)
        .wasm_memory64(true)
        .wasm_multi_memory(true)
        .wasm_simd(true);
    Engine::new(&config)
}

/// An instance in wasmi.
pub struct WasmiSide {
    store: Store<Data>,
    start: End,
    instance: Option<Instance>,
    items: Vec<Extern>,
}

impl WasmiSide {
    /// Instantiates the case's module.
    ///
    /// # Errors
    /// The module is refused, or needs an import that cannot be made.
    pub fn new(engine: &Engine, case: &Case) -> Result<WasmiSide, String> {
        let wasm = guard::guarded(&case.wasm)?;
        let module = Module::new(engine, &wasm).map_err(|error| error.to_string())?;
        let limits = StoreLimitsBuilder::new()
            .memory_size(MEMORY_BYTES_MAX as usize)
            .table_elements(TABLE_ELEMENTS_MAX as usize)
            .build();
        let host = Host::new(case.seed);
        let mut store = Store::new(engine, Data { host, limits });
        store.limiter(|data| &mut data.limits);
        // Grouped by kind already.
        let mut imports: Vec<Extern> = Vec::new();
        for import in module.imports() {
            let same_kind = |other: &&Extern| {
                std::mem::discriminant(&other.ty(&store)) == std::mem::discriminant(import.ty())
            };
            let index = imports.iter().filter(same_kind).count();
            imports.push(make_import(&mut store, index, import.ty())?);
        }
        store.set_fuel(FUEL).map_err(|error| error.to_string())?;
        let (start, instance, items) = match Instance::new(&mut store, &module, &imports) {
            Ok(instance) => {
                let exports = case.shape.exports.iter();
                let items = exports.filter_map(|e| instance.get_export(&store, &e.name));
                (End::Results(Vec::new()), Some(instance), items.collect())
            }
            Err(error) => (end_of(&error), None, imports),
        };
        Ok(WasmiSide {
            store,
            start,
            instance,
            items,
        })
    }

    fn try_call(&mut self, export: &str, arguments: &[Value]) -> Result<Vec<Value>, Error> {
        let func = self
            .instance
            .and_then(|instance| instance.get_func(&self.store, export))
            .ok_or_else(|| Error::new(format!("no exported function `{export}`")))?;
        let ty = func.ty(&self.store);
        let mut vals = Vec::new();
        for (&value, &ty) in arguments.iter().zip(ty.params()) {
            vals.push(to_val(&mut self.store, value, ty)?);
        }
        let defaults = ty.results().iter().map(|&ty| Val::default_for_ty(ty));
        let mut results: Vec<Val> = defaults.collect();
        self.store.set_fuel(FUEL)?;
        func.call(&mut self.store, &vals, &mut results)?;
        Ok(results.iter().map(|v| from_val(&self.store, v)).collect())
    }
}

impl Side for WasmiSide {
    fn start(&self) -> &End {
        &self.start
    }

    fn call(&mut self, export: &str, arguments: &[Value]) -> End {
        match self.try_call(export, arguments) {
            Ok(values) => End::Results(values),
            Err(error) => end_of(&error),
        }
    }

    fn items(&mut self) -> Vec<Item<'_>> {
        let store = &self.store;
        let item = |item: &Extern| match item {
            Extern::Func(_) => Item::Func,
            Extern::Memory(memory) => Item::Memory(Cow::Borrowed(memory.data(store))),
            Extern::Global(global) => Item::Global(from_val(store, &global.get(store))),
            Extern::Table(table) => Item::Table(
                (0..table.size(store))
                    .filter_map(|i| table.get(store, i))
                    .map(|v| from_ref(store, &v))
                    .collect(),
            ),
        };
        self.items.iter().map(item).collect()
    }

    fn host_log(&self) -> HostLog {
        self.store.data().host.log()
    }
}

/// Makes the import with this index among those of its kind.
fn make_import(store: &mut Store<Data>, index: usize, ty: &ExternType) -> Result<Extern, String> {
    Ok(match ty {
        ExternType::Func(ty) => {
            let val_types = ty.results().to_vec();
            let types: Vec<Type> = val_types.iter().map(|&ty| type_of(ty)).collect();
            let func = Func::new(store, ty.clone(), move |mut caller, arguments, results| {
                let arguments: Vec<Value> =
                    arguments.iter().map(|v| from_val(&caller, v)).collect();
                let host: &mut Host = &mut caller.data_mut().host;
                let values = host.call(index, arguments, types.iter().copied());
                for (i, value) in values.map_err(Error::host)?.into_iter().enumerate() {
                    results[i] = to_val(&mut caller, value, val_types[i])?;
                }
                Ok(())
            });
            Extern::Func(func)
        }
        ExternType::Global(ty) => {
            let value = store.data().host.global(index, type_of(ty.content()));
            let value = value.ok_or("imported global of a type that no host can make")?;
            let val =
                to_val(&mut *store, value, ty.content()).map_err(|error| error.to_string())?;
            Extern::Global(Global::new(store, val, ty.mutability()))
        }
        ExternType::Memory(ty) => {
            Extern::Memory(Memory::new(store, *ty).map_err(|error| error.to_string())?)
        }
        ExternType::Table(ty) => {
            let null = Ref::null(ty.element());
            Extern::Table(Table::new(store, *ty, null).map_err(|error| error.to_string())?)
        }
    })
}

fn type_of(ty: ValType) -> Type {
    let reference = |kind| Type::Ref {
        nullable: true,
        kind,
    };
    match ty {
        ValType::I32 => Type::I32,
        ValType::I64 => Type::I64,
        ValType::F32 => Type::F32,
        ValType::F64 => Type::F64,
        ValType::V128 => Type::V128,
        ValType::FuncRef => reference(RefKind::NullOnly),
        ValType::ExternRef => reference(RefKind::Extern),
    }
}

fn to_val(store: impl AsContextMut, value: Value, ty: ValType) -> Result<Val, Error> {
    Ok(match value {
        Value::I32(v) => Val::I32(v),
        Value::I64(v) => Val::I64(v),
        Value::F32(v) => Val::F32(F32::from_bits(v)),
        Value::F64(v) => Val::F64(F64::from_bits(v)),
        Value::V128(v) => Val::V128(V128::from(v)),
        Value::Null => Val::default_for_ty(ty),
        Value::Extern(v) => Val::ExternRef(Nullable::Val(ExternRef::new(store, v))),
        _ => return Err(Error::new(format!("no host can make `{value}`"))),
    })
}

fn from_val(store: impl AsContext, val: &Val) -> Value {
    match val {
        Val::I32(v) => Value::I32(*v),
        Val::I64(v) => Value::I64(*v),
        Val::F32(v) => Value::F32(v.to_bits()),
        Val::F64(v) => Value::F64(v.to_bits()),
        Val::V128(v) => Value::V128(v.as_u128()),
        Val::FuncRef(Nullable::Null) | Val::ExternRef(Nullable::Null) => Value::Null,
        Val::FuncRef(Nullable::Val(_)) => Value::Func,
        Val::ExternRef(Nullable::Val(v)) => from_extern(store, v),
    }
}

fn from_ref(store: impl AsContext, val: &Ref) -> Value {
    match val {
        Ref::Func(Nullable::Null) | Ref::Extern(Nullable::Null) => Value::Null,
        Ref::Func(Nullable::Val(_)) => Value::Func,
        Ref::Extern(Nullable::Val(v)) => from_extern(store, v),
    }
}

fn from_extern(store: impl AsContext, v: &ExternRef) -> Value {
    let store = store.as_context();
    let data = v.data(store).downcast_ref::<u32>();
    data.map_or(Value::Opaque, |&v| Value::Extern(v))
}

fn end_of(error: &Error) -> End {
    if let Some(code) = error.as_trap_code() {
        return End::Trap(match code {
            TrapCode::UnreachableCodeReached => TrapClass::Unreachable,
            TrapCode::MemoryOutOfBounds => TrapClass::Memory,
            TrapCode::TableOutOfBounds => TrapClass::Table,
            TrapCode::IndirectCallToNull => TrapClass::NullElement,
            TrapCode::IntegerDivisionByZero => TrapClass::DivideByZero,
            TrapCode::IntegerOverflow => TrapClass::Overflow,
            TrapCode::BadConversionToInteger => TrapClass::Conversion,
            TrapCode::BadSignature => TrapClass::Signature,
            TrapCode::StackOverflow => return End::Unclear(Unclear::Stack),
            TrapCode::OutOfFuel => return End::Unclear(Unclear::Fuel),
            TrapCode::GrowthOperationLimited | TrapCode::OutOfSystemMemory => {
                return End::Unclear(Unclear::System);
            }
        });
    }
    if error.downcast_ref::<HostFailure>().is_some() {
        return End::Trap(TrapClass::Host);
    }
    match error.kind() {
        // Active segments that do not fit.
        ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. })
        | ErrorKind::Table(
            TableError::InitOutOfBounds
            | TableError::CopyOutOfBounds
            | TableError::SetOutOfBounds
            | TableError::FillOutOfBounds,
        ) => End::Trap(TrapClass::Table),
        ErrorKind::Memory(MemoryError::OutOfBoundsAccess) => End::Trap(TrapClass::Memory),
        _ => End::Unclear(Unclear::Refused(error.to_string())),
    }
}

/// wasmi as a peer.
pub struct WasmiPeer {
    engine: Engine,
}

impl Default for WasmiPeer {
    fn default() -> WasmiPeer {
        WasmiPeer { engine: engine() }
    }
}

impl Peer for WasmiPeer {
    fn name(&self) -> &str {
        NAME
    }

    fn instantiate(&self, case: &Case) -> Result<Box<dyn Side>, String> {
        Ok(Box::new(WasmiSide::new(&self.engine, case)?))
    }
}
