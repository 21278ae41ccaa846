//! A hash of a module's bytes, by which the cache on disk finds its code. It takes as long as reading the bytes does, so
//! that of a large module is worked out while the module is parsed.

use std::sync::{Arc, OnceLock};

/// Below this a thread costs more than it gains.
const LARGE: usize = 1 << 20;

/// What nobody has asked for may still be in the making.
#[derive(Default)]
pub(crate) struct Digest(Arc<OnceLock<blake3::Hash>>);

impl Digest {
    /// Works it out on a thread of its own, if the bytes are many and the system gives one.
    pub(super) fn start(bytes: &Arc<Vec<u8>>) -> Digest {
        let digest = Digest::default();
        if bytes.len() >= LARGE {
            let (cell, bytes) = (digest.0.clone(), bytes.clone());
            let name = "probity-digest".to_owned();
            let thread = std::thread::Builder::new().name(name);
            // Whoever needs it works it out, if this fails.
            drop(thread.spawn(move || {
                cell.get_or_init(|| blake3::hash(&bytes));
            }));
        }
        digest
    }

    /// It, when it is there.
    pub(crate) fn get(&self, bytes: &[u8]) -> blake3::Hash {
        *self.0.get_or_init(|| blake3::hash(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_whoever_works_it_out() {
        for len in [0, LARGE - 1, LARGE, LARGE + 1] {
            let bytes = Arc::new(vec![7; len]);
            let known = blake3::hash(&bytes);
            assert_eq!(Digest::start(&bytes).get(&bytes), known);
            assert_eq!(Digest::default().get(&bytes), known);
        }
    }
}
