//! What [`Probes::on_unwind`] tells of a frame, as one value.

use probity_engine::WasmPc;
use probity_engine::hook::Probes;

/// A frame was left, or left a straight line, other than by an operator that
/// did what it does: by a trap, an error of the host, a limit or an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unwind {
    /// Its operator at that time.
    pub pc: WasmPc,
    /// Whether that operator executed (rule `instr.v1`): one that traps,
    /// throws or calls did, one before which a limit ended the run did not.
    pub executed: bool,
    /// Where the frame goes on, if it catches the exception. Otherwise it is
    /// gone.
    pub caught_at: Option<WasmPc>,
}

impl Unwind {
    /// What a callback of `on_unwind` is told, with the pc that it is given.
    pub fn new(probes: &Probes<'_>, pc: WasmPc) -> Unwind {
        Unwind {
            pc,
            executed: !probes.stopped_before(),
            caught_at: probes.caught_at(),
        }
    }
}
