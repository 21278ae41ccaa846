//! Sets of locals.

/// A set of locals. Kept as the words of a bit set that are not zero, each with its position: most
/// sets are small even where a function has thousands of locals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LocalSet {
    words: Vec<(u32, u64)>,
}

impl LocalSet {
    /// Adds the locals `64 * position` and up that have bits. Positions ascend.
    pub(super) fn push(&mut self, position: usize, word: u64) {
        debug_assert!(self.words.last().is_none_or(|w| (w.0 as usize) < position));
        if word != 0 {
            self.words.push((position as u32, word));
        }
    }

    /// What a set of so many locals takes at most.
    pub(super) fn bytes_max(num_locals: usize) -> usize {
        // A vector that grows has up to twice the room that it needs.
        size_of::<LocalSet>() + num_locals.div_ceil(64) * 2 * size_of::<(u32, u64)>()
    }

    pub(crate) fn contains(&self, local: u32) -> bool {
        let found = self.words.binary_search_by_key(&(local / 64), |w| w.0);
        found.is_ok_and(|at| self.words[at].1 >> (local % 64) & 1 != 0)
    }

    /// In ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().flat_map(|&(position, mut word)| {
            std::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros())?;
                word &= word - 1;
                Some(position * 64 + bit)
            })
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.words.iter().map(|w| w.1.count_ones() as usize).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }
}
