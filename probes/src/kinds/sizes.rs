//! Operators that work on a number of things: growing, bulk operations, allocations.

use probity_engine::hook::ProbeContext;
use probity_engine::wasmparser::Operator;
use probity_engine::{Result, Val};

use super::around::{Taken, around};
use super::watch::{Callback, Watch};
use crate::access::unsigned;
use crate::events::{self, Length};

/// An index of a memory or a table in the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Space {
    /// A memory.
    Memory(u32),
    /// A table.
    Table(u32),
}

/// A memory or table was to grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grow {
    /// Which one.
    pub space: Space,
    /// By how many pages or elements.
    pub delta: u64,
    /// What size it had before; `None` if it did not grow (the guest gets -1).
    pub old: Option<u64>,
}

/// Every `memory.grow` and `table.grow`, behind it.
pub fn grows(f: impl FnMut(&mut ProbeContext<'_>, &Grow) -> Result<()> + Send + 'static) -> Watch {
    let callback = Callback::new(f);
    Watch::new(move |place| {
        let taken = Taken::default();
        for (pc, op) in place.operators {
            let space = match *op {
                Operator::MemoryGrow { mem } => Space::Memory(mem),
                Operator::TableGrow { table } => Space::Table(table),
                _ => continue,
            };
            let callback = callback.clone();
            around(place, &taken, *pc, (1, 1), move |context, took, left| {
                let old = match left.first() {
                    Some(Val::I32(-1) | Val::I64(-1)) | None => None,
                    Some(old) => unsigned(old),
                };
                let Some(delta) = took.first().and_then(unsigned) else {
                    return Ok(());
                };
                callback.call(context, &Grow { space, delta, old })
            })?;
        }
        Ok(())
    })
}

/// A bulk operation has been done.
#[derive(Debug, Clone)]
pub struct Bulk {
    /// Where it wrote.
    pub space: Space,
    /// The first byte or element that it wrote.
    pub destination: u64,
    /// What it wrote there.
    pub source: BulkSource,
    /// Number of bytes or elements.
    pub len: u64,
}

/// What a bulk operation writes.
#[derive(Debug, Clone)]
pub enum BulkSource {
    /// What a memory or table has from an address or index on (`memory.copy`, `table.copy`).
    Copy(Space, u64),
    /// What a segment of this index has from an offset on (`memory.init`, `table.init`).
    Segment(u32, u64),
    /// The same everywhere (`memory.fill`, `table.fill`): this operand.
    Fill(Val),
}

/// Every `memory.copy`, `memory.fill`, `memory.init`, `table.copy`, `table.fill` and `table.init`, behind it: one that traps is none.
pub fn bulk(f: impl FnMut(&mut ProbeContext<'_>, &Bulk) -> Result<()> + Send + 'static) -> Watch {
    /// What the second operand is.
    #[derive(Clone, Copy)]
    enum Second {
        From(Space),
        In(u32),
        Value,
    }
    let callback = Callback::new(f);
    Watch::new(move |place| {
        let taken = Taken::default();
        for (pc, op) in place.operators {
            let (space, second) = match *op {
                Operator::MemoryCopy { dst_mem, src_mem } => {
                    (Space::Memory(dst_mem), Second::From(Space::Memory(src_mem)))
                }
                Operator::MemoryInit { data_index, mem } => {
                    (Space::Memory(mem), Second::In(data_index))
                }
                Operator::MemoryFill { mem } => (Space::Memory(mem), Second::Value),
                Operator::TableCopy {
                    dst_table,
                    src_table,
                } => {
                    let from = Space::Table(src_table);
                    (Space::Table(dst_table), Second::From(from))
                }
                Operator::TableInit { elem_index, table } => {
                    (Space::Table(table), Second::In(elem_index))
                }
                Operator::TableFill { table } => (Space::Table(table), Second::Value),
                _ => continue,
            };
            let callback = callback.clone();
            around(place, &taken, *pc, (3, 0), move |context, took, _| {
                let [destination, from, len] = took else {
                    return Ok(());
                };
                let number = unsigned(from).unwrap_or(0);
                let source = match second {
                    Second::From(space) => BulkSource::Copy(space, number),
                    Second::In(segment) => BulkSource::Segment(segment, number),
                    Second::Value => BulkSource::Fill(from.clone()),
                };
                let Some((destination, len)) = unsigned(destination).zip(unsigned(len)) else {
                    return Ok(());
                };
                let bulk = Bulk {
                    space,
                    destination,
                    source,
                    len,
                };
                callback.call(context, &bulk)
            })?;
        }
        Ok(())
    })
}

/// A structure or an array has been made.
#[derive(Debug, Clone)]
pub struct Allocation {
    /// Index of its type in the module.
    pub type_index: u32,
    /// How many elements an array has; `None` for a structure.
    pub length: Option<u32>,
    /// It.
    pub object: Val,
}

/// Every `struct.new*` and `array.new*`, behind it: one that traps is none.
pub fn allocations(
    f: impl FnMut(&mut ProbeContext<'_>, &Allocation) -> Result<()> + Send + 'static,
) -> Watch {
    let callback = Callback::new(f);
    Watch::new(move |place| {
        let taken = Taken::default();
        for site in events::allocations(place.operators) {
            let takes = u32::from(site.length == Length::Operand);
            let callback = callback.clone();
            around(
                place,
                &taken,
                site.pc,
                (takes, 1),
                move |context, took, left| {
                    let length = match (site.length, took) {
                        (Length::Fixed(length), _) => Some(length),
                        (Length::Operand, [Val::I32(length)]) => Some(*length as u32),
                        _ => None,
                    };
                    let Some(object) = left.first().cloned() else {
                        return Ok(());
                    };
                    let type_index = site.type_index;
                    let allocation = Allocation {
                        type_index,
                        length,
                        object,
                    };
                    callback.call(context, &allocation)
                },
            )?;
        }
        Ok(())
    })
}
