//! Follows a Python program by the interpreter's dispatch: which call, which line.
//!
//! An activation of the interpreter's function runs the calls of Python functions from each other in one loop; what C
//! calls, such as the key of a sort, has an activation of its own further in. So there is a stack of calls for each activation. At
//! a dispatch the frame and the instruction say where the program is: in the same line as at the last one, which compiled code
//! finds out by itself ([`Action::Outside`](probity_engine::hook::Action::Outside)), or somewhere else.
//!
//! What has executed between two readings of the total belongs to the line that was current. Readings are exact as of
//! their own activation; those further out are in the middle of a call, by which a reading is off, but it is off by as much when that
//! activation is entered as when it is left, and both sides belong to the same line.

use probity_engine::hook::Counters;
use rustc_hash::FxHashMap;

use super::allocs::{Allocated, Allocs};
use super::codes::Codes;
use crate::guest::cpython::{CPython, Frame};
use crate::guest::{GuestError, View};

/// More calls along different ways than this are part of their callers.
const NODES_MAX: usize = 1 << 19;

/// Frames between two of the program that have executed nothing.
const BETWEEN_MAX: usize = 16;

/// What executes outside of Python code is in this node, and what calls it.
pub(super) const ROOT: u32 = 0;

/// Calls of a function on one way.
pub(super) struct Node {
    pub parent: u32,
    /// Index in [`Codes::all`]; of no meaning in the root.
    pub code: u32,
    /// Line of the call in its caller; 0 if there is none.
    pub site: u32,
    pub calls: u64,
    /// By line of the code object.
    pub lines: Box<[Line]>,
}

/// What a line has done.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Line {
    pub weight: u64,
    /// Times that control came to it from another line.
    pub hits: u64,
    pub allocated: Allocated,
}

/// A call that is active.
#[derive(Debug, Clone, Copy)]
struct Level {
    frame: u32,
    code: u32,
    /// Address of the first instruction.
    start: u32,
    node: u32,
    /// The current line, as an index of the code object's.
    line: u32,
    /// The current range, as well.
    range: u32,
    /// Whether control has come to no line yet.
    is_new: bool,
}

/// An activation of the interpreter's function.
struct Activation {
    levels: Vec<Level>,
    /// The ranges that were when the next one began.
    ranges: [u64; RANGES],
}

/// Counters of the ranges of two values.
pub(super) const RANGES: usize = 4;

/// What is known of a run.
pub(super) struct Tracker {
    python: CPython,
    /// Whether each way is told apart, or each function has one node.
    by_way: bool,
    /// Whether functions are of interest that are never called.
    with_nested: bool,
    ranges: Counters,
    allocs: Option<Allocs>,
    pub codes: Codes,
    pub nodes: Vec<Node>,
    children: FxHashMap<(u32, u32, u32), u32>,
    /// For each code object, by the range that was left, the range that came last time.
    next: Vec<Box<[u32]>>,
    active: Vec<Activation>,
    /// What is executing: a node, and a line of it.
    row: (u32, u32),
    /// The total when it began.
    last: u64,
    /// What had been allocated then.
    last_allocated: Allocated,
    /// What the total lacks of frames that were unwound.
    correction: u64,
    /// The row of the activation that was left last.
    left: (u32, u32),
    /// Dispatches at which nothing could be read, and why the first.
    pub unreadable: u64,
    pub problem: Option<GuestError>,
    pub is_full: bool,
    /// How often the program was looked at.
    pub samples: u64,
}

impl Tracker {
    pub fn new(
        python: CPython,
        by_way: bool,
        with_nested: bool,
        ranges: Counters,
        allocs: Option<Allocs>,
    ) -> Tracker {
        let root = Node {
            parent: ROOT,
            code: 0,
            site: 0,
            calls: 0,
            lines: Box::new([Line::default()]),
        };
        Tracker {
            python,
            by_way,
            with_nested,
            ranges,
            allocs,
            codes: Codes::default(),
            nodes: vec![root],
            children: FxHashMap::default(),
            next: Vec::new(),
            active: Vec::new(),
            row: (ROOT, 0),
            last: 0,
            last_allocated: Allocated::default(),
            correction: 0,
            left: (ROOT, 0),
            unreadable: 0,
            problem: None,
            is_full: false,
            samples: 0,
        }
    }

    pub fn title(&self) -> String {
        crate::guest::GuestRuntime::title(&self.python)
    }

    /// The interpreter's function is entered.
    pub fn enter(&mut self, total: u64) {
        self.charge(total);
        let mut ranges = [0; RANGES];
        for (i, range) in ranges.iter_mut().enumerate() {
            *range = self.ranges.get(i);
        }
        self.active.push(Activation {
            levels: Vec::new(),
            ranges,
        });
        // Nothing is inside.
        self.set_ranges([0; RANGES]);
    }

    /// It is left, however.
    pub fn leave(&mut self, total: u64) {
        self.charge(total);
        self.left = self.row;
        if let Some(activation) = self.active.pop() {
            self.set_ranges(activation.ranges);
        }
        self.row = self
            .active
            .iter()
            .rev()
            .find_map(current)
            .unwrap_or((ROOT, 0));
    }

    /// The next instruction is at an address, in a frame; one of these or both are not what they were.
    pub fn dispatch(&mut self, memory: &[u8], frame: u32, instruction: u32, total: u64) {
        match self.locate(View::new(memory), frame, instruction) {
            Ok(row) if row != self.row => {
                self.charge(total);
                self.row = row;
            }
            Ok(_) => {}
            Err(error) => {
                self.unreadable += 1;
                self.problem.get_or_insert(error);
            }
        }
    }

    /// The program is looked at: so much is the weight of the line that it is in.
    pub fn sample(&mut self, memory: &[u8], weight: u64) {
        self.samples += 1;
        let (frames, problem) = self.python.frames(memory);
        let mut row = (ROOT, 0);
        // An interpreter whose innermost frame cannot be read is no Python code that is known.
        let mut problem = problem.filter(|_| frames.is_empty());
        let mut site = 0;
        for frame in frames.iter().rev() {
            let offsets = self.python.offsets();
            match self.codes.at(View::new(memory), offsets, frame.code, false) {
                Ok((code, start)) if !self.codes.all[code as usize].is_own() => {
                    let node = self.child(row.0, code, site);
                    let content = &self.codes.all[code as usize];
                    let unit = frame.instruction.wrapping_sub(start) / 2;
                    let range = content.range(unit, 0).map(|at| content.ranges[at]);
                    let line = range.and_then(|(_, _, line)| line);
                    let line = line.unwrap_or(content.first());
                    site = content.lines[line as usize];
                    row = (node, line);
                }
                Ok(_) => {}
                Err(error) => problem = Some(error),
            }
        }
        if let Some(error) = problem {
            self.unreadable += 1;
            self.problem.get_or_insert(error);
        }
        add(&mut self.nodes, row, weight);
    }

    /// A frame was left from within, or has caught an exception, which the total does not have.
    pub fn unwound(&mut self, missing: u64, has_left: bool) {
        if has_left {
            // It is told of behind its exit, and is no part of what goes on.
            add(&mut self.nodes, self.left, missing);
            self.last = self.last.wrapping_add(missing);
        }
        self.correction = self.correction.wrapping_add(missing);
    }

    /// The run is over.
    pub fn finish(&mut self, total: u64) {
        self.charge(total);
        self.active.clear();
        self.row = (ROOT, 0);
    }

    /// What has executed since the last time belongs to the current line.
    fn charge(&mut self, total: u64) {
        let now = total.wrapping_add(self.correction);
        add(&mut self.nodes, self.row, now.wrapping_sub(self.last));
        self.last = now;
        let Some(allocs) = &self.allocs else {
            return;
        };
        let (now, before) = (allocs.get(), self.last_allocated);
        if now != before {
            let line = line_of(&mut self.nodes, self.row);
            line.allocated.add(now.since(before));
            self.last_allocated = now;
        }
    }

    fn set_ranges(&self, ranges: [u64; RANGES]) {
        for (i, value) in ranges.into_iter().enumerate() {
            self.ranges.put(i, value);
        }
    }

    /// Where the program is; from now on this is the place that it is in.
    fn locate(
        &mut self,
        memory: View<'_>,
        frame: u32,
        instruction: u32,
    ) -> Result<(u32, u32), GuestError> {
        let Some(activation) = self.active.last() else {
            return Ok(self.row);
        };
        let levels = &activation.levels;
        let is_inside = |level: &Level| {
            let distance = instruction.wrapping_sub(level.start);
            distance < self.codes.all[level.code as usize].bytes()
        };
        // Most often it is the same call, or its caller, or a callee.
        let len = levels.len();
        let mut near = (len.saturating_sub(2)..len).rev();
        let near = near.find(|&at| levels[at].frame == frame);
        if let Some(at) = near.filter(|&at| is_inside(&levels[at])) {
            self.truncate(at + 1);
            return Ok(self.line(frame, instruction));
        }
        let read = Frame::read(memory, self.python.offsets(), frame)?;
        let is_callee = levels
            .last()
            .is_some_and(|level| level.frame == read.previous);
        let found = match near {
            None if !is_callee => levels.iter().rposition(|level| level.frame == frame),
            near => near,
        };
        match found {
            Some(at) if is_inside(&levels[at]) => self.truncate(at + 1),
            _ => {
                let (offsets, nested) = (self.python.offsets(), self.with_nested);
                let code = match read.code {
                    0 => None,
                    code => Some(self.codes.at(memory, offsets, code, nested)?),
                };
                let code = code.filter(|&(code, _)| !self.codes.all[code as usize].is_own());
                let Some(code) = code else {
                    // What the interpreter does for itself between calls is part of what it did last.
                    self.set_ranges([frame.into(), 1, instruction.into(), 2]);
                    return Ok(self.row);
                };
                let keep = match found {
                    Some(at) => at,
                    None if is_callee => len,
                    None => self.caller(memory, read.previous),
                };
                self.truncate(keep);
                self.call(frame, code);
            }
        }
        Ok(self.line(frame, instruction))
    }

    fn truncate(&mut self, len: usize) {
        if let Some(activation) = self.active.last_mut() {
            activation.levels.truncate(len);
        }
    }

    /// How many calls are active outside of one whose caller's frame this is, in the current activation.
    fn caller(&self, memory: View<'_>, mut frame: u32) -> usize {
        let levels = self.active.last().map_or(&[][..], |a| &a.levels);
        for _ in 0..BETWEEN_MAX {
            let at = levels.iter().rposition(|level| level.frame == frame);
            if let Some(at) = at {
                return at + 1;
            }
            match Frame::read(memory, self.python.offsets(), frame) {
                Ok(between) if frame != 0 => frame = between.previous,
                _ => break,
            }
        }
        0
    }

    /// A call begins, or a generator goes on.
    fn call(&mut self, frame: u32, (code, start): (u32, u32)) {
        let outer = self.active.iter().rev().find_map(|a| a.levels.last());
        let (parent, site) = match outer {
            Some(level) if self.by_way => {
                let lines = &self.codes.all[level.code as usize].lines;
                (level.node, lines[level.line as usize])
            }
            _ => (ROOT, 0),
        };
        let node = self.child(parent, code, site);
        self.nodes[node as usize].calls += 1;
        let first = self.codes.all[code as usize].first();
        while self.next.len() <= code as usize {
            let ranges = self.codes.all[self.next.len()].ranges.len();
            self.next.push(vec![0; ranges].into());
        }
        if let Some(activation) = self.active.last_mut() {
            activation.levels.push(Level {
                frame,
                code,
                start,
                node,
                line: first,
                range: 0,
                is_new: true,
            });
        }
    }

    fn child(&mut self, parent: u32, code: u32, site: u32) -> u32 {
        let key = match self.nodes.len() < NODES_MAX {
            true => (parent, code, site),
            // One for all ways.
            false => match self.children.get(&(parent, code, site)) {
                Some(&node) => return node,
                None => {
                    self.is_full = true;
                    (ROOT, code, 0)
                }
            },
        };
        let (nodes, codes) = (&mut self.nodes, &self.codes.all);
        *self.children.entry(key).or_insert_with(|| {
            nodes.push(Node {
                parent: key.0,
                code,
                site: key.2,
                calls: 0,
                lines: vec![Line::default(); codes[code as usize].lines.len()].into(),
            });
            nodes.len() as u32 - 1
        })
    }

    /// The innermost call goes on at an instruction.
    fn line(&mut self, frame: u32, instruction: u32) -> (u32, u32) {
        let Some(level) = self.active.last_mut().and_then(|a| a.levels.last_mut()) else {
            return self.row;
        };
        let content = &self.codes.all[level.code as usize];
        let unit = instruction.wrapping_sub(level.start) / 2;
        let next = self.next[level.code as usize].get_mut(level.range as usize);
        let guess = next.as_deref().copied().unwrap_or(0);
        // Without lines all of it is one.
        let (start, end, line) = match content.range(unit, guess) {
            Some(at) => {
                if let Some(next) = next {
                    *next = at as u32;
                }
                level.range = at as u32;
                content.ranges[at]
            }
            None => (0, content.bytes() / 2, None),
        };
        // What is of no line is part of what was before.
        let line = line.unwrap_or(level.line);
        // A generator that goes on does so within its line.
        let goes_on = level.is_new && unit > 0;
        let was_new = std::mem::take(&mut level.is_new);
        if goes_on {
            level.line = line;
        } else if was_new || line != level.line {
            level.line = line;
            self.nodes[level.node as usize].lines[line as usize].hits += 1;
        }
        let row = (level.node, line);
        let begin = u64::from(level.start) + 2 * u64::from(start);
        let len = 2 * u64::from(end - start);
        self.set_ranges([frame.into(), 1, begin, len]);
        row
    }
}

fn line_of(nodes: &mut [Node], (node, line): (u32, u32)) -> &mut Line {
    &mut nodes[node as usize].lines[line as usize]
}

fn add(nodes: &mut [Node], row: (u32, u32), weight: u64) {
    let line = line_of(nodes, row);
    line.weight = line.weight.wrapping_add(weight);
}

/// Where an activation is; `None` before its first instruction.
fn current(activation: &Activation) -> Option<(u32, u32)> {
    let level = activation.levels.last()?;
    Some((level.node, level.line))
}
