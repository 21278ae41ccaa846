//! Atomic accesses (threads proposal), by width: what an operator does at an address that has
//! been found to be aligned and in bounds. All are sequentially consistent, on shared and unshared
//! memories alike; values are zero-extended to 64 bits.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64};

/// What a read-modify-write operator makes of the old value and its operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[allow(missing_docs)]
pub enum RmwOp {
    Add,
    Sub,
    And,
    Or,
    Xor,
    Xchg,
}

/// Does `$body` with `$cell` the atomic of a width and `$t` its integer.
macro_rules! by_width {
    ($at:expr, $log2:expr, |$cell:ident, $t:ident| $body:expr) => {{
        macro_rules! with {
            ($atomic:ty, $int:ty) => {{
                type $t = $int;
                let $cell = <$atomic>::from_ptr($at as *mut $int);
                u64::from($body)
            }};
        }
        match $log2 {
            0 => with!(AtomicU8, u8),
            1 => with!(AtomicU16, u16),
            2 => with!(AtomicU32, u32),
            _ => with!(AtomicU64, u64),
        }
    }};
}

/// Loads `1 << log2` bytes (at most 8).
///
/// # Safety
/// `at` must be aligned to that width and its bytes usable; other threads may use them too.
pub unsafe fn load(at: *mut u8, log2: u8) -> u64 {
    // SAFETY: by contract.
    unsafe { by_width!(at, log2, |cell, T| <T>::from(cell.load(SeqCst))) }
}

/// Stores the low `1 << log2` bytes of a value.
///
/// # Safety
/// As for [`load`].
pub unsafe fn store(at: *mut u8, log2: u8, value: u64) {
    // SAFETY: by contract.
    unsafe {
        by_width!(at, log2, |cell, T| {
            cell.store(value as T, SeqCst);
            0u8
        });
    }
}

/// Changes a value; gives the old one.
///
/// # Safety
/// As for [`load`].
pub unsafe fn rmw(at: *mut u8, log2: u8, op: RmwOp, operand: u64) -> u64 {
    // SAFETY: by contract.
    unsafe {
        by_width!(at, log2, |cell, T| {
            let operand = operand as T;
            match op {
                RmwOp::Add => cell.fetch_add(operand, SeqCst),
                RmwOp::Sub => cell.fetch_sub(operand, SeqCst),
                RmwOp::And => cell.fetch_and(operand, SeqCst),
                RmwOp::Or => cell.fetch_or(operand, SeqCst),
                RmwOp::Xor => cell.fetch_xor(operand, SeqCst),
                RmwOp::Xchg => cell.swap(operand, SeqCst),
            }
        })
    }
}

/// Replaces a value that is `expected`; gives the old one. The whole operand is compared, so a
/// narrow access never finds an expected value that does not fit its width.
///
/// # Safety
/// As for [`load`].
pub unsafe fn cmpxchg(at: *mut u8, log2: u8, expected: u64, new: u64) -> u64 {
    // SAFETY: by contract.
    unsafe {
        by_width!(at, log2, |cell, T| match <T>::try_from(expected) {
            Ok(expected) => match cell.compare_exchange(expected, new as T, SeqCst, SeqCst) {
                Ok(old) | Err(old) => old,
            },
            Err(_) => cell.load(SeqCst),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: u64 = 0x1122_3344_5566_7788;

    /// What `f` gives and leaves behind, for each width.
    fn run(f: impl Fn(*mut u8, u8) -> u64) -> [(u64, u64); 4] {
        [0, 1, 2, 3].map(|log2| {
            let mut word = OLD;
            let got = f((&raw mut word).cast(), log2);
            (got, word)
        })
    }

    #[test]
    fn narrow_accesses_leave_the_rest_alone() {
        // SAFETY: a u64 is aligned for all widths.
        let all = run(|at, log2| unsafe { rmw(at, log2, RmwOp::Xchg, u64::MAX) });
        assert_eq!(
            all,
            [
                (0x88, 0x1122_3344_5566_77ff),
                (0x7788, 0x1122_3344_5566_ffff),
                (0x5566_7788, 0x1122_3344_ffff_ffff),
                (OLD, u64::MAX),
            ]
        );
    }

    #[test]
    fn every_operation_gives_the_old_value() {
        use RmwOp::*;
        for (op, new) in [
            (Add, OLD + 1),
            (Sub, OLD - 1),
            (And, 0),
            (Or, OLD | 1),
            (Xor, OLD ^ 1),
            (Xchg, 1),
        ] {
            // SAFETY: as above.
            let all = run(|at, log2| unsafe { rmw(at, log2, op, 1) });
            assert_eq!(all[3], (OLD, new), "{op:?}");
            assert_eq!(all[0], (0x88, OLD & !0xff | new & 0xff), "{op:?}");
        }
        let mut word = OLD;
        // SAFETY: as above.
        unsafe {
            store((&raw mut word).cast(), 1, 0xabcdef);
            assert_eq!(load((&raw mut word).cast(), 3), OLD & !0xffff | 0xcdef);
        }
    }

    #[test]
    fn narrow_comparisons_take_the_whole_operand() {
        // SAFETY: as above.
        let hit = run(|at, log2| unsafe { cmpxchg(at, log2, 0x88, 0x99) });
        assert_eq!(hit[0], (0x88, 0x1122_3344_5566_7799));
        assert_eq!(hit[1], (0x7788, OLD));
        // SAFETY: as above.
        let high = run(|at, log2| unsafe { cmpxchg(at, log2, OLD, 0) });
        assert_eq!(high[..3], [(0x88, OLD), (0x7788, OLD), (0x5566_7788, OLD)]);
        assert_eq!(high[3], (OLD, 0));
    }
}
