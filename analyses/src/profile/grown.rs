//! Lists that grow while others read them, without a lock: probes that fire at every call share one.

use std::sync::OnceLock;

/// Length of the first piece; each further one is twice as long.
const FIRST: u64 = 64;
/// As many pieces as 32 bits of index need.
const PIECES: usize = 27;

/// A list of default values; what is asked for is there.
pub(super) struct Grown<T> {
    pieces: [OnceLock<Box<[T]>>; PIECES],
}

impl<T> Default for Grown<T> {
    fn default() -> Grown<T> {
        Grown {
            pieces: [const { OnceLock::new() }; PIECES],
        }
    }
}

impl<T: Default> Grown<T> {
    /// The item of an index.
    #[inline]
    pub fn at(&self, index: u32) -> &T {
        // 64 to 127 are in the first piece, 128 to 255 in the second, and so on.
        let shifted = u64::from(index) + FIRST;
        let piece = (shifted.ilog2() - FIRST.ilog2()) as usize;
        let len = FIRST << piece;
        let items = self.pieces[piece].get_or_init(|| (0..len).map(|_| T::default()).collect());
        &items[(shifted - len) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn every_index_has_an_item_of_its_own() {
        let list = Grown::<AtomicU32>::default();
        for i in 0..5000 {
            assert_eq!(list.at(i).swap(i + 1, Ordering::Relaxed), 0);
        }
        for i in 0..5000 {
            assert_eq!(list.at(i).load(Ordering::Relaxed), i + 1);
        }
        assert_eq!(list.pieces.iter().flat_map(OnceLock::get).count(), 7);
    }
}
