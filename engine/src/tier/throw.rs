//! Exceptions that compiled code throws, and those that it catches.
//!
//! The search and the way there are the same for all frames (`runtime::exception`). A compiled frame
//! that catches goes on at a pad of the site where it stands; it has lost nothing but what its callees
//! may change. If it has no pad, or is about to be taken over, it goes on in the interpreter.

use probity_interp::exit;
use probity_interp::layout::Ctx;

use super::code::{Clause, NativeCode, SiteKind};
use super::exits::{Next, outside};
use super::frames::{Cursor, Link};
use crate::error::Error;
use crate::frame::walk::Position;
use crate::runtime::core::{Ending, StoreCore};

/// Throws, by the cell of a `throw` or `throw_ref` whose operands are in slots.
pub(crate) unsafe extern "sysv64" fn throw(
    ctx: *mut Ctx,
    fp: *mut u64,
    _: u64,
    _: u64,
    _: u64,
    link: *const Link,
) -> u64 {
    // SAFETY: assembly passes the link of the code that called, which runs in `ctx`.
    unsafe { outside(ctx, link, |core| core.throw_compiled(ctx, fp, link)) }
}

impl StoreCore {
    /// # Safety
    /// `link` must be that of an exit from a `throw`, in the frame at `fp`.
    unsafe fn throw_compiled(&mut self, ctx: *mut Ctx, fp: *mut u64, link: *const Link) -> Next {
        // SAFETY: by contract; the cell is that of the operator.
        let (cursor, status) = unsafe {
            let frame = self.exit_frame(link);
            let site = frame.site().expect("a site of running code");
            let SiteKind::Throw { cell } = site.kind else {
                unreachable!("the exit is that of a `throw`");
            };
            let index = frame.code.role.func().expect("a function's frame");
            let pc = self.plain_cells(ctx, index).add(cell as usize);
            let cursor = frame.cursor;
            drop(frame);
            let position = Position::Native { cursor, ctx };
            (cursor, self.throw_at(pc, fp, ctx, position))
        };
        let error: Error = match (status, self.ending.take()) {
            (exit::MOVED, _) => return self.go_on_in_catcher(),
            (exit::ELSEWHERE, _) => return Next::Leave(exit::ELSEWHERE),
            (_, Some(Ending::Raised(error))) => error,
            (_, Some(other)) => {
                self.ending = Some(other);
                return Next::Leave(exit::ENGINE);
            }
            (status, None) => crate::runtime::trap_code(status).into(),
        };
        self.raise_at(cursor, ctx, error, false)
    }

    /// The frame that caught an exception is compiled, and in the innermost activation.
    pub(super) fn go_on_in_catcher(&mut self) -> Next {
        let Some((cursor, code, clause)) = self.native.catcher.take() else {
            unreachable!("a frame caught the exception");
        };
        match self.land(cursor, &code, clause) {
            Some(next) => next,
            None => self.give_to_interpreter(cursor, &code, exit::MOVED, false),
        }
    }

    /// Goes on in a compiled frame where it catches, if it can.
    fn land(&mut self, cursor: Cursor, code: &NativeCode, clause: Clause) -> Option<Next> {
        if self.native.pending.contains_key(&cursor.fp) {
            return None;
        }
        let site = code.site(cursor.pc)?;
        let pad = code.pad_of(site, clause)?;
        // Frames inside it are gone.
        self.native.pending = self.native.pending.split_off(&cursor.fp);
        self.hand_all_fuel();
        let sp = cursor.fp - site.frame_offset as usize;
        Some(Next::Land(cursor.fp, sp, cursor.saved, pad))
    }
}
