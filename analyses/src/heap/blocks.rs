//! The blocks of a heap: which are live, which were freed and have not been used again.

use std::collections::BTreeMap;

/// A memory and an address in it.
pub(super) type Place = (u32, u64);

/// A block that was allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub start: u64,
    pub size: u64,
    /// Number of the stack that allocated it.
    pub stack: u32,
    pub born: u64,
}

impl Block {
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.size)
    }
}

/// What is left of a block that was freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Freed {
    pub block: Block,
    /// Number of the stack that freed it.
    pub by: u32,
    /// Behind the last byte of this part.
    end: u64,
}

/// What is at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Live(Block),
    Freed(Freed),
    /// Between blocks; with the live block that ends before it, if there is one.
    Between(Option<Block>),
    /// Nowhere near a block: not of the heap.
    Elsewhere,
}

/// More freed blocks than this are not remembered: then all are forgotten. So memory has a bound.
const FREED_MAX: usize = 1 << 23;

#[derive(Default)]
pub(super) struct Blocks {
    live: BTreeMap<Place, Block>,
    /// By where the part begins.
    freed: BTreeMap<Place, Freed>,
    /// Of each memory from the lowest to behind the highest byte that ever was of a block.
    regions: BTreeMap<u32, (u64, u64)>,
}

impl Blocks {
    /// A block is allocated. Gives those that were live at the same bytes: the allocator must have freed them in a way that was not seen.
    pub fn insert(&mut self, memory: u32, block: Block) -> Vec<Block> {
        let lost = self.overlapping(memory, &block);
        for lost in &lost {
            self.live.remove(&(memory, lost.start));
        }
        self.use_again(memory, &block);
        self.live.insert((memory, block.start), block);
        let region = self.regions.entry(memory);
        let region = region.or_insert((block.start, block.end()));
        *region = (region.0.min(block.start), region.1.max(block.end()));
        lost
    }

    /// Live blocks that share bytes with one, or its address.
    fn overlapping(&self, memory: u32, block: &Block) -> Vec<Block> {
        let before = self.live.range(..(memory, block.start)).next_back();
        let before = before.filter(|((m, _), known)| *m == memory && known.end() > block.start);
        let end = block.end().max(block.start.saturating_add(1));
        let within = self.live.range((memory, block.start)..(memory, end));
        before.into_iter().chain(within).map(|(_, b)| *b).collect()
    }

    /// What was freed there is no longer.
    fn use_again(&mut self, memory: u32, block: &Block) {
        let before = self.freed.range(..(memory, block.start)).next_back();
        let before = before.filter(|((m, _), known)| *m == memory && known.end > block.start);
        let within = self
            .freed
            .range((memory, block.start)..(memory, block.end()));
        let parts: Vec<(Place, Freed)> = before
            .into_iter()
            .chain(within)
            .map(|(place, freed)| (*place, *freed))
            .collect();
        for ((_, start), freed) in parts {
            self.freed.remove(&(memory, start));
            if start < block.start {
                let end = block.start;
                self.freed.insert((memory, start), Freed { end, ..freed });
            }
            if freed.end > block.end() {
                self.freed.insert((memory, block.end()), freed);
            }
        }
    }

    /// A block is freed by a stack.
    pub fn remove(&mut self, place: Place, by: u32) -> Option<Block> {
        let block = self.live.remove(&place)?;
        if block.size > 0 {
            if self.freed.len() >= FREED_MAX {
                self.freed.clear();
            }
            let end = block.end();
            self.freed.insert(place, Freed { block, by, end });
        }
        Some(block)
    }

    /// The block that begins at an address, if it was freed and not used again.
    pub fn freed(&self, place: Place) -> Option<Freed> {
        let freed = self.freed.get(&place).copied();
        freed.filter(|freed| freed.block.start == place.1)
    }

    /// What is at an address.
    pub fn at(&self, place: Place) -> At {
        let (memory, address) = place;
        let Some(region) = self.regions.get(&memory) else {
            return At::Elsewhere;
        };
        if !(region.0..region.1).contains(&address) {
            return At::Elsewhere;
        }
        let live = self.live.range(..=place).next_back();
        let live = live.filter(|((m, _), _)| *m == memory).map(|(_, b)| *b);
        if let Some(block) = live.filter(|block| address < block.end()) {
            return At::Live(block);
        }
        let freed = self.freed.range(..=place).next_back();
        let freed = freed.filter(|((m, _), freed)| *m == memory && address < freed.end);
        match freed {
            Some((_, freed)) => At::Freed(*freed),
            None => At::Between(live),
        }
    }

    /// How many blocks are live.
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// All blocks that are live.
    pub fn live(&self) -> impl Iterator<Item = &Block> {
        self.live.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(start: u64, size: u64) -> Block {
        Block {
            start,
            size,
            stack: 0,
            born: 0,
        }
    }

    #[test]
    fn parts_of_what_was_freed_are_used_again() {
        let mut blocks = Blocks::default();
        assert_eq!(blocks.at((0, 100)), At::Elsewhere);
        blocks.insert(0, block(100, 50));
        assert_eq!(blocks.remove((0, 100), 7), Some(block(100, 50)));
        assert_eq!(blocks.remove((0, 100), 7), None);
        let by = |at| match at {
            At::Freed(freed) => Some((freed.block.start, freed.by)),
            _ => None,
        };
        assert_eq!(by(blocks.at((0, 149))), Some((100, 7)));
        blocks.insert(0, block(110, 20));
        assert_eq!(blocks.at((0, 110)), At::Live(block(110, 20)));
        for (address, expected) in [(109, Some((100, 7))), (130, Some((100, 7))), (150, None)] {
            assert_eq!(by(blocks.at((0, address))), expected, "{address}");
        }
        assert!(blocks.freed((0, 100)).is_some());
        assert!(blocks.freed((0, 130)).is_none(), "a part is no block");
        assert_eq!(blocks.at((1, 110)), At::Elsewhere);
    }

    #[test]
    fn what_lies_where_a_block_is_made_is_lost() {
        let mut blocks = Blocks::default();
        for start in [0, 16, 32, 48] {
            assert!(blocks.insert(0, block(start, 16)).is_empty());
        }
        let lost = blocks.insert(0, block(20, 20));
        assert_eq!(lost, [block(16, 16), block(32, 16)]);
        assert_eq!(blocks.at((0, 17)), At::Between(Some(block(0, 16))));
        assert_eq!(blocks.insert(0, block(48, 0)), [block(48, 16)]);
        assert_eq!(blocks.live().count(), 3);
        assert!(blocks.insert(0, block(u64::MAX - 3, 100)).is_empty());
    }
}
