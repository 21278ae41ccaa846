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
        let is_64 = module.inner.tables[table as usize].ty.table64;
        let short = table == 0 && !is_64;
        let kind = if short {
            Kind::CallIndirect
        } else {
            Kind::CallIndirectTable
        };
        self.emit(kind, def.id.index, index_slot, slot as u16);
        if !short {
            self.emit_data(0, u64::from(table) | u64::from(is_64) << 32);
        }
        self.pop();
        self.after_call(def.func());
    }

    pub(super) fn call_ref(&mut self, type_index: u32) {
        let ty = self.module.inner.types[type_index as usize].func();
        let reference = self.lowest(1);
        let slot = self.lowest(1 + ty.params().len());
        self.emit(Kind::CallRef, 0, reference, slot as u16);
        self.pop();
        self.after_call(ty);
    }

    pub(super) fn return_call(&mut self, func: u32) {
        let ty = self.module.inner.func_type_of(func);
        let slot = self.lowest(ty.params().len());
        let header = self.header as u16;
        let at = self.emit(Kind::ReturnCall, func, slot, header);
        self.after_tail_call(at);
    }

    pub(super) fn return_call_indirect(&mut self, type_index: u32, table: u32) {
        let m = &self.module.inner;
        let def = &m.types[type_index as usize];
        let is_64 = m.tables[table as usize].ty.table64;
        let index_slot = self.lowest(1);
        let slot = self.lowest(1 + def.func().params().len());
        let id = def.id.index;
        let at = self.emit(Kind::ReturnCallIndirect, id, index_slot, slot as u16);
        self.emit(Kind::Data, table, self.header, is_64.into());
        self.after_tail_call(at);
    }

    pub(super) fn return_call_ref(&mut self, type_index: u32) {
        let ty = self.module.inner.types[type_index as usize].func();
        let reference = self.lowest(1);
        let slot = self.lowest(1 + ty.params().len());
        let at = self.emit(Kind::ReturnCallRef, 0, reference, slot as u16);
        self.emit(Kind::Data, 0, self.header, 0);
        self.after_tail_call(at);
    }

    /// A tail call leaves the function, by the cell at `at`.
    fn after_tail_call(&mut self, at: usize) {
        self.leaf = false;
        self.returns.push(at as u32);
        self.stop();
    }

    pub(super) fn after_call(&mut self, ty: &FuncType) {
        self.leaf = false;
        self.pop_many(ty.params().len());
        self.push_all(ty.results());
        self.line = self.cells.len();
    }
}
