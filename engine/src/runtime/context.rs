//! The memory of an instance that compiled code finds by its context alone: behind the context lie the
//! slots of the globals that the instance defines, behind those the records of all its functions, and
//! behind those, by type index, the keys that its own functions of each type have ([`key`]). So a call of a function, or a global, is one load at a distance that is known when the code is made.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

#[cfg(doc)]
use probity_interp::layout::key;
use probity_interp::layout::{Ctx, FuncRecord};

/// An instance's context, and what lies behind it. It does not move.
pub(crate) struct Context {
    at: NonNull<Ctx>,
    layout: Layout,
}

/// Distance from the context to a slot of the globals.
pub(crate) const fn offset_of_global(slot: usize) -> usize {
    size_of::<Ctx>() + slot * size_of::<u64>()
}

/// Distance from the context to the record of a function, of an instance with so many slots of
/// globals.
pub(crate) const fn offset_of_record(slots: usize, func: usize) -> usize {
    offset_of_global(slots) + func * size_of::<FuncRecord>()
}

/// Distance from the context to the key of a type, of an instance with so many slots and functions.
pub(crate) const fn offset_of_key(slots: usize, funcs: usize, type_index: usize) -> usize {
    offset_of_record(slots, funcs) + type_index * size_of::<u64>()
}

const _: () =
    assert!(align_of::<FuncRecord>() <= 8 && size_of::<Ctx>().is_multiple_of(size_of::<u64>()));

impl Context {
    /// Globals are zero; records are for the caller to write.
    pub(crate) fn new(mut ctx: Ctx, slots: usize, funcs: usize, keys: &[u64]) -> Context {
        let size = offset_of_key(slots, funcs, keys.len());
        let layout = Layout::from_size_align(size, align_of::<Ctx>());
        let layout = layout.expect("the validator limits what a module has");
        // SAFETY: a context is not empty.
        let memory: *mut Ctx = unsafe { alloc_zeroed(layout) }.cast();
        let at = NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout));
        // SAFETY: the memory goes as far as that.
        unsafe {
            ctx.globals = at.byte_add(offset_of_global(0)).cast().as_ptr();
            ctx.funcs = at.byte_add(offset_of_record(slots, 0)).cast().as_ptr();
            at.write(ctx);
            let behind = at.byte_add(offset_of_key(slots, funcs, 0)).cast::<u64>();
            behind.copy_from_nonoverlapping(NonNull::from(keys).cast(), keys.len());
        }
        Context { at, layout }
    }

    /// Not through a reference, whose end would end the pointer, too: records and code keep it.
    pub(crate) fn as_ptr(&self) -> *mut Ctx {
        self.at.as_ptr()
    }
}

impl Deref for Context {
    type Target = Ctx;

    fn deref(&self) -> &Ctx {
        // SAFETY: it lives as long as this, and code that writes to it does not run meanwhile.
        unsafe { self.at.as_ref() }
    }
}

impl DerefMut for Context {
    fn deref_mut(&mut self) -> &mut Ctx {
        // SAFETY: as above.
        unsafe { self.at.as_mut() }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout; nothing in it owns anything.
        unsafe { dealloc(self.at.as_ptr().cast(), self.layout) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globals_and_records_lie_behind() {
        let machine = std::ptr::null_mut();
        let context = Context::new(
            super::super::instance::empty_ctx(machine, machine.cast()),
            3,
            2,
            &[5, 6],
        );
        let base = context.as_ptr() as usize;
        assert_eq!(context.globals as usize, base + offset_of_global(0));
        assert_eq!(context.funcs as usize, base + offset_of_global(3));
        // SAFETY: there are three slots and two records.
        unsafe {
            assert_eq!(*context.globals.add(2), 0);
            let last = context.funcs.add(1);
            assert_eq!(last as usize, base + offset_of_record(3, 1));
            assert!((*last).target.is_null());
            let key = context.as_ptr().byte_add(offset_of_key(3, 2, 1));
            assert_eq!(*key.cast::<u64>(), 6);
        }
    }
}
