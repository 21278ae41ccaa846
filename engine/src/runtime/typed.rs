//! Typed functions.

use super::AsContextMut;
use crate::error::Result;

pub struct TypedFunc<P, R>(std::marker::PhantomData<fn(P) -> R>);
impl<P: WasmParams, R: WasmResults> TypedFunc<P, R> {
    pub fn call(&self, store: &mut impl AsContextMut, params: P) -> Result<R> {
        unimplemented!()
    }
}
/// () , T, (T1, T2, ...) of i32 u32 i64 u64 f32 f64 u128 Option<Func> Option<ExternRef>
pub trait WasmParams {}
pub trait WasmResults {}
pub trait WasmTy {}
impl WasmTy for i32 {}
impl WasmTy for u32 {}
impl WasmTy for i64 {}
impl WasmTy for u64 {}
impl WasmTy for f32 {}
impl WasmTy for f64 {}
impl<A: WasmTy> WasmParams for A {}
impl<A: WasmTy> WasmResults for A {}
impl WasmParams for () {}
impl WasmResults for () {}
