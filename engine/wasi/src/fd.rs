//! Calls on open descriptors, other than transfers.

use std::io::{Seek, SeekFrom, Write};

use cap_std::fs::Metadata;

use crate::WasiCtx;
use crate::descriptors::{Descriptor, Node};
use crate::errno::{Errno, Result};
use crate::guest::Guest;
use crate::layout::{self, Whence, fdflags, fdstat, filetype};
use crate::rights;
use crate::stat::{Filestat, NewTimes};

/// Advice in the order of the specification; true means that the host is told.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn advise_host(file: &std::fs::File, offset: u64, len: u64, advice: usize) -> Result<()> {
    use rustix::fs::Advice;
    const ADVICE: [Advice; ADVICE_KINDS] = [
        Advice::Normal,
        Advice::Sequential,
        Advice::Random,
        Advice::WillNeed,
        Advice::DontNeed,
        Advice::NoReuse,
    ];
    let len = std::num::NonZeroU64::new(len);
    Ok(rustix::fs::fadvise(file, offset, len, ADVICE[advice])?)
}

/// Where the host takes no advice, none is given.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn advise_host(_: &std::fs::File, _: u64, _: u64, _: usize) -> Result<()> {
    Ok(())
}

const ADVICE_KINDS: usize = 6;

pub(crate) fn advise(
    ctx: &mut WasiCtx,
    _: &mut Guest,
    fd: u32,
    offset: u64,
    len: u64,
    advice: u32,
) -> Result<()> {
    let file = ctx.table.get(fd)?.seekable(rights::FD_ADVISE)?;
    if advice as usize >= ADVICE_KINDS || i64::try_from(offset).is_err() {
        return Err(Errno::Inval.into());
    }
    advise_host(file.as_file(), offset, len, advice as usize)
}

pub(crate) fn allocate(
    ctx: &mut WasiCtx,
    _: &mut Guest,
    fd: u32,
    offset: u64,
    len: u64,
) -> Result<()> {
    let file = ctx.table.get(fd)?.seekable(rights::FD_ALLOCATE)?;
    let flags = rustix::fs::FallocateFlags::empty();
    Ok(rustix::fs::fallocate(file.as_file(), flags, offset, len)?)
}

pub(crate) fn close(ctx: &mut WasiCtx, _: &mut Guest, fd: u32) -> Result<()> {
    let closed = ctx.table.remove(fd)?;
    if let Node::Output(mut writer) = closed.node {
        writer.flush()?;
    }
    Ok(())
}

pub(crate) fn datasync(ctx: &mut WasiCtx, _: &mut Guest, fd: u32) -> Result<()> {
    synchronise(ctx.table.get_mut(fd)?, rights::FD_DATASYNC)
}

pub(crate) fn sync(ctx: &mut WasiCtx, _: &mut Guest, fd: u32) -> Result<()> {
    synchronise(ctx.table.get_mut(fd)?, rights::FD_SYNC)
}

fn synchronise(descriptor: &mut Descriptor, right: u64) -> Result<()> {
    if let Node::Output(writer) = &mut descriptor.node {
        return Ok(writer.flush()?);
    }
    if let Node::Dir(_) = descriptor.node {
        return descriptor.dir(right)?.sync();
    }
    let file = descriptor.file(right)?.as_file();
    match right {
        rights::FD_DATASYNC => Ok(file.sync_data()?),
        _ => Ok(file.sync_all()?),
    }
}

pub(crate) fn fdstat_get(ctx: &mut WasiCtx, guest: &mut Guest, fd: u32, result: u32) -> Result<()> {
    let descriptor = ctx.table.get(fd)?;
    let filetype = match &descriptor.node {
        Node::File(file) => file.filetype(),
        Node::Dir(_) => filetype::DIRECTORY,
        Node::Input(_) | Node::Output(_) => filetype::UNKNOWN,
    };
    guest.clear(result, fdstat::SIZE)?;
    guest.write_u8(result + fdstat::FILETYPE, filetype)?;
    guest.write_u16(result + fdstat::FLAGS, descriptor.flags)?;
    guest.write_u64(result + fdstat::RIGHTS_BASE, descriptor.rights_base)?;
    guest.write_u64(
        result + fdstat::RIGHTS_INHERITING,
        descriptor.rights_inheriting,
    )
}

pub(crate) fn fdstat_set_flags(
    ctx: &mut WasiCtx,
    _: &mut Guest,
    fd: u32,
    flags: u32,
) -> Result<()> {
    let descriptor = ctx.table.get_mut(fd)?;
    descriptor.require(rights::FD_FDSTAT_SET_FLAGS)?;
    let flags = layout::flags(flags, fdflags::ALL)?;
    let append = flags & fdflags::APPEND;
    if let Node::File(file) = &descriptor.node
        && append != descriptor.flags & fdflags::APPEND
    {
        file.set_append(append != 0)?;
    }
    descriptor.flags = flags;
    Ok(())
}

pub(crate) fn fdstat_set_rights(
    ctx: &mut WasiCtx,
    _: &mut Guest,
    fd: u32,
    base: u64,
    inheriting: u64,
) -> Result<()> {
    let descriptor = ctx.table.get_mut(fd)?;
    let added_base = base & !descriptor.rights_base;
    let added_inheriting = inheriting & !descriptor.rights_inheriting;
    if added_base | added_inheriting != 0 {
        return Err(Errno::Notcapable.into());
    }
    descriptor.rights_base = base;
    descriptor.rights_inheriting = inheriting;
    Ok(())
}

pub(crate) fn filestat_get(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    fd: u32,
    result: u32,
) -> Result<()> {
    let descriptor = ctx.table.get(fd)?;
    descriptor.require(rights::FD_FILESTAT_GET)?;
    let stat = match &descriptor.node {
        Node::File(file) => Metadata::from_file(file.as_file())?.into(),
        Node::Dir(dir) => dir.dir.dir_metadata()?.into(),
        Node::Input(_) | Node::Output(_) => Filestat::default(),
    };
    stat.write(guest, result)
}

pub(crate) fn filestat_set_size(
    ctx: &mut WasiCtx,
    _: &mut Guest,
    fd: u32,
    size: u64,
) -> Result<()> {
    let file = ctx.table.get(fd)?.file(rights::FD_FILESTAT_SET_SIZE)?;
    Ok(file.as_file().set_len(size)?)
}

pub(crate) fn filestat_set_times(
    ctx: &mut WasiCtx,
    _: &mut Guest,
    fd: u32,
    atim: u64,
    mtim: u64,
    flags: u32,
) -> Result<()> {
    let WasiCtx { table, clocks, .. } = ctx;
    let descriptor = table.get(fd)?;
    descriptor.require(rights::FD_FILESTAT_SET_TIMES)?;
    descriptor.require_writable()?;
    let times = NewTimes::new(atim, mtim, flags, clocks)?;
    match &descriptor.node {
        Node::File(file) => Ok(rustix::fs::futimens(file.fd(), &times.timestamps())?),
        Node::Dir(dir) => dir.set_times(times),
        Node::Input(_) | Node::Output(_) => Err(Errno::Inval.into()),
    }
}

pub(crate) fn renumber(ctx: &mut WasiCtx, _: &mut Guest, from: u32, to: u32) -> Result<()> {
    Ok(ctx.table.renumber(from, to)?)
}

pub(crate) fn seek(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    fd: u32,
    offset: i64,
    whence: u32,
    result: u32,
) -> Result<()> {
    guest.range(result, 8)?;
    let whence = guest.abi.whence(whence).ok_or(Errno::Inval)?;
    let descriptor = ctx.table.get(fd)?;
    let file = match (whence, offset) {
        // FD_SEEK implies FD_TELL, which is enough where nothing moves.
        (Whence::Cur, 0) => tellable(descriptor)?,
        _ => descriptor.seekable(rights::FD_SEEK)?,
    };
    let target = match whence {
        Whence::Set => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::Inval)?),
        Whence::Cur => SeekFrom::Current(offset),
        Whence::End => SeekFrom::End(offset),
    };
    let position = file.as_file().seek(target)?;
    guest.write_u64(result, position)
}

pub(crate) fn tell(ctx: &mut WasiCtx, guest: &mut Guest, fd: u32, result: u32) -> Result<()> {
    let file = tellable(ctx.table.get(fd)?)?;
    let position = file.as_file().stream_position()?;
    guest.write_u64(result, position)
}

fn tellable(descriptor: &Descriptor) -> Result<&crate::host::HostFile, Errno> {
    match descriptor.rights_base & rights::FD_SEEK {
        0 => descriptor.seekable(rights::FD_TELL),
        _ => descriptor.seekable(rights::FD_SEEK),
    }
}
