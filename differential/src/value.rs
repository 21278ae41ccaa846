//! Values and types that no engine owns, so that outcomes of different engines can be compared
//! and written down.

use std::fmt;
use std::str::FromStr;

use crate::rng::Rng;

/// Type of a parameter, result, global or table element, as far as making and comparing values
/// needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// binary32.
    F32,
    /// binary64.
    F64,
    /// Vector.
    V128,
    /// Reference.
    Ref {
        /// May it be null?
        nullable: bool,
        /// Which values a host can make for it.
        kind: RefKind,
    },
}

/// What a host can make for a reference type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefKind {
    /// A value of the host's own.
    Extern,
    /// A 31-bit integer (`any`, `eq` and `i31`).
    I31,
    /// Only null, without knowing the module.
    NullOnly,
}

/// A value as engines are compared by it.
///
/// Floats are their bits: all engines are told to make NaNs canonical.
/// References to functions are equal if both are not null, since engines have no common names for
/// them; objects are compared by what they hold, some levels deep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Value {
    /// 32-bit integer.
    I32(i32),
    /// 64-bit integer.
    I64(i64),
    /// Bits of a binary32.
    F32(u32),
    /// Bits of a binary64.
    F64(u64),
    /// Vector.
    V128(u128),
    /// Null of any type.
    Null,
    /// Some function.
    Func,
    /// Host value with this number.
    Extern(u32),
    /// 31-bit integer, sign-extended.
    I31(i32),
    /// A structure, by a hash of its fields ([`digest`]).
    Struct(u64),
    /// An array, by its length and a hash of its first elements.
    Array(u32, u64),
    /// An exception, by a hash of what it carries.
    Exn(u64),
    /// Something that the engine's API does not show.
    Opaque,
}

/// Integers at which operators change their behaviour.
const INTERESTING: [i64; 14] = [
    0,
    1,
    2,
    -1,
    31,
    64,
    0x7f,
    0xffff,
    0x1_0000,
    i32::MAX as i64,
    i32::MIN as i64,
    u32::MAX as i64,
    i64::MAX,
    i64::MIN,
];

/// Floats at which operators change their behaviour; NaNs with payload among them, since what
/// only moves a float keeps its bits.
const INTERESTING_F64: [u64; 12] = [
    0,
    0x8000_0000_0000_0000,
    0x3ff0_0000_0000_0000,
    0xbff0_0000_0000_0000,
    0x3fe0_0000_0000_0000,
    0x4330_0000_0000_0000,
    0x41e0_0000_0000_0000,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
    0xfff4_0000_0000_0001,
    0x0000_0000_0000_0001,
];

const INTERESTING_F32: [u32; 12] = [
    0,
    0x8000_0000,
    0x3f80_0000,
    0xbf80_0000,
    0x3f00_0000,
    0x4b00_0000,
    0x4f00_0000,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0000,
    0xffa0_0001,
    0x0000_0001,
];

impl Value {
    /// A value of a type; `None` if no host can make one without knowing the module.
    pub fn any_of(ty: Type, rng: &mut Rng) -> Option<Value> {
        let plain = rng.one_in(3);
        Some(match ty {
            Type::I32 | Type::I64 => {
                let n = match (plain, rng.below(2)) {
                    (true, _) => rng.word() as i64,
                    (false, 0) => rng.below(20) as i64,
                    (false, _) => *rng.pick(&INTERESTING),
                };
                match ty {
                    Type::I32 => Value::I32(n as i32),
                    _ => Value::I64(n),
                }
            }
            Type::F32 if plain => Value::F32((rng.below(2000) as f32 / 8.0 - 100.0).to_bits()),
            Type::F32 => Value::F32(*rng.pick(&INTERESTING_F32)),
            Type::F64 if plain => Value::F64((rng.below(2000) as f64 / 8.0 - 100.0).to_bits()),
            Type::F64 => Value::F64(*rng.pick(&INTERESTING_F64)),
            Type::V128 => {
                let half = |rng: &mut Rng| match rng.below(3) {
                    0 => rng.word(),
                    1 => *rng.pick(&INTERESTING_F64),
                    _ => *rng.pick(&INTERESTING) as u64,
                };
                Value::V128(u128::from(half(rng)) << 64 | u128::from(half(rng)))
            }
            Type::Ref { nullable: true, .. } if rng.one_in(2) => Value::Null,
            Type::Ref {
                kind: RefKind::Extern,
                ..
            } => Value::Extern(rng.below(100) as u32),
            Type::Ref {
                kind: RefKind::I31, ..
            } => Value::I31(sign_extend_31(rng.word() as i32)),
            Type::Ref { nullable: true, .. } => Value::Null,
            Type::Ref { .. } => return None,
        })
    }

    /// A word that differs for different values, for logs.
    pub fn word(self) -> u64 {
        match self {
            Value::I32(v) => v as u32 as u64,
            Value::I64(v) => v as u64,
            Value::F32(v) => v.into(),
            Value::F64(v) => v,
            Value::V128(v) => (v as u64) ^ ((v >> 64) as u64).rotate_left(17),
            Value::Null => 0x6e75,
            Value::Func => 0x6675,
            Value::Extern(v) => 0x6578 << 32 | u64::from(v),
            Value::I31(v) => 0x3331 << 32 | u64::from(v as u32),
            Value::Struct(hash) => hash ^ 0x7374,
            Value::Array(n, hash) => hash ^ (0x6172 << 32) ^ u64::from(n),
            Value::Exn(hash) => hash ^ 0x786e,
            Value::Opaque => 0x6f70,
        }
    }
}

/// Levels of references below a value that are looked at.
pub const LEVELS: u32 = 3;

/// Elements of an array that are looked at.
pub const ELEMENTS: u32 = 8;

/// A hash of the parts of an object.
pub fn digest(parts: impl IntoIterator<Item = Value>) -> u64 {
    let parts = parts.into_iter();
    parts.fold(1, |hash, value| crate::rng::mix(hash ^ value.word()))
}

/// The value of 31 bits, sign-extended.
pub fn sign_extend_31(v: i32) -> i32 {
    v << 1 >> 1
}

/// `i32:5`, `f32:0x3f800000`, `null`, `extern:7`: read back by [`FromStr`].
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::I32(v) => write!(f, "i32:{v}"),
            Value::I64(v) => write!(f, "i64:{v}"),
            Value::F32(v) => write!(f, "f32:{v:#x}"),
            Value::F64(v) => write!(f, "f64:{v:#x}"),
            Value::V128(v) => write!(f, "v128:{v:#x}"),
            Value::Null => f.write_str("null"),
            Value::Func => f.write_str("func"),
            Value::Extern(v) => write!(f, "extern:{v}"),
            Value::I31(v) => write!(f, "i31:{v}"),
            Value::Struct(hash) => write!(f, "struct:{hash:#x}"),
            Value::Array(n, hash) => write!(f, "array-{n}:{hash:#x}"),
            Value::Exn(hash) => write!(f, "exn:{hash:#x}"),
            Value::Opaque => f.write_str("opaque"),
        }
    }
}

impl FromStr for Value {
    type Err = String;

    fn from_str(text: &str) -> Result<Value, String> {
        let (name, number) = text.split_once(':').unwrap_or((text, ""));
        let wrong = || format!("`{text}` is no value");
        let signed = || number.parse::<i64>().map_err(|_| wrong());
        let hex = || {
            let digits = number.strip_prefix("0x").ok_or_else(wrong)?;
            u128::from_str_radix(digits, 16).map_err(|_| wrong())
        };
        fn narrow<A, B: TryFrom<A>>(n: A, wrong: impl Fn() -> String) -> Result<B, String> {
            B::try_from(n).map_err(|_| wrong())
        }
        Ok(match name {
            "i32" => Value::I32(narrow(signed()?, wrong)?),
            "i64" => Value::I64(signed()?),
            "f32" => Value::F32(narrow(hex()?, wrong)?),
            "f64" => Value::F64(narrow(hex()?, wrong)?),
            "v128" => Value::V128(hex()?),
            "null" => Value::Null,
            "func" => Value::Func,
            "extern" => Value::Extern(narrow(signed()?, wrong)?),
            "i31" => Value::I31(narrow(signed()?, wrong)?),
            "struct" => Value::Struct(narrow(hex()?, wrong)?),
            "exn" => Value::Exn(narrow(hex()?, wrong)?),
            "opaque" => Value::Opaque,
            name => {
                let len = name.strip_prefix("array-").and_then(|n| n.parse().ok());
                Value::Array(len.ok_or_else(wrong)?, narrow(hex()?, wrong)?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_back() {
        let values = [
            Value::I32(-5),
            Value::I64(i64::MIN),
            Value::F32(0xffa0_0001),
            Value::F64(0x7ff8_0000_0000_0000),
            Value::V128(u128::MAX),
            Value::Null,
            Value::Func,
            Value::Extern(7),
            Value::I31(-1),
            Value::Struct(5),
            Value::Array(3, u64::MAX),
            Value::Exn(0),
            Value::Opaque,
        ];
        for value in values {
            assert_eq!(value.to_string().parse(), Ok(value));
        }
        assert!("i32:4294967296".parse::<Value>().is_err());
        assert!("f32:12".parse::<Value>().is_err());
        assert!("nothing".parse::<Value>().is_err());
    }

    #[test]
    fn values_have_the_type_asked_for() {
        let mut rng = Rng::new(7);
        for _ in 0..100 {
            assert!(matches!(
                Value::any_of(Type::I32, &mut rng),
                Some(Value::I32(_))
            ));
            let i31 = Type::Ref {
                nullable: false,
                kind: RefKind::I31,
            };
            let Some(Value::I31(v)) = Value::any_of(i31, &mut rng) else {
                panic!("no i31");
            };
            assert_eq!(sign_extend_31(v), v);
        }
        let object = Type::Ref {
            nullable: false,
            kind: RefKind::NullOnly,
        };
        assert_eq!(Value::any_of(object, &mut rng), None);
    }
}
