//! Stacks of calls, each known by a number.

use std::collections::HashMap;

use probity_engine::hook::ProbeContext;
use probity_engine::{Module, WasmPc};

use crate::analysis::Key;

/// A call that was active: the function, and where it called.
pub(super) type Frame = (Key, WasmPc);

/// Different stacks; of those that come later the innermost frame alone is kept. So memory has a bound.
const STACKS_MAX: usize = if cfg!(test) { 4 } else { 1 << 17 };

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
        self.number(frames)
    }

    fn number(&mut self, mut frames: Vec<Frame>) -> u32 {
        if self.all.len() >= STACKS_MAX && !self.numbers.contains_key(&frames) {
            frames.truncate(1);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_stacks_are_cut() {
        let mut stacks = Stacks::new(2);
        let key = Key {
            module: 0,
            index: 0,
        };
        let stack = |a, b| vec![(key, WasmPc(a)), (key, WasmPc(b))];
        let numbers = [1, 2, 3, 4, 5, 6, 1].map(|outer| stacks.number(stack(7, outer)));
        assert_eq!(numbers, [0, 1, 2, 3, 4, 4, 0]);
        assert_eq!(stacks.frames(4), [(key, WasmPc(7))]);
    }
}
