//! How many traced functions are active, as it follows from events.

use super::model::EventKind;

/// The number of active functions.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Depth(u64);

impl Depth {
    pub fn new(depth: u64) -> Depth {
        Depth(depth)
    }

    /// The depth of an event of this kind, which comes now: a call and the way out of it have the same.
    pub fn of(&mut self, kind: EventKind) -> u64 {
        if kind.leaves() {
            self.0 = self.0.saturating_sub(1);
        }
        let depth = self.0;
        if kind == EventKind::Call {
            self.0 = self.0.saturating_add(1);
        }
        depth
    }

    /// Has the next event, of this kind, be of this depth; gives how many functions are then active before it.
    pub fn set(&mut self, kind: EventKind, depth: u64) -> u64 {
        self.0 = depth.saturating_add(kind.leaves().into());
        self.0
    }
}
