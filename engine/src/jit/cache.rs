//! What has been compiled for a module.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::tier::code::Slot;

/// Function, pc of the `loop` where the code is entered, and whether fuel is counted.
type Key = (u32, Option<u32>, bool);

/// Machine code of a module, each piece made when it is first asked for.
pub(crate) struct NativeCache {
    funcs: Mutex<HashMap<Key, Arc<Slot>>>,
    /// By type index.
    pub(crate) thunks: Box<[Slot]>,
    /// By type index.
    pub(crate) outs: Box<[Slot]>,
}

impl NativeCache {
    pub(crate) fn new(types: usize) -> NativeCache {
        let make = || (0..types).map(|_| Slot::default()).collect();
        NativeCache {
            funcs: Mutex::default(),
            thunks: make(),
            outs: make(),
        }
    }

    /// Where code of a function is kept that does not belong to one store.
    pub(crate) fn slot(&self, func: u32, osr: Option<u32>, counted: bool) -> Arc<Slot> {
        let mut funcs = self.funcs.lock().unwrap_or_else(PoisonError::into_inner);
        funcs.entry((func, osr, counted)).or_default().clone()
    }
}
