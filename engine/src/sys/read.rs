//! Files that are read into memory as a whole.

use std::fs::File;
use std::io::{self, Read as _};
use std::mem::MaybeUninit;
use std::path::Path;

/// Reads a file. Large ones lie in large pages where the system has them: making small ones takes as long as reading.
pub(crate) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    // Of a pipe it is 0, which is no more than a guess that is too small.
    let len = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(len)
        .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    prefer_large_pages(bytes.spare_capacity_mut());
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(all(target_os = "linux", not(miri)))]
fn prefer_large_pages(memory: &mut [MaybeUninit<u8>]) {
    use rustix::mm::{Advice, madvise};

    const PAGE: usize = 4096;
    const LARGE: usize = 2 << 20;

    let start = memory.as_mut_ptr().align_offset(PAGE);
    let len = memory.len().saturating_sub(start) / PAGE * PAGE;
    if len < 2 * LARGE {
        return;
    }
    let first = memory[start..].as_mut_ptr();
    // SAFETY: whole pages of this memory, whose contents the advice leaves as they are.
    let advised = unsafe { madvise(first.cast(), len, Advice::LinuxHugepage) };
    // A system without large pages does without.
    let _ = advised;
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn prefer_large_pages(_: &mut [MaybeUninit<u8>]) {}
