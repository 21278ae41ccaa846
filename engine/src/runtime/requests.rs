//! Doing what other threads have asked for, on the store's own thread.
//!
//! Jobs are done where guest code stands at an operator and its frame is wholly in memory: at the
//! interpreter's polls ([`StoreCore::allow`]), to which compiled code comes by leaving
//! ([`StoreCore::allow_moved`]), in a wait for another thread, and between calls of the host. They
//! run as probes do: frames can be read and written, and code is brought up to date behind them.

use std::sync::Arc;

use probity_interp::layout::{Cell, Ctx, HEADER_SLOTS};

use super::Func;
use super::core::StoreCore;
use super::root::Root;
use super::value::slot_offsets;
use crate::code::{FuncCode, Mode};
use crate::error::Result;
use crate::frame::walk::Position;
use crate::hook::ProbePanic;

/// Something to be done on a store's thread. An error ends the guest.
pub(crate) type Job = Box<dyn FnOnce(&mut StoreCore) -> Result<()> + Send>;

impl StoreCore {
    /// Does the jobs that are there now, in order; those that come meanwhile are left to the next
    /// poll, so that the guest gets on. Guest code must be suspended at noted positions. Gives the
    /// first error.
    pub(crate) fn serve(&mut self) -> Result<()> {
        let mut first_error = None;
        for _ in 0..self.interrupt.job_count() {
            // Guest code that a job calls may have done the others.
            let Some(job) = self.interrupt.take_job() else {
                break;
            };
            first_error = first_error.or(self.run_job(job).err());
        }
        self.sync_probes();
        first_error.map_or(Ok(()), Err)
    }

    /// Does what came behind the last poll of an outermost call, so that it need not wait for the
    /// next. `results` are the call's, which nobody holds yet.
    pub(super) fn serve_behind(&mut self, func: Func, results: &[u64]) -> Result<()> {
        if !self.positions.is_empty() || !self.interrupt.has_jobs() {
            return Ok(());
        }
        let held = self.hold_results(func, results);
        let served = self.serve();
        drop(held);
        served
    }

    /// Holds what a call has given, if anything, while somebody may collect.
    pub(super) fn hold_results(&mut self, func: Func, results: &[u64]) -> Vec<Root> {
        let types = slot_offsets(self.func_type(func).results(), 0);
        let held = types
            .filter(|(ty, _)| ty.is_collected())
            .filter_map(|(_, slot)| results.get(slot as usize));
        held.map(|&raw| self.root(raw)).collect()
    }

    fn run_job(&mut self, job: Job) -> Result<()> {
        let old_top = self.stack_top;
        // Guest code that the job calls gets the stack behind the innermost frame.
        if let Some(frame) = self.innermost_frame() {
            let code = &frame.range.code;
            let slots = code.frame_slots.max(code.header + HEADER_SLOTS as u32);
            self.stack_top = frame.fp.wrapping_add(slots as usize).max(old_top);
        }
        // What runs in between is no part of the instruction that compiled code may stand in.
        let at_op = self.native.at_op.take();
        let low = self.native.exit_low;
        if let Some(cursor) = at_op {
            self.native.exit_low = Some(cursor.pc_slot);
        }
        let (store, resume) = (self.machine.store, self.machine.resume);
        self.machine.resume = std::ptr::null();
        let before = self.interrupt.leave_native();
        let done = ProbePanic::contain(|| job(self));
        self.interrupt.back_to(before);
        (self.machine.store, self.machine.resume) = (store, resume);
        self.native.exit_low = low;
        self.native.at_op = at_op;
        self.stack_top = old_top;
        done
    }

    /// Does jobs at a cell of a frame that is wholly in memory; whether it could. `pc` becomes where it goes on.
    pub(super) fn serve_at(
        &mut self,
        pc: &mut *const Cell,
        fp: *mut u64,
        ctx: *mut Ctx,
    ) -> Result<bool> {
        self.work_at(pc, fp, ctx, StoreCore::serve)
    }

    /// The same with those who are to be told how much fuel has been consumed.
    pub(super) fn tick_at(
        &mut self,
        pc: &mut *const Cell,
        fp: *mut u64,
        ctx: *mut Ctx,
    ) -> Result<bool> {
        self.work_at(pc, fp, ctx, |core| {
            let told = core.run_job(Box::new(StoreCore::tell_ticks));
            core.sync_probes();
            told
        })
    }

    fn work_at(
        &mut self,
        pc: &mut *const Cell,
        fp: *mut u64,
        ctx: *mut Ctx,
        work: impl FnOnce(&mut StoreCore) -> Result<()>,
    ) -> Result<bool> {
        if self.code_map.find(*pc).is_none() {
            // A fixed cell, which leads to something that polls.
            return Ok(false);
        }
        let start = self.not_entered(*pc, ctx);
        if let Some(code) = &start {
            // What is in the slots of locals is anything until the function's first cells clear them.
            let locals = code.sites.locals.iter().skip(self.param_count(*pc, ctx));
            for &(ty, slot) in locals {
                for slot in slot..slot + ty.slots() as u32 {
                    // SAFETY: a slot of the live frame, which no operator has seen yet.
                    unsafe { *fp.add(slot as usize) = 0 };
                }
            }
        }
        self.positions.push(Position::Code { pc: *pc, fp, ctx });
        let served = work(self);
        if let Some(Position::Code { pc: moved, .. }) = self.positions.pop() {
            *pc = moved;
        }
        served?;
        if let Some(code) = start
            && let Some(range) = self.code_map.find(*pc)
        {
            // Behind the cells that clear locals: a job may have set some.
            *pc = match (range.private, code.sites.operators.first()) {
                (Some(_), _) => range.cell(code.sites.entry as usize),
                (None, Some(&first)) => range.cell(range.code.first_cell_from(first)),
                (None, None) => *pc,
            };
        }
        Ok(true)
    }

    /// The structural code of a function that is about to clear its locals.
    fn not_entered(&self, pc: *const Cell, ctx: *mut Ctx) -> Option<Arc<FuncCode>> {
        let range = self.code_map.find(pc)?;
        let (cell, pcs) = (range.index_of(pc), &range.code.pcs);
        if pcs.get(cell)? != pcs.first()? {
            return None;
        }
        let module = &self.instance_of(ctx)?.module;
        let structural = module
            .inner
            .code(module, range.func_index, Mode::Structural);
        let code = structural.ok()?;
        let first = *code.sites.operators.first()?;
        let is_before = match range.private {
            Some(_) => cell < code.sites.entry as usize,
            None => *pcs.get(cell)? < first,
        };
        is_before.then_some(code)
    }

    /// Number of parameters of the function that a cell is of.
    fn param_count(&self, pc: *const Cell, ctx: *mut Ctx) -> usize {
        let index = self.code_map.find(pc).map(|range| range.func_index);
        let ty = index.zip(self.instance_of(ctx));
        ty.map_or(0, |(index, data)| {
            data.module.inner.func_type_of(index).params().len()
        })
    }
}
