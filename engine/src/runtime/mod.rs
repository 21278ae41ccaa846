//! What exists while guests run: stores and what they own.

mod caller;
mod externref;
mod externs;
mod func;
mod global;
mod host_func;
mod instance;
mod linker;
mod memory;
mod store;
mod table;
mod typed;
mod value;

pub use caller::Caller;
pub use externref::ExternRef;
pub use externs::Extern;
pub use func::Func;
pub use global::Global;
pub use host_func::{IntoFunc, WasmRet};
pub use instance::Instance;
pub use linker::Linker;
pub use memory::Memory;
pub use store::{AsContext, AsContextMut, InterruptHandle, Limits, Store, StoreCore};
pub use table::Table;
pub use typed::{TypedFunc, WasmParams, WasmResults, WasmTy};
pub use value::Val;
