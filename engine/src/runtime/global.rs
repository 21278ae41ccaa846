//! Global variables.

use super::{AsContext, AsContextMut, Val};
use crate::error::Result;
use crate::types::GlobalType;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Global {
    pub(crate) store: u64,
    pub(crate) id: u32,
}
impl Global {
    pub fn new(store: &mut impl AsContextMut, ty: GlobalType, v: Val) -> Result<Global> {
        unimplemented!()
    }
    pub fn ty(&self, store: &impl AsContext) -> GlobalType {
        unimplemented!()
    }
    pub fn get(&self, store: &impl AsContext) -> Val {
        unimplemented!()
    }
    pub fn set(&self, store: &mut impl AsContextMut, v: Val) -> Result<()> {
        unimplemented!()
    }
}
