//! Firing: running a site's probes, and those of exits when frames are unwound.

use std::sync::Arc;

use probity_interp::dispatch::UNIT;
use probity_interp::exit;
use probity_interp::layout::{Cell, Ctx, Resume, Shadow};

use super::fired::Fired;
use super::private::{At, Fire, SiteData, befores};
use super::steps::Slots;
use super::table::{Body, BodyAction};
use super::{ExitReason, Moment};
use crate::code::Mode;
use crate::error::{Error, Result, TrapCode};
use crate::frame::walk::{Frame, FrameRef, Place, Position, Stretch};
use crate::runtime::core::{Ending, StoreCore, core_of};

/// The slow path of a probed cell.
///
/// # Safety
/// As for [`probity_interp::layout::Slow::fire`].
pub(crate) unsafe fn fire(ctx: *mut Ctx, pc: *const Cell, fp: *mut u64, budget: u64) -> Resume {
    // SAFETY: code is running in `ctx`, and only here is the core in use.
    let core = unsafe { core_of(ctx) };
    core.fuel
        .set_left((budget.wrapping_sub(pc as u64) as i64) / UNIT as i64);
    // SAFETY: the cell is private and fires through the engine, so its shadow points to its site.
    let site = unsafe {
        let shadow = Shadow::of(pc, (*ctx).shadow_delta);
        &*((*shadow).data as *const SiteData)
    };
    let (cell, leaves) = (site.cell, site.leaves);
    let fired = core.probes.recent.take(site, (fp, ctx), None);
    let fired = fired.unwrap_or_else(|| {
        let frame = Frame::at(site.func, site.range.clone(), cell, fp, ctx);
        Fired::new(site, frame)
    });
    let (frame, list) = (&fired.frame, &fired.list);
    let version = core.probes.version;
    let standing = core.fuel.standing();
    core.note_position(Position::Code { pc, fp, ctx });
    let old_top = core.stack_top;
    let result = core.fire_list(frame, leaves, list);
    core.stack_top = old_top;
    if !core.probes.dirty.is_empty() {
        core.sync_probes();
    }
    let depth = core.positions.len() - 1;
    let position = match (core.probes.version != version, &result) {
        (false, Ok(None)) => None,
        _ => core.positions.last().copied(),
    };
    core.positions.truncate(depth);
    let jumped = match result {
        Ok(jumped) => jumped,
        Err(error) => {
            let ending = Ending::Raised(error);
            return core.end_at(ending, Position::Code { pc, fp, ctx }, false);
        }
    };
    let new_standing = core.fuel.standing();
    let is_new = new_standing.is_some() && new_standing != standing;
    let mut pc = pc;
    let is_moved = is_new || core.probes.version != version || jumped.is_some();
    if is_moved {
        if let Some(Position::Code { pc: moved, .. }) = position {
            pc = moved;
        }
        // A tick or limit may now lie in the line that goes on here.
        if is_new && let Err(error) = core.stop_within(&mut pc, fp, ctx, jumped != Some(false)) {
            return core.end_at(Ending::Raised(error), Position::Code { pc, fp, ctx }, false);
        }
    }
    if core.interrupt.is_pending() {
        // Probes may take long: it does not wait for the end of the slice.
        core.fuel.settle(-1);
    }
    if is_moved {
        return match jumped {
            Some(false) => core.resume_before(pc, fp),
            Some(true) | None => core.resume_at(pc, fp),
        };
    }
    core.machine.budget = (pc as u64).wrapping_add((core.fuel.left() as u64).wrapping_mul(UNIT));
    // The site is as it was.
    // SAFETY: the frame is live and stands at this cell, which is as it was when it fired.
    unsafe {
        core.machine.saved.acc = top_value(&frame.range.code, cell, fp);
        core.probes.recent.put(fired);
        let shadow = Shadow::of(pc, (*ctx).shadow_delta);
        let handler = (*shadow).original;
        Resume { pc, handler }
    }
}

/// The topmost operand in its slot, for the accumulators.
///
/// # Safety
/// `fp` must be a live frame of the code, and the cell one of it.
pub(crate) unsafe fn top_value(code: &crate::code::FuncCode, cell: usize, fp: *mut u64) -> u64 {
    let top = u32::from(code.tops[cell]);
    if top <= code.operand_base() {
        return 0;
    }
    // SAFETY: a slot of the frame.
    unsafe { *fp.add(top as usize - 1) }
}

impl StoreCore {
    /// Continues at a cell of a frame that is wholly in memory, with the fuel that is left.
    pub(crate) fn resume_at(&mut self, pc: *const Cell, fp: *mut u64) -> Resume {
        self.machine.budget =
            (pc as u64).wrapping_add((self.fuel.left() as u64).wrapping_mul(UNIT));
        let Some(range) = self.code_map.find(pc) else {
            // One of the fixed cells.
            // SAFETY: the caller took the pc from running code.
            let handler = unsafe { (*pc).handler };
            return Resume { pc, handler };
        };
        let cell = range.index_of(pc);
        // SAFETY: the frame is live and stands at this cell.
        self.machine.saved.acc = unsafe { top_value(&range.code, cell, fp) };
        let handler = match range
            .private
            .and_then(|func| self.probes.private.get(&func))
        {
            Some(private) => private.handler(cell),
            // SAFETY: a cell of live code.
            None => unsafe { (*pc).handler },
        };
        Resume { pc, handler }
    }

    /// As [`StoreCore::resume_at`], but the cell's probes are still to fire.
    pub(crate) fn resume_before(&mut self, pc: *const Cell, fp: *mut u64) -> Resume {
        let resume = self.resume_at(pc, fp);
        // SAFETY: a cell of live code.
        let handler = unsafe { (*resume.pc).handler };
        Resume { handler, ..resume }
    }

    /// Fires the probes of a cell. If one of them lets the frame go on elsewhere, gives whether that is behind the
    /// probes there.
    pub(crate) fn fire_list(
        &mut self,
        frame: &Frame,
        leaves: Option<ExitReason>,
        list: &[Fire],
    ) -> Result<Option<bool>> {
        let version = self.probes.version;
        let outer = self.probes.jump.take();
        let fired = self.fire_sites(frame, list);
        let jump = std::mem::replace(&mut self.probes.jump, outer);
        fired?;
        match jump {
            None => {
                if let Some(reason) = leaves {
                    // Guest code that a probe has called may have had the frame's code made anew.
                    self.fire_exits_in_order((frame, version), reason)?;
                }
                Ok(None)
            }
            Some(jump) => {
                let returns = jump.returns;
                let moved = self.apply_jump(*jump)?;
                if let Some(moved) = moved.filter(|_| returns) {
                    let version = self.probes.version;
                    self.fire_exits_in_order((&moved, version), ExitReason::Return)?;
                }
                Ok(Some(returns))
            }
        }
    }

    /// Fires the exits of a frame that leaves: a site of their own, so what the fires before have changed there counts.
    fn fire_exits_in_order(&mut self, at: (&Frame, u64), reason: ExitReason) -> Result<()> {
        let (frame, _) = at;
        let exits = self.probes.funcs.get(&frame.func);
        let exits = exits.map_or_else(Vec::new, |probes| probes.exit.clone());
        let mut first_error = None;
        for body in &exits {
            let done = self.fire_one(body, at, Moment::Exit(reason));
            first_error = first_error.or(done.err());
        }
        first_error.map_or(Ok(()), Err)
    }

    /// Fires what is behind the last operator, and before the cell's.
    fn fire_sites(&mut self, frame: &Frame, list: &[Fire]) -> Result<()> {
        let version = self.probes.version;
        let mut first_error = None;
        let mut after = false;
        for fire in list {
            if let At::After(pc) = fire.at {
                after = true;
                let done = self.fire_one(&fire.body, (frame, version), Moment::After(pc));
                first_error = first_error.or(done.err());
            }
        }
        if let Some(error) = first_error {
            return Err(error);
        }
        let version = (frame, version);
        if !after {
            let before = list.iter().filter(|fire| fire.at == At::Before);
            return self.fire_before(before.map(|fire| &fire.body), version);
        }
        // What fires behind one operator may change what fires before the next, and have the function return.
        let code = &frame.range.code;
        match frame.place {
            Place::At(cell) if self.probes.jump.is_none() && !code.sites.is_landing(cell) => {
                let probes = self.probes.funcs.get(&frame.func);
                let before = befores(code.pcs[cell], probes, &self.probes.globals);
                self.fire_before(before.iter(), version)
            }
            _ => Ok(()),
        }
    }

    fn fire_before<'b>(
        &mut self,
        list: impl Iterator<Item = &'b Arc<Body>>,
        at: (&Frame, u64),
    ) -> Result<()> {
        let mut first_error = None;
        for body in list {
            let done = self.fire_one(body, at, Moment::Before);
            first_error = first_error.or(done.err());
            if first_error.is_some() && matches!(body.action, BodyAction::Stop) {
                break;
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    /// `frame` is the one that fires, as it was at a version of the code.
    fn fire_one(
        &mut self,
        body: &Body,
        (frame, version): (&Frame, u64),
        moment: Moment,
    ) -> Result<()> {
        let current = |core: &StoreCore| {
            // A write has taken it from compiled code.
            let moved = frame.native.is_some() && core.is_redirected(frame);
            match core.probes.version == version && !moved {
                true => Some(FrameRef::Borrowed(frame)),
                false => {
                    let innermost = core.innermost_frame();
                    innermost
                        .filter(|new| new.fp == frame.fp)
                        .map(FrameRef::from)
                }
            }
        };
        let done = match &body.action {
            BodyAction::Stop => self.stop(),
            BodyAction::Call(_) => match current(self) {
                Some(frame) => self.call_back(body, &frame, moment),
                None => Ok(()),
            },
            action if action.reads() => match current(self) {
                Some(frame) => {
                    self.write_frame(&frame);
                    let slots = Slots {
                        code: &frame.range.code,
                        cell: frame.place.cell(),
                        fp: frame.fp,
                    };
                    // SAFETY: the frame that fires is live and wholly in memory.
                    unsafe { action.apply(self, Some(slots)) }
                }
                None => Ok(()),
            },
            // SAFETY: it reads no slot.
            action => unsafe { action.apply(self, None) },
        };
        if body.one_shot {
            self.remove_probe(body.id);
        }
        done
    }

    /// The next unit of fuel would be one too many, for those who are told of it or for the limit.
    fn stop(&mut self) -> Result<()> {
        if self.fuel.to_tick().is_some_and(|left| left <= 0) {
            self.tell_ticks()?;
        }
        match self.fuel.to_limit() {
            Some(left) if left <= 0 => Err(TrapCode::OutOfFuel.into()),
            _ => Ok(()),
        }
    }

    fn call_back(&mut self, body: &Body, frame: &Frame, moment: Moment) -> Result<()> {
        let BodyAction::Call(slot) = &body.action else {
            return Ok(());
        };
        let Some(mut callback) = slot.take() else {
            return Ok(());
        };
        let result = self.with_context(body.id, frame, moment, |context| callback(context));
        slot.put(callback);
        result
    }

    /// Ends the run at a position: unwinds its stretch and records why.
    pub(crate) fn end_at(
        &mut self,
        ending: Ending,
        position: Position,
        not_entered: bool,
    ) -> Resume {
        let ending = match ending {
            Ending::Raised(error) => {
                // In running code only limits, interrupts and probes end runs this way.
                let stopped_before = matches!(position, Position::Code { .. });
                Ending::Unwound(self.unwind(error, position, not_entered, stopped_before))
            }
            other => other,
        };
        self.ending = Some(ending);
        Resume {
            pc: std::ptr::without_provenance(exit::ENGINE as usize),
            handler: std::ptr::null(),
        }
    }

    /// Unwinds the frames from `position` to the host: fires exits, tells watchers, and adds the
    /// backtrace. Errors of exit probes are later in order than the error that unwinds.
    ///
    /// A frame at its first cell has not been entered yet when `not_entered`: no entry fired, so no
    /// exit does. `stopped_before` if the innermost frame's operator did not execute.
    pub(crate) fn unwind(
        &mut self,
        error: Error,
        position: Position,
        not_entered: bool,
        stopped_before: bool,
    ) -> Error {
        let backtrace: Vec<_> = Stretch::new(self, position)
            .filter_map(|frame| self.backtrace_frame(&frame))
            .collect();
        let reason = match error.exception() {
            Some(_) => ExitReason::Exception,
            None => ExitReason::Trap,
        };
        self.positions.push(position);
        if let Some(frame) = self.innermost_frame()
            && not_entered
            && is_at_entry(&frame)
        {
            // SAFETY: it has its parameters and nothing else, and fits on the stack.
            unsafe { self.clear_locals(&frame) };
        }
        if reason == ExitReason::Trap {
            self.tell_trap(self.innermost_frame(), &error);
        }
        let mut innermost = true;
        while let Some(frame) = self.innermost_frame() {
            let failed = innermost && !stopped_before && self.is_at_tail_call(&frame);
            let entered = !(not_entered && innermost && is_at_entry(&frame));
            // What a handler had not yet written of the operands is lost.
            if innermost && reason == ExitReason::Trap {
                self.unwinding.push(self.positions.len() - 1);
            }
            // A tail call that failed has fired exits already.
            if entered && !failed {
                self.fire_exits(&frame, reason);
            }
            self.probes.stopped_before = stopped_before && innermost;
            self.tell_unwind(frame.func, frame.pc());
            self.probes.stopped_before = false;
            if innermost && reason == ExitReason::Trap {
                self.unwinding.pop();
            }
            innermost = false;
            if !self.leave_frame() {
                break;
            }
        }
        self.positions.pop();
        // What is left on the stack gets its code now.
        if !self.probes.dirty.is_empty() {
            self.sync_probes();
        }
        error.with_backtrace(backtrace)
    }

    /// The innermost frame of the position that was noted last.
    pub(crate) fn innermost_frame(&self) -> Option<Frame> {
        Stretch::new(self, *self.positions.last()?).next()
    }

    /// Clears the locals of a frame that has not been entered, for whoever looks at it: in their slots is anything.
    ///
    /// # Safety
    /// The frame must be live and fit on the stack, and no operator of it have seen a local.
    unsafe fn clear_locals(&self, frame: &Frame) {
        let Some(data) = self.instance_of(frame.ctx) else {
            return;
        };
        let (module, index) = (&data.module, frame.range.func_index);
        let Ok(code) = module.inner.code(module, index, Mode::Structural) else {
            return;
        };
        let params = module.inner.func_type_of(index).params().len();
        for &(ty, slot) in code.sites.locals.iter().skip(params) {
            // SAFETY: by contract; null is of all types.
            unsafe { frame.write(ty, slot, 0) };
        }
    }

    /// Whether a trap is unwinding this very frame, so that its operands are lost. Probes of it may have called the guest,
    /// and then it is an outer frame of those that run.
    pub(super) fn is_unwinding(&self, frame: &Frame) -> bool {
        let failed = |&index: &usize| {
            let position = self.positions.get(index);
            let innermost = position.and_then(|&at| Stretch::new(self, at).next());
            innermost.is_some_and(|innermost| innermost.fp == frame.fp)
        };
        self.unwinding.iter().any(failed)
    }

    /// Takes the innermost frame off the position that was noted last; false if it was the last
    /// one of its stretch. Guest code that probes call from now on may overwrite it.
    pub(crate) fn leave_frame(&mut self) -> bool {
        let outer = self
            .positions
            .last()
            .and_then(|&position| Stretch::new(self, position).nth(1));
        match (outer, self.positions.last_mut()) {
            (Some(frame), Some(position)) => {
                *position = frame.position();
                true
            }
            _ => false,
        }
    }

    /// Fires a frame's exits, because of `reason`.
    pub(crate) fn fire_exits(&mut self, frame: &Frame, reason: ExitReason) {
        let exits = self
            .probes
            .funcs
            .get(&frame.func)
            .map_or_else(Vec::new, |probes| probes.exit.clone());
        for body in exits {
            // An error here comes later than the one that unwinds, which wins.
            let _ = match &body.action {
                BodyAction::Call(_) => {
                    let moment = Moment::Exit(reason);
                    self.call_back(&body, frame, moment)
                }
                // SAFETY: none that reads slots is at exits.
                action => unsafe { action.apply(self, None) },
            };
            if body.one_shot {
                self.remove_probe(body.id);
            }
        }
    }

    fn is_at_tail_call(&self, frame: &Frame) -> bool {
        let Place::At(cell) = frame.place else {
            return false;
        };
        let private = self.probes.private.get(&frame.func);
        private.is_some_and(|private| frame.range.private.is_some() && private.tail_calls_at(cell))
    }

    pub(super) fn backtrace_frame(&self, frame: &Frame) -> Option<crate::error::BacktraceFrame> {
        let module = self.instance_of(frame.ctx)?.module.clone();
        let pc = crate::types::WasmPc(frame.pc());
        Some(crate::error::BacktraceFrame::new(
            module,
            frame.range.func_index,
            pc,
        ))
    }
}

/// Whether an innermost frame, if it has not been entered, stands where it would be.
fn is_at_entry(frame: &Frame) -> bool {
    match &frame.native {
        // Compiled code that stands at no site has not come further then.
        Some(native) => native.site().is_none(),
        None => frame.place == Place::At(0),
    }
}
