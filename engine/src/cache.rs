//! The cache of compiled code on disk: what [`Config::cache`](crate::Config::cache) has done, and
//! what is in its directory.

use std::path::Path;

use crate::jit::disk;

/// What [`Config::cache`](crate::Config::cache) has done for an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Pieces of code (functions, and parts of what lies between the tiers) that came from the
    /// cache.
    pub loaded: u64,
    /// Pieces that could have been in the cache and were compiled.
    pub compiled: u64,
    /// Files that were read.
    pub files_read: u64,
    /// Files that were not usable: damaged, or not ours. They are replaced.
    pub files_refused: u64,
    /// Files that were written.
    pub files_written: u64,
}

/// What is in a directory for [`Config::cache`](crate::Config::cache).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheUsage {
    /// One for each module and build of the engine that ran it.
    pub files: u64,
    /// Their sizes.
    pub bytes: u64,
}

/// What is in a directory; nothing, if there is no such directory. On targets without a compiler there
/// never is anything.
///
/// # Errors
/// The directory cannot be read, or is one that would not be used as a cache. The text fits
/// "failed to ...".
pub fn usage(dir: impl AsRef<Path>) -> Result<CacheUsage, String> {
    disk::usage(dir.as_ref())
}

/// Removes everything that a cache has put into a directory, and nothing else. Processes that are
/// using it go on, and may write files again.
///
/// # Errors
/// As [`usage`]; or something cannot be removed.
pub fn clear(dir: impl AsRef<Path>) -> Result<(), String> {
    disk::clear(dir.as_ref())
}
