//! What the host holds of the guest's objects.
//!
//! A handle of the host owns a root: a cell, counted by reference, that the store knows of. The
//! collector takes the cells that only the store still has off its list, and marks what the
//! others refer to. So an object lives exactly as long as somebody can reach it, and dropping a
//! handle needs no access to the store.

use std::cell::RefCell;
use std::sync::Arc;

use super::core::StoreCore;
use crate::error::{Error, Result};

/// A reference that a handle holds.
#[derive(Debug)]
struct Cell {
    store: u64,
    raw: u64,
}

/// A host's hold on an object of a store. Clones are the same hold.
#[derive(Debug, Clone)]
pub(crate) struct Root(Arc<Cell>);

impl Root {
    /// The reference as it is in slots.
    ///
    /// # Errors
    /// It is of another store.
    pub(crate) fn raw(&self, core: &StoreCore) -> Result<u64> {
        if self.0.store == core.id() {
            Ok(self.0.raw)
        } else {
            Err(Error::usage("reference of another store"))
        }
    }
}

impl Root {
    /// The reference, whatever store it is of.
    pub(crate) fn word(&self) -> u64 {
        self.0.raw
    }
}

/// Two handles are equal if they refer to the same object.
impl PartialEq for Root {
    fn eq(&self, other: &Root) -> bool {
        self.0.store == other.0.store && self.0.raw == other.0.raw
    }
}

impl Eq for Root {}

/// The roots of a store.
#[derive(Default)]
pub(crate) struct Roots(RefCell<List>);

#[derive(Default)]
struct List {
    cells: Vec<Arc<Cell>>,
    /// Length at which cells that nobody holds are looked for, collection or not.
    prune_at: usize,
}

/// A list shorter than this is left alone.
const PRUNE_LEAST: usize = 1024;

impl Roots {
    /// Holds an object.
    pub(crate) fn add(&self, store: u64, raw: u64) -> Root {
        let mut list = self.0.borrow_mut();
        if list.cells.len() >= list.prune_at.max(PRUNE_LEAST) {
            list.prune();
        }
        let cell = Arc::new(Cell { store, raw });
        list.cells.push(cell.clone());
        Root(cell)
    }

    /// Calls `mark` for all that is held.
    pub(crate) fn each(&self, mut mark: impl FnMut(u64)) {
        let mut list = self.0.borrow_mut();
        list.prune();
        for cell in &list.cells {
            mark(cell.raw);
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.borrow().cells.len()
    }
}

impl List {
    fn prune(&mut self) {
        self.cells.retain(|cell| Arc::strong_count(cell) > 1);
        // Twice what is held, so that looking costs a constant for each handle.
        self.prune_at = self.cells.len() * 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_handles_leave_the_list() {
        let roots = Roots::default();
        let kept: Vec<Root> = (0..10).map(|raw| roots.add(1, raw * 16)).collect();
        let dropped = if cfg!(miri) { 5000 } else { 1_000_000 };
        for raw in 0..dropped {
            roots.add(1, raw * 16);
        }
        assert!(roots.len() <= PRUNE_LEAST + 1);
        let mut seen = Vec::new();
        roots.each(|raw| seen.push(raw));
        let expect: Vec<u64> = (0..10).map(|raw| raw * 16).collect();
        assert_eq!(seen, expect);
        assert_eq!(kept[3], kept[3].clone());
        assert_ne!(kept[3], kept[4]);
    }
}
