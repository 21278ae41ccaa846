//! Which code a function's record leads to.

use std::ffi::c_void;
use std::sync::Arc;

use probity_interp::handlers::control::NATIVE;
use probity_interp::layout::{Cell, Ctx, FuncRecord};

use super::code::NativeCode;
use crate::code::Mode;
use crate::config::{Tier, TierZeal};
use crate::error::Result;
use crate::jit;
use crate::jit::stubs;
use crate::runtime::core::{FuncKind, StoreCore};

/// Lets calls that compiled code makes come to the engine, which goes by the function's cells.
pub(crate) fn unpublish_native(record: &mut FuncRecord) {
    record.native = stubs::lazy();
    record.thunk = std::ptr::null();
}

impl StoreCore {
    /// Lets calls of a function that nothing watches run machine code, if there is any.
    pub(crate) fn publish_native(&mut self, func: u32, plain: bool) {
        if self.engine().config().tier == Tier::Interp {
            return;
        }
        let code = match plain && !self.native.off {
            true => self.compiled(func),
            false => None,
        };
        // SAFETY: records live as long as the store.
        let record = unsafe { &mut *self.funcs[func as usize].record };
        match code {
            Some((code, thunk)) => {
                record.code = &raw const NATIVE;
                record.native = code.base.cast();
                record.thunk = thunk.base.cast();
                self.keep_code(code);
                self.keep_code(thunk);
            }
            None => unpublish_native(record),
        }
    }

    /// Limits the fuel. Compiled code does not count, so the interpreter takes all of it over.
    pub(crate) fn limit_fuel(&mut self, fuel: Option<u64>) {
        self.fuel.set_limit(fuel);
        let off = fuel.is_some();
        if self.engine().config().tier == Tier::Interp || off == self.native.off {
            return;
        }
        self.native.off = off;
        if off {
            self.redirect_all();
        }
        let prepared: Vec<u32> = self.probes.prepared.iter().copied().collect();
        for func in prepared {
            if !self.probes.private.contains_key(&func)
                && let Ok(cells) = self.interpreted_code(func)
            {
                self.set_code(func, cells);
            }
        }
    }

    /// Machine code of a function, and the way in from the interpreter.
    fn compiled(&self, func: u32) -> Option<(Arc<NativeCode>, Arc<NativeCode>)> {
        let FuncKind::Wasm { instance, index } = self.funcs[func as usize].kind else {
            return None;
        };
        let module = &self.instances[instance as usize].module;
        let config = self.engine().config();
        let code = match config.tier {
            Tier::Interp => None,
            // Frames of compiled code with exits in what they call, of which there is much more then.
            Tier::Jit if config.tier_zeal == TierZeal::Deopt && index % 2 == 1 => None,
            Tier::Jit => jit::function(module, index),
            Tier::Auto => jit::function_if_ready(module, index),
        }?;
        let type_index = module.inner.funcs[index as usize];
        Some((code, jit::thunk(module, type_index)?))
    }

    /// The store may run this code from now on.
    pub(crate) fn keep_code(&mut self, code: Arc<NativeCode>) {
        self.native.code.entry(code.base as usize).or_insert(code);
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
