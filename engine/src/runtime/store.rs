//! Stores.

use crate::engine::Engine;
use crate::error::TrapCode;
use crate::hook;

pub struct Store<T> {
    data: T,
}
mod core_ {
    pub struct StoreCore;
}
#[doc(hidden)]
pub use core_::StoreCore;
/// Anything that leads to a store: `&Store<T>`, `&Caller<T>`, `&ProbeContext`.
pub trait AsContext {
    #[doc(hidden)]
    fn core(&self) -> &StoreCore;
}
pub trait AsContextMut: AsContext {
    #[doc(hidden)]
    fn core_mut(&mut self) -> &mut StoreCore;
}
impl<T> AsContext for Store<T> {
    fn core(&self) -> &StoreCore {
        unimplemented!()
    }
}
impl<T> AsContextMut for Store<T> {
    fn core_mut(&mut self) -> &mut StoreCore {
        unimplemented!()
    }
}
impl<T> Store<T> {
    pub fn new(engine: &Engine, data: T) -> Store<T> {
        unimplemented!()
    }
    pub fn engine(&self) -> &Engine {
        unimplemented!()
    }
    pub fn data(&self) -> &T {
        &self.data
    }
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.data
    }
    pub fn into_data(self) -> T {
        unimplemented!()
    }
    /// limit on fuel consumed from now on; None = no limit
    pub fn set_fuel_limit(&mut self, fuel: Option<u64>) {
        unimplemented!()
    }
    /// fuel (rule v1) consumed since the store was made; always counted
    pub fn fuel_consumed(&self) -> u64 {
        unimplemented!()
    }
    /// limits on what a guest can take
    pub fn set_limits(&mut self, limits: Limits) {
        unimplemented!()
    }
    /// Sync handle for other threads (timeouts, Ctrl-C)
    pub fn interrupt_handle(&self) -> InterruptHandle {
        unimplemented!()
    }
    pub fn probes(&mut self) -> hook::Probes<'_> {
        unimplemented!()
    }
}
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Limits {
    /// bytes, each memory
    pub memory_bytes_max: Option<u64>,
    pub table_elements_max: Option<u64>,
    /// a refused growth ends the run with TrapCode::MemoryLimit/TableLimit instead of giving -1 to the guest (R12)
    pub trap_on_refused_growth: bool,
}
#[derive(Clone)]
pub struct InterruptHandle(());
impl InterruptHandle {
    /// the running guest traps with `code` at its next poll (within about a millisecond)
    pub fn interrupt(&self, code: TrapCode) {
        unimplemented!()
    }
}
