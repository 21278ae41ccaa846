//! Walking the Wasm stack.
//!
//! Each stretch of frames between two host calls begins at a [`Position`], which
//! a slow path notes before it runs foreign code, and ends at the cell through
//! which the outermost function of the stretch returns to the host.

use std::sync::Arc;

use probity_interp::handlers::control::{BRIDGE_RETURN, BRIDGE_SLOTS, LEAVE, LEAVE_TO_NATIVE};
use probity_interp::layout::{Cell, Ctx, FuncRecord};

use super::code_map::CodeRange;
use crate::code::Mode;
use crate::jit::stubs;
use crate::runtime::core::StoreCore;
use crate::tier::code::{NativeCode, SiteKind};
use crate::tier::frames::{Cursor, Link, NativeFrame};
use crate::tier::{ACTIVATION_BELOW, Activation};
use crate::types::ValType;

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
    /// In compiled code.
    Native { cursor: Cursor, ctx: *mut Ctx },
}

/// Where a frame stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Place {
    /// At this cell.
    At(usize),
    /// In a call that returns to this cell.
    Returning(usize),
}

impl Place {
    /// The cell.
    pub(crate) fn cell(self) -> usize {
        match self {
            Place::At(cell) | Place::Returning(cell) => cell,
        }
    }
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
    /// innermost frame of a stretch, and in frames on the native stack.
    return_slot: *mut u64,
    /// Where the frame stands on the native stack, if it is there.
    pub(crate) cursor: Option<Cursor>,
    /// Its values are in machine code's places, not in slots.
    pub(crate) native: Option<Box<NativeFrame>>,
    /// How many times the run has changed between the tiers from here to the position.
    pub(crate) crossings: u32,
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
            cursor: None,
            native: None,
            crossings: 0,
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

    /// Writes a value to a slot.
    ///
    /// # Safety
    /// The frame must be live, and the slot one of it for such a value.
    pub(crate) unsafe fn write(&self, ty: ValType, slot: u32, raw: u128) {
        let at = self.slot(slot);
        // SAFETY: by contract.
        unsafe {
            *at = raw as u64;
            if ty.slots() == 2 {
                *at.add(1) = (raw >> 64) as u64;
            }
        }
    }

    /// The position at which this frame is the innermost.
    pub(crate) fn position(&self) -> Position {
        let (fp, ctx) = (self.fp, self.ctx);
        if let Some(cursor) = self.cursor {
            return Position::Native { cursor, ctx };
        }
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

/// Somebody else's frame, or one's own. Small: it is handed on for each fire of a probe.
pub(crate) enum FrameRef<'a> {
    Borrowed(&'a Frame),
    Owned(Box<Frame>),
}

impl FrameRef<'_> {
    /// The frame, as one's own.
    pub(crate) fn to_mut(&mut self) -> &mut Frame {
        if let FrameRef::Borrowed(frame) = *self {
            *self = FrameRef::from(frame.clone());
        }
        match self {
            FrameRef::Owned(frame) => frame,
            FrameRef::Borrowed(_) => unreachable!("it has just been made one's own"),
        }
    }
}

impl From<Frame> for FrameRef<'_> {
    fn from(frame: Frame) -> Self {
        FrameRef::Owned(Box::new(frame))
    }
}

impl std::ops::Deref for FrameRef<'_> {
    type Target = Frame;

    fn deref(&self) -> &Frame {
        match self {
            FrameRef::Borrowed(frame) => frame,
            FrameRef::Owned(frame) => frame,
        }
    }
}

/// The frames of one stretch, innermost first.
pub(crate) struct Stretch<'a> {
    core: &'a StoreCore,
    next: Next,
    ctx: *mut Ctx,
    return_slot: *mut u64,
    callee: *mut u64,
    crossings: u32,
}

/// Where the next frame is.
#[derive(Clone, Copy)]
enum Next {
    End,
    /// Cell, frame, and whether it is a return cell.
    Cell(*const Cell, *mut u64, bool),
    /// On the native stack.
    Native(Cursor),
}

impl<'a> Stretch<'a> {
    pub(crate) fn new(core: &'a StoreCore, position: Position) -> Stretch<'a> {
        let mut stretch = Stretch {
            core,
            next: Next::End,
            ctx: std::ptr::null_mut(),
            return_slot: std::ptr::null_mut(),
            callee: std::ptr::null_mut(),
            crossings: 0,
        };
        match position {
            Position::Code { pc, fp, ctx } => {
                stretch.next = Next::Cell(pc, fp, false);
                stretch.ctx = ctx;
            }
            Position::Returning {
                pc,
                fp,
                ctx,
                callee,
            } => {
                stretch.next = Next::Cell(pc, fp, true);
                stretch.ctx = ctx;
                stretch.callee = callee;
            }
            Position::Host { record, fp, ctx } => {
                stretch.ctx = ctx;
                // SAFETY: the record and the frame of a host call that is running.
                unsafe { stretch.follow(fp, fp.add((*record).header as usize)) }
            }
            Position::Native { cursor, ctx } => {
                stretch.next = Next::Native(cursor);
                stretch.ctx = ctx;
            }
        }
        stretch
    }

    /// Goes to the caller, by the callee's header.
    ///
    /// # Safety
    /// `callee` must be a live frame that runs in `self.ctx`, with its header there.
    unsafe fn follow(&mut self, callee: *mut u64, header: *mut u64) {
        self.callee = callee;
        // SAFETY: headers of live frames are intact; bridges are as `control::bridge` makes them.
        unsafe {
            let mut header = header;
            let mut pc = *header as *const Cell;
            let mut fp = *header.add(1) as *mut u64;
            if pc == &raw const BRIDGE_RETURN {
                const { assert!(BRIDGE_SLOTS == 4) };
                self.ctx = *fp.add(2) as *mut Ctx;
                header = fp;
                self.callee = fp;
                pc = *header as *const Cell;
                fp = *header.add(1) as *mut u64;
            }
            self.return_slot = header;
            self.next = if pc == &raw const LEAVE {
                Next::End
            } else if pc == &raw const LEAVE_TO_NATIVE {
                self.crossings += 1;
                Next::Native(Cursor::at_link(fp as *const Link))
            } else {
                Next::Cell(pc, fp, true)
            };
        }
    }

    /// The frame at a cell.
    fn interpreted(&mut self, pc: *const Cell, fp: *mut u64, returning: bool) -> Option<Frame> {
        let range = self.core.code_map.find(pc)?.clone();
        let cell = range.index_of(pc);
        let func = match range.private {
            Some(func) => func,
            None => self.core.instance_of(self.ctx)?.func_id(range.func_index),
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
            ctx: self.ctx,
            return_slot: self.return_slot,
            cursor: None,
            native: None,
            crossings: self.crossings,
            callee: self.callee,
        };
        let header = fp.wrapping_add(frame.range.code.header as usize);
        // SAFETY: the frame is live, so its header is intact.
        unsafe { self.follow(fp, header) };
        Some(frame)
    }

    /// The next frame from a place on the native stack.
    ///
    /// # Safety
    /// The frames there are live.
    unsafe fn compiled(&mut self, mut cursor: Cursor) -> Option<Frame> {
        loop {
            if cursor.pc == stubs::entered() {
                // SAFETY: the frame of `enter`, which has the activation's address there.
                unsafe {
                    let at = *((cursor.fp - ACTIVATION_BELOW) as *const *mut Activation);
                    self.ctx = (*at).ctx;
                    self.crossings += 1;
                    self.follow((*at).fp, (&raw mut (*at).back).cast());
                }
                return self.next();
            }
            if cursor.pc == stubs::returned() {
                let pending = self.core.native.pending.get(&cursor.fp)?.clone();
                // SAFETY: a live frame.
                self.next = Next::Native(unsafe { cursor.outwards(&pending.code) });
                return Some(Frame {
                    func: self
                        .core
                        .instance_of(pending.ctx)?
                        .func_id(pending.range.func_index),
                    range: pending.range,
                    place: pending.place,
                    fp: pending.fp,
                    ctx: pending.ctx,
                    return_slot: std::ptr::null_mut(),
                    cursor: Some(cursor),
                    native: None,
                    crossings: self.crossings,
                    callee: pending.callee,
                });
            }
            let code = self.core.native.find(cursor.pc)?;
            // SAFETY: as above.
            let outer = unsafe { cursor.outwards(code) };
            match code.role.func() {
                Some(index) => {
                    let code = code.clone();
                    // SAFETY: as above.
                    let frame =
                        unsafe { self.native_frame(index, NativeFrame::new(cursor, code), outer) };
                    self.next = Next::Native(outer);
                    return frame;
                }
                None => cursor = outer,
            }
        }
    }

    /// # Safety
    /// The frame is live, and `outer` where its caller stands.
    unsafe fn native_frame(&self, index: u32, native: NativeFrame, outer: Cursor) -> Option<Frame> {
        let data = self.core.instance_of(self.ctx)?;
        let func = data.func_id(index);
        let private = match native.code.watch {
            Some(_) => self.core.probes.private.get(&func),
            None => None,
        };
        let range = match private {
            Some(private) => private.range(),
            None => {
                let code = data.module.inner.code(&data.module, index, Mode::Plain);
                let code = code.ok()?;
                CodeRange {
                    cells: code.cells.as_ptr(),
                    func_index: index,
                    private: None,
                    code,
                }
            }
        };
        let code = &range.code;
        // SAFETY: by contract.
        let fp = unsafe {
            match native.value_fp() {
                Some(fp) => fp,
                None => self.core.callee_of(outer)?,
            }
        };
        let (place, callee) = match native.site() {
            None => {
                let pc = native.code.wasm_pc(native.cursor.pc);
                (Place::At(range.operator(pc)), std::ptr::null_mut())
            }
            Some(site) => match site.kind {
                SiteKind::Call { base, .. } => (
                    Place::Returning(code.cell_behind(site.pc)),
                    fp.wrapping_add(base as usize),
                ),
                SiteKind::Slow { .. } | SiteKind::Throw { .. } | SiteKind::Poll => {
                    (Place::At(range.operator(site.pc)), std::ptr::null_mut())
                }
                SiteKind::Probe { cell } => (Place::At(cell as usize), std::ptr::null_mut()),
            },
        };
        Some(Frame {
            func,
            range,
            place,
            fp,
            ctx: self.ctx,
            return_slot: std::ptr::null_mut(),
            cursor: Some(native.cursor),
            native: Some(Box::new(native)),
            crossings: self.crossings,
            callee,
        })
    }
}

impl Iterator for Stretch<'_> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        match std::mem::replace(&mut self.next, Next::End) {
            Next::End => None,
            Next::Cell(pc, fp, returning) => self.interpreted(pc, fp, returning),
            // SAFETY: positions are those of suspended code, whose frames are live.
            Next::Native(cursor) => unsafe { self.compiled(cursor) },
        }
    }
}

impl StoreCore {
    /// Guest code is suspended here from now on.
    #[inline(always)]
    pub(crate) fn note_position(&mut self, position: Position) {
        self.positions.reserve(1);
        let len = self.positions.len();
        // In place: through the stack it would be copied faster than it can be read again.
        self.positions.spare_capacity_mut()[0].write(position);
        // SAFETY: there is room, and the element has been written.
        unsafe { self.positions.set_len(len + 1) };
    }

    /// All Wasm frames, innermost first.
    pub(crate) fn frames(&self) -> impl Iterator<Item = Frame> {
        self.positions
            .iter()
            .rev()
            .flat_map(|&position| Stretch::new(self, position))
    }

    /// First slot of what is called at a place on the native stack.
    ///
    /// # Safety
    /// The frames there are live.
    pub(crate) unsafe fn callee_of(&self, mut cursor: Cursor) -> Option<*mut u64> {
        loop {
            if cursor.pc == stubs::entered() {
                // SAFETY: as in `compiled`.
                return Some(unsafe {
                    let at = *((cursor.fp - ACTIVATION_BELOW) as *const *mut Activation);
                    (*at).fp
                });
            }
            if cursor.pc == stubs::returned() {
                return Some(self.native.pending.get(&cursor.fp)?.callee);
            }
            let code: &Arc<NativeCode> = self.native.find(cursor.pc)?;
            if code.role.func().is_none() {
                // SAFETY: by contract.
                cursor = unsafe { cursor.outwards(code) };
                continue;
            }
            let native = NativeFrame::new(cursor, code.clone());
            let SiteKind::Call { base, .. } = native.site()?.kind else {
                return None;
            };
            // SAFETY: by contract.
            return Some(unsafe { native.value_fp()? }.wrapping_add(base as usize));
        }
    }
}
