//! The label stack behind [`crate::cfg`]: resolves forward branches and finds
//! the operators that begin a straight line. Linear in the size of the body.

use crate::cfg::Loop;

/// Where a branch to a label lands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// On the operator that opened it (`loop`).
    Start,
    /// On its `end`.
    End,
}

struct Frame {
    target: Target,
    start: u32,
    /// The `if` whose false side has no place to go yet.
    pending_if: bool,
    is_if: bool,
    /// Operators that continue at the `end`.
    to_end: Vec<u32>,
    /// `try_table`s, what is thrown in which may continue at the `end`.
    caught: Vec<u32>,
    /// Index in `loops`, for a loop.
    loop_index: Option<u32>,
    /// Labels, counted from outside this frame, that catch what is thrown
    /// inside it.
    catches: Vec<u32>,
    /// Whether an operator inside may throw.
    throws: bool,
    /// Weight of what follows the frame.
    weight: u64,
}

/// State of one pass over a body.
pub(crate) struct Scan {
    at: u32,
    len: u32,
    frames: Vec<Frame>,
    enclosing_loop: Option<u32>,
    weight: u64,
    /// Whether an operator begins a block, by index; one slot more than there
    /// are operators.
    pub leaders: Vec<bool>,
    pub weights: Vec<u64>,
    /// (from, to) of every transfer that is no fall-through.
    pub jumps: Vec<(u32, u32)>,
    /// (`try_table`, landing) of every way that an exception may take.
    pub catches: Vec<(u32, u32)>,
    /// Operators behind which control does not go on, ascending.
    pub stops: Vec<u32>,
    /// Those among them that leave the function, ascending.
    pub leaves: Vec<u32>,
    pub loops: Vec<Loop>,
}

/// Weight of code outside loops and arms; halved for each arm.
const BASE_WEIGHT: u64 = 1 << 20;

impl Scan {
    pub fn new(len: usize) -> Scan {
        let mut scan = Scan {
            at: 0,
            len: len as u32,
            frames: Vec::new(),
            enclosing_loop: None,
            weight: BASE_WEIGHT,
            leaders: vec![false; len + 1],
            weights: vec![BASE_WEIGHT; len],
            jumps: Vec::new(),
            catches: Vec::new(),
            stops: Vec::new(),
            leaves: Vec::new(),
            loops: Vec::new(),
        };
        scan.leaders[0] = true;
        // The function's own label.
        scan.open(Target::End, false);
        scan
    }

    pub fn len(&self) -> u32 {
        self.len
    }

    /// Goes on to the next operator.
    pub fn next(&mut self) {
        self.at += 1;
    }

    /// The operator opens a label; `is_if` if it also chooses an arm.
    pub fn open(&mut self, target: Target, is_if: bool) {
        let outside = self.weight;
        self.note_weight();
        let mut loop_index = None;
        if target == Target::Start {
            self.weight = self.weight.saturating_mul(16);
            self.leaders[self.at as usize] = true;
            self.note_weight();
            let parent = self.enclosing_loop;
            let depth = parent.map_or(1, |parent| self.loops[parent as usize].depth + 1);
            self.loops.push(Loop {
                header: self.at,
                end: self.len.saturating_sub(1),
                depth,
                parent,
            });
            loop_index = Some(self.loops.len() as u32 - 1);
            self.enclosing_loop = loop_index;
        }
        if is_if {
            self.weight = (self.weight / 2).max(1);
        }
        self.frames.push(Frame {
            target,
            start: self.at,
            pending_if: is_if,
            is_if,
            to_end: Vec::new(),
            caught: Vec::new(),
            loop_index,
            catches: Vec::new(),
            throws: false,
            weight: outside,
        });
    }

    /// The operator is a `try_table` with these catch labels.
    pub fn open_try(&mut self, catches: Vec<u32>) {
        self.open(Target::End, false);
        if let Some(frame) = self.frames.last_mut() {
            frame.catches = catches;
        }
    }

    /// The operator is an `else`: the true arm ends with a jump to the `end`.
    pub fn else_(&mut self) {
        self.note_weight();
        let at = self.at;
        if let Some(frame) = self.frames.last_mut() {
            frame.to_end.push(at);
            if std::mem::take(&mut frame.pending_if) {
                self.jumps.push((frame.start, at + 1));
            }
        }
        self.stops.push(at);
        self.split();
    }

    /// The operator is an `end`.
    pub fn close(&mut self) {
        let at = self.at;
        let Some(mut frame) = self.frames.pop() else {
            return;
        };
        if frame.pending_if {
            frame.to_end.push(frame.start);
        }
        self.weight = frame.weight;
        if frame.throws {
            self.throws();
            for label in std::mem::take(&mut frame.catches) {
                self.catch(frame.start, label);
            }
        }
        if !frame.to_end.is_empty() || !frame.caught.is_empty() || frame.is_if {
            self.leaders[at as usize] = true;
        }
        self.note_weight();
        let lands = |from: &u32| (*from, at);
        self.jumps.extend(frame.to_end.iter().map(lands));
        self.catches.extend(frame.caught.iter().map(lands));
        if let Some(index) = frame.loop_index {
            self.loops[index as usize].end = at;
            self.enclosing_loop = self.loops[index as usize].parent;
        }
    }

    /// The frame that a label names.
    fn label(&mut self, depth: u32) -> Option<&mut Frame> {
        let index = self.frames.len().checked_sub(1 + depth as usize)?;
        self.frames.get_mut(index)
    }

    /// The operator may continue at a label.
    pub fn branch(&mut self, depth: u32) {
        let at = self.at;
        let Some(frame) = self.label(depth) else {
            return;
        };
        match frame.target {
            Target::Start => {
                let start = frame.start;
                self.jumps.push((at, start));
            }
            Target::End => frame.to_end.push(at),
        }
    }

    /// What is thrown inside the `try_table` at `start`, whose frame is gone,
    /// may continue at a label.
    fn catch(&mut self, start: u32, label: u32) {
        let Some(frame) = self.label(label) else {
            return;
        };
        match frame.target {
            Target::Start => {
                let to = frame.start;
                self.catches.push((start, to));
            }
            Target::End => frame.caught.push(start),
        }
    }

    /// The operator may throw.
    pub fn throws(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.throws = true;
        }
    }

    /// Control never goes on behind the operator; `leaves` if it leaves the
    /// function.
    pub fn stop(&mut self, leaves: bool) {
        self.stops.push(self.at);
        if leaves {
            self.leaves.push(self.at);
        }
        self.split();
    }

    /// The next operator begins a block.
    pub fn split(&mut self) {
        let next = self.at as usize + 1;
        if let Some(leader) = self.leaders.get_mut(next) {
            *leader = true;
        }
        if let Some(weight) = self.weights.get_mut(next) {
            *weight = self.weight;
        }
    }

    fn note_weight(&mut self) {
        if let Some(weight) = self.weights.get_mut(self.at as usize) {
            *weight = self.weight;
        }
    }
}
