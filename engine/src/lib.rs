//! The Probity WebAssembly engine: an interpreter made to be watched.
//!
//! The embedding API has the usual shape: an [`Engine`] with a [`Config`] loads [`Module`]s; a
//! [`Store`] owns what runs; a [`Linker`] (or a list of [`Extern`]s) satisfies a module's
//! imports and gives an [`Instance`]; its [`Func`]s are called. What is special is
//! [`hook`]: probes at any instruction, function entry or exit, inserted and removed while
//! the guest runs, with access to every local and operand.

pub mod cache;
mod code;
mod config;
mod engine;
mod error;
mod explain;
mod feature;
mod frame;
mod gc;
pub mod hook;
#[cfg(jit)]
mod jit;
#[cfg(not(jit))]
#[path = "jit_absent.rs"]
mod jit;
mod module;
mod runtime;
mod sync;
mod sys;
mod tier;
mod types;

pub use cache::CacheStats;
pub use config::{Config, PerfOutput, Tier, TierZeal};
pub use engine::Engine;
pub use error::{BacktraceFrame, Error, ErrorKind, LinkError, LoadError, Result, Trap, TrapCode};
pub use explain::{CompileStats, Explain};
pub use feature::{Feature, WasmVersion};
pub use gc::HeapStats;
pub use module::{FunctionInfo, Module};
#[doc(hidden)]
pub use runtime::StoreCore;
pub use runtime::{
    AnyRef, AsContext, AsContextMut, Caller, ExnRef, Extern, ExternRef, Func, Global, HostState,
    Instance, InterruptHandle, IntoFunc, Limits, Linker, Memory, SharedMemory, Snapshot, Store,
    Table, Tag, TypedFunc, Val, WasmParams, WasmResults, WasmRet, WasmTy,
};
#[doc(hidden)]
pub use tier::TierStats;
pub use types::{
    ArrayType, CompositeType, ExportType, ExternType, FieldType, FuncType, GlobalType, HeapType,
    ImportType, MemoryType, RefType, StorageType, StructType, TableType, TypeId, TypeKind, ValType,
    WasmPc,
};
pub use wasmparser;
