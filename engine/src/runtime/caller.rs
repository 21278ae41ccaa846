//! What a host function sees.

use super::{AsContext, AsContextMut, Extern, Memory, StoreCore};
use crate::hook;

/// What a host function sees of its caller.
pub struct Caller<'a, T> {
    data: &'a mut T,
}
impl<T> AsContext for Caller<'_, T> {
    fn core(&self) -> &StoreCore {
        unimplemented!()
    }
}
impl<T> AsContextMut for Caller<'_, T> {
    fn core_mut(&mut self) -> &mut StoreCore {
        unimplemented!()
    }
}
impl<'a, T> Caller<'a, T> {
    pub fn data(&self) -> &T {
        self.data
    }
    pub fn data_mut(&mut self) -> &mut T {
        self.data
    }
    /// export of the calling instance
    pub fn get_export(&self, name: &str) -> Option<Extern> {
        unimplemented!()
    }
    /// the bytes of a memory and the host data at once
    pub fn memory_and_data(&mut self, memory: Memory) -> (&mut [u8], &mut T) {
        unimplemented!()
    }
    pub fn probes(&mut self) -> hook::Probes<'_> {
        unimplemented!()
    }
    pub fn fuel_consumed(&self) -> u64 {
        unimplemented!()
    }
}
