//! Calls on paths, other than opening. cap-std resolves every path below its
//! directory: `..`, absolute paths and symbolic links cannot lead out.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use cap_fs_ext::DirExt;

use crate::WasiCtx;
use crate::errno::{Errno, Result};
use crate::guest::Guest;
use crate::layout::LOOKUP_SYMLINK_FOLLOW;
use crate::rights;
use crate::stat::{Filestat, NewTimes};

/// Whether the last component is followed if it is a symbolic link.
pub(crate) fn follows(lookup_flags: u32) -> Result<bool, Errno> {
    match lookup_flags & !LOOKUP_SYMLINK_FOLLOW {
        0 => Ok(lookup_flags != 0),
        _ => Err(Errno::Inval),
    }
}

/// The path without slashes at its end, which only say that it is a directory.
fn without_slash(path: &Path) -> &Path {
    let bytes = path.as_os_str().as_bytes();
    match bytes.iter().rposition(|b| *b != b'/') {
        Some(last) => Path::new(OsStr::from_bytes(&bytes[..=last])),
        None => path,
    }
}

pub(crate) fn create_directory(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<()> {
    let path = &guest.path(path, path_len)?;
    let descriptor = ctx.table.get(fd)?;
    let dir = descriptor.dir(rights::PATH_CREATE_DIRECTORY)?;
    descriptor.require_writable()?;
    Ok(dir.dir.create_dir(path)?)
}

pub(crate) fn filestat_get(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    fd: u32,
    flags: u32,
    path: u32,
    path_len: u32,
    result: u32,
) -> Result<()> {
    let path = &guest.path(path, path_len)?;
    let dir = ctx.table.get(fd)?.dir(rights::PATH_FILESTAT_GET)?;
    let host = match follows(flags)? {
        true => dir.dir.metadata(path)?,
        false => dir.dir.symlink_metadata(path)?,
    };
    Filestat::from(host).write(guest, result)
}

#[allow(clippy::too_many_arguments, reason = "the specification's parameters")]
pub(crate) fn filestat_set_times(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    fd: u32,
    flags: u32,
    path: u32,
    path_len: u32,
    atim: u64,
    mtim: u64,
    fst_flags: u32,
) -> Result<()> {
    let path = &guest.path(path, path_len)?;
    let WasiCtx { table, clocks, .. } = ctx;
    let descriptor = table.get(fd)?;
    let dir = descriptor.dir(rights::PATH_FILESTAT_SET_TIMES)?;
    descriptor.require_writable()?;
    let times = NewTimes::new(atim, mtim, fst_flags, clocks)?;
    let (atim, mtim) = (times.atim.spec(), times.mtim.spec());
    match follows(flags)? {
        true => Ok(dir.dir.set_times(path, atim, mtim)?),
        false => Ok(dir.dir.set_symlink_times(path, atim, mtim)?),
    }
}

#[allow(clippy::too_many_arguments, reason = "the specification's parameters")]
pub(crate) fn link(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    old_fd: u32,
    old_flags: u32,
    old_path: u32,
    old_path_len: u32,
    new_fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result<()> {
    let old_path = &guest.path(old_path, old_path_len)?;
    let new_path = &guest.path(new_path, new_path_len)?;
    let source = ctx.table.get(old_fd)?;
    let target = ctx.table.get(new_fd)?;
    let old_dir = source.dir(rights::PATH_LINK_SOURCE)?;
    let new_dir = target.dir(rights::PATH_LINK_TARGET)?;
    // A link shares the file, so a read-only source must not get one either.
    source.require_writable()?;
    target.require_writable()?;
    let resolved;
    let old_path = match follows(old_flags)? {
        true => {
            resolved = old_dir.dir.canonicalize(old_path)?;
            &resolved
        }
        false => old_path,
    };
    Ok(old_dir.dir.hard_link(old_path, &new_dir.dir, new_path)?)
}

#[allow(clippy::too_many_arguments, reason = "the specification's parameters")]
pub(crate) fn readlink(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    fd: u32,
    path: u32,
    path_len: u32,
    buf: u32,
    buf_len: u32,
    result: u32,
) -> Result<()> {
    guest.range(result, 4)?;
    guest.range(buf, buf_len)?;
    let path = &guest.path(path, path_len)?;
    let dir = ctx.table.get(fd)?.dir(rights::PATH_READLINK)?;
    let target = dir.dir.read_link(path)?.into_os_string();
    let bytes = target.as_encoded_bytes();
    // As readlink(2), what does not fit is cut off.
    let used = bytes.len().min(buf_len as usize);
    guest.write(buf, &bytes[..used])?;
    guest.write_u32(result, used as u32)
}

pub(crate) fn remove_directory(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<()> {
    let path = &guest.path(path, path_len)?;
    let descriptor = ctx.table.get(fd)?;
    let dir = descriptor.dir(rights::PATH_REMOVE_DIRECTORY)?;
    descriptor.require_writable()?;
    Ok(dir.dir.remove_dir(without_slash(path))?)
}

#[allow(clippy::too_many_arguments, reason = "the specification's parameters")]
pub(crate) fn rename(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    fd: u32,
    old_path: u32,
    old_path_len: u32,
    new_fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result<()> {
    let old_path = &guest.path(old_path, old_path_len)?;
    let new_path = &guest.path(new_path, new_path_len)?;
    let source = ctx.table.get(fd)?;
    let target = ctx.table.get(new_fd)?;
    let old_dir = source.dir(rights::PATH_RENAME_SOURCE)?;
    let new_dir = target.dir(rights::PATH_RENAME_TARGET)?;
    source.require_writable()?;
    target.require_writable()?;
    // cap-std takes a new name with a slash for a file too; POSIX does not.
    let wants_dir = without_slash(new_path).as_os_str() != new_path.as_os_str();
    if wants_dir && !old_dir.dir.symlink_metadata(old_path)?.is_dir() {
        return Err(Errno::Notdir.into());
    }
    Ok(old_dir.dir.rename(old_path, &new_dir.dir, new_path)?)
}

pub(crate) fn symlink(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    old_path: u32,
    old_path_len: u32,
    fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result<()> {
    let old_path = &guest.path(old_path, old_path_len)?;
    let new_path = &guest.path(new_path, new_path_len)?;
    let descriptor = ctx.table.get(fd)?;
    let dir = descriptor.dir(rights::PATH_SYMLINK)?;
    descriptor.require_writable()?;
    Ok(dir.dir.symlink(old_path, new_path)?)
}

pub(crate) fn unlink_file(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<()> {
    let path = &guest.path(path, path_len)?;
    let descriptor = ctx.table.get(fd)?;
    let dir = descriptor.dir(rights::PATH_UNLINK_FILE)?;
    descriptor.require_writable()?;
    Ok(dir.dir.remove_file(path)?)
}
