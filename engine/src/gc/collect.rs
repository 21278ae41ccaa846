//! Collection: marking what the roots reach, and sweeping the rest.
//!
//! Marking keeps a list of what is still to be looked into instead of recursing, so a list of any
//! length is no danger to the native stack. Sweeping is done at once: it is a walk over bitmaps.

use std::ptr::NonNull;

use super::access::{element_offset, host_box};
use super::block::Block;
use super::heap::{HOST_LIST, Heap, LARGE, Large, is_poisoned, poison};
use super::layout::{Header, HostValue, Shape, Storage, raw_to_object};

/// Marks objects.
pub(crate) struct Marker<'a> {
    blocks: &'a mut [Option<Box<Block>>],
    large: &'a mut [Large],
    /// Marked, but not looked into yet.
    work: Vec<NonNull<Header>>,
}

impl Marker<'_> {
    /// Marks what a reference refers to, and so all that it leads to. Null and `i31` are fine.
    ///
    /// # Safety
    /// It must be no function reference, and no reference to an object that was freed.
    pub(crate) unsafe fn mark(&mut self, raw: u64) {
        let Some(object) = raw_to_object(raw) else {
            return;
        };
        // SAFETY: the object is alive by contract, so its header is intact, and so is its type.
        unsafe {
            debug_assert!(
                !is_poisoned(object),
                "reference to an object that was freed"
            );
            let home = (*object.as_ptr()).home;
            let new = if home & LARGE == 0 {
                self.blocks[home as usize]
                    .as_mut()
                    .is_some_and(|block| block.mark(object))
            } else {
                let large = &mut self.large[(home & !LARGE) as usize];
                debug_assert!(large.object == object, "reference into nowhere");
                !std::mem::replace(&mut large.marked, true)
            };
            if new && (*(*object.as_ptr()).ty).is_traced() {
                self.work.push(object);
            }
        }
    }

    /// Marks all that marked objects lead to.
    fn finish(&mut self) {
        while let Some(object) = self.work.pop() {
            // SAFETY: live objects are intact, and hold references to live objects only.
            unsafe {
                let reference = |offset: usize| object.as_ptr().byte_add(offset).cast::<u64>();
                match &(*(*object.as_ptr()).ty).shape {
                    Shape::Struct { traced, .. } => {
                        for &offset in traced {
                            self.mark(*reference(offset as usize));
                        }
                    }
                    Shape::Array { .. } => {
                        let first = element_offset(Storage::Ref { traced: true }, 0);
                        let elements = reference(first);
                        for i in 0..(*object.as_ptr()).len as usize {
                            self.mark(*elements.add(i));
                        }
                    }
                    Shape::Host => {}
                }
            }
        }
    }
}

impl Heap {
    /// Frees every object that the roots do not lead to. `roots` marks all of them.
    ///
    /// Gives the host values that were freed. They are to be dropped when the store may be used
    /// again, since their `Drop` may do anything.
    pub(crate) fn collect(&mut self, roots: impl FnOnce(&mut Marker<'_>)) -> Vec<HostValue> {
        let mut marker = Marker {
            blocks: &mut self.blocks,
            large: &mut self.large,
            work: Vec::new(),
        };
        roots(&mut marker);
        marker.finish();
        self.stats.collections += 1;
        self.sweep()
    }

    /// Frees what is not marked.
    pub(super) fn sweep(&mut self) -> Vec<HostValue> {
        self.stats.bytes = 0;
        self.stats.objects = 0;
        self.fresh = 0;
        self.fresh_outside = 0;
        let mut values = Vec::new();
        self.sweep_blocks(&mut values);
        self.sweep_large();
        values
    }

    fn sweep_blocks(&mut self, values: &mut Vec<HostValue>) {
        for list in &mut self.available {
            list.clear();
        }
        // From the last to the first, so that allocation fills the first ones first.
        for number in (0..self.blocks.len()).rev() {
            let Some(block) = &mut self.blocks[number] else {
                continue;
            };
            let (list, bytes) = (block.list, block.cell_bytes());
            block.sweep(|object| {
                // SAFETY: the object is dead. A host object's box is taken exactly once, because
                // its cell is not taken any more.
                unsafe {
                    if list == HOST_LIST {
                        values.push(HostValue::from_raw(host_box(object).read()));
                    }
                    poison(object, bytes);
                }
            });
            if block.used > 0 {
                self.stats.objects += u64::from(block.used);
                self.stats.bytes += u64::from(block.used) * bytes as u64;
                if !block.is_full() {
                    self.available[list].push(number as u32);
                }
            } else if let Some(block) = self.blocks[number].take() {
                self.vacant.push(number as u32);
                self.put_back(block.into_memory());
            }
        }
    }

    fn sweep_large(&mut self) {
        let mut kept = 0u32;
        let stats = &mut self.stats;
        self.large.retain_mut(|large| {
            let bytes = large.layout.size() as u64;
            // SAFETY: a marked object is alive; the others are dead, and were allocated so.
            unsafe {
                if !std::mem::take(&mut large.marked) {
                    std::alloc::dealloc(large.object.as_ptr().cast(), large.layout);
                    stats.bytes_reserved -= bytes;
                    return false;
                }
                (*large.object.as_ptr()).home = LARGE | kept;
            }
            kept += 1;
            stats.objects += 1;
            stats.bytes += bytes;
            true
        });
    }
}
