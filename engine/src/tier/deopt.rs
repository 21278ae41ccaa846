//! Taking frames away from compiled code.
//!
//! Nothing happens to the native frame at once: its values are written to their slots, and its
//! return address leads to the engine from now on. The interpreter goes on with it when control
//! comes back.

use std::sync::Arc;

use super::Pending;
use super::code::{NativeCode, ResultKind, SiteKind};
use crate::frame::code_map::CodeRange;
use crate::frame::walk::{Frame, Place, Position};
use crate::jit::stubs;
use crate::runtime::core::StoreCore;

impl StoreCore {
    /// Writes the values of a compiled frame to their slots, where they stay true as long as the
    /// frame does not run. Locals that are not live become zero.
    pub(crate) fn write_frame(&self, frame: &Frame) {
        let Some(native) = &frame.native else {
            return;
        };
        // SAFETY: the frame is live, with slots for locals below its header. Nobody else uses them
        // while compiled code runs.
        unsafe { native.write_slots(frame.fp, frame.range.code.header as usize) };
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
            SiteKind::Slow { .. } => ResultKind::Slots,
        };
        self.write_frame(frame);
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
        };
        self.native.pending.insert(cursor.fp, pending);
        // SAFETY: the slot holds the return address of the live frame's callee.
        unsafe { *(cursor.pc_slot as *mut usize) = stubs::returned() };
    }

    /// The compiled frame at a noted position is taken over: whoever looks at it from there from now
    /// on finds that, as from a frame further in.
    pub(crate) fn note_redirected(&mut self, noted: usize) {
        if let Position::Native { cursor, .. } = &mut self.positions[noted]
            && self.native.pending.contains_key(&cursor.fp)
        {
            cursor.pc = stubs::returned();
        }
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
