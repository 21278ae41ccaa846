//! Throwing: the search for who catches, and the way there.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use probity_interp::dispatch::UNIT;
use probity_interp::exit;
use probity_interp::layout::{Cell, Ctx};

use super::ExnRef;
use super::core::{Ending, StoreCore, core_of};
use crate::code::Catch;
#[cfg(jit)]
use crate::code::slow_op::SlowOp;
use crate::error::Error;
use crate::frame::walk::{Frame, Place, Position, Stretch};
use crate::gc::layout::{Header, object_to_raw, raw_to_object};
use crate::hook::ExitReason;
use crate::tier::code::Clause;
use crate::types::WasmPc;

impl StoreCore {
    /// Throws an exception at a position: the frame that catches it goes on, otherwise the run
    /// ends. Gives an exit status.
    pub(crate) fn throw(&mut self, error: Error, position: Position) -> u64 {
        let raw = error.exception().map(|exn| ExnRef::to_raw(Some(exn), self));
        let Some(Ok(raw)) = raw else {
            // Of another store: nothing here can catch it.
            return self.end_uncaught(error, position);
        };
        let Some(object) = raw_to_object(raw) else {
            return exit::NULL_EXCEPTION;
        };
        let tag = self.exception_tag(object);
        let mut frames = Stretch::new(self, position).enumerate();
        let catcher = frames.find(|(_, frame)| self.catcher(frame, tag).is_some());
        let Some((depth, frame)) = catcher else {
            return self.end_uncaught(error, position);
        };
        let crossings = frame.crossings;
        self.positions.push(position);
        for _ in 0..depth {
            let Some(frame) = self.innermost_frame() else {
                break;
            };
            // A tail call of a host function has fired exits already, and has no frame.
            self.fire_exits(&frame, ExitReason::Exception);
            self.tell_unwind(frame.func, frame.pc());
            self.leave_frame();
        }
        let status = match error.exception() {
            Some(exception) => self.catch(exception, object, tag),
            None => exit::ENGINE,
        };
        self.positions.pop();
        if status == exit::MOVED && crossings > 0 {
            self.native.crossings = crossings;
            return exit::ELSEWHERE;
        }
        status
    }

    fn end_uncaught(&mut self, error: Error, position: Position) -> u64 {
        let error = self.unwind(error, position, false, false);
        self.ending = Some(Ending::Unwound(error));
        exit::ENGINE
    }

    /// The `try_table` and clause of a frame that catch exceptions of a tag.
    fn catcher(&self, frame: &Frame, tag: u32) -> Option<(usize, usize)> {
        let tags = &self.instance_of(frame.ctx)?.tags;
        let cell = match frame.place {
            Place::At(cell) => cell,
            Place::Returning(cell) => cell - 1,
        };
        frame.range.code.catcher(cell, tag, tags)
    }

    /// The innermost frame of the last position catches the exception.
    fn catch(&mut self, exception: &ExnRef, object: NonNull<Header>, tag: u32) -> u64 {
        let Some(frame) = self.innermost_frame() else {
            return exit::ENGINE;
        };
        let Some((index, clause)) = self.catcher(&frame, tag) else {
            return exit::ENGINE;
        };
        let pc = frame.range.code.tries[index].catches[clause].pc;
        self.probes.caught_at = Some(WasmPc(pc));
        self.tell_unwind(frame.func, frame.pc());
        self.tell_catch(exception);
        self.probes.caught_at = None;
        // The function may get other code now; it has the same `try_table`s.
        if !self.probes.dirty.is_empty() {
            self.sync_probes();
        }
        let Some(frame) = self.innermost_frame() else {
            return exit::ENGINE;
        };
        self.write_frame(&frame);
        let catch: &Catch = &frame.range.code.tries[index].catches[clause];
        // SAFETY: lowering gave the label slots for what the clause delivers; the frame is live.
        unsafe {
            let mut at = frame.fp.add(catch.slot as usize);
            if catch.tag.is_some() {
                at = self.exception_values(object, at);
            }
            if catch.exn {
                *at = object_to_raw(object);
            }
        }
        let (fp, ctx) = (frame.fp, frame.ctx);
        let pc = frame.range.cell(catch.target as usize);
        if let Some(cursor) = frame.cursor {
            let clause = Clause {
                table: index as u32,
                clause: clause as u32,
            };
            let code = self.native_code_of(&frame);
            self.native.catcher = code.map(|code| (cursor, code, clause));
            return self.move_to(pc, fp, ctx);
        }
        let mut pc = pc;
        match self.allow(&mut pc, fp, ctx) {
            Ok(()) => self.move_to(pc, fp, ctx),
            Err(error) => {
                let position = Position::Code { pc, fp, ctx };
                self.end_at(Ending::Raised(error), position, false);
                exit::ENGINE
            }
        }
    }
}

/// `throw`
///
/// # Safety
/// As for [`probity_interp::layout::Slow::ops`].
pub(super) unsafe fn throw(ctx: *mut Ctx, pc: *const Cell, fp: *mut u64) -> u64 {
    // SAFETY: code is running in `ctx`, and only here is the core in use.
    let core = unsafe { core_of(ctx) };
    // SAFETY: by contract.
    unsafe { core.throw_new(pc, fp, ctx, Position::Code { pc, fp, ctx }) }
}

/// `throw_ref`
///
/// # Safety
/// As for [`probity_interp::layout::Slow::ops`].
pub(super) unsafe fn throw_ref(ctx: *mut Ctx, pc: *const Cell, fp: *mut u64) -> u64 {
    // SAFETY: code is running in `ctx`, and only here is the core in use.
    let core = unsafe { core_of(ctx) };
    // SAFETY: the operand of the cell's instruction.
    let raw = unsafe { *fp.add((*pc).slot as usize) };
    core.throw_from(raw, Position::Code { pc, fp, ctx })
}

impl StoreCore {
    /// Throws by the cell of a `throw` or `throw_ref`, at a position where the frame at `fp` is the
    /// innermost.
    ///
    /// # Safety
    /// The frame must run in `ctx`, with the operator's operands in its slots.
    #[cfg(jit)]
    pub(crate) unsafe fn throw_at(
        &mut self,
        pc: *const Cell,
        fp: *mut u64,
        ctx: *mut Ctx,
        position: Position,
    ) -> u64 {
        // SAFETY: by contract.
        unsafe {
            match (*pc).extra == SlowOp::ThrowRef as u16 {
                true => self.throw_from(*fp.add((*pc).slot as usize), position),
                false => self.throw_new(pc, fp, ctx, position),
            }
        }
    }

    /// Throws a new exception by the cell of a `throw`.
    ///
    /// # Safety
    /// As for [`StoreCore::throw_at`].
    unsafe fn throw_new(
        &mut self,
        pc: *const Cell,
        fp: *mut u64,
        ctx: *mut Ctx,
        position: Position,
    ) -> u64 {
        self.positions.push(position);
        // SAFETY: by contract.
        let (index, slot) = unsafe { ((*pc).imm as usize, (*pc).slot as usize) };
        let tag = self.instance_of(ctx).map_or(0, |data| data.tags[index]);
        // SAFETY: the operands are in the frame, whose position has been noted. Values of the host
        // that are collected may panic.
        let made = catch_unwind(AssertUnwindSafe(|| unsafe {
            self.new_exception(tag, fp.add(slot))
        }));
        self.positions.pop();
        self.ending = Some(match made {
            Ok(Ok(raw)) => return self.throw_from(raw, position),
            Ok(Err(code)) => Ending::Raised(code.into()),
            Err(panic) => Ending::Panic(panic),
        });
        exit::ENGINE
    }

    /// Throws from running code.
    fn throw_from(&mut self, raw: u64, position: Position) -> u64 {
        let Some(exception) = ExnRef::from_raw(raw, self) else {
            return exit::NULL_EXCEPTION;
        };
        // Compiled code has charged what it counts.
        if let Position::Code { pc, .. } = position {
            let left = self.machine.budget.wrapping_sub(pc as u64) as i64;
            self.fuel.set_left(left / UNIT as i64);
            // The operator itself.
            self.fuel.consume(1);
        }
        self.throw(Error::throw(exception), position)
    }
}
