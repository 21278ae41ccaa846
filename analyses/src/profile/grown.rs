//! Lists that grow while others read them, without a lock: probes that fire at every call share one.

use std::sync::OnceLock;

/// Length of the first piece, which is there from the beginning, and where most of what is asked for is. Each further one is
/// as long as all before it.
const FIRST: u64 = 4096;
/// As many further pieces as 32 bits of index need.
const PIECES: usize = 20;

/// A list of default values; what is asked for is there.
pub(super) struct Grown<T> {
    first: Box<[T]>,
    more: [OnceLock<Box<[T]>>; PIECES],
}

impl<T: Default> Default for Grown<T> {
    fn default() -> Grown<T> {
        Grown {
            first: piece(FIRST),
            more: [const { OnceLock::new() }; PIECES],
        }
    }
}

fn piece<T: Default>(len: u64) -> Box<[T]> {
    (0..len).map(|_| T::default()).collect()
}

impl<T: Default> Grown<T> {
    /// The item of an index.
    #[inline]
    pub fn at(&self, index: u32) -> &T {
        match self.first.get(index as usize) {
            Some(item) => item,
            None => self.at_more(u64::from(index)),
        }
    }

    fn at_more(&self, index: u64) -> &T {
        let len = 1 << index.ilog2();
        let at = (index.ilog2() - FIRST.ilog2()) as usize;
        let items = self.more[at].get_or_init(|| piece(len));
        &items[(index - len) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn every_index_has_an_item_of_its_own() {
        let list = Grown::<AtomicU32>::default();
        for i in 0..40_000 {
            assert_eq!(list.at(i).swap(i + 1, Ordering::Relaxed), 0);
        }
        for i in 0..40_000 {
            assert_eq!(list.at(i).load(Ordering::Relaxed), i + 1);
        }
        assert_eq!(list.more.iter().flat_map(OnceLock::get).count(), 4);
        assert_eq!(list.at(u32::MAX / 4000).load(Ordering::Relaxed), 0);
    }
}
