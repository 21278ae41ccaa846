//! Probes that let their frame go on elsewhere: an operator that does not execute, a function that returns at once.

use std::ops::Range;

use super::{Moment, ProbeContext};
use crate::error::{Error, Result};
use crate::frame::walk::{Frame, Place, Position};
use crate::runtime::core::StoreCore;
use crate::runtime::{Val, slot_offsets};
use crate::types::ValType;

/// Where a frame goes on behind the probes that fire.
pub(crate) struct Jump {
    /// Cell of the function's structural code.
    cell: usize,
    /// It leaves the function there: its exits fire, what watches the cell itself does not.
    pub(super) returns: bool,
    /// What is there on the operand stack, by type and slot. Written when all probes of the site have fired, for they
    /// see the operands that are there now.
    results: Vec<((ValType, u32), Val)>,
    /// Slots of operands below that the program would have there, and this frame may not have: they are cleared, for
    /// references among them are followed.
    absent: Range<u32>,
}

impl ProbeContext<'_> {
    /// Lets the operator that the probe fired before not execute, as if it had completed with `results`: its
    /// operands go, and control goes on to the operator behind it once the other probes of the site have fired. So
    /// an operator is skipped, or replaced by what the probe computes instead. The results are those of the operator,
    /// bottom first; those of `local.tee` and the like, which leave their operand, are none.
    ///
    /// The operator costs no fuel. Counts of `probity_probes` that follow from others take it for executed.
    ///
    /// # Errors
    /// The probe did not fire before an operator, the operator never goes on to the one behind it (`br`, `return`,
    /// ...) or decides where control goes (`if`, `br_if`, ...), the results do not fit, or an earlier probe of
    /// this fire lets the frame go on elsewhere.
    pub fn skip(&mut self, results: &[Val]) -> Result<()> {
        let Moment::Before = self.moment else {
            return Err(Error::usage("only before an operator can it be skipped"));
        };
        let frame = self.own_frame()?;
        let Place::At(cell) = frame.place else {
            return Err(Error::usage("no operator to skip"));
        };
        let sites = &frame.range.code.sites;
        let pc = frame.pc();
        let after = sites
            .cell_after(pc)
            .filter(|_| sites.cell_at(pc) == Some(cell));
        let after = after.filter(|_| !self.branches(&frame, pc));
        let Some(after) = after else {
            return Err(Error::usage(format!(
                "the operator at offset {pc:#x} cannot be skipped: control need not go on to the one behind it"
            )));
        };
        let types = sites.operand_types(after);
        let kept = sites.operands_kept(cell, after);
        let code = &frame.range.code;
        let slots = slot_offsets(&types, code.operand_base()).skip(kept);
        let slots = slots.collect();
        self.jump((slots, 0..0), results, (after, false))
    }

    /// Lets the function return `results` once the other probes of the site have fired. Its exits fire, with
    /// [`ExitReason::Return`](super::ExitReason::Return); what watches the operators between does not.
    ///
    /// # Errors
    /// The probe fired elsewhere, at an exit for example, control can reach no place where the function returns, the results do not
    /// fit, or an earlier probe of this fire lets the frame go on elsewhere.
    pub fn return_now(&mut self, results: &[Val]) -> Result<()> {
        if !matches!(self.moment, Moment::Before | Moment::After(_)) {
            return Err(Error::usage(
                "only before and behind operators and at entries can it return",
            ));
        }
        let frame = self.own_frame()?;
        let code = &frame.range.code;
        let ty = self.core.func(frame.func).ty(&*self);
        // A tail call leaves too, but not with results.
        let cell = code
            .sites
            .returns
            .iter()
            .rev()
            .find(|&&cell| code.ins[cell as usize].kind.returns());
        let Some(&cell) = cell else {
            return Err(Error::usage(
                "control can reach no place where the function returns",
            ));
        };
        let cell = cell as usize;
        let first = u32::from(code.cells[cell].slot);
        let slots = slot_offsets(ty.results(), first).collect();
        // Without results, the cell names no slot of them.
        let below = match ty.results() {
            [] => u32::from(code.tops[cell]),
            _ => first,
        };
        let absent = code.operand_base()..below;
        self.jump((slots, absent), results, (cell, true))
    }

    /// The frame that the probe fired in, as it is now.
    fn own_frame(&self) -> Result<Frame> {
        let fp = self.frame.fp;
        let frame = self
            .core
            .innermost_frame()
            .filter(|frame| frame.fp == fp && frame.range.private.is_some());
        frame.ok_or_else(|| Error::usage("the frame does not go on"))
    }

    /// Whether the operator at a pc decides where control goes.
    fn branches(&self, frame: &Frame, pc: u32) -> bool {
        use wasmparser::Operator as O;
        let Some(data) = self.core.instance_of(frame.ctx) else {
            return true;
        };
        let module = &data.module.inner;
        let op = module.operators_from(frame.range.func_index, pc).next();
        op.is_none_or(|(op, _)| {
            matches!(
                op,
                O::If { .. }
                    | O::BrIf { .. }
                    | O::BrOnNull { .. }
                    | O::BrOnNonNull { .. }
                    | O::BrOnCast { .. }
                    | O::BrOnCastFail { .. }
            )
        })
    }

    fn jump(
        &mut self,
        (slots, absent): (Vec<(ValType, u32)>, Range<u32>),
        results: &[Val],
        (cell, returns): (usize, bool),
    ) -> Result<()> {
        if self.core.probes.jump.is_some() {
            return Err(Error::usage("another probe lets the frame go on elsewhere"));
        }
        if slots.len() != results.len() {
            let (expected, found) = (slots.len(), results.len());
            return Err(Error::usage(format!(
                "expected {expected} results, found {found}"
            )));
        }
        for (&(ty, _), value) in slots.iter().zip(results) {
            self.core.val_to_raw(ty, value.clone())?;
        }
        let results = slots.into_iter().zip(results.iter().cloned());
        self.core.probes.jump = Some(Box::new(Jump {
            cell,
            returns,
            results: results.collect(),
            absent,
        }));
        Ok(())
    }
}

impl StoreCore {
    /// Lets the innermost frame, whose site has fired, go on elsewhere. Gives the frame as it is now.
    pub(super) fn apply_jump(&mut self, jump: Jump) -> Result<Option<Frame>> {
        let Some(frame) = self.innermost_frame() else {
            return Ok(None);
        };
        match frame.cursor {
            Some(cursor) => {
                let to = frame.range.clone();
                self.redirect(&frame, &to, jump.cell);
                self.set_fired(cursor, jump.returns);
            }
            None => {
                if let Some(position) = self.positions.last_mut() {
                    let pc = frame.range.cell(jump.cell);
                    let (fp, ctx) = (frame.fp, frame.ctx);
                    *position = Position::Code { pc, fp, ctx };
                }
            }
        }
        for slot in jump.absent {
            // SAFETY: the frame is live and wholly in memory, and has the slots of its code; null is of all types.
            unsafe { frame.write(ValType::I64, slot, 0) };
        }
        for ((ty, slot), value) in jump.results {
            let raw = self.val_to_raw(ty, value)?;
            // SAFETY: the frame is live and wholly in memory, and has the slots of its code.
            unsafe { frame.write(ty, slot, raw) };
        }
        Ok(self.innermost_frame())
    }
}
