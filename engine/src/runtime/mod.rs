//! What exists while guests run: stores and what they own.

mod anyref;
mod call;
mod caller;
mod collect;
pub(crate) mod context;
pub(crate) mod core;
mod exception;
mod exnref;
mod externref;
mod externs;
mod fuel;
mod func;
mod global;
mod host_func;
mod inbox;
pub(crate) mod instance;
mod interrupt;
mod linker;
pub(crate) mod memory;
mod nudges;
mod polls;
mod requests;
mod root;
pub(crate) mod shared;
mod slow;
mod store;
pub(crate) mod table;
mod tag;
mod typed;
pub(crate) mod value;

pub use self::core::StoreCore;
pub use anyref::AnyRef;
#[cfg(jit)]
pub(crate) use call::trap_code;
pub use caller::Caller;
pub use exnref::ExnRef;
pub use externref::ExternRef;
pub use externs::Extern;
pub(crate) use fuel::Allowance;
#[cfg(jit)]
pub(crate) use fuel::op_fuel;
pub use func::Func;
pub use global::Global;
pub use host_func::{IntoFunc, WasmRet};
pub use instance::Instance;
pub use interrupt::InterruptHandle;
pub use linker::Linker;
pub use memory::Memory;
pub use shared::SharedMemory;
pub use store::{AsContext, AsContextMut, Limits, Store};
pub use table::Table;
pub use tag::Tag;
pub use typed::{TypedFunc, WasmParams, WasmResults, WasmTy};
pub use value::Val;
pub(crate) use value::slot_offsets;
