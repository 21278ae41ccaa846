//! Keeping code in step with the probe table.
//!
//! A function that nothing watches runs the code that all stores share. With its
//! first probe it gets private code, and frames that are suspended in it move
//! over; with its last probe gone they move back. Functions that are not on the
//! stack are left alone until their next call: their record sends it to
//! `prepare`.

use std::collections::HashSet;
use std::sync::Arc;

use probity_interp::handlers::control::PREPARE;
use probity_interp::layout::Cell;

use super::private::PrivateCode;
use crate::code::{FuncCode, Mode};
use crate::error::{Error, Result};
use crate::frame::code_map::CodeRange;
use crate::frame::walk::{Place, Position};
use crate::module::Module;
use crate::runtime::core::{FuncKind, StoreCore};
use crate::tier::install::unpublish_native;

impl StoreCore {
    /// Makes code show all changes of the probe table. Guest code must be suspended in slow
    /// paths whose positions are noted.
    pub(crate) fn sync_probes(&mut self) {
        if self.probes.dirty.is_empty() {
            return;
        }
        self.sync_code();
        self.free_retired();
    }

    fn sync_code(&mut self) {
        // The usual change is that of the function that stands innermost, for example by a
        // probe that fires once: for that the stack, which may be deep, is not walked.
        let innermost = self.frames().next().map(|frame| frame.func);
        if let Some(func) = innermost {
            let _ = self.update_code(func);
            if self.probes.dirty.is_empty() {
                return;
            }
        }
        let active: HashSet<u32> = self.frames().map(|frame| frame.func).collect();
        let dirty: Vec<u32> = self.probes.dirty.keys().copied().collect();
        for func in dirty {
            if active.contains(&func) {
                // The code was made before, so only memory can be short; the function then
                // stays as it is, which `prepare` reports at its next call.
                let _ = self.update_code(func);
            }
            if self.probes.dirty.contains_key(&func) {
                // SAFETY: records live as long as the store.
                let record = unsafe { &mut *self.funcs[func as usize].record };
                record.code = &raw const PREPARE;
                unpublish_native(record);
            }
        }
    }

    /// Brings a prepared function's code up to date.
    pub(crate) fn update_code(&mut self, func: u32) -> Result<()> {
        let Some(change) = self.probes.dirty.remove(&func) else {
            return Ok(());
        };
        self.probes.version += 1;
        self.probes.recent.clear();
        let had_compiled = self.unwatch(func);
        let wanted = self.probes.wants_private(func);
        match (wanted, self.probes.private.contains_key(&func)) {
            (true, true) => {
                let table = &mut self.probes;
                if let Some(private) = table.private.get_mut(&func) {
                    private.update(&change, table.funcs.get(&func), &table.globals);
                    let (cells, to) = (private.cells, private.range());
                    if had_compiled {
                        self.move_frames(func, &to);
                    }
                    self.set_code(func, cells);
                }
            }
            (true, false) => {
                if let Err(error) = self.make_private(func, false) {
                    self.probes.dirty.insert(func, change);
                    return Err(error);
                }
            }
            (false, true) => self.make_plain(func),
            (false, false) => {
                if let Ok(code) = self.plain_code(func) {
                    self.set_code(func, code.cells.as_ptr());
                }
            }
        }
        Ok(())
    }

    /// Makes a function's code for its first call in this store, and gives whoever asked the
    /// chance to instrument it. Afterwards its record is ready to be called.
    pub(crate) fn prepare_func(&mut self, func: u32) -> Result<()> {
        if self.probes.prepared.contains(&func) {
            return self.update_code(func);
        }
        // Invalid code is reported before anyone sees the function.
        self.plain_code(func)?;
        self.probes.prepared.insert(func);
        self.tell_first_call(self.func(func));
        self.probes.dirty.remove(&func);
        // They may have changed other functions, whose frames wait for this one.
        self.sync_probes();
        if self.probes.wants_private(func) {
            self.make_private(func, true)
        } else {
            let code = self.plain_code(func)?;
            self.set_code(func, code.cells.as_ptr());
            Ok(())
        }
    }

    pub(crate) fn module_and_index(&self, func: u32) -> Result<(Module, u32)> {
        match self.funcs[func as usize].kind {
            FuncKind::Wasm { instance, index } => {
                Ok((self.instances[instance as usize].module.clone(), index))
            }
            FuncKind::Host(_) => Err(Error::internal("code of a host function")),
        }
    }

    /// The shared code of a function; the code map knows it from now on.
    fn plain_code(&mut self, func: u32) -> Result<Arc<FuncCode>> {
        let (module, index) = self.module_and_index(func)?;
        let code = module.inner.code(&module, index, Mode::Plain)?;
        self.code_map.insert(CodeRange {
            cells: code.cells.as_ptr(),
            func_index: index,
            private: None,
            code: code.clone(),
        });
        Ok(code)
    }

    /// Gives a function private code. At its first call it has no frames yet; looking for them
    /// would take the square of the depth in a chain of first calls.
    fn make_private(&mut self, func: u32, first_call: bool) -> Result<()> {
        let (module, index) = self.module_and_index(func)?;
        let template = module.inner.code(&module, index, Mode::Structural)?;
        let memory = self.probes.arena.allocate(template.cells.len());
        let memory =
            memory.ok_or_else(|| Error::usage("failed to allocate memory for probed code"))?;
        let delta = self.probes.arena.shadow_delta();
        for instance in &mut self.instances {
            instance.ctx.shadow_delta = delta;
        }
        let mut private = PrivateCode::new((func, index), template, memory);
        private.build(self.probes.funcs.get(&func), &self.probes.globals);
        let to = private.range();
        let cells = to.cells;
        self.probes.private.insert(func, private);
        self.code_map.insert(to.clone());
        if !first_call {
            self.move_frames(func, &to);
        }
        self.set_code(func, cells);
        Ok(())
    }

    fn make_plain(&mut self, func: u32) {
        let Ok(code) = self.plain_code(func) else {
            return;
        };
        let Ok((_, index)) = self.module_and_index(func) else {
            return;
        };
        let cells = code.cells.as_ptr();
        self.move_frames(
            func,
            &CodeRange {
                cells,
                func_index: index,
                private: None,
                code,
            },
        );
        let private = self.probes.private.remove(&func);
        self.set_code(func, cells);
        if let Some(private) = private {
            self.code_map.remove(private.cells);
            self.probes.arena.release(private.cells, private.len());
        }
    }

    /// Lets calls run `cells`, whose layout is that of the function's code.
    pub(crate) fn set_code(&mut self, func: u32, cells: *const Cell) {
        let Some(code) = self.code_map.find(cells).map(|range| range.code.clone()) else {
            return;
        };
        // SAFETY: records live as long as the store; no handler is between reading the fields.
        let record = unsafe { &mut *self.funcs[func as usize].record };
        record.code = cells;
        record.header = code.header;
        record.cost = code.cost;
        self.publish_native(func);
    }

    /// Moves every frame of a function to other code of it.
    fn move_frames(&mut self, func: u32, to: &CodeRange) {
        for noted in 0..self.positions.len() {
            let position = self.positions[noted];
            let mut innermost = true;
            let frames: Vec<_> = crate::frame::walk::Stretch::new(self, position).collect();
            for frame in frames {
                if frame.func == func && (frame.range.cells != to.cells || frame.native.is_some()) {
                    let index = translate(&frame.range, frame.place, to);
                    let cell = to.cell(index);
                    if frame.cursor.is_some() {
                        self.redirect(&frame, to, index);
                        innermost = false;
                        continue;
                    }
                    match self.positions[noted] {
                        Position::Code { fp, ctx, .. } if innermost => {
                            self.positions[noted] = Position::Code { pc: cell, fp, ctx };
                        }
                        Position::Returning {
                            fp, ctx, callee, ..
                        } if innermost => {
                            let pc = cell;
                            self.positions[noted] = Position::Returning {
                                pc,
                                fp,
                                ctx,
                                callee,
                            };
                        }
                        // SAFETY: a live frame; the cell is where it has to continue.
                        _ => unsafe { frame.set_return(cell) },
                    }
                }
                innermost = false;
            }
        }
    }

    /// Puts a stop into the straight line at which the noted position stands, if the line costs
    /// more than `left` units of fuel. The function stays private until [`Self::remove_stop`].
    /// True if it would have to be where the position stands, `behind` the probes there.
    pub(crate) fn plant_stop(&mut self, func: u32, left: i64, behind: bool) -> Result<bool> {
        if let Some(id) = self.probes.stop.take() {
            self.remove_probe(id);
        }
        self.hold(func);
        let (Some(&Position::Code { pc, .. }), Some(private)) =
            (self.positions.last(), self.probes.private.get(&func))
        else {
            return Err(Error::usage("failed to allocate memory for probed code"));
        };
        let cell = (pc as usize - private.cells as usize) / size_of::<Cell>();
        if let Some(stop) = private.line_limit(cell, left) {
            if behind && stop == cell {
                return Ok(true);
            }
            let pc = private.template.pcs[stop];
            self.probes.stop = Some(self.insert_stop(func, pc));
            self.sync_probes();
        }
        Ok(false)
    }

    /// Gives a function code of its own until [`Self::remove_stop`].
    pub(crate) fn hold(&mut self, func: u32) {
        if self.probes.held.insert(func) && !self.probes.private.contains_key(&func) {
            self.probes.dirty.entry(func).or_default();
        }
        self.sync_probes();
    }

    /// Whether a limit or tick that was near keeps something private.
    pub(crate) fn has_stops(&self) -> bool {
        self.probes.stop.is_some() || !self.probes.held.is_empty()
    }

    /// Lets go of what only a limit or tick kept private. Guest code must be suspended at noted positions.
    pub(crate) fn remove_stop(&mut self) {
        if let Some(id) = self.probes.stop.take() {
            self.remove_probe(id);
        }
        for func in std::mem::take(&mut self.probes.held) {
            if !self.probes.wants_private(func) {
                self.probes.dirty.entry(func).or_default();
            }
        }
        self.sync_probes();
    }
}

/// Where a frame continues in other code of the same function.
fn translate(from: &CodeRange, place: Place, to: &CodeRange) -> usize {
    if from.cells == to.cells {
        return place.cell();
    }
    let to = &to.code;
    match place {
        Place::Returning(cell) => to.cell_behind(from.code.pcs[cell - 1]),
        Place::At(cell) => {
            let pc = from.code.pcs[cell];
            match from.private {
                // To plain code: structural opcodes have no cell there; the next one has.
                Some(_) if cell > from.code.sites.entry as usize => to.first_cell_from(pc),
                // Behind the cells that clear locals, if they have run.
                Some(_) if cell == from.code.sites.entry as usize => to.cell_behind(pc),
                Some(_) => 0,
                // To private code: behind the structural opcodes that lie before the cell.
                None => to
                    .sites
                    .cell_at(pc)
                    .unwrap_or_else(|| to.first_cell_from(pc)),
            }
        }
    }
}
