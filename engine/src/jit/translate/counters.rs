//! Counters of probes, in place.
//!
//! An addition to memory takes as long as some loops take for a round, for each has to wait for the last.
//! So in an innermost loop that nobody else can look into, what is counted is held in registers and added to memory
//! where the loop is left: at its exits, where a poll leaves the function, and behind a trap, for which it is noted
//! which value each counter has at each operator (`jit::held` finds where that is in the end). Counters that are not
//! found there are stored in each round, by code that is made anew. Nobody looks at counters meanwhile but other
//! threads, which are told so ([`Counters`](crate::hook::Counters)).

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, ValueLabel, types};

use cranelift_frontend::Variable;
use probity_interp::op::Kind;
use wasmparser::Operator as O;

use super::super::held::{HeldAt, Later};
use super::{Region, Translator, atomics, casts, gc, may_leave, tables};
use crate::code::classify;
use crate::hook::{Fold, Folded};
use crate::tier::watch::{Count, CountBy, WatchSite};

/// Counters that a loop holds in registers at most.
const HELD_MAX: usize = 4;

/// Operators of a loop that holds counters. Longer ones have other uses for registers, and take longer for a
/// round than an addition to memory does.
const HOLDING_MAX: usize = 64;

/// Whether an action is one that loops do in registers.
fn can_be_held(count: &Count) -> bool {
    match count.by {
        CountBy::Number(_) => true,
        CountBy::Operand { last, boolean } => boolean && last > 0,
        CountBy::Fold(folded) => matches!(folded.fold, Fold::Sum | Fold::Nonzero),
        // A loop that always sets it keeps no trace of whether it has already, which a trap would need.
        CountBy::Set => false,
    }
}

/// A counter that a loop holds in a register.
#[derive(Clone, Copy)]
pub(super) struct Held {
    /// What it is, if each round stores it; otherwise what has been added since the loop began.
    variable: Variable,
    stored: bool,
}

/// Whether an operator may trap, of those that do not leave the function.
fn may_trap(op: &O<'_>) -> bool {
    match classify::scalar(op).or_else(|| classify::vector(op)) {
        Some(simple) => {
            simple.place.is_some() || matches!(simple.kind, Kind::BinTrap(_) | Kind::UnTrap(_))
        }
        None => {
            gc::is_plain(op)
                || casts::is_cast(op)
                || tables::is_access(op)
                || atomics::is_access(op)
                || matches!(op, O::Unreachable)
        }
    }
}

/// Counters that an action may change, by block and index.
fn counters_of(count: &Count) -> impl Iterator<Item = (u32, usize)> {
    let more = match count.by {
        CountBy::Number(_) | CountBy::Set => 0,
        CountBy::Fold(folded) => folded.fold.counters() as u32 - 1,
        CountBy::Operand { last, boolean } => match boolean {
            true => last.min(1),
            false => last,
        },
    };
    let block = count.block;
    (count.index..=count.index + more as usize).map(move |index| (block, index))
}

impl Translator<'_> {
    /// Which counters the loop at the current operator is to hold in registers. Nothing else may read or
    /// write them meanwhile: no function is called inside, be it the guest's, a probe's or the engine's.
    pub(super) fn choose_held(&mut self) {
        self.leave_held();
        let Some(watch) = self.watch.clone() else {
            return;
        };
        let info = self.analysis.loop_info(self.at);
        if self.counted || !info.innermost || info.end - self.at > HOLDING_MAX {
            return;
        }
        let ops = self.ops;
        let inside = &ops[self.at..info.end];
        if inside[1..].iter().any(|(op, _)| may_leave(op)) {
            return;
        }
        let mut counts: Vec<&Count> = Vec::new();
        let sites = &watch.template.sites;
        let own = inside.iter().filter_map(|&(_, pc)| sites.cell_at(pc));
        // That of the loop's own operator is passed outside.
        let landings = own.clone().skip(1).filter_map(|c| sites.landing_before(c));
        for cell in own.chain(landings) {
            match watch.sites.get(&cell) {
                None => {}
                Some(WatchSite::Fire(_)) => return,
                Some(WatchSite::Inline(steps)) => {
                    for step in steps {
                        match step.count() {
                            Some(count) => counts.push(count),
                            None => return,
                        }
                    }
                }
            }
        }
        self.holds_blocks = !counts.is_empty();
        for count in counts.iter().filter(|count| can_be_held(count)) {
            let more = counters_of(count).filter(|counter| !self.held.contains_key(counter));
            let more: Vec<_> = more.collect();
            if self.held.len() + more.len() > HELD_MAX {
                continue;
            }
            for counter in more {
                let variable = self.b.declare_var(types::I64);
                let stored = self.manner.stored.contains(&counter);
                self.held.insert(counter, Held { variable, stored });
            }
        }
        // What is in a register and what is written to memory alone must not be the same counter.
        let is_held = |counter| self.held.contains_key(&counter);
        let mixed = counts.iter().any(|count| match can_be_held(count) {
            true => counters_of(count).any(is_held) && !counters_of(count).all(is_held),
            false => counters_of(count).any(is_held),
        });
        if mixed {
            self.held.clear();
        }
        self.holder = self.control.len();
    }

    /// The loop that holds counters has ended.
    pub(super) fn leave_held(&mut self) {
        self.held.clear();
        self.holds_blocks = false;
    }

    /// Control is about to come to the loop that holds counters.
    pub(super) fn begin_held(&mut self) {
        for ((block, index), held) in self.held.clone() {
            let value = match held.stored {
                true => {
                    let (at, offset) = self.counter(block, index);
                    let flags = self.flags(Region::Counters);
                    self.b.ins().load(types::I64, flags, at, offset)
                }
                false => self.b.ins().iconst(types::I64, 0),
            };
            self.b.def_var(held.variable, value);
        }
    }

    /// Whether a branch leaves the loop that holds counters.
    pub(super) fn leaves_held(&self, depth: u32) -> bool {
        !self.held.is_empty() && self.control.len() - 1 - (depth as usize) < self.holder
    }

    /// Control is about to leave the loop that holds counters.
    pub(super) fn flush_held(&mut self) {
        for ((block, index), variable) in self.flushed() {
            let n = self.b.use_var(variable);
            let (at, offset) = self.counter(block, index);
            self.add_to(at, offset, n);
        }
    }

    /// What is held at the current operator, in case it traps.
    pub(super) fn note_held(&mut self, op: &O<'_>) {
        if self.dead.is_some() {
            return;
        }
        let pc = self.pc;
        for (counter, variable) in self.flushed() {
            let value = self.b.use_var(variable);
            if may_trap(op) && self.draft.held.is_late(value) {
                self.draft.held.lost.insert(counter);
            }
            self.draft.held.at.push(HeldAt { pc, counter, value });
        }
    }

    /// What is held and not stored.
    fn flushed(&self) -> Vec<((u32, usize), Variable)> {
        let flushed = self.held.iter().filter(|(_, held)| !held.stored);
        let flushed = flushed.map(|(&counter, held)| (counter, held.variable));
        flushed.collect()
    }

    /// Has Cranelift say where the values of counters are. At the end of the translation, when each value has the
    /// name that it keeps.
    pub(super) fn label_held(&mut self) {
        let mut held = std::mem::take(&mut self.draft.held);
        if held.at.is_empty() {
            return;
        }
        let dfg = &self.b.func.dfg;
        held.rename(|value| dfg.resolve_aliases(value));
        let bits = |value| Some((value, self.constant_bits(value)? as u64));
        let values = held.values();
        held.constants = values.iter().copied().filter_map(bits).collect();
        self.b.func.dfg.collect_debug_info();
        for value in values {
            self.b
                .set_val_label(value, ValueLabel::from_u32(value.as_u32()));
        }
        self.draft.held = held;
    }

    pub(super) fn count(&mut self, count: &Count) {
        match count.by {
            CountBy::Number(n) => {
                let n = self.b.ins().iconst(types::I64, n as i64);
                self.add(count.block, count.index, n);
            }
            CountBy::Set => {
                // A constant of 4 bytes beside a distance of 4 takes two places where a processor keeps instructions.
                let one = self.b.ins().iconst(types::I8, 1);
                let (at, offset) = self.counter(count.block, count.index);
                let flags = self.flags(Region::Counters);
                self.b.ins().store(flags, one, at, offset);
            }
            CountBy::Fold(folded) => self.fold(count, folded),
            CountBy::Operand { last, boolean } => {
                // Inserting has checked that there is one, an `i32`.
                let Some(operand) = self.stack.last().map(|o| o.value) else {
                    return;
                };
                if boolean
                    && last > 0
                    && self.held.contains_key(&(count.block, count.index))
                    && self.held.contains_key(&(count.block, count.index + 1))
                {
                    for (index, when) in [
                        (count.index, IntCC::Equal),
                        (count.index + 1, IntCC::NotEqual),
                    ] {
                        let is = self.b.ins().icmp_imm_u(when, operand, 0);
                        let n = self.b.ins().uextend(types::I64, is);
                        self.add(count.block, index, n);
                    }
                    return;
                }
                let index = if boolean {
                    let set = self.b.ins().icmp_imm_u(IntCC::NotEqual, operand, 0);
                    self.b.ins().uextend(types::I32, set)
                } else {
                    operand
                };
                let index = match (boolean, last) {
                    (true, 1..) => index,
                    _ => {
                        let last = self.b.ins().iconst(types::I32, i64::from(last));
                        self.b.ins().umin(index, last)
                    }
                };
                let index = self.b.ins().uextend(types::I64, index);
                let distance = self.b.ins().ishl_imm_u(index, 3);
                let (first, offset) = self.counter(count.block, count.index);
                let address = self.b.ins().iadd(first, distance);
                let one = self.b.ins().iconst(types::I64, 1);
                self.add_to(address, offset, one);
            }
        }
    }

    /// Takes an operand into account.
    fn fold(&mut self, count: &Count, folded: Folded) {
        let value = self.taken(&folded.taken);
        match folded.fold {
            Fold::Sum => self.add(count.block, count.index, value),
            Fold::Nonzero => {
                let is = self.b.ins().icmp_imm_u(IntCC::NotEqual, value, 0);
                let n = self.b.ins().uextend(types::I64, is);
                self.add(count.block, count.index, n);
            }
            Fold::Max { mask } => {
                let (at, offset) = self.counter(count.block, count.index);
                let flags = self.flags(Region::Counters);
                let value = self.b.ins().bxor_imm_s(value, mask as i64);
                let old = self.b.ins().load(types::I64, flags, at, offset);
                let new = self.b.ins().umax(old, value);
                self.b.ins().store(flags, new, at, offset);
            }
            Fold::Log2 => {
                let zeros = self.b.ins().clz(value);
                let all = self.b.ins().iconst(types::I64, 64);
                let bits = self.b.ins().isub(all, zeros);
                let distance = self.b.ins().ishl_imm_u(bits, 3);
                let (at, offset) = self.counter(count.block, count.index);
                let address = self.b.ins().iadd(at, distance);
                let one = self.b.ins().iconst(types::I64, 1);
                self.add_to(address, offset, one);
            }
        }
    }

    /// Adds to a counter.
    fn add(&mut self, block: u32, index: usize, n: Value) {
        match self.held.get(&(block, index)) {
            Some(&Held { variable, stored }) => {
                let before = self.b.use_var(variable);
                let value = self.b.ins().iadd(before, n);
                self.b.def_var(variable, value);
                if stored {
                    let (at, offset) = self.counter(block, index);
                    let flags = self.flags(Region::Counters);
                    self.b.ins().store(flags, value, at, offset);
                } else {
                    let n = self.constant_bits(n).map(|n| n as u64);
                    self.draft.held.add(Later { before, value, n });
                }
            }
            None => {
                let (at, offset) = self.counter(block, index);
                self.add_to(at, offset, n);
            }
        }
    }

    /// Address and offset of a counter. If it is far from the context, a loop that holds counters holds the address of
    /// their block, too; elsewhere the address is a constant then, which needs a register only here.
    fn counter(&mut self, block: u32, index: usize) -> (Value, i32) {
        let watch = self.watch.as_ref();
        let (first, ctx) = watch.map_or((0, 0), |w| (w.blocks[block as usize], w.ctx));
        let bytes = index * size_of::<u64>();
        let from_ctx = (first + bytes).wrapping_sub(ctx).cast_signed();
        if let Ok(offset) = i32::try_from(from_ctx) {
            return (self.ctx, offset);
        }
        if let Ok(offset) = i32::try_from(bytes)
            && self.holds_blocks
        {
            return (self.block(block), offset);
        }
        (self.b.ins().iconst(types::I64, (first + bytes) as i64), 0)
    }

    /// Address of a block of counters, in a register.
    fn block(&mut self, number: u32) -> Value {
        let blocks = self
            .watch
            .as_ref()
            .map_or(0, |w| w.blocks.as_ptr() as usize);
        let blocks = self.b.ins().iconst(types::I64, blocks as i64);
        let flags = self.flags(Region::CounterBlocks);
        let flags = flags.with_readonly().with_can_move();
        let offset = number as i32 * 8;
        self.b.ins().load(types::I64, flags, blocks, offset)
    }

    fn add_to(&mut self, address: Value, offset: i32, n: Value) {
        let flags = self.flags(Region::Counters);
        let old = self.b.ins().load(types::I64, flags, address, offset);
        let new = self.b.ins().iadd(old, n);
        self.b.ins().store(flags, new, address, offset);
    }
}
