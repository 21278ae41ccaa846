//! The cache of compiled code on disk ([`Config::cache`](crate::Config::cache)).
//!
//! One file for each module (`file`), in a directory that nobody else can write to (`dir`). Its name
//! is a hash of everything that code depends on: the module's bytes, the build of this engine, the
//! machine's features, the settings. What belongs to the process is in no code, and code of watched
//! functions, which is full of it, is never written.
//!
//! A file is read when code of its module is first asked for: all machine code goes to one block of
//! memory, and what is known of a piece is decoded when the piece is asked for. It is written when the
//! module has been compiled as a whole, when it is dropped, and when the embedder says so, together
//! with what other processes have added in the meantime. Whatever goes wrong costs the cache and
//! nothing else.

mod dir;
mod facts;
mod file;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use serde::{Deserialize, Serialize};

use self::dir::Dir;
use self::facts::Facts;
use self::file::{Parts, Piece, Pieces, Place};
use super::cache::NativeCache;
use super::compile::{Compiler, Refused, publish};
use crate::cache::{CacheStats, CacheUsage};
use crate::module::Module;
use crate::sys::code_memory::{CodeBlock, CodeMemory, Placement};
use crate::tier::code::{NativeCode, Role};

/// Bytes that all files together may have.
const TOTAL_BYTES_MAX: u64 = 512 << 20;

/// Bytes that a file may have.
const FILE_BYTES_MAX: u64 = TOTAL_BYTES_MAX / 2;

/// What a file is for.
pub(super) type Key = [u8; 32];

/// A piece of code of a module that belongs to no store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) enum PieceId {
    /// A function, perhaps for one of its loops, perhaps with fuel counted.
    Func {
        func: u32,
        osr: Option<u32>,
        counted: bool,
    },
    /// By type index.
    Thunk(u32),
    /// By type index.
    Out(u32),
}

impl PieceId {
    fn role(self) -> Role {
        match self {
            PieceId::Func {
                func,
                osr: Some(pc),
                ..
            } => Role::Osr { func, pc },
            PieceId::Func { func, .. } => Role::Func(func),
            PieceId::Thunk(_) | PieceId::Out(_) => Role::Stub,
        }
    }
}

/// The cache of an engine.
pub(crate) struct DiskCache {
    /// `None` if it cannot be used.
    dir: Option<Dir>,
    path: PathBuf,
    /// What went wrong first.
    error: OnceLock<String>,
    /// What is in memory of modules that are loaded.
    modules: Mutex<Vec<Weak<NativeCache>>>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    loaded: AtomicU64,
    compiled: AtomicU64,
    files_read: AtomicU64,
    files_refused: AtomicU64,
    files_written: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl DiskCache {
    /// The cache in a directory, which is made if it is not there.
    pub(crate) fn open(path: &Path) -> DiskCache {
        let error = OnceLock::new();
        let dir = match Dir::open(path) {
            Ok(dir) => Some(dir),
            Err(text) => {
                let _ = error.set(text);
                None
            }
        };
        DiskCache {
            dir,
            path: path.to_owned(),
            error,
            modules: Mutex::default(),
            counts: Counts::default(),
        }
    }

    /// What went wrong first; it fits "failed to ...".
    pub(crate) fn error(&self) -> Option<&str> {
        self.error.get().map(String::as_str)
    }

    pub(crate) fn stats(&self) -> CacheStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheStats {
            loaded: get(&self.counts.loaded),
            compiled: get(&self.counts.compiled),
            files_read: get(&self.counts.files_read),
            files_refused: get(&self.counts.files_refused),
            files_written: get(&self.counts.files_written),
        }
    }

    /// Writes what has been compiled of modules that are loaded.
    pub(crate) fn save(&self) {
        let modules: Vec<_> = lock(&self.modules)
            .iter()
            .filter_map(Weak::upgrade)
            .collect();
        for module in modules {
            module.save();
        }
    }

    /// From now on [`DiskCache::save`] saves this too.
    pub(super) fn add(&self, module: &Arc<NativeCache>) {
        let mut modules = lock(&self.modules);
        modules.retain(|module| module.strong_count() != 0);
        modules.push(Arc::downgrade(module));
    }

    /// Another error is news only if there was none.
    fn note(&self, what: &str, error: std::io::Error) {
        let path = self.path.display();
        let _ = self.error.set(format!("{what} cache in '{path}': {error}"));
    }
}

/// The part of the cache that is for one module.
pub(super) struct ModuleCache {
    disk: Arc<DiskCache>,
    key: Key,
    stored: Option<Stored>,
    /// What the compiler will not compile.
    refused: Mutex<HashSet<PieceId>>,
    /// Pieces that were compiled since the file was written.
    fresh: AtomicU64,
}

/// What was in the file.
struct Stored {
    index: BTreeMap<PieceId, Option<Place>>,
    facts: Box<[u8]>,
    code: Arc<CodeBlock>,
}

impl ModuleCache {
    /// Reads the file of a module, if there is a cache.
    pub(super) fn open(compiler: &Compiler, module: &Module) -> Option<ModuleCache> {
        let disk = module.inner.engine.disk_cache()?;
        disk.dir.as_ref()?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&compiler.environment(&module.inner.engine));
        hasher.update(module.inner.digest.get(&module.inner.bytes).as_bytes());
        let mut cache = ModuleCache {
            disk: disk.clone(),
            key: *hasher.finalize().as_bytes(),
            stored: None,
            refused: Mutex::default(),
            fresh: AtomicU64::new(0),
        };
        cache.stored = cache.read_file(|parts| Stored::new(parts, &compiler.memory))?;
        Some(cache)
    }

    /// Hands the parts of the file to `take`, if there is a file; `None` if there is no directory.
    fn read_file<R>(&self, take: impl FnOnce(Parts<'_>) -> Option<R>) -> Option<Option<R>> {
        let counts = &self.disk.counts;
        let bytes = match self.disk.dir.as_ref()?.read(&self.name(), FILE_BYTES_MAX) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Some(None),
            Err(error) => {
                self.disk.note("read from the", error);
                return Some(None);
            }
        };
        let Some(parts) = Parts::read(&self.key, &bytes) else {
            count(&counts.files_refused);
            return Some(None);
        };
        count(&counts.files_read);
        Some(take(parts))
    }

    fn name(&self) -> String {
        blake3::Hash::from_bytes(self.key).to_hex().to_string()
    }

    /// A piece from the file: `None` if it is not there, `Some(None)` if it cannot be compiled.
    pub(super) fn load(&self, id: PieceId, module: &Module) -> Option<Option<Arc<NativeCode>>> {
        let stored = self.stored.as_ref()?;
        let Some(place) = stored.index.get(&id)? else {
            lock(&self.refused).insert(id);
            return Some(None);
        };
        let code = stored.code(place, id.role(), module)?;
        count(&self.disk.counts.loaded);
        Some(Some(Arc::new(code)))
    }

    /// The compiler has made a piece, or has not.
    pub(super) fn compiled(&self, id: PieceId, made: &Result<Arc<NativeCode>, Refused>) {
        match made {
            Ok(_) => count(&self.disk.counts.compiled),
            // It may go better another time.
            Err(refused) if refused.is_for_want_of_memory() => return,
            Err(_) => {
                lock(&self.refused).insert(id);
            }
        }
        self.fresh.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes the file, if there is anything that is not in it.
    pub(super) fn save(&self, own: &[(PieceId, Arc<NativeCode>)]) {
        if self.fresh.swap(0, Ordering::Relaxed) == 0 {
            return;
        }
        // Another process may have compiled something else since.
        let added = self.read_file(|parts| {
            self.write_file(parts.pieces(), own);
            Some(())
        });
        if added == Some(None) {
            self.write_file(Pieces::new(), own);
        }
    }

    fn write_file(&self, mut pieces: Pieces<'_>, own: &[(PieceId, Arc<NativeCode>)]) {
        let Some(dir) = &self.disk.dir else { return };
        let there = pieces.len();
        for (id, code) in own {
            if !pieces.contains_key(id)
                && let Some(facts) = Facts::of(code)
                && let Ok(facts) = postcard::to_stdvec(&facts)
            {
                // SAFETY: the code's own memory, which is never written again and is there while
                // the code is.
                let bytes = |base| unsafe { std::slice::from_raw_parts(base, code.len) };
                let twin = (code.twin != 0).then(|| bytes(code.base.wrapping_add(code.twin)));
                let code = bytes(code.base);
                let lead = code.as_ptr() as usize % file::ALIGN;
                let piece = Piece {
                    lead,
                    code,
                    twin,
                    facts,
                };
                pieces.insert(*id, Some(piece));
            }
        }
        for id in lock(&self.refused).iter() {
            pieces.entry(*id).or_insert(None);
        }
        if pieces.len() == there {
            return;
        }
        let Some(bytes) = file::write(&self.key, &pieces, FILE_BYTES_MAX as usize) else {
            let error = std::io::Error::other("there is too much code of one module");
            return self.disk.note("write to the", error);
        };
        let written = dir.write(&self.name(), &bytes);
        if written.is_ok() {
            count(&self.disk.counts.files_written);
        }
        if let Err(error) = written.and_then(|()| dir.shrink(TOTAL_BYTES_MAX)) {
            self.disk.note("write to the", error);
        }
    }
}

impl Stored {
    fn new(parts: Parts<'_>, memory: &Arc<CodeMemory>) -> Option<Stored> {
        let twins = (!parts.twins.is_empty()).then_some(parts.twins);
        let code = memory.alloc(parts.code, twins, Placement::default())?;
        Some(Stored {
            index: parts.index,
            facts: parts.facts.into(),
            code: Arc::new(code),
        })
    }

    fn code(&self, place: &Place, role: Role, module: &Module) -> Option<NativeCode> {
        let (start, len) = (place.code.0 as usize, place.code.1 as usize);
        let (facts_start, facts_len) = (place.facts.0 as usize, place.facts.1 as usize);
        let facts = &self.facts[facts_start..][..facts_len];
        let facts = Facts::read(facts, len)?;
        debug_assert!(start + len <= self.code.len());
        // Ranges have been looked at when the file was read.
        let base = self.code.base().wrapping_add(start);
        let named = module.inner.engine.has_native_tools() && role != Role::Stub;
        let known = named.then(|| {
            // SAFETY: inside the block, which is never written again.
            let code = unsafe { std::slice::from_raw_parts(base, len) };
            publish(module, role, base, code, &facts.lines)
        });
        let memory = Box::new((known, self.code.clone()));
        Some(facts.into_code((base, len, self.code.twin()), role, memory))
    }
}

/// How much there is in a directory.
pub(crate) fn usage(path: &Path) -> Result<CacheUsage, String> {
    let Some(dir) = existing(path)? else {
        return Ok(CacheUsage::default());
    };
    let usage = dir.usage();
    let (files, bytes) =
        usage.map_err(|error| format!("list directory '{}': {error}", path.display()))?;
    Ok(CacheUsage { files, bytes })
}

/// Removes all that there is in a directory.
pub(crate) fn clear(path: &Path) -> Result<(), String> {
    let Some(dir) = existing(path)? else {
        return Ok(());
    };
    let cleared = dir.shrink(0);
    cleared.map_err(|error| format!("clear directory '{}': {error}", path.display()))
}

/// The directory, if there is one.
fn existing(path: &Path) -> Result<Option<Dir>, String> {
    match path.try_exists() {
        Ok(false) => Ok(None),
        _ => Dir::open_existing(path).map(Some),
    }
}
