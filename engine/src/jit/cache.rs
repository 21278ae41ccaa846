//! What has been compiled for a module.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::compile::Refused;
use super::disk::{ModuleCache, PieceId};
use crate::module::Module;
use crate::tier::code::{NativeCode, Slot};

/// Function, pc of the `loop` where the code is entered, and whether fuel is counted.
type Key = (u32, Option<u32>, bool);

/// Machine code of a module, each piece made when it is first asked for, or taken from the cache on
/// disk. What has been made goes there at the latest when this is dropped.
pub(crate) struct NativeCache {
    funcs: Mutex<HashMap<Key, Arc<Slot>>>,
    /// By type index.
    thunks: Box<[Slot]>,
    /// By type index.
    outs: Box<[Slot]>,
    disk: Option<ModuleCache>,
}

impl NativeCache {
    pub(super) fn new(types: usize, disk: Option<ModuleCache>) -> NativeCache {
        let make = || (0..types).map(|_| Slot::default()).collect();
        NativeCache {
            funcs: Mutex::default(),
            thunks: make(),
            outs: make(),
            disk,
        }
    }

    /// Where code of a function is kept that does not belong to one store. It is there already if
    /// it is in the cache on disk.
    pub(super) fn slot(
        &self,
        module: &Module,
        func: u32,
        osr: Option<u32>,
        counted: bool,
    ) -> Arc<Slot> {
        let mut funcs = self.funcs.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = funcs.entry((func, osr, counted)).or_default().clone();
        drop(funcs);
        if slot.get().is_none()
            && let Some(disk) = &self.disk
            && let Some(code) = disk.load(PieceId::Func { func, osr, counted }, module)
        {
            slot.get_or_make(|| code);
        }
        slot
    }

    /// The result of `make`, which compiles a piece; the cache on disk will have it.
    pub(super) fn made(
        &self,
        id: PieceId,
        make: impl FnOnce() -> Result<Arc<NativeCode>, Refused>,
    ) -> Option<Arc<NativeCode>> {
        let made = make();
        if let Some(disk) = &self.disk {
            disk.compiled(id, &made);
        }
        made.ok()
    }

    /// Machine code of what lies between the tiers.
    pub(super) fn between(
        &self,
        id: PieceId,
        module: &Module,
        make: impl FnOnce() -> Result<Arc<NativeCode>, Refused>,
    ) -> Option<Arc<NativeCode>> {
        let slot = match id {
            PieceId::Thunk(ty) => &self.thunks[ty as usize],
            PieceId::Out(ty) => &self.outs[ty as usize],
            PieceId::Func { .. } => return None,
        };
        slot.get_or_make(|| {
            let stored = self.disk.as_ref().and_then(|disk| disk.load(id, module));
            stored.unwrap_or_else(|| self.made(id, make))
        })
    }

    /// Writes what has been compiled to the cache on disk, if there is one.
    pub(super) fn save(&self) {
        let Some(disk) = &self.disk else { return };
        let mut all = Vec::new();
        let funcs = self.funcs.lock().unwrap_or_else(PoisonError::into_inner);
        for (&(func, osr, counted), slot) in funcs.iter() {
            let id = PieceId::Func { func, osr, counted };
            all.extend(slot.ready().map(|code| (id, code)));
        }
        drop(funcs);
        let between = |slots: &[Slot], id: fn(u32) -> PieceId| -> Vec<_> {
            let slots = (0..).zip(slots);
            slots
                .filter_map(|(ty, slot)| Some((id(ty), slot.ready()?)))
                .collect()
        };
        all.extend(between(&self.thunks, PieceId::Thunk));
        all.extend(between(&self.outs, PieceId::Out));
        disk.save(&all);
    }
}

impl Drop for NativeCache {
    fn drop(&mut self) {
        self.save();
    }
}
