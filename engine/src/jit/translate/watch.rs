//! Probes in compiled code: in place what needs no frame, such as counters (`counters`), and calls of the engine for all
//! else.

use std::sync::Arc;

use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use probity_interp::handlers::probe::Extend;
use wasmparser::Operator as O;

use super::super::abi;
use super::super::location::Location;
use super::super::stubs::Exit;
use super::super::thunks::store_slot;
use super::Translator;
use crate::hook::{Input, Taken, ValueCall, call_values};
use crate::runtime::op_fuel;
use crate::tier::code::{SiteKind, leaving};
use crate::tier::watch::{CountBy, InPlace, Step, WatchSite};

impl Translator<'_> {
    /// Control is at the current operator: what watches it fires, and it is paid for.
    pub(super) fn before_operator(&mut self, op: &O<'_>) {
        if self.dead.is_some() {
            return;
        }
        let watch = self.watch.clone();
        let cell = watch.and_then(|watch| watch.template.sites.cell_at(self.pc));
        let Some(cell) = cell else {
            return self.pay();
        };
        if self.may_fail(cell) {
            self.check_fuel(op_fuel(op));
            self.fire(cell);
            self.paid = false;
            self.pay();
        } else {
            self.pay();
            self.fire(cell);
        }
    }

    /// Control goes on from the last operator to one that it comes to in other ways, too: what fires behind the
    /// last one does so here.
    pub(super) fn land(&mut self) {
        if self.dead.is_some() {
            return;
        }
        let watch = self.watch.clone();
        let sites = watch.as_ref().map(|watch| &watch.template.sites);
        let landing = sites.and_then(|s| s.landing_before(s.cell_at(self.pc)?));
        if let Some(landing) = landing {
            self.fire(landing);
            // Not what watches the current operator.
            self.fired = false;
        }
    }

    fn may_fail(&self, cell: usize) -> bool {
        let site = self.watch.as_ref().and_then(|watch| watch.sites.get(&cell));
        site.is_some_and(WatchSite::may_fail)
    }

    /// What watches the function's entry happens here.
    pub(super) fn at_entry(&mut self, ops: &[(O<'_>, u32)]) {
        let watch = self.watch.as_ref();
        let entry = watch.map(|watch| watch.template.sites.entry as usize);
        self.pay_entry(entry.is_some_and(|cell| self.may_fail(cell)), ops);
        if self.keeps_slots {
            for i in 0..self.locals.len() {
                let local = self.locals[i];
                let value = self.b.use_var(local.variable);
                store_slot(&mut self.b, value, self.fp, local.slot);
            }
        }
        if let Some(watch) = self.watch.clone() {
            let entry = watch.template.sites.entry as usize;
            let pc = watch.template.pcs[entry];
            self.b.set_srcloc(Location::Pc(pc).source());
            self.fire(entry);
            self.b.set_srcloc(Location::Pc(self.pc).source());
        }
        self.fired = false;
    }

    pub(super) fn set_local(&mut self, index: u32, value: Value) {
        let local = self.locals[index as usize];
        self.b.def_var(local.variable, value);
        if self.keeps_slots {
            store_slot(&mut self.b, value, self.fp, local.slot);
        } else {
            self.keep(index, value);
        }
    }

    fn fire(&mut self, cell: usize) {
        let Some(watch) = self.watch.clone() else {
            return;
        };
        match watch.sites.get(&cell) {
            None => return,
            Some(WatchSite::Inline(steps)) => {
                let own = watch.template.sites.cell_at(self.pc) == Some(cell);
                // A loop around the one at which code begins is not entered, only gone round.
                let entered = self.osr_block.is_none();
                let at_loop = own && entered && matches!(self.ops[self.at].0, O::Loop { .. });
                self.do_in_place(steps, at_loop);
            }
            Some(&WatchSite::Fire(data)) => {
                let exit = self.exit(Exit::Fire, 2);
                let data = self.b.ins().iconst(types::I64, data as i64);
                let kind = SiteKind::Probe { cell: cell as u32 };
                self.call_site(exit, &[self.ctx, data, self.fp], kind);
            }
        }
        self.fired = true;
    }

    /// Control is about to come to the loop at the current operator: what its own site only notes once is noted here,
    /// and not in every round.
    pub(super) fn set_before_loop(&mut self) {
        let Some(watch) = self.watch.clone() else {
            return;
        };
        let cell = watch.template.sites.cell_at(self.pc);
        let Some(WatchSite::Inline(steps)) = cell.and_then(|cell| watch.sites.get(&cell)) else {
            return;
        };
        for count in steps.iter().filter_map(Step::count) {
            if let CountBy::Set = count.by {
                self.count(count);
            }
        }
    }

    fn do_in_place(&mut self, steps: &[Step], at_loop: bool) {
        for group in steps.chunk_by(|a, b| a.group == b.group) {
            // Those behind the first that fails are done, too.
            let mut failed: Option<Value> = None;
            for (i, step) in group.iter().enumerate() {
                let status = match &step.action {
                    InPlace::Count(count) => {
                        // That of a loop's own operator has been done before it.
                        if !(at_loop && matches!(count.by, CountBy::Set)) {
                            self.count(count);
                        }
                        continue;
                    }
                    InPlace::Call { taken, call } => self.call_values(taken, call),
                    InPlace::Outside { taken, call } => {
                        let outside = self.is_outside(taken, call);
                        if failed.is_none() && i + 1 == group.len() {
                            self.call_outside_or_leave(call, outside);
                            continue;
                        }
                        self.call_if_outside(call, outside)
                    }
                    InPlace::Record { taken, tag, buffer } => {
                        let full = self.write_record(taken, *tag, buffer);
                        if failed.is_none() && i + 1 == group.len() {
                            self.drain_or_leave(buffer, full);
                            continue;
                        }
                        self.drain(buffer, full)
                    }
                };
                failed = Some(match failed {
                    Some(failed) => self.b.ins().bor(failed, status),
                    None => status,
                });
            }
            if let Some(failed) = failed {
                let next = self.leave_if(failed);
                self.leave_failed();
                self.b.switch_to_block(next);
            }
        }
    }

    /// A probe has failed at the current operator.
    pub(super) fn leave_failed(&mut self) {
        self.store_frame(self.stack.len());
        self.leave_as(leaving::FAILED);
    }

    /// Calls a probe's function with values; gives whether it has failed.
    fn call_values(&mut self, taken: &[Taken], call: &Arc<ValueCall>) -> Value {
        let call = Arc::as_ptr(call).expose_provenance();
        let mut arguments = vec![self.ctx, self.b.ins().iconst(types::I64, call as i64)];
        for taken in taken {
            arguments.push(self.taken(taken));
        }
        let signature = abi::exit_signature(arguments.len() - 1);
        let signature = self.b.import_signature(signature);
        let target = call_values as *const () as usize;
        let target = self.b.ins().iconst(types::I64, target as i64);
        let call = self.b.ins().call_indirect(signature, target, &arguments);
        self.b.inst_results(call)[0]
    }

    /// A value that a probe takes, as 64 bits. Inserting has checked that there is one.
    pub(super) fn taken(&mut self, taken: &Taken) -> Value {
        let value = match taken.input {
            Input::Operand(operand) => {
                let at = self.stack.len() - 1 - operand as usize;
                self.stack[at].value
            }
            Input::Local(local) => self.b.use_var(self.locals[local as usize].variable),
        };
        let flags = MemFlagsData::new();
        let value = match self.b.func.dfg.value_type(value) {
            types::F32 => self.b.ins().bitcast(types::I32, flags, value),
            types::F64 => self.b.ins().bitcast(types::I64, flags, value),
            _ => value,
        };
        match taken.extend {
            Extend::Zero => self.b.ins().uextend(types::I64, value),
            Extend::Sign => self.b.ins().sextend(types::I64, value),
            Extend::None => value,
        }
    }
}
