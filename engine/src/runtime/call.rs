//! Running code: calls from the host, and the slow paths through which running
//! code comes back to the engine.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use probity_interp::dispatch::{UNIT, run, run_saved};
use probity_interp::exit;
use probity_interp::handlers::control::{LEAVE, PREPARE};
use probity_interp::layout::{Cell, Ctx, FuncRecord, HEADER_SLOTS, Resume};

use super::core::{Ending, FuncKind, StoreCore, core_of};
use super::fuel::{Allowance, op_fuel};
use super::host_func::RawHostFn;
use super::{Func, Instance};
use crate::error::{Error, Result, TrapCode};
use crate::frame::walk::{Position, Stretch};
use crate::hook::HostPhase;

/// Native stack that must be free for another activation of the interpreter and
/// the host function that made it.
const NATIVE_STACK: usize = 96 << 10;

/// Activations that may be nested where the native stack cannot be measured.
const NESTED_MAX: usize = 128;

/// How a run failed.
enum Failure {
    Error(Error),
    /// Of the host, to be passed on.
    Panic(Box<dyn Any + Send>),
}

impl StoreCore {
    /// Calls a function of this store. `slots` holds the arguments and then the results; it
    /// has room for the longer list.
    ///
    /// # Errors
    /// Traps and errors of host functions.
    pub(crate) fn call_raw(&mut self, func: Func, slots: &mut [u64]) -> Result<()> {
        let left = self.native_stack_left().or_else(stacker::remaining_stack);
        let enough = match left {
            Some(bytes) => bytes > NATIVE_STACK,
            None => self.positions.len() < NESTED_MAX,
        };
        if !enough {
            return Err(TrapCode::StackOverflow.into());
        }
        let entry = &self.funcs[func.id as usize];
        let record = entry.record;
        if let FuncKind::Host(host) = &entry.kind {
            let f = host.f.clone();
            return f(self, None, slots);
        }
        self.sync_probes();
        // SAFETY: records live as long as the store.
        let FuncRecord {
            ctx,
            param_slots,
            result_slots,
            header,
            ..
        } = unsafe { &*record };
        let (ctx, param_slots, result_slots, header) = (*ctx, *param_slots, *result_slots, *header);
        let fp = self.stack_top;
        if fp.wrapping_add(header as usize + HEADER_SLOTS) > self.stack_limit {
            return Err(TrapCode::StackOverflow.into());
        }
        // SAFETY: the frame fits below the limit or in the reserve above it.
        unsafe {
            std::ptr::copy_nonoverlapping(slots.as_ptr(), fp, param_slots as usize);
            self.write_entry_header(fp, header);
        }
        let machine = self.machine.as_ptr();
        let core = &raw mut *self;
        // SAFETY: the machine is the store's; nested runs restore what they change.
        let outer = unsafe { std::mem::replace(&mut (*machine).store, core.cast()) };
        // SAFETY: the frame has arguments and header, and `self` is not used until the run ends.
        let status = unsafe { StoreCore::enter(core, record, fp, ctx) };
        let result = if status == exit::DONE {
            let left = self.machine.budget.wrapping_sub((&raw const LEAVE) as u64) as i64;
            self.fuel.set_left(left / UNIT as i64);
            Ok(())
        } else {
            self.take_ending(status)
        };
        // SAFETY: as above.
        unsafe { (*machine).store = outer };
        if self.positions.is_empty() {
            self.remove_stop();
            self.native.partial.clear();
        }
        match result {
            Ok(()) => {}
            Err(Failure::Error(error)) => {
                // The guest's is the earlier one.
                let _ = self.serve_behind(func, &[]);
                self.ended(func, Some(&error), &[]);
                return Err(error);
            }
            Err(Failure::Panic(panic)) => resume_unwind(panic),
        }
        // SAFETY: results lie in the first slots of the frame.
        unsafe { std::ptr::copy_nonoverlapping(fp, slots.as_mut_ptr(), result_slots as usize) };
        let served = self.serve_behind(func, slots);
        self.ended(func, served.as_ref().err(), slots);
        served
    }

    /// A call from the host has ended. `results` are the call's, which nobody holds yet.
    fn ended(&mut self, func: Func, error: Option<&Error>, results: &[u64]) {
        if self.positions.is_empty() && self.watches_ends() {
            let held = self.hold_results(func, results);
            self.tell_end(func, error);
            drop(held);
        }
    }

    /// # Safety
    /// `fp` must have room for the header.
    unsafe fn write_entry_header(&self, fp: *mut u64, header: u32) {
        // SAFETY: by contract.
        unsafe {
            *fp.add(header as usize) = (&raw const LEAVE) as u64;
            *fp.add(header as usize + 1) = 0;
        }
    }

    /// Runs a Wasm function whose frame has arguments and header.
    ///
    /// # Safety
    /// `core` must be what the machine's `store` points to, `record` of a function of it with the
    /// context `ctx`. No reference to the core may be in use: the slow paths of the code that runs
    /// make their own, so this does not take `self` either.
    unsafe fn enter(
        core: *mut StoreCore,
        record: *mut FuncRecord,
        fp: *mut u64,
        ctx: *mut Ctx,
    ) -> u64 {
        // SAFETY: by contract. Not used any more when a slow path is called.
        let this = unsafe { &mut *core };
        // SAFETY: records live as long as the store.
        let (code, cost) = unsafe { ((*record).code, (*record).cost) };
        if code != &raw const PREPARE && fp.wrapping_add(cost as usize) > this.stack_limit {
            this.ending = Some(Ending::Unwound(TrapCode::StackOverflow.into()));
            return exit::ENGINE;
        }
        this.fuel.consume(1);
        let machine = this.machine.as_ptr();
        let budget = (code as u64).wrapping_add((this.fuel.left() as u64).wrapping_mul(UNIT));
        let resume = if code == &raw const PREPARE {
            // SAFETY: the store's record and a frame with its header.
            unsafe { prepare(ctx, record, fp, budget) }
        } else {
            // SAFETY: a frame at the first cell of its code.
            unsafe { poll(ctx, code, fp, budget) }
        };
        if resume.handler.is_null() {
            let status = resume.pc as u64;
            // Code for a loop at the very beginning has run.
            return match status {
                // SAFETY: as below; the frame is wholly in memory.
                exit::MOVED => unsafe { run_saved(machine) },
                _ => status,
            };
        }
        // SAFETY: code and frame belong together; all that code reaches lives as long as the
        // store, which is lent to it until it ends.
        unsafe { run(resume.pc, fp, ctx, record as u64, (*machine).budget) }
    }

    /// Calls a host function for Wasm code, and tells whoever wants to know.
    fn call_watched_host(
        &mut self,
        id: u32,
        f: &RawHostFn,
        instance: Option<Instance>,
        slots: &mut [u64],
    ) -> Result<()> {
        let func = self.func(id);
        let FuncKind::Host(entry) = &self.funcs[id as usize].kind else {
            unreachable!("a host function");
        };
        let ty = entry.ty.clone();
        self.tell_host_call((func, HostPhase::Call), (ty.params(), slots))?;
        let result = f(self, instance, slots);
        match &result {
            Ok(()) => self.tell_host_call((func, HostPhase::Return), (ty.results(), slots))?,
            // Of two errors the first wins.
            Err(error) => drop(self.tell_host_call((func, HostPhase::Fail(error)), (&[], &[]))),
        }
        result
    }

    /// Why a run ended with this status.
    fn take_ending(&mut self, status: u64) -> Result<(), Failure> {
        let position = Position::Code {
            pc: self.machine.exit_pc,
            fp: self.machine.exit_fp,
            ctx: self.machine.exit_ctx,
        };
        let error = match self.ending.take() {
            Some(Ending::Unwound(error)) => return Err(Failure::Error(error)),
            Some(Ending::Panic(panic)) => return Err(Failure::Panic(panic)),
            Some(Ending::Raised(error)) => error,
            None => trap_code(status).into(),
        };
        let executed = error
            .trap()
            .is_none_or(|trap| trap.code() != TrapCode::OutOfFuel);
        let position = self.settle_trap(position, status, executed);
        Err(Failure::Error(
            self.unwind(error, position, false, !executed),
        ))
    }

    /// The interpreter has failed in a run that compiled code has made: everything is unwound.
    #[cfg(jit)]
    pub(crate) fn unwind_run(&mut self, status: u64) {
        self.ending = match self.take_ending(status) {
            Ok(()) => None,
            Err(Failure::Error(error)) => Some(Ending::Unwound(error)),
            Err(Failure::Panic(panic)) => Some(Ending::Panic(panic)),
        };
    }

    /// Finds the very operator that trapped (a window's handler only knows its first cell), and
    /// charges what was executed up to it.
    fn settle_trap(&mut self, position: Position, status: u64, executed: bool) -> Position {
        let Position::Code { pc, fp, ctx } = position else {
            return position;
        };
        self.fuel
            .set_left((self.machine.budget.wrapping_sub(pc as u64) as i64) / UNIT as i64);
        let Some(range) = self.code_map.find(pc).cloned() else {
            return position;
        };
        let Some(data) = self.instance_of(ctx) else {
            return position;
        };
        let m = &data.module.inner;
        let mut cell = range.index_of(pc);
        let first = range.code.pcs[cell];
        let mut units = 0;
        let mut at = first;
        for (op, op_pc) in m.operators_from(range.func_index, first) {
            units += op_fuel(&op);
            at = op_pc;
            if raises(&op, status) {
                break;
            }
        }
        if executed {
            self.fuel.consume(units);
        }
        if at != first {
            cell = range.code.first_cell_from(at);
        }
        Position::Code {
            pc: range.cell(cell),
            fp,
            ctx,
        }
    }

    /// Lets code continue at `pc` within what the account allows, once what other threads have asked
    /// for is done; `Err` at a limit. `pc` becomes where the frame stands.
    pub(crate) fn allow(
        &mut self,
        pc: &mut *const Cell,
        fp: *mut u64,
        ctx: *mut Ctx,
    ) -> Result<()> {
        self.allow_at(pc, fp, ctx, false)
    }

    /// The same; `behind`: the probes of the cell have fired.
    pub(crate) fn allow_at(
        &mut self,
        pc: &mut *const Cell,
        fp: *mut u64,
        ctx: *mut Ctx,
        behind: bool,
    ) -> Result<()> {
        let interrupted = self.interrupt.has_code();
        let served = self.interrupt.has_jobs() && self.serve_at(pc, fp, ctx)?;
        if let Some(code) = self.interrupt.take_behind(interrupted && served) {
            return Err(code.into());
        }
        if self.native.counted {
            // Compiled code had it all.
            self.fuel.settle(0);
        }
        if self.fuel.left() > 0 && self.fuel.remaining().is_none() && !self.has_stops() {
            return Ok(());
        }
        self.stop_within(pc, fp, ctx, behind)
    }

    /// Hands out a slice, or has the guest stop before the operator that would exceed the limit or the next tick.
    /// Ticks that are due are told. `behind`: the probes of the cell have fired.
    pub(crate) fn stop_within(
        &mut self,
        pc: &mut *const Cell,
        fp: *mut u64,
        ctx: *mut Ctx,
        behind: bool,
    ) -> Result<()> {
        loop {
            let left = match self.fuel.renew() {
                Allowance::Slice => {
                    if self.has_stops() {
                        self.noted(pc, fp, ctx, |core| core.remove_stop());
                    }
                    return Ok(());
                }
                Allowance::Last(left) => left,
            };
            if left >= 0 {
                // Below zero, so that the next transfer polls even if the line is free.
                self.fuel.settle(-1);
                if !self.stop_in_line(pc, fp, ctx, (left, behind))? {
                    return Ok(());
                }
                // The very operator here, behind whose probes no stop would fire.
                if self.fuel.to_tick() != Some(0) {
                    return Err(TrapCode::OutOfFuel.into());
                }
                self.tick_at(pc, fp, ctx)?;
                continue;
            }
            // The unit of a function entry was one too many.
            match self.fuel.to_tick() {
                Some(late) if late < 0 => {
                    let unit = -late;
                    self.fuel.consume(-unit);
                    self.stand_at_entry(pc, fp, ctx);
                    let told = self.tick_at(pc, fp, ctx)?;
                    self.fuel.consume(unit);
                    if !told {
                        // A fixed cell, which leads to something that polls.
                        self.fuel.settle(-1);
                        return Ok(());
                    }
                }
                _ => {
                    self.fuel.consume(left);
                    return Err(TrapCode::OutOfFuel.into());
                }
            }
        }
    }

    /// The limit or a tick may lie in the straight line that begins here: if so, puts a
    /// stop before the operator that would exceed it. True if that is the one here, `behind` whose probes it stands.
    fn stop_in_line(
        &mut self,
        pc: &mut *const Cell,
        fp: *mut u64,
        ctx: *mut Ctx,
        (left, behind): (i64, bool),
    ) -> Result<bool, TrapCode> {
        let position = Position::Code { pc: *pc, fp, ctx };
        let Some(frame) = Stretch::new(self, position).next() else {
            // One of the fixed cells, which cost nothing and transfer at once.
            return Ok(false);
        };
        let planted = self.noted(pc, fp, ctx, |core| {
            core.plant_stop(frame.func, left, behind)
        });
        planted.map_err(|_| TrapCode::OutOfFuel)
    }

    /// Gives the function whose first cell this is code of its own. Shared code does not tell its entry from the operator
    /// that has the first cell.
    fn stand_at_entry(&mut self, pc: &mut *const Cell, fp: *mut u64, ctx: *mut Ctx) {
        let range = self.code_map.find(*pc);
        if range.is_none_or(|range| range.private.is_some() || range.index_of(*pc) != 0) {
            return;
        }
        let position = Position::Code { pc: *pc, fp, ctx };
        let Some(frame) = Stretch::new(self, position).next() else {
            return;
        };
        self.noted(pc, fp, ctx, |core| core.hold(frame.func));
        if let Some(private) = self.probes.private.get(&frame.func) {
            *pc = private.cells;
        }
    }

    /// Does something while the frame's position is noted; `pc` becomes where it stands then.
    fn noted<R>(
        &mut self,
        pc: &mut *const Cell,
        fp: *mut u64,
        ctx: *mut Ctx,
        work: impl FnOnce(&mut StoreCore) -> R,
    ) -> R {
        self.positions.push(Position::Code { pc: *pc, fp, ctx });
        let done = work(self);
        if let Some(Position::Code { pc: moved, .. }) = self.positions.pop() {
            *pc = moved;
        }
        done
    }
}

/// The slow path of an exhausted budget.
///
/// # Safety
/// As for [`probity_interp::layout::Slow::poll`].
pub(super) unsafe fn poll(ctx: *mut Ctx, pc: *const Cell, fp: *mut u64, budget: u64) -> Resume {
    // SAFETY: code is running in `ctx`, and only here is the core in use.
    let core = unsafe { core_of(ctx) };
    core.fuel
        .set_left((budget.wrapping_sub(pc as u64) as i64) / UNIT as i64);
    if core.code_map.find(pc).is_none() {
        // A fixed cell costs nothing, and what it leads to looks at the account itself: `prepare`
        // when it enters, host functions by giving back the unit of an entry they do not have.
        return core.resume_before(pc, fp);
    }
    let mut pc = pc;
    match core.allow(&mut pc, fp, ctx) {
        Ok(()) => match core.sample(pc, fp, ctx) {
            None => core.resume_before(pc, fp),
            Some(status) => Resume {
                pc: std::ptr::without_provenance(status as usize),
                handler: std::ptr::null(),
            },
        },
        Err(error) => core.end_at(Ending::Raised(error), Position::Code { pc, fp, ctx }, true),
    }
}

/// The slow path of a function without code: makes it and enters.
///
/// # Safety
/// As for [`probity_interp::layout::Slow::prepare`].
pub(super) unsafe fn prepare(
    ctx: *mut Ctx,
    record: *mut FuncRecord,
    fp: *mut u64,
    budget: u64,
) -> Resume {
    // SAFETY: code is running in `ctx`, and only here is the core in use.
    let core = unsafe { core_of(ctx) };
    core.fuel
        .set_left((budget.wrapping_sub((&raw const PREPARE) as u64) as i64) / UNIT as i64);
    // SAFETY: the caller wrote the header where the record says.
    let (func, old_header) = unsafe { ((*record).id, (*record).header) };
    // SAFETY: as above.
    let (back, caller) = unsafe {
        (
            *fp.add(old_header as usize),
            *fp.add(old_header as usize + 1),
        )
    };
    // The callee has no code yet, so the stretch begins as if it were a host function's.
    let position = Position::Host { record, fp, ctx };
    core.positions.push(position);
    let old_top = core.stack_top;
    core.stack_top = fp.wrapping_add(old_header as usize + HEADER_SLOTS);
    let made = catch_unwind(AssertUnwindSafe(|| core.prepare_func(func)));
    core.stack_top = old_top;
    core.positions.pop();
    let failed = match made {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(Ending::Raised(error)),
        Err(panic) => Some(Ending::Panic(panic)),
    };
    if let Some(ending) = failed {
        return core.end_at(ending, position, true);
    }
    // SAFETY: as above; `prepare_func` has set the record.
    let (code, header, cost) = unsafe { ((*record).code, (*record).header, (*record).cost) };
    let needed = (cost as usize).max(header as usize + HEADER_SLOTS);
    if cost != 0 && fp.wrapping_add(needed) > core.stack_limit {
        core.fuel.consume(-1);
        return core.end_at(
            Ending::Raised(TrapCode::StackOverflow.into()),
            position,
            true,
        );
    }
    // SAFETY: the frame fits below the limit or in the reserve above it. Callbacks may have moved
    // frames, which rewrites the return cell, so it is read again.
    unsafe {
        let back = if *fp.add(old_header as usize) == back {
            back
        } else {
            *fp.add(old_header as usize)
        };
        *fp.add(header as usize) = back;
        *fp.add(header as usize + 1) = caller;
    }
    let mut pc = code;
    match core.allow(&mut pc, fp, ctx) {
        Ok(()) => {
            let resume = core.resume_before(pc, fp);
            // The entry cell may be a stub again, if preparing changed probes once more.
            debug_assert!(!resume.handler.is_null());
            resume
        }
        Err(error) => {
            // It ends at its first operator, as it would without having been prepared.
            let first = core.interpreted_code(func);
            let position = first.map_or(position, |pc| Position::Code { pc, fp, ctx });
            core.end_at(Ending::Raised(error), position, true)
        }
    }
}

/// The slow path of a host function.
///
/// # Safety
/// As for [`probity_interp::layout::Slow::host`].
pub(super) unsafe fn host(
    ctx: *mut Ctx,
    record: *const FuncRecord,
    fp: *mut u64,
    budget: u64,
) -> u64 {
    // SAFETY: code is running in `ctx`, and only here is the core in use.
    let core = unsafe { core_of(ctx) };
    let cell = &raw const probity_interp::handlers::control::HOST;
    core.fuel
        .set_left((budget.wrapping_sub(cell as u64) as i64) / UNIT as i64);
    // A host function has no entry.
    core.fuel.consume(-1);
    // SAFETY: the record of a host function of this store.
    let (id, len) = unsafe { ((*(*record).target).id, (*record).header as usize) };
    let FuncKind::Host(entry) = &core.funcs[id as usize].kind else {
        unreachable!("only host functions run the host cell");
    };
    let f = entry.f.clone();
    let instance = core.instance_of(ctx).map(|data| Instance {
        store: core.id(),
        id: data.id,
    });
    let position = Position::Host { record, fp, ctx };
    core.positions.push(position);
    let old_top = core.stack_top;
    core.stack_top = fp.wrapping_add(len + HEADER_SLOTS);
    // SAFETY: the frame has `len` slots for arguments and results, which nothing else uses.
    let slots = unsafe { std::slice::from_raw_parts_mut(fp, len) };
    let machine = core.machine.as_ptr();
    // SAFETY: the machine is the store's.
    let store = unsafe { (*machine).store };
    let result = catch_unwind(AssertUnwindSafe(|| match core.watches_host_calls() {
        false => f(core, instance, slots),
        true => core.call_watched_host(id, &f, instance, slots),
    }));
    // SAFETY: as above. Calls from the host function may have replaced it.
    unsafe { (*machine).store = store };
    core.stack_top = old_top;
    core.sync_probes();
    core.positions.pop();
    let ending = match result {
        Ok(Ok(())) => {
            if core.interrupt.is_pending() {
                // It came during the call, which may have taken long: poll at the way back.
                core.fuel.settle(-1);
            }
            core.machine.budget =
                (cell as u64).wrapping_add((core.fuel.left() as u64).wrapping_mul(UNIT));
            return exit::DONE;
        }
        Ok(Err(error)) if error.exception().is_some() => return core.throw(error, position),
        Ok(Err(error)) => Ending::Raised(error),
        Err(panic) => Ending::Panic(panic as Box<dyn Any + Send>),
    };
    core.end_at(ending, position, false).pc as u64
}

pub(crate) fn trap_code(status: u64) -> TrapCode {
    match status {
        exit::UNREACHABLE => TrapCode::Unreachable,
        exit::MEMORY => TrapCode::MemoryOutOfBounds,
        exit::TABLE => TrapCode::TableOutOfBounds,
        exit::UNDEFINED_ELEMENT => TrapCode::UndefinedElement,
        exit::NULL_ELEMENT => TrapCode::UninitializedElement,
        exit::NULL_FUNCTION => TrapCode::NullFunctionReference,
        exit::NULL_REFERENCE => TrapCode::NullReference,
        exit::NULL_EXCEPTION => TrapCode::NullExceptionReference,
        exit::NULL_STRUCT => TrapCode::NullStructReference,
        exit::NULL_ARRAY => TrapCode::NullArrayReference,
        exit::NULL_I31 => TrapCode::NullI31Reference,
        exit::ARRAY => TrapCode::ArrayOutOfBounds,
        exit::CAST => TrapCode::CastFailure,
        exit::UNALIGNED => TrapCode::UnalignedAtomic,
        exit::SIGNATURE => TrapCode::IndirectCallTypeMismatch,
        exit::OVERFLOW => TrapCode::IntegerOverflow,
        exit::DIVIDE_BY_ZERO => TrapCode::IntegerDivideByZero,
        exit::INVALID_CONVERSION => TrapCode::InvalidConversionToInteger,
        _ => TrapCode::StackOverflow,
    }
}

/// Whether an operator can end a run with this status.
fn raises(op: &wasmparser::Operator<'_>, status: u64) -> bool {
    use wasmparser::Operator as O;
    match status {
        exit::UNREACHABLE => matches!(op, O::Unreachable),
        exit::OVERFLOW | exit::DIVIDE_BY_ZERO | exit::INVALID_CONVERSION => matches!(
            op,
            O::I32DivS
                | O::I32DivU
                | O::I32RemS
                | O::I32RemU
                | O::I64DivS
                | O::I64DivU
                | O::I64RemS
                | O::I64RemU
                | O::I32TruncF32S
                | O::I32TruncF32U
                | O::I32TruncF64S
                | O::I32TruncF64U
                | O::I64TruncF32S
                | O::I64TruncF32U
                | O::I64TruncF64S
                | O::I64TruncF64U
        ),
        exit::MEMORY => {
            use crate::code::classify;
            use probity_interp::op::{Kind, VKind};
            let simple = classify::scalar(op).or_else(|| classify::vector(op));
            match simple.map(|s| s.kind) {
                Some(Kind::Load(_) | Kind::Store(_)) => true,
                Some(Kind::Vector(
                    VKind::Load(_) | VKind::LoadLane(_) | VKind::StoreLane(_) | VKind::Store,
                )) => true,
                Some(_) => false,
                None => {
                    crate::code::atomic_op::atomic(op).is_some()
                        || matches!(
                            op,
                            O::MemoryFill { .. }
                                | O::MemoryCopy { .. }
                                | O::MemoryInit { .. }
                                | O::ArrayNewData { .. }
                                | O::ArrayInitData { .. }
                        )
                }
            }
        }
        // Calls and slow instructions are windows of their own.
        _ => true,
    }
}
