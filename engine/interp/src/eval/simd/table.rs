//! The one list of SIMD operators: macros that tiers expand into handlers, calls or match arms.
//!
//! Every operator is named as wasmparser's `Operator` names it. `for_v128_un!(m)` expands to
//! `m! { (Name, path) (Name, path) .. }`, and the others alike, with the columns that their
//! documentation gives. Three operators have no row because their operands are not of any of these
//! forms: `V128Const` (its bytes are [`V128`](super::V128)), `V128Store` (stores the bytes as they
//! are) and `I8x16Shuffle` ([`shuffle`](super::shuffle)).
//!
//! The relaxed operators are lists of their own, so that a tier can refuse or treat them apart.

/// Operators of one vector: `(Name, fn(V128) -> V128)`.
#[macro_export]
macro_rules! for_v128_un {
    ($m:ident) => {
        $m! {
            (V128Not, $crate::eval::simd::int::not)
            (I8x16Abs, $crate::eval::simd::int::i8x16::abs)
            (I8x16Neg, $crate::eval::simd::int::i8x16::neg)
            (I8x16Popcnt, $crate::eval::simd::int::i8x16::popcnt)
            (I16x8ExtAddPairwiseI8x16S, $crate::eval::simd::widen::i16x8_extadd_pairwise_i8x16_s)
            (I16x8ExtAddPairwiseI8x16U, $crate::eval::simd::widen::i16x8_extadd_pairwise_i8x16_u)
            (I16x8Abs, $crate::eval::simd::int::i16x8::abs)
            (I16x8Neg, $crate::eval::simd::int::i16x8::neg)
            (I16x8ExtendLowI8x16S, $crate::eval::simd::widen::i16x8_extend_low_i8x16_s)
            (I16x8ExtendHighI8x16S, $crate::eval::simd::widen::i16x8_extend_high_i8x16_s)
            (I16x8ExtendLowI8x16U, $crate::eval::simd::widen::i16x8_extend_low_i8x16_u)
            (I16x8ExtendHighI8x16U, $crate::eval::simd::widen::i16x8_extend_high_i8x16_u)
            (I32x4ExtAddPairwiseI16x8S, $crate::eval::simd::widen::i32x4_extadd_pairwise_i16x8_s)
            (I32x4ExtAddPairwiseI16x8U, $crate::eval::simd::widen::i32x4_extadd_pairwise_i16x8_u)
            (I32x4Abs, $crate::eval::simd::int::i32x4::abs)
            (I32x4Neg, $crate::eval::simd::int::i32x4::neg)
            (I32x4ExtendLowI16x8S, $crate::eval::simd::widen::i32x4_extend_low_i16x8_s)
            (I32x4ExtendHighI16x8S, $crate::eval::simd::widen::i32x4_extend_high_i16x8_s)
            (I32x4ExtendLowI16x8U, $crate::eval::simd::widen::i32x4_extend_low_i16x8_u)
            (I32x4ExtendHighI16x8U, $crate::eval::simd::widen::i32x4_extend_high_i16x8_u)
            (I64x2Abs, $crate::eval::simd::int::i64x2::abs)
            (I64x2Neg, $crate::eval::simd::int::i64x2::neg)
            (I64x2ExtendLowI32x4S, $crate::eval::simd::widen::i64x2_extend_low_i32x4_s)
            (I64x2ExtendHighI32x4S, $crate::eval::simd::widen::i64x2_extend_high_i32x4_s)
            (I64x2ExtendLowI32x4U, $crate::eval::simd::widen::i64x2_extend_low_i32x4_u)
            (I64x2ExtendHighI32x4U, $crate::eval::simd::widen::i64x2_extend_high_i32x4_u)
            (F32x4Ceil, $crate::eval::simd::float::f32x4::ceil)
            (F32x4Floor, $crate::eval::simd::float::f32x4::floor)
            (F32x4Trunc, $crate::eval::simd::float::f32x4::trunc)
            (F32x4Nearest, $crate::eval::simd::float::f32x4::nearest)
            (F32x4Abs, $crate::eval::simd::float::f32x4::abs)
            (F32x4Neg, $crate::eval::simd::float::f32x4::neg)
            (F32x4Sqrt, $crate::eval::simd::float::f32x4::sqrt)
            (F64x2Ceil, $crate::eval::simd::float::f64x2::ceil)
            (F64x2Floor, $crate::eval::simd::float::f64x2::floor)
            (F64x2Trunc, $crate::eval::simd::float::f64x2::trunc)
            (F64x2Nearest, $crate::eval::simd::float::f64x2::nearest)
            (F64x2Abs, $crate::eval::simd::float::f64x2::abs)
            (F64x2Neg, $crate::eval::simd::float::f64x2::neg)
            (F64x2Sqrt, $crate::eval::simd::float::f64x2::sqrt)
            (I32x4TruncSatF32x4S, $crate::eval::simd::convert::i32x4_trunc_sat_f32x4_s)
            (I32x4TruncSatF32x4U, $crate::eval::simd::convert::i32x4_trunc_sat_f32x4_u)
            (F32x4ConvertI32x4S, $crate::eval::simd::convert::f32x4_convert_i32x4_s)
            (F32x4ConvertI32x4U, $crate::eval::simd::convert::f32x4_convert_i32x4_u)
            (I32x4TruncSatF64x2SZero, $crate::eval::simd::convert::i32x4_trunc_sat_f64x2_s_zero)
            (I32x4TruncSatF64x2UZero, $crate::eval::simd::convert::i32x4_trunc_sat_f64x2_u_zero)
            (F64x2ConvertLowI32x4S, $crate::eval::simd::convert::f64x2_convert_low_i32x4_s)
            (F64x2ConvertLowI32x4U, $crate::eval::simd::convert::f64x2_convert_low_i32x4_u)
            (F32x4DemoteF64x2Zero, $crate::eval::simd::convert::f32x4_demote_f64x2_zero)
            (F64x2PromoteLowF32x4, $crate::eval::simd::convert::f64x2_promote_low_f32x4)
        }
    };
}

/// Operators of two vectors: `(Name, fn(V128, V128) -> V128)`, the first operand pushed first.
#[macro_export]
macro_rules! for_v128_bin {
    ($m:ident) => {
        $m! {
            (I8x16Swizzle, $crate::eval::simd::lanes::i8x16_swizzle)
            (I8x16Eq, $crate::eval::simd::int::i8x16::eq)
            (I8x16Ne, $crate::eval::simd::int::i8x16::ne)
            (I8x16LtS, $crate::eval::simd::int::i8x16::lt_s)
            (I8x16LtU, $crate::eval::simd::int::i8x16::lt_u)
            (I8x16GtS, $crate::eval::simd::int::i8x16::gt_s)
            (I8x16GtU, $crate::eval::simd::int::i8x16::gt_u)
            (I8x16LeS, $crate::eval::simd::int::i8x16::le_s)
            (I8x16LeU, $crate::eval::simd::int::i8x16::le_u)
            (I8x16GeS, $crate::eval::simd::int::i8x16::ge_s)
            (I8x16GeU, $crate::eval::simd::int::i8x16::ge_u)
            (I16x8Eq, $crate::eval::simd::int::i16x8::eq)
            (I16x8Ne, $crate::eval::simd::int::i16x8::ne)
            (I16x8LtS, $crate::eval::simd::int::i16x8::lt_s)
            (I16x8LtU, $crate::eval::simd::int::i16x8::lt_u)
            (I16x8GtS, $crate::eval::simd::int::i16x8::gt_s)
            (I16x8GtU, $crate::eval::simd::int::i16x8::gt_u)
            (I16x8LeS, $crate::eval::simd::int::i16x8::le_s)
            (I16x8LeU, $crate::eval::simd::int::i16x8::le_u)
            (I16x8GeS, $crate::eval::simd::int::i16x8::ge_s)
            (I16x8GeU, $crate::eval::simd::int::i16x8::ge_u)
            (I32x4Eq, $crate::eval::simd::int::i32x4::eq)
            (I32x4Ne, $crate::eval::simd::int::i32x4::ne)
            (I32x4LtS, $crate::eval::simd::int::i32x4::lt_s)
            (I32x4LtU, $crate::eval::simd::int::i32x4::lt_u)
            (I32x4GtS, $crate::eval::simd::int::i32x4::gt_s)
            (I32x4GtU, $crate::eval::simd::int::i32x4::gt_u)
            (I32x4LeS, $crate::eval::simd::int::i32x4::le_s)
            (I32x4LeU, $crate::eval::simd::int::i32x4::le_u)
            (I32x4GeS, $crate::eval::simd::int::i32x4::ge_s)
            (I32x4GeU, $crate::eval::simd::int::i32x4::ge_u)
            (I64x2Eq, $crate::eval::simd::int::i64x2::eq)
            (I64x2Ne, $crate::eval::simd::int::i64x2::ne)
            (I64x2LtS, $crate::eval::simd::int::i64x2::lt_s)
            (I64x2GtS, $crate::eval::simd::int::i64x2::gt_s)
            (I64x2LeS, $crate::eval::simd::int::i64x2::le_s)
            (I64x2GeS, $crate::eval::simd::int::i64x2::ge_s)
            (F32x4Eq, $crate::eval::simd::float::f32x4::eq)
            (F32x4Ne, $crate::eval::simd::float::f32x4::ne)
            (F32x4Lt, $crate::eval::simd::float::f32x4::lt)
            (F32x4Gt, $crate::eval::simd::float::f32x4::gt)
            (F32x4Le, $crate::eval::simd::float::f32x4::le)
            (F32x4Ge, $crate::eval::simd::float::f32x4::ge)
            (F64x2Eq, $crate::eval::simd::float::f64x2::eq)
            (F64x2Ne, $crate::eval::simd::float::f64x2::ne)
            (F64x2Lt, $crate::eval::simd::float::f64x2::lt)
            (F64x2Gt, $crate::eval::simd::float::f64x2::gt)
            (F64x2Le, $crate::eval::simd::float::f64x2::le)
            (F64x2Ge, $crate::eval::simd::float::f64x2::ge)
            (V128And, $crate::eval::simd::int::and)
            (V128AndNot, $crate::eval::simd::int::andnot)
            (V128Or, $crate::eval::simd::int::or)
            (V128Xor, $crate::eval::simd::int::xor)
            (I8x16NarrowI16x8S, $crate::eval::simd::widen::i8x16_narrow_i16x8_s)
            (I8x16NarrowI16x8U, $crate::eval::simd::widen::i8x16_narrow_i16x8_u)
            (I8x16Add, $crate::eval::simd::int::i8x16::add)
            (I8x16AddSatS, $crate::eval::simd::int::i8x16::add_sat_s)
            (I8x16AddSatU, $crate::eval::simd::int::i8x16::add_sat_u)
            (I8x16Sub, $crate::eval::simd::int::i8x16::sub)
            (I8x16SubSatS, $crate::eval::simd::int::i8x16::sub_sat_s)
            (I8x16SubSatU, $crate::eval::simd::int::i8x16::sub_sat_u)
            (I8x16MinS, $crate::eval::simd::int::i8x16::min_s)
            (I8x16MinU, $crate::eval::simd::int::i8x16::min_u)
            (I8x16MaxS, $crate::eval::simd::int::i8x16::max_s)
            (I8x16MaxU, $crate::eval::simd::int::i8x16::max_u)
            (I8x16AvgrU, $crate::eval::simd::int::i8x16::avgr_u)
            (I16x8Q15MulrSatS, $crate::eval::simd::int::i16x8::q15mulr_sat_s)
            (I16x8NarrowI32x4S, $crate::eval::simd::widen::i16x8_narrow_i32x4_s)
            (I16x8NarrowI32x4U, $crate::eval::simd::widen::i16x8_narrow_i32x4_u)
            (I16x8Add, $crate::eval::simd::int::i16x8::add)
            (I16x8AddSatS, $crate::eval::simd::int::i16x8::add_sat_s)
            (I16x8AddSatU, $crate::eval::simd::int::i16x8::add_sat_u)
            (I16x8Sub, $crate::eval::simd::int::i16x8::sub)
            (I16x8SubSatS, $crate::eval::simd::int::i16x8::sub_sat_s)
            (I16x8SubSatU, $crate::eval::simd::int::i16x8::sub_sat_u)
            (I16x8Mul, $crate::eval::simd::int::i16x8::mul)
            (I16x8MinS, $crate::eval::simd::int::i16x8::min_s)
            (I16x8MinU, $crate::eval::simd::int::i16x8::min_u)
            (I16x8MaxS, $crate::eval::simd::int::i16x8::max_s)
            (I16x8MaxU, $crate::eval::simd::int::i16x8::max_u)
            (I16x8AvgrU, $crate::eval::simd::int::i16x8::avgr_u)
            (I16x8ExtMulLowI8x16S, $crate::eval::simd::widen::i16x8_extmul_low_i8x16_s)
            (I16x8ExtMulHighI8x16S, $crate::eval::simd::widen::i16x8_extmul_high_i8x16_s)
            (I16x8ExtMulLowI8x16U, $crate::eval::simd::widen::i16x8_extmul_low_i8x16_u)
            (I16x8ExtMulHighI8x16U, $crate::eval::simd::widen::i16x8_extmul_high_i8x16_u)
            (I32x4Add, $crate::eval::simd::int::i32x4::add)
            (I32x4Sub, $crate::eval::simd::int::i32x4::sub)
            (I32x4Mul, $crate::eval::simd::int::i32x4::mul)
            (I32x4MinS, $crate::eval::simd::int::i32x4::min_s)
            (I32x4MinU, $crate::eval::simd::int::i32x4::min_u)
            (I32x4MaxS, $crate::eval::simd::int::i32x4::max_s)
            (I32x4MaxU, $crate::eval::simd::int::i32x4::max_u)
            (I32x4DotI16x8S, $crate::eval::simd::widen::i32x4_dot_i16x8_s)
            (I32x4ExtMulLowI16x8S, $crate::eval::simd::widen::i32x4_extmul_low_i16x8_s)
            (I32x4ExtMulHighI16x8S, $crate::eval::simd::widen::i32x4_extmul_high_i16x8_s)
            (I32x4ExtMulLowI16x8U, $crate::eval::simd::widen::i32x4_extmul_low_i16x8_u)
            (I32x4ExtMulHighI16x8U, $crate::eval::simd::widen::i32x4_extmul_high_i16x8_u)
            (I64x2Add, $crate::eval::simd::int::i64x2::add)
            (I64x2Sub, $crate::eval::simd::int::i64x2::sub)
            (I64x2Mul, $crate::eval::simd::int::i64x2::mul)
            (I64x2ExtMulLowI32x4S, $crate::eval::simd::widen::i64x2_extmul_low_i32x4_s)
            (I64x2ExtMulHighI32x4S, $crate::eval::simd::widen::i64x2_extmul_high_i32x4_s)
            (I64x2ExtMulLowI32x4U, $crate::eval::simd::widen::i64x2_extmul_low_i32x4_u)
            (I64x2ExtMulHighI32x4U, $crate::eval::simd::widen::i64x2_extmul_high_i32x4_u)
            (F32x4Add, $crate::eval::simd::float::f32x4::add)
            (F32x4Sub, $crate::eval::simd::float::f32x4::sub)
            (F32x4Mul, $crate::eval::simd::float::f32x4::mul)
            (F32x4Div, $crate::eval::simd::float::f32x4::div)
            (F32x4Min, $crate::eval::simd::float::f32x4::min)
            (F32x4Max, $crate::eval::simd::float::f32x4::max)
            (F32x4PMin, $crate::eval::simd::float::f32x4::pmin)
            (F32x4PMax, $crate::eval::simd::float::f32x4::pmax)
            (F64x2Add, $crate::eval::simd::float::f64x2::add)
            (F64x2Sub, $crate::eval::simd::float::f64x2::sub)
            (F64x2Mul, $crate::eval::simd::float::f64x2::mul)
            (F64x2Div, $crate::eval::simd::float::f64x2::div)
            (F64x2Min, $crate::eval::simd::float::f64x2::min)
            (F64x2Max, $crate::eval::simd::float::f64x2::max)
            (F64x2PMin, $crate::eval::simd::float::f64x2::pmin)
            (F64x2PMax, $crate::eval::simd::float::f64x2::pmax)
        }
    };
}

/// Operators of three vectors: `(Name, fn(V128, V128, V128) -> V128)`, the first operand pushed first.
#[macro_export]
macro_rules! for_v128_tern {
    ($m:ident) => {
        $m! {
            (V128Bitselect, $crate::eval::simd::int::bitselect)
        }
    };
}

/// Shifts: `(Name, fn(V128, i32) -> V128)`, the shift count second.
#[macro_export]
macro_rules! for_v128_shift {
    ($m:ident) => {
        $m! {
            (I8x16Shl, $crate::eval::simd::int::i8x16::shl)
            (I8x16ShrS, $crate::eval::simd::int::i8x16::shr_s)
            (I8x16ShrU, $crate::eval::simd::int::i8x16::shr_u)
            (I16x8Shl, $crate::eval::simd::int::i16x8::shl)
            (I16x8ShrS, $crate::eval::simd::int::i16x8::shr_s)
            (I16x8ShrU, $crate::eval::simd::int::i16x8::shr_u)
            (I32x4Shl, $crate::eval::simd::int::i32x4::shl)
            (I32x4ShrS, $crate::eval::simd::int::i32x4::shr_s)
            (I32x4ShrU, $crate::eval::simd::int::i32x4::shr_u)
            (I64x2Shl, $crate::eval::simd::int::i64x2::shl)
            (I64x2ShrS, $crate::eval::simd::int::i64x2::shr_s)
            (I64x2ShrU, $crate::eval::simd::int::i64x2::shr_u)
        }
    };
}

/// Reductions to a number: `(Name, fn(V128) -> i32)`.
#[macro_export]
macro_rules! for_v128_test {
    ($m:ident) => {
        $m! {
            (V128AnyTrue, $crate::eval::simd::int::any_true)
            (I8x16AllTrue, $crate::eval::simd::int::i8x16::all_true)
            (I8x16Bitmask, $crate::eval::simd::int::i8x16::bitmask)
            (I16x8AllTrue, $crate::eval::simd::int::i16x8::all_true)
            (I16x8Bitmask, $crate::eval::simd::int::i16x8::bitmask)
            (I32x4AllTrue, $crate::eval::simd::int::i32x4::all_true)
            (I32x4Bitmask, $crate::eval::simd::int::i32x4::bitmask)
            (I64x2AllTrue, $crate::eval::simd::int::i64x2::all_true)
            (I64x2Bitmask, $crate::eval::simd::int::i64x2::bitmask)
        }
    };
}

/// Splats: `(Name, scalar type, fn(scalar) -> V128)`.
#[macro_export]
macro_rules! for_v128_splat {
    ($m:ident) => {
        $m! {
            (I8x16Splat, i32, $crate::eval::simd::lanes::i8x16_splat)
            (I16x8Splat, i32, $crate::eval::simd::lanes::i16x8_splat)
            (I32x4Splat, i32, $crate::eval::simd::lanes::i32x4_splat)
            (I64x2Splat, i64, $crate::eval::simd::lanes::i64x2_splat)
            (F32x4Splat, f32, $crate::eval::simd::lanes::f32x4_splat)
            (F64x2Splat, f64, $crate::eval::simd::lanes::f64x2_splat)
        }
    };
}

/// Lane extractions; the lane is the immediate: `(Name, result type, lanes, fn(V128, lane: u8) -> result)`.
#[macro_export]
macro_rules! for_v128_extract {
    ($m:ident) => {
        $m! {
            (I8x16ExtractLaneS, i32, 16, $crate::eval::simd::lanes::i8x16_extract_lane_s)
            (I8x16ExtractLaneU, i32, 16, $crate::eval::simd::lanes::i8x16_extract_lane_u)
            (I16x8ExtractLaneS, i32, 8, $crate::eval::simd::lanes::i16x8_extract_lane_s)
            (I16x8ExtractLaneU, i32, 8, $crate::eval::simd::lanes::i16x8_extract_lane_u)
            (I32x4ExtractLane, i32, 4, $crate::eval::simd::lanes::i32x4_extract_lane)
            (I64x2ExtractLane, i64, 2, $crate::eval::simd::lanes::i64x2_extract_lane)
            (F32x4ExtractLane, f32, 4, $crate::eval::simd::lanes::f32x4_extract_lane)
            (F64x2ExtractLane, f64, 2, $crate::eval::simd::lanes::f64x2_extract_lane)
        }
    };
}

/// Lane replacements; the lane is the immediate: `(Name, scalar type, lanes, fn(V128, lane: u8, scalar) -> V128)`.
#[macro_export]
macro_rules! for_v128_replace {
    ($m:ident) => {
        $m! {
            (I8x16ReplaceLane, i32, 16, $crate::eval::simd::lanes::i8x16_replace_lane)
            (I16x8ReplaceLane, i32, 8, $crate::eval::simd::lanes::i16x8_replace_lane)
            (I32x4ReplaceLane, i32, 4, $crate::eval::simd::lanes::i32x4_replace_lane)
            (I64x2ReplaceLane, i64, 2, $crate::eval::simd::lanes::i64x2_replace_lane)
            (F32x4ReplaceLane, f32, 4, $crate::eval::simd::lanes::f32x4_replace_lane)
            (F64x2ReplaceLane, f64, 2, $crate::eval::simd::lanes::f64x2_replace_lane)
        }
    };
}

/// Loads of a whole vector: `(Name, BYTES, fn([u8; BYTES]) -> V128)`, the bytes read from memory.
#[macro_export]
macro_rules! for_v128_load {
    ($m:ident) => {
        $m! {
            (V128Load, 16, $crate::eval::simd::lanes::v128_load)
            (V128Load8x8S, 8, $crate::eval::simd::lanes::v128_load8x8_s)
            (V128Load8x8U, 8, $crate::eval::simd::lanes::v128_load8x8_u)
            (V128Load16x4S, 8, $crate::eval::simd::lanes::v128_load16x4_s)
            (V128Load16x4U, 8, $crate::eval::simd::lanes::v128_load16x4_u)
            (V128Load32x2S, 8, $crate::eval::simd::lanes::v128_load32x2_s)
            (V128Load32x2U, 8, $crate::eval::simd::lanes::v128_load32x2_u)
            (V128Load8Splat, 1, $crate::eval::simd::lanes::v128_load8_splat)
            (V128Load16Splat, 2, $crate::eval::simd::lanes::v128_load16_splat)
            (V128Load32Splat, 4, $crate::eval::simd::lanes::v128_load32_splat)
            (V128Load64Splat, 8, $crate::eval::simd::lanes::v128_load64_splat)
            (V128Load32Zero, 4, $crate::eval::simd::lanes::v128_load32_zero)
            (V128Load64Zero, 8, $crate::eval::simd::lanes::v128_load64_zero)
        }
    };
}

/// Loads of one lane; the lane is the immediate: `(Name, BYTES, fn(V128, lane: u8, [u8; BYTES]) -> V128)`.
#[macro_export]
macro_rules! for_v128_load_lane {
    ($m:ident) => {
        $m! {
            (V128Load8Lane, 1, $crate::eval::simd::lanes::v128_load8_lane)
            (V128Load16Lane, 2, $crate::eval::simd::lanes::v128_load16_lane)
            (V128Load32Lane, 4, $crate::eval::simd::lanes::v128_load32_lane)
            (V128Load64Lane, 8, $crate::eval::simd::lanes::v128_load64_lane)
        }
    };
}

/// Stores of one lane; the lane is the immediate: `(Name, BYTES, fn(V128, lane: u8) -> [u8; BYTES])`, the bytes to write.
#[macro_export]
macro_rules! for_v128_store_lane {
    ($m:ident) => {
        $m! {
            (V128Store8Lane, 1, $crate::eval::simd::lanes::v128_store8_lane)
            (V128Store16Lane, 2, $crate::eval::simd::lanes::v128_store16_lane)
            (V128Store32Lane, 4, $crate::eval::simd::lanes::v128_store32_lane)
            (V128Store64Lane, 8, $crate::eval::simd::lanes::v128_store64_lane)
        }
    };
}

/// Relaxed operators of one vector: `(Name, fn(V128) -> V128)`.
#[macro_export]
macro_rules! for_v128_relaxed_un {
    ($m:ident) => {
        $m! {
            (I32x4RelaxedTruncF32x4S, $crate::eval::simd::convert::i32x4_trunc_sat_f32x4_s)
            (I32x4RelaxedTruncF32x4U, $crate::eval::simd::convert::i32x4_trunc_sat_f32x4_u)
            (I32x4RelaxedTruncF64x2SZero, $crate::eval::simd::convert::i32x4_trunc_sat_f64x2_s_zero)
            (I32x4RelaxedTruncF64x2UZero, $crate::eval::simd::convert::i32x4_trunc_sat_f64x2_u_zero)
        }
    };
}

/// Relaxed operators of two vectors: `(Name, fn(V128, V128) -> V128)`, the first operand pushed first.
#[macro_export]
macro_rules! for_v128_relaxed_bin {
    ($m:ident) => {
        $m! {
            (I8x16RelaxedSwizzle, $crate::eval::simd::lanes::i8x16_swizzle)
            (F32x4RelaxedMin, $crate::eval::simd::float::f32x4::min)
            (F32x4RelaxedMax, $crate::eval::simd::float::f32x4::max)
            (F64x2RelaxedMin, $crate::eval::simd::float::f64x2::min)
            (F64x2RelaxedMax, $crate::eval::simd::float::f64x2::max)
            (I16x8RelaxedQ15mulrS, $crate::eval::simd::int::i16x8::q15mulr_sat_s)
            (I16x8RelaxedDotI8x16I7x16S, $crate::eval::simd::relaxed::i16x8_dot_i8x16_i7x16_s)
        }
    };
}

/// Relaxed operators of three vectors: `(Name, fn(V128, V128, V128) -> V128)`, the first operand pushed first.
#[macro_export]
macro_rules! for_v128_relaxed_tern {
    ($m:ident) => {
        $m! {
            (F32x4RelaxedMadd, $crate::eval::simd::relaxed::f32x4_madd)
            (F32x4RelaxedNmadd, $crate::eval::simd::relaxed::f32x4_nmadd)
            (F64x2RelaxedMadd, $crate::eval::simd::relaxed::f64x2_madd)
            (F64x2RelaxedNmadd, $crate::eval::simd::relaxed::f64x2_nmadd)
            (I8x16RelaxedLaneselect, $crate::eval::simd::int::bitselect)
            (I16x8RelaxedLaneselect, $crate::eval::simd::int::bitselect)
            (I32x4RelaxedLaneselect, $crate::eval::simd::int::bitselect)
            (I64x2RelaxedLaneselect, $crate::eval::simd::int::bitselect)
            (I32x4RelaxedDotI8x16I7x16AddS, $crate::eval::simd::relaxed::i32x4_dot_i8x16_i7x16_add_s)
        }
    };
}

/// Operators whose NaN results have bits that the specification leaves open: `(Name, lane width)`.
///
/// The width in bits tells which of [`canon_f32x4`](crate::eval::simd::float::canon_f32x4) and
/// [`canon_f64x2`](crate::eval::simd::float::canon_f64x2) settles them. Operators that only move
/// bits (abs, neg, pmin, pmax, lane moves) are not listed: their result is determined.
#[macro_export]
macro_rules! for_v128_nan {
    ($m:ident) => {
        $m! {
            (F32x4Ceil, 32)
            (F32x4Floor, 32)
            (F32x4Trunc, 32)
            (F32x4Nearest, 32)
            (F32x4Sqrt, 32)
            (F32x4Add, 32)
            (F32x4Sub, 32)
            (F32x4Mul, 32)
            (F32x4Div, 32)
            (F32x4Min, 32)
            (F32x4Max, 32)
            (F64x2Ceil, 64)
            (F64x2Floor, 64)
            (F64x2Trunc, 64)
            (F64x2Nearest, 64)
            (F64x2Sqrt, 64)
            (F64x2Add, 64)
            (F64x2Sub, 64)
            (F64x2Mul, 64)
            (F64x2Div, 64)
            (F64x2Min, 64)
            (F64x2Max, 64)
            (F32x4DemoteF64x2Zero, 32)
            (F64x2PromoteLowF32x4, 64)
            (F32x4RelaxedMin, 32)
            (F32x4RelaxedMax, 32)
            (F32x4RelaxedMadd, 32)
            (F32x4RelaxedNmadd, 32)
            (F64x2RelaxedMin, 64)
            (F64x2RelaxedMax, 64)
            (F64x2RelaxedMadd, 64)
            (F64x2RelaxedNmadd, 64)
        }
    };
}
