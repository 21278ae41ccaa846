//! Probity's side.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use probity_engine::{
    AnyRef, AsContext, AsContextMut, Caller, Config, Engine, Error, ErrorKind, Extern, ExternRef,
    ExternType, Func, Global, HeapType, Instance, Limits, Memory, Module, RefType, Store, Table,
    Tag, Tier, TierZeal, TrapCode, Val, ValType,
};

use crate::case::Case;
use crate::end::{End, TrapClass, Unclear};
use crate::features::Features;
use crate::fuzz::Peer;
use crate::host::{
    HEAP_BYTES_MAX, Host, HostFailure, HostLog, MEMORY_BYTES_MAX, TABLE_ELEMENTS_MAX,
};
use crate::shape::Export;
use crate::side::{Item, Side};
use crate::value::{ELEMENTS, LEVELS, RefKind, Type, Value, digest};
use crate::watch::{Watch, Watching};

/// What it executes beyond Wasm 2.0.
pub const FEATURES: Features = Features::ALL;

/// Units of fuel of one call; a case that needs more is inconclusive.
pub const FUEL: u64 = 200_000;

/// The engines of a session, by what configures them. They live as long as the session, so that
/// what an engine fails to free would be seen.
pub struct Engines {
    engines: [Engine; 8],
    /// Limit of each call; none if compiled code is what is tested, which does not count.
    fuel: Option<u64>,
    /// Those that execute code in another way, if that is tested.
    other: Option<Box<Engines>>,
}

/// How Probity executes code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, clap::ValueEnum)]
pub enum TierName {
    /// By the interpreter.
    #[default]
    Interp,
    /// Compiled at its first call.
    Jit,
    /// Compiled when it is hot.
    Auto,
    /// Compiled at the first chance.
    Eager,
    /// Interpreted but for loops.
    Osr,
    /// Compiled, and given to the interpreter after the first call.
    Deopt,
}

impl TierName {
    /// One word.
    pub fn name(self) -> &'static str {
        match self {
            TierName::Interp => "interp",
            TierName::Jit => "jit",
            TierName::Auto => "auto",
            TierName::Eager => "eager",
            TierName::Osr => "osr",
            TierName::Deopt => "deopt",
        }
    }

    /// What the ledger has behind the configuration; nothing for the interpreter.
    pub fn suffix(self) -> String {
        match self {
            TierName::Interp => String::new(),
            tier => format!(", {}", tier.name()),
        }
    }

    /// How an engine is told.
    pub fn settings(self) -> (Tier, TierZeal) {
        match self {
            TierName::Interp => (Tier::Interp, TierZeal::Off),
            TierName::Jit => (Tier::Jit, TierZeal::Off),
            TierName::Auto => (Tier::Auto, TierZeal::Off),
            TierName::Eager => (Tier::Auto, TierZeal::Eager),
            TierName::Osr => (Tier::Auto, TierZeal::Osr),
            TierName::Deopt => (Tier::Jit, TierZeal::Deopt),
        }
    }
}

impl Default for Engines {
    fn default() -> Engines {
        Engines::new(TierName::Interp)
    }
}

impl Engines {
    /// Engines that interpret, and those that execute code in another way, which is to be compared
    /// with that.
    pub fn new(name: TierName) -> Engines {
        let interpreting = Engines::executing(TierName::Interp);
        Engines {
            other: (name != TierName::Interp).then(|| Box::new(Engines::executing(name))),
            ..interpreting
        }
    }

    /// Those that execute code in another way, if that is tested.
    pub fn other(&self) -> Option<&Engines> {
        self.other.as_deref()
    }

    /// Whether calls have a limit of fuel.
    pub fn limited(&self) -> bool {
        self.fuel.is_some()
    }

    fn executing(name: TierName) -> Engines {
        let (tier, zeal) = name.settings();
        let engine = |i: usize| {
            let mut config = Config::new();
            config
                .tier(tier)
                .tier_zeal(zeal)
                .deterministic(i & 1 != 0)
                .lazy(i & 2 != 0)
                .gc_zeal(i & 4 != 0)
                // Deep recursion shows nothing more, and probes that come and go walk the stack.
                .max_stack_bytes(512 << 10);
            Engine::new(&config)
        };
        Engines {
            engines: std::array::from_fn(engine),
            fuel: (tier == Tier::Interp).then_some(FUEL),
            other: None,
        }
    }

    fn get(&self, deterministic: bool, watch: Watch) -> &Engine {
        let (lazy, zeal) = (usize::from(!watch.eager), usize::from(watch.zeal));
        &self.engines[usize::from(deterministic) | lazy << 1 | zeal << 2]
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

/// What is done whenever an imported function is called, before it does anything.
pub type OnHostCall = Arc<dyn Fn(&mut Caller<'_, Host>) + Send + Sync>;

/// How a module is run.
#[derive(Clone, Default)]
pub struct Setup {
    /// Number from which the host's answers follow.
    pub seed: u64,
    /// Limit of fuel of each call.
    pub fuel: Option<u64>,
    /// Is the fuel that is consumed known? Compiled code counts it only if it is asked to.
    pub counted: bool,
    /// What else calls of the host do.
    pub on_host_call: Option<OnHostCall>,
}

/// An instance in Probity.
pub struct ProbitySide {
    store: Store<Host>,
    start: End,
    instance: Option<Instance>,
    fuel: Option<u64>,
    counted: bool,
    /// The last error in full.
    failure: Option<String>,
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
        let engine = engines.get(deterministic, watch);
        let module =
            Module::new(engine, &case.wasm).map_err(|error| NoSide::Refused(error.to_string()))?;
        let setup = Setup {
            seed: case.seed,
            fuel: engines.fuel,
            counted: engines.fuel.is_some(),
            on_host_call: None,
        };
        ProbitySide::of_module(&module, &case.shape.exports, &setup, |store| {
            watch.install(store)
        })
    }

    /// Instantiates a module; `install` gets the store before that.
    ///
    /// # Errors
    /// The module needs an import that cannot be made.
    pub fn of_module(
        module: &Module,
        exports: &[Export],
        setup: &Setup,
        install: impl FnOnce(&mut Store<Host>) -> Watching,
    ) -> Result<ProbitySide, NoSide> {
        let mut store = Store::new(module.engine(), Host::new(setup.seed));
        store.set_limits(Limits {
            memory_bytes_max: Some(MEMORY_BYTES_MAX),
            table_elements_max: Some(TABLE_ELEMENTS_MAX),
            heap_bytes_max: Some(HEAP_BYTES_MAX),
            ..Limits::default()
        });
        let watching = install(&mut store);
        let mut imports = Vec::new();
        for import in module.imports() {
            let same_kind = |other: &&Extern| kind(other) == kind_of_type(&import.ty);
            let index = imports.iter().filter(same_kind).count();
            let on_call = setup.on_host_call.as_ref();
            imports.push(make_import(&mut store, index, &import.ty, on_call)?);
        }
        store.set_fuel_limit(setup.fuel);
        let mut failure = None;
        let (start, instance, items) = match Instance::new(&mut store, module, &imports) {
            Ok(instance) => {
                let items = exports
                    .iter()
                    .filter_map(|e| instance.get_export(&store, &e.name));
                (End::Results(Vec::new()), Some(instance), items.collect())
            }
            Err(error) => {
                imports.sort_by_key(kind);
                failure = Some(in_full(&error));
                (end_of(&store, &error), None, imports)
            }
        };
        Ok(ProbitySide {
            store,
            start,
            instance,
            fuel: setup.fuel,
            counted: setup.counted,
            failure,
            items,
            watching,
        })
    }

    /// Fuel consumed so far, if it is counted: compiled code need not do that.
    pub fn fuel(&self) -> Option<u64> {
        self.counted.then(|| self.store.fuel_consumed())
    }

    /// The error that ended the last call, or the instantiation, with its backtrace.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// The store.
    pub fn store(&mut self) -> &mut Store<Host> {
        &mut self.store
    }

    /// The instance, if there is one.
    pub fn instance(&self) -> Option<Instance> {
        self.instance
    }

    /// Calls an exported function that may consume `fuel` units.
    pub fn call_with_fuel(&mut self, export: &str, arguments: &[Value], fuel: u64) -> End {
        self.call_within(export, arguments, Some(fuel))
    }

    fn call_within(&mut self, export: &str, arguments: &[Value], fuel: Option<u64>) -> End {
        self.failure = None;
        match self.try_call(export, arguments, fuel) {
            Ok(values) => End::Results(values),
            Err(error) => {
                self.failure = Some(in_full(&error));
                end_of(&self.store, &error)
            }
        }
    }

    fn try_call(
        &mut self,
        export: &str,
        arguments: &[Value],
        fuel: Option<u64>,
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
        self.store.set_fuel_limit(fuel);
        func.call(&mut self.store, &vals, &mut results)?;
        let results = results.iter();
        Ok(results.map(|v| from_val(&self.store, v, LEVELS)).collect())
    }
}

impl Side for ProbitySide {
    fn start(&self) -> &End {
        &self.start
    }

    fn call(&mut self, export: &str, arguments: &[Value]) -> End {
        self.call_within(export, arguments, self.fuel)
    }

    fn items(&mut self) -> Vec<Item<'_>> {
        let store = &self.store;
        let item = |item: &Extern| match item {
            Extern::Func(_) => Item::Func,
            Extern::Memory(memory) => Item::Memory(content(store, memory)),
            Extern::Tag(_) => Item::Tag,
            Extern::Global(global) => Item::Global(from_val(store, &global.get(store), LEVELS)),
            Extern::Table(table) => Item::Table(
                (0..table.size(store))
                    .filter_map(|i| table.get(store, i))
                    .map(|v| from_val(store, &v, LEVELS))
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
fn make_import(
    store: &mut Store<Host>,
    index: usize,
    ty: &ExternType,
    on_call: Option<&OnHostCall>,
) -> Result<Extern, NoSide> {
    let failed = |error: Error| NoSide::Refused(error.to_string());
    Ok(match ty {
        ExternType::Func(ty) => {
            let types: Vec<Type> = ty.results().iter().map(|&ty| type_of(ty)).collect();
            let val_types = ty.results().to_vec();
            let on_call = on_call.cloned();
            let func = Func::new(store, ty.clone(), move |caller, arguments, results| {
                if let Some(on_call) = &on_call {
                    on_call(caller);
                }
                let arguments: Vec<Value> = arguments
                    .iter()
                    .map(|v| from_val(caller, v, LEVELS))
                    .collect();
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
        ExternType::Tag(ty) => Extern::Tag(Tag::new(store, ty.clone())),
        ExternType::Table(ty) if !ty.element.nullable => {
            let why = "imported table without null elements";
            return Err(NoSide::Unsupported(why.to_owned()));
        }
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
                HeapType::Any | HeapType::Eq | HeapType::I31 => RefKind::I31,
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
        Value::I31(v) => Val::AnyRef(Some(AnyRef::i31(v))),
        _ => return Err(Error::usage(format!("no host can make `{value}`"))),
    })
}

/// The value, with the objects that it refers to up to some levels below.
pub fn from_val(store: &impl AsContext, val: &Val, levels: u32) -> Value {
    match val {
        Val::I32(v) => Value::I32(*v),
        Val::I64(v) => Value::I64(*v),
        Val::F32(v) => Value::F32(*v),
        Val::F64(v) => Value::F64(*v),
        Val::V128(v) => Value::V128(*v),
        Val::FuncRef(None) | Val::ExternRef(None) | Val::AnyRef(None) | Val::ExnRef(None) => {
            Value::Null
        }
        Val::FuncRef(Some(_)) => Value::Func,
        Val::ExternRef(Some(v)) => from_extern(store, v, levels),
        Val::AnyRef(Some(v)) => from_any(store, v, levels),
        Val::ExnRef(Some(v)) => {
            let Some(below) = levels.checked_sub(1) else {
                return Value::Exn(0);
            };
            let args = v.args(store);
            Value::Exn(digest(args.iter().map(|v| from_val(store, v, below))))
        }
    }
}

fn from_extern(store: &impl AsContext, v: &ExternRef, levels: u32) -> Value {
    match v.data(store) {
        Some(data) => data
            .downcast_ref::<u32>()
            .map_or(Value::Opaque, |&v| Value::Extern(v)),
        None => from_any(store, &v.to_any(), levels),
    }
}

fn from_any(store: &impl AsContext, v: &AnyRef, levels: u32) -> Value {
    if let Some(v) = v.as_i31() {
        return Value::I31(v);
    }
    if v.is_extern(store) {
        return from_extern(store, &v.to_extern(store), levels);
    }
    let len = v.len(store).unwrap_or(0);
    let hash = levels.checked_sub(1).map_or(0, |below| {
        let shown = if v.is_array(store) {
            len.min(ELEMENTS)
        } else {
            len
        };
        let parts = (0..shown).filter_map(|i| v.get(store, i).ok());
        digest(parts.map(|part| from_val(store, &part, below)))
    });
    match v.is_array(store) {
        true => Value::Array(len, hash),
        false => Value::Struct(hash),
    }
}

/// The bytes of a memory; those of a shared one are copied.
fn content<'a>(store: &'a impl AsContext, memory: &Memory) -> Cow<'a, [u8]> {
    if !memory.ty(store).shared {
        return Cow::Borrowed(memory.data(store));
    }
    let ty = memory.ty(store);
    let mut bytes = vec![0; (memory.size(store) << ty.page_size_log2) as usize];
    // The size was just asked for, and shared memories never shrink.
    let _ = memory.read(store, 0, &mut bytes);
    Cow::Owned(bytes)
}

/// An error with its backtrace, in words that are the same in every tier.
fn in_full(error: &Error) -> String {
    let mut text = match error.trap() {
        Some(trap) => format!("{:?}: {}", trap.code(), trap.message()),
        None => error.to_string(),
    };
    for frame in error.backtrace() {
        text.push_str(&format!(
            "\n  function {} at {}",
            frame.func_index(),
            frame.pc()
        ));
    }
    text
}

fn end_of(store: &Store<Host>, error: &Error) -> End {
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
            C::NullReference
            | C::NullFunctionReference
            | C::NullStructReference
            | C::NullArrayReference
            | C::NullI31Reference
            | C::NullExceptionReference => TrapClass::Null,
            C::CastFailure => TrapClass::Cast,
            C::ArrayOutOfBounds => TrapClass::Array,
            C::UnalignedAtomic => TrapClass::Unaligned,
            C::ExpectedSharedMemory => TrapClass::NotShared,
            C::HeapLimit => return End::Unclear(Unclear::System),
            C::StackOverflow => return End::Unclear(Unclear::Stack),
            C::OutOfFuel => return End::Unclear(Unclear::Fuel),
            other => return End::Broken(format!("unexpected trap: {other}")),
        },
        ErrorKind::Exception(exception) => {
            let args = exception.args(store);
            let values = args.iter().map(|v| from_val(store, v, LEVELS));
            return End::Thrown(values.collect());
        }
        ErrorKind::Host(error) if error.is::<HostFailure>() => TrapClass::Host,
        // A function or tag whose type is not final or is of a group: hosts cannot make those.
        ErrorKind::Link(_) => {
            return End::Unclear(Unclear::Refused("imports do not fit".to_owned()));
        }
        _ => return End::Broken(error.to_string()),
    };
    End::Trap(class)
}

/// Probity as its own peer, for what no other engine has: the watched runs are what is tested.
#[derive(Default)]
pub struct ProbityPeer {
    engines: Engines,
}

impl Peer for ProbityPeer {
    fn name(&self) -> &str {
        "probity"
    }

    fn instantiate(&self, case: &Case) -> Result<Box<dyn Side>, String> {
        let watch = Watch {
            eager: true,
            zeal: true,
            ..Watch::PLAIN
        };
        match ProbitySide::new(&self.engines, case, true, watch) {
            Ok(side) => Ok(Box::new(side)),
            Err(error) => Err(error.to_string()),
        }
    }
}
