//! Which slots of a frame hold references that the collector follows.
//!
//! Structural code knows the types of locals and operands at each operator; slots are the same in
//! plain code. What comes out is kept by function and cell, since a deep stack consists of a few
//! functions that stand at a few calls.

use std::collections::HashMap;
use std::sync::Arc;

use super::walk::{Frame, Place};
use crate::code::{FuncCode, Mode};
use crate::gc::collect::Marker;
use crate::runtime::core::StoreCore;
use crate::runtime::slot_offsets;

/// Slots with references in the frames of a store, by code and cell. Code lives as long as its
/// module, and modules as long as the store that runs them.
#[derive(Default)]
pub(crate) struct RootMaps {
    maps: HashMap<(*const FuncCode, Place), Arc<RootMap>>,
}

/// Slots of one kind of frame.
#[derive(Default)]
struct RootMap {
    locals: Vec<u16>,
    /// Ascending.
    operands: Vec<u16>,
}

impl RootMaps {
    /// Marks what a frame refers to. The operands of a frame that has failed are gone.
    ///
    /// # Safety
    /// The frame must be live and wholly in memory, apart from the operands of a failed one.
    pub(crate) unsafe fn mark(
        &mut self,
        core: &StoreCore,
        frame: &Frame,
        failed: bool,
        marker: &mut Marker<'_>,
    ) {
        let key = (Arc::as_ptr(&frame.range.code), frame.place);
        let map = self
            .maps
            .entry(key)
            .or_insert_with(|| Arc::new(RootMap::new(core, frame)));
        if let Some(native) = &frame.native {
            if native.site().is_none() && !native.code.keeps_slots() {
                return;
            }
            core.write_frame(frame);
        }
        // SAFETY: slots of the live frame, which hold references to live objects.
        unsafe {
            for &slot in &map.locals {
                marker.mark(*frame.fp.add(slot.into()));
            }
            if failed {
                return;
            }
            for &slot in &map.operands {
                let at = frame.slot(slot.into());
                // Arguments have become parameters of the callee, which may have changed them.
                if !frame.callee.is_null() && at >= frame.callee {
                    break;
                }
                marker.mark(*at);
            }
        }
    }
}

impl RootMap {
    fn new(core: &StoreCore, frame: &Frame) -> RootMap {
        let Some(data) = core.instance_of(frame.ctx) else {
            return RootMap::default();
        };
        let (module, index) = (&data.module, frame.range.func_index);
        let Ok(code) = module.inner.code(module, index, Mode::Structural) else {
            // The function's plain code was made, so this cannot fail.
            debug_assert!(false, "structural code of running code");
            return RootMap::default();
        };
        let params = module.inner.func_type_of(index).params().len();
        // Locals are cleared by the first cells, before the first operator.
        let entered = match (frame.range.private, frame.place) {
            (_, Place::Returning(_)) => true,
            (Some(_), Place::At(cell)) => cell >= code.sites.entry as usize,
            (None, Place::At(_)) => code
                .sites
                .operators
                .first()
                .is_some_and(|&first| frame.pc() >= first),
        };
        let cell = match (frame.range.private, frame.place) {
            (Some(_), Place::At(cell)) => Some(cell),
            _ => code.sites.cell_at(frame.pc()),
        };
        let operands = cell.map_or_else(Vec::new, |cell| code.sites.operand_types(cell));
        let traced = |types: &mut dyn Iterator<Item = (crate::types::ValType, u32)>| {
            let slots = types.filter(|(ty, _)| ty.is_collected());
            slots.map(|(_, slot)| slot as u16).collect()
        };
        let locals = if entered {
            code.sites.locals.len()
        } else {
            params
        };
        RootMap {
            locals: traced(&mut code.sites.locals.iter().take(locals).copied()),
            operands: traced(&mut slot_offsets(&operands, code.operand_base())),
        }
    }
}
