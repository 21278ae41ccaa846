//! Reading and writing a frame's locals and operands.

use std::cell::OnceCell;
use std::sync::Arc;

use super::walk::{Frame, FrameRef, Place};
use crate::code::{FuncCode, Mode};
use crate::error::{Error, Result};
use crate::runtime::core::StoreCore;
use crate::runtime::{Func, Val, slot_offsets};
use crate::types::{ValType, WasmPc};

/// A Wasm frame, its locals and operands with their types.
///
/// Operands are those that the operator at [`FrameAccessor::pc`] finds on the stack; in a frame
/// that is in a call, those that stay below the call's arguments. Frames that a trap unwinds show
/// no operands.
pub struct FrameAccessor<'a> {
    core: &'a mut StoreCore,
    frame: FrameRef<'a>,
    shown: Shown,
    /// Type and slot of each operand, bottom first, once somebody asks.
    operands: OnceCell<Vec<(ValType, u32)>>,
    /// Which locals are there; `None` if all are.
    live: OnceCell<Option<Vec<bool>>>,
}

/// Whose types a frame is shown with.
enum Shown {
    /// Its values are lost.
    Nothing,
    /// Those of the code that it runs.
    Own,
    /// Those of structural code, which it does not run.
    Other(Arc<FuncCode>),
}

impl<'a> FrameAccessor<'a> {
    /// Unless it `has_operands`, its operand stack is gone.
    pub(crate) fn new(
        core: &'a mut StoreCore,
        frame: FrameRef<'a>,
        has_operands: bool,
    ) -> FrameAccessor<'a> {
        let native = frame.native.as_deref();
        let shown = match native {
            // What an instruction of compiled code that trapped had for values is lost.
            Some(f) if f.site().is_none() && !f.code.keeps_slots() => Shown::Nothing,
            // Private code is structural.
            _ if frame.range.private.is_some() => Shown::Own,
            _ => {
                let code = core.instance_of(frame.ctx).and_then(|data| {
                    let (module, func) = (&data.module, frame.range.func_index);
                    module.inner.code(module, func, Mode::Structural).ok()
                });
                code.map_or(Shown::Nothing, Shown::Other)
            }
        };
        let operands = match has_operands {
            true => OnceCell::new(),
            false => OnceCell::from(Vec::new()),
        };
        FrameAccessor {
            core,
            frame,
            shown,
            operands,
            live: OnceCell::new(),
        }
    }

    /// The function's structural code, which has the types of what is shown.
    fn code(&self) -> Option<&FuncCode> {
        match &self.shown {
            Shown::Nothing => None,
            Shown::Own => Some(&self.frame.range.code),
            Shown::Other(code) => Some(code),
        }
    }

    /// The function.
    pub fn func(&self) -> Func {
        self.core.func(self.frame.func)
    }

    /// The function's index in its module.
    pub fn func_index(&self) -> u32 {
        self.frame.range.func_index
    }

    /// Pc of the operator that is next, or of the call that the frame is in.
    pub fn pc(&self) -> WasmPc {
        WasmPc(self.frame.pc())
    }

    /// Where the frame begins on the store's stack, in slots. It names the frame among those that are live: it stays the
    /// same as long as the frame is there, whatever tier runs it, and frames further in have greater ones. A tail call's
    /// callee has its caller's.
    pub fn stack_offset(&self) -> usize {
        self.core.stack_offset(self.frame.fp)
    }

    /// Number of parameters and locals.
    pub fn num_locals(&self) -> u32 {
        self.locals().len() as u32
    }

    /// A parameter or local; `None` out of range, or if it is
    /// [optimised out](FrameAccessor::is_optimised_out).
    pub fn local(&self, i: u32) -> Option<Val> {
        let &(ty, slot) = self.locals().get(i as usize)?;
        if self.is_optimised_out(i) {
            return None;
        }
        Some(self.read(ty, slot))
    }

    /// Whether a local's value is not known: code that was compiled before anyone watched the
    /// function keeps only locals that it still reads, and so it may be until the frame ends.
    /// Functions with probes keep all locals, and so do all with
    /// [`Config::keep_locals`](crate::Config::keep_locals).
    pub fn is_optimised_out(&self, i: u32) -> bool {
        if !self.core.is_partial(&self.frame) {
            return false;
        }
        let live = self.live.get_or_init(|| self.core.live_locals(&self.frame));
        match live {
            Some(live) => !live.get(i as usize).copied().unwrap_or(false),
            None => false,
        }
    }

    /// Number of operands.
    pub fn num_operands(&self) -> u32 {
        self.operands().len() as u32
    }

    /// An operand; 0 is the bottom of the function's operand stack. `None` out of range.
    pub fn operand(&self, i: u32) -> Option<Val> {
        let &(ty, slot) = self.operands().get(i as usize)?;
        Some(self.read(ty, slot))
    }

    /// An operand from the top; 0 is the topmost. `None` out of range.
    pub fn top(&self, i: u32) -> Option<Val> {
        if let (None, Shown::Own, Place::At(cell)) =
            (self.operands.get(), &self.shown, self.frame.place)
        {
            let code = &self.frame.range.code;
            let (ty, slots) = code.sites.operand_from_top(cell, i)?;
            return Some(self.read(ty, u32::from(code.tops[cell]) - slots));
        }
        self.operand(self.num_operands().checked_sub(i)?.checked_sub(1)?)
    }

    /// Sets a parameter or local.
    ///
    /// # Errors
    /// No such local, or `v` is not of its type.
    pub fn set_local(&mut self, i: u32, v: Val) -> Result<()> {
        let place = self.locals().get(i as usize).copied();
        let (ty, slot) = place.ok_or_else(|| Error::usage(format!("no local {i}")))?;
        self.write(ty, slot, v)
    }

    /// Sets an operand; 0 is the bottom.
    ///
    /// # Errors
    /// No such operand, or `v` is not of its type.
    pub fn set_operand(&mut self, i: u32, v: Val) -> Result<()> {
        let place = self.operands().get(i as usize).copied();
        let (ty, slot) = place.ok_or_else(|| Error::usage(format!("no operand {i}")))?;
        self.write(ty, slot, v)
    }

    fn operands(&self) -> &[(ValType, u32)] {
        self.operands.get_or_init(|| {
            let code = self.code();
            code.map_or_else(Vec::new, |code| operands(&self.frame, code))
        })
    }

    fn locals(&self) -> &[(ValType, u32)] {
        self.code().map_or(&[], |code| &code.sites.locals)
    }

    fn read(&self, ty: ValType, slot: u32) -> Val {
        let native = self.frame.native.as_deref();
        let known = native.and_then(|native| {
            // SAFETY: the frame is live.
            unsafe { native.value(slot) }
        });
        let raw = known.unwrap_or_else(|| {
            // SAFETY: the frame is live and has that slot, which has the value.
            unsafe {
                let at = self.frame.fp.add(slot as usize);
                let high = if ty.slots() == 2 { *at.add(1) } else { 0 };
                u128::from(*at) | u128::from(high) << 64
            }
        });
        self.core.raw_to_val(ty, raw)
    }

    fn write(&mut self, ty: ValType, slot: u32, v: Val) -> Result<()> {
        let raw = self.core.val_to_raw(ty, v)?;
        if self.frame.native.is_some() {
            // From now on the slots are what counts.
            let (to, cell) = (self.frame.range.clone(), self.frame.place.cell());
            self.core.redirect(&self.frame, &to, cell);
            self.frame.to_mut().native = None;
        }
        // SAFETY: as in `read`.
        unsafe { self.frame.write(ty, slot, raw) };
        Ok(())
    }
}

fn operands(frame: &Frame, code: &FuncCode) -> Vec<(ValType, u32)> {
    // In structural code the cell itself is known; function entry has no operator.
    let cell = match (frame.range.private, frame.place) {
        (Some(_), Place::At(cell)) => Some(cell),
        _ => code.sites.cell_at(frame.pc()),
    };
    let Some(cell) = cell else {
        return Vec::new();
    };
    let types = code.sites.operand_types(cell);
    // Those of a call are the callee's.
    slot_offsets(&types, code.operand_base())
        .take_while(|&(_, slot)| frame.callee.is_null() || frame.slot(slot) < frame.callee)
        .collect()
}
