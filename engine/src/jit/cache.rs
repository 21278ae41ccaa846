//! What has been compiled for a module.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::tier::code::NativeCode;

pub(crate) type Once = OnceLock<Option<Arc<NativeCode>>>;

/// Machine code of a module, each piece made when it is first asked for; `None` if it cannot be
/// made.
pub(crate) struct NativeCache {
    /// By number of the body.
    pub(crate) funcs: Box<[Once]>,
    /// By type index.
    pub(crate) thunks: Box<[Once]>,
    /// By type index.
    pub(crate) outs: Box<[Once]>,
    /// Code for loops, by function and pc of the `loop`.
    loops: Mutex<HashMap<(u32, u32), Arc<Once>>>,
}

impl NativeCache {
    pub(crate) fn new(bodies: usize, types: usize) -> NativeCache {
        let make = |n| (0..n).map(|_| OnceLock::new()).collect();
        NativeCache {
            funcs: make(bodies),
            thunks: make(types),
            outs: make(types),
            loops: Mutex::default(),
        }
    }

    /// Where code for a loop is kept.
    pub(crate) fn at_loop(&self, func: u32, pc: u32) -> Arc<Once> {
        let mut loops = self.loops.lock().unwrap_or_else(PoisonError::into_inner);
        loops.entry((func, pc)).or_default().clone()
    }
}
