//! Functions.

use super::{
    AsContext, AsContextMut, Caller, IntoFunc, Store, TypedFunc, Val, WasmParams, WasmResults,
};
use crate::error::Result;
use crate::module::Module;
use crate::types::FuncType;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Func {
    store: u64,
    id: u32,
}
impl Func {
    /// dynamically typed host function
    pub fn new<T: 'static>(
        store: &mut Store<T>,
        ty: FuncType,
        f: impl Fn(&mut Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Func {
        unimplemented!()
    }
    pub fn wrap<T: 'static, P, R>(store: &mut Store<T>, f: impl IntoFunc<T, P, R>) -> Func {
        unimplemented!()
    }
    pub fn ty(&self, store: &impl AsContext) -> FuncType {
        unimplemented!()
    }
    pub fn call(
        &self,
        store: &mut impl AsContextMut,
        args: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        unimplemented!()
    }
    pub fn typed<P: WasmParams, R: WasmResults>(
        &self,
        store: &impl AsContext,
    ) -> Result<TypedFunc<P, R>> {
        unimplemented!()
    }
    /// module and index there; None for host functions
    pub fn module<'a>(&self, store: &'a impl AsContext) -> Option<(&'a Module, u32)> {
        unimplemented!()
    }
    /// display name: the name section's, else "func[i]"; "module.name" for host functions defined through a linker
    pub fn name(&self, store: &impl AsContext) -> String {
        unimplemented!()
    }
}
