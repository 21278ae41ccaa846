//! What exists while guests run: stores and what they own.

mod call;
mod caller;
pub(crate) mod core;
mod externref;
mod externs;
mod fuel;
mod func;
mod global;
mod host_func;
pub(crate) mod instance;
mod interrupt;
mod linker;
pub(crate) mod memory;
mod slow;
mod store;
pub(crate) mod table;
mod typed;
mod value;

pub use self::core::StoreCore;
pub use caller::Caller;
pub use externref::ExternRef;
pub use externs::Extern;
pub use func::Func;
pub use global::Global;
pub use host_func::{IntoFunc, WasmRet};
pub use instance::Instance;
pub use interrupt::InterruptHandle;
pub use linker::Linker;
pub use memory::Memory;
pub use store::{AsContext, AsContextMut, Limits, Store};
pub use table::Table;
pub use typed::{TypedFunc, WasmParams, WasmResults, WasmTy};
pub use value::Val;
