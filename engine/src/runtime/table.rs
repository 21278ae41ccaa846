//! Tables.

use probity_interp::layout::TableView;

use super::{AsContext, AsContextMut, StoreCore, Val};
use crate::error::{Error, Result, TrapCode};
use crate::types::TableType;

/// Elements that any table may have, as in browsers: more is refused even without limits.
const ELEMENTS_MAX: u64 = 10_000_000;

/// A table of references.
///
/// ```
/// use probity_engine::{Engine, Func, RefType, Store, Table, TableType, Val};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 1, None), Val::FuncRef(None))?;
/// let f = Func::wrap(&mut store, || 7);
/// table.set(&mut store, 0, Val::FuncRef(Some(f)))?;
/// assert!(matches!(table.get(&store, 0), Some(Val::FuncRef(Some(g))) if g == f));
/// assert!(table.get(&store, 1).is_none());
/// # Ok::<(), probity_engine::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Table {
    pub(crate) store: u64,
    pub(crate) id: u32,
}

/// A table as the store owns it. Elements are raw references.
pub(crate) struct TableData {
    pub(crate) ty: TableType,
    elements: Vec<u64>,
    /// What handlers read; at a fixed address.
    view: *mut TableView,
    /// Contexts for which this is table 0.
    users: Vec<*mut probity_interp::layout::Ctx>,
}

impl TableData {
    pub(crate) fn new(ty: TableType, init: u64, elements_max: Option<u64>) -> Result<TableData> {
        if ty.minimum > elements_max.unwrap_or(u64::MAX).min(ELEMENTS_MAX) {
            return Err(Error::usage(format!(
                "failed to allocate a table of {} elements",
                ty.minimum
            )));
        }
        let view = Box::into_raw(Box::new(TableView {
            elements: std::ptr::null(),
            len: 0,
        }));
        let mut table = TableData {
            ty,
            elements: vec![init; ty.minimum as usize],
            view,
            users: Vec::new(),
        };
        table.publish();
        Ok(table)
    }

    pub(crate) fn elements(&self) -> &[u64] {
        &self.elements
    }

    pub(crate) fn elements_mut(&mut self) -> &mut [u64] {
        &mut self.elements
    }

    pub(crate) fn view(&self) -> *const TableView {
        self.view
    }

    /// Keeps `ctx.table0` up to date from now on.
    ///
    /// # Safety
    /// `ctx` must stay valid as long as this table.
    pub(crate) unsafe fn attach(&mut self, ctx: *mut probity_interp::layout::Ctx) {
        self.users.push(ctx);
        self.publish();
    }

    /// Grows by `delta`; gives the old length, `None` if it cannot grow that far.
    pub(crate) fn grow(&mut self, delta: u64, init: u64, elements_max: Option<u64>) -> Option<u64> {
        let old = self.elements.len() as u64;
        let new = old.checked_add(delta)?;
        let most = self
            .ty
            .maximum
            .unwrap_or(u64::MAX)
            .min(elements_max.unwrap_or(u64::MAX))
            .min(ELEMENTS_MAX);
        if new > most || self.elements.try_reserve(delta as usize).is_err() {
            return None;
        }
        self.elements.resize(new as usize, init);
        self.publish();
        Some(old)
    }

    /// Other elements, of the table's type.
    pub(crate) fn replace(&mut self, elements: impl ExactSizeIterator<Item = u64>) {
        self.elements.clear();
        self.elements.extend(elements);
        self.publish();
    }

    /// Tells handlers where the elements are.
    fn publish(&mut self) {
        // Compiled code writes there.
        let elements = self.elements.as_mut_ptr().cast_const();
        let len = self.elements.len() as u64;
        // SAFETY: the view is owned by this table; contexts live as long (see `attach`).
        unsafe {
            *self.view = TableView { elements, len };
            for &ctx in &self.users {
                (*ctx).table0 = elements;
                (*ctx).table0_len = len;
            }
        }
    }
}

impl Drop for TableData {
    fn drop(&mut self) {
        // SAFETY: made by `Box::into_raw`; no code runs when a store is dropped.
        drop(unsafe { Box::from_raw(self.view) });
    }
}

impl Table {
    /// Creates a table whose elements are all `init`.
    ///
    /// # Errors
    /// `init` is not of the element type, or the minimum exceeds the store's limits.
    pub fn new(store: &mut impl AsContextMut, ty: TableType, init: Val) -> Result<Table> {
        let core = store.core_mut();
        let raw = core.reference_to_raw(ty.element, init)?;
        let id = core.add_table(ty, raw)?;
        Ok(Table {
            store: core.id(),
            id,
        })
    }

    /// Its type; the minimum is its current length.
    pub fn ty(&self, store: &impl AsContext) -> TableType {
        let table = self.of(store.core());
        TableType {
            minimum: table.elements.len() as u64,
            ..table.ty
        }
    }

    /// Number of elements.
    pub fn size(&self, store: &impl AsContext) -> u64 {
        self.of(store.core()).elements.len() as u64
    }

    /// An element; `None` out of bounds.
    pub fn get(&self, store: &impl AsContext, index: u64) -> Option<Val> {
        let core = store.core();
        let table = self.of(core);
        let raw = *table.elements.get(usize::try_from(index).ok()?)?;
        Some(core.raw_to_reference(table.ty.element, raw))
    }

    /// Sets an element.
    ///
    /// # Errors
    /// [`TrapCode::TableOutOfBounds`], or `v` is not of the element type.
    pub fn set(&self, store: &mut impl AsContextMut, index: u64, v: Val) -> Result<()> {
        let core = store.core_mut();
        let raw = core.reference_to_raw(self.of(core).ty.element, v)?;
        let table = self.of_mut(core);
        let slot = usize::try_from(index)
            .ok()
            .and_then(|i| table.elements.get_mut(i));
        *slot.ok_or(TrapCode::TableOutOfBounds)? = raw;
        Ok(())
    }

    /// Grows by `delta` elements of value `init`; gives the length before.
    ///
    /// # Errors
    /// The maximum or the store's limits do not allow it, or `init` is not of the element type.
    pub fn grow(&self, store: &mut impl AsContextMut, delta: u64, init: Val) -> Result<u64> {
        let core = store.core_mut();
        let raw = core.reference_to_raw(self.of(core).ty.element, init)?;
        let most = core.limits.table_elements_max;
        let old = self.of_mut(core).grow(delta, raw, most);
        old.ok_or_else(|| Error::usage(format!("failed to grow the table by {delta} elements")))
    }

    fn of<'a>(&self, core: &'a StoreCore) -> &'a TableData {
        core.check(self.store);
        &core.tables[self.id as usize]
    }

    fn of_mut<'a>(&self, core: &'a mut StoreCore) -> &'a mut TableData {
        core.check(self.store);
        &mut core.tables[self.id as usize]
    }
}
