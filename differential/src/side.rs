//! One engine's side of a comparison.

use std::borrow::Cow;

use crate::end::End;
use crate::host::HostLog;
use crate::value::Value;

/// An instance of the case's module in one engine.
pub trait Side {
    /// How the instantiation ended, the start function included.
    fn start(&self) -> &End;

    /// Calls an exported function.
    fn call(&mut self, export: &str, arguments: &[Value]) -> End;

    /// What can be seen from outside: the exports in the module's order, or, if the instantiation
    /// failed, the imports: functions, tables, memories, globals, tags.
    fn items(&mut self) -> Vec<Item<'_>>;

    /// What the imported functions were called with.
    fn host_log(&self) -> HostLog;
}

/// Something that a module exports or imports, with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item<'a> {
    /// A function; nothing to compare.
    Func,
    /// A tag; nothing to compare.
    Tag,
    /// All bytes of a memory.
    Memory(Cow<'a, [u8]>),
    /// Value of a global.
    Global(Value),
    /// Elements of a table.
    Table(Vec<Value>),
}
