//! Which counts of a function somebody wants: what nobody does needs no counter.

use std::collections::BTreeSet;

use crate::cfg::Cfg;

/// Blocks of one function whose counts are wanted, and whether that of its entry is.
///
/// ```
/// use probity_probes::wanted::Wanted;
///
/// let mut wanted = Wanted::nothing();
/// assert!(wanted.is_nothing());
/// wanted.add_entry();
/// wanted.join(Wanted::all());
/// assert_eq!(wanted, Wanted::all());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted(Option<These>);

/// These, and no others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct These {
    blocks: BTreeSet<usize>,
    entry: bool,
}

impl Wanted {
    /// No count at all.
    pub fn nothing() -> Wanted {
        Wanted(Some(These::default()))
    }

    /// All blocks, and the entry.
    pub fn all() -> Wanted {
        Wanted(None)
    }

    /// Is no count wanted?
    pub fn is_nothing(&self) -> bool {
        let these = self.0.as_ref();
        these.is_some_and(|these| these.blocks.is_empty() && !these.entry)
    }

    /// The block that holds the operator of an index is wanted, too.
    ///
    /// # Panics
    /// If there is no operator of that index.
    pub fn add(&mut self, cfg: &Cfg, index: usize) {
        if let Some(these) = &mut self.0 {
            these.blocks.insert(cfg.block_of(index));
        }
    }

    /// A block is wanted, too.
    pub fn add_block(&mut self, block: usize) {
        if let Some(these) = &mut self.0 {
            these.blocks.insert(block);
        }
    }

    /// How often the function was entered is wanted, too.
    pub fn add_entry(&mut self) {
        if let Some(these) = &mut self.0 {
            these.entry = true;
        }
    }

    /// All that another wants is wanted, too.
    pub fn join(&mut self, other: Wanted) {
        match (&mut self.0, other.0) {
            (Some(these), Some(more)) => {
                these.blocks.extend(more.blocks);
                these.entry |= more.entry;
            }
            _ => self.0 = None,
        }
    }

    /// Whether a block is wanted; behind the last of `blocks` it is the entry.
    pub(crate) fn has(&self, block: usize, blocks: usize) -> bool {
        let these = self.0.as_ref();
        these.is_none_or(|these| match block < blocks {
            true => these.blocks.contains(&block),
            false => these.entry,
        })
    }
}
