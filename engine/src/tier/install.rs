//! Which code a function's record leads to.

#[cfg(jit)]
use std::ffi::c_void;
use std::sync::Arc;

use probity_interp::handlers::control::{NATIVE, PREPARE};
#[cfg(jit)]
use probity_interp::layout::Ctx;
use probity_interp::layout::{Cell, FuncRecord};

use super::code::{NativeCode, Variant};
use crate::code::Mode;
use crate::config::{Tier, TierZeal};
use crate::error::Result;
use crate::jit;
use crate::jit::stubs;
use crate::runtime::core::StoreCore;

/// Lets calls that compiled code makes come to the engine, which goes by the function's cells.
pub(crate) fn unpublish_native(record: &mut FuncRecord) {
    record.native = stubs::lazy();
    record.thunk = std::ptr::null();
}

impl StoreCore {
    /// Lets calls of a function run machine code, if there is any.
    pub(crate) fn publish_native(&mut self, func: u32) {
        if self.engine().config().tier == Tier::Interp {
            return;
        }
        let code = self.compiled(func);
        let polls = self.always_polls();
        // SAFETY: records live as long as the store.
        let record = unsafe { &mut *self.funcs[func as usize].record };
        match code {
            Some((code, thunk)) => {
                record.code = &raw const NATIVE;
                record.native = code.entry(polls);
                record.thunk = thunk.base.cast();
                self.keep_code(code);
                self.keep_code(thunk);
            }
            None => unpublish_native(record),
        }
    }

    /// Limits the fuel. From then on compiled code counts it.
    pub(crate) fn limit_fuel(&mut self, fuel: Option<u64>) {
        self.fuel.set_limit(fuel);
        self.count_as_needed();
    }

    /// Lets compiled code count fuel if somebody waits for it, and else not.
    pub(crate) fn count_as_needed(&mut self) {
        let config = self.engine().config();
        let counted = self.fuel.is_awaited() || config.count_fuel;
        if config.tier == Tier::Interp || counted == self.native.counted {
            return;
        }
        self.native.counted = counted;
        self.unwatch_all();
        self.redirect_all();
        self.free_retired();
        let prepared: Vec<u32> = self.probes.prepared.iter().copied().collect();
        for func in prepared {
            // What waits for its next call to be brought up to date goes on waiting. That is so of a function, too, that
            // is being prepared for its first call: its caller's return cell is where the record says so far.
            // SAFETY: records live as long as the store.
            let waits = unsafe { (*self.funcs[func as usize].record).code } == &raw const PREPARE;
            if !waits
                && !self.probes.dirty.contains_key(&func)
                && let Ok(cells) = self.interpreted_code(func)
            {
                self.set_code(func, cells);
            }
        }
    }

    /// Machine code of a function, and the way in from the interpreter.
    fn compiled(&mut self, func: u32) -> Option<(Arc<NativeCode>, Arc<NativeCode>)> {
        let (module, index) = self.module_and_index(func).ok()?;
        let config = self.engine().config();
        let (tier, zeal) = (config.tier, config.tier_zeal);
        // Frames of compiled code with exits in what they call, of which there is much more then.
        if tier == Tier::Interp || (tier, zeal, index % 2) == (Tier::Jit, TierZeal::Deopt, 1) {
            return None;
        }
        // Probes in code that leaves at its first poll cost much and show little.
        if zeal == TierZeal::Deopt && index % 8 != 0 && self.probes.private.contains_key(&func) {
            return None;
        }
        let counted = self.native.counted;
        let code = if self.probes.private.contains_key(&func) {
            let watched = self.watched(func)?;
            let watch = Some(watched.plan.clone());
            let variant = Variant {
                osr: None,
                counted,
                watch,
            };
            let worth =
                watched.changes == 0 || watched.is_hot(u32::MAX >> 8, zeal != TierZeal::Off);
            match tier == Tier::Jit && worth {
                true => jit::make(&module, index, variant, &watched.whole),
                false => watched.whole.ready(),
            }
        } else if tier == Tier::Jit {
            jit::function(&module, index, counted)
        } else {
            let variant = Variant {
                counted,
                ..Variant::default()
            };
            jit::slot(&module, index, &variant).ready()
        }?;
        let type_index = module.inner.funcs[index as usize];
        Some((code, jit::thunk(&module, type_index)?))
    }

    /// Whether loops are to find a request each time.
    pub(crate) fn always_polls(&self) -> bool {
        self.engine().config().tier_zeal == TierZeal::Deopt
    }

    /// The store may run this code from now on.
    pub(crate) fn keep_code(&mut self, code: Arc<NativeCode>) {
        for base in code.bases() {
            let known = self.native.code.entry(base);
            known.or_insert_with(|| code.clone());
        }
    }

    /// Machine code that calls a function of a type by way of the engine.
    ///
    /// # Panics
    /// There is no memory for it.
    #[cfg(jit)]
    pub(super) fn out_stub(&mut self, ctx: *mut Ctx, type_index: u32) -> *const c_void {
        let data = self.instance_of(ctx).expect("code of an instance");
        let out = jit::out(&data.module, type_index).expect("memory for machine code");
        let base = out.base.cast();
        self.keep_code(out);
        base
    }

    /// First cell of the interpreter's code of a function, whatever its record leads to.
    ///
    /// # Errors
    /// The function is invalid.
    pub(crate) fn interpreted_code(&mut self, func: u32) -> Result<*const Cell> {
        if let Some(private) = self.probes.private.get(&func) {
            return Ok(private.cells);
        }
        let (module, index) = self.module_and_index(func)?;
        let code = module.inner.code(&module, index, Mode::Plain)?;
        Ok(code.cells.as_ptr())
    }

    /// The cell of the operator at `pc` of a function that is running, whose probes are still to
    /// fire.
    ///
    /// # Safety
    /// `ctx` must be the context of an instance.
    #[cfg(jit)]
    pub(super) unsafe fn interpreted_cell(
        &mut self,
        ctx: *mut Ctx,
        index: u32,
        pc: u32,
    ) -> *const Cell {
        let data = self.instance_of(ctx).expect("code of an instance");
        let func = data.func_id(index);
        if let Some(private) = self.probes.private.get(&func)
            && let Some(cell) = private.template.sites.cell_at(pc)
        {
            return private.cells.wrapping_add(cell);
        }
        let code = data
            .module
            .inner
            .code(&data.module, index, Mode::Plain)
            .expect("code of a function that was compiled");
        code.cells.as_ptr().wrapping_add(code.first_cell_from(pc))
    }
}
