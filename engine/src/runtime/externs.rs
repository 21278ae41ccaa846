//! Anything that can be imported and exported.

use super::{AsContext, Func, Global, Memory, StoreCore, Table, Tag};
use crate::types::ExternType;

/// A function, global, memory, table or tag of a store. Only a name for it: cheap to copy.
#[derive(Debug, Clone, Copy)]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A global variable.
    Global(Global),
    /// A linear memory.
    Memory(Memory),
    /// A table.
    Table(Table),
    /// An exception tag.
    Tag(Tag),
}

impl Extern {
    /// The function, if it is one.
    pub fn into_func(self) -> Option<Func> {
        match self {
            Extern::Func(func) => Some(func),
            _ => None,
        }
    }

    /// The memory, if it is one.
    pub fn into_memory(self) -> Option<Memory> {
        match self {
            Extern::Memory(memory) => Some(memory),
            _ => None,
        }
    }

    /// The global, if it is one.
    pub fn into_global(self) -> Option<Global> {
        match self {
            Extern::Global(global) => Some(global),
            _ => None,
        }
    }

    /// The table, if it is one.
    pub fn into_table(self) -> Option<Table> {
        match self {
            Extern::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The tag, if it is one.
    pub fn into_tag(self) -> Option<Tag> {
        match self {
            Extern::Tag(tag) => Some(tag),
            _ => None,
        }
    }

    /// Its type; the minimum of a memory or table is its size now.
    pub fn ty(&self, store: &impl AsContext) -> ExternType {
        match self {
            Extern::Func(func) => ExternType::Func(func.ty(store)),
            Extern::Global(global) => ExternType::Global(global.ty(store)),
            Extern::Memory(memory) => ExternType::Memory(memory.ty(store)),
            Extern::Table(table) => ExternType::Table(table.ty(store)),
            Extern::Tag(tag) => ExternType::Tag(tag.ty(store)),
        }
    }

    /// Is it of this store?
    pub(crate) fn belongs_to(&self, core: &StoreCore) -> bool {
        let store = match self {
            Extern::Func(func) => func.store,
            Extern::Global(global) => global.store,
            Extern::Memory(memory) => memory.store,
            Extern::Table(table) => table.store,
            Extern::Tag(tag) => tag.store,
        };
        store == core.id()
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

impl From<Tag> for Extern {
    fn from(x: Tag) -> Extern {
        Extern::Tag(x)
    }
}
