//! Probes in compiled code: counters in place (`counters`), and calls of the engine for all else.

use cranelift_codegen::ir::{InstBuilder, Value, types};
use wasmparser::Operator as O;

use super::super::stubs::Exit;
use super::super::thunks::store_slot;
use super::Translator;
use crate::runtime::op_fuel;
use crate::tier::code::SiteKind;
use crate::tier::watch::WatchSite;

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
        if self.calls_probes(cell) {
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

    fn calls_probes(&self, cell: usize) -> bool {
        let site = self.watch.as_ref().and_then(|watch| watch.sites.get(&cell));
        matches!(site, Some(WatchSite::Fire(_)))
    }

    /// What watches the function's entry happens here.
    pub(super) fn at_entry(&mut self, ops: &[(O<'_>, u32)]) {
        let watch = self.watch.as_ref();
        let entry = watch.map(|watch| watch.template.sites.entry as usize);
        self.pay_entry(entry.is_some_and(|cell| self.calls_probes(cell)), ops);
        if let Some(watch) = self.watch.clone() {
            if watch.keeps_slots {
                for i in 0..self.locals.len() {
                    let local = self.locals[i];
                    let value = self.b.use_var(local.variable);
                    store_slot(&mut self.b, value, self.fp, local.slot);
                }
            }
            self.fire(watch.template.sites.entry as usize);
        }
        self.fired = false;
    }

    pub(super) fn set_local(&mut self, index: u32, value: Value) {
        let local = self.locals[index as usize];
        self.b.def_var(local.variable, value);
        if self.watch.as_ref().is_some_and(|watch| watch.keeps_slots) {
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
            Some(WatchSite::Count(counts)) => {
                for count in counts {
                    self.count(count);
                }
            }
            Some(&WatchSite::Fire(data)) => {
                let exit = self.exit(Exit::Fire, 1);
                let data = self.b.ins().iconst(types::I64, data as i64);
                let kind = SiteKind::Probe { cell: cell as u32 };
                self.call_site(exit, &[self.ctx, data], kind);
            }
        }
        self.fired = true;
    }
}
