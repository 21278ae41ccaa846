//! Values that one thread at a time uses, and takes out while it does.

use std::cell::Cell;

/// Part of the probe table that may be shared with code, and so with threads that compile it. Only the thread that has the
/// store uses the value, which is out meanwhile: whoever comes in between finds nothing.
pub(crate) struct Alone<T>(Cell<Option<T>>);

// SAFETY: all that uses a value has the store for itself (`StoreCore` by a unique reference, or code that is running in
// it); others only hold it. They may drop it, so it must be one that can go to another thread.
unsafe impl<T: Send> Sync for Alone<T> {}

impl<T> Alone<T> {
    pub(super) fn new(value: T) -> Alone<T> {
        Alone(Cell::new(Some(value)))
    }

    #[inline]
    pub(super) fn take(&self) -> Option<T> {
        self.0.take()
    }

    #[inline]
    pub(super) fn put(&self, value: T) {
        self.0.set(Some(value));
    }
}
