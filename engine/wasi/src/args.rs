//! Arguments and environment: two lists of strings, handed over in the same
//! way.

use crate::WasiCtx;
use crate::errno::{Errno, Result};
use crate::guest::Guest;

/// Strings of the guest's start-up, without their terminating NUL.
pub(crate) type Strings = Vec<Vec<u8>>;

/// The bytes as C reads them: up to the first NUL.
pub(crate) fn c_string(bytes: &[u8]) -> Vec<u8> {
    let end = bytes.iter().position(|b| *b == 0);
    bytes[..end.unwrap_or(bytes.len())].to_vec()
}

fn sizes(guest: &mut Guest, strings: &Strings, count: u32, size: u32) -> Result<()> {
    let total: usize = strings.iter().map(|s| s.len() + 1).sum();
    let total = u32::try_from(total).map_err(|_| Errno::Overflow)?;
    let number = u32::try_from(strings.len()).map_err(|_| Errno::Overflow)?;
    guest.write_u32(count, number)?;
    guest.write_u32(size, total)
}

/// Writes the strings one behind the other at `buf` and their addresses at
/// `pointers`.
fn get(guest: &mut Guest, strings: &Strings, pointers: u32, buf: u32) -> Result<()> {
    let mut pointer = pointers;
    let mut at = buf;
    for string in strings {
        guest.write_u32(pointer, at)?;
        guest.write(at, string)?;
        // The write above has shown that the additions stay within memory.
        at = at.checked_add(string.len() as u32).ok_or(Errno::Fault)?;
        guest.write_u8(at, 0)?;
        at = at.checked_add(1).ok_or(Errno::Fault)?;
        pointer = pointer.checked_add(4).ok_or(Errno::Fault)?;
    }
    Ok(())
}

pub(crate) fn args_get(ctx: &mut WasiCtx, guest: &mut Guest, argv: u32, buf: u32) -> Result<()> {
    get(guest, &ctx.args, argv, buf)
}

pub(crate) fn args_sizes_get(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    count: u32,
    size: u32,
) -> Result<()> {
    sizes(guest, &ctx.args, count, size)
}

pub(crate) fn environ_get(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    environ: u32,
    buf: u32,
) -> Result<()> {
    get(guest, &ctx.env, environ, buf)
}

pub(crate) fn environ_sizes_get(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    count: u32,
    size: u32,
) -> Result<()> {
    sizes(guest, &ctx.env, count, size)
}
