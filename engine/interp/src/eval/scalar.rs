//! Scalar operators: one table per class.
//!
//! Each table is a macro that hands its rows to a macro of the caller, so the
//! enum of operators, the types that implement them and the choice of handlers
//! all come from the same rows. An operator's name is wasmparser's.

/// A value of a Wasm number type, as it stands in a 64-bit slot or in one of
/// the three accumulators.
pub trait Val: Copy {
    /// Its type.
    const TYPE: Num;
    /// Reads it from the low bits of a slot.
    fn from_slot(slot: u64) -> Self;
    /// Its bits, zero-extended.
    fn to_slot(self) -> u64;
    /// The value of a 32-bit immediate (integers only: sign-extended).
    fn from_imm(imm: u32) -> Self;
    /// Reads it from its accumulator.
    fn from_acc(acc: u64, fd: f64, fs: f32) -> Self;
    /// Writes it to its accumulator.
    fn to_acc(self, acc: &mut u64, fd: &mut f64, fs: &mut f32);
}

/// Number types.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Num {
    /// `i32`
    I32,
    /// `i64`, and references
    I64,
    /// `f32`
    F32,
    /// `f64`
    F64,
}

macro_rules! int_val {
    ($t:ty, $unsigned:ty, $num:expr) => {
        impl Val for $t {
            const TYPE: Num = $num;
            #[inline(always)]
            fn from_slot(slot: u64) -> $t {
                slot as $t
            }
            #[inline(always)]
            fn to_slot(self) -> u64 {
                self as $unsigned as u64
            }
            #[inline(always)]
            fn from_imm(imm: u32) -> $t {
                imm as i32 as $t
            }
            #[inline(always)]
            fn from_acc(acc: u64, _: f64, _: f32) -> $t {
                acc as $t
            }
            #[inline(always)]
            fn to_acc(self, acc: &mut u64, _: &mut f64, _: &mut f32) {
                *acc = self as $unsigned as u64;
            }
        }
    };
}
int_val!(i32, u32, Num::I32);
int_val!(i64, u64, Num::I64);

macro_rules! float_val {
    ($t:ty, $bits:ty, $num:expr, $fd:ident, $fs:ident, $reg:ident) => {
        impl Val for $t {
            const TYPE: Num = $num;
            #[inline(always)]
            fn from_slot(slot: u64) -> $t {
                <$t>::from_bits(slot as $bits)
            }
            #[inline(always)]
            fn to_slot(self) -> u64 {
                self.to_bits() as u64
            }
            #[inline(always)]
            fn from_imm(imm: u32) -> $t {
                <$t>::from_bits(imm as $bits)
            }
            #[inline(always)]
            fn from_acc(_: u64, $fd: f64, $fs: f32) -> $t {
                $reg
            }
            #[inline(always)]
            fn to_acc(self, _: &mut u64, $fd: &mut f64, $fs: &mut f32) {
                *$reg = self;
            }
        }
    };
}
float_val!(f64, u64, Num::F64, fd, _fs, fd);
float_val!(f32, u32, Num::F32, _fd, fs, fs);

/// Why an operator traps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Division or remainder by zero.
    DivideByZero,
    /// Result not representable.
    Overflow,
    /// NaN cannot become an integer.
    InvalidConversion,
}

/// Total operator with two operands.
pub trait Bin {
    /// Type of both operands.
    type T: Val;
    /// Type of the result.
    type R: Val;
    /// The operation.
    fn op(a: Self::T, b: Self::T) -> Self::R;
}

/// Partial operator with two operands.
pub trait BinTrap {
    /// Type of operands and result.
    type T: Val;
    /// The operation.
    fn op(a: Self::T, b: Self::T) -> Result<Self::T, Fault>;
}

/// Total operator with one operand.
pub trait Un {
    /// Type of the operand.
    type T: Val;
    /// Type of the result.
    type R: Val;
    /// The operation.
    fn op(a: Self::T) -> Self::R;
}

/// Partial operator with one operand.
pub trait UnTrap {
    /// Type of the operand.
    type T: Val;
    /// Type of the result.
    type R: Val;
    /// The operation.
    fn op(a: Self::T) -> Result<Self::R, Fault>;
}

/// Load: how the bytes in memory become a value.
pub trait Load {
    /// Type in memory (its size is the access's).
    type M: Copy;
    /// Type of the result.
    type R: Val;
    /// Extends the value read.
    fn extend(m: Self::M) -> Self::R;
}

/// Store: how a value becomes bytes in memory.
pub trait Store {
    /// Type in memory (its size is the access's).
    type M: Copy;
    /// Type of the operand.
    type T: Val;
    /// Wraps the value to be written.
    fn wrap(v: Self::T) -> Self::M;
}

/// `fmin` of the specification: NaN wins, -0 is less than +0.
macro_rules! float_min_max {
    ($min:ident, $max:ident, $t:ty) => {
        #[doc = "Minimum: a NaN operand wins and comes out quiet, -0 is less than +0."]
        #[inline(always)]
        pub fn $min(a: $t, b: $t) -> $t {
            if a < b {
                a
            } else if b < a {
                b
            } else if a == b {
                <$t>::from_bits(a.to_bits() | b.to_bits())
            } else {
                a + b
            }
        }
        #[doc = "Maximum: a NaN operand wins and comes out quiet, +0 is more than -0."]
        #[inline(always)]
        pub fn $max(a: $t, b: $t) -> $t {
            if a > b {
                a
            } else if b > a {
                b
            } else if a == b {
                <$t>::from_bits(a.to_bits() & b.to_bits())
            } else {
                a + b
            }
        }
    };
}
float_min_max!(f32_min, f32_max, f32);
float_min_max!(f64_min, f64_max, f64);

/// Applies a rounding function; the sum makes a signalling NaN quiet.
macro_rules! round {
    ($x:expr, $method:ident) => {{
        let x = $x;
        if x.is_nan() { x + x } else { x.$method() }
    }};
}

/// Truncation that traps: `$x` must lie strictly between `$low` and `$high`.
macro_rules! trunc {
    ($x:expr, $low:expr, $high:expr, $to:ty, $r:ty) => {{
        let x = $x;
        if x > $low && x < $high {
            Ok(x as $to as $r)
        } else if x.is_nan() {
            Err(Fault::InvalidConversion)
        } else {
            Err(Fault::Overflow)
        }
    }};
}

/// As [`trunc`], where the lower bound itself is a legal value.
macro_rules! trunc_from {
    ($x:expr, $low:expr, $high:expr, $to:ty, $r:ty) => {{
        let x = $x;
        if ($low..$high).contains(&x) {
            Ok(x as $to as $r)
        } else if x.is_nan() {
            Err(Fault::InvalidConversion)
        } else {
            Err(Fault::Overflow)
        }
    }};
}

/// Integer operators that also exist fused into windows with immediates.
#[macro_export]
macro_rules! for_int_bin {
    ($m:ident) => {
        $m! {
            (I32Add, i32, i32, |a, b| a.wrapping_add(b))
            (I32Sub, i32, i32, |a, b| a.wrapping_sub(b))
            (I32Mul, i32, i32, |a, b| a.wrapping_mul(b))
            (I32And, i32, i32, |a, b| a & b)
            (I32Or, i32, i32, |a, b| a | b)
            (I32Xor, i32, i32, |a, b| a ^ b)
            (I32Shl, i32, i32, |a, b| a.wrapping_shl(b as u32))
            (I32ShrS, i32, i32, |a, b| a.wrapping_shr(b as u32))
            (I32ShrU, i32, i32, |a, b| (a as u32).wrapping_shr(b as u32) as i32)
            (I32Rotl, i32, i32, |a, b| a.rotate_left(b as u32 & 31))
            (I32Rotr, i32, i32, |a, b| a.rotate_right(b as u32 & 31))
            (I64Add, i64, i64, |a, b| a.wrapping_add(b))
            (I64Sub, i64, i64, |a, b| a.wrapping_sub(b))
            (I64Mul, i64, i64, |a, b| a.wrapping_mul(b))
            (I64And, i64, i64, |a, b| a & b)
            (I64Or, i64, i64, |a, b| a | b)
            (I64Xor, i64, i64, |a, b| a ^ b)
            (I64Shl, i64, i64, |a, b| a.wrapping_shl(b as u32))
            (I64ShrS, i64, i64, |a, b| a.wrapping_shr(b as u32))
            (I64ShrU, i64, i64, |a, b| (a as u64).wrapping_shr(b as u32) as i64)
            (I64Rotl, i64, i64, |a, b| a.rotate_left(b as u32 & 63))
            (I64Rotr, i64, i64, |a, b| a.rotate_right(b as u32 & 63))
        }
    };
}

/// Float operators and float comparisons.
#[macro_export]
macro_rules! for_float_bin {
    ($m:ident) => {
        $m! {
            (F32Add, f32, f32, |a, b| a + b)
            (F32Sub, f32, f32, |a, b| a - b)
            (F32Mul, f32, f32, |a, b| a * b)
            (F32Div, f32, f32, |a, b| a / b)
            (F32Min, f32, f32, f32_min)
            (F32Max, f32, f32, f32_max)
            (F32Copysign, f32, f32, |a, b| a.copysign(b))
            (F64Add, f64, f64, |a, b| a + b)
            (F64Sub, f64, f64, |a, b| a - b)
            (F64Mul, f64, f64, |a, b| a * b)
            (F64Div, f64, f64, |a, b| a / b)
            (F64Min, f64, f64, f64_min)
            (F64Max, f64, f64, f64_max)
            (F64Copysign, f64, f64, |a, b| a.copysign(b))
            (F32Eq, f32, i32, |a, b| (a == b) as i32)
            (F32Ne, f32, i32, |a, b| (a != b) as i32)
            (F32Lt, f32, i32, |a, b| (a < b) as i32)
            (F32Gt, f32, i32, |a, b| (a > b) as i32)
            (F32Le, f32, i32, |a, b| (a <= b) as i32)
            (F32Ge, f32, i32, |a, b| (a >= b) as i32)
            (F64Eq, f64, i32, |a, b| (a == b) as i32)
            (F64Ne, f64, i32, |a, b| (a != b) as i32)
            (F64Lt, f64, i32, |a, b| (a < b) as i32)
            (F64Gt, f64, i32, |a, b| (a > b) as i32)
            (F64Le, f64, i32, |a, b| (a <= b) as i32)
            (F64Ge, f64, i32, |a, b| (a >= b) as i32)
        }
    };
}

/// Integer comparisons, which also exist fused with a conditional branch.
#[macro_export]
macro_rules! for_int_cmp {
    ($m:ident) => {
        $m! {
            (I32Eq, i32, i32, |a, b| (a == b) as i32)
            (I32Ne, i32, i32, |a, b| (a != b) as i32)
            (I32LtS, i32, i32, |a, b| (a < b) as i32)
            (I32LtU, i32, i32, |a, b| ((a as u32) < b as u32) as i32)
            (I32GtS, i32, i32, |a, b| (a > b) as i32)
            (I32GtU, i32, i32, |a, b| (a as u32 > b as u32) as i32)
            (I32LeS, i32, i32, |a, b| (a <= b) as i32)
            (I32LeU, i32, i32, |a, b| (a as u32 <= b as u32) as i32)
            (I32GeS, i32, i32, |a, b| (a >= b) as i32)
            (I32GeU, i32, i32, |a, b| (a as u32 >= b as u32) as i32)
            (I64Eq, i64, i32, |a, b| (a == b) as i32)
            (I64Ne, i64, i32, |a, b| (a != b) as i32)
            (I64LtS, i64, i32, |a, b| (a < b) as i32)
            (I64LtU, i64, i32, |a, b| ((a as u64) < b as u64) as i32)
            (I64GtS, i64, i32, |a, b| (a > b) as i32)
            (I64GtU, i64, i32, |a, b| (a as u64 > b as u64) as i32)
            (I64LeS, i64, i32, |a, b| (a <= b) as i32)
            (I64LeU, i64, i32, |a, b| (a as u64 <= b as u64) as i32)
            (I64GeS, i64, i32, |a, b| (a >= b) as i32)
            (I64GeU, i64, i32, |a, b| (a as u64 >= b as u64) as i32)
        }
    };
}

/// Partial operators with two operands.
#[macro_export]
macro_rules! for_bin_trap { ($m:ident) => { $m! {
    (I32DivS, i32, |a, b| if b == 0 { Err(Fault::DivideByZero) } else { a.checked_div(b).ok_or(Fault::Overflow) })
    (I32DivU, i32, |a, b| (a as u32).checked_div(b as u32).map(|x| x as i32).ok_or(Fault::DivideByZero))
    (I32RemS, i32, |a, b| if b == 0 { Err(Fault::DivideByZero) } else { Ok(a.wrapping_rem(b)) })
    (I32RemU, i32, |a, b| (a as u32).checked_rem(b as u32).map(|x| x as i32).ok_or(Fault::DivideByZero))
    (I64DivS, i64, |a, b| if b == 0 { Err(Fault::DivideByZero) } else { a.checked_div(b).ok_or(Fault::Overflow) })
    (I64DivU, i64, |a, b| (a as u64).checked_div(b as u64).map(|x| x as i64).ok_or(Fault::DivideByZero))
    (I64RemS, i64, |a, b| if b == 0 { Err(Fault::DivideByZero) } else { Ok(a.wrapping_rem(b)) })
    (I64RemU, i64, |a, b| (a as u64).checked_rem(b as u64).map(|x| x as i64).ok_or(Fault::DivideByZero))
} } }

/// Total operators with one operand.
#[macro_export]
macro_rules! for_un {
    ($m:ident) => {
        $m! {
            (I32Eqz, i32, i32, |a| (a == 0) as i32)
            (I64Eqz, i64, i32, |a| (a == 0) as i32)
            (I32Clz, i32, i32, |a| a.leading_zeros() as i32)
            (I32Ctz, i32, i32, |a| a.trailing_zeros() as i32)
            (I32Popcnt, i32, i32, |a| a.count_ones() as i32)
            (I64Clz, i64, i64, |a| a.leading_zeros() as i64)
            (I64Ctz, i64, i64, |a| a.trailing_zeros() as i64)
            (I64Popcnt, i64, i64, |a| a.count_ones() as i64)
            (I32WrapI64, i64, i32, |a| a as i32)
            (I64ExtendI32S, i32, i64, |a| a as i64)
            (I64ExtendI32U, i32, i64, |a| a as u32 as i64)
            (I32Extend8S, i32, i32, |a| a as i8 as i32)
            (I32Extend16S, i32, i32, |a| a as i16 as i32)
            (I64Extend8S, i64, i64, |a| a as i8 as i64)
            (I64Extend16S, i64, i64, |a| a as i16 as i64)
            (I64Extend32S, i64, i64, |a| a as i32 as i64)
            (F32Abs, f32, f32, |a| a.abs())
            (F32Neg, f32, f32, |a| -a)
            (F32Ceil, f32, f32, |a| round!(a, ceil))
            (F32Floor, f32, f32, |a| round!(a, floor))
            (F32Trunc, f32, f32, |a| round!(a, trunc))
            (F32Nearest, f32, f32, |a| round!(a, round_ties_even))
            (F32Sqrt, f32, f32, |a| a.sqrt())
            (F64Abs, f64, f64, |a| a.abs())
            (F64Neg, f64, f64, |a| -a)
            (F64Ceil, f64, f64, |a| round!(a, ceil))
            (F64Floor, f64, f64, |a| round!(a, floor))
            (F64Trunc, f64, f64, |a| round!(a, trunc))
            (F64Nearest, f64, f64, |a| round!(a, round_ties_even))
            (F64Sqrt, f64, f64, |a| a.sqrt())
            (F32ConvertI32S, i32, f32, |a| a as f32)
            (F32ConvertI32U, i32, f32, |a| a as u32 as f32)
            (F32ConvertI64S, i64, f32, |a| a as f32)
            (F32ConvertI64U, i64, f32, |a| a as u64 as f32)
            (F64ConvertI32S, i32, f64, |a| a as f64)
            (F64ConvertI32U, i32, f64, |a| a as u32 as f64)
            (F64ConvertI64S, i64, f64, |a| a as f64)
            (F64ConvertI64U, i64, f64, |a| a as u64 as f64)
            (F32DemoteF64, f64, f32, |a| a as f32)
            (F64PromoteF32, f32, f64, |a| a as f64)
            (I32ReinterpretF32, f32, i32, |a| a.to_bits() as i32)
            (I64ReinterpretF64, f64, i64, |a| a.to_bits() as i64)
            (F32ReinterpretI32, i32, f32, |a| f32::from_bits(a as u32))
            (F64ReinterpretI64, i64, f64, |a| f64::from_bits(a as u64))
            (I32TruncSatF32S, f32, i32, |a| a as i32)
            (I32TruncSatF32U, f32, i32, |a| a as u32 as i32)
            (I32TruncSatF64S, f64, i32, |a| a as i32)
            (I32TruncSatF64U, f64, i32, |a| a as u32 as i32)
            (I64TruncSatF32S, f32, i64, |a| a as i64)
            (I64TruncSatF32U, f32, i64, |a| a as u64 as i64)
            (I64TruncSatF64S, f64, i64, |a| a as i64)
            (I64TruncSatF64U, f64, i64, |a| a as u64 as i64)
        }
    };
}

/// NaN to the canonical NaN: not Wasm operators, but steps that `--deterministic` adds.
#[macro_export]
macro_rules! for_canon { ($m:ident) => { $m! {
    (CanonF32, f32, f32, |a| if a.is_nan() { f32::from_bits(0x7fc0_0000) } else { a })
    (CanonF64, f64, f64, |a| if a.is_nan() { f64::from_bits(0x7ff8_0000_0000_0000) } else { a })
} } }

/// Partial operators with one operand. The bounds are the floats next to the
/// first integer that is out of range.
#[macro_export]
macro_rules! for_un_trap { ($m:ident) => { $m! {
    (I32TruncF32S, f32, i32, |a| trunc_from!(a, -2147483648.0f32, 2147483648.0f32, i32, i32))
    (I32TruncF32U, f32, i32, |a| trunc!(a, -1.0f32, 4294967296.0f32, u32, i32))
    (I32TruncF64S, f64, i32, |a| trunc!(a, -2147483649.0f64, 2147483648.0f64, i32, i32))
    (I32TruncF64U, f64, i32, |a| trunc!(a, -1.0f64, 4294967296.0f64, u32, i32))
    (I64TruncF32S, f32, i64, |a| trunc_from!(a, -9223372036854775808.0f32, 9223372036854775808.0f32, i64, i64))
    (I64TruncF32U, f32, i64, |a| trunc!(a, -1.0f32, 18446744073709551616.0f32, u64, i64))
    (I64TruncF64S, f64, i64, |a| trunc_from!(a, -9223372036854775808.0f64, 9223372036854775808.0f64, i64, i64))
    (I64TruncF64U, f64, i64, |a| trunc!(a, -1.0f64, 18446744073709551616.0f64, u64, i64))
} } }

/// Scalar loads: result type, type in memory.
#[macro_export]
macro_rules! for_load {
    ($m:ident) => {
        $m! {
            (I32Load, i32, i32) (I64Load, i64, i64) (F32Load, f32, f32) (F64Load, f64, f64)
            (I32Load8S, i32, i8) (I32Load8U, i32, u8) (I32Load16S, i32, i16) (I32Load16U, i32, u16)
            (I64Load8S, i64, i8) (I64Load8U, i64, u8) (I64Load16S, i64, i16) (I64Load16U, i64, u16)
            (I64Load32S, i64, i32) (I64Load32U, i64, u32)
        }
    };
}

/// Scalar stores: operand type, type in memory.
#[macro_export]
macro_rules! for_store {
    ($m:ident) => {
        $m! {
            (I32Store, i32, i32) (I64Store, i64, i64) (F32Store, f32, f32) (F64Store, f64, f64)
            (I32Store8, i32, u8) (I32Store16, i32, u16)
            (I64Store8, i64, u8) (I64Store16, i64, u16) (I64Store32, i64, u32)
        }
    };
}

/// The operators as types: what generic handlers are instantiated with.
pub mod ops {
    use super::*;

    macro_rules! define_bin {
        ($(($name:ident, $t:ty, $r:ty, $f:expr))*) => { $(
            #[allow(missing_docs)]
            #[derive(Debug)]
            pub struct $name;
            impl Bin for $name {
                type T = $t;
                type R = $r;
                #[inline(always)]
                fn op(a: $t, b: $t) -> $r {
                    let f: fn($t, $t) -> $r = $f;
                    f(a, b)
                }
            }
        )* };
    }
    for_int_bin!(define_bin);
    for_float_bin!(define_bin);
    for_int_cmp!(define_bin);

    macro_rules! define_bin_trap {
        ($(($name:ident, $t:ty, $f:expr))*) => { $(
            #[allow(missing_docs)]
            #[derive(Debug)]
            pub struct $name;
            impl BinTrap for $name {
                type T = $t;
                #[inline(always)]
                fn op(a: $t, b: $t) -> Result<$t, Fault> {
                    let f: fn($t, $t) -> Result<$t, Fault> = $f;
                    f(a, b)
                }
            }
        )* };
    }
    for_bin_trap!(define_bin_trap);

    macro_rules! define_un {
        ($(($name:ident, $t:ty, $r:ty, $f:expr))*) => { $(
            #[allow(missing_docs)]
            #[derive(Debug)]
            pub struct $name;
            impl Un for $name {
                type T = $t;
                type R = $r;
                #[inline(always)]
                fn op(a: $t) -> $r {
                    let f: fn($t) -> $r = $f;
                    f(a)
                }
            }
        )* };
    }
    for_un!(define_un);
    for_canon!(define_un);

    macro_rules! define_un_trap {
        ($(($name:ident, $t:ty, $r:ty, $f:expr))*) => { $(
            #[allow(missing_docs)]
            #[derive(Debug)]
            pub struct $name;
            impl UnTrap for $name {
                type T = $t;
                type R = $r;
                #[inline(always)]
                fn op(a: $t) -> Result<$r, Fault> {
                    let f: fn($t) -> Result<$r, Fault> = $f;
                    f(a)
                }
            }
        )* };
    }
    for_un_trap!(define_un_trap);

    macro_rules! define_load {
        ($(($name:ident, $r:ty, $m:ty))*) => { $(
            #[allow(missing_docs)]
            #[derive(Debug)]
            pub struct $name;
            impl Load for $name {
                type M = $m;
                type R = $r;
                #[inline(always)]
                fn extend(m: $m) -> $r {
                    m as $r
                }
            }
        )* };
    }
    for_load!(define_load);

    macro_rules! define_store {
        ($(($name:ident, $t:ty, $m:ty))*) => { $(
            #[allow(missing_docs)]
            #[derive(Debug)]
            pub struct $name;
            impl Store for $name {
                type M = $m;
                type T = $t;
                #[inline(always)]
                fn wrap(v: $t) -> $m {
                    v as $m
                }
            }
        )* };
    }
    for_store!(define_store);
}

macro_rules! op_enum {
    ($(#[$doc:meta])* $name:ident [$($row:ident)*]) => {
        $(#[$doc])*
        #[allow(missing_docs)]
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        pub enum $name { $($row),* }
    };
}
// The enums take their variants straight from the tables.
macro_rules! int_bin_enum { ($(($n:ident $($rest:tt)*))*) => { op_enum!(/** Integer operators with two operands. */ IntBin [$($n)*]); } }
for_int_bin!(int_bin_enum);
macro_rules! float_bin_enum { ($(($n:ident $($rest:tt)*))*) => { op_enum!(/** Float operators with two operands. */ FloatBin [$($n)*]); } }
for_float_bin!(float_bin_enum);
macro_rules! int_cmp_enum { ($(($n:ident $($rest:tt)*))*) => { op_enum!(/** Integer comparisons. */ IntCmp [$($n)*]); } }
for_int_cmp!(int_cmp_enum);
macro_rules! bin_trap_enum { ($(($n:ident $($rest:tt)*))*) => { op_enum!(/** Partial operators with two operands. */ BinTrapOp [$($n)*]); } }
for_bin_trap!(bin_trap_enum);
macro_rules! un_enum { ($(($n:ident $($rest:tt)*))*) => { op_enum!(/** Total operators with one operand. */ UnOp [$($n)*]); } }
for_un!(un_enum);
macro_rules! un_trap_enum { ($(($n:ident $($rest:tt)*))*) => { op_enum!(/** Partial operators with one operand. */ UnTrapOp [$($n)*]); } }
for_un_trap!(un_trap_enum);
macro_rules! load_enum { ($(($n:ident $($rest:tt)*))*) => { op_enum!(/** Scalar loads. */ LoadOp [$($n)*]); } }
for_load!(load_enum);
macro_rules! store_enum { ($(($n:ident $($rest:tt)*))*) => { op_enum!(/** Scalar stores. */ StoreOp [$($n)*]); } }
for_store!(store_enum);
