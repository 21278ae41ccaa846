//! Memory for private code: cells, and at a fixed distance their shadows.
//!
//! Handlers of probed cells find their data at `pc + shadow_delta`, without a
//! table to look up.

use std::collections::BTreeMap;

use probity_interp::layout::{CELL, Cell, Shadow};

use crate::sys::region::Region;

/// Address space to ask for; halved until the system gives it.
const RESERVE: usize = 8 << 30;
const RESERVE_LEAST: usize = 1 << 20;

/// See the module's documentation. Reserved at the first use.
#[derive(Default)]
pub(crate) struct Arena {
    regions: Option<(Region, Region)>,
    /// Cells handed out from the front.
    used: usize,
    /// Freed runs of cells by length.
    free: BTreeMap<usize, Vec<usize>>,
}

impl Arena {
    fn regions(&mut self) -> Option<&mut (Region, Region)> {
        if self.regions.is_none() {
            let mut bytes = RESERVE;
            while bytes >= RESERVE_LEAST {
                if let (Some(cells), Some(shadows)) =
                    (Region::reserve(bytes), Region::reserve(bytes))
                {
                    self.regions = Some((cells, shadows));
                    break;
                }
                bytes /= 2;
            }
        }
        self.regions.as_mut()
    }

    /// Bytes from a cell to its shadow; 0 as long as there is no private code. Exposes the shadows,
    /// as [`Shadow::of`] needs it.
    pub(crate) fn shadow_delta(&self) -> isize {
        match &self.regions {
            Some((cells, shadows)) => {
                shadows.base().expose_provenance() as isize - cells.base().addr() as isize
            }
            None => 0,
        }
    }

    /// Room for `len` cells and their shadows; `None` when memory is exhausted.
    pub(crate) fn allocate(&mut self, len: usize) -> Option<(*mut Cell, *mut Shadow)> {
        let fit = self.free.range(len..=len + len / 8).next().map(|(&l, _)| l);
        let start = match fit {
            Some(l) => {
                let runs = self.free.get_mut(&l)?;
                let start = runs.pop()?;
                if runs.is_empty() {
                    self.free.remove(&l);
                }
                start
            }
            None => {
                let end = self.used.checked_add(len)?;
                let (cells, shadows) = self.regions()?;
                // Grow in larger steps than one function.
                let bytes = (end * CELL).checked_next_multiple_of(1 << 20)?;
                let bytes = bytes.min(cells.reserved());
                if end * CELL > bytes || !cells.grow(bytes) || !shadows.grow(bytes) {
                    return None;
                }
                let start = self.used;
                self.used = end;
                start
            }
        };
        let (cells, shadows) = self.regions()?;
        let at = |base: *mut u8| base.wrapping_add(start * CELL);
        Some((at(cells.base()).cast(), at(shadows.base()).cast()))
    }

    /// Takes cells back. No frame may stand in them.
    pub(crate) fn release(&mut self, cells: *mut Cell, len: usize) {
        if let Some((region, _)) = &self.regions {
            let start = (cells as usize - region.base() as usize) / CELL;
            self.free.entry(len).or_default().push(start);
        }
    }
}
