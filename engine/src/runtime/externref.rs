//! References to values of the host.

use super::{AsContext, AsContextMut};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExternRef(u32);
impl ExternRef {
    pub fn new<V: std::any::Any + Send + Sync>(
        store: &mut impl AsContextMut,
        value: V,
    ) -> ExternRef {
        unimplemented!()
    }
    pub fn data<'a>(&self, store: &'a impl AsContext) -> &'a (dyn std::any::Any + Send + Sync) {
        unimplemented!()
    }
}
