//! WASI preview 1 for the Probity engine: the 46 calls by which a guest reaches
//! files, streams, clocks and random numbers, and what an embedder grants of
//! them.
//!
//! ```no_run
//! use probity_engine::{Config, Engine, Linker, Module, Store};
//! use probity_wasi::{Exit, WasiCtx, WasiCtxBuilder, add_to_linker};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::new(&Config::new());
//! let module = Module::from_file(&engine, "prog.wasm")?;
//! let mut linker: Linker<WasiCtx> = Linker::new(&engine);
//! add_to_linker(&mut linker, |ctx| ctx)?;
//! let ctx = WasiCtxBuilder::new()
//!     .args(["prog.wasm"])
//!     .inherit_stdio()
//!     .preopened_dir(".", ".")?
//!     .build();
//! let mut store = Store::new(&engine, ctx);
//! let instance = linker.instantiate(&mut store, &module)?;
//! let start = instance.get_typed_func::<(), ()>(&store, "_start")?;
//! match start.call(&mut store, ()) {
//!     Ok(()) => println!("ended well"),
//!     Err(error) => match error.downcast_ref::<Exit>() {
//!         Some(Exit(code)) => println!("exit code {code}"),
//!         None => return Err(error.into()),
//!     },
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The specification leaves some points open. Here:
//! - rights are enforced, and a missing one is `notcapable`;
//! - a path that leads out of a directory is `perm`, as in other engines;
//! - one `fd_write` or `fd_read` uses all its buffers, as `writev` and `readv`;
//! - descriptors are the lowest free numbers, preopens begin at 3;
//! - a listing of a directory is in byte order of the names;
//! - pointers need no alignment; one that leads outside memory is `fault`.

#![forbid(unsafe_code)]

mod args;
mod builder;
mod clock;
mod ctx;
mod descriptors;
mod dir;
mod errno;
mod exit;
mod fd;
mod frozen;
mod guest;
mod host;
mod io;
mod layout;
mod open;
mod path;
mod poll;
mod proc;
mod random;
mod rights;
mod sock;
mod stat;
mod stdio;
mod table;
mod usage;

pub use builder::{PreopenError, WasiCtxBuilder};
pub use ctx::WasiCtx;
pub use exit::{Exit, NoMemory, OutputLimit};
pub use frozen::FrozenWasi;
pub use stdio::OutputBuffer;
pub use table::{CALLS, add_to_linker};
pub use usage::Usage;
