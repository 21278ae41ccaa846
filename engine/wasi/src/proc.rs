//! Ending the run, and the calls of a process that there is not.

use probity_engine::Error;

use crate::errno::{Errno, Fault, Result};
use crate::guest::Guest;
use crate::{Exit, WasiCtx};

/// Ends the run with [`Exit`]; never returns to the guest.
pub(crate) fn exit(_: &mut WasiCtx, _: &mut Guest, code: u32) -> Result<()> {
    Err(Fault::Stop(Error::host(Exit(code))))
}

/// There is no process to signal: a guest must not reach the embedder's.
pub(crate) fn raise(_: &mut WasiCtx, _: &mut Guest, _signal: u32) -> Result<()> {
    Err(Errno::Notsup.into())
}

pub(crate) fn sched_yield(ctx: &mut WasiCtx, _: &mut Guest) -> Result<()> {
    std::thread::yield_now();
    ctx.stop.check()
}
