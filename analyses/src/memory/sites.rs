//! What each operator does to memories: sums, strides, and the lines that it touches.

use std::collections::HashMap;

use super::chunks::{CHUNK_BITS, Numbers, within};
use super::{Sizes, Sums};
use crate::accesses::Touch;

/// Different strides of a site that are told apart; those that come later are strides, but none of these.
const STRIDES_MAX: usize = 512;

/// By site of the trace; `memory.copy` is two, one that reads and one that writes.
#[derive(Default)]
pub(super) struct Sites(Vec<SiteUse>);

impl Sites {
    /// Where a site is.
    #[inline]
    pub fn index(site: u32, reads_bulk: bool) -> usize {
        2 * site as usize + usize::from(reads_bulk)
    }

    #[inline]
    pub fn touch(&mut self, at: usize, touch: &Touch, sizes: Sizes) {
        if at >= self.0.len() {
            self.0.resize_with(at + 1, SiteUse::default);
        }
        let site = &mut self.0[at];
        site.sums.add(touch.kind, touch.bytes);
        site.strides.next(touch.address);
        site.lines.touch(touch, sizes);
    }

    /// What a site did; `None` if nothing.
    pub fn get(&self, at: usize) -> Option<&SiteUse> {
        self.0.get(at).filter(|site| site.sums != Sums::default())
    }
}

/// What one operator did.
#[derive(Default, Clone)]
pub(super) struct SiteUse {
    pub sums: Sums,
    pub strides: Strides,
    pub lines: LineSet,
}

impl SiteUse {
    /// Adds the same operator's use in another instance.
    pub fn merge(&mut self, other: &SiteUse) {
        self.sums.merge(&other.sums);
        self.strides.merge(&other.strides);
        self.lines.merge(&other.lines);
    }
}

/// Differences from one address to the next.
#[derive(Default, Clone)]
pub(super) struct Strides {
    last: Option<u64>,
    /// The first few, which are looked for one by one.
    few: Vec<(i64, u64)>,
    many: HashMap<i64, u64>,
    other: u64,
}

impl Strides {
    const FEW: usize = 6;

    #[inline]
    fn next(&mut self, address: u64) {
        if let Some(last) = self.last.replace(address) {
            self.add(address.wrapping_sub(last) as i64, 1);
        }
    }

    #[inline]
    fn add(&mut self, stride: i64, times: u64) {
        match self.few.iter_mut().find(|(known, _)| *known == stride) {
            Some((_, count)) => *count += times,
            None => self.add_new(stride, times),
        }
    }

    fn add_new(&mut self, stride: i64, times: u64) {
        if self.few.len() < Strides::FEW {
            self.few.push((stride, times));
        } else if let Some(count) = self.many.get_mut(&stride) {
            *count += times;
        } else if self.many.len() < STRIDES_MAX - Strides::FEW {
            self.many.insert(stride, times);
        } else {
            self.other += times;
        }
    }

    fn merge(&mut self, other: &Strides) {
        let mut known: Vec<(i64, u64)> = other.all().collect();
        known.sort_unstable();
        for (stride, times) in known {
            self.add(stride, times);
        }
        self.other += other.other;
    }

    fn all(&self) -> impl Iterator<Item = (i64, u64)> {
        let many = self.many.iter().map(|(&stride, &count)| (stride, count));
        self.few.iter().copied().chain(many)
    }

    /// The most frequent one, how often it was, and how many there were in all. Of several, the shortest, and forwards.
    pub fn dominant(&self) -> Option<(i64, u64, u64)> {
        let order = |&(stride, count): &(i64, u64)| {
            let (length, backwards) = (stride.unsigned_abs(), stride < 0);
            (count, std::cmp::Reverse((length, backwards)))
        };
        let (stride, count) = self.all().max_by_key(order)?;
        let all = self.all().map(|(_, count)| count).sum::<u64>() + self.other;
        Some((stride, count, all))
    }
}

/// A set of lines of memories.
#[derive(Default, Clone)]
pub(super) struct LineSet {
    /// By memory and chunk.
    numbers: Numbers,
    chunks: Vec<Box<[u64]>>,
}

impl LineSet {
    #[inline]
    fn touch(&mut self, touch: &Touch, sizes: Sizes) {
        let Some((first, last)) = touch.blocks(CHUNK_BITS) else {
            return;
        };
        if touch.blocks(sizes.line_bits).is_some_and(|(a, b)| a == b) {
            let key = u64::from(touch.memory) << (64 - CHUNK_BITS) | first;
            let words = (1usize << (CHUNK_BITS - sizes.line_bits)).div_ceil(64);
            let line = (touch.address & ((1 << CHUNK_BITS) - 1)) >> sizes.line_bits;
            self.chunk(key, words)[line as usize / 64] |= 1 << (line % 64);
            return;
        }
        for number in first..=last {
            let (from, to) = within(touch, number, CHUNK_BITS);
            let key = u64::from(touch.memory) << (64 - CHUNK_BITS) | number;
            let words = (1usize << (CHUNK_BITS - sizes.line_bits)).div_ceil(64);
            let chunk = self.chunk(key, words);
            for line in from >> sizes.line_bits..=to >> sizes.line_bits {
                chunk[line as usize / 64] |= 1 << (line % 64);
            }
        }
    }

    #[inline]
    fn chunk(&mut self, key: u64, words: usize) -> &mut [u64] {
        let at = self.numbers.of(key) as usize;
        if at == self.chunks.len() {
            self.chunks.push(vec![0; words].into());
        }
        &mut self.chunks[at]
    }

    fn merge(&mut self, other: &LineSet) {
        for (key, at) in other.numbers.sorted() {
            let more = &other.chunks[at as usize];
            let chunk = self.chunk(key, more.len());
            for (word, more) in chunk.iter_mut().zip(more) {
                *word |= more;
            }
        }
    }

    /// How many lines.
    pub fn lines(&self) -> u64 {
        let words = self.chunks.iter().flatten();
        words.map(|word| u64::from(word.count_ones())).sum()
    }

    /// How many pages they are in.
    pub fn pages(&self, sizes: Sizes) -> u64 {
        let per_page = 1usize << (sizes.page_bits - sizes.line_bits);
        let chunk_lines = 1usize << (CHUNK_BITS - sizes.line_bits);
        let is_set = |chunk: &[u64], line: usize| chunk[line / 64] >> (line % 64) & 1 == 1;
        let touched = |chunk: &&[u64], page: usize| {
            (page * per_page..(page + 1) * per_page).any(|line| is_set(chunk, line))
        };
        let chunks = self.chunks.iter().map(|chunk| &**chunk);
        let pages = chunks.flat_map(|chunk| {
            (0..chunk_lines / per_page).filter(move |&page| touched(&chunk, page))
        });
        pages.count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dominant_stride() {
        let mut strides = Strides::default();
        for address in [0, 8, 16, 24, 16, 8, 0] {
            strides.next(address);
        }
        // Three of +8 and three of -8: forwards wins.
        assert_eq!(strides.dominant(), Some((8, 3, 6)));
        for (at, address) in (0..).zip(0..10_000u64) {
            strides.next(1 << 20 | (address * address * 16) ^ at);
        }
        let (_, count, all) = strides.dominant().expect("strides");
        assert_eq!(all, 6 + 10_000);
        assert!(count >= 3);
        assert_eq!(strides.few.len() + strides.many.len(), STRIDES_MAX);
        let mut twice = strides.clone();
        twice.merge(&strides);
        assert_eq!(twice.dominant().map(|(_, _, all)| all), Some(2 * 10_006));
    }
}
