//! Instructions that run in the engine: operands go to their slots, and results come from there.

use cranelift_codegen::ir::InstBuilder;
use wasmparser::Operator as O;

use super::super::abi;
use super::super::stubs::Exit;
use super::super::thunks::store_slot;
use super::{Region, Translator};
use crate::runtime::slot_offsets;
use crate::tier::code::SiteKind;
use crate::types::ValType::{self, I32, I64};

impl Translator<'_> {
    /// Instructions on memories, tables and segments as wholes; whether `op` is one.
    pub(super) fn slow(&mut self, op: &O<'_>) -> bool {
        let address = |m: u32| match self.m.memories[m as usize].memory64 {
            true => I64,
            false => I32,
        };
        let index = |t: u32| match self.m.tables[t as usize].ty.table64 {
            true => I64,
            false => I32,
        };
        let (pops, push) = match *op {
            O::MemorySize { mem } => (0, Some(address(mem))),
            O::MemoryGrow { mem } => (1, Some(address(mem))),
            O::MemoryFill { .. } | O::MemoryCopy { .. } | O::MemoryInit { .. } => (3, None),
            O::DataDrop { .. } | O::ElemDrop { .. } => (0, None),
            O::TableGrow { table } => (2, Some(index(table))),
            O::TableFill { .. } | O::TableCopy { .. } | O::TableInit { .. } => (3, None),
            _ => return false,
        };
        self.slow_op(pops, push.as_slice());
        true
    }

    /// Runs the current operator in the engine.
    pub(super) fn slow_op(&mut self, pops: usize, pushes: &[ValType]) {
        let from = self.stack.len() - pops;
        for at in from..self.stack.len() {
            let operand = self.stack[at];
            store_slot(&mut self.b, operand.value, self.fp, operand.slot);
        }
        self.stack.truncate(from);
        let base = self.top_slot();
        let kind = SiteKind::Slow {
            cell: self.plain.own_cell(self.pc) as u32,
        };
        let exit = self.exit(Exit::Slow, 1);
        self.call_site(exit, &[self.ctx, self.fp], kind);
        let flags = self.flags(Region::Frame);
        for (ty, slot) in slot_offsets(pushes, base) {
            let value = self
                .b
                .ins()
                .load(abi::clif_type(ty), flags, self.fp, slot as i32 * 8);
            self.push(ty, value);
        }
    }
}
