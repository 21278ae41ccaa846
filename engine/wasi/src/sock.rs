//! Calls on sockets. Guests never have one: preview 1 cannot make them and
//! embedders cannot hand them in. So every open descriptor is NOTSOCK and
//! every other one BADF.

use crate::WasiCtx;
use crate::errno::{Errno, Result};
use crate::guest::Guest;

fn not_a_socket(ctx: &WasiCtx, fd: u32) -> Result<()> {
    ctx.table.get(fd)?;
    Err(Errno::Notsock.into())
}

pub(crate) fn accept(
    ctx: &mut WasiCtx,
    _: &mut Guest,
    fd: u32,
    _flags: u32,
    _result: u32,
) -> Result<()> {
    not_a_socket(ctx, fd)
}

#[allow(clippy::too_many_arguments, reason = "the specification's parameters")]
pub(crate) fn recv(
    ctx: &mut WasiCtx,
    _: &mut Guest,
    fd: u32,
    _iovs: u32,
    _iovs_len: u32,
    _flags: u32,
    _nread: u32,
    _out_flags: u32,
) -> Result<()> {
    not_a_socket(ctx, fd)
}

pub(crate) fn send(
    ctx: &mut WasiCtx,
    _: &mut Guest,
    fd: u32,
    _iovs: u32,
    _iovs_len: u32,
    _flags: u32,
    _nwritten: u32,
) -> Result<()> {
    not_a_socket(ctx, fd)
}

pub(crate) fn shutdown(ctx: &mut WasiCtx, _: &mut Guest, fd: u32, _how: u32) -> Result<()> {
    not_a_socket(ctx, fd)
}
