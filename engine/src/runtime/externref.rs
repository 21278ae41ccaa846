//! References to values of the host.

use std::any::Any;

use super::core::StoreCore;
use super::root::Root;
use super::{AsContext, AsContextMut};
use crate::error::Result;

/// A value of the host that Wasm code passes around without looking into it. Keeps it alive.
/// Equal if it is the same reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternRef(Root);

impl ExternRef {
    /// Gives a value to the store.
    pub fn new<V: Any + Send + Sync>(store: &mut impl AsContextMut, value: V) -> ExternRef {
        let core = store.core_mut();
        let raw = u64::from(core.add_extern_value(Box::new(value))) + 1;
        ExternRef(core.root(raw))
    }

    /// The value; `None` if it is not one of the host but of the guest (`extern.convert_any`), or
    /// belongs to another store.
    pub fn data<'a>(&self, store: &'a impl AsContext) -> Option<&'a (dyn Any + Send + Sync)> {
        let core = store.core();
        let raw = self.0.raw(core).ok()?;
        Some(core.extern_value((raw - 1) as u32))
    }

    /// The word that stands for it in slots; 0 for null.
    pub(crate) fn to_raw(this: Option<&ExternRef>, core: &StoreCore) -> Result<u64> {
        this.map_or(Ok(0), |value| value.0.raw(core))
    }

    pub(crate) fn from_raw(raw: u64, core: &StoreCore) -> Option<ExternRef> {
        (raw != 0).then(|| ExternRef(core.root(raw)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engine, Store};

    #[test]
    fn values_are_found_again() {
        let mut store = Store::new(&Engine::default(), ());
        let text = ExternRef::new(&mut store, "text");
        let number = ExternRef::new(&mut store, 7u8);
        let of = |value: &ExternRef| value.data(&store).expect("of the host");
        assert_eq!(of(&text).downcast_ref(), Some(&"text"));
        assert_eq!(of(&number).downcast_ref(), Some(&7u8));
        let core = store.core();
        for reference in [&text, &number] {
            let raw = ExternRef::to_raw(Some(reference), core).expect("of this store");
            let back = ExternRef::from_raw(raw, core).expect("not null");
            assert_eq!(back, *reference);
        }
        assert_ne!(text, number);
        assert!(ExternRef::from_raw(0, core).is_none());
        let other = Store::new(&Engine::default(), ());
        assert!(text.data(&other).is_none());
        assert!(ExternRef::to_raw(Some(&text), other.core()).is_err());
    }
}
