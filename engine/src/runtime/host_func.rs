//! Host functions: closures as the engine calls them, over raw slots, and how Rust closures
//! become such.

use std::sync::Arc;

use super::caller::Caller;
use super::typed::{SlotReader, SlotWriter, for_each_arity};
use super::value::{Val, read_vals, slots_of, write_vals};
use super::{Instance, StoreCore, WasmResults, WasmTy};
use crate::error::{Error, Result};
use crate::types::FuncType;

/// A host function as the engine calls it: with the calling instance, if Wasm code calls, and
/// the arguments in slots, which the results replace; there are slots for the longer list.
///
/// It may assume that the store is one of its `T`.
pub(crate) type RawHostFn =
    Arc<dyn Fn(&mut StoreCore, Option<Instance>, &mut [u64]) -> Result<()> + Send + Sync>;

/// A host function that belongs to no store yet. Cannot be named outside the crate, so that
/// [`IntoFunc`] cannot be implemented there.
#[derive(Clone)]
pub struct HostFunc {
    pub(crate) ty: FuncType,
    pub(crate) raw: RawHostFn,
}

impl HostFunc {
    /// A dynamically typed one.
    pub(super) fn dynamic<T: 'static>(
        ty: FuncType,
        f: impl Fn(&mut Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> HostFunc {
        let signature = ty.clone();
        let raw = move |core: &mut StoreCore, instance: Option<Instance>, slots: &mut [u64]| {
            let (params, results) = (signature.params(), signature.results());
            debug_assert!(slots.len() >= slots_of(params).max(slots_of(results)));
            let mut vals = vec![Val::I32(0); params.len()];
            read_vals(core, params, slots, &mut vals);
            vals.extend(results.iter().map(|&ty| Val::default_for(ty)));
            let (arguments, result_vals) = vals.split_at_mut(params.len());
            // SAFETY: a `RawHostFn` made for `T` is only called in stores of `T`.
            let mut caller = unsafe { Caller::<T>::new(core, instance) };
            f(&mut caller, arguments, result_vals)?;
            write_vals(core, results, result_vals, slots, "result of host function")
        };
        let raw = Arc::new(raw);
        HostFunc { ty, raw }
    }

    /// One that only raises an error.
    pub(super) fn failing(
        ty: FuncType,
        error: impl Fn() -> Error + Send + Sync + 'static,
    ) -> HostFunc {
        let raw =
            Arc::new(move |_: &mut StoreCore, _: Option<Instance>, _: &mut [u64]| Err(error()));
        HostFunc { ty, raw }
    }
}

/// What a closure may return to be a host function: [`WasmResults`], or a `Result` of them
/// with [`Error`], which ends the guest.
pub trait WasmRet {
    #[doc(hidden)]
    type Results: WasmResults;
    #[doc(hidden)]
    fn into_results(self) -> Result<Self::Results>;
}

impl<R: WasmResults> WasmRet for R {
    type Results = R;
    fn into_results(self) -> Result<R> {
        Ok(self)
    }
}

impl<R: WasmResults> WasmRet for Result<R, Error> {
    type Results = R;
    fn into_results(self) -> Result<R> {
        self
    }
}

/// Closures that can be host functions of stores with data `T`.
///
/// These are `Fn(Caller<'_, T>, A1, ..., An) -> R` and `Fn(A1, ..., An) -> R` with up to 16
/// parameters of [`WasmTy`] and `R` one of `()`, a [`WasmTy`], a tuple of up to 8, or a
/// `Result` of these with [`Error`]. `P` and `R` are inferred.
pub trait IntoFunc<T, P, R>: Send + Sync + 'static {
    #[doc(hidden)]
    fn into_host_func(self) -> HostFunc;
}

macro_rules! into_func {
    ($($t:ident)*) => {
        #[allow(non_snake_case, unused_variables, unused_mut)]
        impl<T, F, R, $($t: WasmTy,)*> IntoFunc<T, (Caller<'static, T>, $($t,)*), R> for F
        where
            T: 'static,
            F: Fn(Caller<'_, T>, $($t),*) -> R + Send + Sync + 'static,
            R: WasmRet,
        {
            fn into_host_func(self) -> HostFunc {
                let ty = FuncType::new([$($t::TYPE),*], R::Results::types());
                let raw = move |core: &mut StoreCore, instance: Option<Instance>, slots: &mut [u64]| {
                    let mut from = SlotReader::new(core, slots);
                    $(let $t = $t::read(&mut from);)*
                    // SAFETY: a `RawHostFn` made for `T` is only called in stores of `T`.
                    let caller = unsafe { Caller::<T>::new(core, instance) };
                    let results = self(caller, $($t),*).into_results()?;
                    results.write(&mut SlotWriter::new(core, slots))
                };
                let raw = Arc::new(raw);
                HostFunc { ty, raw }
            }
        }

        #[allow(non_snake_case, unused_variables, unused_mut)]
        impl<T, F, R, $($t: WasmTy,)*> IntoFunc<T, ($($t,)*), R> for F
        where
            F: Fn($($t),*) -> R + Send + Sync + 'static,
            R: WasmRet,
        {
            fn into_host_func(self) -> HostFunc {
                let ty = FuncType::new([$($t::TYPE),*], R::Results::types());
                let raw = move |core: &mut StoreCore, _: Option<Instance>, slots: &mut [u64]| {
                    let mut from = SlotReader::new(core, slots);
                    $(let $t = $t::read(&mut from);)*
                    let results = self($($t),*).into_results()?;
                    results.write(&mut SlotWriter::new(core, slots))
                };
                let raw = Arc::new(raw);
                HostFunc { ty, raw }
            }
        }
    };
}

for_each_arity!(16, into_func);
