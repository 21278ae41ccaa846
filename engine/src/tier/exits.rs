//! From compiled code into the engine. Assembly in `jit::stubs` calls these, with a link to the
//! code that it came from.
//!
//! A function here that does not return to its caller has dropped everything that it owns before it
//! jumps.

use probity_interp::dispatch::{UNIT, run, run_saved};
use probity_interp::exit;
use probity_interp::handlers::control::{BRIDGE, HOST, LEAVE_TO_NATIVE, PREPARE};
use probity_interp::layout::{Cell, Ctx, FuncRecord, HEADER_SLOTS};

use super::code::{ResultKind, SiteKind, leaving};
use super::enter::cell_budget;
use super::frames::{Cursor, LINK_BELOW, Link, NativeFrame};
use super::watch::give_held;
use super::{CURRENT, Registers};
use crate::config::TierZeal;
use crate::error::{Error, TrapCode};
use crate::frame::walk::{Place, Position, Stretch};
use crate::hook::{Fired, SiteData};
use crate::jit::stubs;
use crate::runtime::core::{Ending, StoreCore, core_of};

/// How the engine goes on after an exit.
pub(super) enum Next {
    /// Back to the caller, with this result.
    Return(u64),
    /// Out of the activation, with this status.
    Leave(u64),
    /// The interpreter takes a frame further out over: its frame pointer, a free stack pointer, and
    /// its registers.
    Replace(usize, usize, super::frames::Saved),
    /// A frame further out goes on: its frame and stack pointer, its registers, and where.
    Land(usize, usize, super::frames::Saved, usize),
}

impl Next {
    /// # Safety
    /// The caller owns nothing and is called from an exit.
    pub(super) unsafe fn go(self) -> u64 {
        // SAFETY: all but `Return` are only made for the innermost activation.
        unsafe {
            match self {
                Next::Return(value) => value,
                Next::Leave(status) => stubs::leave(CURRENT.get(), status),
                Next::Replace(fp, sp, saved) => stubs::replace(fp, sp, &saved),
                Next::Land(fp, sp, saved, code) => stubs::land(fp, sp, &saved, code),
            }
        }
    }
}

/// Runs what may call the host, for compiled code that stands at `link`, and goes on.
///
/// # Safety
/// `link` must be live, of code that runs in `ctx`; the caller owns nothing.
pub(super) unsafe fn outside(
    ctx: *mut Ctx,
    link: *const Link,
    run: impl FnOnce(&mut StoreCore) -> Next,
) -> u64 {
    // SAFETY: by contract.
    unsafe {
        let core = core_of(ctx);
        let outer = core.native.exit_low.replace(link as usize);
        let before = core.interrupt.leave_native();
        let next = run(core);
        core.interrupt.back_to(before);
        core.native.exit_low = outer;
        // First of all: what is large in the others would be copied faster than it can be read again.
        if let Next::Return(value) = next {
            core.leave_behind(ctx, link);
            return value;
        }
        core.land_polling(next).go()
    }
}

/// The core of the store whose code runs on this thread.
///
/// # Safety
/// As for [`core_of`]; there must be an activation.
unsafe fn current_core<'a>() -> &'a mut StoreCore {
    // SAFETY: by contract.
    unsafe { core_of((*CURRENT.get()).ctx) }
}

/// Calls a function that is not compiled code of the instance. Arguments are in its frame at `fp`,
/// and so are results afterwards.
pub(crate) unsafe extern "sysv64" fn call_out(
    ctx: *mut Ctx,
    fp: *mut u64,
    _: u64,
    _: u64,
    _: u64,
    link: *const Link,
) -> u64 {
    // SAFETY: assembly passes the link of the code that called, which runs in `ctx`.
    unsafe { outside(ctx, link, |core| core.call_out(ctx, fp, link)) }
}

/// Runs an instruction of the engine; operands and results are in slots.
pub(crate) unsafe extern "sysv64" fn slow(
    ctx: *mut Ctx,
    fp: *mut u64,
    _: u64,
    _: u64,
    _: u64,
    link: *const Link,
) -> u64 {
    // SAFETY: as in `call_out`.
    unsafe {
        let core = core_of(ctx);
        let next = core.slow_op(ctx, fp, link);
        core.look_behind(link);
        next.go()
    }
}

/// Fires the probes of a site.
pub(crate) unsafe extern "sysv64" fn fire(
    ctx: *mut Ctx,
    site: *const SiteData,
    fp: *mut u64,
    _: u64,
    _: u64,
    link: *const Link,
) -> u64 {
    // SAFETY: as in `call_out`; the code is that of the site's function, which is as it was when
    // the code was made.
    unsafe { outside(ctx, link, |core| core.fire_compiled(ctx, (site, fp), link)) }
}

/// Whether a function's type is declared below another, by their identities.
pub(crate) unsafe extern "sysv64" fn is_subtype(
    ctx: *mut Ctx,
    sub: u64,
    sup: u64,
    _: u64,
    _: u64,
    _: *const Link,
) -> u64 {
    // SAFETY: as in `call_out`.
    unsafe { ((*ctx).slow.is_subtype)(ctx, sub as u32, sup as u32).into() }
}

/// Copies bytes of a memory, in whose bounds they are.
pub(crate) unsafe extern "sysv64" fn copy(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: compiled code has looked at the bounds of a memory that no other thread uses.
    unsafe { std::ptr::copy(from, to, len) }
}

/// Fills bytes of a memory, in whose bounds they are.
pub(crate) unsafe extern "sysv64" fn fill(to: *mut u8, byte: u64, len: usize) {
    // SAFETY: as in `copy`.
    unsafe { std::ptr::write_bytes(to, byte as u8, len) }
}

/// The way to a function that compiled code calls for the first time.
pub(crate) unsafe extern "sysv64" fn resolve(ctx: *mut Ctx, link: *const Link) -> usize {
    // SAFETY: as in `call_out`.
    unsafe { core_of(ctx).resolve(ctx, link) }
}

/// Control has come back to a compiled frame that the interpreter takes over. Gives the link to go
/// on with, and results in `registers`.
pub(crate) unsafe extern "sysv64" fn returned(fp: usize, registers: *mut Registers) -> *const Link {
    // SAFETY: assembly passes the frame and its registers; code of the current activation's store
    // is running.
    unsafe {
        match current_core().take_over(fp, &mut *registers) {
            Ok(link) => link,
            Err(status) => stubs::leave(CURRENT.get(), status),
        }
    }
}

/// An instruction of compiled code trapped.
pub(crate) unsafe extern "sysv64" fn trapped(
    pc: usize,
    address: usize,
    signal: u64,
    link: *const Link,
) -> ! {
    // SAFETY: as in `returned`.
    unsafe {
        current_core().trapped(pc, address, signal, link).go();
    }
    unreachable!("code that trapped does not go on");
}

impl StoreCore {
    /// The compiled function's frame that an exit came from, stubs left out.
    ///
    /// # Safety
    /// `link` must be live.
    pub(super) unsafe fn exit_frame(&self, link: *const Link) -> NativeFrame {
        // SAFETY: by contract.
        let mut cursor = unsafe { Cursor::at_link(link) };
        loop {
            let code = self.native.find(cursor.pc).expect("code that is running");
            if code.role.func().is_some() {
                let code = code.clone();
                return NativeFrame::new(cursor, code);
            }
            // SAFETY: the frame of a stub, which is live.
            cursor = unsafe { cursor.outwards(code) };
        }
    }

    /// The record of the function that a frame calls.
    ///
    /// # Safety
    /// The frame must stand at a call, in `ctx`.
    unsafe fn called_record(&self, frame: &NativeFrame, ctx: *mut Ctx) -> (*mut FuncRecord, u32) {
        let site = frame.site().expect("a site of running code");
        match site.kind {
            SiteKind::Call {
                direct, type_index, ..
            } => {
                // SAFETY: contexts have records for all functions; indirect calls note theirs.
                let record = unsafe {
                    match direct {
                        Some(index) => (*ctx).funcs.add(index as usize),
                        None => (*ctx).callee.cast_mut(),
                    }
                };
                (record, type_index)
            }
            SiteKind::Slow { .. }
            | SiteKind::Throw { .. }
            | SiteKind::Probe { .. }
            | SiteKind::Poll => {
                unreachable!("an instruction, probe or poll is no call")
            }
        }
    }

    unsafe fn call_out(&mut self, ctx: *mut Ctx, fp: *mut u64, link: *const Link) -> Next {
        // SAFETY: the caller's contract; records live as long as the store.
        unsafe {
            let frame = self.exit_frame(link);
            let (record, _) = self.called_record(&frame, ctx);
            let foreign = (*record).ctx != ctx && !(*record).ctx.is_null();
            let code = if foreign {
                &raw const BRIDGE
            } else {
                (*record).code
            };
            let header = fp.wrapping_add((*record).header as usize);
            let end = if foreign {
                header.wrapping_add(HEADER_SLOTS)
            } else if code == &raw const PREPARE || code == &raw const HOST {
                // The reserve has room for them.
                fp
            } else {
                fp.wrapping_add((*record).cost as usize)
            };
            if end > self.stack_limit {
                return self.raise_at(frame.cursor, ctx, TrapCode::StackOverflow.into(), false);
            }
            // Loops that call do not poll; compiled callees do it for them, others do not.
            if let Some(code) = self.interrupt.take_alone() {
                return self.raise_at(frame.cursor, ctx, code.into(), true);
            }
            drop(frame);
            if code != &raw const HOST && !foreign {
                self.called_out((*record).id);
            }
            if self.engine().config().tier_zeal == TierZeal::Deopt {
                self.redirect_from(ctx, link);
            }
            *header = (&raw const LEAVE_TO_NATIVE) as u64;
            *header.add(1) = link as u64;
            self.fuel.consume(1);
            let mut code = code;
            if self.native.counted {
                // The fixed cells lead to something that looks at the account itself.
                self.fuel.settle(0);
                if self.code_map.find(code).is_some() {
                    match self.allow(&mut code, fp, ctx) {
                        Ok(()) => {}
                        Err(error) => {
                            let position = Position::Code { pc: code, fp, ctx };
                            let ending = Ending::Raised(error);
                            return Next::Leave(self.end_at(ending, position, true).pc as u64);
                        }
                    }
                }
            }
            let status = run(
                code,
                fp,
                ctx,
                record as u64,
                cell_budget(code, self.fuel.left()),
            );
            self.after_run(status)
        }
    }

    /// The interpreter has run for compiled code.
    fn after_run(&mut self, status: u64) -> Next {
        match self.settle_run(status) {
            Ok(()) => Next::Return(0),
            Err(exit::MOVED) => self.go_on_in_catcher(),
            Err(status) => Next::Leave(status),
        }
    }

    /// What the end of a run that compiled code has made means for that code: `Err` with the status
    /// for its activation, or `MOVED` if the frame that goes on is in it.
    fn settle_run(&mut self, status: u64) -> Result<(), u64> {
        if status == exit::DONE {
            let budget = self.machine.budget;
            let left = budget.wrapping_sub((&raw const LEAVE_TO_NATIVE) as u64) as i64;
            self.fuel.set_left(left / UNIT as i64);
            self.hand_all_fuel();
            return Ok(());
        }
        if status == exit::ELSEWHERE {
            self.native.crossings -= 1;
            return Err(if self.native.crossings == 0 {
                exit::MOVED
            } else {
                exit::ELSEWHERE
            });
        }
        self.unwind_run(status);
        Err(exit::ENGINE)
    }

    unsafe fn slow_op(&mut self, ctx: *mut Ctx, fp: *mut u64, link: *const Link) -> Next {
        // SAFETY: the caller's contract; the cell is that of the instruction, whose operands the
        // code has put into their slots.
        unsafe {
            let frame = self.exit_frame(link);
            let site = frame.site().expect("a site of running code");
            let SiteKind::Slow { cell } = site.kind else {
                unreachable!("neither a call nor a probe is an instruction");
            };
            let index = frame.code.role.func().expect("a function's frame");
            let cells = self.plain_cells(ctx, index);
            let pc = cells.add(cell as usize);
            let counted = i64::from(self.native.counted);
            // It is charged behind what it charges itself.
            self.fuel.consume(-counted);
            self.machine.budget = cell_budget(pc, self.fuel.left());
            let outer = self.native.at_op.replace(frame.cursor);
            let op = *(*ctx).slow.ops.as_ptr().add((*pc).extra as usize);
            let status = op(ctx, pc, fp);
            self.native.at_op = outer;
            let left = self.machine.budget.wrapping_sub(pc as u64) as i64;
            self.fuel.set_left(left / UNIT as i64);
            if status == exit::DONE {
                self.fuel.consume(counted);
                self.hand_all_fuel();
                return Next::Return(0);
            }
            let error: Error = match self.ending.take() {
                Some(Ending::Raised(error)) => error,
                Some(other) => {
                    self.ending = Some(other);
                    return Next::Leave(exit::ENGINE);
                }
                None => crate::runtime::trap_code(status).into(),
            };
            let trap = error.trap().map(|trap| trap.code());
            let stopped = trap == Some(TrapCode::OutOfFuel);
            if !stopped {
                self.fuel.consume(counted);
            }
            self.raise_at(frame.cursor, ctx, error, stopped)
        }
    }

    unsafe fn fire_compiled(
        &mut self,
        ctx: *mut Ctx,
        (site, fp): (*const SiteData, *mut u64),
        link: *const Link,
    ) -> Next {
        // SAFETY: by contract.
        let site = unsafe { &*site };
        // SAFETY: the link is live.
        let cursor = unsafe { Cursor::at_link(link) };
        let position = Position::Native { cursor, ctx };
        let fired = self.probes.recent.take(site, (fp, ctx), Some(cursor));
        let fired = fired.unwrap_or_else(|| {
            let frame = Stretch::new(self, position).next();
            Fired::new(site, frame.expect("a frame that fires"))
        });
        let version = self.probes.version;
        self.note_position(position);
        let old_top = self.stack_top;
        let result = self.fire_list(&fired.frame, site.leaves, &fired.list);
        self.stack_top = old_top;
        if !self.probes.dirty.is_empty() {
            self.sync_probes();
        }
        let depth = self.positions.len() - 1;
        match result {
            Ok(_) => {
                self.positions.truncate(depth);
                if self.probes.version == version {
                    // The site is as it was.
                    self.probes.recent.put(fired);
                }
                self.hand_all_fuel();
                Next::Return(0)
            }
            Err(error) => match self.positions.pop() {
                Some(Position::Native { cursor, .. }) => self.raise_at(cursor, ctx, error, true),
                _ => unreachable!("the position of compiled code"),
            },
        }
    }

    /// The interpreter goes on at the operator at `pc`; all of the frame is in its slots.
    unsafe fn interpret_at(
        &mut self,
        ctx: *mut Ctx,
        fp: *mut u64,
        (pc, fired): (u32, bool),
        link: *const Link,
    ) -> Next {
        // SAFETY: the caller's contract.
        unsafe {
            let frame = self.exit_frame(link);
            let index = frame.code.role.func().expect("a function's frame");
            if let Some(code) = self.interrupt.take_alone() {
                let cursor = frame.cursor.at_trap();
                return self.raise_at(cursor, ctx, code.into(), true);
            }
            let at = self.interpreted_cell(ctx, index, pc);
            let moved = match fired {
                true => self.move_behind(at, fp, ctx),
                false => self.move_to(at, fp, ctx),
            };
            self.give_to_interpreter(frame.cursor, &frame.code, moved, fired)
        }
    }

    /// A function that has just been entered does not fit on the stack, or there is a request.
    unsafe fn leave_entry(&mut self, ctx: *mut Ctx, fp: *mut u64, link: *const Link) -> Next {
        // SAFETY: the caller's contract. The function's parameters are in their slots, and its
        // caller stands at a call.
        unsafe {
            let frame = self.exit_frame(link);
            let index = frame.code.role.func().expect("a function's frame");
            let slots = (*(*ctx).funcs.add(index as usize)).cost as usize;
            if slots != 0 && fp.wrapping_add(slots) > self.stack_limit {
                let caller = frame.cursor.outwards(&frame.code);
                return self.raise_at(caller, ctx, TrapCode::StackOverflow.into(), false);
            }
            if let Some(code) = self.interrupt.take_alone() {
                let cursor = frame.cursor.at_trap();
                let position = Position::Native { cursor, ctx };
                let error = self.unwind(code.into(), position, true, true);
                self.ending = Some(Ending::Unwound(error));
                return Next::Leave(exit::ENGINE);
            }
            // The request was taken back, or the fuel is not enough.
            self.fuel.consume(self.native.counted.into());
            let id = self.instance_of(ctx).map_or(0, |data| data.func_id(index));
            let at = self.interpreted_code(id).expect("code that was compiled");
            let moved = self.move_to(at, fp, ctx);
            self.give_to_interpreter(frame.cursor, &frame.code, moved, false)
        }
    }

    /// Lets the interpreter take over all compiled frames outside of an exit.
    ///
    /// # Safety
    /// `link` must be live, of code that runs in `ctx`.
    unsafe fn redirect_from(&mut self, ctx: *mut Ctx, link: *const Link) {
        // SAFETY: by contract.
        let cursor = unsafe { Cursor::at_link(link) };
        // Those outside of one that is taken over already are, too.
        let stretch = Stretch::new(self, Position::Native { cursor, ctx });
        let frames: Vec<_> = stretch.take_while(|frame| frame.native.is_some()).collect();
        for frame in frames {
            self.redirect(&frame, &frame.range, frame.place.cell());
        }
    }

    /// Ends the run with an error of the frame at `cursor`.
    pub(super) fn raise_at(
        &mut self,
        cursor: Cursor,
        ctx: *mut Ctx,
        error: Error,
        stopped: bool,
    ) -> Next {
        let position = Position::Native { cursor, ctx };
        let error = self.unwind(error, position, false, stopped);
        self.ending = Some(Ending::Unwound(error));
        Next::Leave(exit::ENGINE)
    }

    unsafe fn trapped(
        &mut self,
        pc: usize,
        address: usize,
        signal: u64,
        link: *const Link,
    ) -> Next {
        let code = self.native.find(pc);
        let trap = code.and_then(|code| Some((code.trap_at(pc)?, code.wasm_pc(pc))));
        let Some((status, at)) = trap else {
            // Not an outcome of the guest but a bug of ours, and no state to go on with.
            eprintln!(
                "probity: compiled code failed at {pc:#x}: signal {signal}, address {address:#x}"
            );
            std::process::abort();
        };
        // SAFETY: there is an activation, whose code trapped.
        let ctx = unsafe { (*CURRENT.get()).ctx };
        // SAFETY: code that leaves its frame has noted it in its context, or is at a poll.
        unsafe {
            let left = (*ctx).left;
            match status {
                leaving::BEFORE => return self.interpret_at(ctx, left, (at, false), link),
                leaving::BEHIND_PROBES => return self.interpret_at(ctx, left, (at, true), link),
                leaving::POLL => {
                    // Whatever it was may have been done elsewhere.
                    self.hurry_back();
                    let left = self.write_polled(ctx, link);
                    return self.interpret_at(ctx, left, (at, false), link);
                }
                leaving::ENTRY => return self.leave_entry(ctx, left, link),
                leaving::FAILED => {
                    let error = self.probes.failed.take().expect("what a probe failed with");
                    let cursor = Cursor::at_link(link).at_trap();
                    return self.raise_at(cursor, ctx, error, true);
                }
                _ => {}
            }
        }
        // SAFETY: by contract.
        let cursor = unsafe { Cursor::at_link(link) }.at_trap();
        let error = crate::runtime::trap_code(status.into()).into();
        let code = self.native.find(pc);
        if let Some(code) = code {
            // SAFETY: by contract.
            unsafe { give_held(code, pc) };
        }
        let unspent = code.map_or(0, |code| code.unspent_at(at));
        self.fuel.consume(-i64::from(unspent));
        self.raise_at(cursor, ctx, error, false)
    }

    /// Writes the values of a frame that stands at a poll to its slots.
    ///
    /// # Safety
    /// `link` must be live, of code that runs in `ctx`.
    unsafe fn write_polled(&self, ctx: *mut Ctx, link: *const Link) -> *mut u64 {
        // SAFETY: by contract; the frame is live, with slots for locals below its header.
        unsafe {
            let frame = self.exit_frame(link);
            let fp = self.callee_of(frame.cursor.outwards(&frame.code));
            let fp = fp.expect("a frame that somebody has called");
            let index = frame.code.role.func().expect("a function's frame");
            let header = (*(*ctx).funcs.add(index as usize)).header;
            frame.write_slots(fp, header);
            fp
        }
    }

    unsafe fn resolve(&mut self, ctx: *mut Ctx, link: *const Link) -> usize {
        // SAFETY: the caller's contract.
        unsafe {
            let frame = self.exit_frame(link);
            let (record, type_index) = self.called_record(&frame, ctx);
            if !(*record).thunk.is_null() && (*record).ctx == ctx {
                return (*record).native as usize;
            }
            let out = self.out_stub(ctx, type_index);
            let own = (*record).ctx == ctx;
            let slot = if own {
                &raw mut (*record).native
            } else {
                (*ctx).outs.cast_mut().add(type_index as usize)
            };
            *slot = out;
            out as usize
        }
    }

    /// The interpreter goes on with a live compiled frame, at the place that the machine has saved.
    pub(super) fn give_to_interpreter(
        &mut self,
        cursor: Cursor,
        code: &std::sync::Arc<super::code::NativeCode>,
        moved: u64,
        fired: bool,
    ) -> Next {
        debug_assert_eq!(moved, exit::MOVED);
        self.native.stats.takeovers += 1;
        let (fp, ctx) = (self.machine.saved.fp, self.machine.saved.ctx);
        if let (Some(index), Some(data)) = (code.role.func(), self.instance_of(ctx)) {
            let func = data.func_id(index);
            self.note_partial(fp, func, code);
        }
        let saved = &self.machine.saved;
        let range = self.code_map.find(saved.pc).expect("code of a function");
        // SAFETY: the frame is live, and its activation the innermost.
        unsafe {
            if self.is_outermost(cursor, code) {
                (*CURRENT.get()).header = fp.add(range.code.header as usize);
                return Next::Leave(exit::MOVED);
            }
        }
        self.native.pending = self.native.pending.split_off(&cursor.fp);
        let pending = super::Pending {
            pc: cursor.pc,
            code: code.clone(),
            fp: saved.fp,
            ctx: saved.ctx,
            place: Place::At(range.index_of(saved.pc)),
            range: range.clone(),
            callee: std::ptr::null_mut(),
            result: ResultKind::Slots,
            fired,
        };
        self.native.pending.insert(cursor.fp, pending);
        let below = code.frame_bytes as usize + LINK_BELOW + 64;
        Next::Replace(cursor.fp, (cursor.fp - below) & !15, cursor.saved)
    }

    /// Runs the frame at `fp`, for which an entry is pending, in the interpreter. `Ok` with the link
    /// to its caller if it returned, and its results in the registers; otherwise how the
    /// activation goes on.
    ///
    /// # Safety
    /// Control is at that frame, whose registers these are.
    unsafe fn take_over(
        &mut self,
        fp: usize,
        registers: &mut Registers,
    ) -> Result<*const Link, u64> {
        let pending = self.native.pending.remove(&fp).expect("a pending frame");
        // One without a callee is counted where it stopped.
        if !pending.callee.is_null() {
            self.native.stats.takeovers += 1;
        }
        let cursor = Cursor {
            pc: pending.pc,
            pc_slot: 0,
            fp,
            saved: registers.saved,
            trap: false,
        };
        // SAFETY: the frame is live, and its slots are in memory; results go to the callee's first
        // slots; the link overwrites what the prologue saved, which is read before.
        unsafe {
            match pending.result {
                ResultKind::Slots => {}
                ResultKind::I32 => *pending.callee = registers.result & 0xffff_ffff,
                ResultKind::I64 => *pending.callee = registers.result,
                ResultKind::F32 => *pending.callee = registers.vector as u64 & 0xffff_ffff,
                ResultKind::F64 => *pending.callee = registers.vector as u64,
                ResultKind::V128 => {
                    *pending.callee = registers.vector as u64;
                    *pending.callee.add(1) = (registers.vector >> 64) as u64;
                }
            }
            let pc = pending.range.cell(pending.place.cell());
            let moved = match pending.fired {
                true => self.move_behind(pc, pending.fp, pending.ctx),
                false => self.move_to(pc, pending.fp, pending.ctx),
            };
            let header = pending.fp.add(pending.range.code.header as usize);
            if self.is_outermost(cursor, &pending.code) {
                (*CURRENT.get()).header = header;
                return Err(moved);
            }
            let link = (fp - LINK_BELOW) as *mut Link;
            let outer = cursor.outwards(&pending.code);
            *link = Link {
                saved: outer.saved,
                fp: outer.fp,
                pc: outer.pc,
            };
            *header = (&raw const LEAVE_TO_NATIVE) as u64;
            *header.add(1) = link as u64;
            let result = self.result_of(&pending);
            let (value_fp, value_ctx) = (pending.fp, pending.ctx);
            drop(pending);
            let low = self.native.exit_low.replace(registers as *const _ as usize);
            let before = self.interrupt.leave_native();
            let status = match self.allow_moved() {
                Ok(()) => run_saved(self.machine.as_ptr()),
                Err(status) => status,
            };
            self.interrupt.back_to(before);
            self.native.exit_low = low;
            self.native.partial.remove(&(value_fp as usize));
            match self.settle_run(status) {
                Ok(()) => {}
                Err(exit::MOVED) => {
                    // SAFETY: nothing is owned here any more.
                    let next = self.go_on_in_catcher();
                    self.land_polling(next).go();
                }
                Err(status) => return Err(status),
            }
            match result {
                ResultKind::Slots => {}
                ResultKind::I32 | ResultKind::I64 => registers.result = *value_fp,
                ResultKind::F32 | ResultKind::F64 => registers.vector = (*value_fp).into(),
                ResultKind::V128 => {
                    registers.vector = u128::from(*value_fp) | u128::from(*value_fp.add(1)) << 64;
                }
            }
            self.leave_behind(value_ctx, link);
            Ok(link)
        }
    }

    /// Compiled code goes on behind an exit. A request that came meanwhile is to be seen: nudges have
    /// found the thread elsewhere.
    ///
    /// # Safety
    /// `link` must be live.
    unsafe fn look_behind(&self, link: *const Link) {
        if self.interrupt.is_pending() {
            // SAFETY: by contract; assembly reads it when it goes back. Nobody else looks at it now.
            unsafe {
                let pc = &raw mut (*link.cast_mut()).pc;
                *pc = stubs::polling(*pc);
            }
        }
    }

    /// The same behind a call. Jobs do not wait for a poll, of which there is none in loops that call:
    /// the frame leaves compiled code here.
    ///
    /// # Safety
    /// `link` must be live, of code that runs in `ctx` and is in a call or at its probes.
    unsafe fn leave_behind(&mut self, ctx: *mut Ctx, link: *const Link) {
        // SAFETY: by contract.
        unsafe {
            if self.interrupt.has_jobs() {
                let cursor = Cursor::at_link(link);
                let frame = Stretch::new(self, Position::Native { cursor, ctx }).next();
                if let Some(frame) = frame.filter(|frame| frame.native.is_some()) {
                    self.redirect(&frame, &frame.range, frame.place.cell());
                }
            } else {
                self.look_behind(link);
            }
        }
    }

    /// The same for a frame that goes on where it catches.
    fn land_polling(&self, next: Next) -> Next {
        match next {
            Next::Land(fp, sp, saved, pad) if self.interrupt.is_pending() => {
                Next::Land(fp, sp, saved, stubs::polling(pad))
            }
            next => next,
        }
    }

    /// How compiled code returns the results of a frame's function.
    fn result_of(&self, pending: &super::Pending) -> ResultKind {
        let index = pending.code.role.func();
        match (pending.code.role, index, self.instance_of(pending.ctx)) {
            (super::code::Role::Func(_), Some(index), Some(data)) => {
                ResultKind::of(data.module.inner.func_type_of(index).results())
            }
            _ => ResultKind::Slots,
        }
    }

    /// # Safety
    /// The frame must be live, and `code` its code.
    unsafe fn is_outermost(&self, cursor: Cursor, code: &super::code::NativeCode) -> bool {
        // SAFETY: by contract.
        let mut outer = unsafe { cursor.outwards(code) };
        while outer.pc != stubs::entered() {
            match self.native.find(outer.pc) {
                Some(code) if code.role == super::code::Role::Stub => {
                    // SAFETY: the frame of a stub, which is live.
                    outer = unsafe { outer.outwards(code) };
                }
                _ => return false,
            }
        }
        true
    }

    pub(super) unsafe fn plain_cells(&self, ctx: *mut Ctx, index: u32) -> *const Cell {
        let data = self.instance_of(ctx).expect("code of an instance");
        let code = data
            .module
            .inner
            .code(&data.module, index, crate::code::Mode::Plain)
            .expect("code of a function that was compiled");
        code.cells.as_ptr()
    }
}
