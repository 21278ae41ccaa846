//! `path_open`: from the guest's rights and flags to a host descriptor.

use std::io;
use std::path::Path;

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, FileTypeExt, OpenOptions, OpenOptionsExt};
use rustix::fs::OFlags;
use rustix::io::Errno as Host;

use crate::WasiCtx;
use crate::descriptors::{Descriptor, Node};
use crate::dir::HostDir;
use crate::errno::{Errno, Result};
use crate::guest::Guest;
use crate::host::{HostFile, SLICE, Stop};
use crate::layout::{self, fdflags, oflags};
use crate::path::follows;
use crate::rights;

/// What the guest wants to open.
struct Request<'a> {
    path: &'a Path,
    follow: bool,
    oflags: u16,
    fdflags: u16,
    base: u64,
    inheriting: u64,
}

impl Request<'_> {
    fn has(&self, oflag: u16) -> bool {
        self.oflags & oflag != 0
    }

    /// Rights that the directory must have itself.
    fn needs_base(&self) -> u64 {
        let mut needed = rights::PATH_OPEN;
        if self.has(oflags::CREAT) {
            needed |= rights::PATH_CREATE_FILE;
        }
        if self.has(oflags::TRUNC) {
            needed |= rights::PATH_FILESTAT_SET_SIZE;
        }
        needed
    }

    /// Rights that the directory must be able to hand on.
    fn needs_inheriting(&self) -> u64 {
        let mut needed = self.base | self.inheriting;
        if self.fdflags & fdflags::DSYNC != 0 {
            needed |= rights::FD_DATASYNC;
        }
        if self.fdflags & (fdflags::RSYNC | fdflags::SYNC) != 0 {
            needed |= rights::FD_SYNC;
        }
        needed
    }

    /// Would the guest write through the descriptor?
    fn writes(&self) -> bool {
        self.base & rights::WRITING != 0
    }
}

#[allow(clippy::too_many_arguments, reason = "the specification's parameters")]
pub(crate) fn open(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    fd: u32,
    dirflags: u32,
    path: u32,
    path_len: u32,
    oflags: u32,
    base: u64,
    inheriting: u64,
    fdflags: u32,
    result: u32,
) -> Result<()> {
    guest.range(result, 4)?;
    let request = Request {
        path: &guest.path(path, path_len)?,
        follow: follows(dirflags)?,
        oflags: layout::flags(oflags, oflags::ALL)?,
        fdflags: layout::flags(fdflags, fdflags::ALL)?,
        // Undefined bits are what "all rights" often comes with.
        base: base & rights::ALL,
        inheriting: inheriting & rights::ALL,
    };
    let WasiCtx { table, stop, .. } = ctx;
    let parent = table.get(fd)?;
    let dir = parent.dir(request.needs_base())?;
    if request.needs_inheriting() & !parent.rights_inheriting != 0 {
        return Err(Errno::Notcapable.into());
    }
    let mut opened = if request.has(oflags::DIRECTORY) {
        open_directory(&dir.dir, &request)?
    } else {
        open_any(&dir.dir, &request, parent.read_only, stop)?
    };
    opened.read_only = parent.read_only;
    opened.flags = request.fdflags;
    let opened = table.insert(opened)?;
    guest.write_u32(result, opened)
}

fn directory(dir: Dir, request: &Request) -> Descriptor {
    let node = Node::Dir(HostDir::new(dir));
    Descriptor::new(node, request.base & rights::DIRECTORY, request.inheriting)
}

fn open_directory(dir: &Dir, request: &Request) -> Result<Descriptor> {
    if request.oflags != oflags::DIRECTORY {
        return Err(Errno::Inval.into());
    }
    let opened = match request.follow {
        true => dir.open_dir(request.path)?,
        false => dir.open_dir_nofollow(request.path)?,
    };
    Ok(directory(opened, request))
}

/// Opens a file, or a directory for a guest that did not say which.
fn open_any(dir: &Dir, request: &Request, read_only: bool, stop: &Stop) -> Result<Descriptor> {
    if read_only && (request.writes() || request.has(oflags::TRUNC)) {
        return Err(Errno::Rofs.into());
    }
    let create = request.has(oflags::CREAT) && !read_only;
    // The host wants write access to create or truncate; the guest's rights
    // decide what it can do with the descriptor.
    let write = request.writes() || create || request.has(oflags::TRUNC);
    let mut options = options(request);
    options
        .read(!write || request.base & (rights::FD_READ | rights::FD_READDIR) != 0)
        .write(write)
        .create(create)
        .create_new(create && request.has(oflags::EXCL))
        .truncate(request.has(oflags::TRUNC));
    let host = match open_patiently(dir, request, &options, stop)? {
        Ok(host) => host,
        Err(error) if reads_existing(&error, request) => {
            let mut options = self::options(request);
            options.read(true);
            dir.open_with(request.path, &options).map_err(|_| error)?
        }
        Err(error) if read_only && request.has(oflags::CREAT) => {
            return Err(match Errno::from(&error) {
                Errno::Noent => Errno::Rofs.into(),
                _ => error.into(),
            });
        }
        Err(error) => return Err(error.into()),
    };
    if host.metadata()?.is_dir() {
        return Ok(directory(Dir::from_std_file(host.into_std()), request));
    }
    let file = HostFile::owned(host.into_std())?;
    if request.fdflags & fdflags::APPEND != 0 {
        file.set_append(true)?;
    }
    let mut base = request.base & rights::FILE;
    if !file.seekable() {
        base &= !rights::POSITIONED;
    }
    Ok(Descriptor::new(Node::File(file), base, 0))
}

/// Options that every opening shares.
fn options(request: &Request) -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .follow(match request.follow {
            true => FollowSymlinks::Yes,
            false => FollowSymlinks::No,
        })
        // Opening a pipe or a terminal must not block for ever.
        .nonblock(true)
        .custom_flags(OFlags::NOCTTY.bits() as i32);
    options
}

/// Was a file that exists refused only because creating, which the guest
/// allowed but did not need, takes write access?
fn reads_existing(error: &io::Error, request: &Request) -> bool {
    Host::from_io_error(error) == Some(Host::ACCESS)
        && request.has(oflags::CREAT)
        && !request.has(oflags::TRUNC | oflags::EXCL)
        && !request.writes()
}

/// Opens; a pipe that has no reader yet is waited for in slices, unless the
/// guest asked not to wait. The outer error is that of a stopped run.
fn open_patiently(
    dir: &Dir,
    request: &Request,
    options: &OpenOptions,
    stop: &Stop,
) -> Result<io::Result<cap_std::fs::File>> {
    loop {
        let opened = dir.open_with(request.path, options);
        let Err(error) = &opened else {
            return Ok(opened);
        };
        let no_reader = Host::from_io_error(error) == Some(Host::NXIO)
            && request.fdflags & fdflags::NONBLOCK == 0
            && dir.metadata(request.path)?.file_type().is_fifo();
        if !no_reader {
            return Ok(opened);
        }
        stop.check()?;
        rustix::event::poll(&mut [], Some(&SLICE))?;
    }
}
