//! Handlers of probed cells. They find their data in the cell's shadow.

use crate::dispatch::{UNIT, handler, handler_at, raw_handler, skip};
use crate::layout::Shadow;

/// The shadow of a private cell.
macro_rules! shadow {
    ($pc:ident, $ctx:ident) => {
        Shadow::of($pc, (*$ctx).shadow_delta)
    };
}

raw_handler! {
    /// A probe that needs the engine: a callback, a frame, a removal.
    #[inline(never)]
    fn fire(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let resume = ((*ctx).slow.fire)(ctx, pc, fp, budget);
        if resume.handler.is_null() {
            return resume.pc as u64;
        }
        pc = resume.pc;
        mem = (*ctx).mem_base;
        let machine = (*ctx).machine;
        budget = (*machine).budget;
        acc = (*machine).saved.acc;
        fd = f64::from_bits(acc);
        fs = f32::from_bits(acc as u32);
        let handler = handler_at(resume.handler);
        handler(pc, fp, mem, ctx, acc, budget, fd, fs)
    }
}

raw_handler! {
    /// Probes that need nothing but the frame.
    #[inline(never)]
    fn steps(pc, fp, mem, ctx, acc, budget, fd, fs) {
        if ((*ctx).slow.steps)(ctx, pc, fp) != 0 {
            return ((*ctx).slow.failed)(ctx, pc, fp, budget);
        }
        let handler = handler_at((*shadow!(pc, ctx)).original);
        handler(pc, fp, mem, ctx, acc, budget, fd, fs)
    }
}

raw_handler! {
    /// `counter += 1`
    fn count(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let shadow = shadow!(pc, ctx);
        let counter = (*shadow).data;
        *counter = (*counter).wrapping_add(1);
        let handler = handler_at((*shadow).original);
        handler(pc, fp, mem, ctx, acc, budget, fd, fs)
    }
}

handler! {
    /// `counter += 1` before `N` structural markers, which need no handler of their own then.
    fn count_markers<;N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let counter = (*shadow!(pc, ctx)).data;
        *counter = (*counter).wrapping_add(1);
        budget = budget.wrapping_add(UNIT * N as u64);
        pc = skip(pc, N);
    }
}

/// What a counter is after it has been noted that something happened: its lowest byte is 1.
#[inline(always)]
pub const fn noted(counter: u64) -> u64 {
    counter & !0xFF | 1
}

/// One action of a list that runs without the engine.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Inline {
    /// What to do.
    pub kind: InlineKind,
    /// Slot of the operand.
    pub slot: u16,
    /// Counters to choose from, less one.
    pub last: u32,
    /// How the operand becomes 64 bits.
    pub extend: Extend,
    /// First counter.
    pub counter: *mut u64,
    /// What is added, or the mask of `InlineKind::Max`.
    pub add: u64,
}

/// How an operand becomes 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum Extend {
    /// An `i32` without sign.
    Zero,
    /// An `i32` with sign.
    Sign,
    /// An `i64`.
    None,
}

impl Extend {
    /// The value of an operand in its slot.
    #[inline(always)]
    pub fn value(self, slot: u64) -> u64 {
        match self {
            Extend::Zero => slot as u32 as u64,
            Extend::Sign => slot as i32 as i64 as u64,
            Extend::None => slot,
        }
    }
}

/// Kinds of inline actions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum InlineKind {
    /// End of the list.
    End,
    /// `counter += add`
    Add,
    /// `counter[min(operand, last)] += 1`
    Index,
    /// `counter[operand != 0] += 1`
    Boolean,
    /// `counter = 1`
    Set,
    /// `counter += operand`
    Sum,
    /// `counter += (operand != 0)`
    Nonzero,
    /// `counter = max(counter, operand ^ add)`
    Max,
    /// `counter[bits of operand] += 1`
    Log2,
}

raw_handler! {
    /// A list of inline actions, ended by `InlineKind::End`.
    fn inline_list(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let shadow = shadow!(pc, ctx);
        let mut action = (*shadow).data as *const Inline;
        loop {
            let a = &*action;
            let slot = *fp.add(a.slot as usize);
            let operand = slot as u32;
            let (counter, add) = match a.kind {
                InlineKind::End => break,
                InlineKind::Sum => (a.counter, a.extend.value(slot)),
                InlineKind::Nonzero => (a.counter, u64::from(a.extend.value(slot) != 0)),
                InlineKind::Max => {
                    *a.counter = (*a.counter).max(a.extend.value(slot) ^ a.add);
                    action = action.add(1);
                    continue;
                }
                InlineKind::Log2 => {
                    let bits = 64 - a.extend.value(slot).leading_zeros();
                    (a.counter.add(bits as usize), 1)
                }
                InlineKind::Add => (a.counter, a.add),
                InlineKind::Index => (a.counter.add(operand.min(a.last) as usize), 1),
                InlineKind::Boolean => (a.counter.add((operand != 0) as usize), 1),
                InlineKind::Set => {
                    *a.counter = noted(*a.counter);
                    action = action.add(1);
                    continue;
                }
            };
            *counter = (*counter).wrapping_add(add);
            action = action.add(1);
        }
        let handler = handler_at((*shadow).original);
        handler(pc, fp, mem, ctx, acc, budget, fd, fs)
    }
}

raw_handler! {
    /// One `InlineKind::Boolean` action.
    fn count_boolean(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let shadow = shadow!(pc, ctx);
        let a = &*((*shadow).data as *const Inline);
        let operand = *fp.add(a.slot as usize) as u32;
        let counter = a.counter.add((operand != 0) as usize);
        *counter = (*counter).wrapping_add(1);
        let handler = handler_at((*shadow).original);
        handler(pc, fp, mem, ctx, acc, budget, fd, fs)
    }
}
