//! Instructions on memories, tables and segments as wholes.

use probity_interp::op::Kind;
use wasmparser::Operator as O;

use super::Lowering;
use crate::code::atomic_op;
use crate::code::classify;
use crate::code::slow_op::SlowOp;
use crate::types::ValType;

impl<'a> Lowering<'a> {
    /// Whether loads and stores of a memory take the interpreter's short path.
    pub(super) fn is_short_path(&self, memory: u32) -> bool {
        memory == 0 && self.module.inner.memories[0].is_plain()
    }

    /// The data cell that names a memory and an offset in it.
    pub(super) fn emit_place(&mut self, memory: u32, offset: u64) {
        let is_64 = self.module.inner.memories[memory as usize].memory64;
        self.emit_data(offset, u64::from(memory) | u64::from(is_64) << 32);
    }

    /// Atomic accesses; false if the operator is none.
    pub(super) fn atomic(&mut self, op: &O<'_>) -> bool {
        if let O::AtomicFence { .. } = op {
            let top = self.top();
            self.emit_slow(SlowOp::AtomicFence, 0, top);
            return true;
        }
        let Some(atomic) = atomic_op::atomic(op) else {
            return false;
        };
        let slot = self.lowest(atomic.pops);
        let imm = atomic.access.to_imm();
        self.emit(Kind::SlowData, imm, slot, atomic.slow as u16);
        self.emit_place(atomic.place.0, atomic.place.1);
        self.pop_many(atomic.pops);
        if let Some(ty) = atomic.push {
            self.push(ty);
        }
        true
    }

    /// Wide arithmetic; false if the operator is none.
    pub(super) fn wide(&mut self, op: &O<'_>) -> bool {
        let Some((kind, pops)) = classify::wide(op) else {
            return false;
        };
        let slot = self.lowest(pops);
        self.emit(kind, 0, slot, 0);
        self.pop_many(pops);
        self.push_all(&[ValType::I64; 2]);
        true
    }

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
                let address = address(mem);
                let ty = &m.memories[mem as usize];
                if mem == 0 && ty.is_plain() && ty.page_size_log2 == 16 {
                    self.emit(Kind::MemorySize, mem, top, 0);
                } else {
                    self.emit_slow(SlowOp::MemorySize, mem, top);
                }
                (0, Some(address))
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
