//! Between the tiers: compiled code and the interpreter call each other, and frames move from one
//! to the other while they run.
//!
//! Wasm code that calls Wasm code in the same tier stays there. A call from one tier to the other
//! is a native call: interpreted code runs a compiled function in an *activation*
//! ([`enter`]), compiled code calls the interpreter through an exit ([`exits`]). A compiled frame
//! that cannot go on (its function is watched now, it polls) is given to the interpreter, lazily by
//! its return address ([`deopt`]): if it is the outermost of its activation, the activation ends and
//! the interpreter goes on where it had called it; otherwise the interpreter runs in the frame's place
//! and returns to its compiled caller. Neither way nests.

pub(crate) mod code;
pub(crate) mod deopt;
pub(crate) mod enter;
#[cfg(jit)]
pub(crate) mod exits;
pub(crate) mod frames;
pub(crate) mod install;
pub(crate) mod policy;
#[cfg(jit)]
pub(crate) mod throw;
pub(crate) mod watch;

use std::cell::Cell as ThreadCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use probity_interp::layout::{Cell, Ctx};

use self::code::{Clause, NativeCode, ResultKind};
use self::frames::{Cursor, Saved};
use self::watch::Watched;
use crate::frame::code_map::CodeRange;
use crate::frame::walk::{Place, Position};
use crate::runtime::core::StoreCore;
use crate::sys::region::Region;

/// A run of compiled code that interpreted code has entered; lives on the native stack.
#[repr(C)]
pub(crate) struct Activation {
    /// Frame pointer of the routine that entered.
    pub(crate) frame: usize,
    /// Return cell and caller's frame of the outermost compiled frame, as in a header.
    pub(crate) back: [u64; 2],
    /// Where that is to be when the activation ends: after a tail call, another function's frame may
    /// be there.
    header: *mut u64,
    /// The outermost frame on the value stack.
    pub(crate) fp: *mut u64,
    pub(crate) ctx: *mut Ctx,
    /// The activation outside of it, of any store.
    outer: *mut Activation,
    /// End of the native stack when it began.
    stack: usize,
}

/// The activation is this far below the frame pointer of the routine that entered.
pub(crate) const ACTIVATION_BELOW: usize = 48;

/// Registers where compiled code returned to a frame that the interpreter takes over.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Registers {
    pub(crate) saved: Saved,
    /// Integer result.
    pub(crate) result: u64,
    /// Float or vector result.
    pub(crate) vector: u128,
}

/// A frame of compiled code that the interpreter will take over when control returns to it.
#[derive(Clone)]
pub(crate) struct Pending {
    /// The return address that was there.
    pub(crate) pc: usize,
    pub(crate) code: Arc<NativeCode>,
    pub(crate) fp: *mut u64,
    pub(crate) ctx: *mut Ctx,
    /// Where the interpreter goes on.
    pub(crate) range: CodeRange,
    pub(crate) place: Place,
    /// The callee's first slot, where the result goes.
    pub(crate) callee: *mut u64,
    pub(crate) result: ResultKind,
    /// It stands behind the probes of its cell.
    pub(crate) fired: bool,
}

/// What a store knows of compiled code.
#[derive(Default)]
pub(crate) struct NativeState {
    /// By address; twice if it has a twin.
    pub(crate) code: BTreeMap<usize, Arc<NativeCode>>,
    /// By native frame pointer.
    pub(crate) pending: BTreeMap<usize, Pending>,
    stack: Option<Region>,
    /// The innermost exit that runs code of the host: nothing below it is in use by compiled code.
    pub(crate) exit_low: Option<usize>,
    /// How many boundaries between tiers are still to be left until the frame that goes on.
    pub(crate) crossings: u32,
    /// The frame that goes on, if it is a compiled one, and by which clause.
    pub(crate) catcher: Option<(Cursor, Arc<NativeCode>, Clause)>,
    /// How often interpreted functions and loops were found running.
    pub(crate) samples: HashMap<u32, u32>,
    pub(crate) loops: HashMap<(u32, u32), u32>,
    /// When the last sample was.
    pub(crate) sampled_at: Option<Instant>,
    /// Code of watched functions.
    pub(crate) watched: HashMap<u32, Watched>,
    /// How often the probes of functions have changed after they had been compiled.
    pub(crate) changes: HashMap<u32, u32>,
    /// Frames that have left compiled code without all locals: their first slot, and the function.
    pub(crate) partial: HashMap<usize, u32>,
    /// Addresses of code that is not to be run any more.
    pub(crate) retired: Vec<usize>,
    /// By function, how often compiled code has called it while it was not compiled, and how often it is
    /// to before it is; 0 if that is not known.
    pub(crate) calls_out: Vec<(u32, u32)>,
    /// Where compiled code stands that runs an instruction in the engine.
    pub(crate) at_op: Option<Cursor>,
    /// Compiled code counts fuel.
    pub(crate) counted: bool,
    pub(crate) stats: TierStats,
}

/// How often a store has changed between the tiers.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierStats {
    /// Calls of compiled functions by interpreted code or the host.
    pub compiled_entries: u64,
    /// Entries into compiled code of a loop whose frame was interpreted.
    pub osr_entries: u64,
    /// Compiled frames that went on in the interpreter.
    pub takeovers: u64,
    /// Pieces of machine code that the store keeps.
    pub code_kept: u64,
}

impl NativeState {
    pub(crate) fn new(counted: bool) -> NativeState {
        NativeState {
            counted,
            ..NativeState::default()
        }
    }

    pub(crate) fn stats(&self) -> TierStats {
        TierStats {
            code_kept: self.pieces(),
            ..self.stats
        }
    }

    pub(crate) fn find(&self, pc: usize) -> Option<&Arc<NativeCode>> {
        let (base, code) = self.code.range(..=pc).next_back()?;
        // A call may be the last instruction.
        (pc <= base + code.len).then_some(code)
    }

    fn pieces(&self) -> u64 {
        let code = self.code.iter();
        code.filter(|(base, code)| **base == code.base as usize)
            .count() as u64
    }
}

impl StoreCore {
    /// Where an instruction of the engine runs.
    pub(crate) fn position_of_op(&self, pc: *const Cell, fp: *mut u64, ctx: *mut Ctx) -> Position {
        match self.native.at_op {
            Some(cursor) => Position::Native { cursor, ctx },
            None => Position::Code { pc, fp, ctx },
        }
    }
}

thread_local! {
    /// The innermost activation of this thread.
    static CURRENT: ThreadCell<*mut Activation> = const { ThreadCell::new(std::ptr::null_mut()) };
}
