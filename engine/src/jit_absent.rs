//! In the place of the compiler, on targets that have none: nothing is compiled there, so nothing
//! of this is ever called.

pub(crate) mod stubs {
    use std::ffi::c_void;

    use probity_interp::layout::{Ctx, NATIVES};

    use crate::tier::Activation;
    use crate::tier::frames::Saved;

    pub(crate) fn exits() -> [*const c_void; NATIVES] {
        [std::ptr::null(); NATIVES]
    }

    pub(crate) unsafe fn enter(
        _: *const c_void,
        _: *mut Ctx,
        _: *mut u64,
        _: *mut Activation,
        _: usize,
        _: usize,
    ) -> u64 {
        unreachable!("no compiler")
    }

    pub(crate) unsafe fn leave(_: *mut Activation, _: u64) -> ! {
        unreachable!("no compiler")
    }

    pub(crate) unsafe fn replace(_: usize, _: usize, _: &Saved) -> ! {
        unreachable!("no compiler")
    }

    pub(crate) fn entered() -> usize {
        0
    }

    pub(crate) fn returned() -> usize {
        0
    }

    pub(crate) fn arm(_: bool) -> bool {
        false
    }

    pub(crate) fn polling(address: usize) -> usize {
        address
    }

    pub(crate) fn lazy() -> *const c_void {
        std::ptr::null()
    }
}

pub(crate) mod disk {
    use std::path::Path;

    use crate::cache::CacheUsage;

    pub(crate) fn usage(_: &Path) -> Result<CacheUsage, String> {
        Ok(CacheUsage::default())
    }

    pub(crate) fn clear(_: &Path) -> Result<(), String> {
        Ok(())
    }
}

use std::sync::Arc;

use crate::module::Module;
use crate::tier::code::{NativeCode, Slot, Variant};

pub(crate) fn save(_: &Module) {}

pub(crate) fn slot(_: &Module, _: u32, _: &Variant) -> Arc<Slot> {
    Arc::default()
}

pub(crate) fn function(_: &Module, _: u32, _: bool) -> Option<Arc<NativeCode>> {
    None
}

pub(crate) fn make(_: &Module, _: u32, _: Variant, _: &Slot) -> Option<Arc<NativeCode>> {
    None
}

pub(crate) fn request(_: &Module, _: u32, _: Variant, _: Arc<Slot>) {}

pub(crate) fn thunk(_: &Module, _: u32) -> Option<Arc<NativeCode>> {
    None
}

pub(crate) fn explain(_: &Module, _: u32, _: crate::explain::Explain) -> Result<String, String> {
    Err("there is no compiler for this machine".to_owned())
}

pub(crate) fn live_locals(_: &Module, _: u32, _: u32, _: bool) -> Option<Vec<bool>> {
    None
}
