//! The log that `perf inject --jit` turns into object files, one for each piece of code, so that
//! `perf report` and `perf annotate` show instructions and Wasm program counters:
//!
//! ```text
//! perf record -k 1 probity run --perf jitdump app.wasm
//! perf inject --jit -i perf.data -o perf.jit.data
//! perf report -i perf.jit.data
//! ```
//!
//! The format is that of `tools/perf/Documentation/jitdump-specification.txt` in the Linux source:
//! a header, then records, each with a size and a time of `CLOCK_MONOTONIC`. The tool learns of the
//! file because the process maps its first page as if to execute it, which is recorded.
//!
//! The file's name has the process's id in it, so engines with one directory share the file. The
//! record that closes it is written when the last of them is gone, and taken back if there is
//! another one later.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::time::{ClockId, clock_gettime};

use super::{Published, while_at};

const MAGIC: u32 = 0x4a69_5444;
const VERSION: u32 = 1;
const HEADER_BYTES: u32 = 40;
const ELF_MACHINE_X86_64: u32 = 62;

const CODE_LOAD: u32 = 0;
const CODE_DEBUG_INFO: u32 = 2;
const CODE_CLOSE: u32 = 3;

const RECORD_HEADER_BYTES: usize = 16;

/// The files of this process.
static DUMPS: Mutex<BTreeMap<PathBuf, Dump>> = Mutex::new(BTreeMap::new());

/// The next piece of code. The object files that are made of them have this number in their
/// names, so it is one sequence for all files.
static NEXT_CODE: AtomicU64 = AtomicU64::new(0);

fn dumps() -> MutexGuard<'static, BTreeMap<PathBuf, Dump>> {
    DUMPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One engine's use of a file.
pub(super) struct JitDump {
    path: PathBuf,
}

struct Dump {
    /// How many engines use it.
    users: usize,
    /// Bytes of whole records, the closing one not included.
    bytes: u64,
    /// While it has users.
    open: Option<Open>,
}

struct Open {
    file: File,
    _marker: Marker,
}

impl JitDump {
    pub(super) fn open(dir: &Path) -> io::Result<JitDump> {
        let path = dir
            .canonicalize()
            .map_err(|e| while_at("open directory", dir, e))?
            .join(format!("jit-{}.dump", std::process::id()));
        let mut dumps = dumps();
        let dump = dumps.entry(path.clone()).or_insert(Dump {
            users: 0,
            bytes: 0,
            open: None,
        });
        if dump.open.is_none() {
            let result = dump.begin(&path);
            dump.open = Some(result.map_err(|e| while_at("open", &path, e))?);
        }
        dump.users += 1;
        Ok(JitDump { path })
    }

    pub(super) fn publish(&self, p: &Published<'_>) -> io::Result<()> {
        let code = NEXT_CODE.fetch_add(1, Ordering::Relaxed);
        let mut dumps = dumps();
        let Some(dump) = dumps.get_mut(&self.path) else {
            return Ok(());
        };
        let mut records = Vec::new();
        debug_info(&mut records, p)?;
        code_load(&mut records, p, code)?;
        dump.append(&records)
            .map_err(|e| while_at("write", &self.path, e))
    }
}

impl Drop for JitDump {
    fn drop(&mut self) {
        let mut dumps = dumps();
        let Some(dump) = dumps.get_mut(&self.path) else {
            return;
        };
        dump.users -= 1;
        if dump.users == 0
            && let Some(open) = dump.open.take()
        {
            let mut close = Vec::new();
            // The record is optional, and there is no one to tell.
            let _ = record(&mut close, CODE_CLOSE, |_| ())
                .and_then(|()| open.file.write_all_at(&close, dump.bytes));
        }
    }
}

impl Dump {
    /// Opens the file: for the first time in this process as a new one, later to go on.
    fn begin(&mut self, path: &Path) -> io::Result<Open> {
        let closed_at = self.bytes + RECORD_HEADER_BYTES as u64;
        let mut options = OpenOptions::new();
        // The name is known beforehand; whoever can write to the directory could have put a link.
        options
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOFOLLOW);
        let file = match options.open(path) {
            Ok(file) if self.bytes > 0 && file.metadata()?.len() == closed_at => {
                file.set_len(self.bytes)?;
                file
            }
            _ => {
                let file = options.create(true).truncate(true).open(path)?;
                let header = header();
                file.write_all_at(&header, 0)?;
                self.bytes = header.len() as u64;
                file
            }
        };
        let marker = Marker::new(&file)?;
        Ok(Open {
            file,
            _marker: marker,
        })
    }

    /// Writes all of the records, or none.
    fn append(&mut self, records: &[u8]) -> io::Result<()> {
        let Some(open) = &self.open else {
            return Ok(());
        };
        if let Err(error) = open.file.write_all_at(records, self.bytes) {
            // What was written is half a record.
            let _ = open.file.set_len(self.bytes);
            return Err(error);
        }
        self.bytes += records.len() as u64;
        Ok(())
    }
}

/// The first page of the file in memory, for the one who looks at mappings.
struct Marker(NonNull<c_void>);

// SAFETY: the mapping belongs to the marker, and nothing reads it.
unsafe impl Send for Marker {}

impl Marker {
    /// A page, or the part of one: the system rounds up.
    const BYTES: usize = 4096;

    fn new(file: &File) -> io::Result<Marker> {
        let access = ProtFlags::READ | ProtFlags::EXEC;
        // SAFETY: a mapping at an address that the system chooses touches nothing that exists.
        let page = unsafe { mmap(null_mut(), Self::BYTES, access, MapFlags::PRIVATE, file, 0) };
        let page = page.map_err(|error| match error {
            rustix::io::Errno::PERM | rustix::io::Errno::ACCESS => io::Error::new(
                io::ErrorKind::PermissionDenied,
                "its file system does not allow execution, which perf needs to find it",
            ),
            error => error.into(),
        })?;
        NonNull::new(page)
            .map(Marker)
            .ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }
}

impl Drop for Marker {
    fn drop(&mut self) {
        // SAFETY: the marker's own mapping, which nothing uses.
        let _ = unsafe { munmap(self.0.as_ptr(), Self::BYTES) };
    }
}

fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // Since the start of the system: positive, and within 64 bits for centuries.
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

fn put_u32(out: &mut Vec<u8>, n: u32) {
    out.extend_from_slice(&n.to_ne_bytes());
}

fn put_u64(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(&n.to_ne_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

fn header() -> Vec<u8> {
    let mut out = Vec::new();
    for n in [MAGIC, VERSION, HEADER_BYTES, ELF_MACHINE_X86_64, 0] {
        put_u32(&mut out, n);
    }
    put_u32(&mut out, std::process::id());
    put_u64(&mut out, now_ns());
    // Flags: the times are not those of a processor's counter.
    put_u64(&mut out, 0);
    debug_assert_eq!(out.len(), HEADER_BYTES as usize);
    out
}

/// Appends a record whose body `body` writes.
fn record(out: &mut Vec<u8>, id: u32, body: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
    let start = out.len();
    put_u32(out, id);
    put_u32(out, 0);
    put_u64(out, now_ns());
    body(out);
    let total = u32::try_from(out.len() - start)
        .map_err(|_| io::Error::other("write a record of more than 4 GiB"))?;
    out[start + 4..start + 8].copy_from_slice(&total.to_ne_bytes());
    Ok(())
}

/// The lines of the code whose record comes next.
fn debug_info(out: &mut Vec<u8>, p: &Published<'_>) -> io::Result<()> {
    let count = p.distinct_lines().count() as u64;
    if count == 0 {
        return Ok(());
    }
    record(out, CODE_DEBUG_INFO, |out| {
        put_u64(out, p.address());
        put_u64(out, count);
        let file = p.file();
        for (offset, pc) in p.distinct_lines() {
            put_u64(out, p.address() + u64::from(offset));
            put_u32(out, pc);
            put_u32(out, 0);
            put_text(out, &file);
        }
    })
}

fn code_load(out: &mut Vec<u8>, p: &Published<'_>, code: u64) -> io::Result<()> {
    record(out, CODE_LOAD, |out| {
        put_u32(out, std::process::id());
        put_u32(out, rustix::thread::gettid().as_raw_nonzero().get() as u32);
        // Where the code is, and where its instructions take it to be.
        put_u64(out, p.address());
        put_u64(out, p.address());
        put_u64(out, p.size());
        put_u64(out, code);
        put_text(out, &p.label());
        out.extend_from_slice(p.code);
    })
}

#[cfg(test)]
#[path = "jitdump_tests.rs"]
mod tests;
