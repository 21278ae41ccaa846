//! Elements and lengths of tables. What grows, fills or copies runs in the engine (`slow`).

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use probity_interp::exit;
use wasmparser::Operator as O;

use super::{Region, Translator};
use crate::types::ValType::{self, I32, I64};

/// Whether `op` is translated by [`Translator::element_access`].
pub(super) fn is_access(op: &O<'_>) -> bool {
    matches!(
        op,
        O::TableGet { .. } | O::TableSet { .. } | O::TableSize { .. }
    )
}

impl Translator<'_> {
    /// Reads and writes of elements, lengths; whether `op` is of that kind.
    pub(super) fn element_access(&mut self, op: &O<'_>) -> bool {
        match *op {
            O::TableGet { table } => {
                let index = self.pop();
                let at = self.table_element(table, index);
                let flags = self.flags(Region::Table);
                let value = self.b.ins().load(types::I64, flags, at, 0);
                let element = self.m.tables[table as usize].ty.element;
                self.push(ValType::Ref(element), value);
            }
            O::TableSet { table } => {
                let value = self.pop();
                let index = self.pop();
                let at = self.table_element(table, index);
                let flags = self.flags(Region::Table);
                self.b.ins().store(flags, value, at, 0);
            }
            O::TableSize { table } => {
                let (_, len) = self.table(table);
                if self.m.tables[table as usize].ty.table64 {
                    self.push(I64, len);
                } else {
                    let len = self.b.ins().ireduce(types::I32, len);
                    self.push(I32, len);
                }
            }
            _ => return false,
        }
        true
    }

    /// Address of an element.
    fn table_element(&mut self, table: u32, index: Value) -> Value {
        let index = self.extend(index);
        let (elements, len) = self.table(table);
        let outside = self
            .b
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, index, len);
        self.trap_if(outside, exit::TABLE);
        let offset = self.b.ins().ishl_imm_u(index, 3);
        self.b.ins().iadd(elements, offset)
    }
}
