//! Allocation, the limit, and statistics.

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::Arc;

use super::access::host_box;
use super::block::{BLOCK_BYTES, Block, BlockMemory};
use super::classes::{CLASSES, SMALL_MAX, class_bytes, class_of};
use super::layout::{GRANULE, HEADER_BYTES, Header, HostValue, ObjectType};

/// A collection is not worth it before so many bytes were allocated.
const THRESHOLD_MIN: u64 = 4 << 20;

/// Empty blocks kept for the next allocations: those that a small threshold fills.
const POOL_BLOCKS_MAX: usize = THRESHOLD_MIN as usize / BLOCK_BYTES;

/// List of blocks with host objects: they are apart, because only they are looked at when swept.
pub(super) const HOST_LIST: usize = CLASSES;

/// In [`Header::home`]: the rest is a position in `large`, otherwise one in `blocks`.
pub(super) const LARGE: u32 = 1 << 31;

/// What freed memory is filled with where assertions are checked.
const POISON: u8 = 0xd5;

/// What a store's heap holds and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeapStats {
    /// Bytes of the objects allocated and not freed yet, with their headers. Objects that nothing
    /// refers to count until a collection.
    pub bytes: u64,
    /// Such objects.
    pub objects: u64,
    /// Bytes taken from the system, which the limit is about: objects are allocated in blocks of
    /// 32 KiB, large ones by themselves.
    pub bytes_reserved: u64,
    /// Collections so far.
    pub collections: u64,
    /// Bytes of all objects ever allocated.
    pub bytes_allocated_total: u64,
    /// All objects ever allocated.
    pub objects_allocated_total: u64,
}

/// A large object.
pub(super) struct Large {
    pub(super) object: NonNull<Header>,
    pub(super) layout: Layout,
    pub(super) marked: bool,
}

/// See the module's documentation.
pub(crate) struct Heap {
    /// By number, which their objects know.
    pub(super) blocks: Vec<Option<Box<Block>>>,
    /// Numbers without a block.
    pub(super) vacant: Vec<u32>,
    /// For each list, numbers of blocks that may have free cells; the last is tried first.
    pub(super) available: [Vec<u32>; CLASSES + 1],
    pub(super) large: Vec<Large>,
    /// Empty.
    pub(super) pool: Vec<BlockMemory>,
    host_type: Arc<ObjectType>,
    bytes_max: Option<u64>,
    zeal: bool,
    /// Bytes allocated since the last collection.
    pub(super) fresh: u64,
    /// Bytes of values of the host since then, which are outside of the heap.
    pub(super) fresh_outside: u64,
    pub(super) stats: HeapStats,
}

impl Default for Heap {
    fn default() -> Heap {
        Heap {
            blocks: Vec::new(),
            vacant: Vec::new(),
            available: [const { Vec::new() }; CLASSES + 1],
            large: Vec::new(),
            pool: Vec::new(),
            host_type: Arc::new(ObjectType::host()),
            bytes_max: None,
            zeal: false,
            fresh: 0,
            fresh_outside: 0,
            stats: HeapStats::default(),
        }
    }
}

impl Heap {
    /// Limits what is taken from the system; `None` takes the limit away.
    pub(crate) fn set_bytes_max(&mut self, bytes: Option<u64>) {
        self.bytes_max = bytes;
    }

    /// Whether every allocation wants a collection.
    pub(crate) fn set_zeal(&mut self, zeal: bool) {
        self.zeal = zeal;
    }

    pub(crate) fn stats(&self) -> HeapStats {
        self.stats
    }

    /// Whether it is time for a collection before `bytes` are allocated.
    pub(crate) fn wants_collection(&self, bytes: u64) -> bool {
        // What is allocated until the next one may be as much as what lives: so a collection's
        // work is proportional to the allocation before it, and the heap at most doubles.
        let live = self.stats.bytes.saturating_sub(self.fresh);
        let fresh = self.fresh.saturating_add(self.fresh_outside);
        self.zeal || fresh.saturating_add(bytes) > live.max(THRESHOLD_MIN)
    }

    /// Whether the collection after a refused allocation has freed enough to go on. A heap that is
    /// almost full of live objects is full: otherwise every allocation would collect.
    pub(crate) fn has_room(&self) -> bool {
        self.bytes_max
            .is_none_or(|max| self.stats.bytes <= max - max / 16)
    }

    /// A new object with `len` elements (0 if it is no array), all of it zero. `None` if the
    /// limit or the system refuses.
    ///
    /// # Safety
    /// `ty` must live as long as the heap, and not be the type of host values.
    pub(crate) unsafe fn alloc(
        &mut self,
        ty: *const ObjectType,
        len: u32,
    ) -> Option<NonNull<Header>> {
        // SAFETY: by contract.
        let bytes = unsafe { (*ty).object_bytes(len) };
        if bytes > SMALL_MAX {
            return self.alloc_large(bytes, ty, len);
        }
        let class = class_of(bytes);
        let (object, home) = self.take(class, class)?;
        // SAFETY: a free cell of at least that many bytes.
        unsafe {
            let payload = object.as_ptr().cast::<u8>().add(HEADER_BYTES as usize);
            payload.write_bytes(0, bytes as usize - HEADER_BYTES as usize);
            object.as_ptr().write(Header { ty, len, home });
        }
        self.count(class_bytes(class) as u64);
        Some(object)
    }

    /// A new object that holds a value of the host, beyond the limit if need be.
    pub(crate) fn alloc_host(&mut self, value: HostValue) -> NonNull<Header> {
        let ty = Arc::as_ptr(&self.host_type);
        let class = class_of(self.host_type.object_bytes(0));
        let limit = self.bytes_max.take();
        let cell = self.take(class, HOST_LIST);
        self.bytes_max = limit;
        let Some((object, home)) = cell else {
            std::alloc::handle_alloc_error(Layout::new::<Header>());
        };
        // Of what the value holds only this is known.
        self.fresh_outside += size_of_val(&*value) as u64;
        // SAFETY: a free cell of the right size.
        unsafe {
            object.as_ptr().write(Header { ty, len: 0, home });
            host_box(object).write(Box::into_raw(value));
        }
        self.count(class_bytes(class) as u64);
        object
    }

    fn count(&mut self, bytes: u64) {
        self.fresh += bytes;
        self.stats.bytes += bytes;
        self.stats.objects += 1;
        self.stats.bytes_allocated_total += bytes;
        self.stats.objects_allocated_total += 1;
    }

    /// A free cell of a class, in a block of the given list, and its block's number.
    fn take(&mut self, class: usize, list: usize) -> Option<(NonNull<Header>, u32)> {
        while let Some(&number) = self.available[list].last() {
            if let Some(block) = &mut self.blocks[number as usize]
                && let Some(object) = block.take()
            {
                return Some((object, number));
            }
            self.available[list].pop();
        }
        let number = self.add_block(class, list)?;
        let block = self.blocks[number as usize].as_mut()?;
        Some((block.take()?, number))
    }

    fn add_block(&mut self, class: usize, list: usize) -> Option<u32> {
        let memory = match self.pool.pop() {
            Some(memory) => memory,
            None => {
                self.reserve(BLOCK_BYTES as u64)?;
                let memory = BlockMemory::new();
                if memory.is_none() {
                    self.stats.bytes_reserved -= BLOCK_BYTES as u64;
                }
                memory?
            }
        };
        let block = Some(Box::new(Block::new(memory, class, list)));
        let number = match self.vacant.pop() {
            Some(number) => {
                self.blocks[number as usize] = block;
                number
            }
            None => {
                self.blocks.push(block);
                (self.blocks.len() - 1) as u32
            }
        };
        self.available[list].push(number);
        Some(number)
    }

    /// Takes bytes from the limit, giving up the pool if that helps.
    fn reserve(&mut self, bytes: u64) -> Option<()> {
        let max = self.bytes_max.unwrap_or(u64::MAX);
        while self.stats.bytes_reserved.checked_add(bytes)? > max {
            self.pool.pop()?;
            self.stats.bytes_reserved -= BLOCK_BYTES as u64;
        }
        self.stats.bytes_reserved += bytes;
        Some(())
    }

    fn alloc_large(
        &mut self,
        bytes: u64,
        ty: *const ObjectType,
        len: u32,
    ) -> Option<NonNull<Header>> {
        let layout = Layout::from_size_align(usize::try_from(bytes).ok()?, GRANULE).ok()?;
        let home = LARGE
            | u32::try_from(self.large.len())
                .ok()
                .filter(|&n| n < LARGE)?;
        self.reserve(bytes)?;
        // SAFETY: the layout's size is not 0.
        let memory = unsafe { std::alloc::alloc_zeroed(layout) };
        let Some(object) = NonNull::new(memory.cast::<Header>()) else {
            self.stats.bytes_reserved -= bytes;
            return None;
        };
        // SAFETY: fresh memory, larger than a header.
        unsafe { object.as_ptr().write(Header { ty, len, home }) };
        // References to objects are addresses.
        let _ = object.as_ptr().expose_provenance();
        self.large.push(Large {
            object,
            layout,
            marked: false,
        });
        self.count(bytes);
        Some(object)
    }

    /// Keeps an empty block's memory, or gives it back.
    pub(super) fn put_back(&mut self, memory: BlockMemory) {
        if self.pool.len() < POOL_BLOCKS_MAX {
            self.pool.push(memory);
        } else {
            self.stats.bytes_reserved -= BLOCK_BYTES as u64;
        }
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        // Nothing is marked, so everything is freed.
        drop(self.sweep());
    }
}

/// Fills a freed cell, so that its use is noticed.
///
/// # Safety
/// The cell must have that many bytes, which nothing uses.
pub(super) unsafe fn poison(object: NonNull<Header>, bytes: usize) {
    if cfg!(debug_assertions) {
        // SAFETY: by contract.
        unsafe { object.as_ptr().cast::<u8>().write_bytes(POISON, bytes) };
    }
}

/// Whether an object's memory was freed since; unreliable where assertions are not checked.
///
/// # Safety
/// The object's block must be there.
pub(super) unsafe fn is_poisoned(object: NonNull<Header>) -> bool {
    // SAFETY: by contract.
    unsafe { (*object.as_ptr()).home == u32::from_ne_bytes([POISON; 4]) }
}
