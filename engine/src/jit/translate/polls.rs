//! Polls: at the header of a loop, does anybody want anything?
//!
//! The code that runs has no polls (`jit::quiet`); its twin leaves at each. What polls do to the
//! code around them matters all the more: they use nothing that the loop does not have anyway. The
//! condition is some register (the one that Cranelift could pin), at which nobody ever looks; live values go to the native frame; and the
//! frame on the value stack is found by the engine.

use cranelift_codegen::ir::{InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, types};

use super::super::abi;
use super::super::location::Location;
use super::sites::{DraftPlace, DraftValue, Live};
use super::{Region, Translator, trap_code};
use crate::tier::code::leaving;

/// A poll of a loop.
pub(crate) struct Poll {
    pub(crate) pc: u32,
    /// Live values, by their offset in [`Draft::poll_slot`](super::Draft). None if the poll stays in
    /// the code that runs, and looks at the context.
    pub(crate) values: Option<Vec<DraftValue>>,
}

/// Values of a poll that go to the native frame; it would become too large with more.
const VALUES_MAX: usize = 64;

impl Translator<'_> {
    pub(super) fn poll(&mut self) {
        let live = self.is_live_before();
        let count = live.iter().filter(|live| **live).count() + self.stack.len();
        if self.manner.loud || self.analysis.loop_info(self.at).has_bulk || count > VALUES_MAX {
            return self.loud_poll();
        }
        // What is stored last lives longest, and what lives longest is what the allocator finds a register
        // for first. So that is what the loop changes, and low numbers, which compilers give to
        // what they use most.
        let assigned = &self.analysis.loop_info(self.at).assigned;
        let is_live = |local: &u32| live[*local as usize];
        let (changed, others): (Vec<u32>, Vec<u32>) = (0..live.len() as u32)
            .rev()
            .filter(is_live)
            .partition(|&local| assigned.contains(local));
        let mut values: Vec<(u32, Live)> = Vec::with_capacity(count);
        let operands = self.stack.iter().rev();
        values.extend(operands.map(|operand| (operand.slot, Live::Value(operand.value))));
        for local in others.into_iter().chain(changed) {
            values.push(self.live_local(local));
        }
        let slot = *self.draft.poll_slot.get_or_insert_with(|| {
            let data = StackSlotData::new(StackSlotKind::ExplicitSlot, 8, 3);
            self.b.create_sized_stack_slot(data)
        });
        let number = self.draft.polls.len();
        self.b.set_srcloc(Location::Poll(number).source());
        let request = self.b.ins().get_pinned_reg(types::I64);
        let next = self.leave_if(request);
        self.b.set_srcloc(Location::Pc(self.pc).source());
        self.flush_held();
        let mut offset = 0;
        let base = self.b.ins().stack_addr(types::I64, slot, 0);
        let values = values.into_iter().map(|value| {
            self.draft_value(value, |this, value| {
                let at = offset;
                let flags = MemFlagsData::trusted();
                this.b.ins().store(flags, value, base, at);
                offset += this.b.func.dfg.value_type(value).bytes().max(8) as i32;
                DraftPlace::PollSlot(at as u32)
            })
        });
        let mut values: Vec<DraftValue> = values.collect();
        // Whoever reads them relies on that.
        values.sort_by_key(|value| value.slot);
        let size = &mut self.b.func.sized_stack_slots[slot].size;
        *size = (*size).max(offset as u32);
        self.b.ins().trap(trap_code(leaving::POLL.into()));
        self.b.switch_to_block(next);
        self.draft.polls.push(Poll {
            pc: self.pc,
            values: Some(values),
        });
    }

    /// A poll that is there at all times.
    fn loud_poll(&mut self) {
        let number = self.draft.polls.len();
        self.draft.polls.push(Poll {
            pc: self.pc,
            values: None,
        });
        let flags = self.flags(Region::Poll);
        // Loads of one address between which nothing is stored would be taken for the same, whatever
        // their regions, and a loop would test what it had seen before it began. So each poll has an
        // address of its own, from which the offset leads back.
        let apart = (number as i64 + 1) * 8;
        let base = self.b.ins().iadd_imm_s(self.ctx, apart);
        let offset = abi::CTX_POLL_REQUEST - apart as i32;
        let request = self.b.ins().load(types::I32, flags, base, offset);
        let next = self.leave_if(request);
        self.flush_held();
        self.store_frame(self.stack.len());
        self.leave_frame();
        self.b.switch_to_block(next);
    }
}
