//! Open directories: their listing and their names as preopens.

use std::os::unix::fs::DirEntryExt;

use cap_fs_ext::DirExt;
use cap_std::fs::{Dir, MetadataExt};

use crate::WasiCtx;
use crate::descriptors::{Descriptor, Node};
use crate::errno::{Errno, Result};
use crate::guest::Guest;
use crate::layout::{dirent, filetype, prestat};
use crate::rights;
use crate::stat::{self, NewTimes};

/// An open directory of the host.
#[derive(Debug)]
pub(crate) struct HostDir {
    pub(crate) dir: Dir,
    /// The guest's name of a preopened directory.
    preopen: Option<Vec<u8>>,
    /// The entries as they were when the guest last read from the start, so
    /// that cookies stay good while it changes the directory.
    listing: Option<Vec<Listed>>,
}

#[derive(Clone, Debug)]
struct Listed {
    name: Vec<u8>,
    ino: u64,
    filetype: u8,
}

impl HostDir {
    pub(crate) fn new(dir: Dir) -> HostDir {
        HostDir {
            dir,
            preopen: None,
            listing: None,
        }
    }

    pub(crate) fn preopened(dir: Dir, name: Vec<u8>) -> HostDir {
        HostDir {
            preopen: Some(name),
            ..HostDir::new(dir)
        }
    }

    /// The same directory by another descriptor of the host's, at the same place of its listing.
    pub(crate) fn try_clone(&self) -> std::io::Result<HostDir> {
        Ok(HostDir {
            dir: self.dir.try_clone()?,
            preopen: self.preopen.clone(),
            listing: self.listing.clone(),
        })
    }

    /// Brings the directory itself to the disk.
    pub(crate) fn sync(&self) -> Result<()> {
        // The host may hold the directory by O_PATH, which cannot be synced.
        Ok(self.dir.open(".")?.sync_all()?)
    }

    pub(crate) fn set_times(&self, times: NewTimes) -> Result<()> {
        let (atim, mtim) = (times.atim.spec(), times.mtim.spec());
        Ok(self.dir.set_times(".", atim, mtim)?)
    }

    /// All entries: `.` and `..`, then the rest in byte order of their names,
    /// so that a run does not depend on the file system's order.
    fn list(&self) -> Result<Vec<Listed>> {
        let own = self.dir.dir_metadata()?.ino();
        let dot = |name: &[u8]| Listed {
            name: name.to_vec(),
            // The number of the directory above is none of the guest's business.
            ino: own,
            filetype: filetype::DIRECTORY,
        };
        let mut entries = vec![dot(b"."), dot(b"..")];
        for entry in self.dir.entries()? {
            let entry = entry?;
            let host = entry.file_type();
            entries.push(Listed {
                name: entry.file_name().into_encoded_bytes(),
                ino: entry.ino(),
                filetype: host.map_or(filetype::UNKNOWN, stat::filetype),
            });
        }
        entries[2..].sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }
}

pub(crate) fn readdir(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    fd: u32,
    buf: u32,
    buf_len: u32,
    cookie: u64,
    result: u32,
) -> Result<()> {
    guest.range(result, 4)?;
    guest.range(buf, buf_len)?;
    let descriptor = ctx.table.get_mut(fd)?;
    descriptor.dir(rights::FD_READDIR)?;
    let Node::Dir(dir) = &mut descriptor.node else {
        return Err(Errno::Notdir.into());
    };
    if cookie == 0 {
        dir.listing = None;
    }
    let entries = match dir.listing.take() {
        Some(entries) => entries,
        None => dir.list()?,
    };
    let first = usize::try_from(cookie).unwrap_or(usize::MAX);
    let mut bytes = vec![0; size_of_entries(&entries, first, buf_len as usize)];
    let used = write_entries(&mut bytes, &entries, first);
    guest.write(buf, &bytes[..used])?;
    dir.listing = Some(entries);
    guest.write_u32(result, used as u32)
}

/// Bytes that the entries from `first` on take, at most `limit`.
fn size_of_entries(entries: &[Listed], first: usize, limit: usize) -> usize {
    let mut size = 0;
    for entry in entries.iter().skip(first) {
        size += dirent::SIZE + entry.name.len();
        if size >= limit {
            return limit;
        }
    }
    size
}

/// Writes the entries from `first` on as far as they fit, the last one cut off
/// if need be, and returns the bytes used.
fn write_entries(buffer: &mut [u8], entries: &[Listed], first: usize) -> usize {
    let mut used = 0;
    for (index, entry) in entries.iter().enumerate().skip(first) {
        let mut head = [0; dirent::SIZE];
        let next = index as u64 + 1;
        head[dirent::NEXT..][..8].copy_from_slice(&next.to_le_bytes());
        head[dirent::INO..][..8].copy_from_slice(&entry.ino.to_le_bytes());
        let namlen = entry.name.len() as u32;
        head[dirent::NAMLEN..][..4].copy_from_slice(&namlen.to_le_bytes());
        head[dirent::TYPE] = entry.filetype;
        for bytes in [&head[..], &entry.name] {
            let room = &mut buffer[used..];
            let count = bytes.len().min(room.len());
            room[..count].copy_from_slice(&bytes[..count]);
            used += count;
        }
        if used == buffer.len() {
            break;
        }
    }
    used
}

/// The preopen's name; BADF for every other descriptor, which is how libc finds
/// the end of the preopens.
fn preopen_name(descriptor: &Descriptor) -> Result<&[u8], Errno> {
    match &descriptor.node {
        Node::Dir(dir) => dir.preopen.as_deref().ok_or(Errno::Badf),
        _ => Err(Errno::Badf),
    }
}

pub(crate) fn prestat_get(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    fd: u32,
    result: u32,
) -> Result<()> {
    let name = preopen_name(ctx.table.get(fd)?)?;
    let len = u32::try_from(name.len()).map_err(|_| Errno::Overflow)?;
    guest.clear(result, prestat::SIZE)?;
    guest.write_u8(result + prestat::TAG, prestat::TAG_DIR)?;
    guest.write_u32(result + prestat::NAME_LEN, len)
}

pub(crate) fn prestat_dir_name(
    ctx: &mut WasiCtx,
    guest: &mut Guest,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<()> {
    let name = preopen_name(ctx.table.get(fd)?)?;
    guest.range(path, path_len)?;
    if name.len() > path_len as usize {
        return Err(Errno::Nametoolong.into());
    }
    guest.write(path, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing() -> Vec<Listed> {
        let entry = |name: &str, ino| Listed {
            name: name.into(),
            ino,
            filetype: filetype::REGULAR_FILE,
        };
        vec![entry(".", 7), entry("abc", 8)]
    }

    #[test]
    fn entries_are_packed_and_the_last_is_cut_off() {
        let entries = listing();
        let mut buffer = [0xAA; 60];
        assert_eq!(write_entries(&mut buffer, &entries, 0), 25 + 27);
        assert_eq!(buffer[..8], 1u64.to_le_bytes());
        assert_eq!(buffer[8..16], 7u64.to_le_bytes());
        assert_eq!(buffer[16..20], 1u32.to_le_bytes());
        assert_eq!(buffer[20..25], [4, 0, 0, 0, b'.']);
        assert_eq!(buffer[49..53], [b'a', b'b', b'c', 0xAA]);
        for len in 0..52 {
            assert_eq!(write_entries(&mut buffer[..len], &entries, 0), len);
        }
        assert_eq!(write_entries(&mut buffer, &entries, 1), 27);
        assert_eq!(write_entries(&mut buffer, &entries, 2), 0);
        assert_eq!(write_entries(&mut buffer, &entries, usize::MAX), 0);
    }
}
