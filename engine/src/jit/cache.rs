//! What has been compiled for a module.

use std::sync::{Arc, OnceLock};

use crate::tier::code::NativeCode;

type Once = OnceLock<Option<Arc<NativeCode>>>;

/// Machine code of a module, each piece made when it is first asked for; `None` if it cannot be
/// made.
pub(crate) struct NativeCache {
    /// By number of the body.
    pub(crate) funcs: Box<[Once]>,
    /// By type index.
    pub(crate) thunks: Box<[Once]>,
    /// By type index.
    pub(crate) outs: Box<[Once]>,
}

impl NativeCache {
    pub(crate) fn new(bodies: usize, types: usize) -> NativeCache {
        let make = |n| (0..n).map(|_| OnceLock::new()).collect();
        NativeCache {
            funcs: make(bodies),
            thunks: make(types),
            outs: make(types),
        }
    }
}
