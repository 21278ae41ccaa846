//! The directory of a cache: who may write to it, and files that come and go as wholes.
//!
//! All goes by a handle to the directory that was looked at, so that its name may come to stand for
//! another directory without harm.

use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_NOW, futimens, openat,
    renameat, statat, unlinkat,
};
use rustix::rand::{GetRandomFlags, getrandom};

/// What names of files with code end in.
const CODE: &str = ".code";

/// What names of files end in that are being written.
const UNFINISHED: &str = ".tmp";

/// A file that has been unfinished for so long is what a process left that was killed.
const ABANDONED_AFTER: Duration = Duration::from_secs(3600);

/// An open directory that only its owner, who runs this process, can write to.
pub(super) struct Dir(OwnedFd);

impl Dir {
    /// Opens the directory, which is made if it is not there. Errors fit "failed to ...".
    pub(super) fn open(path: &Path) -> Result<Dir, String> {
        let shown = path.display();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        // Where it cannot be made it may be there all the same, to be read.
        let dir = Dir::open_existing(path);
        match (dir, made) {
            (Err(_), Err(error)) => Err(format!("create directory '{shown}': {error}")),
            (dir, _) => dir,
        }
    }

    /// Opens a directory that is there.
    pub(super) fn open_existing(path: &Path) -> Result<Dir, String> {
        let shown = path.display();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(path, flags, Mode::empty());
        let fd = opened.map_err(|error| format!("open directory '{shown}': {error}"))?;
        let stat = rustix::fs::fstat(&fd);
        let stat = stat.map_err(|error| format!("look at directory '{shown}': {error}"))?;
        if !is_own(&stat) {
            return Err(format!(
                "use directory '{shown}' for compiled code: it belongs to another user"
            ));
        }
        if !is_safe(&stat) {
            return Err(format!(
                "use directory '{shown}' for compiled code: others can write to it (mode {:o})",
                stat.st_mode & 0o7777
            ));
        }
        Ok(Dir(fd))
    }

    /// The contents of a file, which counts as used from now on; `None` if there is none that is
    /// ours and has at most `most` bytes.
    pub(super) fn read(&self, name: &str, most: u64) -> io::Result<Option<Vec<u8>>> {
        // Nothing is waited for if it is a pipe.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = match openat(&self.0, format!("{name}{CODE}"), flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let stat = rustix::fs::fstat(&fd)?;
        let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let len = stat.st_size as u64;
        if !regular || !is_own(&stat) || !is_safe(&stat) || len > most {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(len as usize)
            .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_NOW,
        };
        let times = Timestamps {
            last_access: now,
            last_modification: now,
        };
        // It only decides what is removed first.
        let _ = futimens(&fd, &times);
        File::from(fd).take(len).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Puts a file in its place. Whoever reads it finds the old one or the new one.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut random = [0; 8];
        getrandom(&mut random, GetRandomFlags::empty())?;
        let unfinished = format!("{name}.{:016x}{UNFINISHED}", u64::from_ne_bytes(random));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let fd = openat(&self.0, &unfinished, flags, Mode::RUSR | Mode::WUSR)?;
        // Not synced: what a crash of the system tears is found out by its checksum.
        let written = File::from(fd).write_all(bytes).and_then(|()| {
            let name = format!("{name}{CODE}");
            match renameat(&self.0, &unfinished, &self.0, name) {
                // Another process has cleared the cache.
                Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
                Err(error) => Err(error.into()),
            }
        });
        if written.is_err() {
            let _ = unlinkat(&self.0, &unfinished, AtFlags::empty());
        }
        written
    }

    /// Number and size of the files with code.
    pub(super) fn usage(&self) -> io::Result<(u64, u64)> {
        let files = self.files()?;
        let sizes = files.iter().filter(|file| file.name.ends_with(CODE));
        Ok(sizes.fold((0, 0), |(n, bytes), file| (n + 1, bytes + file.bytes)))
    }

    /// Removes files until those with code have at most so many bytes together, the longest unused
    /// ones first; and what killed processes have left.
    pub(super) fn shrink(&self, most: u64) -> io::Result<()> {
        let mut files = self.files()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default();
        files.sort_by_key(|file| file.used);
        let with_code = files.iter().filter(|file| file.name.ends_with(CODE));
        let mut bytes: u64 = with_code.map(|file| file.bytes).sum();
        for file in &files {
            let unneeded = match file.name.ends_with(CODE) {
                true => bytes > most,
                false => most == 0 || now.saturating_sub(file.used) > ABANDONED_AFTER,
            };
            if !unneeded {
                continue;
            }
            match unlinkat(&self.0, &file.name, AtFlags::empty()) {
                // Another process has been faster.
                Ok(()) | Err(rustix::io::Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
            if file.name.ends_with(CODE) {
                bytes -= file.bytes;
            }
        }
        Ok(())
    }

    /// All files of a cache.
    fn files(&self) -> io::Result<Vec<Listed>> {
        let mut files = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else {
                continue;
            };
            if !is_ours(name) {
                continue;
            }
            // It may be gone again.
            if let Ok(stat) = statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
                files.push(Listed {
                    name: name.to_owned(),
                    bytes: stat.st_size as u64,
                    used: Duration::new(
                        u64::try_from(stat.st_mtime).unwrap_or(0),
                        u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
                    ),
                });
            }
        }
        Ok(files)
    }
}

/// A file of the cache.
struct Listed {
    name: String,
    bytes: u64,
    /// Since 1970.
    used: Duration,
}

/// Whether a name is one that a cache gives to files: nothing else in the directory is touched.
fn is_ours(name: &str) -> bool {
    let stem = name.strip_suffix(CODE);
    let stem = stem.or_else(|| name.strip_suffix(UNFINISHED));
    let is_hex = |c: char| c.is_ascii_hexdigit() || c == '.';
    stem.is_some_and(|stem| stem.len() >= 64 && stem.chars().all(is_hex))
}

fn is_own(stat: &Stat) -> bool {
    stat.st_uid == rustix::process::geteuid().as_raw()
}

/// Whether nobody but the owner can write. (Under access control lists the group's bits say what
/// anybody else may have.)
fn is_safe(stat: &Stat) -> bool {
    stat.st_mode & 0o022 == 0
}
