//! Blocks: memory for small objects of one class, with bits beside it.
//!
//! Which cells are taken and which are marked stands in bitmaps outside the block, so that
//! sweeping does not touch objects, dead or alive.

use std::alloc::Layout;
use std::ptr::NonNull;

use super::classes::{GRANULES, class_bytes};
use super::layout::{GRANULE, Header};

/// Bytes of a block.
pub(super) const BLOCK_BYTES: usize = 32 << 10;

/// Words of a bitmap: one bit for each cell of the smallest class.
const WORDS: usize = BLOCK_BYTES / GRANULE / 64;

/// Bits of [`Block::reciprocal`] behind the point: enough for every offset and class (tested).
const RECIPROCAL_BITS: u32 = 20;

/// What a block's memory is.
const LAYOUT: Layout = match Layout::from_size_align(BLOCK_BYTES, GRANULE) {
    Ok(layout) => layout,
    Err(_) => panic!("a valid layout"),
};

/// Memory of a block that has no class.
pub(super) struct BlockMemory(NonNull<u8>);

impl BlockMemory {
    /// `None` if the system refuses.
    pub(super) fn new() -> Option<BlockMemory> {
        // SAFETY: the layout's size is not 0.
        let memory = NonNull::new(unsafe { std::alloc::alloc(LAYOUT) })?;
        // References to objects are addresses.
        let _ = memory.as_ptr().expose_provenance();
        Some(BlockMemory(memory))
    }
}

impl Drop for BlockMemory {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { std::alloc::dealloc(self.0.as_ptr(), LAYOUT) }
    }
}

/// See the module's documentation.
pub(super) struct Block {
    memory: BlockMemory,
    /// List of the heap that the block belongs to.
    pub(super) list: usize,
    cell_bytes: usize,
    /// For finding a cell's number without division.
    reciprocal: u32,
    cells: u32,
    /// Cells that are taken.
    pub(super) used: u32,
    /// Words before this one have no free cell.
    cursor: usize,
    taken: [u64; WORDS],
    marked: [u64; WORDS],
}

impl Block {
    /// An empty block for objects of `class`, which belongs to the heap's list `list`.
    pub(super) fn new(memory: BlockMemory, class: usize, list: usize) -> Block {
        let granules = u32::from(GRANULES[class]);
        Block {
            memory,
            list,
            cell_bytes: class_bytes(class),
            reciprocal: (1 << RECIPROCAL_BITS) / granules + 1,
            cells: (BLOCK_BYTES / class_bytes(class)) as u32,
            used: 0,
            cursor: 0,
            taken: [0; WORDS],
            marked: [0; WORDS],
        }
    }

    pub(super) fn into_memory(self) -> BlockMemory {
        self.memory
    }

    pub(super) fn cell_bytes(&self) -> usize {
        self.cell_bytes
    }

    pub(super) fn is_full(&self) -> bool {
        self.used == self.cells
    }

    /// Takes a free cell; its bytes are undefined.
    pub(super) fn take(&mut self) -> Option<NonNull<Header>> {
        if self.is_full() {
            return None;
        }
        loop {
            let free = !self.taken[self.cursor];
            let cell = self.cursor as u32 * 64 + free.trailing_zeros();
            if free == 0 || cell >= self.cells {
                // Some word behind has a free cell, since the block is not full.
                self.cursor += 1;
                continue;
            }
            self.taken[self.cursor] |= free & free.wrapping_neg();
            self.used += 1;
            return Some(self.cell(cell));
        }
    }

    fn cell(&self, cell: u32) -> NonNull<Header> {
        // SAFETY: the block has that many cells.
        unsafe { self.memory.0.add(cell as usize * self.cell_bytes).cast() }
    }

    /// Number of an object's cell.
    fn index_of(&self, object: NonNull<Header>) -> u32 {
        let offset = object.as_ptr().addr() - self.memory.0.as_ptr().addr();
        let granule = (offset / GRANULE) as u32;
        granule.wrapping_mul(self.reciprocal) >> RECIPROCAL_BITS
    }

    /// Marks an object of this block; whether it was not marked before.
    pub(super) fn mark(&mut self, object: NonNull<Header>) -> bool {
        let cell = self.index_of(object);
        let (word, bit) = (cell as usize / 64, 1 << (cell % 64));
        debug_assert!(
            self.taken[word] & bit != 0,
            "reference to an object that was freed"
        );
        let new = self.marked[word] & bit == 0;
        self.marked[word] |= bit;
        new
    }

    /// Frees what is not marked, after showing it to `freed`, and takes the marks away.
    pub(super) fn sweep(&mut self, mut freed: impl FnMut(NonNull<Header>)) {
        let mut used = 0;
        for word in 0..(self.cells as usize).div_ceil(64) {
            let mut dead = self.taken[word] & !self.marked[word];
            while dead != 0 {
                freed(self.cell(word as u32 * 64 + dead.trailing_zeros()));
                dead &= dead - 1;
            }
            self.taken[word] = self.marked[word];
            self.marked[word] = 0;
            used += self.taken[word].count_ones();
        }
        self.used = used;
        self.cursor = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gc::classes::CLASSES;

    fn block(class: usize) -> Block {
        Block::new(BlockMemory::new().expect("memory"), class, class)
    }

    #[test]
    fn cells_have_their_numbers() {
        for class in 0..CLASSES {
            let block = block(class);
            for cell in 0..block.cells {
                assert_eq!(
                    block.index_of(block.cell(cell)),
                    cell,
                    "cell {cell} of class {class}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_marked_is_free_again() {
        let mut block = block(27);
        let objects: Vec<_> = std::iter::from_fn(|| block.take()).collect();
        assert_eq!(objects.len(), BLOCK_BYTES / 4096);
        assert!(block.mark(objects[3]));
        assert!(!block.mark(objects[3]), "marked already");
        let mut freed = Vec::new();
        block.sweep(|object| freed.push(object));
        assert_eq!((freed.len(), block.used), (7, 1));
        assert!(!freed.contains(&objects[3]));
        let again: Vec<_> = std::iter::from_fn(|| block.take()).collect();
        assert_eq!(again, freed, "in order, but for the one that lives");
    }
}
