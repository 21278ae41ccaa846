//! Linear memories.

use std::slice;

use super::{AsContext, AsContextMut, StoreCore};
use crate::error::{Error, Result, TrapCode};
use crate::sys::region::Region;
use crate::types::MemoryType;

/// Address space reserved for a 32-bit memory: all that it can ever address.
const RESERVE_32: u64 = 1 << 32;

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

/// A memory as the store owns it.
pub(crate) struct MemoryData {
    pub(crate) ty: MemoryType,
    region: Region,
    /// Bytes that the guest can address.
    len: u64,
    /// Contexts that keep a copy of the length.
    users: Vec<*mut probity_interp::layout::Ctx>,
}

impl MemoryData {
    pub(crate) fn new(ty: MemoryType) -> Result<MemoryData> {
        let page = 1u64 << ty.page_size_log2;
        let bytes = |pages: u64| pages.saturating_mul(page);
        let minimum = bytes(ty.minimum);
        let most = ty.maximum.map_or(u64::MAX, bytes);
        let wanted = if ty.memory64 {
            most.min(minimum.max(RESERVE_32))
        } else {
            most.min(RESERVE_32)
        };
        let region = usize::try_from(wanted).ok().and_then(reserve_at_most);
        let mut region = region.ok_or_else(|| refused(minimum))?;
        if !usize::try_from(minimum).is_ok_and(|bytes| region.grow(bytes)) {
            return Err(refused(minimum));
        }
        Ok(MemoryData {
            ty,
            region,
            len: minimum,
            users: Vec::new(),
        })
    }

    pub(crate) fn base(&self) -> *mut u8 {
        self.region.base()
    }

    pub(crate) fn pages(&self) -> u64 {
        self.len >> self.ty.page_size_log2
    }

    /// Keeps `ctx.mem_len` up to date from now on.
    ///
    /// # Safety
    /// `ctx` must stay valid as long as this memory.
    pub(crate) unsafe fn attach(&mut self, ctx: *mut probity_interp::layout::Ctx) {
        // SAFETY: valid by contract.
        unsafe {
            (*ctx).mem_base = self.base();
            (*ctx).mem_len = self.len;
        }
        self.users.push(ctx);
    }

    /// Grows by `pages`; gives the old size in pages, `None` if it cannot grow that far.
    pub(crate) fn grow(&mut self, pages: u64, bytes_max: Option<u64>) -> Option<u64> {
        let old = self.pages();
        let new = old.checked_add(pages)?;
        let bytes = new.checked_mul(1 << self.ty.page_size_log2)?;
        let limit = if self.ty.memory64 {
            u64::MAX
        } else {
            RESERVE_32
        };
        if new > self.ty.maximum.unwrap_or(u64::MAX)
            || bytes > limit
            || bytes > bytes_max.unwrap_or(u64::MAX)
        {
            return None;
        }
        if !self.region.grow(usize::try_from(bytes).ok()?) {
            return None;
        }
        self.len = bytes;
        for &ctx in &self.users {
            // SAFETY: `attach` requires contexts to live as long as the memory.
            unsafe { (*ctx).mem_len = bytes };
        }
        Some(old)
    }

    pub(crate) fn data(&self) -> &[u8] {
        // SAFETY: the first `len` bytes of the region are usable; the guest does not run while
        // a reference exists, because running it takes the store mutably.
        unsafe { slice::from_raw_parts(self.base(), self.len as usize) }
    }

    pub(crate) fn data_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `data`.
        unsafe { slice::from_raw_parts_mut(self.base(), self.len as usize) }
    }

    /// The bytes of a range, if it is in bounds.
    pub(crate) fn range(&mut self, at: u64, len: u64) -> Option<&mut [u8]> {
        let end = at.checked_add(len)?;
        if end > self.len {
            return None;
        }
        Some(&mut self.data_mut()[at as usize..end as usize])
    }
}

/// Reserves `bytes`, or as much as the system gives.
fn reserve_at_most(bytes: usize) -> Option<Region> {
    let mut bytes = bytes;
    loop {
        if let Some(region) = Region::reserve(bytes) {
            return Some(region);
        }
        bytes /= 2;
        if bytes < (1 << 16) {
            return None;
        }
    }
}

fn refused(bytes: u64) -> Error {
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

    /// The bytes.
    pub fn data<'a>(&self, store: &'a impl AsContext) -> &'a [u8] {
        self.of(store.core()).data()
    }

    /// The bytes.
    pub fn data_mut<'a>(&self, store: &'a mut impl AsContextMut) -> &'a mut [u8] {
        self.of_mut(store.core_mut()).data_mut()
    }

    /// Reads bytes.
    ///
    /// # Errors
    /// [`TrapCode::MemoryOutOfBounds`]
    pub fn read(&self, store: &impl AsContext, offset: u64, buf: &mut [u8]) -> Result<()> {
        let data = self.data(store);
        let bytes = usize::try_from(offset)
            .ok()
            .and_then(|at| data.get(at..)?.get(..buf.len()));
        buf.copy_from_slice(bytes.ok_or(TrapCode::MemoryOutOfBounds)?);
        Ok(())
    }

    /// Writes bytes.
    ///
    /// # Errors
    /// [`TrapCode::MemoryOutOfBounds`]; nothing is written then.
    pub fn write(&self, store: &mut impl AsContextMut, offset: u64, data: &[u8]) -> Result<()> {
        let range = self
            .of_mut(store.core_mut())
            .range(offset, data.len() as u64);
        range
            .ok_or(TrapCode::MemoryOutOfBounds)?
            .copy_from_slice(data);
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
