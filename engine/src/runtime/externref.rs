//! References to values of the host.

use std::any::Any;

use super::core::StoreCore;
use super::root::Root;
use super::{AnyRef, AsContext, AsContextMut};
use crate::error::Result;
use crate::gc::access::host_value;
use crate::gc::layout::{object_to_raw, raw_to_object};

/// A value of the host that Wasm code passes around without looking into it. Keeps it alive.
/// Equal if it is the same reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternRef(Root);

impl ExternRef {
    /// Gives a value to the store, which drops it when neither a handle nor the guest refers to
    /// it any more.
    pub fn new<V: Any + Send + Sync>(store: &mut impl AsContextMut, value: V) -> ExternRef {
        let core = store.core_mut();
        let object = core.allocate_host(Box::new(value));
        ExternRef(core.root(object_to_raw(object)))
    }

    /// The value; `None` if it is not one of the host but of the guest (`extern.convert_any`), or
    /// belongs to another store.
    pub fn data<'a>(&self, store: &'a impl AsContext) -> Option<&'a (dyn Any + Send + Sync)> {
        let object = raw_to_object(self.0.raw(store.core()).ok()?)?;
        // SAFETY: the root keeps the object alive until a collection, which needs the store.
        unsafe { host_value(object) }
    }

    /// The same value as one of the guest's (`any.convert_extern`).
    pub fn to_any(&self) -> AnyRef {
        AnyRef::from_root(self.0.clone())
    }

    pub(super) fn from_root(root: Root) -> ExternRef {
        ExternRef(root)
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
