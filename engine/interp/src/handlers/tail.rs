//! Tail calls: the callee's frame takes the place of the caller's.
//!
//! The frame keeps its return cell and the caller's frame; arguments move down, and the header
//! moves to where the callee has it. A callee of another instance needs a bridge, which puts the
//! context back when it returns; one that is there already (or the host or compiled code, which need none) serves
//! again, so that tail calls to and fro between instances run in constant stack, too.

use crate::dispatch::{handler, transfer, trap};
use crate::exit;
use crate::handlers::control::{BRIDGE_RETURN, BRIDGE_SLOTS, LEAVE, LEAVE_TO_NATIVE};
use crate::layout::{Cell, FuncRecord, HEADER_SLOTS};

/// Replaces the current frame, whose header is at slot `$header`, by one of `$record` with the
/// arguments at slot `$args`. Costs a unit for the call and one for the entry, although the code may
/// end behind the first.
macro_rules! replace {
    ($record:expr, $args:expr, $header:expr; $pc:ident, $fp:ident, $mem:ident, $ctx:ident, $acc:ident, $budget:ident, $fd:ident, $fs:ident) => {
        let record: *const FuncRecord = (*$record).target;
        let args: *mut u64 = $fp.add($args);
        let own = $fp.add($header);
        let back = *own;
        let caller = *own.add(1);
        let target = (*record).ctx;
        let stays = target.is_null() || target == $ctx;
        let bridged = stays
            || back == (&raw const BRIDGE_RETURN) as u64
            || back == (&raw const LEAVE) as u64
            || back == (&raw const LEAVE_TO_NATIVE) as u64;
        let callee = if bridged { $fp } else { $fp.add(BRIDGE_SLOTS) };
        let needed = ((*record).cost as usize).max((*record).header as usize + HEADER_SLOTS);
        if ((*record).cost != 0 || !bridged) && callee.wrapping_add(needed) > (*$ctx).stack_limit {
            trap!(exit::STACK; $pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs)
        }
        std::ptr::copy(args, callee, (*record).param_slots as usize);
        let header = callee.add((*record).header as usize);
        if bridged {
            *header = back;
            *header.add(1) = caller;
        } else {
            *$fp = back;
            *$fp.add(1) = caller;
            *$fp.add(2) = $ctx as u64;
            *$fp.add(3) = (*record).result_slots as u64;
            *header = (&raw const BRIDGE_RETURN) as u64;
            *header.add(1) = $fp as u64;
        }
        $fp = callee;
        if !stays {
            $ctx = target;
            $mem = (*$ctx).mem_base;
        }
        $acc = record as u64;
        transfer!((*record).code, $pc.wrapping_add(2); $pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs);
    };
}

handler! {
    /// `return_call`: `imm` is the function, `slot` its first argument, `extra` the own header.
    fn return_call(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let record = (*ctx).funcs.add((*pc).imm as usize);
        replace!(record, (*pc).slot as usize, (*pc).extra as usize; pc, fp, mem, ctx, acc, budget, fd, fs);
    }
}

handler! {
    /// `return_call_indirect`: `imm` is the signature, `slot` the index, `extra` the first argument;
    /// of the data cell `imm` is the table, `slot` the own header, `extra` 1 for a 64-bit index.
    fn return_call_indirect(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let data: *const Cell = pc.add(1);
        let index = *fp.add((*pc).slot as usize);
        let index = if (*data).extra == 0 { index as u32 as u64 } else { index };
        let view = *(*ctx).tables.add((*data).imm as usize);
        if index >= (*view).len {
            trap!(exit::UNDEFINED_ELEMENT; pc, fp, mem, ctx, acc, budget, fd, fs)
        }
        let record = *(*view).elements.add(index as usize) as *const FuncRecord;
        if record.is_null() {
            trap!(exit::NULL_ELEMENT; pc, fp, mem, ctx, acc, budget, fd, fs)
        }
        if (*record).sig != (*pc).imm {
            acc = record as u64;
            return return_call_subtype(pc, fp, mem, ctx, acc, budget, fd, fs);
        }
        replace!(record, (*pc).extra as usize, (*data).slot as usize; pc, fp, mem, ctx, acc, budget, fd, fs);
    }
}

handler! {
    /// The rest of `return_call_indirect` to a function of another type than it says, which may be a
    /// subtype; `acc` is the record.
    #[cold]
    #[inline(never)]
    fn return_call_subtype(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let record = acc as *const FuncRecord;
        if !((*ctx).slow.is_subtype)(ctx, (*record).sig, (*pc).imm) {
            trap!(exit::SIGNATURE; pc, fp, mem, ctx, acc, budget, fd, fs)
        }
        let data: *const Cell = pc.add(1);
        replace!(record, (*pc).extra as usize, (*data).slot as usize; pc, fp, mem, ctx, acc, budget, fd, fs);
    }
}

handler! {
    /// `return_call_ref`: `slot` is the reference, `extra` the first argument; of the data cell
    /// `slot` is the own header.
    fn return_call_ref(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let record = *fp.add((*pc).slot as usize) as *const FuncRecord;
        if record.is_null() {
            trap!(exit::NULL_FUNCTION; pc, fp, mem, ctx, acc, budget, fd, fs)
        }
        replace!(record, (*pc).extra as usize, (*pc.add(1)).slot as usize; pc, fp, mem, ctx, acc, budget, fd, fs);
    }
}
