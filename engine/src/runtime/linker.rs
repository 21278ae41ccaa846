//! Linking by name.

use super::{Caller, Extern, Instance, IntoFunc, Store, Val};
use crate::engine::Engine;
use crate::error::{LinkError, Result};
use crate::module::Module;
use crate::types::FuncType;

pub struct Linker<T>(std::marker::PhantomData<fn(T)>);
impl<T: 'static> Linker<T> {
    pub fn new(engine: &Engine) -> Linker<T> {
        unimplemented!()
    }
    pub fn func_wrap<P, R>(
        &mut self,
        module: &str,
        name: &str,
        f: impl IntoFunc<T, P, R>,
    ) -> Result<&mut Linker<T>, LinkError> {
        unimplemented!()
    }
    pub fn func_new(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        f: impl Fn(&mut Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Linker<T>, LinkError> {
        unimplemented!()
    }
    pub fn define(
        &mut self,
        module: &str,
        name: &str,
        item: impl Into<Extern>,
    ) -> Result<&mut Linker<T>, LinkError> {
        unimplemented!()
    }
    /// define all exports of an instance under a module name
    pub fn instance(
        &mut self,
        store: &mut Store<T>,
        module: &str,
        instance: Instance,
    ) -> Result<&mut Linker<T>, LinkError> {
        unimplemented!()
    }
    /// later definitions replace earlier ones instead of being errors
    pub fn allow_shadowing(&mut self, on: bool) -> &mut Linker<T> {
        self
    }
    /// imports that nothing defines become functions that trap when called
    pub fn define_unknown_imports_as_traps(&mut self, module: &Module) -> Result<(), LinkError> {
        unimplemented!()
    }
    pub fn instantiate(&self, store: &mut Store<T>, module: &Module) -> Result<Instance> {
        unimplemented!()
    }
}
