//! Operators that only move values between the operand stack and a computation:
//! how many they pop, what they push, which kind of cell they become.

use probity_interp::eval::scalar::{
    BinTrapOp, FloatBin, IntBin, IntCmp, LoadOp, Num, StoreOp, UnOp, UnTrapOp, Val,
};
use probity_interp::eval::wide::WideOp;
use probity_interp::op::*;
use probity_interp::{
    for_bin_trap, for_float_bin, for_int_bin, for_int_cmp, for_load, for_store, for_un,
    for_un_trap, for_v128_bin, for_v128_extract, for_v128_load, for_v128_load_lane, for_v128_nan,
    for_v128_relaxed_bin, for_v128_relaxed_tern, for_v128_relaxed_un, for_v128_replace,
    for_v128_shift, for_v128_splat, for_v128_store_lane, for_v128_tern, for_v128_test, for_v128_un,
    for_wide,
};
use wasmparser::{MemArg, MemArgTarget, Operator as O};

use crate::types::ValType;

/// An operator without control flow.
pub(crate) struct Simple {
    pub(crate) kind: Kind,
    pub(crate) pops: usize,
    pub(crate) push: Option<ValType>,
    pub(crate) imm: u32,
    pub(crate) extra: u16,
    /// Memory and offset of an access.
    pub(crate) place: Option<(u32, u64)>,
}

impl Simple {
    fn new(kind: Kind, pops: usize, push: Option<ValType>) -> Option<Simple> {
        Some(Simple {
            kind,
            pops,
            push,
            imm: 0,
            extra: 0,
            place: None,
        })
    }

    fn vector(kind: VKind, pops: usize, push: Option<ValType>) -> Option<Simple> {
        Simple::new(Kind::Vector(kind), pops, push)
    }

    fn memory(kind: Kind, pops: usize, push: Option<ValType>, memarg: &MemArg) -> Option<Simple> {
        // Offsets of 32-bit memories fit; the validator has checked it.
        Some(Simple {
            kind,
            pops,
            push,
            imm: memarg.offset as u32,
            extra: 0,
            place: Some(place(memarg)?),
        })
    }

    fn lane(kind: VKind, pops: usize, push: Option<ValType>, lane: u8) -> Option<Simple> {
        Some(Simple {
            kind: Kind::Vector(kind),
            pops,
            push,
            imm: lane.into(),
            extra: 0,
            place: None,
        })
    }

    fn memory_lane(
        kind: VKind,
        push: Option<ValType>,
        memarg: &MemArg,
        lane: u8,
    ) -> Option<Simple> {
        let simple = Simple::memory(Kind::Vector(kind), 2, push, memarg)?;
        Some(Simple {
            extra: lane.into(),
            ..simple
        })
    }
}

/// Memory and offset of an access; `None` for accesses to arrays, which are not validated.
pub(crate) fn place(memarg: &MemArg) -> Option<(u32, u64)> {
    match memarg.target {
        MemArgTarget::Memory(memory) => Some((memory, memarg.offset)),
        MemArgTarget::Array(_) => None,
    }
}

/// The value type of a number type.
pub(crate) fn val_type(num: Num) -> ValType {
    match num {
        Num::I32 => ValType::I32,
        Num::I64 => ValType::I64,
        Num::F32 => ValType::F32,
        Num::F64 => ValType::F64,
    }
}

/// How a one-slot value moves through the accumulators.
pub(crate) fn num(ty: ValType) -> Num {
    match ty {
        ValType::I32 => Num::I32,
        ValType::F32 => Num::F32,
        ValType::F64 => Num::F64,
        _ => Num::I64,
    }
}

fn of<V: Val>() -> Option<ValType> {
    Some(val_type(V::TYPE))
}

/// Scalar operators.
pub(crate) fn scalar(op: &O<'_>) -> Option<Simple> {
    macro_rules! int_bin { ($(($n:ident, $t:ty, $r:ty, $f:expr))*) => { match op { $(O::$n => return Simple::new(Kind::IntBin(IntBin::$n), 2, of::<$r>()),)* _ => {} } } }
    for_int_bin!(int_bin);
    macro_rules! int_cmp { ($(($n:ident, $t:ty, $r:ty, $f:expr))*) => { match op { $(O::$n => return Simple::new(Kind::IntCmp(IntCmp::$n), 2, of::<$r>()),)* _ => {} } } }
    for_int_cmp!(int_cmp);
    macro_rules! load { ($(($n:ident, $r:ty, $m:ty))*) => { match op { $(O::$n { memarg } => return Simple::memory(Kind::Load(LoadOp::$n), 1, of::<$r>(), memarg),)* _ => {} } } }
    for_load!(load);
    macro_rules! store { ($(($n:ident, $t:ty, $m:ty))*) => { match op { $(O::$n { memarg } => return Simple::memory(Kind::Store(StoreOp::$n), 2, None, memarg),)* _ => {} } } }
    for_store!(store);
    macro_rules! float_bin { ($(($n:ident, $t:ty, $r:ty, $f:expr))*) => { match op { $(O::$n => return Simple::new(Kind::FloatBin(FloatBin::$n), 2, of::<$r>()),)* _ => {} } } }
    for_float_bin!(float_bin);
    macro_rules! un { ($(($n:ident, $t:ty, $r:ty, $f:expr))*) => { match op { $(O::$n => return Simple::new(Kind::Un(UnOp::$n), 1, of::<$r>()),)* _ => {} } } }
    for_un!(un);
    macro_rules! bin_trap { ($(($n:ident, $t:ty, $f:expr))*) => { match op { $(O::$n => return Simple::new(Kind::BinTrap(BinTrapOp::$n), 2, of::<$t>()),)* _ => {} } } }
    for_bin_trap!(bin_trap);
    macro_rules! un_trap { ($(($n:ident, $t:ty, $r:ty, $f:expr))*) => { match op { $(O::$n => return Simple::new(Kind::UnTrap(UnTrapOp::$n), 1, of::<$r>()),)* _ => {} } } }
    for_un_trap!(un_trap);
    match op {
        O::RefEq => Simple::new(Kind::IntCmp(IntCmp::I64Eq), 2, Some(ValType::I32)),
        O::RefIsNull => Simple::new(Kind::Un(UnOp::I64Eqz), 1, Some(ValType::I32)),
        _ => None,
    }
}

/// Operators with two i64 results: the kind, and how many operands they take.
pub(crate) fn wide(op: &O<'_>) -> Option<(Kind, usize)> {
    macro_rules! rows { ($(($n:ident, $operands:literal, $f:ident))*) => { match op { $(O::$n => Some((Kind::WideArith(WideOp::$n), $operands)),)* _ => None } } }
    for_wide!(rows)
}

/// SIMD operators without data cells.
pub(crate) fn vector(op: &O<'_>) -> Option<Simple> {
    const V: Option<ValType> = Some(ValType::V128);
    macro_rules! un { ($(($n:ident, $f:expr))*) => { match op { $(O::$n => return Simple::vector(VKind::Un(VUnOp::$n), 1, V),)* _ => {} } } }
    for_v128_un!(un);
    macro_rules! bin { ($(($n:ident, $f:expr))*) => { match op { $(O::$n => return Simple::vector(VKind::Bin(VBinOp::$n), 2, V),)* _ => {} } } }
    for_v128_bin!(bin);
    macro_rules! tern { ($(($n:ident, $f:expr))*) => { match op { $(O::$n => return Simple::vector(VKind::Tern(VTernOp::$n), 3, V),)* _ => {} } } }
    for_v128_tern!(tern);
    macro_rules! relaxed_un { ($(($n:ident, $f:expr))*) => { match op { $(O::$n => return Simple::vector(VKind::RelaxedUn(VRelaxedUnOp::$n), 1, V),)* _ => {} } } }
    for_v128_relaxed_un!(relaxed_un);
    macro_rules! relaxed_bin { ($(($n:ident, $f:expr))*) => { match op { $(O::$n => return Simple::vector(VKind::RelaxedBin(VRelaxedBinOp::$n), 2, V),)* _ => {} } } }
    for_v128_relaxed_bin!(relaxed_bin);
    macro_rules! relaxed_tern { ($(($n:ident, $f:expr))*) => { match op { $(O::$n => return Simple::vector(VKind::RelaxedTern(VRelaxedTernOp::$n), 3, V),)* _ => {} } } }
    for_v128_relaxed_tern!(relaxed_tern);
    macro_rules! shift { ($(($n:ident, $f:expr))*) => { match op { $(O::$n => return Simple::vector(VKind::Shift(VShiftOp::$n), 2, V),)* _ => {} } } }
    for_v128_shift!(shift);
    macro_rules! test { ($(($n:ident, $f:expr))*) => { match op { $(O::$n => return Simple::vector(VKind::Test(VTestOp::$n), 1, Some(ValType::I32)),)* _ => {} } } }
    for_v128_test!(test);
    macro_rules! splat { ($(($n:ident, $t:ty, $f:expr))*) => { match op { $(O::$n => return Simple::vector(VKind::Splat(VSplatOp::$n), 1, V),)* _ => {} } } }
    for_v128_splat!(splat);
    macro_rules! extract { ($(($n:ident, $t:ty, $lanes:expr, $f:expr))*) => { match op { $(O::$n { lane } => return Simple::lane(VKind::Extract(VExtractOp::$n), 1, of::<$t>(), *lane),)* _ => {} } } }
    for_v128_extract!(extract);
    macro_rules! replace { ($(($n:ident, $t:ty, $lanes:expr, $f:expr))*) => { match op { $(O::$n { lane } => return Simple::lane(VKind::Replace(VReplaceOp::$n), 2, V, *lane),)* _ => {} } } }
    for_v128_replace!(replace);
    macro_rules! load { ($(($n:ident, $bytes:expr, $f:expr))*) => { match op { $(O::$n { memarg } => return Simple::memory(Kind::Vector(VKind::Load(VLoadOp::$n)), 1, V, memarg),)* _ => {} } } }
    for_v128_load!(load);
    macro_rules! load_lane { ($(($n:ident, $bytes:expr, $f:expr))*) => { match op { $(O::$n { memarg, lane } => return Simple::memory_lane(VKind::LoadLane(VLoadLaneOp::$n), V, memarg, *lane),)* _ => {} } } }
    for_v128_load_lane!(load_lane);
    macro_rules! store_lane { ($(($n:ident, $bytes:expr, $f:expr))*) => { match op { $(O::$n { memarg, lane } => return Simple::memory_lane(VKind::StoreLane(VStoreLaneOp::$n), None, memarg, *lane),)* _ => {} } } }
    for_v128_store_lane!(store_lane);
    match op {
        O::V128Store { memarg } => Simple::memory(Kind::Vector(VKind::Store), 2, None, memarg),
        _ => None,
    }
}

/// The step that makes an operator's NaN canonical, if it can produce one.
pub(crate) fn canon(op: &O<'_>) -> Option<Kind> {
    macro_rules! lanes { ($(($n:ident, $bits:literal))*) => { match op { $(O::$n => return Some(Kind::Vector(if $bits == 32 { VKind::CanonF32 } else { VKind::CanonF64 })),)* _ => {} } } }
    for_v128_nan!(lanes);
    match op {
        O::F32Add
        | O::F32Sub
        | O::F32Mul
        | O::F32Div
        | O::F32Min
        | O::F32Max
        | O::F32Ceil
        | O::F32Floor
        | O::F32Trunc
        | O::F32Nearest
        | O::F32Sqrt
        | O::F32DemoteF64 => Some(Kind::Canon(Num::F32)),
        O::F64Add
        | O::F64Sub
        | O::F64Mul
        | O::F64Div
        | O::F64Min
        | O::F64Max
        | O::F64Ceil
        | O::F64Floor
        | O::F64Trunc
        | O::F64Nearest
        | O::F64Sqrt
        | O::F64PromoteF32 => Some(Kind::Canon(Num::F64)),
        _ => None,
    }
}
