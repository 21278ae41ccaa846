//! Instructions that run in slow paths: their numbers.
//!
//! The number is the `extra` field of the cell and the index in
//! [`probity_interp::layout::Slow::ops`]; `runtime::slow` has the functions.

/// Number of a slow instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub(crate) enum SlowOp {
    /// `imm`: memory.
    MemoryGrow,
    /// `imm`: memory.
    MemoryFill,
    /// `imm`: destination memory, data: source memory.
    MemoryCopy,
    /// `imm`: memory, data: segment.
    MemoryInit,
    /// `imm`: segment.
    DataDrop,
    /// `imm`: table.
    TableGet,
    /// `imm`: table.
    TableSet,
    /// `imm`: table.
    TableSize,
    /// `imm`: table.
    TableGrow,
    /// `imm`: table.
    TableFill,
    /// `imm`: destination table, data: source table.
    TableCopy,
    /// `imm`: table, data: segment.
    TableInit,
    /// `imm`: segment.
    ElemDrop,
    /// `imm`: tag.
    Throw,
    ThrowRef,
}

/// How many there are.
pub(crate) const SLOW_OPS: usize = SlowOp::ThrowRef as usize + 1;
