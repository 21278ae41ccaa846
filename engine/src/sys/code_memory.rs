//! Memory for machine code. No page is ever both writable and executable, and code that some
//! thread executes is never re-protected, which would stop it there. So each chunk is shared memory
//! that is mapped twice: written through one mapping and executed through the other. It is anonymous,
//! since `perf` asks nobody for names of code in a file.
//!
//! Functions share chunks, so that a function costs no system call, the signal handler knows few
//! ranges (`signals.rs`), and calls between functions are short. What is free is filled with
//! breakpoints where it has held code or lies between functions, so that a stray jump is noticed.
//!
//! Code may have a *twin*: other code of the same shape, at a distance that is the same for all of a
//! chunk, so that a signal handler can move a thread from the one to the other (`nudge.rs`).
//!
//! Caches need no care on x86-64; whoever hands code to another thread publishes its address with
//! release, as he would data.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr::{NonNull, copy_nonoverlapping, null_mut, write_bytes};
#[cfg(test)]
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::mm::{
    Advice, MapFlags, MprotectFlags, MremapFlags, ProtFlags, madvise, mmap_anonymous, mprotect,
    mremap, munmap,
};

use super::signals;

/// Bytes of address space of a chunk, unless one request needs more. Untouched pages cost nothing.
const CHUNK: usize = 16 << 20;

/// Granularity of chunks; a multiple of the page size.
const STEP: usize = 64 << 10;

/// Alignment of code, and granularity of allocation: a cache line.
const ALIGN: usize = 64;

/// The smallest page of the machine, whatever the system makes of it.
pub(crate) const PAGE: usize = 4096;

/// Where code is to be.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Placement {
    /// How many bytes behind the beginning of a cache line.
    pub(crate) lead: usize,
    /// In one page, if it is no longer than that.
    pub(crate) in_page: bool,
}

/// `int3`
const BREAKPOINT: u8 = 0xCC;

/// The machine code of one engine.
#[derive(Default)]
pub(crate) struct CodeMemory {
    /// Chunks are only added, so an index is good for life.
    chunks: Mutex<Vec<Chunk>>,
}

impl CodeMemory {
    pub(crate) fn new() -> CodeMemory {
        CodeMemory::default()
    }

    /// Copies `code` to memory where it can be executed, and its twin, which is as long. `None` if the
    /// system refuses.
    pub(crate) fn alloc(
        self: &Arc<Self>,
        code: &[u8],
        twin: Option<&[u8]>,
        placement: Placement,
    ) -> Option<CodeBlock> {
        let lead = placement.lead;
        let end = lead.checked_add(code.len())?;
        let block = self.reserve(code.len(), twin.is_some(), placement)?;
        let reserved = block.reserved;
        for (code, at) in [(Some(code), 0), (twin, block.twin)] {
            let Some(code) = code else { continue };
            assert_eq!(code.len(), block.len, "twins are equally long");
            // SAFETY: the block's own `reserved` bytes, which nobody else knows yet.
            unsafe {
                let to = block.writable.as_ptr().add(at);
                write_bytes(to, BREAKPOINT, lead);
                copy_nonoverlapping(code.as_ptr(), to.add(lead), code.len());
                write_bytes(to.add(end), BREAKPOINT, reserved - end);
            }
        }
        Some(block)
    }

    fn reserve(
        self: &Arc<Self>,
        len: usize,
        twin: bool,
        Placement { lead, in_page }: Placement,
    ) -> Option<CodeBlock> {
        let reserved = lead.checked_add(len)?.checked_next_multiple_of(ALIGN)?;
        let reserved = reserved.max(ALIGN);
        let mut chunks = self.chunks();
        let found = chunks
            .iter_mut()
            .enumerate()
            .filter(|(_, chunk)| chunk.twins == twin)
            .find_map(|(index, chunk)| Some((index, chunk.take(reserved, in_page)?)));
        let (chunk, offset) = match found {
            Some(found) => found,
            None => {
                let mut chunk = Chunk::new(reserved, twin)?;
                let offset = chunk.take(reserved, in_page)?;
                chunks.push(chunk);
                (chunks.len() - 1, offset)
            }
        };
        let Chunk {
            writable,
            executable,
            ..
        } = &chunks[chunk];
        let half = writable.len / 2;
        // SAFETY: `take` gives offsets inside the chunk, whose mappings are that long.
        let (writable, executable) =
            unsafe { (writable.base.add(offset), executable.base.add(offset)) };
        Some(CodeBlock {
            memory: Arc::clone(self),
            chunk,
            offset,
            lead,
            len,
            reserved,
            twin: if twin { half } else { 0 },
            writable,
            executable,
        })
    }

    fn chunks(&self) -> MutexGuard<'_, Vec<Chunk>> {
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Memory of one piece of machine code. Dropped, it is used for other code, so that no thread may
/// be in this one, or return to it, any more.
pub(crate) struct CodeBlock {
    memory: Arc<CodeMemory>,
    chunk: usize,
    offset: usize,
    /// Bytes before the code.
    lead: usize,
    len: usize,
    /// Both, rounded up.
    reserved: usize,
    /// Distance of the twin; 0 if there is none.
    twin: usize,
    writable: NonNull<u8>,
    executable: NonNull<u8>,
}

// SAFETY: a block owns its bytes; what shares it only writes atomically.
unsafe impl Send for CodeBlock {}
// SAFETY: as above.
unsafe impl Sync for CodeBlock {}

impl CodeBlock {
    /// The address where it is executed.
    pub(crate) fn base(&self) -> *const u8 {
        self.executable.as_ptr().wrapping_add(self.lead)
    }

    /// Bytes of code.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Distance of the twin; 0 if there is none.
    pub(crate) fn twin(&self) -> usize {
        self.twin
    }

    /// Overwrites code that is not executed yet: to one that executes it, the bytes would change
    /// one by one.
    #[cfg(test)]
    pub(crate) fn write(&self, offset: usize, bytes: &[u8]) {
        let end = offset.checked_add(bytes.len());
        assert!(end.is_some_and(|end| end <= self.len), "outside the code");
        for (index, byte) in bytes.iter().enumerate() {
            // SAFETY: inside the block's own bytes, which live as long as it, and which shared
            // references to it access atomically.
            let to = unsafe {
                AtomicU8::from_ptr(self.writable.as_ptr().add(self.lead + offset + index))
            };
            to.store(*byte, Ordering::Relaxed);
        }
    }
}

impl Drop for CodeBlock {
    fn drop(&mut self) {
        // SAFETY: the block's own bytes, still; those of its twin are the same if there is none.
        unsafe {
            write_bytes(self.writable.as_ptr(), BREAKPOINT, self.reserved);
            write_bytes(
                self.writable.as_ptr().add(self.twin),
                BREAKPOINT,
                self.reserved,
            );
        }
        self.memory.chunks()[self.chunk].give(self.offset, self.reserved);
    }
}

struct Chunk {
    writable: View,
    executable: View,
    /// The second half is for twins of what is in the first.
    twins: bool,
    /// Lengths of what is free (in the first half, if the second is for twins), by offset. Neighbours
    /// are one.
    free: BTreeMap<usize, usize>,
}

impl Chunk {
    fn new(bytes: usize, twins: bool) -> Option<Chunk> {
        let parts = if twins { 2 } else { 1 };
        let part = bytes.checked_next_multiple_of(STEP)?.max(CHUNK / parts);
        let len = part.checked_mul(parts)?;
        let writable = View::new(len)?;
        let executable = writable.again()?;
        signals::add_code(executable.base.as_ptr(), len, twins);
        Some(Chunk {
            writable,
            executable,
            twins,
            free: BTreeMap::from([(0, part)]),
        })
    }

    /// The offset of `bytes` bytes that were free, in one page if that is wanted and possible.
    fn take(&mut self, bytes: usize, in_page: bool) -> Option<usize> {
        // Chunks begin with a page.
        let begin = |at: usize| {
            let splits = at / PAGE != (at + bytes - 1) / PAGE;
            match in_page && bytes <= PAGE && splits {
                true => at.next_multiple_of(PAGE),
                false => at,
            }
        };
        let mut free = self.free.iter();
        let (&at, &len) = free.find(|&(&at, &len)| begin(at) + bytes <= at + len)?;
        let begin = begin(at);
        self.free.remove(&at);
        for (from, to) in [(at, begin), (begin + bytes, at + len)] {
            if from < to {
                self.free.insert(from, to - from);
            }
        }
        Some(begin)
    }

    fn give(&mut self, mut at: usize, mut bytes: usize) {
        if let Some(after) = self.free.remove(&(at + bytes)) {
            bytes += after;
        }
        if let Some((&before, &len)) = self.free.range(..at).next_back()
            && before + len == at
        {
            at = before;
            bytes += len;
        }
        self.free.insert(at, bytes);
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // Before the mapping ends: its addresses may be another chunk's at once.
        signals::remove_code(self.executable.base.as_ptr());
    }
}

/// One mapping of a chunk.
struct View {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: a view owns its mapping; who may access which bytes is the blocks' business.
unsafe impl Send for View {}
// SAFETY: as above.
unsafe impl Sync for View {}

impl View {
    /// Fresh memory, to be written.
    fn new(len: usize) -> Option<View> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a fresh mapping touches nothing that exists.
        let base = unsafe { mmap_anonymous(null_mut(), len, protection, MapFlags::SHARED) };
        View::of(base.ok()?, len)
    }

    /// The same memory once more, to be executed.
    fn again(&self) -> Option<View> {
        let from = self.base.as_ptr().cast::<c_void>();
        // SAFETY: with an old length of 0 a shared mapping stays as it is, and gets another.
        let base = unsafe { mremap(from, 0, self.len, MremapFlags::MAYMOVE) };
        let view = View::of(base.ok()?, self.len)?;
        let protection = MprotectFlags::READ | MprotectFlags::EXEC;
        // SAFETY: the new mapping, which nobody knows yet.
        unsafe { mprotect(view.base.as_ptr().cast(), view.len, protection) }.ok()?;
        Some(view)
    }

    /// Takes care of a fresh mapping.
    fn of(base: *mut c_void, len: usize) -> Option<View> {
        let view = View {
            base: NonNull::new(base.cast())?,
            len,
        };
        // The pages would be shared with a forked process, and each would free and reuse what the
        // other executes. It is better off with none.
        // SAFETY: this concerns the view's own mapping, and only in other processes.
        unsafe { madvise(base, len, Advice::LinuxDontFork) }.ok()?;
        Some(view)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: the view's own mapping, which nothing uses any more.
        let _ = unsafe { munmap(self.base.as_ptr().cast::<c_void>(), self.len) };
    }
}

#[cfg(test)]
mod tests;
