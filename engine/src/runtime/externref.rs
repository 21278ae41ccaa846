//! References to values of the host.

use std::any::Any;

use super::{AsContext, AsContextMut};

/// A value of the host that Wasm code passes around without looking into it. The store keeps
/// it as long as it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExternRef(u32);

impl ExternRef {
    /// Gives a value to the store.
    pub fn new<V: Any + Send + Sync>(store: &mut impl AsContextMut, value: V) -> ExternRef {
        ExternRef(store.core_mut().add_extern_value(Box::new(value)))
    }

    /// The value.
    ///
    /// # Panics
    /// It belongs to another store, which has more values.
    pub fn data<'a>(&self, store: &'a impl AsContext) -> &'a (dyn Any + Send + Sync) {
        store.core().extern_value(self.0)
    }

    /// The word that stands for it in slots: 0 for null, else its index and 1.
    pub(crate) fn to_raw(this: Option<ExternRef>) -> u64 {
        this.map_or(0, |ExternRef(index)| u64::from(index) + 1)
    }

    pub(crate) fn from_raw(raw: u64) -> Option<ExternRef> {
        Some(ExternRef(raw.checked_sub(1)? as u32))
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
        assert_eq!(text.data(&store).downcast_ref(), Some(&"text"));
        assert_eq!(number.data(&store).downcast_ref(), Some(&7u8));
        for reference in [None, Some(text), Some(number)] {
            assert_eq!(ExternRef::from_raw(ExternRef::to_raw(reference)), reference);
        }
        assert_eq!(ExternRef::to_raw(None), 0);
    }
}
