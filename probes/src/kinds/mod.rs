//! The kinds of sites, under one name each. A kind is put into one function or into all that a selector chooses, calls a
//! closure with what is known of each event, and is removed as a whole ([`Watch`]).
//!
//! | event | name | what is told |
//! |---|---|---|
//! | before an operator | [`Site::Before`] | the frame |
//! | behind an operator | [`Site::After`] | the frame |
//! | every operator | [`Probes::insert_global`] | the frame |
//! | function entry | [`Site::Entry`] | the frame |
//! | function exit, every way out | [`Site::Exit`] | the frame, [`ExitReason`] |
//! | entry and exit as a pair | [`events::entry_exit`](crate::events::entry_exit) | the frame |
//! | a function's first call | [`Probes::on_first_call`] | the function |
//! | basic block | [`blocks`] | [`Block`] |
//! | edge | [`edges`] | [`Edge`] |
//! | loop back-edge | [`back_edges`] | [`Edge`] |
//! | loop entry | [`loop_entry::Entry`](crate::loop_entry::Entry); in rules `wasm:loop:entry` | how control comes to a loop |
//! | call | [`calls`] | [`Call`]: callee; arguments before, results behind |
//! | host call | [`Probes::on_host_call`] | [`HostCall`] |
//! | memory access | [`memory_accesses`] | [`MemoryAccess`]: address, width, value |
//! | table access | [`tables`] | [`TableAccess`]: index, value |
//! | global access | [`globals`] | [`GlobalAccess`]: value |
//! | growth | [`grows`] | [`Grow`]: of what, by how much, whether it did |
//! | bulk operation | [`bulk`] | [`Bulk`]: from where, to where, how much |
//! | allocation | [`allocations`] | [`Allocation`]: type, length, the object |
//! | throw | [`throws`] | [`Throw`]: tag, what is carried |
//! | catch | [`catches`] | [`Catch`]: from where, to where |
//! | catch, in its frame | [`Probes::on_catch`] | the exception, the frame and all frames around it |
//! | unwinding | [`Probes::on_unwind`] | every frame, see [`Unwind`](crate::unwind::Unwind) |
//! | trap | [`Probes::on_trap`] | the error, the frame and all frames around it |
//! | instantiation | [`Probes::on_instantiate`] | the instance |
//! | end of a call from the host | [`Probes::on_end`] | the function, the error |
//! | timer | [`Remote::every`], [`Remote::after`] | the frames, at that time |
//! | fuel tick | [`Probes::on_fuel`] | the frame, each time that so much fuel has been consumed |
//! | watchpoint | [`Watchpoint`](crate::watchpoint::Watchpoint) | a write to a range of a memory or a global, before it |
//!
//! Modifiers (one-shot, every n-th, after n, the first k, a predicate) are [`Probe::one_shot`](probity_engine::hook::Probe::one_shot)
//! and [`Gate`](crate::gate::Gate). A function belongs to one instance, so what is put into it is of that instance alone.
//!
//! ```
//! use probity_engine::{Engine, Instance, Module, Store};
//! use probity_probes::kinds;
//! use std::sync::{Arc, Mutex};
//!
//! let engine = Engine::default();
//! // Counts down from its argument to 0.
//! let module = Module::new(&engine, r#"(module (func (export "f") (param i32)
//!     (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#)?;
//! let mut store = Store::new(&engine, ());
//! let instance = Instance::new(&mut store, &module, &[])?;
//! let func = instance.get_func(&store, "f").unwrap();
//!
//! let seen = Arc::new(Mutex::new((Vec::new(), 0)));
//! let (to_edges, to_back) = (seen.clone(), seen.clone());
//! let edges = kinds::edges(move |_, edge| {
//!     to_edges.lock().unwrap().0.push((edge.from, edge.to));
//!     Ok(())
//! });
//! let back = kinds::back_edges(move |_, _| {
//!     to_back.lock().unwrap().1 += 1;
//!     Ok(())
//! });
//! edges.instrument(&mut store.probes(), func)?;
//! back.instrument(&mut store.probes(), func)?;
//! func.typed::<i32, ()>(&store)?.call(&mut store, 3)?;
//! // Twice back to the loop, then on to what is behind it.
//! assert_eq!(*seen.lock().unwrap(), (vec![(0, 0), (0, 0), (0, 1)], 2));
//! # Ok::<(), probity_engine::Error>(())
//! ```
//!
//! [`Site::Before`]: probity_engine::hook::Site::Before
//! [`Site::After`]: probity_engine::hook::Site::After
//! [`Site::Entry`]: probity_engine::hook::Site::Entry
//! [`Site::Exit`]: probity_engine::hook::Site::Exit
//! [`ExitReason`]: probity_engine::hook::ExitReason
//! [`HostCall`]: probity_engine::hook::HostCall
//! [`Probes::insert_global`]: probity_engine::hook::Probes::insert_global
//! [`Probes::on_first_call`]: probity_engine::hook::Probes::on_first_call
//! [`Probes::on_host_call`]: probity_engine::hook::Probes::on_host_call
//! [`Probes::on_unwind`]: probity_engine::hook::Probes::on_unwind
//! [`Probes::on_catch`]: probity_engine::hook::Probes::on_catch
//! [`Probes::on_trap`]: probity_engine::hook::Probes::on_trap
//! [`Probes::on_instantiate`]: probity_engine::hook::Probes::on_instantiate
//! [`Probes::on_end`]: probity_engine::hook::Probes::on_end
//! [`Probes::on_fuel`]: probity_engine::hook::Probes::on_fuel
//! [`Remote::every`]: probity_engine::hook::Remote::every
//! [`Remote::after`]: probity_engine::hook::Remote::after

mod around;
mod blocks;
mod calls;
mod edges;
mod exceptions;
mod sizes;
mod state;
pub(crate) mod watch;

pub use blocks::{Block, blocks};
pub use calls::{Call, CallPhase, calls};
pub use edges::{Edge, Way, back_edges, edges};
pub use exceptions::{Catch, Throw, catches, throws};
pub use sizes::{Allocation, Bulk, BulkSource, Grow, Space, allocations, bulk, grows};
pub use state::{
    Direction, GlobalAccess, MemoryAccess, TableAccess, globals, memory_accesses, tables,
};
pub use watch::Watch;
