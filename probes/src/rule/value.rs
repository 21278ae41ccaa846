//! Values of rules, and what operators do with them: written once, for
//! what is known at match time and for what is known when a site fires.
//!
//! Integers of every Wasm type fit an `i128`, so that signed and unsigned ones
//! can be compared and added without surprise; floats are binary64.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use probity_engine::Val;

/// A value of a rule. The order is that of reports.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// What a site does not have: `offset` at a `call`, `arg3` where there are two.
    Absent,
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i128),
    /// Bits of a binary64.
    Float(u64),
    /// A name or word.
    Text(Arc<str>),
    /// A 128-bit vector, lane 0 in the low bits.
    Vector(u128),
    /// A null reference.
    Null,
    /// A reference that is not null.
    Reference,
}

/// A number, as sums and extremes are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// An integer.
    Int(i128),
    /// A float.
    Float(f64),
}

impl Number {
    /// The nearest binary64.
    pub fn to_f64(self) -> f64 {
        match self {
            Number::Int(number) => number as f64,
            Number::Float(number) => number,
        }
    }

    /// `None` where a NaN is one of them.
    pub(super) fn compare(self, other: Number) -> Option<Ordering> {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => Some(a.cmp(&b)),
            (a, b) => a.to_f64().partial_cmp(&b.to_f64()),
        }
    }

    /// Integers stay integers, and saturate.
    pub(super) fn plus(self, other: Number) -> Number {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => Number::Int(a.saturating_add(b)),
            (a, b) => Number::Float(a.to_f64() + b.to_f64()),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Int(number) => write!(f, "{number}"),
            Number::Float(number) => write!(f, "{number:?}"),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Absent => f.write_str("-"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Float(bits) => write!(f, "{:?}", f64::from_bits(*bits)),
            Value::Text(text) => f.write_str(text),
            Value::Vector(value) => write!(f, "{value:#034x}"),
            Value::Null => f.write_str("null"),
            Value::Reference => f.write_str("ref"),
        }
    }
}

impl fmt::LowerHex for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Two's complement would need a width.
            Value::Int(value) if *value < 0 => write!(f, "-{:x}", value.unsigned_abs()),
            Value::Int(value) => write!(f, "{value:x}"),
            Value::Float(bits) => write!(f, "{bits:x}"),
            Value::Vector(value) => write!(f, "{value:x}"),
            other => write!(f, "{other}"),
        }
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value::Float(value.to_bits())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.into())
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Value {
        Value::Int(value.into())
    }
}

impl Value {
    /// A value of the program; integers as signed ones, or as unsigned ones.
    pub(super) fn of(value: &Val, unsigned: bool) -> Value {
        match *value {
            Val::I32(value) if unsigned => Value::Int((value as u32).into()),
            Val::I32(value) => Value::Int(value.into()),
            Val::I64(value) if unsigned => Value::Int((value as u64).into()),
            Val::I64(value) => Value::Int(value.into()),
            Val::F32(bits) => f64::from(f32::from_bits(bits)).into(),
            Val::F64(bits) => Value::Float(bits),
            Val::V128(value) => Value::Vector(value),
            Val::FuncRef(None) | Val::ExternRef(None) | Val::AnyRef(None) | Val::ExnRef(None) => {
                Value::Null
            }
            Val::FuncRef(_) | Val::ExternRef(_) | Val::AnyRef(_) | Val::ExnRef(_) => {
                Value::Reference
            }
        }
    }

    /// The number that it is; `None` if it is none, or NaN.
    pub(super) fn number(&self) -> Option<Number> {
        match *self {
            Value::Int(value) => Some(Number::Int(value)),
            Value::Float(bits) => {
                let value = f64::from_bits(bits);
                (!value.is_nan()).then_some(Number::Float(value))
            }
            _ => None,
        }
    }

    fn float(&self) -> Option<f64> {
        match *self {
            Value::Int(value) => Some(value as f64),
            Value::Float(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    pub(super) fn is_true(&self) -> bool {
        *self == Value::Bool(true)
    }
}

/// An operator between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    BitOr,
    BitXor,
    BitAnd,
    ShiftLeft,
    ShiftRight,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Binary {
    pub fn symbol(self) -> &'static str {
        let row = BINARIES.iter().find(|(_, op, _)| *op == self);
        row.map_or("", |(symbol, ..)| symbol)
    }

    /// The operator of a symbol, and how tightly it binds.
    pub fn of(symbol: &str) -> Option<(Binary, u8)> {
        let row = BINARIES.iter().find(|(known, ..)| *known == symbol);
        row.map(|&(_, op, binds)| (op, binds))
    }

    pub fn is_comparison(self) -> bool {
        use Binary::*;
        matches!(
            self,
            Equal | Unequal | Less | LessOrEqual | Greater | GreaterOrEqual
        )
    }

    /// What it makes of two values. A comparison with what is absent is false;
    /// an operator that does not fit its values (a shift of a float, a division of
    /// integers by zero) gives nothing.
    pub fn apply(self, a: &Value, b: &Value) -> Value {
        match self {
            Binary::And => Value::Bool(a.is_true() && b.is_true()),
            Binary::Or => Value::Bool(a.is_true() || b.is_true()),
            _ if self.is_comparison() => Value::Bool(self.compare(a, b)),
            _ => match (a, b) {
                (Value::Int(a), Value::Int(b)) => {
                    self.integers(*a, *b).map_or(Value::Absent, Value::Int)
                }
                (Value::Vector(a), Value::Vector(b)) => {
                    self.bits(*a, *b).map_or(Value::Absent, Value::Vector)
                }
                _ => match (a.float(), b.float()) {
                    (Some(a), Some(b)) => self.floats(a, b).map_or(Value::Absent, Value::from),
                    _ => Value::Absent,
                },
            },
        }
    }

    fn compare(self, a: &Value, b: &Value) -> bool {
        use Binary::*;
        let order = match (a, b) {
            (Value::Absent, _) | (_, Value::Absent) => return false,
            (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
            (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            // A vector is equal to the number that its bits are.
            (Value::Vector(a), Value::Vector(b)) => Some(a.cmp(b)),
            (Value::Vector(a), Value::Int(b)) => u128::try_from(*b).ok().map(|b| a.cmp(&b)),
            (Value::Int(a), Value::Vector(b)) => u128::try_from(*a).ok().map(|a| a.cmp(b)),
            (Value::Null, Value::Null) => Some(Ordering::Equal),
            _ => match (a.float(), b.float()) {
                (Some(a), Some(b)) => a.partial_cmp(&b),
                _ => None,
            },
        };
        match self {
            Unequal => order != Some(Ordering::Equal),
            Equal => order == Some(Ordering::Equal),
            Less => order == Some(Ordering::Less),
            LessOrEqual => order.is_some_and(Ordering::is_le),
            Greater => order == Some(Ordering::Greater),
            _ => order.is_some_and(Ordering::is_ge),
        }
    }

    /// Results saturate; the counts of shifts are at least 0.
    fn integers(self, a: i128, b: i128) -> Option<i128> {
        let shift = || u32::try_from(b).ok();
        Some(match self {
            Binary::BitOr => a | b,
            Binary::BitXor => a ^ b,
            Binary::BitAnd => a & b,
            Binary::ShiftLeft => a.checked_shl(shift()?).unwrap_or(0),
            Binary::ShiftRight => a >> shift()?.min(127),
            Binary::Add => a.saturating_add(b),
            Binary::Subtract => a.saturating_sub(b),
            Binary::Multiply => a.saturating_mul(b),
            Binary::Divide => a.checked_div(b)?,
            Binary::Remainder => a.checked_rem(b)?,
            _ => return None,
        })
    }

    fn bits(self, a: u128, b: u128) -> Option<u128> {
        Some(match self {
            Binary::BitOr => a | b,
            Binary::BitXor => a ^ b,
            Binary::BitAnd => a & b,
            _ => return None,
        })
    }

    fn floats(self, a: f64, b: f64) -> Option<f64> {
        Some(match self {
            Binary::Add => a + b,
            Binary::Subtract => a - b,
            Binary::Multiply => a * b,
            Binary::Divide => a / b,
            Binary::Remainder => a % b,
            _ => return None,
        })
    }
}

/// Symbol, operator, and how tightly it binds.
const BINARIES: [(&str, Binary, u8); 18] = [
    ("||", Binary::Or, 1),
    ("&&", Binary::And, 2),
    ("==", Binary::Equal, 3),
    ("!=", Binary::Unequal, 3),
    ("<", Binary::Less, 3),
    ("<=", Binary::LessOrEqual, 3),
    (">", Binary::Greater, 3),
    (">=", Binary::GreaterOrEqual, 3),
    ("|", Binary::BitOr, 4),
    ("^", Binary::BitXor, 5),
    ("&", Binary::BitAnd, 6),
    ("<<", Binary::ShiftLeft, 7),
    (">>", Binary::ShiftRight, 7),
    ("+", Binary::Add, 8),
    ("-", Binary::Subtract, 8),
    ("*", Binary::Multiply, 9),
    ("/", Binary::Divide, 9),
    ("%", Binary::Remainder, 9),
];

/// An operator on one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unary {
    Not,
    Negate,
    As(Cast),
}

/// A type that `as` casts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cast {
    Signed(u8),
    Unsigned(u8),
    F32,
    F64,
}

/// What can stand behind `as`.
pub(super) const CASTS: [(&str, Cast); 10] = [
    ("i8", Cast::Signed(8)),
    ("i16", Cast::Signed(16)),
    ("i32", Cast::Signed(32)),
    ("i64", Cast::Signed(64)),
    ("u8", Cast::Unsigned(8)),
    ("u16", Cast::Unsigned(16)),
    ("u32", Cast::Unsigned(32)),
    ("u64", Cast::Unsigned(64)),
    ("f32", Cast::F32),
    ("f64", Cast::F64),
];

impl Unary {
    pub fn apply(self, value: &Value) -> Value {
        match (self, value) {
            (Unary::Not, value) => Value::Bool(!value.is_true()),
            (Unary::Negate, Value::Int(value)) => Value::Int(value.saturating_neg()),
            (Unary::Negate, Value::Float(bits)) => (-f64::from_bits(*bits)).into(),
            (Unary::As(cast), value) => cast.apply(value),
            (Unary::Negate, _) => Value::Absent,
        }
    }
}

impl Cast {
    /// Integers wrap to the width; floats are cut towards zero and saturate.
    fn apply(self, value: &Value) -> Value {
        let bits = match (self, value) {
            (Cast::F64, value) => return value.float().map_or(Value::Absent, Value::from),
            (Cast::F32, value) => {
                let single = value.float().map(|value| f64::from(value as f32));
                return single.map_or(Value::Absent, Value::from);
            }
            (_, Value::Int(value)) => *value,
            (_, Value::Vector(value)) => *value as i128,
            (_, Value::Float(bits)) => {
                let value = f64::from_bits(*bits) as i128;
                let (low, high) = self.range();
                value.clamp(low, high)
            }
            _ => return Value::Absent,
        };
        Value::Int(match self {
            Cast::Signed(width) => bits << (128 - width) >> (128 - width),
            Cast::Unsigned(width) => bits & ((1 << width) - 1),
            Cast::F32 | Cast::F64 => bits,
        })
    }

    fn range(self) -> (i128, i128) {
        match self {
            Cast::Signed(width) => (-(1 << (width - 1)), (1 << (width - 1)) - 1),
            Cast::Unsigned(width) => (0, (1 << width) - 1),
            Cast::F32 | Cast::F64 => (i128::MIN, i128::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(value: i128) -> Value {
        Value::Int(value)
    }

    #[test]
    fn operators() {
        let float = Value::from;
        for (a, symbol, b, expected) in [
            (int(7), "/", int(2), int(3)),
            (int(-7), "%", int(2), int(-1)),
            (int(7), "/", int(0), Value::Absent),
            (int(7), "/", float(2.0), float(3.5)),
            (int(1), "<<", int(70), int(1 << 70)),
            (int(1), "<<", int(200), int(0)),
            (int(-8), ">>", int(200), int(-1)),
            (int(1), "<<", int(-1), Value::Absent),
            (int(i128::MAX), "+", int(1), int(i128::MAX)),
            (float(1.5), "&", int(1), Value::Absent),
            (Value::Vector(6), "&", Value::Vector(3), Value::Vector(2)),
            (Value::Null, "+", int(1), Value::Absent),
        ] {
            let (op, _) = Binary::of(symbol).expect(symbol);
            assert_eq!(op.apply(&a, &b), expected, "{a} {symbol} {b}");
            assert_eq!(op.symbol(), symbol);
        }
    }

    #[test]
    fn comparisons() {
        let (nan, half) = (Value::from(f64::NAN), Value::from(0.5));
        for (a, symbol, b, expected) in [
            (int(-1), "<", int(0), true),
            (half.clone(), "<", int(1), true),
            (int(1), "==", Value::from(1.0), true),
            (nan.clone(), "==", nan.clone(), false),
            (nan.clone(), "!=", nan.clone(), true),
            (nan.clone(), ">=", int(0), false),
            ("a".into(), "==", "a".into(), true),
            ("a".into(), "!=", "b".into(), true),
            (Value::Absent, "==", Value::Absent, false),
            (Value::Absent, "!=", int(1), false),
            (Value::Null, "==", Value::Null, true),
            (Value::Reference, "==", Value::Null, false),
            (Value::Reference, "!=", Value::Null, true),
            (Value::Vector(5), "==", int(5), true),
            (int(-1), "==", Value::Vector(u128::MAX), false),
        ] {
            let (op, _) = Binary::of(symbol).expect(symbol);
            let result = op.apply(&a, &b);
            assert_eq!(result, Value::Bool(expected), "{a} {symbol} {b}");
        }
    }

    #[test]
    fn casts() {
        for (value, name, expected) in [
            (int(-1), "u32", int(0xffff_ffff)),
            (int(-1), "u64", int(u64::MAX.into())),
            (int(0xffff_ffff), "i32", int(-1)),
            (int(0x1ff), "u8", int(0xff)),
            (int(0x80), "i8", int(-128)),
            (Value::from(-1.9), "i32", int(-1)),
            (Value::from(-1.9), "u32", int(0)),
            (Value::from(f64::NAN), "u8", int(0)),
            (Value::from(1e30), "i64", int(i64::MAX.into())),
            (int(3), "f64", Value::from(3.0)),
            (Value::from(0.1), "f32", Value::from(f64::from(0.1f32))),
            (Value::Vector(u128::MAX - 1), "u16", int(0xfffe)),
            (Value::Null, "i32", Value::Absent),
        ] {
            let (_, cast) = CASTS.iter().find(|(known, _)| *known == name).expect(name);
            let result = Unary::As(*cast).apply(&value);
            assert_eq!(result, expected, "{value} as {name}");
        }
    }

    #[test]
    fn values_of_the_program() {
        assert_eq!(Value::of(&Val::I32(-1), false), int(-1));
        assert_eq!(Value::of(&Val::I32(-1), true), int(0xffff_ffff));
        assert_eq!(Value::of(&Val::I64(-1), true), int(u64::MAX.into()));
        assert_eq!(Value::of(&Val::from(1.5f32), false), Value::from(1.5));
        assert_eq!(Value::of(&Val::FuncRef(None), false), Value::Null);
        assert_eq!(Value::from(f64::NAN).number(), None);
        assert_eq!(Value::from(2.0).number(), Some(Number::Float(2.0)));
    }
}
