//! What is known of the bytes of a memory: for each piece of 64 KiB that was touched, its lines and pages.

use std::collections::HashMap;

use super::{Sizes, Sums};
use crate::accesses::Touch;

/// Bits of the size of a chunk, which is a whole number of pages, which are whole numbers of lines.
pub(super) const CHUNK_BITS: u32 = 16;

/// Numbers below this are found by index.
const NEAR_MAX: u64 = 1024;

/// Numbers for keys, in the order of their first use. Most memories begin at 0 and are used in places near each other.
#[derive(Default, Clone)]
pub(super) struct Numbers {
    /// The last key and its number; `u64::MAX` is no key.
    last: Option<(u64, u32)>,
    /// By key; `u32::MAX` is none.
    near: Vec<u32>,
    far: HashMap<u64, u32>,
    len: u32,
}

impl Numbers {
    /// The number of a key: that of a new one is how many there were.
    #[inline]
    pub fn of(&mut self, key: u64) -> u32 {
        match self.last {
            Some((last, number)) if last == key => number,
            _ => self.find(key),
        }
    }

    fn find(&mut self, key: u64) -> u32 {
        let next = self.len;
        let number = if key < NEAR_MAX {
            let at = key as usize;
            if self.near.len() <= at {
                self.near.resize(at + 1, u32::MAX);
            }
            let number = &mut self.near[at];
            if *number == u32::MAX {
                *number = next;
            }
            *number
        } else {
            *self.far.entry(key).or_insert(next)
        };
        if number == next {
            self.len += 1;
        }
        self.last = Some((key, number));
        number
    }

    /// All keys with their numbers, ascending.
    pub fn sorted(&self) -> Vec<(u64, u32)> {
        let near = self.near.iter().enumerate();
        let near = near.filter(|(_, number)| **number != u32::MAX);
        let near = near.map(|(key, &number)| (key as u64, number));
        let mut all: Vec<(u64, u32)> = near.chain(self.far.iter().map(|(&k, &n)| (k, n))).collect();
        all.sort_unstable();
        all
    }
}

/// The chunks of a memory.
#[derive(Default)]
pub(super) struct Chunks {
    numbers: Numbers,
    chunks: Vec<Chunk>,
}

struct Chunk {
    /// Of each line the number of the last window that touched it; 0 if none has.
    lines: Box<[u32]>,
    pages: Box<[Sums]>,
}

/// A page that was touched.
pub(super) struct Page {
    pub number: u64,
    pub sums: Sums,
    pub lines: u64,
}

impl Chunks {
    /// Notes an access in a window; gives how many of its lines the window had not touched yet.
    #[inline]
    pub fn touch(&mut self, touch: &Touch, sizes: Sizes, window: u32) -> u64 {
        let Some((first, last)) = touch.blocks(CHUNK_BITS) else {
            return 0;
        };
        if touch.blocks(sizes.line_bits).is_some_and(|(a, b)| a == b) {
            // Most accesses are within a line, and so within a page.
            let at = touch.address & ((1 << CHUNK_BITS) - 1);
            let chunk = self.chunk(first, sizes);
            let line = &mut chunk.lines[(at >> sizes.line_bits) as usize];
            let new = u64::from(*line != window);
            *line = window;
            chunk.pages[(at >> sizes.page_bits) as usize].add(touch.kind, touch.bytes_within());
            return new;
        }
        let mut new = 0;
        for number in first..=last {
            let (from, to) = within(touch, number, CHUNK_BITS);
            let chunk = self.chunk(number, sizes);
            let lines = (from >> sizes.line_bits) as usize..=(to >> sizes.line_bits) as usize;
            for line in &mut chunk.lines[lines] {
                new += u64::from(*line != window);
                *line = window;
            }
            for page in from >> sizes.page_bits..=to >> sizes.page_bits {
                let start = from.max(page << sizes.page_bits);
                let end = to.min(((page + 1) << sizes.page_bits) - 1);
                chunk.pages[page as usize].add(touch.kind, end - start + 1);
            }
        }
        new
    }

    #[inline]
    fn chunk(&mut self, number: u64, sizes: Sizes) -> &mut Chunk {
        let at = self.numbers.of(number) as usize;
        if at == self.chunks.len() {
            self.chunks.push(Chunk {
                lines: vec![0; 1 << (CHUNK_BITS - sizes.line_bits)].into(),
                pages: vec![Sums::default(); 1 << (CHUNK_BITS - sizes.page_bits)].into(),
            });
        }
        &mut self.chunks[at]
    }

    /// All lines become those of window 1.
    pub fn forget_windows(&mut self) {
        let lines = self.chunks.iter_mut().flat_map(|chunk| &mut chunk.lines);
        lines.filter(|line| **line != 0).for_each(|line| *line = 1);
    }

    /// The pages that were touched, ascending.
    pub fn pages(&self, sizes: Sizes) -> Vec<Page> {
        let mut found = Vec::new();
        for (number, at) in self.numbers.sorted() {
            let chunk = &self.chunks[at as usize];
            let per_page = 1 << (sizes.page_bits - sizes.line_bits);
            let lines = chunk.lines.chunks(per_page);
            for (page, (sums, lines)) in (0..).zip(chunk.pages.iter().zip(lines)) {
                let lines = lines.iter().filter(|line| **line != 0).count() as u64;
                if lines > 0 {
                    found.push(Page {
                        number: (number << (CHUNK_BITS - sizes.page_bits)) + page,
                        sums: *sums,
                        lines,
                    });
                }
            }
        }
        found
    }
}

/// First and last byte of an access within a block of `1 << bits` bytes that it touches, from the block's start.
#[inline]
pub(super) fn within(touch: &Touch, block: u64, bits: u32) -> (u64, u64) {
    let start = block << bits;
    let last = touch.address.saturating_add(touch.bytes.saturating_sub(1));
    let end = start + ((1 << bits) - 1);
    (touch.address.max(start) - start, last.min(end) - start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_probes::access::AccessKind;

    #[test]
    fn keys_near_and_far_have_numbers() {
        let mut numbers = Numbers::default();
        let keys = [5, 1 << 40, 5, 0, 1 << 40, u64::MAX];
        assert_eq!(keys.map(|key| numbers.of(key)), [0, 1, 0, 2, 1, 3]);
        let sorted = [(0, 2), (5, 0), (1 << 40, 1), (u64::MAX, 3)];
        assert_eq!(numbers.sorted(), sorted);
    }

    /// 16 bytes from 65528 on touch two lines, two pages and two chunks; the end of the address space is one.
    #[test]
    fn accesses_straddle() {
        let sizes = Sizes {
            line_bits: 6,
            page_bits: 12,
        };
        let mut chunks = Chunks::default();
        let touch = |address, bytes| Touch {
            memory: 0,
            address,
            bytes,
            kind: AccessKind::Load,
        };
        assert_eq!(chunks.touch(&touch(65528, 16), sizes, 1), 2);
        assert_eq!(chunks.touch(&touch(65528, 8), sizes, 1), 0);
        assert_eq!(chunks.touch(&touch(65528, 8), sizes, 2), 1);
        assert_eq!(chunks.touch(&touch(0, 0), sizes, 2), 0);
        assert_eq!(chunks.touch(&touch(u64::MAX - 2, 16), sizes, 2), 1);
        let pages = chunks.pages(sizes);
        let pages: Vec<_> = pages
            .iter()
            .map(|p| (p.number, p.sums.reads, p.sums.read_bytes, p.lines))
            .collect();
        let expected = [(15, 3, 24, 1), (16, 1, 8, 1), (u64::MAX >> 12, 1, 3, 1)];
        assert_eq!(pages, expected);
    }
}
