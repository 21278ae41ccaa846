//! Arguments of calls, and the patterns that results are compared with.

use std::fmt;

use probity_engine::{AsContext, AsContextMut, ExternRef, HeapType, Val};
use wast::WastRet;
use wast::core::{
    AbstractHeapType, HeapType as WastHeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore,
};

/// An argument in a script.
#[derive(Debug, Clone)]
pub enum Arg {
    /// `i32.const`
    I32(i32),
    /// `i64.const`
    I64(i64),
    /// `f32.const`, its bits
    F32(u32),
    /// `f64.const`, its bits
    F64(u64),
    /// `v128.const`, its bits
    V128(u128),
    /// `ref.null func`
    NullFunc,
    /// `ref.null extern`
    NullExtern,
    /// `ref.extern n`: a host object that is recognised by its number
    Extern(u32),
    /// A kind of a later version of Wasm than the engine knows.
    Unsupported(String),
}

impl Arg {
    /// From the script.
    pub fn from_wast(arg: WastArgCore<'_>) -> Arg {
        match arg {
            WastArgCore::I32(v) => Arg::I32(v),
            WastArgCore::I64(v) => Arg::I64(v),
            WastArgCore::F32(v) => Arg::F32(v.bits),
            WastArgCore::F64(v) => Arg::F64(v.bits),
            WastArgCore::V128(v) => Arg::V128(u128::from_le_bytes(v.to_le_bytes())),
            WastArgCore::RefExtern(n) => Arg::Extern(n),
            WastArgCore::RefNull(heap) => match heap_type(&heap) {
                Some(HeapType::Func) => Arg::NullFunc,
                Some(HeapType::Extern) => Arg::NullExtern,
                _ => Arg::Unsupported(format!("ref.null {heap:?}")),
            },
            other => Arg::Unsupported(format!("{other:?}")),
        }
    }

    /// As the engine's value.
    pub fn to_val(&self, store: &mut impl AsContextMut) -> Result<Val, String> {
        Ok(match *self {
            Arg::I32(v) => Val::I32(v),
            Arg::I64(v) => Val::I64(v),
            Arg::F32(bits) => Val::F32(bits),
            Arg::F64(bits) => Val::F64(bits),
            Arg::V128(bits) => Val::V128(bits),
            Arg::NullFunc => Val::FuncRef(None),
            Arg::NullExtern => Val::ExternRef(None),
            Arg::Extern(n) => Val::ExternRef(Some(ExternRef::new(store, n))),
            Arg::Unsupported(ref what) => return Err(format!("unsupported argument {what}")),
        })
    }
}

/// What a result must look like.
#[derive(Debug, Clone)]
pub enum Expected {
    /// This i32.
    I32(i32),
    /// This i64.
    I64(i64),
    /// This f32, or a NaN.
    F32(Float<u32>),
    /// This f64, or a NaN.
    F64(Float<u64>),
    /// These 128 bits.
    V128(u128),
    /// Four lanes of f32.
    F32x4([Float<u32>; 4]),
    /// Two lanes of f64.
    F64x2([Float<u64>; 2]),
    /// A null reference, of this type if it is given.
    Null(Option<HeapType>),
    /// A function, any.
    Func,
    /// A host object, with this number if it is given.
    Extern(Option<u32>),
    /// One of these.
    Either(Vec<Expected>),
    /// A kind of a later version of Wasm than the engine knows.
    Unsupported(String),
}

/// A float pattern over the float's bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Float<B> {
    /// Exactly these bits.
    Bits(B),
    /// The quiet NaN with no other payload bit, of either sign.
    Canonical,
    /// Any quiet NaN, of either sign.
    Arithmetic,
}

impl Float<u32> {
    fn matches(self, bits: u32) -> bool {
        match self {
            Float::Bits(expected) => expected == bits,
            Float::Canonical => bits & 0x7fff_ffff == 0x7fc0_0000,
            Float::Arithmetic => bits & 0x7fc0_0000 == 0x7fc0_0000,
        }
    }
}

impl Float<u64> {
    fn matches(self, bits: u64) -> bool {
        match self {
            Float::Bits(expected) => expected == bits,
            Float::Canonical => bits & 0x7fff_ffff_ffff_ffff == 0x7ff8_0000_0000_0000,
            Float::Arithmetic => bits & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
        }
    }
}

fn f32_pattern(pattern: NanPattern<wast::token::F32>) -> Float<u32> {
    match pattern {
        NanPattern::Value(v) => Float::Bits(v.bits),
        NanPattern::CanonicalNan => Float::Canonical,
        NanPattern::ArithmeticNan => Float::Arithmetic,
    }
}

fn f64_pattern(pattern: NanPattern<wast::token::F64>) -> Float<u64> {
    match pattern {
        NanPattern::Value(v) => Float::Bits(v.bits),
        NanPattern::CanonicalNan => Float::Canonical,
        NanPattern::ArithmeticNan => Float::Arithmetic,
    }
}

fn heap_type(heap: &WastHeapType<'_>) -> Option<HeapType> {
    match heap {
        WastHeapType::Abstract { shared: false, ty } => match ty {
            AbstractHeapType::Func => Some(HeapType::Func),
            AbstractHeapType::Extern => Some(HeapType::Extern),
            _ => None,
        },
        _ => None,
    }
}

/// Lanes of `N` bytes, the first at the least significant end.
fn lanes<const LANES: usize, const N: usize>(lanes: [[u8; N]; LANES]) -> u128 {
    let mut bytes = [0; 16];
    for (to, from) in bytes.chunks_exact_mut(N).zip(lanes) {
        to.copy_from_slice(&from);
    }
    u128::from_le_bytes(bytes)
}

impl Expected {
    /// From the script.
    pub fn from_wast(ret: WastRet<'_>) -> Expected {
        match ret {
            WastRet::Core(core) => Expected::from_core(core),
            _ => Expected::Unsupported("a value of the component model".to_owned()),
        }
    }

    fn from_core(ret: WastRetCore<'_>) -> Expected {
        match ret {
            WastRetCore::I32(v) => Expected::I32(v),
            WastRetCore::I64(v) => Expected::I64(v),
            WastRetCore::F32(p) => Expected::F32(f32_pattern(p)),
            WastRetCore::F64(p) => Expected::F64(f64_pattern(p)),
            WastRetCore::V128(V128Pattern::I8x16(v)) => {
                Expected::V128(lanes(v.map(i8::to_le_bytes)))
            }
            WastRetCore::V128(V128Pattern::I16x8(v)) => {
                Expected::V128(lanes(v.map(i16::to_le_bytes)))
            }
            WastRetCore::V128(V128Pattern::I32x4(v)) => {
                Expected::V128(lanes(v.map(i32::to_le_bytes)))
            }
            WastRetCore::V128(V128Pattern::I64x2(v)) => {
                Expected::V128(lanes(v.map(i64::to_le_bytes)))
            }
            WastRetCore::V128(V128Pattern::F32x4(v)) => Expected::F32x4(v.map(f32_pattern)),
            WastRetCore::V128(V128Pattern::F64x2(v)) => Expected::F64x2(v.map(f64_pattern)),
            WastRetCore::RefNull(None) => Expected::Null(None),
            WastRetCore::RefNull(Some(heap)) => match heap_type(&heap) {
                Some(ty) => Expected::Null(Some(ty)),
                None => Expected::Unsupported(format!("ref.null {heap:?}")),
            },
            WastRetCore::RefFunc(None) => Expected::Func,
            WastRetCore::RefExtern(n) => Expected::Extern(n),
            WastRetCore::Either(cases) => {
                Expected::Either(cases.into_iter().map(Expected::from_core).collect())
            }
            other => Expected::Unsupported(format!("{other:?}")),
        }
    }

    /// Does the engine's value look like this?
    pub fn matches(&self, store: &impl AsContext, val: Val) -> bool {
        match (self, val) {
            (Expected::I32(e), Val::I32(v)) => *e == v,
            (Expected::I64(e), Val::I64(v)) => *e == v,
            (Expected::F32(e), Val::F32(bits)) => e.matches(bits),
            (Expected::F64(e), Val::F64(bits)) => e.matches(bits),
            (Expected::V128(e), Val::V128(bits)) => *e == bits,
            (Expected::F32x4(e), Val::V128(bits)) => {
                (0..4).all(|lane| e[lane].matches((bits >> (32 * lane)) as u32))
            }
            (Expected::F64x2(e), Val::V128(bits)) => {
                (0..2).all(|lane| e[lane].matches((bits >> (64 * lane)) as u64))
            }
            (Expected::Null(ty), Val::FuncRef(None)) => ty.is_none_or(|ty| ty == HeapType::Func),
            (Expected::Null(ty), Val::ExternRef(None)) => {
                ty.is_none_or(|ty| ty == HeapType::Extern)
            }
            (Expected::Func, Val::FuncRef(Some(_))) => true,
            (Expected::Extern(n), Val::ExternRef(Some(reference))) => n.is_none_or(|n| {
                reference
                    .data(store)
                    .downcast_ref::<u32>()
                    .is_some_and(|v| *v == n)
            }),
            (Expected::Either(cases), val) => cases.iter().any(|case| case.matches(store, val)),
            _ => false,
        }
    }
}

/// A value for a report: number and bits.
pub struct Shown(pub Val);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Val::I32(v) => write!(f, "i32 {v} ({v:#010x})"),
            Val::I64(v) => write!(f, "i64 {v} ({v:#018x})"),
            Val::F32(bits) => write!(f, "f32 {:?} ({bits:#010x})", f32::from_bits(bits)),
            Val::F64(bits) => write!(f, "f64 {:?} ({bits:#018x})", f64::from_bits(bits)),
            Val::V128(bits) => write!(f, "v128 {bits:#034x}"),
            Val::FuncRef(None) => f.write_str("ref.null func"),
            Val::FuncRef(Some(_)) => f.write_str("ref.func"),
            Val::ExternRef(None) => f.write_str("ref.null extern"),
            Val::ExternRef(Some(_)) => f.write_str("ref.extern"),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expected::I32(v) => Shown(Val::I32(*v)).fmt(f),
            Expected::I64(v) => Shown(Val::I64(*v)).fmt(f),
            Expected::F32(Float::Bits(bits)) => Shown(Val::F32(*bits)).fmt(f),
            Expected::F64(Float::Bits(bits)) => Shown(Val::F64(*bits)).fmt(f),
            Expected::V128(bits) => Shown(Val::V128(*bits)).fmt(f),
            other => write!(f, "{other:x?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_patterns() {
        let canonical = 0x7fc0_0000;
        let payload = 0x7fc0_0001;
        let signalling = 0x7f80_0001;
        let negative = 0xffc0_0000;
        let check = |pattern: Float<u32>| {
            [canonical, payload, signalling, negative, 0x7f80_0000].map(|b| pattern.matches(b))
        };
        assert_eq!(check(Float::Canonical), [true, false, false, true, false]);
        assert_eq!(check(Float::Arithmetic), [true, true, false, true, false]);
        assert_eq!(
            check(Float::Bits(payload)),
            [false, true, false, false, false]
        );
        assert!(Float::<u64>::Canonical.matches(f64::NAN.to_bits() | 1 << 63));
        assert!(!Float::<u64>::Canonical.matches(f64::NAN.to_bits() | 1));
        assert!(Float::<u64>::Arithmetic.matches(f64::NAN.to_bits() | 1));
        assert!(!Float::<u64>::Arithmetic.matches(f64::INFINITY.to_bits() | 1));
    }

    #[test]
    fn lanes_are_little_endian() {
        let value = lanes([1_i16, 2, 3, 4, 5, 6, 7, -1].map(i16::to_le_bytes));
        assert_eq!(value, 0xffff_0007_0006_0005_0004_0003_0002_0001);
    }
}
