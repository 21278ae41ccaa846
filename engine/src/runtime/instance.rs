//! Instances.

use super::{
    AsContext, AsContextMut, Extern, Func, Global, Memory, Table, TypedFunc, WasmParams,
    WasmResults,
};
use crate::error::Result;
use crate::module::Module;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Instance {
    pub(crate) store: u64,
    pub(crate) id: u32,
}
impl Instance {
    /// imports in the module's order; runs the start function
    pub fn new(
        store: &mut impl AsContextMut,
        module: &Module,
        imports: &[Extern],
    ) -> Result<Instance> {
        unimplemented!()
    }
    pub fn module<'a>(&self, store: &'a impl AsContext) -> &'a Module {
        unimplemented!()
    }
    pub fn get_export(&self, store: &impl AsContext, name: &str) -> Option<Extern> {
        unimplemented!()
    }
    pub fn get_func(&self, store: &impl AsContext, name: &str) -> Option<Func> {
        unimplemented!()
    }
    pub fn get_typed_func<P: WasmParams, R: WasmResults>(
        &self,
        store: &impl AsContext,
        name: &str,
    ) -> Result<TypedFunc<P, R>> {
        unimplemented!()
    }
    pub fn get_memory(&self, store: &impl AsContext, name: &str) -> Option<Memory> {
        unimplemented!()
    }
    pub fn get_global(&self, store: &impl AsContext, name: &str) -> Option<Global> {
        unimplemented!()
    }
    pub fn get_table(&self, store: &impl AsContext, name: &str) -> Option<Table> {
        unimplemented!()
    }
    /// any function of the instance by index, exported or not
    pub fn func(&self, store: &impl AsContext, index: u32) -> Option<Func> {
        unimplemented!()
    }
    pub fn memory(&self, store: &impl AsContext, index: u32) -> Option<Memory> {
        unimplemented!()
    }
    pub fn global(&self, store: &impl AsContext, index: u32) -> Option<Global> {
        unimplemented!()
    }
    pub fn table(&self, store: &impl AsContext, index: u32) -> Option<Table> {
        unimplemented!()
    }
}
