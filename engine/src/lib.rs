//! API skeleton: signatures first, so that the other crates can be written against them.
#![allow(missing_docs, clippy::unimplemented, unused_variables, dead_code)]
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use wasmparser;

// ---------------------------------------------------------------- engine, config
#[derive(Clone, Debug, Default)]
pub struct Config;
impl Config {
    pub fn new() -> Config { Config }
    /// canonical NaNs (design R8)
    pub fn deterministic(&mut self, on: bool) -> &mut Config { self }
    /// validate and lower functions at their first call (default true)
    pub fn lazy(&mut self, on: bool) -> &mut Config { self }
    /// bytes of Wasm stack per store (default 8 MiB)
    pub fn max_stack_bytes(&mut self, n: usize) -> &mut Config { self }
}
#[derive(Clone, Default)]
pub struct Engine;
impl Engine { pub fn new(config: &Config) -> Engine { unimplemented!() } pub fn config(&self) -> &Config { unimplemented!() } }

// ---------------------------------------------------------------- errors
/// Error of anything that can fail: load, link, usage, trap, host error.
pub struct Error(());
pub type Result<T, E = Error> = std::result::Result<T, E>;
impl Error {
    /// an error made by the host (e.g. WASI's exit); found again by downcast_ref
    pub fn host<E: std::error::Error + Send + Sync + 'static>(e: E) -> Error { unimplemented!() }
    pub fn usage(msg: impl Into<String>) -> Error { unimplemented!() }
    pub fn downcast_ref<E: std::error::Error + 'static>(&self) -> Option<&E> { unimplemented!() }
    pub fn kind(&self) -> ErrorKind<'_> { unimplemented!() }
    pub fn trap(&self) -> Option<&Trap> { unimplemented!() }
    /// frames from the innermost, for traps and for host errors that passed through Wasm
    pub fn backtrace(&self) -> &[BacktraceFrame] { unimplemented!() }
}
pub enum ErrorKind<'a> { Load(&'a LoadError), Link(&'a LinkError), Trap(&'a Trap), Host(&'a (dyn std::error::Error + Send + Sync + 'static)), Usage(&'a str) }
impl fmt::Display for Error { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { unimplemented!() } }
impl fmt::Debug for Error { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { unimplemented!() } }
impl std::error::Error for Error {}
impl From<Trap> for Error { fn from(t: Trap) -> Error { unimplemented!() } }
impl From<LoadError> for Error { fn from(t: LoadError) -> Error { unimplemented!() } }
impl From<LinkError> for Error { fn from(t: LinkError) -> Error { unimplemented!() } }
impl From<TrapCode> for Error { fn from(t: TrapCode) -> Error { unimplemented!() } }
/// The module cannot be loaded. `offset` is a byte offset in the module, None for text or files.
#[derive(Debug, Clone)]
pub struct LoadError;
impl LoadError { pub fn offset(&self) -> Option<usize> { unimplemented!() } pub fn message(&self) -> &str { unimplemented!() } }
impl fmt::Display for LoadError { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { unimplemented!() } }
impl std::error::Error for LoadError {}
#[derive(Debug, Clone)]
pub struct LinkError;
impl fmt::Display for LinkError { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { unimplemented!() } }
impl std::error::Error for LinkError {}
#[derive(Debug, Clone)]
pub struct Trap;
impl Trap { pub fn code(&self) -> TrapCode { unimplemented!() } pub fn message(&self) -> String { unimplemented!() } }
impl fmt::Display for Trap { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { unimplemented!() } }
impl std::error::Error for Trap {}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TrapCode {
    Unreachable, MemoryOutOfBounds, TableOutOfBounds, UndefinedElement, UninitializedElement, IndirectCallTypeMismatch,
    IntegerOverflow, IntegerDivideByZero, InvalidConversionToInteger, StackOverflow, OutOfFuel, Interrupted, Timeout, MemoryLimit, TableLimit,
    /// raised by a probe
    Probe,
}
impl TrapCode {
    /// "unreachable", "out of bounds memory access", "call stack exhausted", "out of fuel" ... as in the official tests
    pub fn message(self) -> &'static str { unimplemented!() }
}
#[derive(Debug, Clone)]
pub struct BacktraceFrame;
impl BacktraceFrame {
    pub fn func_index(&self) -> u32 { unimplemented!() }
    pub fn func_name(&self) -> Option<&str> { unimplemented!() }
    pub fn module_name(&self) -> Option<&str> { unimplemented!() }
    /// byte offset in the module
    pub fn pc(&self) -> WasmPc { unimplemented!() }
    /// pc relative to the function body's first byte (behind its size field)
    pub fn func_offset(&self) -> u32 { unimplemented!() }
}

// ---------------------------------------------------------------- types
/// Byte offset of an instruction in its module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WasmPc(pub u32);
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValType { I32, I64, F32, F64, V128, Ref(RefType) }
impl ValType { pub const FUNCREF: ValType = ValType::Ref(RefType::FUNCREF); pub const EXTERNREF: ValType = ValType::Ref(RefType::EXTERNREF); }
impl fmt::Display for ValType { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { unimplemented!() } }
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RefType { pub nullable: bool, pub heap: HeapType }
impl RefType { pub const FUNCREF: RefType = RefType { nullable: true, heap: HeapType::Func }; pub const EXTERNREF: RefType = RefType { nullable: true, heap: HeapType::Extern }; }
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeapType { Func, Extern }
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FuncType { params: Box<[ValType]>, results: Box<[ValType]> }
impl FuncType { pub fn new(p: impl IntoIterator<Item = ValType>, r: impl IntoIterator<Item = ValType>) -> FuncType { unimplemented!() } pub fn params(&self) -> &[ValType] { &self.params } pub fn results(&self) -> &[ValType] { &self.results } }
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GlobalType { pub content: ValType, pub mutable: bool }
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryType { pub minimum: u64, pub maximum: Option<u64>, pub memory64: bool, pub shared: bool, pub page_size_log2: u8 }
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableType { pub element: RefType, pub minimum: u64, pub maximum: Option<u64>, pub table64: bool }
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExternType { Func(FuncType), Global(GlobalType), Memory(MemoryType), Table(TableType) }
pub struct ImportType<'a> { pub module: &'a str, pub name: &'a str, pub ty: ExternType }
pub struct ExportType<'a> { pub name: &'a str, pub ty: ExternType, pub index: u32 }

// ---------------------------------------------------------------- module
#[derive(Clone)]
pub struct Module(());
impl Module {
    /// wasm or wat
    pub fn new(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Module, LoadError> { unimplemented!() }
    pub fn from_file(engine: &Engine, path: impl AsRef<Path>) -> Result<Module, LoadError> { unimplemented!() }
    /// validate every function body now
    pub fn validate(&self) -> Result<(), LoadError> { unimplemented!() }
    pub fn name(&self) -> Option<&str> { unimplemented!() }
    pub fn imports(&self) -> impl ExactSizeIterator<Item = ImportType<'_>> { std::iter::empty() }
    pub fn exports(&self) -> impl ExactSizeIterator<Item = ExportType<'_>> { std::iter::empty() }
    pub fn num_functions(&self) -> u32 { unimplemented!() }
    pub fn num_imported_functions(&self) -> u32 { unimplemented!() }
    /// Both imported and defined functions
    pub fn function(&self, index: u32) -> Option<FunctionInfo<'_>> { unimplemented!() }
    /// The Wasm bytes (after assembling, if text was given)
    pub fn bytes(&self) -> &[u8] { unimplemented!() }
    /// Same module (clones share an id)?
    pub fn same(&self, other: &Module) -> bool { unimplemented!() }
}
/// Static facts of one function.
#[derive(Clone, Copy)]
pub struct FunctionInfo<'a> { m: &'a Module }
impl<'a> FunctionInfo<'a> {
    pub fn index(&self) -> u32 { unimplemented!() }
    /// name section, else the import's "module.name", else an export name
    pub fn name(&self) -> Option<Cow<'a, str>> { unimplemented!() }
    pub fn ty(&self) -> &'a FuncType { unimplemented!() }
    pub fn is_import(&self) -> bool { unimplemented!() }
    /// body without its size field (locals declarations included), as byte offsets in the module; None for imports
    pub fn body(&self) -> Option<Range<u32>> { unimplemented!() }
    pub fn num_params(&self) -> u32 { unimplemented!() }
    /// params and locals
    pub fn local_types(&self) -> Result<Vec<ValType>, LoadError> { unimplemented!() }
    /// every operator in program order, with its pc; structured markers and the last `end` included
    pub fn operators(&self) -> Result<Vec<(WasmPc, wasmparser::Operator<'a>)>, LoadError> { unimplemented!() }
}
impl Module {
    /// function type of a type index (call_indirect)
    pub fn func_type(&self, type_index: u32) -> Option<&FuncType> { unimplemented!() }
}

// ---------------------------------------------------------------- store, values, externs
pub struct Store<T> { data: T }
mod core_ { pub struct StoreCore; }
#[doc(hidden)] pub use core_::StoreCore;
/// Anything that leads to a store: `&Store<T>`, `&Caller<T>`, `&ProbeContext`.
pub trait AsContext { #[doc(hidden)] fn core(&self) -> &StoreCore; }
pub trait AsContextMut: AsContext { #[doc(hidden)] fn core_mut(&mut self) -> &mut StoreCore; }
impl<T> AsContext for Store<T> { fn core(&self) -> &StoreCore { unimplemented!() } }
impl<T> AsContextMut for Store<T> { fn core_mut(&mut self) -> &mut StoreCore { unimplemented!() } }
impl<T> Store<T> {
    pub fn new(engine: &Engine, data: T) -> Store<T> { unimplemented!() }
    pub fn engine(&self) -> &Engine { unimplemented!() }
    pub fn data(&self) -> &T { &self.data }
    pub fn data_mut(&mut self) -> &mut T { &mut self.data }
    pub fn into_data(self) -> T { unimplemented!() }
    /// limit on fuel consumed from now on; None = no limit
    pub fn set_fuel_limit(&mut self, fuel: Option<u64>) { unimplemented!() }
    /// fuel (rule v1) consumed since the store was made; always counted
    pub fn fuel_consumed(&self) -> u64 { unimplemented!() }
    /// limits on what a guest can take
    pub fn set_limits(&mut self, limits: Limits) { unimplemented!() }
    /// Sync handle for other threads (timeouts, Ctrl-C)
    pub fn interrupt_handle(&self) -> InterruptHandle { unimplemented!() }
    pub fn probes(&mut self) -> hook::Probes<'_> { unimplemented!() }
}
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Limits {
    /// bytes, each memory
    pub memory_bytes_max: Option<u64>,
    pub table_elements_max: Option<u64>,
    /// a refused growth ends the run with TrapCode::MemoryLimit/TableLimit instead of giving -1 to the guest (R12)
    pub trap_on_refused_growth: bool,
}
#[derive(Clone)]
pub struct InterruptHandle(());
impl InterruptHandle {
    /// the running guest traps with `code` at its next poll (within about a millisecond)
    pub fn interrupt(&self, code: TrapCode) { unimplemented!() }
}
#[derive(Debug, Clone, Copy)]
pub enum Val { I32(i32), I64(i64), F32(u32), F64(u64), V128(u128), FuncRef(Option<Func>), ExternRef(Option<ExternRef>) }
impl Val { pub fn ty(&self) -> ValType { unimplemented!() } pub fn default_for(ty: ValType) -> Val { unimplemented!() } }
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExternRef(u32);
impl ExternRef {
    pub fn new<V: std::any::Any + Send + Sync>(store: &mut impl AsContextMut, value: V) -> ExternRef { unimplemented!() }
    pub fn data<'a>(&self, store: &'a impl AsContext) -> &'a (dyn std::any::Any + Send + Sync) { unimplemented!() }
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Func { store: u64, id: u32 }
impl Func {
    /// dynamically typed host function
    pub fn new<T: 'static>(store: &mut Store<T>, ty: FuncType, f: impl Fn(&mut Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static) -> Func { unimplemented!() }
    pub fn wrap<T: 'static, P, R>(store: &mut Store<T>, f: impl IntoFunc<T, P, R>) -> Func { unimplemented!() }
    pub fn ty(&self, store: &impl AsContext) -> FuncType { unimplemented!() }
    pub fn call(&self, store: &mut impl AsContextMut, args: &[Val], results: &mut [Val]) -> Result<()> { unimplemented!() }
    pub fn typed<P: WasmParams, R: WasmResults>(&self, store: &impl AsContext) -> Result<TypedFunc<P, R>> { unimplemented!() }
    /// module and index there; None for host functions
    pub fn module<'a>(&self, store: &'a impl AsContext) -> Option<(&'a Module, u32)> { unimplemented!() }
    /// display name: the name section's, else "func[i]"; "module.name" for host functions defined through a linker
    pub fn name(&self, store: &impl AsContext) -> String { unimplemented!() }
}
pub struct TypedFunc<P, R>(std::marker::PhantomData<fn(P) -> R>);
impl<P: WasmParams, R: WasmResults> TypedFunc<P, R> { pub fn call(&self, store: &mut impl AsContextMut, params: P) -> Result<R> { unimplemented!() } }
/// () , T, (T1, T2, ...) of i32 u32 i64 u64 f32 f64 u128 Option<Func> Option<ExternRef>
pub trait WasmParams {}
pub trait WasmResults {}
pub trait WasmTy {}
impl WasmTy for i32 {} impl WasmTy for u32 {} impl WasmTy for i64 {} impl WasmTy for u64 {} impl WasmTy for f32 {} impl WasmTy for f64 {}
impl<A: WasmTy> WasmParams for A {} impl<A: WasmTy> WasmResults for A {} impl WasmParams for () {} impl WasmResults for () {}
/// closures `Fn(Caller<'_, T>, A1, ..., An) -> R` where R is (), T, a tuple, or Result of these with Error
pub trait IntoFunc<T, P, R>: Send + Sync + 'static {}
impl<T, F: Fn(Caller<'_, T>) -> R + Send + Sync + 'static, R> IntoFunc<T, (Caller<'static, T>,), R> for F {}
macro_rules! stub_into { ($($a:ident)*) => { impl<T, F: Fn(Caller<'_, T>, $($a),*) -> R + Send + Sync + 'static, R, $($a: WasmTy),*> IntoFunc<T, (Caller<'static, T>, $($a),*), R> for F {} } }
stub_into!(A); stub_into!(A B); stub_into!(A B C); stub_into!(A B C D); stub_into!(A B C D E); stub_into!(A B C D E G); stub_into!(A B C D E G H); stub_into!(A B C D E G H I); stub_into!(A B C D E G H I J);
/// What a host function sees of its caller.
pub struct Caller<'a, T> { data: &'a mut T }
impl<T> AsContext for Caller<'_, T> { fn core(&self) -> &StoreCore { unimplemented!() } }
impl<T> AsContextMut for Caller<'_, T> { fn core_mut(&mut self) -> &mut StoreCore { unimplemented!() } }
impl<'a, T> Caller<'a, T> {
    pub fn data(&self) -> &T { self.data }
    pub fn data_mut(&mut self) -> &mut T { self.data }
    /// export of the calling instance
    pub fn get_export(&self, name: &str) -> Option<Extern> { unimplemented!() }
    /// the bytes of a memory and the host data at once
    pub fn memory_and_data(&mut self, memory: Memory) -> (&mut [u8], &mut T) { unimplemented!() }
    pub fn probes(&mut self) -> hook::Probes<'_> { unimplemented!() }
    pub fn fuel_consumed(&self) -> u64 { unimplemented!() }
}
#[derive(Debug, Clone, Copy)]
pub enum Extern { Func(Func), Global(Global), Memory(Memory), Table(Table) }
impl Extern { pub fn into_func(self) -> Option<Func> { unimplemented!() } pub fn into_memory(self) -> Option<Memory> { unimplemented!() } pub fn into_global(self) -> Option<Global> { unimplemented!() } pub fn into_table(self) -> Option<Table> { unimplemented!() } pub fn ty(&self, store: &impl AsContext) -> ExternType { unimplemented!() } }
impl From<Func> for Extern { fn from(x: Func) -> Extern { Extern::Func(x) } }
impl From<Memory> for Extern { fn from(x: Memory) -> Extern { Extern::Memory(x) } }
impl From<Global> for Extern { fn from(x: Global) -> Extern { Extern::Global(x) } }
impl From<Table> for Extern { fn from(x: Table) -> Extern { Extern::Table(x) } }
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Memory { store: u64, id: u32 }
impl Memory {
    pub fn new(store: &mut impl AsContextMut, ty: MemoryType) -> Result<Memory> { unimplemented!() }
    pub fn ty(&self, store: &impl AsContext) -> MemoryType { unimplemented!() }
    pub fn data<'a>(&self, store: &'a impl AsContext) -> &'a [u8] { unimplemented!() }
    pub fn data_mut<'a>(&self, store: &'a mut impl AsContextMut) -> &'a mut [u8] { unimplemented!() }
    /// Err(TrapCode::MemoryOutOfBounds)
    pub fn read(&self, store: &impl AsContext, offset: u64, buf: &mut [u8]) -> Result<()> { unimplemented!() }
    pub fn write(&self, store: &mut impl AsContextMut, offset: u64, data: &[u8]) -> Result<()> { unimplemented!() }
    /// pages
    pub fn size(&self, store: &impl AsContext) -> u64 { unimplemented!() }
    pub fn grow(&self, store: &mut impl AsContextMut, pages: u64) -> Result<u64> { unimplemented!() }
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Global { store: u64, id: u32 }
impl Global {
    pub fn new(store: &mut impl AsContextMut, ty: GlobalType, v: Val) -> Result<Global> { unimplemented!() }
    pub fn ty(&self, store: &impl AsContext) -> GlobalType { unimplemented!() }
    pub fn get(&self, store: &impl AsContext) -> Val { unimplemented!() }
    pub fn set(&self, store: &mut impl AsContextMut, v: Val) -> Result<()> { unimplemented!() }
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Table { store: u64, id: u32 }
impl Table {
    pub fn new(store: &mut impl AsContextMut, ty: TableType, init: Val) -> Result<Table> { unimplemented!() }
    pub fn ty(&self, store: &impl AsContext) -> TableType { unimplemented!() }
    pub fn size(&self, store: &impl AsContext) -> u64 { unimplemented!() }
    pub fn get(&self, store: &impl AsContext, index: u64) -> Option<Val> { unimplemented!() }
    pub fn set(&self, store: &mut impl AsContextMut, index: u64, v: Val) -> Result<()> { unimplemented!() }
    pub fn grow(&self, store: &mut impl AsContextMut, delta: u64, init: Val) -> Result<u64> { unimplemented!() }
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Instance { store: u64, id: u32 }
impl Instance {
    /// imports in the module's order; runs the start function
    pub fn new(store: &mut impl AsContextMut, module: &Module, imports: &[Extern]) -> Result<Instance> { unimplemented!() }
    pub fn module<'a>(&self, store: &'a impl AsContext) -> &'a Module { unimplemented!() }
    pub fn get_export(&self, store: &impl AsContext, name: &str) -> Option<Extern> { unimplemented!() }
    pub fn get_func(&self, store: &impl AsContext, name: &str) -> Option<Func> { unimplemented!() }
    pub fn get_typed_func<P: WasmParams, R: WasmResults>(&self, store: &impl AsContext, name: &str) -> Result<TypedFunc<P, R>> { unimplemented!() }
    pub fn get_memory(&self, store: &impl AsContext, name: &str) -> Option<Memory> { unimplemented!() }
    pub fn get_global(&self, store: &impl AsContext, name: &str) -> Option<Global> { unimplemented!() }
    pub fn get_table(&self, store: &impl AsContext, name: &str) -> Option<Table> { unimplemented!() }
    /// any function of the instance by index, exported or not
    pub fn func(&self, store: &impl AsContext, index: u32) -> Option<Func> { unimplemented!() }
    pub fn memory(&self, store: &impl AsContext, index: u32) -> Option<Memory> { unimplemented!() }
    pub fn global(&self, store: &impl AsContext, index: u32) -> Option<Global> { unimplemented!() }
    pub fn table(&self, store: &impl AsContext, index: u32) -> Option<Table> { unimplemented!() }
}
pub struct Linker<T>(std::marker::PhantomData<fn(T)>);
impl<T: 'static> Linker<T> {
    pub fn new(engine: &Engine) -> Linker<T> { unimplemented!() }
    pub fn func_wrap<P, R>(&mut self, module: &str, name: &str, f: impl IntoFunc<T, P, R>) -> Result<&mut Linker<T>, LinkError> { unimplemented!() }
    pub fn func_new(&mut self, module: &str, name: &str, ty: FuncType, f: impl Fn(&mut Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static) -> Result<&mut Linker<T>, LinkError> { unimplemented!() }
    pub fn define(&mut self, module: &str, name: &str, item: impl Into<Extern>) -> Result<&mut Linker<T>, LinkError> { unimplemented!() }
    /// define all exports of an instance under a module name
    pub fn instance(&mut self, store: &mut Store<T>, module: &str, instance: Instance) -> Result<&mut Linker<T>, LinkError> { unimplemented!() }
    /// later definitions replace earlier ones instead of being errors
    pub fn allow_shadowing(&mut self, on: bool) -> &mut Linker<T> { self }
    /// imports that nothing defines become functions that trap when called
    pub fn define_unknown_imports_as_traps(&mut self, module: &Module) -> Result<(), LinkError> { unimplemented!() }
    pub fn instantiate(&self, store: &mut Store<T>, module: &Module) -> Result<Instance> { unimplemented!() }
}

// ---------------------------------------------------------------- probe table (the engine's side; crate `probes` builds on it)
pub mod hook {
    use super::*;
    /// Where a probe sits in a function.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum Site { /** before the instruction at this pc */ Before(WasmPc), /** before everything else of the function */ Entry, /** every way out, after the last instruction */ Exit }
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct ProbeId(pub(crate) u64);
    /// A block of u64 counters shared between running code and the reader.
    #[derive(Clone)]
    pub struct Counters(Arc<[AtomicU64]>);
    impl Counters {
        pub fn new(len: usize) -> Counters { Counters((0..len).map(|_| AtomicU64::new(0)).collect()) }
        pub fn len(&self) -> usize { self.0.len() }
        pub fn is_empty(&self) -> bool { self.0.is_empty() }
        pub fn get(&self, i: usize) -> u64 { self.0[i].load(Ordering::Relaxed) }
        pub fn add(&self, i: usize, n: i64) { self.0[i].store(self.get(i).wrapping_add(n as u64), Ordering::Relaxed) }
    }
    /// The closed vocabulary of what a probe can do.
    pub enum Action {
        /// counters[index] += n
        CountAdd { counters: Counters, index: usize, n: u64 },
        /// counters[first + min(top operand as u32, len - 1)] += 1; before br_if/if/select: len 2 counts (zero, non-zero) after mapping non-zero to 1
        CountTop { counters: Counters, first: usize, len: u32, boolean: bool },
        /// call a function with the frame
        Call(Callback),
    }
    pub type Callback = Box<dyn FnMut(&mut ProbeContext<'_>) -> Result<()> + Send>;
    pub struct Probe { pub action: Action, pub priority: i32, pub one_shot: bool }
    impl Probe {
        pub fn new(action: Action) -> Probe { Probe { action, priority: 0, one_shot: false } }
        pub fn call(f: impl FnMut(&mut ProbeContext<'_>) -> Result<()> + Send + 'static) -> Probe { Probe::new(Action::Call(Box::new(f))) }
        pub fn one_shot(mut self) -> Probe { self.one_shot = true; self }
        pub fn priority(mut self, p: i32) -> Probe { self.priority = p; self }
    }
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[non_exhaustive]
    pub enum ExitReason { Return, Trap, Exception, TailCall }
    /// The probe table of a store; also reached from a probe (`ProbeContext::probes`) and from a host call (`Caller::probes`).
    pub struct Probes<'a> { core: &'a mut StoreCore }
    impl Probes<'_> {
        /// Error if the function is a host function or no instruction starts at the pc.
        pub fn insert(&mut self, func: Func, site: Site, probe: Probe) -> Result<ProbeId> { unimplemented!() }
        /// before every instruction of every function
        pub fn insert_global(&mut self, probe: Probe) -> ProbeId { unimplemented!() }
        /// false if it was removed already
        pub fn remove(&mut self, id: ProbeId) -> bool { unimplemented!() }
        /// Called once for each Wasm function (of any instance), before its first execution, when it can still be instrumented for free.
        pub fn on_first_call(&mut self, f: impl FnMut(&mut Probes<'_>, Func) + Send + 'static) { unimplemented!() }
        /// Called for every Wasm frame that a trap or host error unwinds, innermost first: function and pc of the instruction that did not
        /// complete (the trapping one in the innermost frame, the call in the others).
        pub fn on_unwind(&mut self, f: impl FnMut(&mut Probes<'_>, Func, WasmPc) + Send + 'static) { unimplemented!() }
        /// pcs etc. of the function's module
        pub fn module_of(&self, func: Func) -> Option<(Module, u32)> { unimplemented!() }
    }
    /// What a probe sees; valid only during its call.
    pub struct ProbeContext<'a> { core: &'a mut StoreCore }
    impl AsContext for ProbeContext<'_> { fn core(&self) -> &StoreCore { self.core } }
    impl AsContextMut for ProbeContext<'_> { fn core_mut(&mut self) -> &mut StoreCore { self.core } }
    impl ProbeContext<'_> {
        pub fn func(&self) -> Func { unimplemented!() }
        pub fn func_index(&self) -> u32 { unimplemented!() }
        pub fn pc(&self) -> WasmPc { unimplemented!() }
        pub fn instance(&self) -> Instance { unimplemented!() }
        /// set at exit sites
        pub fn exit_reason(&self) -> Option<ExitReason> { unimplemented!() }
        /// the frame the probe fired in
        pub fn frame(&mut self) -> FrameAccessor<'_> { unimplemented!() }
        /// number of Wasm frames on the stack
        pub fn depth(&self) -> usize { unimplemented!() }
        /// n-th Wasm frame outwards, 0 = this one
        pub fn frame_at(&mut self, n: usize) -> Option<FrameAccessor<'_>> { unimplemented!() }
        pub fn probes(&mut self) -> Probes<'_> { unimplemented!() }
        pub fn id(&self) -> ProbeId { unimplemented!() }
    }
    pub struct FrameAccessor<'a> { core: &'a mut StoreCore }
    impl FrameAccessor<'_> {
        pub fn func(&self) -> Func { unimplemented!() }
        pub fn func_index(&self) -> u32 { unimplemented!() }
        pub fn pc(&self) -> WasmPc { unimplemented!() }
        pub fn num_locals(&self) -> u32 { unimplemented!() }
        pub fn local(&self, i: u32) -> Option<Val> { unimplemented!() }
        pub fn num_operands(&self) -> u32 { unimplemented!() }
        /// 0 = bottom of the function's operand stack
        pub fn operand(&self, i: u32) -> Option<Val> { unimplemented!() }
        /// 0 = top
        pub fn top(&self, i: u32) -> Option<Val> { unimplemented!() }
        pub fn set_local(&mut self, i: u32, v: Val) -> Result<()> { unimplemented!() }
        pub fn set_operand(&mut self, i: u32, v: Val) -> Result<()> { unimplemented!() }
    }
}
