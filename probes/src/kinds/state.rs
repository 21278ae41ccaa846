//! Reads and writes: of memories, tables and globals.

use probity_engine::hook::ProbeContext;
use probity_engine::wasmparser::Operator;
use probity_engine::{Result, Val};

use super::around::{Taken, around};
use super::watch::{Callback, Watch};
use crate::access::{Access, AccessKind, unsigned};

/// An operator has accessed a memory.
#[derive(Debug, Clone)]
pub struct MemoryAccess {
    /// Index of the memory in the module.
    pub memory: u32,
    /// The address, with the operator's offset.
    pub address: u64,
    /// Number of bytes.
    pub width: u32,
    /// How it used them.
    pub kind: AccessKind,
    /// What was loaded, as the operator left it on the stack, or the operand that was stored. Of an update what was there
    /// before.
    pub value: Val,
}

/// Every access of an operator to a memory ([`Access`]), behind it: one that traps is none.
pub fn memory_accesses(
    f: impl FnMut(&mut ProbeContext<'_>, &MemoryAccess) -> Result<()> + Send + 'static,
) -> Watch {
    let callback = Callback::new(f);
    Watch::new(move |place| {
        let taken = Taken::default();
        for (pc, op) in place.operators {
            let Some(access) = Access::of(op) else {
                continue;
            };
            let operands = crate::operands::count(op, place.module, &place.info);
            let leaves = u32::from(access.kind != AccessKind::Store);
            let callback = callback.clone();
            let takes = (operands.unwrap_or(0), leaves);
            around(place, &taken, *pc, takes, move |context, took, left| {
                let address = took.first().and_then(|first| access.address(first));
                let value = left.first().or(took.last());
                let Some((address, value)) = address.zip(value) else {
                    return Ok(());
                };
                let access = MemoryAccess {
                    memory: access.memory,
                    address,
                    width: access.width,
                    kind: access.kind,
                    value: value.clone(),
                };
                callback.call(context, &access)
            })?;
        }
        Ok(())
    })
}

/// Whether something is read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// It is read.
    Get,
    /// It is written.
    Set,
}

/// An operator has read or written an element of a table.
#[derive(Debug, Clone)]
pub struct TableAccess {
    /// Index of the table in the module.
    pub table: u32,
    /// Index of the element.
    pub index: u64,
    /// Whether it was read or written.
    pub direction: Direction,
    /// What was read or written.
    pub value: Val,
}

/// Every `table.get` and `table.set`, behind it: one that traps is none. What an indirect call finds in its table is told by
/// [`calls`](super::calls).
pub fn tables(
    f: impl FnMut(&mut ProbeContext<'_>, &TableAccess) -> Result<()> + Send + 'static,
) -> Watch {
    let callback = Callback::new(f);
    Watch::new(move |place| {
        let taken = Taken::default();
        for (pc, op) in place.operators {
            let (table, direction, takes) = match *op {
                Operator::TableGet { table } => (table, Direction::Get, (1, 1)),
                Operator::TableSet { table } => (table, Direction::Set, (2, 0)),
                _ => continue,
            };
            let callback = callback.clone();
            around(place, &taken, *pc, takes, move |context, took, left| {
                let index = took.first().and_then(unsigned);
                let Some((index, value)) = index.zip(left.first().or(took.last())) else {
                    return Ok(());
                };
                let access = TableAccess {
                    table,
                    index,
                    direction,
                    value: value.clone(),
                };
                callback.call(context, &access)
            })?;
        }
        Ok(())
    })
}

/// An operator has read or written a global.
#[derive(Debug, Clone)]
pub struct GlobalAccess {
    /// Index of the global in the module.
    pub global: u32,
    /// Whether it was read or written.
    pub direction: Direction,
    /// What was read or written.
    pub value: Val,
}

/// Every `global.get` and `global.set`, behind it.
pub fn globals(
    f: impl FnMut(&mut ProbeContext<'_>, &GlobalAccess) -> Result<()> + Send + 'static,
) -> Watch {
    let callback = Callback::new(f);
    Watch::new(move |place| {
        let taken = Taken::default();
        for (pc, op) in place.operators {
            let (global, direction, takes) = match *op {
                Operator::GlobalGet { global_index } => (global_index, Direction::Get, (0, 1)),
                Operator::GlobalSet { global_index } => (global_index, Direction::Set, (1, 0)),
                _ => continue,
            };
            let callback = callback.clone();
            around(place, &taken, *pc, takes, move |context, took, left| {
                let Some(value) = left.first().or(took.last()) else {
                    return Ok(());
                };
                let access = GlobalAccess {
                    global,
                    direction,
                    value: value.clone(),
                };
                callback.call(context, &access)
            })?;
        }
        Ok(())
    })
}
