//! Arithmetic and comparisons, lane by lane.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Type};
use wasmparser::Operator as O;

use super::super::Translator;

/// Instructions on all lanes, by the method that makes them.
macro_rules! lane_instructions {
    ($self:ident) => {
        macro_rules! unary {
            ($ty:ident, $method:ident) => {{
                let a = $self.pop_lanes($ty);
                let r = $self.b.ins().$method(a);
                $self.push_lanes(r)
            }};
        }
        macro_rules! binary {
            ($ty:ident, $method:ident) => {{
                let (a, b) = $self.pop_lanes_2($ty);
                let r = $self.b.ins().$method(a, b);
                $self.push_lanes(r)
            }};
        }
    };
}

impl Translator<'_> {
    /// Integer lanes; whether `op` is of that kind.
    pub(super) fn integer_lanes(&mut self, op: &O<'_>) -> bool {
        lane_instructions!(self);
        match op {
            O::I8x16Abs => unary!(I8X16, iabs),
            O::I16x8Abs => unary!(I16X8, iabs),
            O::I32x4Abs => unary!(I32X4, iabs),
            O::I64x2Abs => unary!(I64X2, iabs),
            O::I8x16Neg => unary!(I8X16, ineg),
            O::I16x8Neg => unary!(I16X8, ineg),
            O::I32x4Neg => unary!(I32X4, ineg),
            O::I64x2Neg => unary!(I64X2, ineg),
            O::I8x16Popcnt => unary!(I8X16, popcnt),
            O::I8x16Add => binary!(I8X16, iadd),
            O::I16x8Add => binary!(I16X8, iadd),
            O::I32x4Add => binary!(I32X4, iadd),
            O::I64x2Add => binary!(I64X2, iadd),
            O::I8x16AddSatS => binary!(I8X16, sadd_sat),
            O::I16x8AddSatS => binary!(I16X8, sadd_sat),
            O::I8x16AddSatU => binary!(I8X16, uadd_sat),
            O::I16x8AddSatU => binary!(I16X8, uadd_sat),
            O::I8x16Sub => binary!(I8X16, isub),
            O::I16x8Sub => binary!(I16X8, isub),
            O::I32x4Sub => binary!(I32X4, isub),
            O::I64x2Sub => binary!(I64X2, isub),
            O::I8x16SubSatS => binary!(I8X16, ssub_sat),
            O::I16x8SubSatS => binary!(I16X8, ssub_sat),
            O::I8x16SubSatU => binary!(I8X16, usub_sat),
            O::I16x8SubSatU => binary!(I16X8, usub_sat),
            O::I16x8Mul => binary!(I16X8, imul),
            O::I32x4Mul => binary!(I32X4, imul),
            O::I64x2Mul => binary!(I64X2, imul),
            O::I8x16MinS => binary!(I8X16, smin),
            O::I16x8MinS => binary!(I16X8, smin),
            O::I32x4MinS => binary!(I32X4, smin),
            O::I8x16MinU => binary!(I8X16, umin),
            O::I16x8MinU => binary!(I16X8, umin),
            O::I32x4MinU => binary!(I32X4, umin),
            O::I8x16MaxS => binary!(I8X16, smax),
            O::I16x8MaxS => binary!(I16X8, smax),
            O::I32x4MaxS => binary!(I32X4, smax),
            O::I8x16MaxU => binary!(I8X16, umax),
            O::I16x8MaxU => binary!(I16X8, umax),
            O::I32x4MaxU => binary!(I32X4, umax),
            O::I8x16AvgrU => binary!(I8X16, avg_round),
            O::I16x8AvgrU => binary!(I16X8, avg_round),
            O::I16x8Q15MulrSatS | O::I16x8RelaxedQ15mulrS => binary!(I16X8, sqmul_round_sat),
            O::I8x16Eq => self.compare_integers(I8X16, IntCC::Equal),
            O::I16x8Eq => self.compare_integers(I16X8, IntCC::Equal),
            O::I32x4Eq => self.compare_integers(I32X4, IntCC::Equal),
            O::I64x2Eq => self.compare_integers(I64X2, IntCC::Equal),
            O::I8x16Ne => self.compare_integers(I8X16, IntCC::NotEqual),
            O::I16x8Ne => self.compare_integers(I16X8, IntCC::NotEqual),
            O::I32x4Ne => self.compare_integers(I32X4, IntCC::NotEqual),
            O::I64x2Ne => self.compare_integers(I64X2, IntCC::NotEqual),
            O::I8x16LtS => self.compare_integers(I8X16, IntCC::SignedLessThan),
            O::I16x8LtS => self.compare_integers(I16X8, IntCC::SignedLessThan),
            O::I32x4LtS => self.compare_integers(I32X4, IntCC::SignedLessThan),
            O::I64x2LtS => self.compare_integers(I64X2, IntCC::SignedLessThan),
            O::I8x16LtU => self.compare_integers(I8X16, IntCC::UnsignedLessThan),
            O::I16x8LtU => self.compare_integers(I16X8, IntCC::UnsignedLessThan),
            O::I32x4LtU => self.compare_integers(I32X4, IntCC::UnsignedLessThan),
            O::I8x16GtS => self.compare_integers(I8X16, IntCC::SignedGreaterThan),
            O::I16x8GtS => self.compare_integers(I16X8, IntCC::SignedGreaterThan),
            O::I32x4GtS => self.compare_integers(I32X4, IntCC::SignedGreaterThan),
            O::I64x2GtS => self.compare_integers(I64X2, IntCC::SignedGreaterThan),
            O::I8x16GtU => self.compare_integers(I8X16, IntCC::UnsignedGreaterThan),
            O::I16x8GtU => self.compare_integers(I16X8, IntCC::UnsignedGreaterThan),
            O::I32x4GtU => self.compare_integers(I32X4, IntCC::UnsignedGreaterThan),
            O::I8x16LeS => self.compare_integers(I8X16, IntCC::SignedLessThanOrEqual),
            O::I16x8LeS => self.compare_integers(I16X8, IntCC::SignedLessThanOrEqual),
            O::I32x4LeS => self.compare_integers(I32X4, IntCC::SignedLessThanOrEqual),
            O::I64x2LeS => self.compare_integers(I64X2, IntCC::SignedLessThanOrEqual),
            O::I8x16LeU => self.compare_integers(I8X16, IntCC::UnsignedLessThanOrEqual),
            O::I16x8LeU => self.compare_integers(I16X8, IntCC::UnsignedLessThanOrEqual),
            O::I32x4LeU => self.compare_integers(I32X4, IntCC::UnsignedLessThanOrEqual),
            O::I8x16GeS => self.compare_integers(I8X16, IntCC::SignedGreaterThanOrEqual),
            O::I16x8GeS => self.compare_integers(I16X8, IntCC::SignedGreaterThanOrEqual),
            O::I32x4GeS => self.compare_integers(I32X4, IntCC::SignedGreaterThanOrEqual),
            O::I64x2GeS => self.compare_integers(I64X2, IntCC::SignedGreaterThanOrEqual),
            O::I8x16GeU => self.compare_integers(I8X16, IntCC::UnsignedGreaterThanOrEqual),
            O::I16x8GeU => self.compare_integers(I16X8, IntCC::UnsignedGreaterThanOrEqual),
            O::I32x4GeU => self.compare_integers(I32X4, IntCC::UnsignedGreaterThanOrEqual),
            _ => return false,
        }
        true
    }

    /// Floating-point lanes; whether `op` is of that kind.
    pub(super) fn float_lanes(&mut self, op: &O<'_>) -> bool {
        lane_instructions!(self);
        match op {
            O::F32x4Abs => unary!(F32X4, fabs),
            O::F64x2Abs => unary!(F64X2, fabs),
            O::F32x4Neg => unary!(F32X4, fneg),
            O::F64x2Neg => unary!(F64X2, fneg),
            O::F32x4Ceil => unary!(F32X4, ceil),
            O::F64x2Ceil => unary!(F64X2, ceil),
            O::F32x4Floor => unary!(F32X4, floor),
            O::F64x2Floor => unary!(F64X2, floor),
            O::F32x4Trunc => unary!(F32X4, trunc),
            O::F64x2Trunc => unary!(F64X2, trunc),
            O::F32x4Nearest => unary!(F32X4, nearest),
            O::F64x2Nearest => unary!(F64X2, nearest),
            O::F32x4Sqrt => unary!(F32X4, sqrt),
            O::F64x2Sqrt => unary!(F64X2, sqrt),
            O::F32x4Add => binary!(F32X4, fadd),
            O::F64x2Add => binary!(F64X2, fadd),
            O::F32x4Sub => binary!(F32X4, fsub),
            O::F64x2Sub => binary!(F64X2, fsub),
            O::F32x4Mul => binary!(F32X4, fmul),
            O::F64x2Mul => binary!(F64X2, fmul),
            O::F32x4Div => binary!(F32X4, fdiv),
            O::F64x2Div => binary!(F64X2, fdiv),
            O::F32x4Min | O::F32x4RelaxedMin => binary!(F32X4, fmin),
            O::F64x2Min | O::F64x2RelaxedMin => binary!(F64X2, fmin),
            O::F32x4Max | O::F32x4RelaxedMax => binary!(F32X4, fmax),
            O::F64x2Max | O::F64x2RelaxedMax => binary!(F64X2, fmax),
            O::F32x4PMin => self.pseudo_min(F32X4),
            O::F64x2PMin => self.pseudo_min(F64X2),
            O::F32x4PMax => self.pseudo_max(F32X4),
            O::F64x2PMax => self.pseudo_max(F64X2),
            O::F32x4RelaxedMadd => self.multiply_add(F32X4, false),
            O::F64x2RelaxedMadd => self.multiply_add(F64X2, false),
            O::F32x4RelaxedNmadd => self.multiply_add(F32X4, true),
            O::F64x2RelaxedNmadd => self.multiply_add(F64X2, true),
            O::F32x4Eq => self.compare_floats(F32X4, FloatCC::Equal),
            O::F64x2Eq => self.compare_floats(F64X2, FloatCC::Equal),
            O::F32x4Ne => self.compare_floats(F32X4, FloatCC::NotEqual),
            O::F64x2Ne => self.compare_floats(F64X2, FloatCC::NotEqual),
            O::F32x4Lt => self.compare_floats(F32X4, FloatCC::LessThan),
            O::F64x2Lt => self.compare_floats(F64X2, FloatCC::LessThan),
            O::F32x4Gt => self.compare_floats(F32X4, FloatCC::GreaterThan),
            O::F64x2Gt => self.compare_floats(F64X2, FloatCC::GreaterThan),
            O::F32x4Le => self.compare_floats(F32X4, FloatCC::LessThanOrEqual),
            O::F64x2Le => self.compare_floats(F64X2, FloatCC::LessThanOrEqual),
            O::F32x4Ge => self.compare_floats(F32X4, FloatCC::GreaterThanOrEqual),
            O::F64x2Ge => self.compare_floats(F64X2, FloatCC::GreaterThanOrEqual),
            _ => return false,
        }
        true
    }

    fn compare_integers(&mut self, ty: Type, cc: IntCC) {
        let (a, b) = self.pop_lanes_2(ty);
        let mask = self.b.ins().icmp(cc, a, b);
        self.push_lanes(mask);
    }

    fn compare_floats(&mut self, ty: Type, cc: FloatCC) {
        let (a, b) = self.pop_lanes_2(ty);
        let mask = self.b.ins().fcmp(cc, a, b);
        self.push_lanes(mask);
    }

    /// `b < a ? b : a`, which no NaN or zero makes anything else.
    fn pseudo_min(&mut self, ty: Type) {
        let (a, b) = self.pop_lanes_2(ty);
        let less = self.b.ins().fcmp(FloatCC::LessThan, b, a);
        let less = self.cast(less, ty);
        let r = self.b.ins().bitselect(less, b, a);
        self.push_lanes(r);
    }

    /// `a < b ? b : a`.
    fn pseudo_max(&mut self, ty: Type) {
        let (a, b) = self.pop_lanes_2(ty);
        let less = self.b.ins().fcmp(FloatCC::LessThan, a, b);
        let less = self.cast(less, ty);
        let r = self.b.ins().bitselect(less, b, a);
        self.push_lanes(r);
    }

    /// `a * b + c` or `-a * b + c`, in two roundings.
    fn multiply_add(&mut self, ty: Type, negate: bool) {
        let (a, b, c) = self.pop_lanes_3(ty);
        let a = match negate {
            true => self.b.ins().fneg(a),
            false => a,
        };
        let product = self.b.ins().fmul(a, b);
        let r = self.b.ins().fadd(product, c);
        self.push_lanes(r);
    }
}
