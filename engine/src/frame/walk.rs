//! Walking the Wasm stack.
//!
//! Each stretch of frames between two host calls begins at a [`Position`], which
//! a slow path notes before it runs foreign code, and ends at the cell through
//! which the outermost function of the stretch returns to the host.

use probity_interp::handlers::control::{BRIDGE_RETURN, BRIDGE_SLOTS, LEAVE};
use probity_interp::layout::{Cell, Ctx, FuncRecord};

use super::code_map::CodeRange;
use crate::runtime::core::StoreCore;

/// Where a stretch of frames begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Position {
    /// At a cell that is about to run, or that trapped.
    Code {
        pc: *const Cell,
        fp: *mut u64,
        ctx: *mut Ctx,
    },
    /// In a call that returns to a cell, and whose frame is gone: while frames are unwound.
    Returning {
        pc: *const Cell,
        fp: *mut u64,
        ctx: *mut Ctx,
        /// Where that frame was.
        callee: *mut u64,
    },
    /// In a host function, whose frame is at `fp`.
    Host {
        record: *const FuncRecord,
        fp: *mut u64,
        ctx: *mut Ctx,
    },
}

/// Where a frame stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Place {
    /// At this cell.
    At(usize),
    /// In a call that returns to this cell.
    Returning(usize),
}

/// A Wasm frame.
#[derive(Clone)]
pub(crate) struct Frame {
    pub(crate) func: u32,
    pub(crate) range: CodeRange,
    pub(crate) place: Place,
    pub(crate) fp: *mut u64,
    pub(crate) ctx: *mut Ctx,
    /// Slot that holds the return cell of the frame's callee; null in the
    /// innermost frame of a stretch.
    return_slot: *mut u64,
    /// First slot of what lies above the frame, arguments included; null in a frame that is not in
    /// a call.
    pub(crate) callee: *mut u64,
}

impl Frame {
    /// The innermost frame of code that stands at a cell.
    pub(crate) fn at(
        func: u32,
        range: CodeRange,
        cell: usize,
        fp: *mut u64,
        ctx: *mut Ctx,
    ) -> Frame {
        Frame {
            func,
            range,
            place: Place::At(cell),
            fp,
            ctx,
            return_slot: std::ptr::null_mut(),
            callee: std::ptr::null_mut(),
        }
    }

    /// Pc of the operator that the frame executes, or is about to.
    pub(crate) fn pc(&self) -> u32 {
        let cell = match self.place {
            Place::At(cell) => cell,
            Place::Returning(cell) => cell - 1,
        };
        self.range.code.pcs[cell.min(self.range.code.pcs.len() - 1)]
    }

    /// Address of a slot.
    pub(crate) fn slot(&self, slot: u32) -> *mut u64 {
        self.fp.wrapping_add(slot as usize)
    }

    /// The position at which this frame is the innermost.
    pub(crate) fn position(&self) -> Position {
        let (fp, ctx) = (self.fp, self.ctx);
        match self.place {
            Place::At(cell) => Position::Code {
                pc: self.range.cell(cell),
                fp,
                ctx,
            },
            Place::Returning(cell) => Position::Returning {
                pc: self.range.cell(cell),
                fp,
                ctx,
                callee: self.callee,
            },
        }
    }

    /// Makes the frame's callee return to another cell.
    ///
    /// # Safety
    /// The frame must be live, and the cell be code of its function.
    pub(crate) unsafe fn set_return(&self, cell: *const Cell) {
        if !self.return_slot.is_null() {
            // SAFETY: a slot of the live callee's header.
            unsafe { *self.return_slot = cell as u64 };
        }
    }
}

/// The frames of one stretch, innermost first.
pub(crate) struct Stretch<'a> {
    core: &'a StoreCore,
    /// Next frame's position: cell, frame, context, and whether it is a return cell.
    next: Option<(*const Cell, *mut u64, *mut Ctx, bool)>,
    return_slot: *mut u64,
    callee: *mut u64,
}

impl<'a> Stretch<'a> {
    pub(crate) fn new(core: &'a StoreCore, position: Position) -> Stretch<'a> {
        let mut stretch = Stretch {
            core,
            next: None,
            return_slot: std::ptr::null_mut(),
            callee: std::ptr::null_mut(),
        };
        match position {
            Position::Code { pc, fp, ctx } => stretch.next = Some((pc, fp, ctx, false)),
            Position::Returning {
                pc,
                fp,
                ctx,
                callee,
            } => {
                stretch.next = Some((pc, fp, ctx, true));
                stretch.callee = callee;
            }
            Position::Host { record, fp, ctx } => {
                // SAFETY: the record and the frame of a host call that is running.
                unsafe { stretch.follow(fp, (*record).header, ctx) }
            }
        }
        stretch
    }

    /// Goes to the caller, by the callee's header.
    ///
    /// # Safety
    /// `callee` must be a live frame that runs in `ctx`, with its header at that slot.
    unsafe fn follow(&mut self, callee: *mut u64, header: u32, ctx: *mut Ctx) {
        let mut ctx = ctx;
        self.callee = callee;
        // SAFETY: headers of live frames are intact; bridges are as `control::bridge` makes them.
        unsafe {
            let mut header = callee.add(header as usize);
            let mut pc = *header as *const Cell;
            let mut fp = *header.add(1) as *mut u64;
            if pc == &raw const BRIDGE_RETURN {
                const { assert!(BRIDGE_SLOTS == 4) };
                ctx = *fp.add(2) as *mut Ctx;
                header = fp;
                self.callee = fp;
                pc = *header as *const Cell;
                fp = *header.add(1) as *mut u64;
            }
            self.return_slot = header;
            self.next = (pc != &raw const LEAVE).then_some((pc, fp, ctx, true));
        }
    }
}

impl Iterator for Stretch<'_> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        let (pc, fp, ctx, returning) = self.next.take()?;
        let range = self.core.code_map.find(pc)?.clone();
        let cell = range.index_of(pc);
        let func = match range.private {
            Some(func) => func,
            None => self.core.instance_of(ctx)?.func_id(range.func_index),
        };
        let place = if returning {
            Place::Returning(cell)
        } else {
            Place::At(cell)
        };
        let frame = Frame {
            func,
            range,
            place,
            fp,
            ctx,
            return_slot: self.return_slot,
            callee: self.callee,
        };
        // SAFETY: the frame is live, so its header is intact.
        unsafe { self.follow(fp, frame.range.code.header, ctx) };
        Some(frame)
    }
}

impl StoreCore {
    /// All Wasm frames, innermost first.
    pub(crate) fn frames(&self) -> impl Iterator<Item = Frame> {
        self.positions
            .iter()
            .rev()
            .flat_map(|&position| Stretch::new(self, position))
    }
}
