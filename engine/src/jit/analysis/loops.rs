//! Loops: how they lie in each other, what is in them, and which ones poll.
//!
//! Each cycle needs a check: a call that checks, or a loop header that polls *each time control comes
//! to it*, be it from above or from a branch back. Inner loops are decided first, so that a loop
//! around a loop that polls on every way round needs no poll.
//!
//! A loop needs a poll if one of the branches back to it can be reached from its header without a
//! check. Loops have no entry but their header, so if the header of a loop reaches an operator inside
//! without a check, those of the loops in between do so too. All loops that reach an operator are
//! thus known by one number, the smallest depth among them; one walk in program order finds it for
//! each label, as the minimum over the branches to it.
//!
//! Whether a loop polls is known at its end. If it does, whatever comes from inside has passed a
//! check, and what it has added to labels outside (they may be those of loops around it) is undone: a
//! journal has the former numbers. An entry is undone once at most, so all of it is linear.

use wasmparser::Operator;

use super::access::Accesses;
use super::flow::{Flow, Graph, NONE, flow, for_each_label};
use super::is_call;
use super::local_set::LocalSet;

/// About a loop.
#[derive(Clone, Debug)]
pub(crate) struct LoopInfo {
    /// Position of the `loop` operator.
    pub(crate) op: usize,
    /// Position of its `end`.
    pub(crate) end: usize,
    /// Whether there is no loop inside.
    pub(crate) innermost: bool,
    /// 1 for a loop in no other.
    pub(crate) depth: u32,
    /// Position of the `loop` operator of the loop around it.
    pub(crate) parent: Option<usize>,
    /// Whether control may come to it at all.
    pub(crate) reachable: bool,
    /// Whether its header must poll.
    pub(crate) polls: bool,
    /// Whether there is a call inside, of any kind.
    pub(crate) has_call: bool,
    /// Whether there is a place inside, or the header itself, where control may leave to the engine:
    /// a call, an operator that was asked for, or a poll. Reachable or not.
    pub(crate) has_site: bool,
    /// Whether bytes of a memory are copied or filled inside: such instructions take long and cannot
    /// be interrupted, so that a thread might never be found elsewhere.
    pub(crate) has_bulk: bool,
    /// Locals written inside.
    pub(crate) assigned: LocalSet,
}

/// The loops of a function in program order, so outer before inner ones.
pub(super) fn find(
    ops: &[(Operator<'_>, u32)],
    graph: &Graph,
    accesses: &Accesses,
    checks: &dyn Fn(u32) -> bool,
    wants: &dyn Fn(&Operator<'_>) -> bool,
) -> Vec<LoopInfo> {
    let mut walk = Walk {
        graph,
        checks,
        frames: Vec::new(),
        journal: Vec::new(),
        loops: Vec::new(),
        around: Vec::new(),
        innermost: NONE,
        depth: 0,
        here: NONE,
    };
    walk.open(Flow::Block);
    // The innermost loop around each operator.
    let mut loop_of = Vec::with_capacity(ops.len());
    for (i, (op, _)) in ops.iter().enumerate() {
        loop_of.push(walk.innermost);
        if let Some(inside) = walk.loops.get_mut(walk.innermost as usize) {
            inside.has_call |= is_call(op);
            inside.has_site |= is_call(op) || wants(op);
            inside.has_bulk |= is_bulk(op);
        }
        walk.operator(i, op);
    }
    let (mut loops, around) = (walk.loops, walk.around);
    for inner in (0..loops.len()).rev() {
        loops[inner].has_site |= loops[inner].polls;
        let LoopInfo {
            has_call,
            has_site,
            has_bulk,
            ..
        } = loops[inner];
        if let Some(outer) = loops.get_mut(around[inner] as usize) {
            outer.has_call |= has_call;
            outer.has_site |= has_site;
            outer.has_bulk |= has_bulk;
        }
    }
    let mut written = vec![0; loops.len()];
    for (chunk, accesses) in accesses.chunks().enumerate() {
        written.fill(0);
        for access in accesses.iter().filter(|access| access.writes) {
            if let Some(word) = written.get_mut(loop_of[access.op()] as usize) {
                *word |= access.bit();
            }
        }
        for inner in (0..loops.len()).rev() {
            let word = written[inner];
            if let Some(outer) = written.get_mut(around[inner] as usize) {
                *outer |= word;
            }
            loops[inner].assigned.push(chunk, word);
        }
    }
    loops
}

fn is_bulk(op: &Operator<'_>) -> bool {
    matches!(
        op,
        Operator::MemoryCopy { .. } | Operator::MemoryFill { .. }
    )
}

/// The smallest depth of the loops whose headers reach a place without a check, or `NONE`. A depth
/// beyond that of the place is of loops that are closed, and as good as none: it is more than the
/// depth of any loop around, and the next header makes it its own.
type Reached = u32;

/// A structured operator that is open.
struct Frame {
    flow: Flow,
    /// At its label: over all branches to it so far.
    label: Reached,
    /// Of an `if` without `else` so far: at its condition.
    otherwise: Reached,
    /// Length of the journal when it was opened.
    journal: usize,
}

struct Walk<'a> {
    graph: &'a Graph,
    checks: &'a dyn Fn(u32) -> bool,
    frames: Vec<Frame>,
    /// Positions of frames whose labels were changed, and what they had.
    journal: Vec<(usize, Reached)>,
    loops: Vec<LoopInfo>,
    /// The loop around each, or `NONE`.
    around: Vec<u32>,
    /// The innermost loop that is open, or `NONE`.
    innermost: u32,
    /// Number of loops that are open.
    depth: u32,
    /// At the operator; `NONE` too if it cannot be reached.
    here: Reached,
}

impl Walk<'_> {
    fn open(&mut self, flow: Flow) {
        self.frames.push(Frame {
            flow,
            label: NONE,
            otherwise: NONE,
            journal: self.journal.len(),
        });
    }

    /// Adds an edge from the operator to a label.
    fn join(&mut self, depth: u32) {
        let position = self.frames.len() - 1 - depth as usize;
        let label = &mut self.frames[position].label;
        if self.here < *label {
            self.journal.push((position, *label));
            *label = self.here;
        }
    }

    fn operator(&mut self, i: usize, op: &Operator<'_>) {
        for_each_label(op, |depth| self.join(depth));
        match flow(op) {
            Flow::Next => {
                if let Operator::Call { function_index } = *op
                    && (self.checks)(function_index)
                {
                    self.here = NONE;
                }
            }
            Flow::Branch => {}
            Flow::Leave => self.here = NONE,
            // What throws inside is not reached from more headers than the `try_table` is.
            Flow::Block | Flow::Try => self.open(Flow::Block),
            Flow::Loop => self.begin_loop(i),
            Flow::If => {
                self.open(Flow::If);
                self.frames.last_mut().expect("just opened").otherwise = self.here;
            }
            Flow::Else => {
                self.join(0);
                let frame = self.frames.last_mut().expect("an `if` is open");
                self.here = std::mem::replace(&mut frame.otherwise, NONE);
            }
            Flow::End => {
                let frame = self.frames.pop().expect("something is open");
                match frame.flow {
                    Flow::Loop => self.end_loop(&frame, i),
                    _ => self.here = self.here.min(frame.label).min(frame.otherwise),
                }
            }
        }
    }

    fn begin_loop(&mut self, op: usize) {
        self.open(Flow::Loop);
        self.depth += 1;
        self.here = self.here.min(self.depth);
        let parent = self.loops.get_mut(self.innermost as usize);
        let parent = parent.map(|parent| {
            parent.innermost = false;
            parent.op
        });
        self.loops.push(LoopInfo {
            op,
            end: op,
            innermost: true,
            depth: self.depth,
            parent,
            reachable: self.graph.is_reachable(op),
            polls: false,
            has_call: false,
            has_site: false,
            has_bulk: false,
            assigned: LocalSet::default(),
        });
        self.around.push(self.innermost);
        self.innermost = self.loops.len() as u32 - 1;
    }

    /// Decides whether the loop polls.
    fn end_loop(&mut self, frame: &Frame, end: usize) {
        let index = self.innermost as usize;
        let info = &mut self.loops[index];
        info.end = end;
        let cycle = frame.label <= self.depth;
        info.polls = cycle && info.reachable;
        if cycle {
            self.here = NONE;
            for (position, label) in self.journal.drain(frame.journal..).rev() {
                // Frames inside the loop are closed.
                if let Some(outside) = self.frames.get_mut(position) {
                    outside.label = label;
                }
            }
        }
        self.depth -= 1;
        self.innermost = self.around[index];
    }
}
