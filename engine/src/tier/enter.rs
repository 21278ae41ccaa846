//! From the interpreter into compiled code.

use std::ffi::c_void;

use probity_interp::dispatch::UNIT;
use probity_interp::exit;
use probity_interp::handlers::control::NATIVE;
use probity_interp::layout::{Cell, Ctx, FuncRecord};

use super::{Activation, CURRENT};
use crate::frame::walk::Position;
use crate::jit::stubs;
use crate::runtime::Allowance;
use crate::runtime::core::{Ending, StoreCore, core_of};
use crate::sys::region::Region;

/// How many bytes of native stack compiled code may use for each byte of Wasm stack; functions that
/// need more are not compiled.
pub(crate) const NATIVE_PER_WASM: usize = 8;

/// Native stack for what is not in proportion: frames of functions without calls, the engine, host
/// functions, and changes between the tiers.
const NATIVE_SLACK: usize = 16 << 20;

/// Of it, what must be left for entering compiled code once more.
const NATIVE_MARGIN: usize = 2 << 20;

/// The slow path of a compiled function.
///
/// # Safety
/// As for [`probity_interp::layout::Slow::native`].
pub(crate) unsafe fn native(
    ctx: *mut Ctx,
    record: *const FuncRecord,
    fp: *mut u64,
    budget: u64,
) -> u64 {
    // SAFETY: code is running in `ctx`, and only here is the core in use.
    let core = unsafe { core_of(ctx) };
    let cell = &raw const NATIVE;
    core.fuel
        .set_left((budget.wrapping_sub(cell as u64) as i64) / UNIT as i64);
    // SAFETY: the record of a function of the store; the caller has written the frame's header.
    let (id, thunk, native, header) = unsafe {
        let record = &*record;
        let header = fp.add(record.header as usize);
        (record.id, record.thunk, record.native, header)
    };
    let Some(stack) = core.native_stack() else {
        // The interpreter needs no native stack for what it calls.
        return core.interpret_instead(id, fp, ctx);
    };
    core.native.stats.compiled_entries += 1;
    if !core.native.partial.is_empty() {
        core.native.partial.remove(&(fp as usize));
    }
    if core.native.counted {
        // It pays for its entry itself.
        core.fuel.consume(-1);
    }
    // SAFETY: thunk and code were published for this function, whose frame is at `fp`.
    let status = unsafe { core.enter_native(thunk, native as usize, ctx, fp, header, stack) };
    if status == exit::DONE {
        core.slice_again();
        core.machine.budget = cell_budget(cell, core.fuel.left());
    }
    status
}

/// The budget at a cell with so many units left.
pub(super) fn cell_budget(cell: *const Cell, left: i64) -> u64 {
    (cell as u64).wrapping_add((left as u64).wrapping_mul(UNIT))
}

impl StoreCore {
    /// Runs compiled code with the outermost frame at `fp`, whose header is at `header`, and is again
    /// afterwards. Status: done, the results being in the first slots; moved, the interpreter going
    /// on with the frame that is outermost now, whose header is in its place, or where an exception
    /// was caught; or failed.
    ///
    /// # Safety
    /// `code` must be an entry (which gets `argument`) for the function whose frame that is.
    pub(super) unsafe fn enter_native(
        &mut self,
        code: *const c_void,
        argument: usize,
        ctx: *mut Ctx,
        fp: *mut u64,
        header: *mut u64,
        stack: usize,
    ) -> u64 {
        // SAFETY: the header of a live frame.
        let back = unsafe { [*header, *header.add(1)] };
        let outer = CURRENT.get();
        let mut activation = Activation {
            frame: 0,
            back,
            header,
            fp,
            ctx,
            outer,
            stack: if stack != 0 {
                stack
            } else {
                (&raw const outer) as usize
            },
        };
        self.hand_all_fuel();
        let at = &raw mut activation;
        CURRENT.set(at);
        let armed = stubs::arm(true);
        let before = self.interrupt.enter_native();
        let (code, argument) = match self.interrupt.is_pending() {
            true => (
                stubs::polling(code as usize) as *const c_void,
                stubs::polling(argument),
            ),
            false => (code, argument),
        };
        // SAFETY: by contract; the stack is the store's and unused from there on.
        let status = unsafe { stubs::enter(code, ctx, fp, at, stack, argument) };
        self.interrupt.back_to(before);
        stubs::arm(armed);
        CURRENT.set(outer);
        // SAFETY: the activation lives until here; compiled code and the engine have used it.
        let (back, header, end) = unsafe { ((*at).back, (*at).header, (*at).stack) };
        // Frames that ended with the activation need nothing any more.
        if !self.native.pending.is_empty() {
            self.native.pending = self.native.pending.split_off(&end);
        }
        let mut status = status;
        if status != exit::ELSEWHERE {
            // SAFETY: as above. The frame may have been run by the interpreter in between, which put
            // another header there.
            unsafe {
                *header = back[0];
                *header.add(1) = back[1];
            }
        } else {
            // The frame is gone, and its slots may be those where an exception was delivered.
            self.native.crossings -= 1;
            if self.native.crossings == 0 {
                status = exit::MOVED;
            }
        }
        if status == exit::MOVED {
            if let Err(status) = self.allow_moved() {
                return status;
            }
            // Runs that ended since have left their own budget there.
            self.machine.budget = cell_budget(self.machine.saved.pc, self.fuel.left());
        }
        status
    }

    /// Where compiled code that is entered now gets its native stack: 0 to go on with the one that
    /// is in use. `None` if there is too little left.
    pub(super) fn native_stack(&mut self) -> Option<usize> {
        let wasm = self.stack_bytes();
        let reserve = NATIVE_PER_WASM * wasm + NATIVE_SLACK;
        if self.native.stack.is_none() {
            let mut region = Region::reserve(reserve)?;
            if !region.grow(reserve) {
                return None;
            }
            self.native.stack = Some(region);
        }
        let region = self.native.stack.as_ref()?;
        let base = region.base() as usize;
        let here = (&raw const wasm) as usize;
        let inside = here.wrapping_sub(base) < reserve;
        let current = CURRENT.get();
        // A host function may have gone to another stack; compiled frames of this store then end
        // at its innermost exit.
        let top = match self.native.exit_low {
            Some(low) if !inside => low.saturating_sub(4096) & !15,
            _ if inside => here,
            _ => base + reserve,
        };
        debug_assert!(!inside || !current.is_null());
        let used = self.stack_used_bytes();
        let needed = NATIVE_PER_WASM * wasm.saturating_sub(used) + NATIVE_MARGIN;
        if top - base < needed {
            return None;
        }
        Some(if inside { 0 } else { top })
    }

    /// Native stack that is left to a host function which is called from compiled code; `None` if
    /// it was not.
    pub(crate) fn native_stack_left(&self) -> Option<usize> {
        let region = self.native.stack.as_ref()?;
        let here = (&raw const region) as usize;
        let base = region.base() as usize;
        (here.wrapping_sub(base) < region.reserved()).then(|| here - base)
    }

    /// Lets the interpreter run a compiled function whose frame is at `fp`.
    fn interpret_instead(&mut self, func: u32, fp: *mut u64, ctx: *mut Ctx) -> u64 {
        match self.interpreted_code(func) {
            Ok(pc) => {
                let moved = self.move_to(pc, fp, ctx);
                self.allow_moved().err().unwrap_or(moved)
            }
            Err(error) => {
                self.ending = Some(Ending::Raised(error));
                exit::ENGINE
            }
        }
    }

    /// Compiled code that counts takes all the fuel that there is; the interpreter gets slices.
    pub(crate) fn hand_all_fuel(&mut self) {
        #[cfg(jit)]
        if self.native.counted {
            self.fuel.settle_all();
        }
    }

    /// The interpreter goes on behind compiled code, at a transfer.
    fn slice_again(&mut self) {
        if self.native.counted && self.fuel.renew() != Allowance::Slice {
            self.fuel.settle(-1);
        }
    }

    /// Where the run is to go on in the interpreter, it does so within what the limit allows, and once
    /// what other threads have asked for is done. `Err` with the status if it ends there.
    pub(crate) fn allow_moved(&mut self) -> Result<(), u64> {
        let wanted = self.interrupt.is_pending();
        if !self.native.counted && !wanted {
            return Ok(());
        }
        let behind = !self.machine.resume.is_null();
        let (mut pc, fp, ctx) = (
            self.machine.saved.pc,
            self.machine.saved.fp,
            self.machine.saved.ctx,
        );
        let allowed = self.allow_at(&mut pc, fp, ctx, behind);
        if wanted {
            self.hurry_back();
        }
        match allowed {
            Ok(()) if behind => self.move_behind(pc, fp, ctx),
            Ok(()) => self.move_to(pc, fp, ctx),
            Err(error) => {
                self.machine.resume = std::ptr::null();
                let position = Position::Code { pc, fp, ctx };
                return Err(self.end_at(Ending::Raised(error), position, true).pc as u64);
            }
        };
        Ok(())
    }

    /// The run goes on in the interpreter, at a cell whose probes are still to fire.
    pub(crate) fn move_to(&mut self, pc: *const Cell, fp: *mut u64, ctx: *mut Ctx) -> u64 {
        self.resume_before(pc, fp);
        self.machine.resume = std::ptr::null();
        let saved = &mut self.machine.saved;
        (saved.pc, saved.fp, saved.ctx) = (pc, fp, ctx);
        exit::MOVED
    }

    /// As [`StoreCore::move_to`], but the cell's probes have fired.
    pub(crate) fn move_behind(&mut self, pc: *const Cell, fp: *mut u64, ctx: *mut Ctx) -> u64 {
        let resume = self.resume_at(pc, fp);
        self.machine.resume = resume.handler;
        let saved = &mut self.machine.saved;
        (saved.pc, saved.fp, saved.ctx) = (pc, fp, ctx);
        exit::MOVED
    }
}
