//! Functions whose type is known in Rust: arguments and results without [`Val`](super::Val).

#![forbid(unsafe_code)]

use std::fmt;
use std::marker::PhantomData;

use super::value::{funcref_to_raw, with_slots};
use super::{AnyRef, AsContextMut, ExnRef, ExternRef, Func, StoreCore};
use crate::error::{Error, Result};
use crate::types::ValType;

/// A [`Func`] whose type was checked once, by [`Func::typed`].
///
/// ```
/// use probity_engine::{Engine, Func, Store, TypedFunc};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let func = Func::wrap(&mut store, |a: i32, b: i32| (a / b, a % b));
/// let divide: TypedFunc<(i32, i32), (i32, i32)> = func.typed(&store)?;
/// assert_eq!(divide.call(&mut store, (17, 5))?, (3, 2));
///
/// let error = func.typed::<i64, ()>(&store).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "function has type [i32 i32] -> [i32 i32], not [i64] -> []"
/// );
/// # Ok::<(), probity_engine::Error>(())
/// ```
pub struct TypedFunc<P, R> {
    func: Func,
    ty: PhantomData<fn(P) -> R>,
}

impl<P, R> Clone for TypedFunc<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, R> Copy for TypedFunc<P, R> {}

impl<P, R> fmt::Debug for TypedFunc<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedFunc").field(&self.func).finish()
    }
}

impl<P: WasmParams, R: WasmResults> TypedFunc<P, R> {
    /// The function's type must have been found to be that of `P` and `R`.
    pub(super) fn new_checked(func: Func) -> TypedFunc<P, R> {
        TypedFunc {
            func,
            ty: PhantomData,
        }
    }

    /// The function, without its type.
    pub fn func(&self) -> Func {
        self.func
    }

    /// Calls the function.
    ///
    /// # Errors
    /// The guest's trap, a host function's error, or the function or an argument belongs to
    /// another store.
    pub fn call(&self, store: &mut impl AsContextMut, params: P) -> Result<R> {
        let core = store.core_mut();
        if !self.func.belongs_to(core) {
            return Err(Error::usage("function of another store"));
        }
        core.serve()?;
        with_slots(P::SLOTS.max(R::SLOTS), |slots| {
            params.write(&mut SlotWriter::new(core, slots))?;
            core.call_raw(self.func, slots)?;
            Ok(R::read(&mut SlotReader::new(core, slots)))
        })
    }
}

/// Takes values out of slots, one after the other.
pub struct SlotReader<'a> {
    core: &'a StoreCore,
    slots: std::slice::Iter<'a, u64>,
}

impl<'a> SlotReader<'a> {
    pub(super) fn new(core: &'a StoreCore, slots: &'a [u64]) -> SlotReader<'a> {
        SlotReader {
            core,
            slots: slots.iter(),
        }
    }

    fn next(&mut self) -> u64 {
        // Counted by `SLOTS` before.
        self.slots.next().copied().unwrap_or(0)
    }
}

/// Puts values into slots, one after the other.
pub struct SlotWriter<'a> {
    core: &'a StoreCore,
    slots: std::slice::IterMut<'a, u64>,
}

impl<'a> SlotWriter<'a> {
    pub(super) fn new(core: &'a StoreCore, slots: &'a mut [u64]) -> SlotWriter<'a> {
        SlotWriter {
            core,
            slots: slots.iter_mut(),
        }
    }

    fn put(&mut self, word: u64) {
        // Counted by `SLOTS` before.
        if let Some(slot) = self.slots.next() {
            *slot = word;
        }
    }
}

// The readers and writers cannot be named outside, which seals these traits: what is written
// into the slot of a reference must be a reference.

/// A Rust type that is a Wasm type: `i32` and `u32` (i32), `i64` and `u64` (i64), `f32`,
/// `f64`, `u128` (v128), `Option<Func>` (funcref), `Option<ExternRef>` (externref),
/// `Option<AnyRef>` (anyref), `Option<ExnRef>` (exnref).
pub trait WasmTy: Sized + 'static {
    #[doc(hidden)]
    const TYPE: ValType;
    #[doc(hidden)]
    fn write(self, to: &mut SlotWriter<'_>) -> Result<()>;
    #[doc(hidden)]
    fn read(from: &mut SlotReader<'_>) -> Self;
}

macro_rules! wasm_ty {
    ($($rust:ty => $ty:expr, $value:ident => $to_word:expr, $word:ident => $from_word:expr;)*) => { $(
        impl WasmTy for $rust {
            const TYPE: ValType = $ty;
            fn write(self, to: &mut SlotWriter<'_>) -> Result<()> {
                let $value = self;
                to.put($to_word);
                Ok(())
            }
            fn read(from: &mut SlotReader<'_>) -> Self {
                let $word = from.next();
                $from_word
            }
        }
    )* };
}

wasm_ty! {
    i32 => ValType::I32, v => (v as u32).into(), w => w as i32;
    u32 => ValType::I32, v => v.into(), w => w as u32;
    i64 => ValType::I64, v => v as u64, w => w as i64;
    u64 => ValType::I64, v => v, w => w;
    f32 => ValType::F32, v => v.to_bits().into(), w => f32::from_bits(w as u32);
    f64 => ValType::F64, v => v.to_bits(), w => f64::from_bits(w);
}

impl WasmTy for u128 {
    const TYPE: ValType = ValType::V128;
    fn write(self, to: &mut SlotWriter<'_>) -> Result<()> {
        to.put(self as u64);
        to.put((self >> 64) as u64);
        Ok(())
    }
    fn read(from: &mut SlotReader<'_>) -> u128 {
        let low = from.next();
        u128::from(from.next()) << 64 | u128::from(low)
    }
}

impl WasmTy for Option<Func> {
    const TYPE: ValType = ValType::FUNCREF;
    fn write(self, to: &mut SlotWriter<'_>) -> Result<()> {
        to.put(funcref_to_raw(to.core, self)?);
        Ok(())
    }
    fn read(from: &mut SlotReader<'_>) -> Option<Func> {
        let word = from.next();
        from.core.raw_to_funcref(word)
    }
}

macro_rules! wasm_ref {
    ($($name:ident = $ty:expr;)*) => { $(
        impl WasmTy for Option<$name> {
            const TYPE: ValType = $ty;
            fn write(self, to: &mut SlotWriter<'_>) -> Result<()> {
                to.put($name::to_raw(self.as_ref(), to.core)?);
                Ok(())
            }
            fn read(from: &mut SlotReader<'_>) -> Option<$name> {
                let word = from.next();
                $name::from_raw(word, from.core)
            }
        }
    )* };
}

wasm_ref! {
    ExternRef = ValType::EXTERNREF;
    AnyRef = ValType::ANYREF;
    ExnRef = ValType::EXNREF;
}

/// Parameters of a typed function: `()`, a [`WasmTy`], or a tuple of up to 16.
pub trait WasmParams: Sized + 'static {
    #[doc(hidden)]
    const SLOTS: usize;
    #[doc(hidden)]
    fn types() -> impl Iterator<Item = ValType>;
    #[doc(hidden)]
    fn write(self, to: &mut SlotWriter<'_>) -> Result<()>;
}

/// Results of a typed function: `()`, a [`WasmTy`], or a tuple of up to 8.
pub trait WasmResults: Sized + 'static {
    #[doc(hidden)]
    const SLOTS: usize;
    #[doc(hidden)]
    fn types() -> impl Iterator<Item = ValType>;
    #[doc(hidden)]
    fn write(self, to: &mut SlotWriter<'_>) -> Result<()>;
    #[doc(hidden)]
    fn read(from: &mut SlotReader<'_>) -> Self;
}

impl<A: WasmTy> WasmParams for A {
    const SLOTS: usize = A::TYPE.slots();
    fn types() -> impl Iterator<Item = ValType> {
        std::iter::once(A::TYPE)
    }
    fn write(self, to: &mut SlotWriter<'_>) -> Result<()> {
        self.write(to)
    }
}

impl<A: WasmTy> WasmResults for A {
    const SLOTS: usize = A::TYPE.slots();
    fn types() -> impl Iterator<Item = ValType> {
        std::iter::once(A::TYPE)
    }
    fn write(self, to: &mut SlotWriter<'_>) -> Result<()> {
        self.write(to)
    }
    fn read(from: &mut SlotReader<'_>) -> A {
        A::read(from)
    }
}

macro_rules! tuple_params {
    ($($t:ident)*) => {
        #[allow(non_snake_case, unused_variables)]
        impl<$($t: WasmTy),*> WasmParams for ($($t,)*) {
            const SLOTS: usize = 0 $(+ $t::TYPE.slots())*;
            fn types() -> impl Iterator<Item = ValType> {
                [$($t::TYPE),*].into_iter()
            }
            fn write(self, to: &mut SlotWriter<'_>) -> Result<()> {
                let ($($t,)*) = self;
                $(WasmTy::write($t, to)?;)*
                Ok(())
            }
        }
    };
}

macro_rules! tuple_results {
    ($($t:ident)*) => {
        #[allow(non_snake_case, unused_variables)]
        impl<$($t: WasmTy),*> WasmResults for ($($t,)*) {
            const SLOTS: usize = 0 $(+ $t::TYPE.slots())*;
            fn types() -> impl Iterator<Item = ValType> {
                [$($t::TYPE),*].into_iter()
            }
            fn write(self, to: &mut SlotWriter<'_>) -> Result<()> {
                let ($($t,)*) = self;
                $(WasmTy::write($t, to)?;)*
                Ok(())
            }
            #[allow(clippy::unused_unit)]
            fn read(from: &mut SlotReader<'_>) -> Self {
                ($($t::read(from),)*)
            }
        }
    };
}

/// Calls a macro with lists of 0 to 8, or 0 to 16, type names.
macro_rules! for_each_arity {
    (8, $m:ident) => {
        $m!();
        $m!(A1);
        $m!(A1 A2);
        $m!(A1 A2 A3);
        $m!(A1 A2 A3 A4);
        $m!(A1 A2 A3 A4 A5);
        $m!(A1 A2 A3 A4 A5 A6);
        $m!(A1 A2 A3 A4 A5 A6 A7);
        $m!(A1 A2 A3 A4 A5 A6 A7 A8);
    };
    (16, $m:ident) => {
        for_each_arity!(8, $m);
        $m!(A1 A2 A3 A4 A5 A6 A7 A8 A9);
        $m!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10);
        $m!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11);
        $m!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12);
        $m!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13);
        $m!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14);
        $m!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15);
        $m!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15 A16);
    };
}
pub(super) use for_each_arity;

for_each_arity!(16, tuple_params);
for_each_arity!(8, tuple_results);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engine, Store};

    #[test]
    fn every_type_goes_through_a_call() {
        let mut store = Store::new(&Engine::default(), ());
        macro_rules! round_trip {
            ($($ty:ty: $value:expr),*) => { $( {
                let func = Func::wrap(&mut store, |x: $ty| x);
                let typed = func.typed::<$ty, $ty>(&store).expect("right type");
                assert_eq!(typed.call(&mut store, $value).expect("no trap"), $value);
            } )* };
        }
        let func = Func::wrap(&mut store, || {});
        let value = ExternRef::new(&mut store, 3);
        round_trip!(
            i32: -1, u32: u32::MAX, i64: i64::MIN, u64: u64::MAX, f32: -1.5, f64: 1e300,
            u128: u128::MAX - 5, Option<Func>: Some(func), Option<Func>: None,
            Option<ExternRef>: Some(value.clone()), Option<ExternRef>: None,
            Option<AnyRef>: Some(AnyRef::i31(-3)), Option<AnyRef>: None, Option<ExnRef>: None
        );
    }

    #[test]
    fn arguments_and_results_keep_their_order() {
        let mut store = Store::new(&Engine::default(), ());
        let swap = Func::wrap(&mut store, |a: i32, b: u128, c: f64| (c, b, a));
        let swap = swap.typed::<(i32, u128, f64), (f64, u128, i32)>(&store);
        let swap = swap.expect("right type");
        let big = u128::MAX / 7;
        let results = swap.call(&mut store, (5, big, 2.5)).expect("no trap");
        assert_eq!(results, (2.5, big, 5));
        assert_eq!(<(i32, u128, f64) as WasmParams>::SLOTS, 4);
    }

    #[test]
    fn another_store_is_an_error() {
        let mut one = Store::new(&Engine::default(), ());
        let mut two = Store::new(&Engine::default(), ());
        let nop = Func::wrap(&mut one, || {});
        let typed = nop.typed::<(), ()>(&one).expect("right type");
        let error = typed.call(&mut two, ()).expect_err("another store");
        assert_eq!(error.to_string(), "function of another store");
        assert!(nop.typed::<(), ()>(&two).is_err());
        let id = Func::wrap(&mut two, |_: Option<Func>| {});
        let id = id.typed::<Option<Func>, ()>(&two).expect("right type");
        assert!(id.call(&mut two, Some(nop)).is_err());
    }
}
