//! From code addresses to functions.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_interp::layout::{CELL, Cell};

use crate::code::FuncCode;

/// Code that runs in a store.
#[derive(Clone)]
pub(crate) struct CodeRange {
    /// First cell.
    pub(crate) cells: *const Cell,
    /// Function index in its module.
    pub(crate) func_index: u32,
    /// Id of the only function that runs it; `None` for code that instances share.
    pub(crate) private: Option<u32>,
    pub(crate) code: Arc<FuncCode>,
}

impl CodeRange {
    /// Position of a cell, or of the end.
    pub(crate) fn index_of(&self, pc: *const Cell) -> usize {
        (pc as usize - self.cells as usize) / CELL
    }

    /// Position of the cell of the operator at `pc`.
    pub(crate) fn operator(&self, pc: u32) -> usize {
        let exact = match self.private {
            Some(_) => self.code.sites.cell_at(pc),
            None => None,
        };
        exact.unwrap_or_else(|| self.code.first_cell_from(pc))
    }

    pub(crate) fn cell(&self, index: usize) -> *const Cell {
        self.cells.wrapping_add(index)
    }
}

/// All code that a store has run, by address.
#[derive(Default)]
pub(crate) struct CodeMap {
    ranges: BTreeMap<usize, CodeRange>,
}

impl CodeMap {
    pub(crate) fn insert(&mut self, range: CodeRange) {
        self.ranges.insert(range.cells as usize, range);
    }

    pub(crate) fn remove(&mut self, cells: *const Cell) {
        self.ranges.remove(&(cells as usize));
    }

    /// The code that contains `pc`; a return address may be just behind the last cell.
    pub(crate) fn find(&self, pc: *const Cell) -> Option<&CodeRange> {
        let (_, range) = self.ranges.range(..=pc as usize).next_back()?;
        (range.index_of(pc) <= range.code.cells.len()).then_some(range)
    }
}
