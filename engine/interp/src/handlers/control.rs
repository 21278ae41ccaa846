//! Branches, calls, returns, markers, and instructions that run in slow paths.

use crate::dispatch::{
    Dst, Imm, Local, Src, UNIT, branch_target, expired, handler, handler_at, next, raw_handler,
    skip, transfer, trap,
};
use crate::eval::scalar::{Bin, Load, Val};
use crate::exit;
use crate::handlers::memory::address;
use crate::handlers::numeric::finish;
use crate::layout::{Cell, FuncRecord, HEADER_SLOTS};

/// Whether a conditional branch is taken on a non-zero or on a zero condition.
pub trait Sense {
    /// True: taken when the condition is not zero.
    const NONZERO: bool;
}
/// `br_if`
#[derive(Debug)]
pub struct IfNonZero;
/// `if` (the branch goes to the false arm)
#[derive(Debug)]
pub struct IfZero;
impl Sense for IfNonZero {
    const NONZERO: bool = true;
}
impl Sense for IfZero {
    const NONZERO: bool = false;
}

/// The taken arm of a conditional branch whose branch cell is number `$i` of
/// the window. The empty assembly keeps LLVM from merging both arms into one
/// dispatch, which would double the load on one branch predictor entry.
macro_rules! take_if {
    ($condition:expr, $i:expr; $pc:ident, $fp:ident, $mem:ident, $ctx:ident, $acc:ident, $budget:ident, $fd:ident, $fs:ident) => {
        if $condition {
            let branch = skip($pc, $i);
            transfer!(branch_target(branch), branch.add(1); $pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs);
            #[cfg(all(threaded, not(miri)))]
            std::arch::asm!("/* taken */", options(nomem, nostack, preserves_flags));
            next!($pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs)
        }
    };
}

handler! {
    /// `br_if` and `if`; `I` is the branch cell.
    fn br_if<A: Src, S: Sense; I, N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let c: i32 = A::get(pc, fp, acc, fd, fs);
        take_if!((c != 0) == S::NONZERO, I; pc, fp, mem, ctx, acc, budget, fd, fs);
        pc = skip(pc, N);
    }
}

handler! {
    /// Comparison (or any operator) and a conditional branch on its result,
    /// which no one else reads.
    fn br_bin<X: Bin, A: Src, B: Src, S: Sense; I, N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let r = X::op(A::get(pc, fp, acc, fd, fs), B::get(pc, fp, acc, fd, fs));
        take_if!((r.to_slot() != 0) == S::NONZERO, I; pc, fp, mem, ctx, acc, budget, fd, fs);
        pc = skip(pc, N);
    }
}

handler! {
    /// Comparison with a 64-bit constant, whose data cell is no unit of fuel, and a conditional
    /// branch on the result.
    fn br_bin_wide<X: Bin, A: Src, S: Sense; I, N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let a = A::get(pc, fp, acc, fd, fs);
        let b = <X::T as Val>::from_slot((*pc.add(1)).handler.addr() as u64);
        budget = budget.wrapping_add(UNIT);
        let r = X::op(a, b);
        take_if!((r.to_slot() != 0) == S::NONZERO, I; pc, fp, mem, ctx, acc, budget, fd, fs);
        pc = skip(pc, N);
    }
}

handler! {
    /// Load whose result decides a branch, and may go to a local: lists and strings end this way.
    fn br_load<L: Load<R = i32>, A: Src, D: Dst, S: Sense; J, I, N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let at: i32 = A::get(pc, fp, acc, fd, fs);
        let at = address!(at, (*pc.add(J)).imm, size_of::<L::M>(); pc, fp, mem, ctx, acc, budget, fd, fs);
        let v = L::extend((at as *const L::M).read_unaligned());
        finish!(v, D; pc, fp, acc, fd, fs);
        take_if!((v != 0) == S::NONZERO, I; pc, fp, mem, ctx, acc, budget, fd, fs);
        pc = skip(pc, N);
    }
}

handler! {
    /// Operator whose result goes to a local and decides a branch.
    fn br_bin_keep<X: Bin, A: Src, B: Src, D: Dst, S: Sense; I, N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let r = X::op(A::get(pc, fp, acc, fd, fs), B::get(pc, fp, acc, fd, fs));
        let bits = r.to_slot();
        finish!(r, D; pc, fp, acc, fd, fs);
        take_if!((bits != 0) == S::NONZERO, I; pc, fp, mem, ctx, acc, budget, fd, fs);
        pc = skip(pc, N);
    }
}

handler! {
    /// The usual end of a loop: `x = a + b`, then a branch on `x cmp q`.
    fn latch<Y: Bin, Z: Bin<R = Y::T>, A: Src, B: Src, D: Dst, Q: Src; I, N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let x = Z::op(A::get(pc, fp, acc, fd, fs), B::get(pc, fp, acc, fd, fs));
        finish!(x, D; pc, fp, acc, fd, fs);
        let c = Y::op(x, Q::get(pc, fp, acc, fd, fs)).to_slot();
        take_if!(c != 0, I; pc, fp, mem, ctx, acc, budget, fd, fs);
        pc = skip(pc, N);
    }
}

handler! {
    /// The other usual end of a loop: a bound read first, `x = a + b`, then a branch on `bound cmp x`.
    fn latch_below<Y: Bin, Z: Bin<R = Y::T>, Q: Src, A: Src, B: Src, D: Dst; I, N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let x = Z::op(A::get(pc, fp, acc, fd, fs), B::get(pc, fp, acc, fd, fs));
        let bound = Q::get(pc, fp, acc, fd, fs);
        finish!(x, D; pc, fp, acc, fd, fs);
        let c = Y::op(bound, x).to_slot();
        take_if!(c != 0, I; pc, fp, mem, ctx, acc, budget, fd, fs);
        pc = skip(pc, N);
    }
}

handler! {
    /// A local stepped by a constant, then a comparison of another and a conditional branch.
    fn step_br<Y: Bin, Q: Src, S: Sense;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let x = <Local<0> as Src>::get::<i32>(pc, fp, acc, fd, fs);
        let step = <Imm<1> as Src>::get::<i32>(pc, fp, acc, fd, fs);
        <Local<3> as Dst>::put(x.wrapping_add(step).to_slot(), pc, fp);
        let a = <Local<4> as Src>::get(pc, fp, acc, fd, fs);
        let c = Y::op(a, Q::get(pc, fp, acc, fd, fs)).to_slot();
        take_if!((c != 0) == S::NONZERO, 7; pc, fp, mem, ctx, acc, budget, fd, fs);
        pc = skip(pc, 8);
    }
}

handler! {
    /// `br` without values to move.
    fn br(pc, fp, mem, ctx, acc, budget, fd, fs) {
        transfer!(branch_target(pc), pc.add(1); pc, fp, mem, ctx, acc, budget, fd, fs);
    }
}

handler! {
    /// The end of a true arm: a branch that is no unit of fuel.
    fn br_free(pc, fp, mem, ctx, acc, budget, fd, fs) {
        transfer!(branch_target(pc), pc; pc, fp, mem, ctx, acc, budget, fd, fs);
    }
}

handler! {
    /// `br` that moves one slot from `slot` to `extra`.
    fn br_move(pc, fp, mem, ctx, acc, budget, fd, fs) {
        *fp.add((*pc).extra as usize) = *fp.add((*pc).slot as usize);
        transfer!(branch_target(pc), pc.add(1); pc, fp, mem, ctx, acc, budget, fd, fs);
    }
}

handler! {
    /// Conditional branch that moves the slot below its condition.
    fn br_if_move(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let value = fp.add((*pc).slot as usize);
        if *value.add(1) as u32 != 0 {
            *fp.add((*pc).extra as usize) = *value;
            transfer!(branch_target(pc), pc.add(1); pc, fp, mem, ctx, acc, budget, fd, fs);
        } else {
            pc = skip(pc, 1);
        }
    }
}

handler! {
    /// `br` that moves as many slots as the data cell behind says.
    fn br_move_many(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let count = (*pc.add(1)).imm as usize;
        std::ptr::copy(fp.add((*pc).slot as usize), fp.add((*pc).extra as usize), count);
        transfer!(branch_target(pc), pc.add(1); pc, fp, mem, ctx, acc, budget, fd, fs);
    }
}

handler! {
    /// As `br_move_many`, but no unit of fuel: a step on the way of a `br_table`.
    fn br_move_many_free(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let count = (*pc.add(1)).imm as usize;
        std::ptr::copy(fp.add((*pc).slot as usize), fp.add((*pc).extra as usize), count);
        transfer!(branch_target(pc), pc; pc, fp, mem, ctx, acc, budget, fd, fs);
    }
}

handler! {
    /// Conditional branch that moves as many slots as the data cell behind says;
    /// the condition lies above them.
    fn br_if_move_many(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let count = (*pc.add(1)).imm as usize;
        let from = fp.add((*pc).slot as usize);
        if *from.add(count) as u32 != 0 {
            std::ptr::copy(from, fp.add((*pc).extra as usize), count);
            transfer!(branch_target(pc), pc.add(1); pc, fp, mem, ctx, acc, budget, fd, fs);
        } else {
            budget = budget.wrapping_add(UNIT);
            pc = skip(pc, 2);
        }
    }
}

handler! {
    /// `br_table`: four distances in bytes in each data cell behind, the default last.
    fn br_table<A: Src; I>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let index: i32 = A::get(pc, fp, acc, fd, fs);
        pc = skip(pc, I);
        let index = (index as u32).min((*pc).imm);
        let distance = *(pc.add(1) as *const i32).add(index as usize);
        transfer!(pc.byte_offset(distance as isize), pc.add(1); pc, fp, mem, ctx, acc, budget, fd, fs);
    }
}

/// Enters `record`'s code with the frame at `$callee`; the return cell is
/// `$next`. A call costs its own unit and one for the entry; a data cell none.
macro_rules! enter {
    ($record:expr, $callee:expr, $next:expr; $pc:ident, $fp:ident, $mem:ident, $ctx:ident, $acc:ident, $budget:ident, $fd:ident, $fs:ident) => {
        let record: *const FuncRecord = $record;
        let callee: *mut u64 = $callee;
        if callee.wrapping_add((*record).cost as usize) > (*$ctx).stack_limit {
            trap!(exit::STACK; $pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs)
        }
        let header = callee.add((*record).header as usize);
        *header = $next as u64;
        *header.add(1) = $fp as u64;
        $fp = callee;
        $acc = record as u64;
        transfer!((*record).code, $pc.add(2); $pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs);
    };
}

handler! {
    /// `call`: `imm` is the function, `slot` its first argument.
    fn call(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let next_cell = pc.add(1);
        enter!((*ctx).funcs.add((*pc).imm as usize), fp.add((*pc).slot as usize), next_cell; pc, fp, mem, ctx, acc, budget, fd, fs);
    }
}

/// Calls the function of a reference that is not null; `extra` is the first argument.
macro_rules! call_record {
    ($record:expr, $next:expr; $pc:ident, $fp:ident, $mem:ident, $ctx:ident, $acc:ident, $budget:ident, $fd:ident, $fs:ident) => {
        let record: *const FuncRecord = $record;
        let next_cell = $next;
        let callee = $fp.add((*$pc).extra as usize);
        if (*record).ctx != $ctx && !(*record).ctx.is_null() {
            // Another instance's function: write the header where the bridge
            // will look for it, and let the bridge enter.
            let header = callee.add((*record).header as usize);
            if header.wrapping_add(HEADER_SLOTS) > (*$ctx).stack_limit {
                trap!(exit::STACK; $pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs)
            }
            *header = next_cell as u64;
            *header.add(1) = $fp as u64;
            $fp = callee;
            $acc = record as u64;
            $budget = $budget.wrapping_sub(UNIT).wrapping_sub($pc.add(1) as u64);
            $pc = &raw const BRIDGE;
            $budget = $budget.wrapping_add($pc as u64);
            return bridge($pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs);
        }
        enter!(record, callee, next_cell; $pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs);
    };
}

/// The rest of an indirect call of so many cells, once the table is known.
macro_rules! call_element {
    ($elements:expr, $len:expr, $index:expr, $cells:literal; $pc:ident, $fp:ident, $mem:ident, $ctx:ident, $acc:ident, $budget:ident, $fd:ident, $fs:ident) => {
        let index: u64 = $index;
        if index >= $len {
            trap!(exit::UNDEFINED_ELEMENT; $pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs)
        }
        let record = *$elements.add(index as usize) as *const FuncRecord;
        if record.is_null() {
            trap!(exit::NULL_ELEMENT; $pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs)
        }
        if (*record).sig != (*$pc).imm {
            $acc = record as u64;
            return call_subtype::<$cells>($pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs);
        }
        call_record!(record, $pc.add($cells); $pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs);
    };
}

handler! {
    /// The rest of an indirect call of `N` cells to a function of another type than the call says,
    /// which may be a subtype. A handler of its own: a call in the common one would cost it a
    /// frame. `acc` is the record.
    #[cold]
    #[inline(never)]
    fn call_subtype<;N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let record = acc as *const FuncRecord;
        if !((*ctx).slow.is_subtype)(ctx, (*record).sig, (*pc).imm) {
            trap!(exit::SIGNATURE; pc, fp, mem, ctx, acc, budget, fd, fs)
        }
        call_record!(record, pc.add(N); pc, fp, mem, ctx, acc, budget, fd, fs);
    }
}

handler! {
    /// `call_indirect` of table 0: `imm` is the signature, `slot` the index,
    /// `extra` the first argument.
    fn call_indirect(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let index = *fp.add((*pc).slot as usize) as u32 as u64;
        call_element!((*ctx).table0, (*ctx).table0_len, index, 1; pc, fp, mem, ctx, acc, budget, fd, fs);
    }
}

handler! {
    /// `call_indirect` of another table, which the data cell names, or with a 64-bit index (its
    /// `slot` is 1).
    fn call_indirect_table(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let index = *fp.add((*pc).slot as usize);
        let data = pc.add(1);
        let index = if (*data).slot == 0 { index as u32 as u64 } else { index };
        let table = (*ctx).tables.add((*data).imm as usize);
        let view = *table;
        call_element!((*view).elements, (*view).len, index, 2; pc, fp, mem, ctx, acc, budget, fd, fs);
    }
}

handler! {
    /// `call_ref`: `slot` is the reference, `extra` the first argument.
    fn call_ref(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let record = *fp.add((*pc).slot as usize) as *const FuncRecord;
        if record.is_null() {
            trap!(exit::NULL_FUNCTION; pc, fp, mem, ctx, acc, budget, fd, fs)
        }
        call_record!(record, pc.add(1); pc, fp, mem, ctx, acc, budget, fd, fs);
    }
}

raw_handler! {
    /// First call of a function; `acc` is its record.
    #[inline(never)]
    fn prepare(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let resume = ((*ctx).slow.prepare)(ctx, acc as *mut FuncRecord, fp, budget);
        if resume.handler.is_null() {
            return resume.pc as u64;
        }
        pc = resume.pc;
        mem = (*ctx).mem_base;
        budget = (*(*ctx).machine).budget;
        let handler = handler_at(resume.handler);
        handler(pc, fp, mem, ctx, acc, budget, fd, fs)
    }
}

raw_handler! {
    /// Call of a host function; `acc` is its record.
    #[inline(never)]
    fn host(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let record = acc as *const FuncRecord;
        let status = ((*ctx).slow.host)(ctx, record, fp, budget);
        if status != exit::DONE {
            trap!(status; pc, fp, mem, ctx, acc, budget, fd, fs)
        }
        mem = (*ctx).mem_base;
        budget = (*(*ctx).machine).budget;
        let header = fp.add((*record).header as usize);
        let to = *header as *const Cell;
        fp = *header.add(1) as *mut u64;
        transfer!(to, pc; pc, fp, mem, ctx, acc, budget, fd, fs);
        next!(pc, fp, mem, ctx, acc, budget, fd, fs)
    }
}

raw_handler! {
    /// Call of a compiled function; `acc` is its record.
    #[inline(never)]
    fn native(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let record = acc as *const FuncRecord;
        let status = ((*ctx).slow.native)(ctx, record, fp, budget);
        if status != exit::DONE {
            trap!(status; pc, fp, mem, ctx, acc, budget, fd, fs)
        }
        mem = (*ctx).mem_base;
        budget = (*(*ctx).machine).budget;
        let header = fp.add((*record).header as usize);
        let to = *header as *const Cell;
        fp = *header.add(1) as *mut u64;
        transfer!(to, pc; pc, fp, mem, ctx, acc, budget, fd, fs);
        next!(pc, fp, mem, ctx, acc, budget, fd, fs)
    }
}

/// Slots that a call between instances puts below the callee's frame: return
/// cell, caller's frame, caller's context, slots of results.
pub const BRIDGE_SLOTS: usize = 4;

raw_handler! {
    /// Call of a function of another instance; `acc` is the record under which
    /// the caller knows it. Moves the arguments up, puts what is needed for the
    /// way back below them, and enters with the other context.
    fn bridge(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let known = acc as *const FuncRecord;
        let record = (*known).target;
        let header = fp.add((*known).header as usize);
        let back = *header;
        let caller = *header.add(1);
        let callee = fp.add(BRIDGE_SLOTS);
        if callee.wrapping_add(((*record).cost as usize).max((*record).header as usize + HEADER_SLOTS)) > (*ctx).stack_limit {
            // The trap belongs to the call.
            pc = (back as *const Cell).sub(1);
            fp = caller as *mut u64;
            budget = budget.wrapping_sub(((&raw const BRIDGE) as u64).wrapping_sub(pc as u64)).wrapping_add(2 * UNIT);
            trap!(exit::STACK; pc, fp, mem, ctx, acc, budget, fd, fs)
        }
        std::ptr::copy(fp, callee, (*record).param_slots as usize);
        *fp = back;
        *fp.add(1) = caller;
        *fp.add(2) = ctx as u64;
        *fp.add(3) = (*record).result_slots as u64;
        let header = callee.add((*record).header as usize);
        *header = (&raw const BRIDGE_RETURN) as u64;
        *header.add(1) = fp as u64;
        fp = callee;
        ctx = (*record).ctx;
        mem = (*ctx).mem_base;
        acc = record as u64;
        transfer!((*record).code, pc; pc, fp, mem, ctx, acc, budget, fd, fs);
        next!(pc, fp, mem, ctx, acc, budget, fd, fs)
    }
}

raw_handler! {
    /// The way back over a bridge: `fp` is the bridge's first slot.
    fn bridge_return(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let to = *fp as *const Cell;
        let caller = *fp.add(1) as *mut u64;
        ctx = *fp.add(2) as *mut crate::layout::Ctx;
        let results = *fp.add(3) as usize;
        std::ptr::copy(fp.add(BRIDGE_SLOTS), fp, results);
        fp = caller;
        mem = (*ctx).mem_base;
        transfer!(to, pc; pc, fp, mem, ctx, acc, budget, fd, fs);
        next!(pc, fp, mem, ctx, acc, budget, fd, fs)
    }
}

raw_handler! {
    /// The outermost function returned to the host.
    fn leave(pc, fp, mem, ctx, acc, budget, fd, fs) {
        crate::dispatch::stop(pc, fp, mem, ctx, exit::DONE, budget, fd, fs)
    }
}

/// Code of functions that have none yet.
pub static PREPARE: Cell = Cell {
    handler: prepare as *const std::ffi::c_void,
    ..Cell::ZERO
};
/// Code of host functions.
pub static HOST: Cell = Cell {
    handler: host as *const std::ffi::c_void,
    ..Cell::ZERO
};
/// Code of compiled functions.
pub static NATIVE: Cell = Cell {
    handler: native as *const std::ffi::c_void,
    ..Cell::ZERO
};
/// Code of functions imported from another instance.
pub static BRIDGE: Cell = Cell {
    handler: bridge as *const std::ffi::c_void,
    ..Cell::ZERO
};
/// Return cell of a bridge.
pub static BRIDGE_RETURN: Cell = Cell {
    handler: bridge_return as *const std::ffi::c_void,
    ..Cell::ZERO
};
/// Return cell of a call from the host.
pub static LEAVE: Cell = Cell {
    handler: leave as *const std::ffi::c_void,
    ..Cell::ZERO
};

/// Return cell of a call from compiled code. The slot behind it, which otherwise has the caller's
/// frame, tells the engine where that code stands.
pub static LEAVE_TO_NATIVE: Cell = Cell {
    handler: leave as *const std::ffi::c_void,
    ..Cell::ZERO
};

handler! {
    /// Return without results; `extra` is the header. `F` units of the window are fuel.
    fn return_none<;I, F>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let header = fp.add((*pc.add(I)).extra as usize);
        let to = *header as *const Cell;
        fp = *header.add(1) as *mut u64;
        transfer!(to, pc.add(F); pc, fp, mem, ctx, acc, budget, fd, fs);
    }
}

handler! {
    /// Return of one slot.
    fn return_one<V: Val, A: Src; I, F>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let v: V = A::get(pc, fp, acc, fd, fs);
        let header = fp.add((*pc.add(I)).extra as usize);
        let to = *header as *const Cell;
        let caller = *header.add(1) as *mut u64;
        *fp = v.to_slot();
        fp = caller;
        transfer!(to, pc.add(F); pc, fp, mem, ctx, acc, budget, fd, fs);
    }
}

handler! {
    /// Return of `imm` slots from `slot` on. The results may cover the header.
    fn return_many(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let header = fp.add((*pc).extra as usize);
        let to = *header as *const Cell;
        let caller = *header.add(1) as *mut u64;
        std::ptr::copy(fp.add((*pc).slot as usize), fp, (*pc).imm as usize);
        fp = caller;
        transfer!(to, pc; pc, fp, mem, ctx, acc, budget, fd, fs);
    }
}

handler! {
    /// `N` structural markers, or a `nop` or `drop`: no unit of fuel.
    fn marker<;N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        budget = budget.wrapping_add(UNIT * N as u64);
        pc = skip(pc, N);
    }
}

handler! {
    /// `try_table`: a unit of fuel.
    fn try_table(pc, fp, mem, ctx, acc, budget, fd, fs) {
        pc = skip(pc, 1);
    }
}

handler! {
    /// Zeroes `extra` locals from slot `imm` on.
    fn zero(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let first = fp.add((*pc).imm as usize);
        for i in 0..(*pc).extra as usize {
            *first.add(i) = 0;
        }
        budget = budget.wrapping_add(UNIT);
        pc = skip(pc, 1);
    }
}

handler! {
    /// Zeroes exactly `K` locals.
    fn zero_few<;K>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let first = fp.add((*pc).imm as usize);
        for i in 0..K {
            *first.add(i) = 0;
        }
        budget = budget.wrapping_add(UNIT);
        pc = skip(pc, 1);
    }
}

raw_handler! {
    /// `unreachable`
    fn unreachable(pc, fp, mem, ctx, acc, budget, fd, fs) {
        trap!(exit::UNREACHABLE; pc, fp, mem, ctx, acc, budget, fd, fs)
    }
}

handler! {
    /// An instruction without a handler of its own: slow path number `extra`.
    /// Operands and results are in canonical slots; one data cell may follow.
    fn slow<;N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let op = *(*ctx).slow.ops.as_ptr().add((*pc).extra as usize);
        (*(*ctx).machine).budget = budget;
        let status = op(ctx, pc, fp);
        budget = (*(*ctx).machine).budget;
        if status != exit::DONE {
            trap!(status; pc, fp, mem, ctx, acc, budget, fd, fs)
        }
        mem = (*ctx).mem_base;
        acc = *fp.add((*pc).slot as usize);
        budget = budget.wrapping_add(UNIT * (N as u64 - 1));
        pc = skip(pc, N);
        // A bulk operation near a fuel limit takes the rest of the slice away.
        if budget < pc as u64 {
            return expired(pc, fp, mem, ctx, acc, budget, fd, fs);
        }
    }
}
