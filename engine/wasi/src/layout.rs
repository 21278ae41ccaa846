//! Layouts of the structures that guests and host exchange, as byte offsets.
//!
//! Source: `legacy/preview1/witx/typenames.witx` and
//! `legacy/preview0/witx/typenames.witx` of the WASI repository, laid out by
//! witx's rules (each field at the next multiple of its natural alignment).
//! All values are little-endian, and guests may place them at any address.

use crate::errno::Errno;

/// Which of the two generations of the interface a call came through.
///
/// They share calls and codes; `wasi_unstable` (preview 0) differs in `whence`,
/// `filestat` and `subscription` only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Abi {
    /// `wasi_snapshot_preview1`
    Preview1,
    /// `wasi_unstable`
    Unstable,
}

/// `iovec` and `ciovec`: a buffer of the guest.
pub(crate) mod iovec {
    pub(crate) const BUF: u32 = 0;
    pub(crate) const BUF_LEN: u32 = 4;
    pub(crate) const SIZE: u32 = 8;
}

/// `fdstat`: attributes of a descriptor.
pub(crate) mod fdstat {
    pub(crate) const FILETYPE: u32 = 0;
    pub(crate) const FLAGS: u32 = 2;
    pub(crate) const RIGHTS_BASE: u32 = 8;
    pub(crate) const RIGHTS_INHERITING: u32 = 16;
    pub(crate) const SIZE: u32 = 24;
}

/// `prestat`: a preopened directory.
pub(crate) mod prestat {
    pub(crate) const TAG: u32 = 0;
    pub(crate) const NAME_LEN: u32 = 4;
    pub(crate) const SIZE: u32 = 8;
    /// `preopentype::dir`
    pub(crate) const TAG_DIR: u8 = 0;
}

/// `dirent`: the head of a directory entry; its name follows.
pub(crate) mod dirent {
    pub(crate) const NEXT: usize = 0;
    pub(crate) const INO: usize = 8;
    pub(crate) const NAMLEN: usize = 16;
    pub(crate) const TYPE: usize = 20;
    pub(crate) const SIZE: usize = 24;
}

/// `event`: what `poll_oneoff` reports.
pub(crate) mod event {
    pub(crate) const USERDATA: u32 = 0;
    pub(crate) const ERROR: u32 = 8;
    pub(crate) const TYPE: u32 = 10;
    pub(crate) const NBYTES: u32 = 16;
    pub(crate) const FLAGS: u32 = 24;
    pub(crate) const SIZE: u32 = 32;
}

/// `eventtype`: the tag of a subscription.
pub(crate) mod eventtype {
    pub(crate) const CLOCK: u8 = 0;
    pub(crate) const FD_READ: u8 = 1;
    pub(crate) const FD_WRITE: u8 = 2;
}

/// `filestat`: offsets of the fields whose place depends on the generation
/// (`nlink` was 32 bits in preview 0).
pub(crate) struct Filestat {
    pub(crate) dev: u32,
    pub(crate) ino: u32,
    pub(crate) filetype: u32,
    pub(crate) nlink: u32,
    pub(crate) nlink_is_64: bool,
    pub(crate) size: u32,
    pub(crate) atim: u32,
    pub(crate) mtim: u32,
    pub(crate) ctim: u32,
    pub(crate) bytes: u32,
}

/// `subscription`: offsets from its start (preview 0's clock begins with a
/// 64-bit identifier that preview 1 dropped).
pub(crate) struct Subscription {
    pub(crate) userdata: u32,
    pub(crate) tag: u32,
    /// `subscription_fd_readwrite::file_descriptor`
    pub(crate) fd: u32,
    pub(crate) clock_id: u32,
    pub(crate) clock_timeout: u32,
    pub(crate) clock_flags: u32,
    pub(crate) bytes: u32,
}

const FILESTAT_1: Filestat = Filestat {
    dev: 0,
    ino: 8,
    filetype: 16,
    nlink: 24,
    nlink_is_64: true,
    size: 32,
    atim: 40,
    mtim: 48,
    ctim: 56,
    bytes: 64,
};

const FILESTAT_0: Filestat = Filestat {
    dev: 0,
    ino: 8,
    filetype: 16,
    nlink: 20,
    nlink_is_64: false,
    size: 24,
    atim: 32,
    mtim: 40,
    ctim: 48,
    bytes: 56,
};

const SUBSCRIPTION_1: Subscription = Subscription {
    userdata: 0,
    tag: 8,
    fd: 16,
    clock_id: 16,
    clock_timeout: 24,
    clock_flags: 40,
    bytes: 48,
};

const SUBSCRIPTION_0: Subscription = Subscription {
    userdata: 0,
    tag: 8,
    fd: 16,
    clock_id: 24,
    clock_timeout: 32,
    clock_flags: 48,
    bytes: 56,
};

const _: () = {
    assert!(FILESTAT_1.ctim + 8 == FILESTAT_1.bytes);
    assert!(FILESTAT_0.ctim + 8 == FILESTAT_0.bytes);
    assert!(SUBSCRIPTION_1.clock_flags + 8 == SUBSCRIPTION_1.bytes);
    assert!(SUBSCRIPTION_0.clock_flags + 8 == SUBSCRIPTION_0.bytes);
    assert!(event::FLAGS + 8 == event::SIZE);
    assert!(fdstat::RIGHTS_INHERITING + 8 == fdstat::SIZE);
};

/// The base of a seek.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whence {
    Set,
    Cur,
    End,
}

impl Abi {
    pub(crate) fn filestat(self) -> &'static Filestat {
        match self {
            Abi::Preview1 => &FILESTAT_1,
            Abi::Unstable => &FILESTAT_0,
        }
    }

    pub(crate) fn subscription(self) -> &'static Subscription {
        match self {
            Abi::Preview1 => &SUBSCRIPTION_1,
            Abi::Unstable => &SUBSCRIPTION_0,
        }
    }

    /// `whence`, whose order preview 1 changed; None if there is no such value.
    pub(crate) fn whence(self, value: u32) -> Option<Whence> {
        let order = match self {
            Abi::Preview1 => [Whence::Set, Whence::Cur, Whence::End],
            Abi::Unstable => [Whence::Cur, Whence::End, Whence::Set],
        };
        order.get(value as usize).copied()
    }
}

/// `filetype`
pub(crate) mod filetype {
    pub(crate) const UNKNOWN: u8 = 0;
    pub(crate) const BLOCK_DEVICE: u8 = 1;
    pub(crate) const CHARACTER_DEVICE: u8 = 2;
    pub(crate) const DIRECTORY: u8 = 3;
    pub(crate) const REGULAR_FILE: u8 = 4;
    pub(crate) const SOCKET_STREAM: u8 = 6;
    pub(crate) const SYMBOLIC_LINK: u8 = 7;
}

/// `fdflags`
pub(crate) mod fdflags {
    pub(crate) const APPEND: u16 = 1;
    pub(crate) const DSYNC: u16 = 1 << 1;
    pub(crate) const NONBLOCK: u16 = 1 << 2;
    pub(crate) const RSYNC: u16 = 1 << 3;
    pub(crate) const SYNC: u16 = 1 << 4;
    pub(crate) const ALL: u16 = (1 << 5) - 1;
}

/// `oflags`
pub(crate) mod oflags {
    pub(crate) const CREAT: u16 = 1;
    pub(crate) const DIRECTORY: u16 = 1 << 1;
    pub(crate) const EXCL: u16 = 1 << 2;
    pub(crate) const TRUNC: u16 = 1 << 3;
    pub(crate) const ALL: u16 = (1 << 4) - 1;
}

/// `fstflags`
pub(crate) mod fstflags {
    pub(crate) const ATIM: u16 = 1;
    pub(crate) const ATIM_NOW: u16 = 1 << 1;
    pub(crate) const MTIM: u16 = 1 << 2;
    pub(crate) const MTIM_NOW: u16 = 1 << 3;
    pub(crate) const ALL: u16 = (1 << 4) - 1;
}

/// A flags parameter: INVAL if it has a bit outside `defined`.
pub(crate) fn flags(value: u32, defined: u16) -> Result<u16, Errno> {
    match u16::try_from(value) {
        Ok(flags) if flags & !defined == 0 => Ok(flags),
        _ => Err(Errno::Inval),
    }
}

/// `lookupflags::symlink_follow`
pub(crate) const LOOKUP_SYMLINK_FOLLOW: u32 = 1;
/// `subclockflags::subscription_clock_abstime`
pub(crate) const SUBCLOCK_ABSTIME: u16 = 1;
/// `eventrwflags::fd_readwrite_hangup`
pub(crate) const EVENT_HANGUP: u16 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_specification() {
        assert_eq!(Abi::Preview1.filestat().bytes, 64);
        assert_eq!(Abi::Unstable.filestat().bytes, 56);
        assert_eq!(Abi::Preview1.subscription().bytes, 48);
        assert_eq!(Abi::Unstable.subscription().bytes, 56);
        assert_eq!((event::SIZE, dirent::SIZE, iovec::SIZE), (32, 24, 8));
        assert_eq!((fdstat::SIZE, prestat::SIZE), (24, 8));
    }

    #[test]
    fn whence_was_reordered() {
        assert_eq!(Abi::Preview1.whence(0), Some(Whence::Set));
        assert_eq!(Abi::Preview1.whence(2), Some(Whence::End));
        assert_eq!(Abi::Unstable.whence(0), Some(Whence::Cur));
        assert_eq!(Abi::Unstable.whence(2), Some(Whence::Set));
        assert_eq!(Abi::Preview1.whence(3), None);
    }
}
