//! Tail calls: the callee's frame takes the place of the caller's, on both stacks.
//!
//! That is so between compiled functions of one instance. Any other tail call is left to the
//! interpreter, which takes over the frame and makes it: so control that goes to and fro between tiers
//! or instances needs no stack either.
//!
//! Here is looked first whether the callee fits on the stack: where it does not, the caller traps,
//! which is gone once the callee runs. A request of another thread shows there, too.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use probity_interp::exit;
use wasmparser::Operator as O;

use super::super::abi;
use super::{Region, Translator};

impl Translator<'_> {
    /// Tail calls; whether `op` is one that may be made here.
    pub(super) fn tail_call(&mut self, op: &O<'_>) -> bool {
        // Code for a loop has another convention.
        if self.osr.is_some() {
            return false;
        }
        match *op {
            O::ReturnCall { function_index } if function_index >= self.m.num_imported_funcs => {
                let offset = abi::record_offset(self.m, function_index);
                let record = self.b.ins().iadd_imm_s(self.ctx, i64::from(offset));
                self.replace_frame(record, self.m.funcs[function_index as usize], false);
            }
            O::ReturnCallIndirect {
                type_index,
                table_index,
            } => {
                let index = self.peek(1)[0];
                let record = self.callee_at(index, table_index);
                let flags = self.flags(Region::Record).with_readonly();
                let sig = self
                    .b
                    .ins()
                    .load(types::I32, flags, record, abi::RECORD_SIG);
                self.check_signature(sig, type_index);
                self.replace_frame(record, type_index, true);
            }
            O::ReturnCallRef { type_index } => {
                let record = self.peek(1)[0];
                let null = self.is_null(record);
                self.trap_if(null, exit::NULL_FUNCTION);
                self.replace_frame(record, type_index, true);
            }
            _ => return false,
        }
        self.dead = Some(0);
        true
    }

    /// Calls the function of a record in place of the current one. `chosen` if an operand, which lies
    /// on the arguments, has chosen it: then it may be of another instance.
    fn replace_frame(&mut self, record: Value, type_index: u32, chosen: bool) {
        let flags = self.flags(Region::Record);
        let thunk = self
            .b
            .ins()
            .load(types::I64, flags, record, abi::RECORD_THUNK);
        let mut here = self.b.ins().icmp_imm_u(IntCC::NotEqual, thunk, 0);
        if chosen {
            let fixed = flags.with_readonly();
            let home = self
                .b
                .ins()
                .load(types::I64, fixed, record, abi::RECORD_CTX);
            let same = self.b.ins().icmp(IntCC::Equal, home, self.ctx);
            here = self.b.ins().band(here, same);
        }
        let cost = self.b.ins().uload32(flags, record, abi::RECORD_COST);
        let bytes = self.b.ins().ishl_imm_u(cost, 3);
        let end = self.b.ins().iadd(self.fp, bytes);
        let flags = self.flags(Region::Poll);
        let limit = self
            .b
            .ins()
            .load(types::I64, flags, self.ctx, abi::CTX_POLL_LIMIT);
        let fits = self
            .b
            .ins()
            .icmp(IntCC::UnsignedLessThanOrEqual, end, limit);
        let here = self.b.ins().band(here, fits);
        let (call, other) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(here, call, &[], other, &[]);
        self.b.set_cold_block(other);
        self.b.seal_block(other);
        self.b.switch_to_block(other);
        self.give_back();
        self.store_frame(self.stack.len());
        self.leave_frame();
        self.b.seal_block(call);
        self.b.switch_to_block(call);
        if chosen {
            self.pop();
        }
        let flags = self.flags(Region::Record);
        let native = self
            .b
            .ins()
            .load(types::I64, flags, record, abi::RECORD_NATIVE);
        let ty = self.m.types[type_index as usize].func();
        let arguments = self.arguments(ty.params(), self.fp);
        let signature = self.b.import_signature(abi::tail_signature(ty));
        self.b
            .ins()
            .return_call_indirect(signature, native, &arguments);
    }
}
