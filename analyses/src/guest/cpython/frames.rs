//! Frames: the calls that are active in a thread, a chain from the innermost one out.

use super::Offsets;
use crate::guest::{GuestError, View};

/// Frames that are walked at most.
pub(super) const FRAMES_MAX: usize = 1 << 16;

/// Interpreters and threads that are looked at.
const LIST_MAX: usize = 1 << 10;

/// From this owner on a frame belongs to the interpreter itself, which it begins and ends calls from C with.
const OWNED_BY_INTERPRETER: u8 = 3;

/// References have marks in their lowest bits; objects are aligned.
const MARKS: u32 = 3;

/// A frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Where it is.
    pub address: u32,
    /// Its caller's frame; 0 if there is none.
    pub previous: u32,
    /// Address of its code object; 0 for frames of the interpreter itself.
    pub code: u32,
    /// The instruction that it is at.
    pub instruction: u32,
}

impl Frame {
    /// Reads the frame at an address.
    pub fn read(memory: View<'_>, at: &Offsets, address: u32) -> Result<Frame, GuestError> {
        const WHAT: &str = "a frame";
        let field = |offset| memory.pointer(WHAT, address, offset);
        let owner = memory.u8(WHAT, u64::from(address) + u64::from(at.owner))?;
        let code = field(at.executable)? & !MARKS;
        Ok(Frame {
            address,
            previous: field(at.previous)?,
            code: if owner < OWNED_BY_INTERPRETER {
                code
            } else {
                0
            },
            instruction: field(at.instr_ptr)?,
        })
    }
}

/// The innermost frame of the thread that runs; 0 if none does.
pub(super) fn innermost(memory: View<'_>, at: &Offsets) -> Result<u32, GuestError> {
    let mut interpreter = memory.pointer("the runtime", at.runtime, at.interpreters_head)?;
    for _ in 0..LIST_MAX {
        if interpreter == 0 {
            return Ok(0);
        }
        let mut thread = memory.pointer("an interpreter", interpreter, at.threads_head)?;
        let mut threads = 0;
        while thread != 0 {
            let frame = memory.pointer("a thread", thread, at.current_frame)?;
            if frame != 0 {
                return Ok(frame);
            }
            thread = memory.pointer("a thread", thread, at.thread_next)?;
            threads += 1;
            if threads > LIST_MAX {
                return Err(GuestError::Cycle("threads"));
            }
        }
        interpreter = memory.pointer("an interpreter", interpreter, at.interpreter_next)?;
    }
    Err(GuestError::Cycle("interpreters"))
}

/// Frames from an address outwards, those of the interpreter itself left out; and why there are no more, if it is not that the
/// last one has no caller.
pub(super) fn walk(
    memory: View<'_>,
    at: &Offsets,
    innermost: u32,
) -> (Vec<Frame>, Option<GuestError>) {
    let mut frames = Vec::new();
    let mut address = innermost;
    // Brent's way to find a circle: an address that is remembered, each time for twice as long.
    let (mut mark, mut steps, mut limit) = (0, 0usize, 1usize);
    for _ in 0..FRAMES_MAX {
        if address == 0 {
            return (frames, None);
        }
        if address == mark {
            return (frames, Some(GuestError::Cycle("frames")));
        }
        steps += 1;
        if steps == limit {
            (mark, steps, limit) = (address, 0, limit * 2);
        }
        match Frame::read(memory, at, address) {
            Ok(frame) => {
                if frame.code != 0 {
                    frames.push(frame);
                }
                address = frame.previous;
            }
            Err(error) => return (frames, Some(error)),
        }
    }
    (frames, Some(GuestError::TooLong("the stack")))
}
