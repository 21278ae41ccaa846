//! Loads and stores of any memory: not the first, 64-bit, shared, or of pages of another size.
//!
//! The data cell behind names the memory and holds an offset of 64 bits, so the handlers of
//! [`super::memory`] keep their short path. Operands are in canonical slots. Other threads may
//! write a shared memory meanwhile: accesses are volatile, of the whole width where it is one
//! machine word, so that none is repeated or split by the compiler.

use crate::dispatch::{Dst, Slot, UNIT, handler, skip, trap};
use crate::eval::scalar::{Load, Store, Val};
use crate::exit;
use crate::handlers::numeric::finish;

/// Address of an access of `$size` bytes at `$base` plus the offset in the data cell at `$data`,
/// or a trap. Before it traps, the length of a shared memory is read again.
macro_rules! address_at {
    ($base:expr, $data:expr, $size:expr; $pc:ident, $fp:ident, $mem:ident, $ctx:ident, $acc:ident, $budget:ident, $fd:ident, $fs:ident) => {{
        let data: *const $crate::layout::Cell = $data;
        let view = *(*$ctx).memories.add((*data).imm as usize);
        let base: u64 = $base;
        let base = if (*data).slot == 0 { base as u32 as u64 } else { base };
        let (at, wrapped) = base.overflowing_add((*data).handler.addr() as u64);
        let (end, past) = at.overflowing_add($size as u64);
        if wrapped | past {
            trap!(exit::MEMORY; $pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs)
        }
        if end > (*view).len {
            if (*view).shared_len.is_null() {
                trap!(exit::MEMORY; $pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs)
            }
            let len = (*(*view).shared_len).load(std::sync::atomic::Ordering::Acquire);
            (*view).len = len;
            if end > len {
                trap!(exit::MEMORY; $pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs)
            }
        }
        (*view).base.add(at as usize)
    }};
}
pub(crate) use address_at;

/// A value at any address.
#[derive(Clone, Copy)]
#[repr(C, packed)]
struct Unaligned<T>(T);

/// Reads the `M` at `at`, which need not be aligned, once.
///
/// # Safety
/// The bytes must be readable; other threads may write them meanwhile. `M` is any bits, of 1, 2,
/// 4, 8 or 16 bytes.
#[inline(always)]
pub unsafe fn read<M: Copy>(at: *const u8) -> M {
    macro_rules! word {
        ($t:ty) => {{
            let word = (at as *const Unaligned<$t>).read_volatile().0;
            std::mem::transmute_copy::<$t, M>(&word)
        }};
    }
    // SAFETY: the bytes are readable by contract; `M` has the word's size.
    unsafe {
        match size_of::<M>() {
            1 => word!(u8),
            2 => word!(u16),
            4 => word!(u32),
            8 => word!(u64),
            _ => word!(u128),
        }
    }
}

/// Writes `m` to `at`, which need not be aligned, once.
///
/// # Safety
/// The bytes must be writable; other threads may use them meanwhile. `M` is as in [`read`].
#[inline(always)]
pub unsafe fn write<M: Copy>(at: *mut u8, m: M) {
    macro_rules! word {
        ($t:ty) => {{
            let word = std::mem::transmute_copy::<M, $t>(&m);
            (at as *mut Unaligned<$t>).write_volatile(Unaligned(word))
        }};
    }
    // SAFETY: as in `read`.
    unsafe {
        match size_of::<M>() {
            1 => word!(u8),
            2 => word!(u16),
            4 => word!(u32),
            8 => word!(u64),
            _ => word!(u128),
        }
    }
}

/// Where `load_at` leaves its result.
type Result = Slot<0, 0>;

handler! {
    /// Load; the data cell says from where.
    fn load_at<X: Load;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let base = *fp.add((*pc).slot as usize);
        let at = address_at!(base, pc.add(1), size_of::<X::M>(); pc, fp, mem, ctx, acc, budget, fd, fs);
        finish!(X::extend(read::<X::M>(at)), Result; pc, fp, acc, fd, fs);
        budget = budget.wrapping_add(UNIT);
        pc = skip(pc, 2);
    }
}

handler! {
    /// Store; the data cell says where.
    fn store_at<X: Store;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let operands = fp.add((*pc).slot as usize);
        let at = address_at!(*operands, pc.add(1), size_of::<X::M>(); pc, fp, mem, ctx, acc, budget, fd, fs);
        write::<X::M>(at, X::wrap(X::T::from_slot(*operands.add(1))));
        budget = budget.wrapping_add(UNIT);
        pc = skip(pc, 2);
    }
}
