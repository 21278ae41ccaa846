//! Branches and checks on references, whose null is 0.

use crate::cast::{self, Verdict};
use crate::dispatch::{UNIT, branch_target, handler, next, skip, transfer, trap};
use crate::exit;

/// Takes the branch at `$pc` if `$condition`: moves as many slots as `imm` of the data cell says
/// from its `slot` to the branch's `extra`. `$cells` are the instruction's cells.
macro_rules! take_moving {
    ($condition:expr, $cells:expr; $pc:ident, $fp:ident, $mem:ident, $ctx:ident, $acc:ident, $budget:ident, $fd:ident, $fs:ident) => {
        if $condition {
            let data = $pc.add(1);
            std::ptr::copy($fp.add((*data).slot as usize), $fp.add((*$pc).extra as usize), (*data).imm as usize);
            transfer!(branch_target($pc), $pc.add(1); $pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs);
            next!($pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs)
        }
        $budget = $budget.wrapping_add(UNIT * ($cells - 1));
        $pc = skip($pc, $cells);
    };
}

handler! {
    /// `br_on_null` (`WANT` 0) and `br_on_non_null` (1); `slot` is the reference.
    fn br_on_null<;WANT>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let value = *fp.add((*pc).slot as usize);
        take_moving!((value != 0) == (WANT != 0), 2; pc, fp, mem, ctx, acc, budget, fd, fs);
        acc = value;
    }
}

handler! {
    /// `br_on_cast` (`WANT` 1) and `br_on_cast_fail` (0); `slot` is the reference, the second data
    /// cell holds the type.
    fn br_on_cast<;WANT>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let value = *fp.add((*pc).slot as usize);
        let verdict = cast::test(value, (*pc.add(2)).handler.addr() as u64);
        if verdict == Verdict::Ask {
            return br_on_cast_func::<WANT>(pc, fp, mem, ctx, acc, budget, fd, fs);
        }
        take_moving!((verdict == Verdict::Yes) == (WANT != 0), 3; pc, fp, mem, ctx, acc, budget, fd, fs);
        acc = value;
    }
}

handler! {
    /// The rest of `br_on_cast` to a function type that is not the function's own.
    #[cold]
    #[inline(never)]
    fn br_on_cast_func<;WANT>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let value = *fp.add((*pc).slot as usize);
        let is = cast::test_func(ctx, value, (*pc.add(2)).handler.addr() as u64);
        take_moving!(is == (WANT != 0), 3; pc, fp, mem, ctx, acc, budget, fd, fs);
        acc = value;
    }
}

handler! {
    /// `ref.as_non_null`
    fn ref_as_non_null(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let value = *fp.add((*pc).slot as usize);
        if value == 0 {
            trap!(exit::NULL_REFERENCE; pc, fp, mem, ctx, acc, budget, fd, fs)
        }
        acc = value;
        pc = skip(pc, 1);
    }
}
