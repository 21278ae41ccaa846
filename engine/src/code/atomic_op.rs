//! Operators of the threads proposal: what each does, for lowering and for the slow path that
//! executes it.

use probity_interp::eval::atomic::RmwOp;
use wasmparser::{MemArg, Operator as O};

use super::classify::place;
use super::slow_op::SlowOp;
use crate::types::ValType;

/// An atomic access.
pub(crate) struct AtomicOp {
    pub(crate) slow: SlowOp,
    pub(crate) access: Access,
    /// Memory and offset.
    pub(crate) place: (u32, u64),
    pub(crate) pops: usize,
    pub(crate) push: Option<ValType>,
}

/// What the slow path must know: it goes through the cell's immediate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Access {
    /// Binary logarithm of the bytes accessed.
    pub(crate) log2: u8,
    /// Only read-modify-write operators use it.
    pub(crate) op: RmwOp,
}

const RMW: [RmwOp; 6] = [
    RmwOp::Add,
    RmwOp::Sub,
    RmwOp::And,
    RmwOp::Or,
    RmwOp::Xor,
    RmwOp::Xchg,
];

impl Access {
    pub(crate) fn to_imm(self) -> u32 {
        u32::from(self.log2) | (self.op as u32) << 8
    }

    pub(crate) fn from_imm(imm: u32) -> Access {
        Access {
            log2: imm as u8 & 3,
            op: RMW[(imm >> 8) as usize % RMW.len()],
        }
    }
}

/// The access that an operator makes, if it is an atomic one.
pub(crate) fn atomic(op: &O<'_>) -> Option<AtomicOp> {
    let access = |slow, log2, op, memarg: &MemArg, pops, push| {
        Some(AtomicOp {
            slow,
            access: Access { log2, op },
            place: place(memarg)?,
            pops,
            push,
        })
    };
    // Operators of one class: name, width, type of the result.
    macro_rules! class {
        ($slow:expr, $op:expr, $pops:expr; $($n:ident $log2:literal $push:expr,)*) => {
            match op {
                $(O::$n { memarg } => return access($slow, $log2, $op, memarg, $pops, $push),)*
                _ => {}
            }
        };
    }
    const I32: Option<ValType> = Some(ValType::I32);
    const I64: Option<ValType> = Some(ValType::I64);
    class! { SlowOp::AtomicLoad, RmwOp::Add, 1;
        I32AtomicLoad 2 I32, I64AtomicLoad 3 I64, I32AtomicLoad8U 0 I32, I32AtomicLoad16U 1 I32,
        I64AtomicLoad8U 0 I64, I64AtomicLoad16U 1 I64, I64AtomicLoad32U 2 I64,
    }
    class! { SlowOp::AtomicStore, RmwOp::Add, 2;
        I32AtomicStore 2 None, I64AtomicStore 3 None, I32AtomicStore8 0 None, I32AtomicStore16 1 None,
        I64AtomicStore8 0 None, I64AtomicStore16 1 None, I64AtomicStore32 2 None,
    }
    macro_rules! rmw {
        ($op:expr; $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident) => {
            class! { SlowOp::AtomicRmw, $op, 2;
                $a 2 I32, $b 3 I64, $c 0 I32, $d 1 I32, $e 0 I64, $f 1 I64, $g 2 I64,
            }
        };
    }
    rmw!(RmwOp::Add; I32AtomicRmwAdd I64AtomicRmwAdd I32AtomicRmw8AddU I32AtomicRmw16AddU I64AtomicRmw8AddU I64AtomicRmw16AddU I64AtomicRmw32AddU);
    rmw!(RmwOp::Sub; I32AtomicRmwSub I64AtomicRmwSub I32AtomicRmw8SubU I32AtomicRmw16SubU I64AtomicRmw8SubU I64AtomicRmw16SubU I64AtomicRmw32SubU);
    rmw!(RmwOp::And; I32AtomicRmwAnd I64AtomicRmwAnd I32AtomicRmw8AndU I32AtomicRmw16AndU I64AtomicRmw8AndU I64AtomicRmw16AndU I64AtomicRmw32AndU);
    rmw!(RmwOp::Or; I32AtomicRmwOr I64AtomicRmwOr I32AtomicRmw8OrU I32AtomicRmw16OrU I64AtomicRmw8OrU I64AtomicRmw16OrU I64AtomicRmw32OrU);
    rmw!(RmwOp::Xor; I32AtomicRmwXor I64AtomicRmwXor I32AtomicRmw8XorU I32AtomicRmw16XorU I64AtomicRmw8XorU I64AtomicRmw16XorU I64AtomicRmw32XorU);
    rmw!(RmwOp::Xchg; I32AtomicRmwXchg I64AtomicRmwXchg I32AtomicRmw8XchgU I32AtomicRmw16XchgU I64AtomicRmw8XchgU I64AtomicRmw16XchgU I64AtomicRmw32XchgU);
    class! { SlowOp::AtomicCmpxchg, RmwOp::Xchg, 3;
        I32AtomicRmwCmpxchg 2 I32, I64AtomicRmwCmpxchg 3 I64, I32AtomicRmw8CmpxchgU 0 I32,
        I32AtomicRmw16CmpxchgU 1 I32, I64AtomicRmw8CmpxchgU 0 I64, I64AtomicRmw16CmpxchgU 1 I64,
        I64AtomicRmw32CmpxchgU 2 I64,
    }
    class! { SlowOp::AtomicNotify, RmwOp::Add, 2; MemoryAtomicNotify 2 I32, }
    class! { SlowOp::AtomicWait, RmwOp::Add, 3; MemoryAtomicWait32 2 I32, MemoryAtomicWait64 3 I32, }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accesses_go_through_an_immediate() {
        for op in RMW {
            for log2 in 0..4 {
                let access = Access { log2, op };
                assert_eq!(Access::from_imm(access.to_imm()), access);
            }
        }
    }
}
