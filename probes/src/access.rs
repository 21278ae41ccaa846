//! What an operator reads or writes of a memory.

use probity_engine::Val;
use probity_engine::wasmparser::{MemArgTarget, Operator};

use crate::opcode::Opcode;
use crate::operands::memarg;

/// How an access uses the bytes at its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccessKind {
    /// It reads them.
    Load,
    /// It writes them.
    Store,
    /// It reads them and writes others (`atomic.rmw*`).
    Update,
}

impl AccessKind {
    /// Whether it reads.
    pub fn reads(self) -> bool {
        self != AccessKind::Store
    }

    /// Whether it writes.
    pub fn writes(self) -> bool {
        self != AccessKind::Load
    }
}

/// The access that an operator makes: loads, stores and atomic operators, with vectors and their lanes. Waiting and
/// notifying are none, nor are the operators that work on a length ([`Extent`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Index of the memory.
    pub memory: u32,
    /// What is added to the address operand.
    pub offset: u64,
    /// Number of bytes.
    pub width: u32,
    /// How they are used.
    pub kind: AccessKind,
}

impl Access {
    /// The access of an operator, if it makes one.
    pub fn of(op: &Operator<'_>) -> Option<Access> {
        let memarg = memarg(op)?;
        let MemArgTarget::Memory(memory) = memarg.target else {
            return None;
        };
        let name = Opcode::of(op).mnemonic();
        let kind = if name.contains("atomic.rmw") {
            AccessKind::Update
        } else if name.contains("store") {
            AccessKind::Store
        } else if name.contains("load") {
            AccessKind::Load
        } else {
            return None;
        };
        Some(Access {
            memory,
            offset: memarg.offset,
            width: 1 << memarg.max_align.min(31),
            kind,
        })
    }

    /// The address that it accesses, from its first operand.
    pub fn address(&self, operand: &Val) -> Option<u64> {
        Some(unsigned(operand)?.saturating_add(self.offset))
    }
}

/// How many bytes an operator writes, from the address that is its first operand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// So many, at an offset.
    Fixed {
        /// What is added to the address.
        offset: u64,
        /// Number of bytes.
        len: u64,
    },
    /// As many as its last operand says.
    Operand,
}

/// The memory that an operator writes to, and how much.
pub fn writes(op: &Operator<'_>) -> Option<(u32, Extent)> {
    match *op {
        Operator::MemoryFill { mem } | Operator::MemoryInit { mem, .. } => {
            Some((mem, Extent::Operand))
        }
        Operator::MemoryCopy { dst_mem, .. } => Some((dst_mem, Extent::Operand)),
        _ => {
            let access = Access::of(op).filter(|access| access.kind.writes())?;
            let extent = Extent::Fixed {
                offset: access.offset,
                len: access.width.into(),
            };
            Some((access.memory, extent))
        }
    }
}

/// An operand that is an address, an index or a length.
pub fn unsigned(val: &Val) -> Option<u64> {
    match *val {
        Val::I32(value) => Some(u64::from(value as u32)),
        Val::I64(value) => Some(value as u64),
        _ => None,
    }
}
