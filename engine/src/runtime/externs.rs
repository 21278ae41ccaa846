//! Anything that can be imported and exported.

use super::{AsContext, Func, Global, Memory, Table};
use crate::types::ExternType;

#[derive(Debug, Clone, Copy)]
pub enum Extern {
    Func(Func),
    Global(Global),
    Memory(Memory),
    Table(Table),
}
impl Extern {
    pub fn into_func(self) -> Option<Func> {
        unimplemented!()
    }
    pub fn into_memory(self) -> Option<Memory> {
        unimplemented!()
    }
    pub fn into_global(self) -> Option<Global> {
        unimplemented!()
    }
    pub fn into_table(self) -> Option<Table> {
        unimplemented!()
    }
    pub fn ty(&self, store: &impl AsContext) -> ExternType {
        unimplemented!()
    }
}
impl From<Func> for Extern {
    fn from(x: Func) -> Extern {
        Extern::Func(x)
    }
}
impl From<Memory> for Extern {
    fn from(x: Memory) -> Extern {
        Extern::Memory(x)
    }
}
impl From<Global> for Extern {
    fn from(x: Global) -> Extern {
        Extern::Global(x)
    }
}
impl From<Table> for Extern {
    fn from(x: Table) -> Extern {
        Extern::Table(x)
    }
}
