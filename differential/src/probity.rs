//! Probity's side.

use std::borrow::Cow;
use std::fmt;

use probity_engine::{
    AsContext, AsContextMut, Config, Engine, Error, ErrorKind, Extern, ExternRef, ExternType, Func,
    Global, HeapType, Instance, Limits, Memory, Module, RefType, Store, Table, TrapCode, Val,
    ValType,
};

use crate::case::Case;
use crate::end::{End, TrapClass, Unclear};
use crate::features::Features;
use crate::host::{Host, HostFailure, HostLog, MEMORY_BYTES_MAX, TABLE_ELEMENTS_MAX};
use crate::side::{Item, Side};
use crate::value::{RefKind, Type, Value};
use crate::watch::{Watch, Watching};

/// What it executes beyond Wasm 2.0.
pub const FEATURES: Features = Features::NONE;

/// Units of fuel of one call; a case that needs more is inconclusive.
pub const FUEL: u64 = 200_000;

/// The engines of a session, by what configures them. They live as long as the session, so that
/// what an engine fails to free would be seen.
pub struct Engines {
    engines: [Engine; 4],
}

impl Default for Engines {
    fn default() -> Engines {
        let engine = |i: usize| {
            let mut config = Config::new();
            config.deterministic(i & 1 != 0).lazy(i & 2 != 0);
            Engine::new(&config)
        };
        Engines {
            engines: std::array::from_fn(engine),
        }
    }
}

impl Engines {
    fn get(&self, deterministic: bool, eager: bool) -> &Engine {
        &self.engines[usize::from(deterministic) | usize::from(!eager) << 1]
    }
}

/// Why there is no instance to compare.
#[derive(Debug, Clone)]
pub enum NoSide {
    /// The engine refuses the module.
    Refused(String),
    /// The module needs something that this test does not make.
    Unsupported(String),
}

impl fmt::Display for NoSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoSide::Refused(why) => write!(f, "module refused: {why}"),
            NoSide::Unsupported(why) => write!(f, "unsupported: {why}"),
        }
    }
}

/// An instance in Probity.
pub struct ProbitySide {
    store: Store<Host>,
    start: End,
    instance: Option<Instance>,
    /// What [`Side::items`] shows.
    items: Vec<Extern>,
    /// What its probes saw.
    pub watching: Watching,
}

impl ProbitySide {
    /// Instantiates the case's module. With `deterministic`, the engine makes NaNs canonical.
    ///
    /// # Errors
    /// The module is refused, or needs an import that cannot be made.
    pub fn new(
        engines: &Engines,
        case: &Case,
        deterministic: bool,
        watch: Watch,
    ) -> Result<ProbitySide, NoSide> {
        let engine = engines.get(deterministic, watch.eager);
        let module =
            Module::new(engine, &case.wasm).map_err(|error| NoSide::Refused(error.to_string()))?;
        let mut store = Store::new(engine, Host::new(case.seed));
        store.set_limits(Limits {
            memory_bytes_max: Some(MEMORY_BYTES_MAX),
            table_elements_max: Some(TABLE_ELEMENTS_MAX),
            ..Limits::default()
        });
        let watching = watch.install(&mut store);
        let mut imports = Vec::new();
        for import in module.imports() {
            let same_kind = |other: &&Extern| kind(other) == kind_of_type(&import.ty);
            let index = imports.iter().filter(same_kind).count();
            imports.push(make_import(&mut store, index, &import.ty)?);
        }
        store.set_fuel_limit(Some(FUEL));
        let (start, instance, items) = match Instance::new(&mut store, &module, &imports) {
            Ok(instance) => {
                let exports = case.shape.exports.iter();
                let items = exports.filter_map(|e| instance.get_export(&store, &e.name));
                (End::Results(Vec::new()), Some(instance), items.collect())
            }
            Err(error) => {
                imports.sort_by_key(kind);
                (end_of(&error), None, imports)
            }
        };
        Ok(ProbitySide {
            store,
            start,
            instance,
            items,
            watching,
        })
    }

    /// Fuel consumed so far.
    pub fn fuel(&self) -> u64 {
        self.store.fuel_consumed()
    }

    /// Calls an exported function that may consume `fuel` units.
    pub fn call_with_fuel(&mut self, export: &str, arguments: &[Value], fuel: u64) -> End {
        match self.try_call(export, arguments, fuel) {
            Ok(values) => End::Results(values),
            Err(error) => end_of(&error),
        }
    }

    fn try_call(
        &mut self,
        export: &str,
        arguments: &[Value],
        fuel: u64,
    ) -> Result<Vec<Value>, Error> {
        let func = self
            .instance
            .and_then(|instance| instance.get_func(&self.store, export))
            .ok_or_else(|| Error::usage(format!("no exported function `{export}`")))?;
        let ty = func.ty(&self.store);
        let mut vals = Vec::new();
        for (&value, &ty) in arguments.iter().zip(ty.params()) {
            vals.push(to_val(&mut self.store, value, ty)?);
        }
        let defaults = ty.results().iter().map(|&ty| Val::default_for(ty));
        let mut results: Vec<Val> = defaults.collect();
        self.store.set_fuel_limit(Some(fuel));
        func.call(&mut self.store, &vals, &mut results)?;
        Ok(results.iter().map(|v| from_val(&self.store, v)).collect())
    }
}

impl Side for ProbitySide {
    fn start(&self) -> &End {
        &self.start
    }

    fn call(&mut self, export: &str, arguments: &[Value]) -> End {
        self.call_with_fuel(export, arguments, FUEL)
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
                    .map(|v| from_val(store, &v))
                    .collect(),
            ),
        };
        self.items.iter().map(item).collect()
    }

    fn host_log(&self) -> HostLog {
        self.store.data().log()
    }
}

/// Kinds in the order in which [`Side::items`] has imports.
fn kind(item: &Extern) -> u8 {
    match item {
        Extern::Func(_) => 0,
        Extern::Table(_) => 1,
        Extern::Memory(_) => 2,
        Extern::Global(_) => 3,
    }
}

fn kind_of_type(ty: &ExternType) -> u8 {
    match ty {
        ExternType::Func(_) => 0,
        ExternType::Table(_) => 1,
        ExternType::Memory(_) => 2,
        ExternType::Global(_) => 3,
    }
}

/// Makes the import with this index among those of its kind.
fn make_import(store: &mut Store<Host>, index: usize, ty: &ExternType) -> Result<Extern, NoSide> {
    let failed = |error: Error| NoSide::Refused(error.to_string());
    Ok(match ty {
        ExternType::Func(ty) => {
            let types: Vec<Type> = ty.results().iter().map(|&ty| type_of(ty)).collect();
            let val_types = ty.results().to_vec();
            let func = Func::new(store, ty.clone(), move |caller, arguments, results| {
                let arguments: Vec<Value> = arguments.iter().map(|v| from_val(caller, v)).collect();
                let host = caller.data_mut();
                let values = host.call(index, arguments, types.iter().copied());
                for (i, value) in values.map_err(Error::host)?.into_iter().enumerate() {
                    results[i] = to_val(caller, value, val_types[i])?;
                }
                Ok(())
            });
            Extern::Func(func)
        }
        ExternType::Global(ty) => {
            let value = store.data().global(index, type_of(ty.content));
            let value = value.ok_or_else(|| {
                NoSide::Unsupported("imported global of a type that no host can make".to_owned())
            })?;
            let val = to_val(store, value, ty.content).map_err(failed)?;
            Extern::Global(Global::new(store, *ty, val).map_err(failed)?)
        }
        ExternType::Memory(ty) => Extern::Memory(Memory::new(store, *ty).map_err(failed)?),
        ExternType::Table(ty) => {
            let null = Val::default_for(ValType::Ref(ty.element));
            Extern::Table(Table::new(store, *ty, null).map_err(failed)?)
        }
    })
}

fn type_of(ty: ValType) -> Type {
    match ty {
        ValType::I32 => Type::I32,
        ValType::I64 => Type::I64,
        ValType::F32 => Type::F32,
        ValType::F64 => Type::F64,
        ValType::V128 => Type::V128,
        ValType::Ref(RefType { nullable, heap }) => Type::Ref {
            nullable,
            kind: match heap {
                HeapType::Extern => RefKind::Extern,
                _ => RefKind::NullOnly,
            },
        },
    }
}

fn to_val(store: &mut impl AsContextMut, value: Value, ty: ValType) -> Result<Val, Error> {
    Ok(match value {
        Value::I32(v) => Val::I32(v),
        Value::I64(v) => Val::I64(v),
        Value::F32(v) => Val::F32(v),
        Value::F64(v) => Val::F64(v),
        Value::V128(v) => Val::V128(v),
        Value::Null => Val::default_for(ty),
        Value::Extern(v) => Val::ExternRef(Some(ExternRef::new(store, v))),
        _ => return Err(Error::usage(format!("no host can make `{value}`"))),
    })
}

fn from_val(store: &impl AsContext, val: &Val) -> Value {
    match val {
        Val::I32(v) => Value::I32(*v),
        Val::I64(v) => Value::I64(*v),
        Val::F32(v) => Value::F32(*v),
        Val::F64(v) => Value::F64(*v),
        Val::V128(v) => Value::V128(*v),
        Val::FuncRef(None) | Val::ExternRef(None) => Value::Null,
        Val::FuncRef(Some(_)) => Value::Func,
        Val::ExternRef(Some(v)) => {
            let data = v.data(store).downcast_ref::<u32>();
            data.map_or(Value::Converted, |&v| Value::Extern(v))
        }
    }
}

fn end_of(error: &Error) -> End {
    use TrapCode as C;
    let class = match error.kind() {
        ErrorKind::Trap(trap) => match trap.code() {
            C::Unreachable => TrapClass::Unreachable,
            C::MemoryOutOfBounds => TrapClass::Memory,
            C::TableOutOfBounds | C::UndefinedElement => TrapClass::Table,
            C::UninitializedElement => TrapClass::NullElement,
            C::IndirectCallTypeMismatch => TrapClass::Signature,
            C::IntegerOverflow => TrapClass::Overflow,
            C::IntegerDivideByZero => TrapClass::DivideByZero,
            C::InvalidConversionToInteger => TrapClass::Conversion,
            C::StackOverflow => return End::Unclear(Unclear::Stack),
            C::OutOfFuel => return End::Unclear(Unclear::Fuel),
            other => return End::Broken(format!("unexpected trap: {other}")),
        },
        ErrorKind::Host(error) if error.is::<HostFailure>() => TrapClass::Host,
        ErrorKind::Link(error) => return End::Unclear(Unclear::Refused(error.to_string())),
        _ => return End::Broken(error.to_string()),
    };
    End::Trap(class)
}
