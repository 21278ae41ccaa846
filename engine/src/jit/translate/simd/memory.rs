//! Loads and stores of vectors and of their lanes.

use cranelift_codegen::ir::types::{I8X16, I16X8, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Type};
use wasmparser::{MemArg, Operator as O};

use super::super::Translator;

impl Translator<'_> {
    /// Whether `op` is a load or store of a vector or lane.
    pub(super) fn vector_access(&mut self, op: &O<'_>) -> bool {
        macro_rules! load_extend {
            ($memarg:ident, $method:ident) => {{
                let index = self.pop();
                let place = self.place($memarg, index, 8);
                let r = self.b.ins().$method(place.flags, place.address, 0);
                self.push_lanes(r)
            }};
        }
        match op {
            O::V128Load { memarg } => {
                let index = self.pop();
                let place = self.place(memarg, index, 16);
                let r = self.b.ins().load(I8X16, place.flags, place.address, 0);
                self.push_lanes(r);
            }
            O::V128Load8x8S { memarg } => load_extend!(memarg, sload8x8),
            O::V128Load8x8U { memarg } => load_extend!(memarg, uload8x8),
            O::V128Load16x4S { memarg } => load_extend!(memarg, sload16x4),
            O::V128Load16x4U { memarg } => load_extend!(memarg, uload16x4),
            O::V128Load32x2S { memarg } => load_extend!(memarg, sload32x2),
            O::V128Load32x2U { memarg } => load_extend!(memarg, uload32x2),
            O::V128Load8Splat { memarg } => self.load_splat(memarg, I8X16),
            O::V128Load16Splat { memarg } => self.load_splat(memarg, I16X8),
            O::V128Load32Splat { memarg } => self.load_splat(memarg, I32X4),
            O::V128Load64Splat { memarg } => self.load_splat(memarg, I64X2),
            O::V128Load32Zero { memarg } => self.load_zero(memarg, I32X4),
            O::V128Load64Zero { memarg } => self.load_zero(memarg, I64X2),
            O::V128Load8Lane { memarg, lane } => self.load_lane(memarg, I8X16, *lane),
            O::V128Load16Lane { memarg, lane } => self.load_lane(memarg, I16X8, *lane),
            O::V128Load32Lane { memarg, lane } => self.load_lane(memarg, I32X4, *lane),
            O::V128Load64Lane { memarg, lane } => self.load_lane(memarg, I64X2, *lane),
            O::V128Store { memarg } => {
                let value = self.pop();
                let index = self.pop();
                let place = self.place(memarg, index, 16);
                self.b.ins().store(place.flags, value, place.address, 0);
            }
            O::V128Store8Lane { memarg, lane } => self.store_lane(memarg, I8X16, *lane),
            O::V128Store16Lane { memarg, lane } => self.store_lane(memarg, I16X8, *lane),
            O::V128Store32Lane { memarg, lane } => self.store_lane(memarg, I32X4, *lane),
            O::V128Store64Lane { memarg, lane } => self.store_lane(memarg, I64X2, *lane),
            _ => return false,
        }
        true
    }

    /// All lanes from the same place.
    fn load_splat(&mut self, memarg: &MemArg, lanes: Type) {
        let index = self.pop();
        let lane = lanes.lane_type();
        let place = self.place(memarg, index, lane.bytes());
        let value = self.b.ins().load(lane, place.flags, place.address, 0);
        let r = self.b.ins().splat(lanes, value);
        self.push_lanes(r);
    }

    /// The lowest lane, the others zero.
    fn load_zero(&mut self, memarg: &MemArg, lanes: Type) {
        let index = self.pop();
        let lane = lanes.lane_type();
        let place = self.place(memarg, index, lane.bytes());
        let value = self.b.ins().load(lane, place.flags, place.address, 0);
        let r = self.b.ins().scalar_to_vector(lanes, value);
        self.push_lanes(r);
    }

    fn load_lane(&mut self, memarg: &MemArg, lanes: Type, number: u8) {
        let vector = self.pop_lanes(lanes);
        let index = self.pop();
        let lane = lanes.lane_type();
        let place = self.place(memarg, index, lane.bytes());
        let value = self.b.ins().load(lane, place.flags, place.address, 0);
        let r = self.b.ins().insertlane(vector, value, number);
        self.push_lanes(r);
    }

    fn store_lane(&mut self, memarg: &MemArg, lanes: Type, number: u8) {
        let vector = self.pop_lanes(lanes);
        let index = self.pop();
        let place = self.place(memarg, index, lanes.lane_type().bytes());
        let value = self.b.ins().extractlane(vector, number);
        self.b.ins().store(place.flags, value, place.address, 0);
    }
}
