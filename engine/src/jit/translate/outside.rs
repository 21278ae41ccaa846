//! Functions that probes call when a value leaves its range: the comparison is in place, all else is out of the way.

use std::sync::Arc;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder, Value, types};
use cranelift_codegen::isa::CallConv;

use super::super::{abi, stubs};
use super::{Region, Translator};
use crate::hook::{self, OutsideCall, Taken};

impl Translator<'_> {
    /// Takes the values; gives whether one is outside of its range, and the values.
    pub(super) fn is_outside(
        &mut self,
        taken: &[Taken],
        call: &Arc<OutsideCall>,
    ) -> (Value, Vec<Value>) {
        let flags = self.flags(Region::Counters);
        let ranges = call.ranges().expose_provenance();
        let ranges = self.b.ins().iconst(types::I64, ranges as i64);
        let mut outside = None;
        let mut values = Vec::with_capacity(taken.len());
        for (i, taken) in taken.iter().enumerate() {
            let value = self.taken(taken);
            values.push(value);
            let at = 16 * i as i32;
            let first = self.b.ins().load(types::I64, flags, ranges, at);
            let length = self.b.ins().load(types::I64, flags, ranges, at + 8);
            let distance = self.b.ins().isub(value, first);
            let over = IntCC::UnsignedGreaterThanOrEqual;
            let this = self.b.ins().icmp(over, distance, length);
            outside = Some(match outside {
                Some(outside) => self.b.ins().bor(outside, this),
                None => this,
            });
        }
        let outside = outside.unwrap_or_else(|| self.b.ins().iconst(types::I8, 0));
        (outside, values)
    }

    /// Calls the function if a value is outside; gives whether it has failed.
    pub(super) fn call_if_outside(
        &mut self,
        call: &Arc<OutsideCall>,
        (outside, values): (Value, Vec<Value>),
    ) -> Value {
        let (cold, next) = (self.b.create_block(), self.b.create_block());
        let status = self.b.append_block_param(next, types::I64);
        let fine = self.b.ins().iconst(types::I64, 0);
        let fine = [BlockArg::Value(fine)];
        self.b.ins().brif(outside, cold, &[], next, &fine);
        self.b.set_cold_block(cold);
        self.b.seal_block(cold);
        self.b.switch_to_block(cold);
        let failed = self.call_outside(call, &values);
        self.b.ins().jump(next, &[BlockArg::Value(failed)]);
        self.b.seal_block(next);
        self.b.switch_to_block(next);
        status
    }

    /// The same where nothing else is to be done at the site: if it fails, the function is left.
    pub(super) fn call_outside_or_leave(
        &mut self,
        call: &Arc<OutsideCall>,
        (outside, values): (Value, Vec<Value>),
    ) {
        let (cold, failed, next) = (
            self.b.create_block(),
            self.b.create_block(),
            self.b.create_block(),
        );
        self.b.ins().brif(outside, cold, &[], next, &[]);
        for block in [cold, failed] {
            self.b.set_cold_block(block);
        }
        self.b.seal_block(cold);
        self.b.switch_to_block(cold);
        let status = self.call_outside(call, &values);
        self.b.ins().brif(status, failed, &[], next, &[]);
        self.b.seal_block(next);
        self.b.seal_block(failed);
        self.b.switch_to_block(failed);
        self.leave_failed();
        self.b.switch_to_block(next);
    }

    fn call_outside(&mut self, call: &Arc<OutsideCall>, values: &[Value]) -> Value {
        let at = Arc::as_ptr(call).expose_provenance();
        let at = self.b.ins().iconst(types::I64, at as i64);
        let flags = self.flags(Region::Rings);
        for (i, &value) in values.iter().enumerate() {
            let offset = hook::VALUES + 8 * i as i32;
            self.b.ins().store(flags, value, at, offset);
        }
        // As for a full buffer: registers stay as they are, so there is no result.
        let mut signature = abi::exit_signature(1);
        signature.call_conv = CallConv::PreserveAll;
        signature.returns.clear();
        let signature = self.b.import_signature(signature);
        let target = stubs::outside() as usize;
        let target = self.b.ins().iconst(types::I64, target as i64);
        let arguments = [self.ctx, at];
        self.b.ins().call_indirect(signature, target, &arguments);
        self.b.ins().load(types::I64, flags, at, hook::CALL_STATUS)
    }
}
