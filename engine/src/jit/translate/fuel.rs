//! Counting fuel: each straight line of operators is paid for at its beginning.
//!
//! What cannot be paid is not begun: the interpreter goes on there, and finds the very operator
//! that the limit forbids. What a trap leaves undone of a line is given back (`Draft::unspent`).
//! A line ends wherever somebody may ask what has been consumed.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, types};
use wasmparser::Operator as O;

use super::super::abi;
use super::{Region, Translator, may_leave};
use crate::runtime::op_fuel;
use crate::tier::watch::{WatchPlan, WatchSite};

/// For each operator, units of the rest of its line, itself included.
pub(super) fn costs(ops: &[(O<'_>, u32)], watch: Option<&WatchPlan>) -> Vec<u32> {
    let mut costs = vec![0; ops.len()];
    let mut behind = 0;
    for (at, (op, pc)) in ops.iter().enumerate().rev() {
        if ends_line(op) {
            behind = 0;
        }
        behind += op_fuel(op) as u32;
        costs[at] = behind;
        if begins_line(op) || watch.is_some_and(|watch| fires_at(watch, *pc)) {
            behind = 0;
        }
    }
    costs
}

/// Whether control comes to an operator in other ways, too.
fn begins_line(op: &O<'_>) -> bool {
    matches!(op, O::Loop { .. } | O::Else | O::End)
}

/// Whether control may go elsewhere behind an operator, or somebody may look.
fn ends_line(op: &O<'_>) -> bool {
    may_leave(op)
        || matches!(
            op,
            O::If { .. }
                | O::Else
                | O::Br { .. }
                | O::BrIf { .. }
                | O::BrTable { .. }
                | O::BrOnNull { .. }
                | O::BrOnNonNull { .. }
                | O::BrOnCast { .. }
                | O::BrOnCastFail { .. }
                | O::Return
                | O::Unreachable
        )
}

/// Whether probes may fail before the operator at `pc`.
fn fires_at(watch: &WatchPlan, pc: u32) -> bool {
    let cell = watch.template.sites.cell_at(pc);
    let site = cell.and_then(|cell| watch.sites.get(&cell));
    site.is_some_and(WatchSite::may_fail)
}

impl Translator<'_> {
    /// Units of the rest of the current line.
    fn line(&self) -> u32 {
        self.costs.get(self.at).copied().unwrap_or(0)
    }

    /// Pays for the line that begins at the current operator, unless that has been done.
    pub(super) fn pay(&mut self) {
        if self.counted && !self.paid {
            self.charge(self.line());
            self.paid = true;
        }
    }

    /// Before probes fire: those of an operator that the limit forbids do not.
    pub(super) fn check_fuel(&mut self, units: i64) {
        if !self.counted || units == 0 {
            return;
        }
        let flags = self.flags(Region::Fuel);
        let account = self.fixed(types::I64, abi::CTX_FUEL);
        let left = self.b.ins().load(types::I64, flags, account, 0);
        let short = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, left, units);
        let next = self.leave_if(short);
        self.store_frame(self.stack.len());
        self.leave_frame();
        self.b.switch_to_block(next);
    }

    /// The function's entry, and the line that begins there if nothing is between.
    pub(super) fn pay_entry(&mut self, entry_fires: bool, ops: &[(O<'_>, u32)]) {
        if !self.counted {
            return;
        }
        let begins = ops.first().is_some_and(|(op, _)| begins_line(op));
        let fires = self
            .watch
            .as_ref()
            .is_some_and(|watch| entry_fires || ops.first().is_some_and(|o| fires_at(watch, o.1)));
        self.paid = !begins && !fires;
        let units = 1 + if self.paid { self.line() } else { 0 };
        self.entering = true;
        self.charge(units);
        self.entering = false;
    }

    fn charge(&mut self, units: u32) {
        if units == 0 {
            return;
        }
        let flags = self.flags(Region::Fuel);
        let account = self.fixed(types::I64, abi::CTX_FUEL);
        let left = self.b.ins().load(types::I64, flags, account, 0);
        let left = self.b.ins().iadd_imm_s(left, -i64::from(units));
        let short = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, left, 0);
        let next = self.leave_if(short);
        if self.entering {
            self.leave_entry();
        } else {
            self.store_frame(self.stack.len());
            self.leave_frame();
        }
        self.b.switch_to_block(next);
        self.b.ins().store(flags, left, account, 0);
    }

    /// Behind an operator: what follows is to be paid for anew if its line ends here. Otherwise the
    /// rest of the line is unspent if the operator traps.
    pub(super) fn end_of_operator(&mut self, op: &O<'_>) {
        if !self.counted {
            return;
        }
        let rest = self.line() - op_fuel(op) as u32;
        if ends_line(op) {
            self.paid = false;
        } else if rest != 0 {
            self.draft.unspent.push((self.pc, rest));
        }
    }

    /// The interpreter goes on at the current operator and pays for it, and for what is behind it.
    pub(super) fn give_back(&mut self) {
        let units = self.line();
        if !self.counted || !self.paid || units == 0 {
            return;
        }
        let flags = self.flags(Region::Fuel);
        let account = self.fixed(types::I64, abi::CTX_FUEL);
        let left = self.b.ins().load(types::I64, flags, account, 0);
        let left = self.b.ins().iadd_imm_s(left, i64::from(units));
        self.b.ins().store(flags, left, account, 0);
    }
}
