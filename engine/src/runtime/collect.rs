//! A store's heap: allocating from it, and the roots of a collection.
//!
//! Roots are what frames hold (`frame::roots`), arguments of a function that is being prepared,
//! tables, globals, element segments, what the host holds, and exceptions on their way. Nothing
//! else may hold a reference while something is allocated.

use std::ptr::NonNull;

use super::core::{FuncKind, StoreCore};
use super::value::slot_offsets;
use crate::error::TrapCode;
use crate::frame::walk::{Position, Stretch};
use crate::gc::collect::Marker;
use crate::gc::heap::Heap;
use crate::gc::layout::{Header, HostValue, ObjectType};
use crate::module::ElementItems;

/// What was collected of the host: to be dropped when nothing of the store is in use.
#[must_use]
#[derive(Default)]
pub(crate) struct Collected(#[allow(dead_code)] Vec<HostValue>);

impl StoreCore {
    /// A new object with all fields zero. May collect, so that references must be where the
    /// collector finds them, and running code must have noted its position.
    ///
    /// # Errors
    /// The limit is reached, or the system refuses.
    ///
    /// # Safety
    /// `ty` must live as long as the store, and not be the type of host values.
    pub(crate) unsafe fn allocate(
        &mut self,
        ty: *const ObjectType,
        len: u32,
    ) -> Result<NonNull<Header>, TrapCode> {
        // SAFETY: by contract.
        let bytes = unsafe { (*ty).object_bytes(len) };
        let before = self.heap.stats().collections;
        let mut collected = self.make_room(bytes);
        // SAFETY: by contract.
        let mut object = unsafe { self.heap.alloc(ty, len) };
        let untried = self.heap.stats().collections == before;
        if object.is_none() && untried {
            collected = self.collect();
            if self.heap.has_room() {
                // SAFETY: by contract.
                object = unsafe { self.heap.alloc(ty, len) };
            }
        }
        drop(collected);
        object.ok_or(TrapCode::HeapLimit)
    }

    /// As [`StoreCore::allocate`], for a value of the host. Those are not refused: the limit is for
    /// guests.
    pub(crate) fn allocate_host(&mut self, value: HostValue) -> NonNull<Header> {
        let collected = self.make_room(0);
        let object = self.heap.alloc_host(value);
        drop(collected);
        object
    }

    /// Collects if it is time to.
    pub(super) fn make_room(&mut self, bytes: u64) -> Collected {
        if self.heap.wants_collection(bytes) {
            self.collect()
        } else {
            Collected::default()
        }
    }

    /// Frees what nothing refers to, unless an instance is being made: what its constant
    /// expressions have made is not linked yet.
    pub(crate) fn collect(&mut self) -> Collected {
        if self.instantiating > 0 {
            return Collected::default();
        }
        let heap = self.heap.as_ptr();
        // SAFETY: the heap is owned by the store, which does not touch it to find the roots.
        Collected(unsafe { (*heap).collect(|marker| self.mark_roots(marker)) })
    }

    fn mark_roots(&mut self, marker: &mut Marker<'_>) {
        self.mark_frames(marker);
        // SAFETY: everything below holds references to live objects, and is of a type that the
        // collector looks after.
        let mut mark = |raw: u64| unsafe { marker.mark(raw) };
        for position in &self.positions {
            if let &Position::Host { record, fp, .. } = position {
                self.mark_arguments(record, fp, &mut mark);
            }
        }
        for table in &self.tables {
            if table.ty.element.heap.is_collected() {
                table.elements().iter().copied().for_each(&mut mark);
            }
        }
        for global in &self.globals {
            if global.ty.content.is_collected() {
                // SAFETY: a global's slots live as long as the store.
                mark(unsafe { *global.addr });
            }
        }
        for instance in &self.instances {
            let segments = instance.module.inner.elements.iter();
            for (segment, elements) in segments.zip(&instance.elements) {
                if let ElementItems::Exprs(ty, _) = &segment.items
                    && ty.heap.is_collected()
                {
                    elements.iter().copied().for_each(&mut mark);
                }
            }
        }
        self.roots.each(mark);
    }

    /// What locals and operands of all frames refer to.
    fn mark_frames(&mut self, marker: &mut Marker<'_>) {
        let mut maps = std::mem::take(&mut self.root_maps);
        for (index, &position) in self.positions.iter().enumerate() {
            for (depth, frame) in Stretch::new(self, position).enumerate() {
                let failed = depth == 0 && self.unwinding.contains(&index);
                // SAFETY: the frame is live, and guest code is suspended.
                unsafe { maps.mark(self, &frame, failed, marker) };
            }
        }
        self.root_maps = maps;
    }

    /// Arguments of a function that is being prepared: it has no code by which its frame could be
    /// read. Those of host functions are in handles already.
    fn mark_arguments(
        &self,
        record: *const probity_interp::layout::FuncRecord,
        fp: *mut u64,
        mark: &mut impl FnMut(u64),
    ) {
        // SAFETY: records live as long as the store.
        let id = unsafe { (*(*record).target).id };
        let FuncKind::Wasm { .. } = self.funcs[id as usize].kind else {
            return;
        };
        let params = self.func_type(self.func(id)).params();
        for (ty, slot) in slot_offsets(params, 0) {
            if ty.is_collected() {
                // SAFETY: the caller wrote the arguments there.
                mark(unsafe { *fp.add(slot as usize) });
            }
        }
    }

    /// Sets up the heap as the engine's settings say.
    pub(super) fn new_heap(engine: &crate::engine::Engine) -> Heap {
        let mut heap = Heap::default();
        heap.set_zeal(engine.config().gc_zeal);
        heap
    }
}
