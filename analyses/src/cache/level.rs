//! One cache: sets of lines, the least recently used of which makes room for a new one. A line is fetched for a write too.

use crate::accesses::Touch;
use crate::options::Geometry;

/// No block of a memory.
const EMPTY: u64 = u64::MAX;

/// The state of a cache.
pub(super) struct Level {
    line_bits: u32,
    /// Mask of a block's set.
    set_mask: u64,
    ways: usize,
    /// By set, the most recently used first.
    blocks: Vec<u64>,
}

impl Level {
    /// An empty cache.
    pub fn new(geometry: Geometry) -> Level {
        Level {
            line_bits: geometry.line.trailing_zeros(),
            set_mask: geometry.sets() - 1,
            ways: geometry.ways as usize,
            blocks: vec![EMPTY; (geometry.sets() * geometry.ways) as usize],
        }
    }

    /// Accesses bytes: whether any of them was missing. An access to two lines is one all the same, and one miss at most.
    #[inline]
    pub fn misses(&mut self, touch: &Touch) -> bool {
        let Some((first, last)) = touch.blocks(self.line_bits) else {
            return false;
        };
        let mut missed = false;
        for block in first..=last {
            missed |= self.misses_block(touch.memory, block);
        }
        missed
    }

    #[inline]
    fn misses_block(&mut self, memory: u32, block: u64) -> bool {
        let set = (block & self.set_mask) as usize * self.ways;
        let set = &mut self.blocks[set..set + self.ways];
        // Blocks of different memories are different: no memory has 2^48 bytes, and a line has 16 at least.
        let block = block ^ u64::from(memory) << 44;
        if set[0] == block {
            return false;
        }
        let found = set.iter().position(|&known| known == block);
        let last = found.unwrap_or(set.len() - 1);
        set.copy_within(..last, 1);
        set[0] = block;
        found.is_none()
    }

    /// Bytes of a line, as the number of their bits.
    pub fn line_bits(&self) -> u32 {
        self.line_bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_probes::access::AccessKind;

    fn touch(address: u64, bytes: u64) -> Touch {
        Touch {
            memory: 0,
            address,
            bytes,
            kind: AccessKind::Load,
        }
    }

    /// Two sets of two ways, 16 bytes each: lines 0, 2, 4 share a set.
    #[test]
    fn the_least_recently_used_goes() {
        let mut level = Level::new(Geometry::parse("64x2x16").expect("a geometry"));
        let mut misses = |line: u64| level.misses(&touch(line * 16, 4));
        let lines = [0, 2, 0, 4, 0, 2, 4, 1, 3, 1];
        // 4 drives out 2, for 0 was used again; 2 then drives out 4.
        let expected = [
            true, true, false, true, false, true, true, true, true, false,
        ];
        assert_eq!(lines.map(&mut misses), expected);
    }

    #[test]
    fn what_straddles_lines_is_one_miss() {
        let mut level = Level::new(Geometry::parse("64x2x16").expect("a geometry"));
        assert!(level.misses(&touch(12, 8)));
        assert!(!level.misses(&touch(0, 4)) && !level.misses(&touch(16, 4)));
        assert!(level.misses(&touch(28, 8)), "the second half is missing");
        assert!(!level.misses(&touch(100, 0)), "nothing is accessed");
        assert!(level.misses(&touch(u64::MAX, 16)));
    }

    #[test]
    fn memories_are_apart() {
        let mut level = Level::new(Geometry::parse("64x2x16").expect("a geometry"));
        let other = Touch {
            memory: 1,
            ..touch(0, 4)
        };
        assert!(level.misses(&touch(0, 4)) && level.misses(&other));
        assert!(!level.misses(&touch(0, 4)) && !level.misses(&other));
    }
}
