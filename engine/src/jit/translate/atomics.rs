//! Atomic accesses (threads proposal), which are sequentially consistent. Waiting and waking run in
//! the engine.
//!
//! Checks come in the order of `runtime::slow::atomic`: alignment, then bounds.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{AtomicRmwOp, InstBuilder, Type, Value, types};
use probity_interp::eval::atomic::RmwOp;
use probity_interp::exit;
use wasmparser::Operator as O;

use super::super::abi;
use super::Translator;
use super::memory::Place;
use crate::code::atomic_op::{AtomicOp, atomic};
use crate::code::slow_op::SlowOp;
use crate::types::ValType;

/// Whether `op` is translated by [`Translator::atomic`] into a plain computation.
pub(super) fn is_access(op: &O<'_>) -> bool {
    matches!(op, O::AtomicFence { .. }) || atomic(op).is_some_and(|op| !waits(&op))
}

/// Whether it is about other threads that wait.
fn waits(op: &AtomicOp) -> bool {
    matches!(op.slow, SlowOp::AtomicWait | SlowOp::AtomicNotify)
}

impl Translator<'_> {
    /// Operators of the threads proposal; whether `op` is one.
    pub(super) fn atomic(&mut self, op: &O<'_>) -> bool {
        if let O::AtomicFence { .. } = op {
            self.b.ins().fence();
            return true;
        }
        let Some(op) = atomic(op) else {
            return false;
        };
        if waits(&op) {
            self.slow_op(op.pops, op.push.as_slice());
            return true;
        }
        let narrow = match op.access.log2 {
            0 => types::I8,
            1 => types::I16,
            2 => types::I32,
            _ => types::I64,
        };
        match op.slow {
            SlowOp::AtomicLoad => {
                let place = self.aligned_place(&op);
                let value = self.b.ins().atomic_load(narrow, place.flags, place.address);
                self.push_wide(op.push, value);
            }
            SlowOp::AtomicStore => {
                let value = self.pop_narrow(narrow);
                let place = self.aligned_place(&op);
                self.b.ins().atomic_store(place.flags, value, place.address);
            }
            SlowOp::AtomicRmw => {
                let value = self.pop_narrow(narrow);
                let place = self.aligned_place(&op);
                let change = match op.access.op {
                    RmwOp::Add => AtomicRmwOp::Add,
                    RmwOp::Sub => AtomicRmwOp::Sub,
                    RmwOp::And => AtomicRmwOp::And,
                    RmwOp::Or => AtomicRmwOp::Or,
                    RmwOp::Xor => AtomicRmwOp::Xor,
                    RmwOp::Xchg => AtomicRmwOp::Xchg,
                };
                let (flags, at) = (place.flags, place.address);
                let old = self.b.ins().atomic_rmw(narrow, flags, change, at, value);
                self.push_wide(op.push, old);
            }
            _ => self.compare_exchange(&op, narrow),
        }
        true
    }

    fn compare_exchange(&mut self, op: &AtomicOp, narrow: Type) {
        let new = self.pop_narrow(narrow);
        let wide = self.pop();
        let expected = self.narrow(wide, narrow);
        // The whole operand is compared. If it does not fit, the old value is to stay; to write
        // what was expected where that is found keeps it, too.
        let new = if expected == wide {
            new
        } else {
            let ty = self.b.func.dfg.value_type(wide);
            let again = self.b.ins().uextend(ty, expected);
            let fits = self.b.ins().icmp(IntCC::Equal, again, wide);
            self.b.ins().select(fits, new, expected)
        };
        let place = self.aligned_place(op);
        let (flags, at) = (place.flags, place.address);
        let old = self.b.ins().atomic_cas(flags, at, expected, new);
        self.push_wide(op.push, old);
    }

    fn narrow(&mut self, value: Value, ty: Type) -> Value {
        match self.b.func.dfg.value_type(value) == ty {
            true => value,
            false => self.b.ins().ireduce(ty, value),
        }
    }

    fn pop_narrow(&mut self, ty: Type) -> Value {
        let value = self.pop();
        self.narrow(value, ty)
    }

    /// Pushes the result of an access, zero-extended.
    fn push_wide(&mut self, ty: Option<ValType>, value: Value) {
        let ty = ty.expect("an access with a result");
        let wide = abi::clif_type(ty);
        let value = match self.b.func.dfg.value_type(value) == wide {
            true => value,
            false => self.b.ins().uextend(wide, value),
        };
        self.push(ty, value);
    }

    /// Pops the index of an access; gives its place, which is aligned and in bounds.
    fn aligned_place(&mut self, op: &AtomicOp) -> Place {
        let index = self.pop();
        let (memory, offset) = op.place;
        let bytes = 1 << op.access.log2;
        // Low bits of a sum depend on low bits alone.
        let low = bytes - 1;
        if low != 0 {
            let at = match offset & low {
                0 => index,
                more => self.b.ins().iadd_imm_s(index, more as i64),
            };
            let odd = self.b.ins().band_imm_u(at, low as i64);
            self.trap_if(odd, exit::UNALIGNED);
        }
        self.place_in(memory, offset, index, bytes as u32)
    }
}
