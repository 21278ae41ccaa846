//! What a probe can read of the frames below it, as numbers that must be the same in every run; and
//! writes that must change nothing.

use probity_engine::hook::{ExitReason, FrameAccessor, ProbeContext};
use probity_engine::{AsContext, Val};

use crate::probity::from_val;
use crate::rng::mix;

/// Frames outside the innermost one that are read.
const FRAMES: usize = 3;

/// What was read at a fire; `None` for what need not be known there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Look {
    /// Hash of the frame's operands.
    pub operands: Option<u64>,
    /// Hash of the frame's locals; unknown if one of them is optimised out.
    pub locals: Option<u64>,
    /// Hash of the depth of the stack, and of functions, pcs and operands of the frames outside.
    pub stack: Option<u64>,
}

impl Look {
    /// What is known on both sides and differs.
    pub fn difference(&self, other: &Look) -> Option<&'static str> {
        let differ = |a: Option<u64>, b: Option<u64>| a.is_some() && b.is_some() && a != b;
        if differ(self.operands, other.operands) {
            Some("operands")
        } else if differ(self.locals, other.locals) {
            Some("locals")
        } else if differ(self.stack, other.stack) {
            Some("frames")
        } else {
            None
        }
    }
}

/// Reads all that can be read.
pub fn look(context: &mut ProbeContext<'_>) -> Look {
    let (operands, locals) = read(context, 0).unwrap_or((0, None));
    let mut stack = mix(context.depth() as u64 ^ u64::from(context.pc().0) << 32);
    for n in 1..=FRAMES {
        let Some((operands, _)) = read(context, n) else {
            break;
        };
        stack = mix(stack ^ operands);
    }
    match context.exit_reason() {
        // A frame that is unwound is not whole in every tier.
        Some(ExitReason::Trap | ExitReason::Exception) => Look::default(),
        _ => Look {
            operands: Some(operands),
            locals,
            stack: Some(stack),
        },
    }
}

/// Hashes of the operands, and of the locals if all are there, of the `n`-th frame.
fn read(context: &mut ProbeContext<'_>, n: usize) -> Option<(u64, Option<u64>)> {
    let frame = context.frame_at(n)?;
    let place = u64::from(frame.func_index()) << 32 | u64::from(frame.pc().0);
    let operands: Vec<Val> = (0..frame.num_operands())
        .filter_map(|i| frame.operand(i))
        .collect();
    let locals: Option<Vec<Val>> = (0..frame.num_locals()).map(|i| frame.local(i)).collect();
    let locals = locals.map(|locals| hash(context, mix(place), &locals));
    Some((hash(context, mix(!place), &operands), locals))
}

fn hash(store: &impl AsContext, seed: u64, vals: &[Val]) -> u64 {
    vals.iter()
        .fold(seed, |hash, val| mix(hash ^ from_val(store, val, 0).word()))
}

/// The topmost operand, if it is an `i32`.
pub fn top_i32(context: &mut ProbeContext<'_>) -> Option<u32> {
    match context.frame().top(0) {
        Some(Val::I32(v)) => Some(v as u32),
        _ => None,
    }
}

/// Writes a local or operand of a frame, which `choice` says, with the value that it has; with
/// `wrong`, another one. Whether something was written.
///
/// # Errors
/// The engine refuses it.
pub fn write_back(
    context: &mut ProbeContext<'_>,
    choice: u64,
    wrong: bool,
) -> Result<bool, String> {
    let frame = (choice % 4 / 3) as usize;
    let Some(mut frame) = context.frame_at(frame) else {
        return Ok(false);
    };
    let pick = |n: u32| (choice >> 8) as u32 % n.max(1);
    let operand = choice & 0x80 != 0 && frame.num_operands() > 0;
    let (at, val) = match operand {
        true => (
            pick(frame.num_operands()),
            frame.operand(pick(frame.num_operands())),
        ),
        false => (
            pick(frame.num_locals()),
            frame.local(pick(frame.num_locals())),
        ),
    };
    let Some(val) = val else {
        return Ok(false);
    };
    let val = match val {
        Val::I32(v) if wrong => Val::I32(v ^ 1),
        val => val,
    };
    write(&mut frame, operand, at, val).map(|()| true)
}

fn write(frame: &mut FrameAccessor<'_>, operand: bool, at: u32, val: Val) -> Result<(), String> {
    let done = match operand {
        true => frame.set_operand(at, val),
        false => frame.set_local(at, val),
    };
    let what = if operand { "operand" } else { "local" };
    done.map_err(|error| format!("write of {what} {at} refused: {error}"))
}
