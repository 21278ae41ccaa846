//! Calls.

use probity_interp::op::Kind;

use super::Lowering;
use crate::types::FuncType;

impl<'a> Lowering<'a> {
    pub(super) fn call(&mut self, func: u32) {
        let ty = self.module.inner.func_type_of(func);
        let slot = self.lowest(ty.params().len());
        self.emit(Kind::Call, func, slot, 0);
        self.after_call(ty);
    }

    pub(super) fn call_indirect(&mut self, type_index: u32, table: u32) {
        let module = self.module;
        let def = &module.inner.types[type_index as usize];
        let index_slot = self.lowest(1);
        let slot = self.lowest(1 + def.func().params().len());
        let kind = if table == 0 {
            Kind::CallIndirect
        } else {
            Kind::CallIndirectTable
        };
        self.emit(kind, def.id.index, index_slot, slot as u16);
        if table != 0 {
            let data = self.emit(Kind::Data, 0, 0, 0);
            self.cells[data].imm = table;
        }
        self.pop();
        self.after_call(def.func());
    }

    pub(super) fn after_call(&mut self, ty: &FuncType) {
        self.leaf = false;
        self.pop_many(ty.params().len());
        self.push_all(ty.results());
        self.line = self.cells.len();
    }
}
