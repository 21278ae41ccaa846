//! Which way control went at an operator that branches or not, told by the count of
//! a block to which only it leads. So most branches need no probe of their own.

use crate::cfg::Cfg;
use crate::counts::FunctionCounts;
use crate::wanted::Wanted;

/// The block that tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// None: the operator never executes.
    Dead,
    /// It runs when control goes on behind the operator of this index.
    Falls(usize, usize),
    /// It runs when control goes elsewhere.
    Lands(usize, usize),
}

impl Told {
    /// The block that tells about the operator of an index (`if`, `br_if`,
    /// `br_on_*`); `None` if there is none, because control comes to both
    /// blocks by other ways too.
    ///
    /// # Panics
    /// If there is no operator of that index.
    pub fn by(cfg: &Cfg, index: usize) -> Option<Told> {
        let (falls, lands) = cfg.two_ways(index)?;
        if !cfg.blocks()[cfg.block_of(index)].reachable {
            Some(Told::Dead)
        } else if falls == lands {
            None
        } else if cfg.ways_in(falls) == 1 {
            Some(Told::Falls(index, falls))
        } else if cfg.ways_in(lands) == 1 {
            Some(Told::Lands(index, lands))
        } else {
            None
        }
    }

    /// What has to be counted for [`Told::ways`].
    ///
    /// # Panics
    /// If the control flow is that of another function.
    pub fn want(self, cfg: &Cfg, wanted: &mut Wanted) {
        match self {
            Told::Dead => {}
            Told::Falls(index, block) | Told::Lands(index, block) => {
                wanted.add(cfg, index);
                wanted.add_block(block);
            }
        }
    }

    /// How often control went on behind the operator, and how often elsewhere.
    ///
    /// # Panics
    /// If the counts are those of another function.
    pub fn ways(self, counts: &FunctionCounts) -> [u64; 2] {
        let (index, block, falls) = match self {
            Told::Dead => return [0, 0],
            Told::Falls(index, block) => (index, block, true),
            Told::Lands(index, block) => (index, block, false),
        };
        let all = counts.completed(index);
        let one = counts.blocks()[block];
        let other = all.saturating_sub(one);
        if falls { [one, other] } else { [other, one] }
    }
}
