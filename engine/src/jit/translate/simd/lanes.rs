//! What moves lanes or looks at bits: constants, splats, shuffles, bitwise operators, tests, shifts.

use cranelift_codegen::ir::types::{self, F32X4, F64X2, I8X16, I16X8, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use wasmparser::Operator as O;

use super::super::Translator;
use crate::types::ValType::{self, F32, F64, I32, I64};

impl Translator<'_> {
    /// Operators for which lanes are only places; whether `op` is of that kind.
    pub(super) fn lanes(&mut self, op: &O<'_>) -> bool {
        macro_rules! bits {
            ($method:ident) => {{
                let (a, b) = self.pop_lanes_2(I8X16);
                let r = self.b.ins().$method(a, b);
                self.push_lanes(r)
            }};
        }
        // Cranelift takes the count modulo the width of a lane, as Wasm does.
        macro_rules! shift {
            ($ty:ident, $method:ident) => {{
                let count = self.pop();
                let a = self.pop_lanes($ty);
                let r = self.b.ins().$method(a, count);
                self.push_lanes(r)
            }};
        }
        match *op {
            O::V128Const { value } => {
                let r = self.vector_constant(*value.bytes());
                self.push_lanes(r);
            }
            O::I8x16Splat => self.splat(I8X16),
            O::I16x8Splat => self.splat(I16X8),
            O::I32x4Splat => self.splat(I32X4),
            O::I64x2Splat => self.splat(I64X2),
            O::F32x4Splat => self.splat(F32X4),
            O::F64x2Splat => self.splat(F64X2),
            O::I8x16ExtractLaneS { lane } => self.extract_small(I8X16, lane, true),
            O::I8x16ExtractLaneU { lane } => self.extract_small(I8X16, lane, false),
            O::I16x8ExtractLaneS { lane } => self.extract_small(I16X8, lane, true),
            O::I16x8ExtractLaneU { lane } => self.extract_small(I16X8, lane, false),
            O::I32x4ExtractLane { lane } => self.extract(I32X4, lane, I32),
            O::I64x2ExtractLane { lane } => self.extract(I64X2, lane, I64),
            O::F32x4ExtractLane { lane } => self.extract(F32X4, lane, F32),
            O::F64x2ExtractLane { lane } => self.extract(F64X2, lane, F64),
            O::I8x16ReplaceLane { lane } => self.replace(I8X16, lane),
            O::I16x8ReplaceLane { lane } => self.replace(I16X8, lane),
            O::I32x4ReplaceLane { lane } => self.replace(I32X4, lane),
            O::I64x2ReplaceLane { lane } => self.replace(I64X2, lane),
            O::F32x4ReplaceLane { lane } => self.replace(F32X4, lane),
            O::F64x2ReplaceLane { lane } => self.replace(F64X2, lane),
            O::I8x16Shuffle { lanes } => {
                let (a, b) = self.pop_lanes_2(I8X16);
                let lanes = self.b.func.dfg.immediates.push(lanes.to_vec().into());
                let r = self.b.ins().shuffle(a, b, lanes);
                self.push_lanes(r);
            }
            O::I8x16Swizzle | O::I8x16RelaxedSwizzle => bits!(swizzle),
            O::V128Not => {
                let a = self.pop_lanes(I8X16);
                let r = self.b.ins().bnot(a);
                self.push_lanes(r);
            }
            O::V128And => bits!(band),
            O::V128AndNot => bits!(band_not),
            O::V128Or => bits!(bor),
            O::V128Xor => bits!(bxor),
            O::V128Bitselect
            | O::I8x16RelaxedLaneselect
            | O::I16x8RelaxedLaneselect
            | O::I32x4RelaxedLaneselect
            | O::I64x2RelaxedLaneselect => {
                let (a, b, mask) = self.pop_lanes_3(I8X16);
                let r = self.b.ins().bitselect(mask, a, b);
                self.push_lanes(r);
            }
            O::V128AnyTrue => {
                let a = self.pop_lanes(I8X16);
                let bit = self.b.ins().vany_true(a);
                self.push_bit(bit);
            }
            O::I8x16AllTrue => self.all_true(I8X16),
            O::I16x8AllTrue => self.all_true(I16X8),
            O::I32x4AllTrue => self.all_true(I32X4),
            O::I64x2AllTrue => self.all_true(I64X2),
            O::I8x16Bitmask => self.bitmask(I8X16),
            O::I16x8Bitmask => self.bitmask(I16X8),
            O::I32x4Bitmask => self.bitmask(I32X4),
            O::I64x2Bitmask => self.bitmask(I64X2),
            O::I8x16Shl => shift!(I8X16, ishl),
            O::I16x8Shl => shift!(I16X8, ishl),
            O::I32x4Shl => shift!(I32X4, ishl),
            O::I64x2Shl => shift!(I64X2, ishl),
            O::I8x16ShrS => shift!(I8X16, sshr),
            O::I16x8ShrS => shift!(I16X8, sshr),
            O::I32x4ShrS => shift!(I32X4, sshr),
            O::I64x2ShrS => shift!(I64X2, sshr),
            O::I8x16ShrU => shift!(I8X16, ushr),
            O::I16x8ShrU => shift!(I16X8, ushr),
            O::I32x4ShrU => shift!(I32X4, ushr),
            O::I64x2ShrU => shift!(I64X2, ushr),
            _ => return false,
        }
        true
    }

    fn vector_constant(&mut self, bytes: [u8; 16]) -> Value {
        let bytes = self.b.func.dfg.constants.insert(bytes.to_vec().into());
        self.b.ins().vconst(I8X16, bytes)
    }

    /// Pops a number for a lane, of which narrow lanes keep the low bits.
    fn pop_lane(&mut self, lanes: Type) -> Value {
        let value = self.pop();
        let lane = lanes.lane_type();
        match self.b.func.dfg.value_type(value) == lane {
            true => value,
            false => self.b.ins().ireduce(lane, value),
        }
    }

    fn splat(&mut self, lanes: Type) {
        let value = self.pop_lane(lanes);
        let r = self.b.ins().splat(lanes, value);
        self.push_lanes(r);
    }

    fn replace(&mut self, lanes: Type, lane: u8) {
        let value = self.pop_lane(lanes);
        let a = self.pop_lanes(lanes);
        let r = self.b.ins().insertlane(a, value, lane);
        self.push_lanes(r);
    }

    fn extract(&mut self, lanes: Type, lane: u8, ty: ValType) {
        let a = self.pop_lanes(lanes);
        let r = self.b.ins().extractlane(a, lane);
        self.push(ty, r);
    }

    /// Extracts a lane that is narrower than a number.
    fn extract_small(&mut self, lanes: Type, lane: u8, signed: bool) {
        let a = self.pop_lanes(lanes);
        let value = self.b.ins().extractlane(a, lane);
        let r = match signed {
            true => self.b.ins().sextend(types::I32, value),
            false => self.b.ins().uextend(types::I32, value),
        };
        self.push(I32, r);
    }

    fn all_true(&mut self, lanes: Type) {
        let a = self.pop_lanes(lanes);
        let bit = self.b.ins().vall_true(a);
        self.push_bit(bit);
    }

    fn bitmask(&mut self, lanes: Type) {
        let a = self.pop_lanes(lanes);
        let r = self.b.ins().vhigh_bits(types::I32, a);
        self.push(I32, r);
    }
}
