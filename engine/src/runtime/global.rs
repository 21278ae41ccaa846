//! Globals.

use super::{AsContext, AsContextMut, StoreCore, Val};
use crate::error::{Error, Result};
use crate::types::GlobalType;

/// A global variable.
///
/// ```
/// use probity_engine::{Engine, Global, GlobalType, Store, Val, ValType};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let ty = GlobalType { content: ValType::I64, mutable: true };
/// let global = Global::new(&mut store, ty, Val::I64(1))?;
/// global.set(&mut store, Val::I64(2))?;
/// assert!(matches!(global.get(&store), Val::I64(2)));
/// assert!(global.set(&mut store, Val::I32(2)).is_err());
/// # Ok::<(), probity_engine::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Global {
    pub(crate) store: u64,
    pub(crate) id: u32,
}

/// Where a global's slots are: in the instance that defines it, or in a box of
/// the store's.
pub(crate) struct GlobalData {
    pub(crate) ty: GlobalType,
    pub(crate) addr: *mut u64,
}

impl Global {
    /// Creates a global.
    ///
    /// # Errors
    /// `v` is not of the type, or belongs to another store.
    pub fn new(store: &mut impl AsContextMut, ty: GlobalType, v: Val) -> Result<Global> {
        let core = store.core_mut();
        let raw = core.val_to_raw(ty.content, v)?;
        let id = core.add_global(ty, raw);
        Ok(Global {
            store: core.id(),
            id,
        })
    }

    /// Its type.
    pub fn ty(&self, store: &impl AsContext) -> GlobalType {
        self.of(store.core()).ty
    }

    /// Its value.
    pub fn get(&self, store: &impl AsContext) -> Val {
        let core = store.core();
        let global = self.of(core);
        // SAFETY: a global's slots live as long as the store; the guest is not running.
        let raw = unsafe {
            let high = if global.ty.content.slots() == 2 {
                *global.addr.add(1)
            } else {
                0
            };
            u128::from(*global.addr) | u128::from(high) << 64
        };
        core.raw_to_val(global.ty.content, raw)
    }

    /// Sets its value.
    ///
    /// # Errors
    /// The global is immutable, or `v` is not of its type.
    pub fn set(&self, store: &mut impl AsContextMut, v: Val) -> Result<()> {
        let core = store.core_mut();
        let ty = self.of(core).ty;
        if !ty.mutable {
            return Err(Error::usage("failed to set an immutable global"));
        }
        let raw = core.val_to_raw(ty.content, v)?;
        let addr = self.of(core).addr;
        // SAFETY: as for `get`.
        unsafe {
            *addr = raw as u64;
            if ty.content.slots() == 2 {
                *addr.add(1) = (raw >> 64) as u64;
            }
        }
        Ok(())
    }

    fn of<'a>(&self, core: &'a StoreCore) -> &'a GlobalData {
        core.check(self.store);
        &core.globals[self.id as usize]
    }
}
