//! From the blocks that control comes to, in every frame, to the paths of iterations.

use std::collections::HashMap;

use probity_probes::cfg::Cfg;

use crate::analysis::Key;

/// What a path has instead of a block: an inner loop, by the block of its `loop`.
pub(super) const INNER: u32 = 1 << 31;
/// How it ends: where control leaves the loop, by the block that it comes to.
pub(super) const TO: u32 = 1 << 30;
/// How it ends: with the next iteration.
pub(super) const BACK: u32 = u32::MAX;
/// How it ends: with the function, in whatever way.
pub(super) const LEAVE: u32 = u32::MAX - 1;
/// It is longer than what is kept.
pub(super) const CUT: u32 = u32::MAX - 2;

/// A word of a record: what has happened in a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Entry,
    Exit,
    Block(u32),
}

impl Step {
    /// As a record's tag; `function` is an index of [`Walk::functions`].
    pub fn tag(self, function: u32) -> u64 {
        let step = match self {
            Step::Entry => 0,
            Step::Exit => 1,
            Step::Block(block) => u64::from(block) + 2,
        };
        u64::from(function) << 32 | step
    }

    fn of(tag: u64) -> (usize, Step) {
        let step = match tag as u32 {
            0 => Step::Entry,
            1 => Step::Exit,
            block => Step::Block(block - 2),
        };
        ((tag >> 32) as usize, step)
    }
}

/// A loop that is gone back to: the first operators of its blocks are from `header` to below `end`.
pub(super) struct Cycle {
    /// The block of the `loop`.
    pub block: u32,
    pub header: u32,
    pub end: u32,
    /// Blocks, and how the path ends, with the number of iterations.
    pub paths: HashMap<Vec<u32>, u64>,
    /// Iterations whose path came when there were as many as are kept.
    pub others: u64,
}

/// A function that has loops.
pub(super) struct Looping {
    pub cycles: Vec<Cycle>,
    /// The first operator of each block.
    starts: Vec<u32>,
    /// By block: the loop that it begins.
    heads: Vec<Option<u32>>,
}

impl Looping {
    /// `None` if no loop of the function is ever gone back to.
    pub fn new(cfg: &Cfg) -> Option<Looping> {
        let starts: Vec<u32> = cfg.blocks().iter().map(|block| block.start).collect();
        let mut heads = vec![None; starts.len()];
        let mut cycles = Vec::new();
        for item in cfg.loops() {
            // A loop without a branch back begins no block.
            let Ok(block) = starts.binary_search(&item.header) else {
                continue;
            };
            if cfg.blocks()[block].reachable {
                heads[block] = Some(cycles.len() as u32);
                cycles.push(Cycle {
                    block: block as u32,
                    header: item.header,
                    end: item.end,
                    paths: HashMap::new(),
                    others: 0,
                });
            }
        }
        (!cycles.is_empty()).then_some(Looping {
            cycles,
            starts,
            heads,
        })
    }
}

/// A frame, with the loops that it is in, outer first, and their paths so far.
struct Frame {
    function: usize,
    active: Vec<(u32, Vec<u32>)>,
}

/// All frames of a store.
pub(super) struct Walk {
    functions: Vec<Looping>,
    /// Where each is in `functions`; `None` for those without loops.
    known: HashMap<Key, Option<u32>>,
    /// Of iterations that have ended, to be used again: most paths are short, and there is one for each iteration.
    spare: Vec<Vec<u32>>,
    frames: Vec<Frame>,
    /// Of a loop.
    pub paths_max: usize,
    /// Of a path.
    pub length_max: usize,
}

impl Walk {
    pub fn new(paths_max: usize, length_max: usize) -> Walk {
        Walk {
            functions: Vec::new(),
            known: HashMap::new(),
            spare: Vec::new(),
            frames: Vec::new(),
            paths_max,
            length_max,
        }
    }

    /// The index of a function, which is that of all its instances; `None` if it has no loops.
    pub fn function(&mut self, key: Key, cfg: &Cfg) -> Option<u32> {
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        let index = Looping::new(cfg).map(|looping| {
            self.functions.push(looping);
            self.functions.len() as u32 - 1
        });
        self.known.insert(key, index);
        index
    }

    /// What was found of a function; `None` if it has no loops, or was never asked for.
    pub fn found(&self, key: Key) -> Option<&Looping> {
        let index = self.known.get(&key).copied().flatten()?;
        self.functions.get(index as usize)
    }

    /// Takes records.
    pub fn take(&mut self, records: &[u64]) {
        for &tag in records {
            let (function, step) = Step::of(tag);
            match step {
                Step::Entry => self.frames.push(Frame {
                    function,
                    active: Vec::new(),
                }),
                Step::Exit => {
                    if let Some(mut frame) = self.frames.pop() {
                        while let Some((cycle, path)) = frame.active.pop() {
                            self.finish(frame.function, cycle, path, LEAVE);
                        }
                    }
                }
                Step::Block(block) => self.block(function, block),
            }
        }
    }

    fn block(&mut self, function: usize, block: u32) {
        let Some(mut frame) = self.frames.pop_if(|frame| frame.function == function) else {
            return;
        };
        let start = self.functions[function].starts[block as usize];
        while let Some((cycle, path)) = frame.active.pop_if(|(cycle, _)| {
            let cycle = &self.functions[function].cycles[*cycle as usize];
            !(cycle.header..cycle.end).contains(&start)
        }) {
            self.finish(function, cycle, path, TO | block);
        }
        if let Some(head) = self.functions[function].heads[block as usize] {
            match frame.active.pop_if(|(cycle, _)| *cycle == head) {
                Some((cycle, path)) => self.finish(function, cycle, path, BACK),
                None => self.push(&mut frame, INNER | block),
            }
            frame
                .active
                .push((head, self.spare.pop().unwrap_or_default()));
        }
        self.push(&mut frame, block);
        self.frames.push(frame);
    }

    /// One more of the innermost loop's path.
    fn push(&self, frame: &mut Frame, item: u32) {
        if let Some((_, path)) = frame.active.last_mut() {
            match path.len().cmp(&self.length_max) {
                std::cmp::Ordering::Less => path.push(item),
                std::cmp::Ordering::Equal => path.push(CUT),
                std::cmp::Ordering::Greater => {}
            }
        }
    }

    fn finish(&mut self, function: usize, cycle: u32, mut path: Vec<u32>, end: u32) {
        path.push(end);
        let cycle = &mut self.functions[function].cycles[cycle as usize];
        if let Some(count) = cycle.paths.get_mut(&path) {
            *count += 1;
        } else if cycle.paths.len() < self.paths_max {
            cycle.paths.insert(path, 1);
            return;
        } else {
            cycle.others += 1;
        }
        path.clear();
        self.spare.push(path);
    }
}
