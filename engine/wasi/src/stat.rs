//! File attributes: `filestat` and the times that guests set.

use std::time::{Duration, SystemTime};

use cap_fs_ext::SystemTimeSpec;
use cap_std::fs::{FileType, FileTypeExt, Metadata, MetadataExt};
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};

use crate::clock::{Clock, Clocks};
use crate::errno::{Errno, Result};
use crate::guest::Guest;
use crate::layout::{self, filetype, fstflags};

/// `filetype` of a host file; a pipe is UNKNOWN, for the specification has no
/// type for it.
pub(crate) fn filetype(host: FileType) -> u8 {
    if host.is_file() {
        filetype::REGULAR_FILE
    } else if host.is_dir() {
        filetype::DIRECTORY
    } else if host.is_symlink() {
        filetype::SYMBOLIC_LINK
    } else if host.is_char_device() {
        filetype::CHARACTER_DEVICE
    } else if host.is_block_device() {
        filetype::BLOCK_DEVICE
    } else if host.is_socket() {
        filetype::SOCKET_STREAM
    } else {
        filetype::UNKNOWN
    }
}

/// `filestat`. The default is that of an embedder's stream.
#[derive(Default)]
pub(crate) struct Filestat {
    dev: u64,
    ino: u64,
    filetype: u8,
    nlink: u64,
    size: u64,
    atim: u64,
    mtim: u64,
    ctim: u64,
}

impl From<Metadata> for Filestat {
    fn from(host: Metadata) -> Filestat {
        Filestat {
            dev: host.dev(),
            ino: host.ino(),
            filetype: filetype(host.file_type()),
            nlink: host.nlink(),
            size: host.size(),
            atim: nanoseconds(host.atime(), host.atime_nsec()),
            mtim: nanoseconds(host.mtime(), host.mtime_nsec()),
            ctim: nanoseconds(host.ctime(), host.ctime_nsec()),
        }
    }
}

/// A host time as `timestamp`; times before 1970 read as zero.
fn nanoseconds(seconds: i64, rest: i64) -> u64 {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    let rest = u64::try_from(rest).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

impl Filestat {
    pub(crate) fn write(&self, guest: &mut Guest, ptr: u32) -> Result<()> {
        let at = guest.abi.filestat();
        guest.clear(ptr, at.bytes)?;
        guest.write_u64(ptr + at.dev, self.dev)?;
        guest.write_u64(ptr + at.ino, self.ino)?;
        guest.write_u8(ptr + at.filetype, self.filetype)?;
        match at.nlink_is_64 {
            true => guest.write_u64(ptr + at.nlink, self.nlink)?,
            false => {
                let nlink = u32::try_from(self.nlink).unwrap_or(u32::MAX);
                guest.write_u32(ptr + at.nlink, nlink)?;
            }
        }
        guest.write_u64(ptr + at.size, self.size)?;
        guest.write_u64(ptr + at.atim, self.atim)?;
        guest.write_u64(ptr + at.mtim, self.mtim)?;
        guest.write_u64(ptr + at.ctim, self.ctim)
    }
}

/// What happens to one of a file's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NewTime {
    Keep,
    Now,
    /// Nanoseconds since 1970.
    At(u64),
}

impl NewTime {
    fn new(value: u64, set: bool, now: bool, clocks: &Clocks) -> Result<NewTime, Errno> {
        match (set, now) {
            (true, true) => Err(Errno::Inval),
            (true, false) => Ok(NewTime::At(value)),
            (false, true) if clocks.is_virtual() => Ok(NewTime::At(clocks.peek(Clock::Realtime))),
            (false, true) => Ok(NewTime::Now),
            (false, false) => Ok(NewTime::Keep),
        }
    }

    /// The form that cap-std takes.
    pub(crate) fn spec(self) -> Option<SystemTimeSpec> {
        match self {
            NewTime::Keep => None,
            NewTime::Now => Some(SystemTimeSpec::SymbolicNow),
            NewTime::At(ns) => {
                let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(ns);
                let time = cap_std::time::SystemTime::from_std(time);
                Some(SystemTimeSpec::Absolute(time))
            }
        }
    }

    fn timespec(self) -> Timespec {
        let special = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
        match self {
            NewTime::Keep => special(UTIME_OMIT),
            NewTime::Now => special(UTIME_NOW),
            NewTime::At(ns) => Timespec {
                // At most 18,446,744,073: no cast below loses a bit.
                tv_sec: (ns / 1_000_000_000) as i64,
                tv_nsec: (ns % 1_000_000_000) as _,
            },
        }
    }
}

/// Access and modification time to set.
#[derive(Clone, Copy)]
pub(crate) struct NewTimes {
    pub(crate) atim: NewTime,
    pub(crate) mtim: NewTime,
}

impl NewTimes {
    /// INVAL for undefined flags, or for both a value and "now".
    pub(crate) fn new(atim: u64, mtim: u64, flags: u32, clocks: &Clocks) -> Result<NewTimes> {
        let flags = layout::flags(flags, fstflags::ALL)?;
        let has = |flag| flags & flag != 0;
        let (a, a_now) = (has(fstflags::ATIM), has(fstflags::ATIM_NOW));
        let (m, m_now) = (has(fstflags::MTIM), has(fstflags::MTIM_NOW));
        Ok(NewTimes {
            atim: NewTime::new(atim, a, a_now, clocks)?,
            mtim: NewTime::new(mtim, m, m_now, clocks)?,
        })
    }

    /// The form that `futimens(2)` takes.
    pub(crate) fn timestamps(self) -> Timestamps {
        Timestamps {
            last_access: self.atim.timespec(),
            last_modification: self.mtim.timespec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_choose_what_is_set() {
        let clocks = Clocks::new_virtual(500, 1);
        let times = |flags| NewTimes::new(1, 2, flags, &clocks).ok();
        let both = times(0b0101).map(|t| (t.atim, t.mtim));
        assert_eq!(both, Some((NewTime::At(1), NewTime::At(2))));
        let now = times(0b1000).map(|t| (t.atim, t.mtim));
        assert_eq!(now, Some((NewTime::Keep, NewTime::At(500))));
        for bad in [0b0011, 0b1100, 0b10000, 0x10000] {
            assert!(times(bad).is_none(), "{bad:b}");
        }
        let host = NewTimes::new(1, 2, 0b0010, &Clocks::default()).ok();
        assert_eq!(host.map(|t| t.atim), Some(NewTime::Now));
    }
}
