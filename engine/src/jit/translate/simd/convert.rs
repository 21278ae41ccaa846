//! Lanes to lanes of another width or kind.
//!
//! Cranelift compiles some of these only in the very combination that the Wasm operator is made of
//! (a conversion of `F64X2`, narrowed with zeros), and finds the one instruction for others.

use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Value};
use wasmparser::Operator as O;

use super::super::Translator;

impl Translator<'_> {
    /// Extensions, narrowings, conversions, and what multiplies or adds on the way; whether `op` is
    /// of that kind.
    pub(super) fn convert_lanes(&mut self, op: &O<'_>) -> bool {
        macro_rules! unary {
            ($ty:ident, $method:ident) => {{
                let a = self.pop_lanes($ty);
                let r = self.b.ins().$method(a);
                self.push_lanes(r)
            }};
        }
        macro_rules! binary {
            ($ty:ident, $method:ident) => {{
                let (a, b) = self.pop_lanes_2($ty);
                let r = self.b.ins().$method(a, b);
                self.push_lanes(r)
            }};
        }
        macro_rules! product {
            ($ty:ident, $widen:ident) => {{
                let (a, b) = self.pop_lanes_2($ty);
                let a = self.b.ins().$widen(a);
                let b = self.b.ins().$widen(b);
                let r = self.b.ins().imul(a, b);
                self.push_lanes(r)
            }};
        }
        macro_rules! pairwise {
            ($ty:ident, $low:ident, $high:ident) => {{
                let a = self.pop_lanes($ty);
                let low = self.b.ins().$low(a);
                let high = self.b.ins().$high(a);
                let r = self.b.ins().iadd_pairwise(low, high);
                self.push_lanes(r)
            }};
        }
        macro_rules! convert {
            ($from:ident, $to:ident, $method:ident) => {{
                let a = self.pop_lanes($from);
                let r = self.b.ins().$method($to, a);
                self.push_lanes(r)
            }};
        }
        macro_rules! convert_low {
            ($widen:ident, $method:ident) => {{
                let a = self.pop_lanes(I32X4);
                let low = self.b.ins().$widen(a);
                let r = self.b.ins().$method(F64X2, low);
                self.push_lanes(r)
            }};
        }
        macro_rules! truncate_zero {
            ($method:ident, $narrow:ident) => {{
                let a = self.pop_lanes(F64X2);
                let wide = self.b.ins().$method(I64X2, a);
                let zero = self.zero(I64X2);
                let r = self.b.ins().$narrow(wide, zero);
                self.push_lanes(r)
            }};
        }
        match op {
            O::I16x8ExtendLowI8x16S => unary!(I8X16, swiden_low),
            O::I16x8ExtendHighI8x16S => unary!(I8X16, swiden_high),
            O::I16x8ExtendLowI8x16U => unary!(I8X16, uwiden_low),
            O::I16x8ExtendHighI8x16U => unary!(I8X16, uwiden_high),
            O::I32x4ExtendLowI16x8S => unary!(I16X8, swiden_low),
            O::I32x4ExtendHighI16x8S => unary!(I16X8, swiden_high),
            O::I32x4ExtendLowI16x8U => unary!(I16X8, uwiden_low),
            O::I32x4ExtendHighI16x8U => unary!(I16X8, uwiden_high),
            O::I64x2ExtendLowI32x4S => unary!(I32X4, swiden_low),
            O::I64x2ExtendHighI32x4S => unary!(I32X4, swiden_high),
            O::I64x2ExtendLowI32x4U => unary!(I32X4, uwiden_low),
            O::I64x2ExtendHighI32x4U => unary!(I32X4, uwiden_high),
            O::I16x8ExtMulLowI8x16S => product!(I8X16, swiden_low),
            O::I16x8ExtMulHighI8x16S => product!(I8X16, swiden_high),
            O::I16x8ExtMulLowI8x16U => product!(I8X16, uwiden_low),
            O::I16x8ExtMulHighI8x16U => product!(I8X16, uwiden_high),
            O::I32x4ExtMulLowI16x8S => product!(I16X8, swiden_low),
            O::I32x4ExtMulHighI16x8S => product!(I16X8, swiden_high),
            O::I32x4ExtMulLowI16x8U => product!(I16X8, uwiden_low),
            O::I32x4ExtMulHighI16x8U => product!(I16X8, uwiden_high),
            O::I64x2ExtMulLowI32x4S => product!(I32X4, swiden_low),
            O::I64x2ExtMulHighI32x4S => product!(I32X4, swiden_high),
            O::I64x2ExtMulLowI32x4U => product!(I32X4, uwiden_low),
            O::I64x2ExtMulHighI32x4U => product!(I32X4, uwiden_high),
            O::I16x8ExtAddPairwiseI8x16S => pairwise!(I8X16, swiden_low, swiden_high),
            O::I16x8ExtAddPairwiseI8x16U => pairwise!(I8X16, uwiden_low, uwiden_high),
            O::I32x4ExtAddPairwiseI16x8S => pairwise!(I16X8, swiden_low, swiden_high),
            O::I32x4ExtAddPairwiseI16x8U => pairwise!(I16X8, uwiden_low, uwiden_high),
            O::I32x4DotI16x8S => {
                let (a, b) = self.pop_lanes_2(I16X8);
                let r = self.dot(a, b);
                self.push_lanes(r);
            }
            O::I16x8RelaxedDotI8x16I7x16S => {
                let (a, b) = self.pop_lanes_2(I8X16);
                let r = self.dot(a, b);
                self.push_lanes(r);
            }
            O::I32x4RelaxedDotI8x16I7x16AddS => {
                let c = self.pop_lanes(I32X4);
                let (a, b) = self.pop_lanes_2(I8X16);
                let sums = self.dot(a, b);
                let low = self.b.ins().swiden_low(sums);
                let high = self.b.ins().swiden_high(sums);
                let pairs = self.b.ins().iadd_pairwise(low, high);
                let r = self.b.ins().iadd(pairs, c);
                self.push_lanes(r);
            }
            O::I8x16NarrowI16x8S => binary!(I16X8, snarrow),
            O::I8x16NarrowI16x8U => binary!(I16X8, unarrow),
            O::I16x8NarrowI32x4S => binary!(I32X4, snarrow),
            O::I16x8NarrowI32x4U => binary!(I32X4, unarrow),
            O::I32x4TruncSatF32x4S | O::I32x4RelaxedTruncF32x4S => {
                convert!(F32X4, I32X4, fcvt_to_sint_sat);
            }
            O::I32x4TruncSatF32x4U | O::I32x4RelaxedTruncF32x4U => {
                convert!(F32X4, I32X4, fcvt_to_uint_sat);
            }
            O::I32x4TruncSatF64x2SZero | O::I32x4RelaxedTruncF64x2SZero => {
                truncate_zero!(fcvt_to_sint_sat, snarrow);
            }
            O::I32x4TruncSatF64x2UZero | O::I32x4RelaxedTruncF64x2UZero => {
                truncate_zero!(fcvt_to_uint_sat, uunarrow);
            }
            O::F32x4ConvertI32x4S => convert!(I32X4, F32X4, fcvt_from_sint),
            O::F32x4ConvertI32x4U => convert!(I32X4, F32X4, fcvt_from_uint),
            O::F64x2ConvertLowI32x4S => convert_low!(swiden_low, fcvt_from_sint),
            O::F64x2ConvertLowI32x4U => convert_low!(uwiden_low, fcvt_from_uint),
            O::F32x4DemoteF64x2Zero => unary!(F64X2, fvdemote),
            O::F64x2PromoteLowF32x4 => unary!(F32X4, fvpromote_low),
            _ => return false,
        }
        true
    }

    /// Wrapping sums of the products of neighbouring lanes, in lanes of twice the width.
    fn dot(&mut self, a: Value, b: Value) -> Value {
        let (x, y) = (self.b.ins().swiden_low(a), self.b.ins().swiden_low(b));
        let low = self.b.ins().imul(x, y);
        let (x, y) = (self.b.ins().swiden_high(a), self.b.ins().swiden_high(b));
        let high = self.b.ins().imul(x, y);
        self.b.ins().iadd_pairwise(low, high)
    }
}
