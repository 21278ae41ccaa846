//! The books of a heap: what each stack has allocated, what is live, when the most was, and what was wrong.

use std::collections::BTreeMap;

use super::blocks::{At, Block, Blocks};
use super::series::{Row, Series};
use crate::accesses::Touch;

/// Different problems that are told apart; others are in the totals alone.
const PROBLEMS_MAX: usize = 10_000;

/// With more blocks live than this the books are closed: what comes later is not seen. So memory has a bound.
const BLOCKS_MAX: usize = if cfg!(test) { 64 } else { 1 << 23 };

/// What the blocks of one stack are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sums {
    pub bytes: u64,
    pub blocks: u64,
    /// From allocation to free, of those that were freed or live to the end.
    pub lifetimes: u64,
    pub live_bytes: u64,
    pub live_blocks: u64,
    /// The most that was live at once, of this stack alone.
    pub max_bytes: u64,
    pub max_blocks: u64,
    /// When most was live of all.
    pub peak_bytes: u64,
    pub peak_blocks: u64,
    pub read_bytes: u64,
    pub written_bytes: u64,
    /// Whether what is live has changed since the last peak.
    is_changed: bool,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Wrong {
    UseAfterFree,
    OutOfBounds,
    DoubleFree,
    InvalidFree,
}

impl Wrong {
    /// In the order of [`Ledger::wrong`].
    pub const ALL: [Wrong; 4] = [
        Wrong::UseAfterFree,
        Wrong::OutOfBounds,
        Wrong::DoubleFree,
        Wrong::InvalidFree,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Wrong::UseAfterFree => "use after free",
            Wrong::OutOfBounds => "out of bounds",
            Wrong::DoubleFree => "double free",
            Wrong::InvalidFree => "invalid free",
        }
    }
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum By {
    /// An access: the site of the trace.
    Site(u32),
    /// A call of an allocator: the stack.
    Stack(u32),
}

/// A problem, as far as it is told apart: with the stacks that allocated and freed the block.
pub(super) type Problem = (Wrong, By, Option<u32>, Option<u32>);

/// How often, and how it was the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub count: u64,
    pub address: u64,
    /// Bytes that were accessed; 0 for a free.
    pub bytes: u64,
    /// The block, if there is one.
    pub block: Option<Block>,
}

#[derive(Default)]
pub(super) struct Ledger {
    pub blocks: Blocks,
    /// By number of the stack.
    pub stacks: Vec<Sums>,
    pub series: Series,
    /// Allocations and frees until now.
    pub time: u64,
    pub allocations: u64,
    pub frees: u64,
    pub reallocations: u64,
    /// Allocations that gave nothing.
    pub failed: u64,
    /// Blocks whose bytes were allocated again though nobody freed them.
    pub lost: u64,
    pub bytes: u64,
    pub live_bytes: u64,
    pub live_blocks: u64,
    pub peak_bytes: u64,
    pub peak_blocks: u64,
    pub peak_time: u64,
    pub wrong: [u64; 4],
    pub problems: BTreeMap<Problem, Times>,
    /// Whether there were more blocks than can be followed.
    pub is_closed: bool,
    /// Stacks that have changed since the last peak.
    changed: Vec<u32>,
    /// The block that was accessed last.
    last: Option<(u32, Block)>,
}

impl Ledger {
    /// A block is allocated.
    pub fn allocate(&mut self, memory: u32, start: u64, size: u64, stack: u32) {
        self.is_closed |= self.blocks.len() >= BLOCKS_MAX;
        if self.is_closed {
            return;
        }
        self.last = None;
        self.time += 1;
        let block = Block {
            start,
            size,
            stack,
            born: self.time,
        };
        let lost = self.blocks.insert(memory, block);
        if !lost.is_empty() {
            self.settle_peak(self.time - 1);
        }
        for lost in lost {
            self.lost += 1;
            self.retire(&lost);
        }
        self.allocations += 1;
        self.bytes = self.bytes.saturating_add(size);
        self.live_bytes = self.live_bytes.saturating_add(size);
        self.live_blocks += 1;
        let sums = self.changes(stack);
        sums.bytes = sums.bytes.saturating_add(size);
        sums.blocks += 1;
        sums.live_bytes = sums.live_bytes.saturating_add(size);
        sums.live_blocks += 1;
        if sums.live_bytes > sums.max_bytes {
            (sums.max_bytes, sums.max_blocks) = (sums.live_bytes, sums.live_blocks);
        }
        self.row();
    }

    /// A block is to be freed. Whether there is one.
    pub fn free(&mut self, memory: u32, address: u64, stack: u32) -> bool {
        if self.is_closed {
            return false;
        }
        self.last = None;
        // Time goes on only if it is one.
        self.settle_peak(self.time);
        let Some(block) = self.blocks.remove((memory, address), stack) else {
            let freed = self.blocks.freed((memory, address));
            let at = match self.blocks.at((memory, address)) {
                At::Live(block) => Some(block),
                _ => None,
            };
            let (wrong, block, by) = match freed {
                Some(freed) => (Wrong::DoubleFree, Some(freed.block), Some(freed.by)),
                None => (Wrong::InvalidFree, at, None),
            };
            self.wrong(wrong, By::Stack(stack), (address, 0), block, by);
            return false;
        };
        self.time += 1;
        self.frees += 1;
        self.retire(&block);
        self.row();
        true
    }

    /// A block is live no more.
    fn retire(&mut self, block: &Block) {
        let time = self.time;
        self.live_bytes = self.live_bytes.saturating_sub(block.size);
        self.live_blocks = self.live_blocks.saturating_sub(1);
        let sums = self.changes(block.stack);
        sums.live_bytes = sums.live_bytes.saturating_sub(block.size);
        sums.live_blocks = sums.live_blocks.saturating_sub(1);
        sums.lifetimes += time - block.born;
    }

    /// The sums of a stack, which are about to change.
    fn changes(&mut self, stack: u32) -> &mut Sums {
        let at = stack as usize;
        if at >= self.stacks.len() {
            self.stacks.resize(at + 1, Sums::default());
        }
        let sums = &mut self.stacks[at];
        if !sums.is_changed {
            sums.is_changed = true;
            self.changed.push(stack);
        }
        sums
    }

    /// Less is going to be live: was it the most until now, that is noted. Only those that have changed since the last time are
    /// looked at.
    fn settle_peak(&mut self, time: u64) {
        if self.live_bytes <= self.peak_bytes {
            return;
        }
        (self.peak_bytes, self.peak_blocks) = (self.live_bytes, self.live_blocks);
        self.peak_time = time;
        for stack in self.changed.drain(..) {
            let sums = &mut self.stacks[stack as usize];
            (sums.peak_bytes, sums.peak_blocks) = (sums.live_bytes, sums.live_blocks);
            sums.is_changed = false;
        }
    }

    fn row(&mut self) {
        self.series.push(Row {
            time: self.time,
            bytes: self.live_bytes,
            blocks: self.live_blocks,
            bytes_max: self.live_bytes,
        });
    }

    /// The run is over: what is live has lived until now.
    pub fn finish(&mut self) {
        self.settle_peak(self.time);
        for block in self.blocks.live() {
            self.stacks[block.stack as usize].lifetimes += self.time - block.born;
        }
    }

    /// The program accesses bytes, itself. If it `may_overlap`, it is part of a block if it begins there.
    pub fn access(&mut self, site: u32, touch: &Touch, may_overlap: bool) {
        if touch.bytes == 0 || self.is_closed {
            return;
        }
        let end = touch.address.saturating_add(touch.bytes);
        if let Some((memory, block)) = self.last
            && memory == touch.memory
            && (block.start..block.end()).contains(&touch.address)
            && end <= block.end()
        {
            return self.count(&block, touch);
        }
        let by = By::Site(site);
        let what = (touch.address, touch.bytes);
        match self.blocks.at((touch.memory, touch.address)) {
            At::Elsewhere => {}
            At::Live(block) if may_overlap || end <= block.end() => {
                self.last = Some((touch.memory, block));
                self.count(&block, touch);
            }
            At::Live(block) => self.wrong(Wrong::OutOfBounds, by, what, Some(block), None),
            At::Between(block) => self.wrong(Wrong::OutOfBounds, by, what, block, None),
            At::Freed(freed) => {
                let (block, stack) = (Some(freed.block), Some(freed.by));
                self.wrong(Wrong::UseAfterFree, by, what, block, stack);
            }
        }
    }

    fn count(&mut self, block: &Block, touch: &Touch) {
        let sums = &mut self.stacks[block.stack as usize];
        if touch.kind.reads() {
            sums.read_bytes = sums.read_bytes.saturating_add(touch.bytes);
        }
        if touch.kind.writes() {
            sums.written_bytes = sums.written_bytes.saturating_add(touch.bytes);
        }
    }

    fn wrong(
        &mut self,
        wrong: Wrong,
        by: By,
        (address, bytes): (u64, u64),
        block: Option<Block>,
        freed: Option<u32>,
    ) {
        self.wrong[wrong as usize] += 1;
        let problem = (wrong, by, block.map(|block| block.stack), freed);
        if let Some(times) = self.problems.get_mut(&problem) {
            times.count += 1;
        } else if self.problems.len() < PROBLEMS_MAX {
            let times = Times {
                count: 1,
                address,
                bytes,
                block,
            };
            self.problems.insert(problem, times);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two stacks: 10 and 20 bytes, of which the first goes; 15 more are not more than 30, another 10 are.
    #[test]
    fn the_peak_is_by_stack() {
        let mut ledger = Ledger::default();
        ledger.allocate(0, 100, 10, 0);
        ledger.allocate(0, 200, 20, 1);
        assert!(ledger.free(0, 100, 1));
        ledger.allocate(0, 300, 5, 0);
        ledger.allocate(0, 400, 4, 0);
        assert!(ledger.free(0, 300, 1));
        assert_eq!((ledger.peak_bytes, ledger.peak_time), (30, 2));
        assert_eq!(ledger.stacks[0].peak_bytes, 10);
        ledger.allocate(0, 500, 10, 1);
        ledger.finish();
        assert_eq!((ledger.peak_bytes, ledger.peak_time), (34, 7));
        let [a, b] = [ledger.stacks[0], ledger.stacks[1]];
        assert_eq!((a.peak_bytes, a.peak_blocks), (4, 1));
        assert_eq!((b.peak_bytes, b.peak_blocks), (30, 2));
        // 1 to 3, 4 to 6, and 5 to the end, which is 7.
        assert_eq!((a.lifetimes, a.max_bytes, a.max_blocks), (2 + 2 + 2, 10, 1));
    }

    #[test]
    fn the_books_are_closed_when_they_are_full() {
        let mut ledger = Ledger::default();
        for block in 0..100 {
            ledger.allocate(0, 16 * block, 8, 0);
        }
        assert!(ledger.is_closed && !ledger.free(0, 0, 0));
        ledger.finish();
        assert_eq!((ledger.allocations, ledger.peak_bytes), (64, 64 * 8));
        assert_eq!(ledger.wrong, [0; 4]);
    }
}
