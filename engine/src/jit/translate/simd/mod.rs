//! SIMD, strict and relaxed.
//!
//! A v128 is held as `I8X16` whatever its lanes are, so that locals, operands and parameters of
//! blocks have one type for it. Operators on other lanes cast it, which takes no instruction.
//!
//! Relaxed operators do what their rows in `probity_interp::eval::simd::table` say: it must not
//! depend on the tier which of the allowed outcomes a program sees.

mod arithmetic;
mod convert;
mod lanes;
mod memory;
#[cfg(test)]
mod tests;

use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Type, Value, types};
use wasmparser::Operator as O;

use super::Translator;
use crate::types::ValType::V128;

impl Translator<'_> {
    /// SIMD operators; whether `op` is one.
    pub(super) fn vector(&mut self, op: &O<'_>) -> bool {
        self.lanes(op)
            || self.integer_lanes(op)
            || self.float_lanes(op)
            || self.convert_lanes(op)
            || self.vector_access(op)
    }

    /// The same bits as lanes of another type. Lane 0 is in the lowest bits in each of them.
    fn cast(&mut self, value: Value, ty: Type) -> Value {
        if self.b.func.dfg.value_type(value) == ty {
            return value;
        }
        let flags = MemFlagsData::new().with_endianness(Endianness::Little);
        self.b.ins().bitcast(ty, flags, value)
    }

    /// Pops a vector as lanes of this type.
    fn pop_lanes(&mut self, ty: Type) -> Value {
        let value = self.pop();
        self.cast(value, ty)
    }

    /// Pops two, of which the second is on top.
    fn pop_lanes_2(&mut self, ty: Type) -> (Value, Value) {
        let b = self.pop_lanes(ty);
        let a = self.pop_lanes(ty);
        (a, b)
    }

    /// Pops three, of which the third is on top.
    fn pop_lanes_3(&mut self, ty: Type) -> (Value, Value, Value) {
        let c = self.pop_lanes(ty);
        let (a, b) = self.pop_lanes_2(ty);
        (a, b, c)
    }

    /// Pushes a vector of any lanes.
    fn push_lanes(&mut self, value: Value) {
        let value = self.cast(value, types::I8X16);
        self.push(V128, value);
    }
}
