//! Memory that grows in place: address space is reserved once and made usable
//! as far as needed, so that nothing that points into it moves unless its owner
//! asks for it.

use std::ptr::NonNull;
use std::sync::Arc;

use super::image::Image;

/// A reserved range of addresses whose beginning can be used. Fresh memory is zero.
pub(crate) struct Region {
    base: NonNull<u8>,
    reserved: usize,
    usable: usize,
    contents: Contents,
}

/// What lies in a region below what was written to it.
enum Contents {
    Zeros,
    /// It was reset to this.
    Image(Arc<Image>),
    /// It was moved from where an image lay, which may or may not lie here now.
    Unknown,
}

// SAFETY: a region owns its memory; references to it follow the owner's rules.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

/// Granularity of [`Region::grow`] in bytes; a multiple of every page size in use.
pub(super) const STEP: usize = 64 << 10;

/// What a region wears when it is reset.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Worn {
    Nothing,
    Same,
    /// Another image, which may be longer, or who knows what.
    Other,
}

impl Region {
    /// Reserves `reserve` bytes, of which none is usable yet. `None` if the
    /// system refuses.
    pub(crate) fn reserve(reserve: usize) -> Option<Region> {
        let reserved = reserve.checked_next_multiple_of(STEP)?.max(STEP);
        let base = imp::reserve(reserved)?;
        Some(Region {
            base,
            reserved,
            usable: 0,
            contents: Contents::Zeros,
        })
    }

    /// Makes at least the first `bytes` bytes usable; false if the reservation
    /// or the system's memory does not suffice.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        if bytes <= self.usable {
            return true;
        }
        let Some(bytes) = bytes.checked_next_multiple_of(STEP) else {
            return false;
        };
        if bytes > self.reserved || !imp::commit(self.base, self.usable, bytes) {
            return false;
        }
        self.usable = bytes;
        true
    }

    /// Moves to a larger reservation; false if the system refuses, and nothing has changed then.
    pub(crate) fn relocate(&mut self, reserve: usize) -> bool {
        let Some(mut to) = Region::reserve(reserve) else {
            return false;
        };
        if to.reserved < self.usable || !imp::relocate(self.base, to.base, self.usable) {
            return false;
        }
        to.usable = self.usable;
        if !self.is_fresh() {
            to.contents = Contents::Unknown;
        }
        // Dropped, the old region releases its own mapping.
        *self = to;
        true
    }

    /// Makes exactly the image's bytes usable and equal to it; false if the reservation or the system does not allow it,
    /// and what is in the region is then unknown. Takes time by what was written since the last reset to the same image.
    pub(crate) fn reset(&mut self, image: &Arc<Image>) -> bool {
        if !self.grow(image.len()) {
            return false;
        }
        let worn = match std::mem::replace(&mut self.contents, Contents::Unknown) {
            Contents::Zeros => Worn::Nothing,
            Contents::Image(known) if Arc::ptr_eq(&known, image) => Worn::Same,
            Contents::Image(_) | Contents::Unknown => Worn::Other,
        };
        if !imp::reset(self.base, self.usable, image, worn) {
            return false;
        }
        self.usable = image.len();
        self.contents = Contents::Image(image.clone());
        true
    }

    /// Whether no image lies in it: what was never touched is zero.
    pub(crate) fn is_fresh(&self) -> bool {
        matches!(self.contents, Contents::Zeros)
    }

    pub(crate) fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    pub(crate) fn reserved(&self) -> usize {
        self.reserved
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        imp::release(self.base, self.reserved);
    }
}

#[cfg(all(unix, not(miri)))]
mod imp {
    use std::ffi::c_void;
    use std::ptr::{NonNull, null_mut};

    use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

    use super::{Image, Worn};

    pub(super) fn reserve(bytes: usize) -> Option<NonNull<u8>> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a fresh anonymous mapping touches nothing that exists.
        let base = unsafe { mmap_anonymous(null_mut(), bytes, ProtFlags::empty(), flags) }.ok()?;
        NonNull::new(base.cast())
    }

    pub(super) fn commit(base: NonNull<u8>, from: usize, to: usize) -> bool {
        let flags = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: the range lies in the region's own mapping.
        unsafe { mprotect(base.as_ptr().add(from).cast::<c_void>(), to - from, flags) }.is_ok()
    }

    /// Moves the usable bytes of one mapping to the beginning of another, which has none. The
    /// first stays mapped.
    pub(super) fn relocate(from: NonNull<u8>, to: NonNull<u8>, usable: usize) -> bool {
        if usable == 0 {
            return true;
        }
        #[cfg(target_os = "linux")]
        {
            use rustix::mm::{MremapFlags, mremap_fixed};
            let (old, new) = (from.as_ptr().cast::<c_void>(), to.as_ptr().cast::<c_void>());
            let flags = MremapFlags::MAYMOVE | MremapFlags::DONTUNMAP;
            // SAFETY: both ranges lie in mappings that only their regions use.
            if unsafe { mremap_fixed(old, usable, usable, flags, new) }.is_ok() {
                return true;
            }
        }
        if !commit(to, 0, usable) {
            return false;
        }
        // SAFETY: both ranges are usable, and of different mappings.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to.as_ptr(), usable) };
        true
    }

    /// Resets the first `usable` bytes; those behind the image are unusable from then on, and zero if they are made usable
    /// again.
    pub(super) fn reset(base: NonNull<u8>, usable: usize, image: &Image, worn: Worn) -> bool {
        // SAFETY: the image ends within the usable bytes.
        let behind = unsafe { base.add(image.len()) };
        // SAFETY: the ranges lie in the region's own mapping, and only the owner of the region refers to it.
        unsafe { zero_unusable(behind, usable - image.len(), worn) && wear(base, image, worn) }
    }

    /// # Safety
    /// The bytes lie in the caller's own mapping, and nothing refers to them.
    unsafe fn zero_unusable(at: NonNull<u8>, len: usize, worn: Worn) -> bool {
        let address = at.as_ptr().cast::<c_void>();
        if len == 0 {
            return true;
        }
        #[cfg(target_os = "linux")]
        if worn != Worn::Other {
            use super::super::image::imp::drop_written;
            // SAFETY: by the contract. No image lies there.
            return unsafe {
                drop_written(at, len) && mprotect(address, len, MprotectFlags::empty()).is_ok()
            };
        }
        let _ = worn;
        let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
        // SAFETY: by the contract.
        unsafe { mmap_anonymous(address, len, ProtFlags::empty(), flags) }.is_ok()
    }

    /// # Safety
    /// As for `zero_unusable`.
    unsafe fn wear(base: NonNull<u8>, image: &Image, worn: Worn) -> bool {
        #[cfg(target_os = "linux")]
        if worn == Worn::Same {
            use super::super::image::imp::drop_written;
            // SAFETY: by the contract; what is dropped comes from the image again.
            return unsafe { drop_written(base, image.len()) };
        }
        let _ = worn;
        // SAFETY: by the contract.
        unsafe { image.bytes().wear(base, image.len()) }
    }

    pub(super) fn release(base: NonNull<u8>, bytes: usize) {
        // SAFETY: the region's own mapping, which nothing uses any more.
        let _ = unsafe { munmap(base.as_ptr().cast::<c_void>(), bytes) };
    }
}

/// Without virtual memory (other systems, Miri) the whole region is allocated at
/// once, so large reservations are refused.
#[cfg(not(all(unix, not(miri))))]
mod imp {
    use std::alloc::{Layout, alloc_zeroed, dealloc};
    use std::ptr::NonNull;

    use super::{Image, Worn};

    const LARGEST: usize = 64 << 20;

    fn layout(bytes: usize) -> Option<Layout> {
        Layout::from_size_align(bytes, super::STEP).ok()
    }

    pub(super) fn reserve(bytes: usize) -> Option<NonNull<u8>> {
        if bytes > LARGEST {
            return None;
        }
        // SAFETY: the size is not zero.
        NonNull::new(unsafe { alloc_zeroed(layout(bytes)?) })
    }

    pub(super) fn commit(_: NonNull<u8>, _: usize, _: usize) -> bool {
        true
    }

    pub(super) fn relocate(from: NonNull<u8>, to: NonNull<u8>, usable: usize) -> bool {
        // SAFETY: both are allocations of at least that size, and different ones.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to.as_ptr(), usable) };
        true
    }

    pub(super) fn reset(base: NonNull<u8>, usable: usize, image: &Image, _: Worn) -> bool {
        let rest = usable - image.len();
        // SAFETY: all of it is allocated, and only the owner of the region refers to it.
        unsafe {
            base.as_ptr().add(image.len()).write_bytes(0, rest);
            image.bytes().wear(base, image.len())
        }
    }

    pub(super) fn release(base: NonNull<u8>, bytes: usize) {
        if let Some(layout) = layout(bytes) {
            // SAFETY: allocated with this layout.
            unsafe { dealloc(base.as_ptr(), layout) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_move_with_their_region() {
        let mut region = Region::reserve(2 * STEP).expect("address space");
        assert!(region.grow(STEP) && !region.grow(3 * STEP));
        // SAFETY: the first step is usable.
        unsafe {
            *region.base() = 1;
            *region.base().add(STEP - 1) = 2;
        }
        // In two steps, as a memory grows.
        assert!(region.grow(STEP + 1));
        assert!(region.relocate(8 * STEP) && region.reserved() == 8 * STEP);
        assert!(region.grow(7 * STEP));
        // SAFETY: seven steps are usable.
        unsafe {
            assert_eq!((*region.base(), *region.base().add(STEP - 1)), (1, 2));
            assert_eq!(*region.base().add(7 * STEP - 1), 0);
            *region.base().add(7 * STEP - 1) = 3;
        }
        assert!(!region.relocate(STEP), "too small for what is in it");
    }

    #[test]
    fn a_reset_region_is_its_image_again() {
        let image = Arc::new(Image::new(&[7; STEP + 1], false).expect("memory"));
        assert_eq!(image.len(), 2 * STEP);
        let other = Arc::new(Image::new(&[], false).expect("memory"));
        let mut region = Region::reserve(4 * STEP).expect("address space");
        let read = |region: &Region, at: usize| {
            // SAFETY: callers ask for usable bytes.
            unsafe { *region.base().add(at) }
        };
        for _ in 0..3 {
            assert!(region.grow(4 * STEP));
            // SAFETY: four steps are usable.
            unsafe { std::ptr::write_bytes(region.base(), 9, 4 * STEP) };
            assert!(region.reset(&image));
            assert_eq!((read(&region, 0), read(&region, STEP)), (7, 7));
            assert_eq!(
                (read(&region, STEP + 1), read(&region, 2 * STEP - 1)),
                (0, 0)
            );
            assert!(region.grow(3 * STEP));
            assert_eq!(
                (read(&region, 2 * STEP), read(&region, 3 * STEP - 1)),
                (0, 0)
            );
        }
        assert!(region.reset(&other) && region.grow(STEP));
        assert_eq!((read(&region, 0), read(&region, STEP - 1)), (0, 0));
        assert!(region.reset(&image), "it moves with its region, too");
        // SAFETY: the image is usable.
        unsafe { *region.base() = 1 };
        assert!(region.relocate(8 * STEP) && region.grow(8 * STEP));
        assert_eq!((read(&region, 0), read(&region, 1)), (1, 7));
        assert!(region.reset(&image));
        assert_eq!((read(&region, 0), read(&region, 1)), (7, 7));
        // Of a region of which little was touched.
        let mut large = Region::reserve(1024 * STEP).expect("address space");
        assert!(large.grow(1024 * STEP) && large.is_fresh());
        // SAFETY: it is usable.
        unsafe {
            *large.base().add(5) = 5;
            *large.base().add(700 * STEP) = 6;
        }
        // SAFETY: it is usable, and nothing writes to it while the slice is there.
        let bytes = unsafe { std::slice::from_raw_parts(large.base(), 1024 * STEP) };
        let little = Arc::new(Image::new(bytes, true).expect("memory"));
        assert!(large.reset(&little) && !large.is_fresh());
        assert_eq!((read(&large, 5), read(&large, 700 * STEP)), (5, 6));
        assert_eq!((read(&large, 4), read(&large, 700 * STEP + 1)), (0, 0));
        let mut small = Region::reserve(STEP).expect("address space");
        assert!(!small.reset(&image), "no room");
    }
}
