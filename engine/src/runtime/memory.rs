//! Linear memories.

use super::{AsContext, AsContextMut};
use crate::error::Result;
use crate::types::MemoryType;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Memory {
    pub(crate) store: u64,
    pub(crate) id: u32,
}
impl Memory {
    pub fn new(store: &mut impl AsContextMut, ty: MemoryType) -> Result<Memory> {
        unimplemented!()
    }
    pub fn ty(&self, store: &impl AsContext) -> MemoryType {
        unimplemented!()
    }
    pub fn data<'a>(&self, store: &'a impl AsContext) -> &'a [u8] {
        unimplemented!()
    }
    pub fn data_mut<'a>(&self, store: &'a mut impl AsContextMut) -> &'a mut [u8] {
        unimplemented!()
    }
    /// Err(TrapCode::MemoryOutOfBounds)
    pub fn read(&self, store: &impl AsContext, offset: u64, buf: &mut [u8]) -> Result<()> {
        unimplemented!()
    }
    pub fn write(&self, store: &mut impl AsContextMut, offset: u64, data: &[u8]) -> Result<()> {
        unimplemented!()
    }
    /// pages
    pub fn size(&self, store: &impl AsContext) -> u64 {
        unimplemented!()
    }
    pub fn grow(&self, store: &mut impl AsContextMut, pages: u64) -> Result<u64> {
        unimplemented!()
    }
}
