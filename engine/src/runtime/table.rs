//! Tables.

use super::{AsContext, AsContextMut, Val};
use crate::error::Result;
use crate::types::TableType;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Table {
    pub(crate) store: u64,
    pub(crate) id: u32,
}
impl Table {
    pub fn new(store: &mut impl AsContextMut, ty: TableType, init: Val) -> Result<Table> {
        unimplemented!()
    }
    pub fn ty(&self, store: &impl AsContext) -> TableType {
        unimplemented!()
    }
    pub fn size(&self, store: &impl AsContext) -> u64 {
        unimplemented!()
    }
    pub fn get(&self, store: &impl AsContext, index: u64) -> Option<Val> {
        unimplemented!()
    }
    pub fn set(&self, store: &mut impl AsContextMut, index: u64, v: Val) -> Result<()> {
        unimplemented!()
    }
    pub fn grow(&self, store: &mut impl AsContextMut, delta: u64, init: Val) -> Result<u64> {
        unimplemented!()
    }
}
