//! Memories that several threads use at once, each from a store of its own.
//!
//! A shared memory is reserved up to its maximum and never moves; its length only grows, under a
//! lock, and is published last, so that whoever sees it can use the bytes.

pub(crate) mod bytes;
pub(crate) mod wait;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use self::wait::WaitLists;
use super::memory::{check_type, pages_max, refused, reserve_at_most};
use crate::engine::Engine;
use crate::error::{Error, Result, TrapCode};
use crate::sys::region::Region;
use crate::types::MemoryType;

/// Address space reserved at most: a larger maximum cannot be reached, but does not take all the
/// addresses of the process either.
const RESERVE_MAX: u64 = 1 << 38;

/// A memory that belongs to no store: every thread gives it to a store of its own with
/// [`Memory::from_shared`](crate::Memory::from_shared). Clones are the same memory.
///
/// ```
/// use probity_engine::{Engine, Instance, Memory, MemoryType, Module, SharedMemory, Store};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module
///     (import "m" "m" (memory 1 1 shared))
///     (func (export "add") (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))))"#)?;
/// let ty = MemoryType { shared: true, ..MemoryType::new(1, Some(1)) };
/// let memory = SharedMemory::new(&engine, ty)?;
/// std::thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| {
///             let mut store = Store::new(&engine, ());
///             let memory = Memory::from_shared(&mut store, &memory)?;
///             let instance = Instance::new(&mut store, &module, &[memory.into()])?;
///             instance.get_typed_func::<(), ()>(&store, "add")?.call(&mut store, ())
///         });
///     }
/// });
/// let mut count = [0; 4];
/// memory.read(0, &mut count)?;
/// assert_eq!(u32::from_le_bytes(count), 4);
/// # Ok::<(), probity_engine::Error>(())
/// ```
#[derive(Clone)]
pub struct SharedMemory {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    ty: MemoryType,
    base: *mut u8,
    /// Bytes that exist.
    len: AtomicU64,
    /// Held while growing.
    region: Mutex<Region>,
    waiters: WaitLists,
}

// SAFETY: the region lives as long as `Inner` and does not move; its bytes are only touched
// through atomics and volatile accesses of guests.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl fmt::Debug for SharedMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedMemory({})", self.ty())
    }
}

impl SharedMemory {
    /// Creates a memory, whose bytes are 0.
    ///
    /// # Errors
    /// The type is not that of a shared memory (which has a maximum), or the system refuses the
    /// minimum.
    pub fn new(engine: &Engine, ty: MemoryType) -> Result<SharedMemory> {
        check_type(&ty)?;
        let (Some(maximum), true) = (ty.maximum, ty.shared) else {
            return Err(Error::usage(format!(
                "`memory {ty}` is not the type of a shared memory"
            )));
        };
        let bytes = |pages: u64| pages.checked_mul(1 << ty.page_size_log2);
        let most = bytes(maximum.min(pages_max(&ty))).unwrap_or(u64::MAX);
        let minimum = bytes(ty.minimum).ok_or_else(|| refused(u64::MAX))?;
        let wanted = most.min(RESERVE_MAX.max(minimum));
        let mut region = reserve_at_most(wanted, minimum).ok_or_else(|| refused(minimum))?;
        if !usize::try_from(minimum).is_ok_and(|bytes| region.grow(bytes)) {
            return Err(refused(minimum));
        }
        Ok(SharedMemory {
            inner: Arc::new(Inner {
                engine: engine.clone(),
                ty,
                base: region.base(),
                len: AtomicU64::new(minimum),
                region: Mutex::new(region),
                waiters: WaitLists::default(),
            }),
        })
    }

    /// Its type; the minimum is its size now.
    pub fn ty(&self) -> MemoryType {
        MemoryType {
            minimum: self.size(),
            ..self.inner.ty
        }
    }

    /// Size in pages now. Other threads may make it larger, never smaller.
    pub fn size(&self) -> u64 {
        self.byte_len() >> self.inner.ty.page_size_log2
    }

    /// Size in bytes now.
    pub fn byte_len(&self) -> u64 {
        self.inner.len.load(Ordering::Acquire)
    }

    /// Grows by `pages`; gives the size before.
    ///
    /// # Errors
    /// The maximum does not allow it, or the system refuses.
    pub fn grow(&self, pages: u64) -> Result<u64> {
        self.grow_within(pages, None)
            .ok_or_else(|| Error::usage(format!("failed to grow the memory by {pages} pages")))
    }

    /// Reads bytes. What other threads write meanwhile may be seen in part.
    ///
    /// # Errors
    /// [`TrapCode::MemoryOutOfBounds`]
    pub fn read(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let at = self.at(offset, buf.len())?;
        // SAFETY: in bounds.
        unsafe { bytes::load(at, buf) };
        Ok(())
    }

    /// Writes bytes. Other threads may see them in any order.
    ///
    /// # Errors
    /// [`TrapCode::MemoryOutOfBounds`]; nothing is written then.
    pub fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let at = self.at(offset, data.len())?;
        // SAFETY: in bounds.
        unsafe { bytes::store(at, data) };
        Ok(())
    }

    fn at(&self, offset: u64, len: usize) -> Result<*mut u8, TrapCode> {
        let end = offset.checked_add(len as u64);
        end.filter(|&end| end <= self.byte_len())
            .ok_or(TrapCode::MemoryOutOfBounds)?;
        Ok(self.inner.base.wrapping_add(offset as usize))
    }

    /// Grows by `pages` to at most `bytes_max`; gives the old size in pages.
    pub(crate) fn grow_within(&self, pages: u64, bytes_max: Option<u64>) -> Option<u64> {
        let ty = &self.inner.ty;
        let mut region = self
            .inner
            .region
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let old = self.size();
        let new = old.checked_add(pages)?;
        if new > ty.maximum.unwrap_or(0).min(pages_max(ty)) {
            return None;
        }
        let bytes = new.checked_mul(1 << ty.page_size_log2)?;
        if bytes > bytes_max.unwrap_or(u64::MAX) || !region.grow(usize::try_from(bytes).ok()?) {
            return None;
        }
        self.inner.len.store(bytes, Ordering::Release);
        Some(old)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    pub(crate) fn base(&self) -> *mut u8 {
        self.inner.base
    }

    /// Where the length is kept; valid as long as the memory.
    pub(crate) fn len_cell(&self) -> *const AtomicU64 {
        &raw const self.inner.len
    }

    pub(crate) fn waiters(&self) -> &WaitLists {
        &self.inner.waiters
    }
}
