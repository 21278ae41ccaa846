//! Taking frames away from compiled code.
//!
//! Nothing happens to the native frame at once: its values are written to their slots, and its
//! return address leads to the engine from now on. The interpreter goes on with it when control
//! comes back.

use std::sync::Arc;

use super::Pending;
use super::code::{NativeCode, ResultKind, Role, SiteKind};
use super::frames::Cursor;
use crate::frame::code_map::CodeRange;
use crate::frame::walk::{Frame, Place, Position};
use crate::jit::{self, stubs};
use crate::runtime::core::StoreCore;

impl StoreCore {
    /// Writes the values of a compiled frame to their slots, where they stay true as long as the
    /// frame does not run. Locals that are not live become zero.
    pub(crate) fn write_frame(&self, frame: &Frame) {
        let Some(native) = frame
            .native
            .as_ref()
            .filter(|native| native.site().is_some())
        else {
            return;
        };
        // SAFETY: the frame is live, with slots for locals below its header. Nobody else uses them
        // while compiled code runs.
        unsafe {
            native.write_slots(frame.fp, frame.range.code.header);
        }
    }

    /// Lets a frame that is compiled, or was, go on at a cell of the interpreter's code `to`.
    pub(crate) fn redirect(&mut self, frame: &Frame, to: &CodeRange, cell: usize) {
        let Some(cursor) = frame.cursor else {
            return;
        };
        let place = match frame.place {
            Place::At(_) => Place::At(cell),
            Place::Returning(_) => Place::Returning(cell),
        };
        let Some(native) = &frame.native else {
            if let Some(pending) = self.native.pending.get_mut(&cursor.fp) {
                pending.range = to.clone();
                pending.place = place;
            }
            return;
        };
        // A frame that trapped does not go on.
        let Some(site) = native.site() else {
            return;
        };
        let result = match site.kind {
            SiteKind::Call { result, .. } => result,
            SiteKind::Slow { .. }
            | SiteKind::Throw { .. }
            | SiteKind::Probe { .. }
            | SiteKind::Poll => ResultKind::Slots,
        };
        self.write_frame(frame);
        self.note_partial(frame.fp, frame.func, &native.code);
        // The instruction of the engine that the frame is in will be done.
        let place = match (place, site.kind) {
            (Place::At(_), SiteKind::Slow { .. }) => Place::Returning(to.code.cell_behind(site.pc)),
            _ => place,
        };
        let pending = Pending {
            pc: cursor.pc,
            code: native.code.clone(),
            fp: frame.fp,
            ctx: frame.ctx,
            range: to.clone(),
            place,
            callee: frame.callee,
            result,
            fired: matches!(site.kind, SiteKind::Probe { .. }),
        };
        self.native.pending.insert(cursor.fp, pending);
        // SAFETY: the slot holds the return address of the live frame's callee.
        unsafe { *(cursor.pc_slot as *mut usize) = stubs::returned() };
        // Whoever looks at it from a noted position finds that, as from a frame further in.
        for position in &mut self.positions {
            if let Position::Native { cursor: noted, .. } = position
                && noted.fp == cursor.fp
            {
                noted.pc = stubs::returned();
            }
        }
    }

    /// Whether a frame that the interpreter will go on with stands behind the probes of its cell.
    pub(crate) fn set_fired(&mut self, cursor: Cursor, fired: bool) {
        if let Some(pending) = self.native.pending.get_mut(&cursor.fp) {
            pending.fired = fired;
        }
    }

    /// Which locals of a frame have their values; `None` if all have. One that a frame has lost when
    /// it left compiled code is not read again before it is written, so it is not live later either.
    pub(crate) fn live_locals(&self, frame: &Frame) -> Option<Vec<bool>> {
        if !self.is_partial(frame) {
            return None;
        }
        let data = self.instance_of(frame.ctx)?;
        let called = matches!(frame.place, Place::Returning(_));
        jit::live_locals(&data.module, frame.range.func_index, frame.pc(), called)
    }

    /// Whether some of a frame's locals may be lost.
    pub(crate) fn is_partial(&self, frame: &Frame) -> bool {
        match &frame.native {
            // Code for a loop, which keeps all, does not find what the frame had lost before.
            Some(native) => {
                let entered = matches!(native.code.role, Role::Osr { .. });
                !native.code.keeps_locals || entered && self.has_lost(frame)
            }
            None => self.has_lost(frame),
        }
    }

    /// Whether a frame has left compiled code that does not keep all locals.
    fn has_lost(&self, frame: &Frame) -> bool {
        self.native.partial.get(&(frame.fp as usize)) == Some(&frame.func)
    }

    /// A frame leaves compiled code that does not keep all locals.
    pub(crate) fn note_partial(&mut self, fp: *mut u64, func: u32, code: &NativeCode) {
        if !code.keeps_locals {
            self.native.partial.insert(fp as usize, func);
        }
    }

    /// Whether the interpreter will go on with a frame on the native stack.
    pub(crate) fn is_redirected(&self, frame: &Frame) -> bool {
        frame
            .cursor
            .is_some_and(|cursor| self.native.pending.contains_key(&cursor.fp))
    }

    /// Machine code of a frame on the native stack.
    pub(crate) fn native_code_of(&self, frame: &Frame) -> Option<Arc<NativeCode>> {
        if let Some(native) = &frame.native {
            return Some(native.code.clone());
        }
        let pending = self.native.pending.get(&frame.cursor?.fp)?;
        Some(pending.code.clone())
    }

    /// Lets every compiled frame go on in the interpreter.
    pub(crate) fn redirect_all(&mut self) {
        let frames: Vec<Frame> = self.frames().filter(|f| f.native.is_some()).collect();
        for frame in frames {
            self.redirect(&frame, &frame.range, frame.place.cell());
        }
    }
}
