//! Instructions on memories, tables and segments as wholes.

use probity_interp::op::Kind;
use wasmparser::Operator as O;

use super::Lowering;
use crate::code::slow_op::SlowOp;
use crate::types::ValType;

impl<'a> Lowering<'a> {
    /// Instructions on memories, tables and segments as wholes.
    pub(super) fn bulk(&mut self, op: &O<'_>) {
        let m = &self.module.inner;
        let address = |memory: u32| {
            if m.memories[memory as usize].memory64 {
                ValType::I64
            } else {
                ValType::I32
            }
        };
        let index = |table: u32| {
            if m.tables[table as usize].ty.table64 {
                ValType::I64
            } else {
                ValType::I32
            }
        };
        let top = self.top();
        let (one, two, three) = (
            |s: &Self| s.lowest(1),
            |s: &Self| s.lowest(2),
            |s: &Self| s.lowest(3),
        );
        let (pops, push) = match *op {
            O::MemorySize { mem } => {
                let ty = address(mem);
                self.emit(Kind::MemorySize, mem, top, 0);
                (0, Some(ty))
            }
            O::MemoryGrow { mem } => {
                let ty = address(mem);
                self.emit_slow(SlowOp::MemoryGrow, mem, one(self));
                (1, Some(ty))
            }
            O::MemoryFill { mem } => {
                self.emit_slow(SlowOp::MemoryFill, mem, three(self));
                (3, None)
            }
            O::MemoryCopy { dst_mem, src_mem } => {
                self.emit_slow_data(SlowOp::MemoryCopy, dst_mem, three(self), src_mem);
                (3, None)
            }
            O::MemoryInit { data_index, mem } => {
                self.emit_slow_data(SlowOp::MemoryInit, mem, three(self), data_index);
                (3, None)
            }
            O::DataDrop { data_index } => {
                self.emit_slow(SlowOp::DataDrop, data_index, top);
                (0, None)
            }
            O::TableGet { table } => {
                let ty = ValType::Ref(m.tables[table as usize].ty.element);
                self.emit_slow(SlowOp::TableGet, table, one(self));
                (1, Some(ty))
            }
            O::TableSet { table } => {
                self.emit_slow(SlowOp::TableSet, table, two(self));
                (2, None)
            }
            O::TableSize { table } => {
                let ty = index(table);
                self.emit_slow(SlowOp::TableSize, table, top);
                (0, Some(ty))
            }
            O::TableGrow { table } => {
                let ty = index(table);
                self.emit_slow(SlowOp::TableGrow, table, two(self));
                (2, Some(ty))
            }
            O::TableFill { table } => {
                self.emit_slow(SlowOp::TableFill, table, three(self));
                (3, None)
            }
            O::TableCopy {
                dst_table,
                src_table,
            } => {
                self.emit_slow_data(SlowOp::TableCopy, dst_table, three(self), src_table);
                (3, None)
            }
            O::TableInit { elem_index, table } => {
                self.emit_slow_data(SlowOp::TableInit, table, three(self), elem_index);
                (3, None)
            }
            O::ElemDrop { elem_index } => {
                self.emit_slow(SlowOp::ElemDrop, elem_index, top);
                (0, None)
            }
            _ => (0, None),
        };
        self.pop_many(pops);
        if let Some(ty) = push {
            self.push(ty);
        }
    }
}
