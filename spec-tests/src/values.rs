//! Arguments of calls, and the patterns that results are compared with.

use std::fmt;

use probity_engine::{AnyRef, AsContext, AsContextMut, ExternRef, Val};
use wast::WastRet;
use wast::core::{
    AbstractHeapType, HeapType as WastHeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore,
};
use wast::token::Index;

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
    /// `ref.null ht`, by the top of its hierarchy
    Null(Top),
    /// `ref.extern n`: a host object that is recognised by its number
    Extern(u32),
    /// `ref.host n`: the same as a value of the guest
    Host(u32),
    /// A kind that no file which runs needs.
    Unsupported(String),
}

/// The four hierarchies of reference types. A null reference belongs to one of
/// them, and to every type of it that allows null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Top {
    /// Values of the guest.
    Any,
    /// Functions.
    Func,
    /// Values of the host.
    Extern,
    /// Exceptions.
    Exn,
}

impl Top {
    /// `None` for types that the script names by index, and for shared types.
    fn of(heap: &WastHeapType<'_>) -> Option<Top> {
        use AbstractHeapType as A;
        let WastHeapType::Abstract { shared: false, ty } = heap else {
            return None;
        };
        Some(match ty {
            A::Any | A::Eq | A::I31 | A::Struct | A::Array | A::None => Top::Any,
            A::Func | A::NoFunc => Top::Func,
            A::Extern | A::NoExtern => Top::Extern,
            A::Exn | A::NoExn => Top::Exn,
            _ => return None,
        })
    }

    fn null(self) -> Val {
        match self {
            Top::Any => Val::AnyRef(None),
            Top::Func => Val::FuncRef(None),
            Top::Extern => Val::ExternRef(None),
            Top::Exn => Val::ExnRef(None),
        }
    }

    /// The hierarchy of a null reference; `None` for every other value.
    fn of_null(val: &Val) -> Option<Top> {
        match val {
            Val::AnyRef(None) => Some(Top::Any),
            Val::FuncRef(None) => Some(Top::Func),
            Val::ExternRef(None) => Some(Top::Extern),
            Val::ExnRef(None) => Some(Top::Exn),
            _ => None,
        }
    }
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
            WastArgCore::RefHost(n) => Arg::Host(n),
            WastArgCore::RefNull(heap) => match Top::of(&heap) {
                Some(top) => Arg::Null(top),
                None => Arg::Unsupported(format!("ref.null {heap:?}")),
            },
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
            Arg::Null(top) => top.null(),
            Arg::Extern(n) => Val::ExternRef(Some(ExternRef::new(store, n))),
            Arg::Host(n) => Val::AnyRef(Some(ExternRef::new(store, n).to_any())),
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
    /// A null reference, of this hierarchy if it is given.
    Null(Option<Top>),
    /// A function, with this index in its module if it is given.
    Func(Option<u32>),
    /// An external reference: a host object with this number if it is given,
    /// else anything.
    Extern(Option<u32>),
    /// A value of the guest, of this kind.
    Any(AnyKind),
    /// One of these.
    Either(Vec<Expected>),
    /// A kind that no file which runs needs.
    Unsupported(String),
}

/// What a reference of the `any` hierarchy may be expected to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnyKind {
    /// Not null.
    Any,
    /// `i31`, a structure or an array.
    Eq,
    /// A 31-bit integer.
    I31,
    /// A structure.
    Struct,
    /// An array.
    Array,
    /// The host object with this number.
    Host(u32),
}

impl AnyKind {
    fn matches(self, store: &impl AsContext, reference: &AnyRef) -> bool {
        let i31 = reference.as_i31().is_some();
        match self {
            AnyKind::Any => true,
            AnyKind::Eq => i31 || reference.is_struct(store) || reference.is_array(store),
            AnyKind::I31 => i31,
            AnyKind::Struct => reference.is_struct(store),
            AnyKind::Array => reference.is_array(store),
            AnyKind::Host(n) => number(store, &reference.to_extern(store)) == Some(n),
        }
    }
}

/// The number of a host object of the script.
fn number(store: &impl AsContext, reference: &ExternRef) -> Option<u32> {
    reference.data(store)?.downcast_ref().copied()
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
            WastRetCore::RefNull(Some(heap)) => match Top::of(&heap) {
                Some(top) => Expected::Null(Some(top)),
                None => Expected::Unsupported(format!("ref.null {heap:?}")),
            },
            WastRetCore::RefFunc(None) => Expected::Func(None),
            WastRetCore::RefFunc(Some(Index::Num(n, _))) => Expected::Func(Some(n)),
            WastRetCore::RefExtern(n) => Expected::Extern(n),
            WastRetCore::RefAny => Expected::Any(AnyKind::Any),
            WastRetCore::RefEq => Expected::Any(AnyKind::Eq),
            WastRetCore::RefI31 => Expected::Any(AnyKind::I31),
            WastRetCore::RefStruct => Expected::Any(AnyKind::Struct),
            WastRetCore::RefArray => Expected::Any(AnyKind::Array),
            WastRetCore::RefHost(n) => Expected::Any(AnyKind::Host(n)),
            WastRetCore::Either(cases) => {
                Expected::Either(cases.into_iter().map(Expected::from_core).collect())
            }
            other => Expected::Unsupported(format!("{other:?}")),
        }
    }

    /// Does the engine's value look like this?
    pub fn matches(&self, store: &impl AsContext, val: &Val) -> bool {
        match (self, val) {
            (Expected::I32(e), Val::I32(v)) => e == v,
            (Expected::I64(e), Val::I64(v)) => e == v,
            (Expected::F32(e), Val::F32(bits)) => e.matches(*bits),
            (Expected::F64(e), Val::F64(bits)) => e.matches(*bits),
            (Expected::V128(e), Val::V128(bits)) => e == bits,
            (Expected::F32x4(e), Val::V128(bits)) => {
                (0..4).all(|lane| e[lane].matches((bits >> (32 * lane)) as u32))
            }
            (Expected::F64x2(e), Val::V128(bits)) => {
                (0..2).all(|lane| e[lane].matches((bits >> (64 * lane)) as u64))
            }
            (Expected::Null(expected), val) => {
                Top::of_null(val).is_some_and(|found| expected.is_none_or(|top| top == found))
            }
            (Expected::Func(index), Val::FuncRef(Some(func))) => {
                let found = func.module(store).map(|(_, index)| index);
                index.is_none() || *index == found
            }
            (Expected::Extern(n), Val::ExternRef(Some(reference))) => {
                n.is_none() || *n == number(store, reference)
            }
            (Expected::Any(kind), Val::AnyRef(Some(reference))) => kind.matches(store, reference),
            (Expected::Either(cases), val) => cases.iter().any(|case| case.matches(store, val)),
            _ => false,
        }
    }
}

/// A value for a report: number and bits, or what a reference refers to.
pub struct Shown<'a>(pub &'a Val);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Val::I32(v) => write!(f, "i32 {v} ({v:#010x})"),
            Val::I64(v) => write!(f, "i64 {v} ({v:#018x})"),
            Val::F32(bits) => write!(f, "f32 {:?} ({bits:#010x})", f32::from_bits(*bits)),
            Val::F64(bits) => write!(f, "f64 {:?} ({bits:#018x})", f64::from_bits(*bits)),
            Val::V128(bits) => write!(f, "v128 {bits:#034x}"),
            Val::FuncRef(None) => f.write_str("ref.null func"),
            Val::FuncRef(Some(_)) => f.write_str("ref.func"),
            Val::ExternRef(None) => f.write_str("ref.null extern"),
            Val::ExternRef(Some(_)) => f.write_str("ref.extern"),
            Val::AnyRef(None) => f.write_str("ref.null any"),
            Val::AnyRef(Some(reference)) => match reference.as_i31() {
                Some(v) => write!(f, "ref.i31 {v}"),
                None => f.write_str("ref.any"),
            },
            Val::ExnRef(None) => f.write_str("ref.null exn"),
            Val::ExnRef(Some(_)) => f.write_str("ref.exn"),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expected::I32(v) => Shown(&Val::I32(*v)).fmt(f),
            Expected::I64(v) => Shown(&Val::I64(*v)).fmt(f),
            Expected::F32(Float::Bits(bits)) => Shown(&Val::F32(*bits)).fmt(f),
            Expected::F64(Float::Bits(bits)) => Shown(&Val::F64(*bits)).fmt(f),
            Expected::V128(bits) => Shown(&Val::V128(*bits)).fmt(f),
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
    fn null_belongs_to_its_whole_hierarchy() {
        let null = |name: &str| {
            let text = format!("(invoke \"f\" (ref.null {name}))");
            let steps = crate::script::parse(&text).unwrap();
            let crate::script::Action::Perform(crate::script::Execute::Invoke { args, .. }) =
                &steps[0].action
            else {
                panic!("not a call: {:?}", steps[0]);
            };
            match args[0] {
                Arg::Null(top) => top,
                ref other => panic!("not null: {other:?}"),
            }
        };
        for name in ["any", "eq", "i31", "struct", "array", "none"] {
            assert_eq!(null(name), Top::Any, "{name}");
        }
        assert_eq!([null("func"), null("nofunc")], [Top::Func; 2]);
        assert_eq!([null("extern"), null("noextern")], [Top::Extern; 2]);
        assert_eq!([null("exn"), null("noexn")], [Top::Exn; 2]);
        for top in [Top::Any, Top::Func, Top::Extern, Top::Exn] {
            assert_eq!(Top::of_null(&top.null()), Some(top));
        }
        assert_eq!(Top::of_null(&Val::AnyRef(Some(AnyRef::i31(0)))), None);
    }

    #[test]
    fn lanes_are_little_endian() {
        let value = lanes([1_i16, 2, 3, 4, 5, 6, 7, -1].map(i16::to_le_bytes));
        assert_eq!(value, 0xffff_0007_0006_0005_0004_0003_0002_0001);
    }
}
