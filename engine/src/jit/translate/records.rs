//! Records that probes write to buffers.
//!
//! Where the next record begins is in memory at all times, so that whoever takes over finds it there. But one record
//! would have to wait until it can be loaded again behind the last; so the code also has it in a register, for one buffer
//! of a function, and only loads it behind what may write records elsewhere.

use std::sync::Arc;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder, Value, types};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::Variable;

use super::super::{abi, stubs};
use super::{Region, Translator};
use crate::hook::{self, Buffer, Taken};
use crate::tier::watch::{InPlace, WatchPlan, WatchSite};

/// A buffer, and the variable that holds where its next record begins.
pub(super) struct Held {
    buffer: usize,
    cursor: Variable,
}

fn address(buffer: &Arc<Buffer>) -> usize {
    Arc::as_ptr(buffer).expose_provenance()
}

/// Some buffer that the function writes records to.
fn any_buffer(watch: &WatchPlan) -> Option<usize> {
    let inline = watch.sites.values().filter_map(|site| match site {
        WatchSite::Inline(steps) => Some(steps),
        WatchSite::Fire(_) => None,
    });
    let buffers = inline.flatten().filter_map(|step| match &step.action {
        InPlace::Record { buffer, .. } => Some(address(buffer)),
        InPlace::Count(_) | InPlace::Call { .. } | InPlace::Outside { .. } => None,
    });
    // Which one must not hang on the order of a table.
    buffers.min()
}

impl Translator<'_> {
    /// Chooses the buffer whose cursor is held. At the beginning of the code.
    pub(super) fn hold_cursor(&mut self) {
        let buffer = self.watch.as_ref().and_then(|watch| any_buffer(watch));
        self.cursor = buffer.map(|buffer| Held {
            buffer,
            cursor: self.b.declare_var(types::I64),
        });
        self.reload_cursor();
    }

    /// Control comes from where records may have been written.
    pub(super) fn reload_cursor(&mut self) {
        if let Some(Held { buffer, cursor }) = self.cursor {
            let value = self.load_cursor(buffer);
            self.b.def_var(cursor, value);
        }
    }

    fn load_cursor(&mut self, buffer: usize) -> Value {
        let buffer = self.b.ins().iconst(types::I64, buffer as i64);
        let flags = self.flags(Region::Rings);
        self.b.ins().load(types::I64, flags, buffer, hook::CURSOR)
    }

    /// The variable of a buffer's cursor, if that is the one that is held.
    fn held_cursor(&self, buffer: usize) -> Option<Variable> {
        let held = self.cursor.as_ref()?;
        (held.buffer == buffer).then_some(held.cursor)
    }

    /// Writes a record; gives whether the buffer is full.
    pub(super) fn write_record(
        &mut self,
        taken: &[Taken],
        tag: u64,
        buffer: &Arc<Buffer>,
    ) -> Value {
        let buffer = address(buffer);
        let cursor = match self.held_cursor(buffer) {
            Some(variable) => self.b.use_var(variable),
            None => self.load_cursor(buffer),
        };
        let words = self.flags(Region::Records);
        let tag = self.b.ins().iconst(types::I64, tag as i64);
        self.b.ins().store(words, tag, cursor, 0);
        for (i, taken) in taken.iter().enumerate() {
            let value = self.taken(taken);
            self.b.ins().store(words, value, cursor, 8 * (i as i32 + 1));
        }
        let bytes = 8 * (taken.len() as i64 + 1);
        let behind = self.b.ins().iadd_imm_s(cursor, bytes);
        if let Some(variable) = self.held_cursor(buffer) {
            self.b.def_var(variable, behind);
        }
        let fixed = self.flags(Region::Rings);
        let buffer = self.b.ins().iconst(types::I64, buffer as i64);
        self.b.ins().store(fixed, behind, buffer, hook::CURSOR);
        let limit = self.b.ins().load(types::I64, fixed, buffer, hook::LIMIT);
        let over = IntCC::UnsignedGreaterThanOrEqual;
        self.b.ins().icmp(over, behind, limit)
    }

    /// Hands on the records of a buffer that is full; gives whether that has failed.
    pub(super) fn drain(&mut self, buffer: &Arc<Buffer>, full: Value) -> Value {
        let next = self.b.create_block();
        let status = self.b.append_block_param(next, types::I64);
        let fine = self.b.ins().iconst(types::I64, 0);
        let cold = self.b.create_block();
        let fine = [BlockArg::Value(fine)];
        self.b.ins().brif(full, cold, &[], next, &fine);
        self.b.set_cold_block(cold);
        self.b.seal_block(cold);
        self.b.switch_to_block(cold);
        let drained = self.call_drain(address(buffer));
        self.b.ins().jump(next, &[BlockArg::Value(drained)]);
        self.b.seal_block(next);
        self.b.switch_to_block(next);
        status
    }

    /// The same where nothing else is to be done at the site: if it fails, the function is left.
    pub(super) fn drain_or_leave(&mut self, buffer: &Arc<Buffer>, full: Value) {
        let (cold, failed, next) = (
            self.b.create_block(),
            self.b.create_block(),
            self.b.create_block(),
        );
        self.b.ins().brif(full, cold, &[], next, &[]);
        for block in [cold, failed] {
            self.b.set_cold_block(block);
        }
        self.b.seal_block(cold);
        self.b.switch_to_block(cold);
        let drained = self.call_drain(address(buffer));
        self.b.ins().brif(drained, failed, &[], next, &[]);
        self.b.seal_block(next);
        self.b.seal_block(failed);
        self.b.switch_to_block(failed);
        self.leave_failed();
        self.b.switch_to_block(next);
    }

    fn call_drain(&mut self, buffer: usize) -> Value {
        let at = self.b.ins().iconst(types::I64, buffer as i64);
        // Such a call, alone of all, leaves loops their registers; it cannot have a result.
        let mut signature = abi::exit_signature(1);
        signature.call_conv = CallConv::PreserveAll;
        signature.returns.clear();
        let signature = self.b.import_signature(signature);
        let target = stubs::drain() as usize;
        let target = self.b.ins().iconst(types::I64, target as i64);
        let arguments = [self.ctx, at];
        self.b.ins().call_indirect(signature, target, &arguments);
        if self.held_cursor(buffer).is_some() {
            self.reload_cursor();
        }
        let flags = self.flags(Region::Rings);
        self.b.ins().load(types::I64, flags, at, hook::STATUS)
    }
}
