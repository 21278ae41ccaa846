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
    MemorySize,
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
    /// `imm`: the access; data: offset and memory.
    AtomicLoad,
    /// As `AtomicLoad`.
    AtomicStore,
    /// As `AtomicLoad`.
    AtomicRmw,
    /// As `AtomicLoad`.
    AtomicCmpxchg,
    /// As `AtomicLoad`.
    AtomicNotify,
    /// As `AtomicLoad`.
    AtomicWait,
    /// Nothing.
    AtomicFence,
    /// `imm`: type.
    StructNew,
    /// `imm`: type.
    StructNewDefault,
    /// `imm`: offset of the field.
    StructGetVector,
    /// `imm`: offset of the field.
    StructSetVector,
    /// `imm`: type.
    ArrayNew,
    /// `imm`: type.
    ArrayNewDefault,
    /// `imm`: type, data: length.
    ArrayNewFixed,
    /// `imm`: type, data: segment.
    ArrayNewData,
    /// `imm`: type, data: segment.
    ArrayNewElem,
    ArrayGetVector,
    ArraySetVector,
    /// `imm`: type.
    ArrayFill,
    /// `imm`: type of the destination.
    ArrayCopy,
    /// `imm`: type, data: segment.
    ArrayInitData,
    /// `imm`: type, data: segment.
    ArrayInitElem,
}

/// How many there are.
pub(crate) const SLOW_OPS: usize = SlowOp::ArrayInitElem as usize + 1;
