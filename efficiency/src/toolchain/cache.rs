//! What has been built before: modules by the hash of everything that they are made from.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::build::{BuildError, Built};

/// A directory of modules and of compilers' complaints. Any number of processes may use it at once.
#[derive(Debug, Clone)]
pub struct BuildCache {
    dir: PathBuf,
}

impl BuildCache {
    /// # Errors
    /// If the directory cannot be made.
    pub fn new(dir: impl Into<PathBuf>) -> io::Result<BuildCache> {
        let dir = dir.into();
        std::fs::create_dir_all(&dir)?;
        Ok(BuildCache { dir })
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn path(&self, key: &str, end: &str) -> PathBuf {
        self.dir.join(format!("{key}.{end}"))
    }

    /// What was built from the same.
    pub(super) fn get(&self, key: &str, toolchain: &str) -> Option<Result<Built, BuildError>> {
        if let Ok(wasm) = std::fs::read(self.path(key, "wasm")) {
            return Some(Ok(Built::new(wasm, toolchain)));
        }
        let log = std::fs::read_to_string(self.path(key, "error")).ok()?;
        Some(Err(BuildError::Refused(log)))
    }

    /// Keeps it. That it cannot be kept is no reason to fail: it will be built again.
    pub(super) fn put(&self, key: &str, result: &Result<Built, BuildError>) {
        let (end, bytes) = match result {
            Ok(built) => ("wasm", &built.wasm[..]),
            Err(BuildError::Refused(log)) => ("error", log.as_bytes()),
            // What a machine's load may have made.
            Err(_) => return,
        };
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
            file.write_all(bytes)?;
            file.persist(self.path(key, end))?;
            io::Result::Ok(())
        };
        drop(write());
    }
}
