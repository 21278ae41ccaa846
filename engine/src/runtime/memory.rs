//! Linear memories.

use std::ops::Range;
use std::slice;
use std::sync::Arc;

use probity_interp::layout::{Ctx, MemoryView};

use super::shared::bytes;
use super::{AsContext, AsContextMut, SharedMemory, StoreCore};
use crate::config::Tier;
use crate::engine::Engine;
use crate::error::{Error, Result, TrapCode};
use crate::sys::image::Image;
use crate::sys::region::Region;
use crate::types::MemoryType;

/// Address space reserved for a memory, if its maximum allows that much: all that a 32-bit memory
/// can ever address. A 64-bit memory that grows beyond it moves.
const RESERVE: u64 = 1 << 32;

/// Bytes behind that which are reserved too where code is compiled, so that an access at a 32-bit
/// index with an offset up to here faults if it is out of bounds.
pub(crate) const GUARD: u64 = 1 << 31;

/// A linear memory of a store.
///
/// ```
/// use probity_engine::{Engine, Memory, MemoryType, Store};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let memory = Memory::new(&mut store, MemoryType::new(1, Some(2)))?;
/// memory.write(&mut store, 10, b"hello")?;
/// assert_eq!(&memory.data(&store)[10..15], b"hello");
/// assert_eq!(memory.grow(&mut store, 1)?, 1);
/// assert_eq!(memory.size(&store), 2);
/// assert!(memory.grow(&mut store, 1).is_err());
/// # Ok::<(), probity_engine::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Memory {
    pub(crate) store: u64,
    pub(crate) id: u32,
}

/// A memory as the store owns it, or as one of the stores that share it.
pub(crate) struct MemoryData {
    pub(crate) ty: MemoryType,
    backing: Backing,
    /// What handlers for any memory read; at a fixed address.
    view: *mut MemoryView,
    /// Contexts that keep a copy of base and length.
    users: Vec<*mut Ctx>,
}

enum Backing {
    Own(Region),
    Shared(SharedMemory),
}

impl MemoryData {
    /// A memory of this store alone, or the first handle of one to be shared. The type is valid
    /// ([`check_type`]).
    pub(crate) fn new(engine: &Engine, ty: MemoryType) -> Result<MemoryData> {
        if ty.shared {
            return Ok(MemoryData::shared(SharedMemory::new(engine, ty)?));
        }
        let bytes = |pages: u64| pages.saturating_mul(1 << ty.page_size_log2);
        let minimum = bytes(ty.minimum);
        let most = bytes(ty.maximum.unwrap_or(u64::MAX).min(pages_max(&ty)));
        let region = if ty.is_guarded() && engine.config().tier != Tier::Interp {
            Region::reserve((RESERVE + GUARD) as usize)
        } else {
            reserve_at_most(most.min(RESERVE.max(minimum)), minimum)
        };
        let mut region = region.ok_or_else(|| refused(minimum))?;
        if !usize::try_from(minimum).is_ok_and(|bytes| region.grow(bytes)) {
            return Err(refused(minimum));
        }
        let view = MemoryView {
            base: region.base(),
            len: minimum,
            shared_len: std::ptr::null(),
        };
        Ok(MemoryData::with(ty, Backing::Own(region), view))
    }

    /// A memory that other stores use too.
    pub(crate) fn shared(memory: SharedMemory) -> MemoryData {
        let view = MemoryView {
            base: memory.base(),
            len: memory.byte_len(),
            shared_len: memory.len_cell(),
        };
        MemoryData::with(memory.ty(), Backing::Shared(memory), view)
    }

    fn with(ty: MemoryType, backing: Backing, view: MemoryView) -> MemoryData {
        MemoryData {
            ty,
            backing,
            view: Box::into_raw(Box::new(view)),
            users: Vec::new(),
        }
    }

    /// What it has in common with other stores.
    pub(crate) fn as_shared(&self) -> Option<&SharedMemory> {
        match &self.backing {
            Backing::Own(_) => None,
            Backing::Shared(memory) => Some(memory),
        }
    }

    pub(crate) fn base(&self) -> *mut u8 {
        match &self.backing {
            Backing::Own(region) => region.base(),
            Backing::Shared(memory) => memory.base(),
        }
    }

    /// Bytes that the guest can address.
    pub(crate) fn len(&self) -> u64 {
        match &self.backing {
            // SAFETY: the view is owned by this memory.
            Backing::Own(_) => unsafe { (*self.view).len },
            Backing::Shared(memory) => memory.byte_len(),
        }
    }

    pub(crate) fn pages(&self) -> u64 {
        self.len() >> self.ty.page_size_log2
    }

    pub(crate) fn view(&self) -> *mut MemoryView {
        self.view
    }

    /// Keeps `ctx.mem_base` and `ctx.mem_len` up to date from now on, if handlers of the short
    /// path may use this memory.
    ///
    /// # Safety
    /// `ctx` must stay valid as long as this memory.
    pub(crate) unsafe fn attach(&mut self, ctx: *mut Ctx) {
        if self.ty.is_plain() {
            self.users.push(ctx);
            self.publish(self.len());
        }
    }

    /// Tells handlers where the bytes are, and that there are `len`.
    fn publish(&mut self, len: u64) {
        let base = self.base();
        // SAFETY: the view is owned by this memory; `attach` requires contexts to live as long.
        unsafe {
            (*self.view).base = base;
            (*self.view).len = len;
            for &ctx in &self.users {
                (*ctx).mem_base = base;
                (*ctx).mem_len = len;
            }
        }
    }

    /// Grows by `pages`; gives the old size in pages, `None` if it cannot grow that far.
    pub(crate) fn grow(&mut self, pages: u64, bytes_max: Option<u64>) -> Option<u64> {
        let region = match &mut self.backing {
            Backing::Shared(memory) => {
                let old = memory.grow_within(pages, bytes_max)?;
                self.publish(self.len());
                return Some(old);
            }
            Backing::Own(region) => region,
        };
        // SAFETY: the view is owned by this memory.
        let old = unsafe { (*self.view).len } >> self.ty.page_size_log2;
        let new = old.checked_add(pages)?;
        if new > self.ty.maximum.unwrap_or(u64::MAX).min(pages_max(&self.ty)) {
            return None;
        }
        let bytes = new.checked_mul(1 << self.ty.page_size_log2)?;
        if bytes > bytes_max.unwrap_or(u64::MAX) {
            return None;
        }
        let size = usize::try_from(bytes).ok()?;
        if !region.grow(size) {
            // Handlers keep the base of a 32-bit memory in a register: it stays where it is.
            let more = size.max(region.reserved().saturating_mul(2));
            let moves = self.ty.memory64 && size > region.reserved();
            if !moves || !(region.relocate(more) || region.relocate(size)) || !region.grow(size) {
                return None;
            }
        }
        self.publish(bytes);
        Some(old)
    }

    /// Whether what nobody has touched of it is zero.
    pub(crate) fn is_fresh(&self) -> bool {
        match &self.backing {
            Backing::Own(region) => region.is_fresh(),
            Backing::Shared(_) => false,
        }
    }

    /// Makes it `len` bytes that equal the image's; false if that is not possible, and what is in it is not known then. No code
    /// is running.
    ///
    /// # Panics
    /// The memory is shared.
    pub(crate) fn reset(&mut self, image: &Arc<Image>, len: u64) -> bool {
        self.assert_own();
        let Backing::Own(region) = &mut self.backing else {
            return false;
        };
        let fits = image.len() <= region.reserved() || region.relocate(image.len());
        let done = fits && region.reset(image);
        self.publish(if done { len } else { 0 });
        done
    }

    /// # Panics
    /// The memory is shared.
    pub(crate) fn data(&self) -> &[u8] {
        self.assert_own();
        // SAFETY: the first `len` bytes of the region are usable; the guest does not run while
        // a reference exists, because running it takes the store mutably.
        unsafe { slice::from_raw_parts(self.base(), self.len() as usize) }
    }

    /// # Panics
    /// The memory is shared.
    pub(crate) fn data_mut(&mut self) -> &mut [u8] {
        self.assert_own();
        // SAFETY: as for `data`.
        unsafe { slice::from_raw_parts_mut(self.base(), self.len() as usize) }
    }

    fn assert_own(&self) {
        assert!(
            self.as_shared().is_none(),
            "the bytes of a shared memory cannot be borrowed"
        );
    }

    /// The bytes of a range, if it is in bounds.
    pub(crate) fn span(&self, at: u64, len: u64) -> Option<Span> {
        let end = at.checked_add(len)?;
        (end <= self.len()).then(|| Span {
            at: self.base().wrapping_add(at as usize),
            len: len as usize,
            shared: self.as_shared().is_some(),
        })
    }
}

impl Drop for MemoryData {
    fn drop(&mut self) {
        // SAFETY: made by `Box::into_raw`; no code runs when a store is dropped.
        drop(unsafe { Box::from_raw(self.view) });
    }
}

/// Bytes of a memory, which need not be this thread's alone. Valid until the memory grows.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    at: *mut u8,
    len: usize,
    shared: bool,
}

impl Span {
    pub(crate) fn as_ptr(self) -> *mut u8 {
        self.at
    }

    pub(crate) fn len(self) -> usize {
        self.len
    }

    /// # Panics
    /// The part is not in the span.
    pub(crate) fn part(self, part: Range<usize>) -> Span {
        assert!(part.start <= part.end && part.end <= self.len);
        Span {
            at: self.at.wrapping_add(part.start),
            len: part.len(),
            ..self
        }
    }

    /// `to` is as long as the span.
    pub(crate) fn read(self, to: &mut [u8]) {
        assert_eq!(self.len, to.len());
        // SAFETY: the span is in bounds, and not shared where it is copied plainly.
        unsafe {
            if self.shared {
                bytes::load(self.at, to);
            } else {
                std::ptr::copy(self.at, to.as_mut_ptr(), self.len);
            }
        }
    }

    /// `from` is as long as the span.
    pub(crate) fn write(self, from: &[u8]) {
        assert_eq!(self.len, from.len());
        // SAFETY: as in `read`.
        unsafe {
            if self.shared {
                bytes::store(self.at, from);
            } else {
                std::ptr::copy(from.as_ptr(), self.at, self.len);
            }
        }
    }

    pub(crate) fn fill(self, byte: u8) {
        // SAFETY: as in `read`.
        unsafe {
            if self.shared {
                bytes::fill(self.at, byte, self.len);
            } else {
                std::ptr::write_bytes(self.at, byte, self.len);
            }
        }
    }

    /// Copies to a span of the same length, which may overlap.
    pub(crate) fn copy_to(self, to: Span) {
        assert_eq!(self.len, to.len);
        // SAFETY: as in `read`.
        unsafe {
            if self.shared || to.shared {
                bytes::copy(self.at, to.at, self.len);
            } else {
                std::ptr::copy(self.at, to.at, self.len);
            }
        }
    }
}

/// Pages that a memory of this type can have by its address type.
pub(crate) fn pages_max(ty: &MemoryType) -> u64 {
    let (bits, most) = match ty.memory64 {
        true => (64, u64::MAX),
        false => (32, u64::from(u32::MAX)),
    };
    1u64.checked_shl(bits - u32::from(ty.page_size_log2))
        .unwrap_or(u64::MAX)
        .min(most)
}

/// Whether memories of this type can exist (a host may have made it up).
pub(crate) fn check_type(ty: &MemoryType) -> Result<()> {
    let valid = matches!(ty.page_size_log2, 0 | 16)
        && ty.maximum.is_none_or(|most| ty.minimum <= most)
        && ty.minimum <= pages_max(ty);
    if valid {
        Ok(())
    } else {
        Err(Error::usage(format!("`memory {ty}` is not a valid type")))
    }
}

/// Reserves `bytes`, or as much as the system gives but not less than `minimum`.
pub(crate) fn reserve_at_most(bytes: u64, minimum: u64) -> Option<Region> {
    let minimum = usize::try_from(minimum).ok()?;
    let mut bytes = usize::try_from(bytes).unwrap_or(usize::MAX / 2);
    loop {
        if let Some(region) = Region::reserve(bytes) {
            return Some(region);
        }
        if bytes <= minimum.max(1) {
            return None;
        }
        bytes = (bytes / 2).max(minimum);
    }
}

pub(crate) fn refused(bytes: u64) -> Error {
    Error::usage(format!("failed to allocate a memory of {bytes} bytes"))
}

impl Memory {
    /// Creates a memory.
    ///
    /// # Errors
    /// The minimum exceeds the store's limits or what the system gives.
    pub fn new(store: &mut impl AsContextMut, ty: MemoryType) -> Result<Memory> {
        let core = store.core_mut();
        let id = core.add_memory(ty)?;
        Ok(Memory {
            store: core.id(),
            id,
        })
    }

    /// Its type; the minimum is its current size.
    pub fn ty(&self, store: &impl AsContext) -> MemoryType {
        let data = self.of(store.core());
        MemoryType {
            minimum: data.pages(),
            ..data.ty
        }
    }

    /// Lets this store use a memory that other stores use too.
    ///
    /// # Errors
    /// The memory is one of another engine.
    pub fn from_shared(store: &mut impl AsContextMut, memory: &SharedMemory) -> Result<Memory> {
        let core = store.core_mut();
        if !core.engine().same(memory.engine()) {
            return Err(Error::usage("shared memory of another engine"));
        }
        let id = core.push_memory(MemoryData::shared(memory.clone()));
        Ok(Memory {
            store: core.id(),
            id,
        })
    }

    /// The memory as other threads can use it; `None` if it is not shared.
    pub fn as_shared(&self, store: &impl AsContext) -> Option<SharedMemory> {
        self.of(store.core()).as_shared().cloned()
    }

    /// The bytes.
    ///
    /// # Panics
    /// The memory is shared: other threads write its bytes, so they cannot be borrowed. Use
    /// [`Memory::read`] and [`Memory::write`], which work with every memory.
    pub fn data<'a>(&self, store: &'a impl AsContext) -> &'a [u8] {
        self.of(store.core()).data()
    }

    /// The bytes.
    ///
    /// # Panics
    /// The memory is shared, as for [`Memory::data`].
    pub fn data_mut<'a>(&self, store: &'a mut impl AsContextMut) -> &'a mut [u8] {
        self.of_mut(store.core_mut()).data_mut()
    }

    /// Reads bytes. Those of a shared memory may be changing meanwhile.
    ///
    /// # Errors
    /// [`TrapCode::MemoryOutOfBounds`]
    pub fn read(&self, store: &impl AsContext, offset: u64, buf: &mut [u8]) -> Result<()> {
        let span = self.of(store.core()).span(offset, buf.len() as u64);
        span.ok_or(TrapCode::MemoryOutOfBounds)?.read(buf);
        Ok(())
    }

    /// Writes bytes.
    ///
    /// # Errors
    /// [`TrapCode::MemoryOutOfBounds`]; nothing is written then.
    pub fn write(&self, store: &mut impl AsContextMut, offset: u64, data: &[u8]) -> Result<()> {
        let span = self.of(store.core_mut()).span(offset, data.len() as u64);
        span.ok_or(TrapCode::MemoryOutOfBounds)?.write(data);
        Ok(())
    }

    /// Size in pages.
    pub fn size(&self, store: &impl AsContext) -> u64 {
        self.of(store.core()).pages()
    }

    /// Grows by `pages`; gives the size before.
    ///
    /// # Errors
    /// The maximum or the store's limits do not allow it, or the system refuses.
    pub fn grow(&self, store: &mut impl AsContextMut, pages: u64) -> Result<u64> {
        let core = store.core_mut();
        let bytes_max = core.limits.memory_bytes_max;
        let old = self.of_mut(core).grow(pages, bytes_max);
        old.ok_or_else(|| Error::usage(format!("failed to grow the memory by {pages} pages")))
    }

    fn of<'a>(&self, core: &'a StoreCore) -> &'a MemoryData {
        core.check(self.store);
        &core.memories[self.id as usize]
    }

    fn of_mut<'a>(&self, core: &'a mut StoreCore) -> &'a mut MemoryData {
        core.check(self.store);
        &mut core.memories[self.id as usize]
    }
}
