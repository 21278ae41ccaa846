//! Reading and writing through descriptors.
//!
//! All buffers of a call are used, as `readv` and `writev` do. Output goes to
//! the host before the call returns: nothing is buffered on this side, so
//! nothing can be lost when the run ends.

use std::io::{ErrorKind, IoSlice, Read, Write};

use crate::WasiCtx;
use crate::descriptors::{Input, Node, Output};
use crate::errno::{Errno, Fault, Result};
use crate::guest::{Guest, Iovecs, Position};
use crate::host::{HostFile, Stop};
use crate::layout::fdflags;
use crate::rights;

/// Bytes read at a time.
const CHUNK: usize = 1 << 16;

/// When a read that gave something goes on to fill the rest of the buffers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fill {
    /// Never: more might not be there yet.
    Once,
    /// While reads are full; a short one is the end of a regular file.
    WhileFull,
    /// Until nothing comes: the result does not depend on how the writer's
    /// bytes arrive, so a run can be repeated.
    ToEnd,
}

/// Fills buffers of the guest by `read`, and returns the number of bytes.
/// An error after the first byte is left to the guest's next call.
fn fill(
    guest: &mut Guest,
    iovecs: &Iovecs,
    mode: Fill,
    mut read: impl FnMut(&mut [u8]) -> Result<usize>,
) -> Result<u32> {
    let total = iovecs.total();
    let mut bounce = Vec::new();
    let mut position = Position::default();
    let mut done = 0;
    while done < total {
        let want = (total - done).min(CHUNK);
        let result = match iovecs.single(guest) {
            Some(buffer) => read(&mut buffer[done..done + want]),
            None => {
                bounce.resize(want, 0);
                let result = read(&mut bounce);
                if let Ok(count) = result {
                    iovecs.scatter(guest, &mut position, &bounce[..count.min(want)]);
                }
                result
            }
        };
        let count = match result {
            Ok(count) => count.min(want),
            Err(Fault::Errno(_)) if done > 0 => break,
            Err(fault) => return Err(fault),
        };
        done += count;
        if count == 0 || mode == Fill::Once || (mode == Fill::WhileFull && count < want) {
            break;
        }
    }
    // A transfer is limited to less than 2 GiB.
    Ok(done as u32)
}

/// Hands buffers of the guest to `write`, at most `limit` bytes at a time, and
/// returns the number of bytes. An error after the first byte is left to the
/// guest's next call.
fn drain(
    guest: &Guest,
    iovecs: &Iovecs,
    limit: usize,
    mut write: impl FnMut(&[IoSlice]) -> Result<usize>,
) -> Result<u32> {
    let mut position = Position::default();
    let mut done = 0;
    while done < iovecs.total() {
        let window = iovecs.window(guest, &position, limit);
        let parts: Vec<_> = window.collect();
        let parts: Vec<IoSlice> = parts.iter().map(|part| IoSlice::new(part)).collect();
        match write(&parts) {
            Ok(0) => break,
            Ok(count) => {
                done += count;
                iovecs.advance(&mut position, count);
            }
            Err(Fault::Errno(_)) if done > 0 => break,
            Err(fault) => return Err(fault),
        }
    }
    Ok(done as u32)
}

/// Reads from an embedder's reader, once.
fn read_embedder(reader: &mut dyn Read, bytes: &mut [u8], stop: &Stop) -> Result<usize> {
    loop {
        stop.check()?;
        match reader.read(bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return Ok(other?),
        }
    }
}

/// Writes to an embedder's writer, once.
fn write_embedder(writer: &mut Output, parts: &[IoSlice], stop: &Stop) -> Result<usize> {
    loop {
        stop.check()?;
        match writer.write_vectored(parts) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return Ok(other?),
        }
    }
}

/// Bytes that an embedder's writer gets between two looks at the stop flag.
const EMBEDDER_WRITE_MAX: usize = 1 << 20;

pub(crate) fn read(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    nread: u32,
) -> Result<()> {
    guest.range(nread, 4)?;
    let iovecs = guest.iovecs(iovs, iovs_len)?;
    let WasiCtx {
        table,
        stop,
        clocks,
        ..
    } = ctx;
    let descriptor = table.get_mut(fd)?;
    if let Node::Dir(_) = descriptor.node {
        return Err(Errno::Badf.into());
    }
    descriptor.require(rights::FD_READ)?;
    let nonblock = descriptor.flags & fdflags::NONBLOCK != 0 && !clocks.is_virtual();
    let count = match &mut descriptor.node {
        Node::File(file) => {
            let mode = if file.regular() {
                Fill::WhileFull
            } else if clocks.is_virtual() && !file.terminal() {
                Fill::ToEnd
            } else {
                Fill::Once
            };
            let file = &*file;
            fill(guest, &iovecs, mode, |b| file.read(b, nonblock, stop))?
        }
        Node::Input(Input::Bytes(bytes)) => fill(guest, &iovecs, Fill::WhileFull, |b| {
            read_embedder(bytes, b, stop)
        })?,
        Node::Input(Input::Reader(reader)) => fill(guest, &iovecs, Fill::Once, |b| {
            read_embedder(reader.as_mut(), b, stop)
        })?,
        Node::Output(_) | Node::Dir(_) => return Err(Errno::Badf.into()),
    };
    ctx.usage.bytes_read += u64::from(count);
    guest.write_u32(nread, count)
}

pub(crate) fn write(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    nwritten: u32,
) -> Result<()> {
    guest.range(nwritten, 4)?;
    let iovecs = guest.iovecs(iovs, iovs_len)?;
    ctx.check_output(iovecs.total())?;
    let WasiCtx {
        table,
        stop,
        clocks,
        ..
    } = ctx;
    let descriptor = table.get_mut(fd)?;
    if let Node::Dir(_) = descriptor.node {
        return Err(Errno::Badf.into());
    }
    descriptor.require(rights::FD_WRITE)?;
    let flags = descriptor.flags;
    let nonblock = flags & fdflags::NONBLOCK != 0 && !clocks.is_virtual();
    let count = match &mut descriptor.node {
        Node::File(file) => {
            let count = drain(guest, &iovecs, file.write_limit(), |parts| {
                file.write(parts, nonblock, stop)
            })?;
            file.sync_after_write(flags)?;
            count
        }
        Node::Output(writer) => {
            let count = drain(guest, &iovecs, EMBEDDER_WRITE_MAX, |parts| {
                write_embedder(writer, parts, stop)
            })?;
            writer.flush()?;
            count
        }
        Node::Input(_) | Node::Dir(_) => return Err(Errno::Badf.into()),
    };
    ctx.usage.bytes_written += u64::from(count);
    guest.write_u32(nwritten, count)
}

/// Adds what was moved to the offset of a positioned transfer.
fn moved(offset: &mut u64, count: usize) -> usize {
    *offset = offset.saturating_add(count as u64);
    count
}

pub(crate) fn pread(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    offset: u64,
    nread: u32,
) -> Result<()> {
    guest.range(nread, 4)?;
    let iovecs = guest.iovecs(iovs, iovs_len)?;
    let WasiCtx { table, stop, .. } = ctx;
    let file = table.get(fd)?.seekable(rights::FD_READ | rights::FD_SEEK)?;
    let mut offset = offset;
    let count = fill(guest, &iovecs, Fill::WhileFull, |bytes| {
        let count = file.read_at(bytes, offset, stop)?;
        Ok(moved(&mut offset, count))
    })?;
    ctx.usage.bytes_read += u64::from(count);
    guest.write_u32(nread, count)
}

pub(crate) fn pwrite(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    offset: u64,
    nwritten: u32,
) -> Result<()> {
    guest.range(nwritten, 4)?;
    let iovecs = guest.iovecs(iovs, iovs_len)?;
    ctx.check_output(iovecs.total())?;
    let WasiCtx { table, stop, .. } = ctx;
    let descriptor = table.get(fd)?;
    let file = descriptor.seekable(rights::FD_WRITE | rights::FD_SEEK)?;
    let mut offset = offset;
    let mut write = || {
        drain(guest, &iovecs, file.write_limit(), |parts| {
            let count = file.write_at(parts, offset, stop)?;
            Ok(moved(&mut offset, count))
        })
    };
    let count = match descriptor.flags & fdflags::APPEND {
        0 => write()?,
        _ => without_append(file, write)?,
    };
    file.sync_after_write(descriptor.flags)?;
    ctx.usage.bytes_written += u64::from(count);
    guest.write_u32(nwritten, count)
}

/// Linux appends at every `pwrite` to a file in append mode, whatever the
/// offset; the specification (and POSIX) want the offset to count.
fn without_append(file: &HostFile, write: impl FnOnce() -> Result<u32>) -> Result<u32> {
    file.set_append(false)?;
    let result = write();
    file.set_append(true)?;
    result
}
