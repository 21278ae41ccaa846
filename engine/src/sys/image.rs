//! The frozen contents of a memory, which regions wear without copying them: what nobody writes to is shared, and taking the
//! image again drops what was written.

use super::region::STEP;

/// Frozen bytes, a whole number of [`STEP`]s.
pub(crate) struct Image {
    bytes: imp::Bytes,
    len: usize,
}

impl Image {
    /// Freezes these bytes, with zeros behind them up to the next step; `None` if the system refuses. `fresh`: they lie in a mapping
    /// of their own that was zero when it was made, so that what nobody has touched need not be looked at.
    pub(crate) fn new(bytes: &[u8], fresh: bool) -> Option<Image> {
        let len = bytes.len().checked_next_multiple_of(STEP)?;
        Some(Image {
            bytes: imp::Bytes::new(bytes, len, fresh)?,
            len,
        })
    }

    /// Bytes, those behind the frozen ones included.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> &imp::Bytes {
        &self.bytes
    }
}

#[cfg(all(target_os = "linux", not(miri)))]
pub(super) mod imp {
    use std::ffi::c_void;
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::FileExt as _;
    use std::ptr::NonNull;

    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use rustix::io::pwrite;
    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap};

    /// What is not worth a page of its own when it is all zero.
    const PAGE: usize = 4096;

    /// A file without a name, with holes where there are zeros.
    pub(in crate::sys) struct Bytes(OwnedFd);

    impl Bytes {
        pub(super) fn new(bytes: &[u8], len: usize, fresh: bool) -> Option<Bytes> {
            let touched = if fresh { Touched::of(bytes) } else { None };
            let is_touched = |index| touched.as_ref().is_none_or(|touched| touched.page(index));
            let file = memfd_create(c"probity-image", MemfdFlags::CLOEXEC).ok()?;
            ftruncate(&file, len as u64).ok()?;
            for (index, page) in bytes.chunks(PAGE).enumerate() {
                if !is_touched(index) || page.iter().all(|&byte| byte == 0) {
                    continue;
                }
                let (mut at, mut left) = ((index * PAGE) as u64, page);
                while !left.is_empty() {
                    let written = pwrite(&file, left, at).ok().filter(|&n| n > 0)?;
                    (at, left) = (at + written as u64, &left[written..]);
                }
            }
            Some(Bytes(file))
        }

        /// Puts the bytes at the beginning of a mapping, each page copied when it is first written.
        ///
        /// # Safety
        /// The first `len` bytes from `base` belong to the caller's own mapping, and nothing refers to them.
        pub(in crate::sys) unsafe fn wear(&self, base: NonNull<u8>, len: usize) -> bool {
            let protection = ProtFlags::READ | ProtFlags::WRITE;
            let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
            let at = base.as_ptr().cast::<c_void>();
            // SAFETY: the caller's own mapping, by the contract.
            len == 0 || unsafe { mmap(at, len, protection, flags, &self.0, 0) }.is_ok()
        }
    }

    /// Which pages of some bytes were ever touched. Looking at a page that was not makes one, which takes longer than all else where
    /// a program has reserved a large stack.
    struct Touched(Vec<u8>);

    impl Touched {
        /// `None` if the system does not tell.
        fn of(bytes: &[u8]) -> Option<Touched> {
            let first = bytes.as_ptr().addr() / PAGE;
            if rustix::param::page_size() != PAGE || !bytes.as_ptr().addr().is_multiple_of(PAGE) {
                return None;
            }
            let file = std::fs::File::open("/proc/self/pagemap").ok()?;
            let mut entries = vec![0; bytes.len().div_ceil(PAGE) * ENTRY];
            file.read_exact_at(&mut entries, (first * ENTRY) as u64)
                .ok()?;
            Some(Touched(entries))
        }

        fn page(&self, index: usize) -> bool {
            // Present, or swapped out: the uppermost bits of a little-endian word.
            let entry = self.0.get(index * ENTRY..(index + 1) * ENTRY);
            entry.is_none_or(|entry| entry[ENTRY - 1] & 0b1100_0000 != 0)
        }
    }

    /// Bytes of `pagemap` for each page (Linux: Documentation/admin-guide/mm/pagemap.rst).
    const ENTRY: usize = 8;

    /// Drops what was written: pages are again what their mapping has.
    ///
    /// # Safety
    /// As for [`Bytes::wear`].
    pub(in crate::sys) unsafe fn drop_written(base: NonNull<u8>, len: usize) -> bool {
        let at = base.as_ptr().cast::<c_void>();
        // SAFETY: the caller's own private mapping, by the contract.
        len == 0 || unsafe { madvise(at, len, Advice::LinuxDontNeed) }.is_ok()
    }
}

/// Elsewhere bytes are copied.
#[cfg(not(all(target_os = "linux", not(miri))))]
pub(super) mod imp {
    use std::ptr::NonNull;

    pub(in crate::sys) struct Bytes(Vec<u8>);

    impl Bytes {
        pub(super) fn new(bytes: &[u8], len: usize, _: bool) -> Option<Bytes> {
            let mut copy = Vec::new();
            copy.try_reserve_exact(len).ok()?;
            copy.extend_from_slice(bytes);
            copy.resize(len, 0);
            Some(Bytes(copy))
        }

        /// # Safety
        /// The first `len` bytes from `base` can be written, and nothing refers to them.
        pub(in crate::sys) unsafe fn wear(&self, base: NonNull<u8>, len: usize) -> bool {
            // SAFETY: by the contract; there are `len` bytes here.
            unsafe { std::ptr::copy_nonoverlapping(self.0.as_ptr(), base.as_ptr(), len) };
            true
        }
    }
}
