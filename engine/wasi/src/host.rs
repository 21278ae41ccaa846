//! Files of the host, and waiting for them in slices, so that a guest that
//! waits for input can always be stopped.
//!
//! The host's `O_NONBLOCK` is never touched on inherited streams: they share
//! it with the shell and other processes. The guest's flag is kept in the
//! descriptor and asked by a poll before each transfer.

use std::fs::File;
use std::io::{IoSlice, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cap_std::fs::Metadata;
use probity_engine::{Error, TrapCode};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno as Host;

use crate::errno::{Errno, Fault, Result};
use crate::layout::{fdflags, filetype};
use crate::stat;

/// Longest wait between two looks at the stop flag.
pub(crate) const SLICE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};
const NO_WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// Bytes that a pipe takes without blocking once poll says it is writable.
const PIPE_BUF: usize = 4096;
/// Bytes written between two looks at the stop flag.
const WRITE_MAX: usize = 1 << 20;

/// The flag by which another thread ends a guest's wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(pub(crate) Arc<AtomicBool>);

impl Stop {
    /// Ends the run if the flag is set.
    pub(crate) fn check(&self) -> Result<()> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(Fault::Stop(Error::from(TrapCode::Interrupted))),
            false => Ok(()),
        }
    }
}

/// An open file of the host that is not a directory.
pub(crate) struct HostFile {
    file: File,
    filetype: u8,
    seekable: bool,
    /// The descriptor is shared with other processes, so it may block.
    shared: bool,
}

impl HostFile {
    /// A file opened for the guest alone. What can block was opened with
    /// `O_NONBLOCK`.
    pub(crate) fn owned(file: File) -> Result<HostFile> {
        HostFile::new(file, false)
    }

    /// A stream inherited from the embedder.
    pub(crate) fn shared(file: File) -> Result<HostFile> {
        HostFile::new(file, true)
    }

    fn new(file: File, shared: bool) -> Result<HostFile> {
        let filetype = stat::filetype(Metadata::from_file(&file)?.file_type());
        let seekable = rustix::fs::tell(&file).is_ok();
        Ok(HostFile {
            file,
            filetype,
            seekable,
            shared,
        })
    }

    pub(crate) fn as_file(&self) -> &File {
        &self.file
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    pub(crate) fn filetype(&self) -> u8 {
        self.filetype
    }

    /// Has it a position? (Pipes and terminals have none.)
    pub(crate) fn seekable(&self) -> bool {
        self.seekable
    }

    /// A stream of the embedder's.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// Never waits: always ready, and short reads mean the end.
    pub(crate) fn regular(&self) -> bool {
        self.filetype == filetype::REGULAR_FILE
    }

    pub(crate) fn terminal(&self) -> bool {
        self.filetype == filetype::CHARACTER_DEVICE && !self.seekable
    }

    /// Host flags that the guest may know, as `fdflags`.
    pub(crate) fn flags(&self) -> u16 {
        match fcntl_getfl(&self.file) {
            Ok(flags) if flags.contains(OFlags::APPEND) => fdflags::APPEND,
            _ => 0,
        }
    }

    /// Sets or clears the host's append mode.
    pub(crate) fn set_append(&self, append: bool) -> Result<()> {
        let mut flags = fcntl_getfl(&self.file)?;
        flags.set(OFlags::APPEND, append);
        Ok(fcntl_setfl(&self.file, flags)?)
    }

    /// Waits until one of `events` (or an error or hang-up) is there.
    ///
    /// # Errors
    /// AGAIN at once if `nonblock` and it is not; ends the run when stopped.
    fn wait(&self, events: PollFlags, nonblock: bool, stop: &Stop) -> Result<()> {
        let timeout = if nonblock { NO_WAIT } else { SLICE };
        loop {
            stop.check()?;
            match poll(&mut [PollFd::new(&self.file, events)], Some(&timeout)) {
                Ok(0) if nonblock => return Err(Errno::Again.into()),
                Ok(0) | Err(Host::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Runs a transfer, waiting before it where the file can block, until it
    /// neither is interrupted nor would block.
    fn transfer(
        &self,
        events: PollFlags,
        nonblock: bool,
        stop: &Stop,
        mut run: impl FnMut() -> std::io::Result<usize>,
    ) -> Result<usize> {
        loop {
            match self.regular() {
                true => stop.check()?,
                false => self.wait(events, nonblock, stop)?,
            }
            match run() {
                Ok(count) => return Ok(count),
                Err(error) => match Errno::from(&error) {
                    Errno::Intr => {}
                    Errno::Again if !nonblock => {}
                    _ => return Err(error.into()),
                },
            }
        }
    }

    /// Reads once, as `read(2)`.
    pub(crate) fn read(&self, bytes: &mut [u8], nonblock: bool, stop: &Stop) -> Result<usize> {
        self.transfer(PollFlags::IN, nonblock, stop, || (&self.file).read(bytes))
    }

    /// Reads once at an offset, as `pread(2)`.
    pub(crate) fn read_at(&self, bytes: &mut [u8], offset: u64, stop: &Stop) -> Result<usize> {
        self.transfer(PollFlags::IN, false, stop, || {
            self.file.read_at(bytes, offset)
        })
    }

    /// Bytes to offer to one [`write`](HostFile::write).
    pub(crate) fn write_limit(&self) -> usize {
        match self.shared && !self.regular() {
            true => PIPE_BUF,
            false => WRITE_MAX,
        }
    }

    /// Writes once, as `writev(2)`.
    pub(crate) fn write(&self, parts: &[IoSlice], nonblock: bool, stop: &Stop) -> Result<usize> {
        self.transfer(PollFlags::OUT, nonblock, stop, || {
            (&self.file).write_vectored(parts)
        })
    }

    /// Writes once at an offset, as `pwritev(2)`.
    pub(crate) fn write_at(&self, parts: &[IoSlice], offset: u64, stop: &Stop) -> Result<usize> {
        self.transfer(PollFlags::OUT, false, stop, || {
            Ok(rustix::io::pwritev(&self.file, parts, offset)?)
        })
    }

    /// Brings what was written to the disk as `dsync` or `sync` ask.
    /// What cannot be synchronised (a pipe) needs none.
    pub(crate) fn sync_after_write(&self, flags: u16) -> Result<()> {
        let result = if flags & fdflags::SYNC != 0 {
            self.file.sync_all()
        } else if flags & fdflags::DSYNC != 0 {
            self.file.sync_data()
        } else {
            return Ok(());
        };
        match result {
            Err(error) if Errno::from(&error) == Errno::Inval => Ok(()),
            other => Ok(other?),
        }
    }
}
