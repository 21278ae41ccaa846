//! Stacks of calls, each known by a number.

use std::collections::HashMap;

use probity_engine::hook::ProbeContext;
use probity_engine::{Module, WasmPc};

use crate::analysis::Key;

/// A call that was active: the function, and where it called.
pub(super) type Frame = (Key, WasmPc);

/// All stacks that were seen.
pub(super) struct Stacks {
    /// Frames of a stack, at most.
    depth: usize,
    modules: Vec<(u32, Module)>,
    all: Vec<Vec<Frame>>,
    numbers: HashMap<Vec<Frame>, u32>,
}

impl Stacks {
    /// Of at most so many frames.
    pub fn new(depth: usize) -> Stacks {
        Stacks {
            depth,
            modules: Vec::new(),
            all: Vec::new(),
            numbers: HashMap::new(),
        }
    }

    /// Functions of a module are frames, by its number.
    pub fn know(&mut self, number: u32, module: &Module) {
        if !self.modules.iter().any(|(known, _)| *known == number) {
            self.modules.push((number, module.clone()));
        }
    }

    /// The number of the stack that called the function in which the probe fired, innermost frame first. What the host
    /// calls has none.
    pub fn of(&mut self, context: &ProbeContext<'_>) -> u32 {
        let frames = context.backtrace();
        let frames = frames.iter().skip(1).filter_map(|frame| {
            let module = self.modules.iter().find(|(_, m)| m.same(frame.module()))?.0;
            let index = frame.func_index();
            Some((Key { module, index }, frame.pc()))
        });
        let frames: Vec<Frame> = frames.take(self.depth).collect();
        if let Some(&number) = self.numbers.get(&frames) {
            return number;
        }
        let number = self.all.len() as u32;
        self.all.push(frames.clone());
        self.numbers.insert(frames, number);
        number
    }

    /// The frames of a stack, innermost first.
    pub fn frames(&self, number: u32) -> &[Frame] {
        self.all.get(number as usize).map_or(&[], Vec::as_slice)
    }
}
