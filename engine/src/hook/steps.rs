//! Actions that need nothing but the frame's slots: those of a site run one after the other, without the engine.

use probity_interp::dispatch::UNIT;
use probity_interp::layout::{Cell, Ctx, Shadow};

use super::fire::top_value;
use super::private::SiteData;
use super::table::BodyAction;
use super::value::{INPUTS_MAX, Taken};
use crate::code::FuncCode;
use crate::error::Result;
use crate::frame::walk::Position;
use crate::runtime::core::{Ending, StoreCore, core_of};

/// A frame that is wholly in memory, at a cell of its code.
#[derive(Clone, Copy)]
pub(super) struct Slots<'a> {
    pub(super) code: &'a FuncCode,
    pub(super) cell: usize,
    pub(super) fp: *mut u64,
}

impl BodyAction {
    /// Whether it reads values of the frame.
    pub(super) fn reads(&self) -> bool {
        match self {
            BodyAction::Add { .. } | BodyAction::Set { .. } => false,
            BodyAction::Top { .. } | BodyAction::Fold { .. } => true,
            BodyAction::Values { taken, .. }
            | BodyAction::Outside { taken, .. }
            | BodyAction::Record { taken, .. } => !taken.is_empty(),
            BodyAction::Call(_) | BodyAction::Stop => false,
        }
    }

    /// Does it, if it is one that needs nothing but the slots; those that read none do without.
    ///
    /// # Safety
    /// The frame must be live, and the action that of a site of the cell.
    pub(super) unsafe fn apply(&self, core: &StoreCore, slots: Option<Slots<'_>>) -> Result<()> {
        let values = |taken: &[Taken]| {
            let mut values = [0; INPUTS_MAX];
            for (value, taken) in values.iter_mut().zip(taken) {
                if let Some(slots) = slots {
                    // SAFETY: by contract.
                    *value = unsafe { taken.read(slots.fp) };
                }
            }
            values
        };
        match self {
            BodyAction::Add { counters, index, n } => counters.add(*index, *n as i64),
            BodyAction::Set { counters, index } => counters.note(*index),
            BodyAction::Top {
                counters,
                first,
                last,
                boolean,
            } => {
                if let Some(slots) = slots {
                    // SAFETY: by contract.
                    let operand = unsafe { top_value(slots.code, slots.cell, slots.fp) } as u32;
                    let operand = if *boolean {
                        (operand != 0).into()
                    } else {
                        operand
                    };
                    counters.add(first + operand.min(*last) as usize, 1);
                }
            }
            BodyAction::Fold {
                counters,
                index,
                folded,
            } => {
                if let Some(slots) = slots {
                    // SAFETY: by contract.
                    let value = unsafe { folded.taken.read(slots.fp) };
                    folded.fold.apply(counters, *index, value);
                }
            }
            BodyAction::Values { taken, call } => return call.run(&values(taken)),
            BodyAction::Outside { taken, call } => return call.run(core, &values(taken)),
            BodyAction::Record { taken, tag, buffer } => {
                let values = taken.iter().filter_map(|taken| {
                    // SAFETY: by contract.
                    slots.map(|slots| unsafe { taken.read(slots.fp) })
                });
                return buffer.write(*tag, values);
            }
            BodyAction::Call(_) | BodyAction::Stop => {}
        }
        Ok(())
    }
}

/// Runs the list of a cell whose probes need nothing but the slots. 0 unless one has failed, which is then kept.
///
/// # Safety
/// As for [`probity_interp::layout::Slow::steps`].
pub(crate) unsafe fn steps(ctx: *mut Ctx, pc: *const Cell, fp: *mut u64) -> u64 {
    // SAFETY: the cell is private, and its shadow points to its site. No such probe can change it.
    let site = unsafe {
        let shadow = Shadow::of(pc, (*ctx).shadow_delta);
        &*((*shadow).data as *const SiteData)
    };
    let slots = Slots {
        code: &site.range.code,
        cell: site.cell,
        fp,
    };
    // SAFETY: code is running in `ctx`, and only here is the core in use.
    let core = unsafe { core_of(ctx) };
    let mut failed = None;
    let mut group = None;
    for fire in site.list.iter() {
        if group != Some(fire.at.group()) && failed.is_some() {
            break;
        }
        group = Some(fire.at.group());
        // SAFETY: the frame is live, and wholly in memory at a cell with probes.
        if let Err(error) = unsafe { fire.body.action.apply(core, Some(slots)) } {
            failed.get_or_insert(error);
        }
    }
    match failed {
        None => 0,
        Some(error) => {
            core.probes.failed = Some(error);
            1
        }
    }
}

/// Ends the run because of what [`steps`] has kept; gives the exit.
///
/// # Safety
/// As for [`probity_interp::layout::Slow::failed`].
pub(crate) unsafe fn failed(ctx: *mut Ctx, pc: *const Cell, fp: *mut u64, budget: u64) -> u64 {
    // SAFETY: code is running in `ctx`, and only here is the core in use.
    let core = unsafe { core_of(ctx) };
    core.fuel
        .set_left((budget.wrapping_sub(pc as u64) as i64) / UNIT as i64);
    let error = core.probes.failed.take();
    let error = error.expect("what a probe failed with");
    let ending = Ending::Raised(error);
    core.end_at(ending, Position::Code { pc, fp, ctx }, false)
        .pc as u64
}
