//! What the protocols between threads are made of.
//!
//! How a request reaches a store's thread, how machine code is published and how an answer comes
//! back is written once, over [`Primitives`]: in the engine those of the standard library, in
//! models those of loom, which tries every interleaving and what the memory model allows
//! (`model.rs`). So it is the engine's own code that is checked.

#[cfg(test)]
pub(crate) mod model;

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use crate::sys::fences;

/// One set of primitives.
pub(crate) trait Primitives: 'static {
    type Bool: Atomic<bool>;
    type I32: Atomic<i32>;
    type U32: Atomic<u32>;
    type Monitor<T: Send>: Monitor<T>;
    type Once<T: Clone + Send + Sync>: Once<T>;

    /// Between a write and a read, opposite to a [`Primitives::heavy_fence`] of another thread: one of the two sees what
    /// the other has written.
    fn light_fence();

    /// See [`Primitives::light_fence`].
    fn heavy_fence();
}

/// An atomic variable.
pub(crate) trait Atomic<T>: Send + Sync {
    fn new(value: T) -> Self;
    fn load(&self, order: Ordering) -> T;
    fn store(&self, value: T, order: Ordering);
    fn swap(&self, value: T, order: Ordering) -> T;
}

/// A state under a lock, changes of which can be waited for. Nothing is left half done under the
/// lock, so a panic elsewhere does not matter.
pub(crate) trait Monitor<T>: Send + Sync {
    fn new(state: T) -> Self;

    /// Looks at the state, or changes it.
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R;

    /// Waits until `f` gives something: it is asked at once and behind each [`Monitor::notify`].
    /// `None` at the deadline.
    fn wait<R>(&self, deadline: Option<Instant>, f: impl FnMut(&mut T) -> Option<R>) -> Option<R>;

    /// The state has changed.
    fn notify(&self);
}

/// A value that is made once.
pub(crate) trait Once<T>: Send + Sync + Default {
    fn get(&self) -> Option<T>;

    /// The value; if there is none, `make` makes it, while others who ask for it wait.
    fn get_or_make(&self, make: impl FnOnce() -> T) -> T;
}

/// Adds to a counter that no other thread writes to, but that others may read.
pub(crate) fn add_alone(counter: &impl Atomic<u64>, n: u64) {
    let sum = counter.load(Ordering::Relaxed).wrapping_add(n);
    counter.store(sum, Ordering::Relaxed);
}

/// The standard library's.
#[derive(Debug)]
pub(crate) enum Std {}

impl Primitives for Std {
    type Bool = AtomicBool;
    type I32 = AtomicI32;
    type U32 = AtomicU32;
    type Monitor<T: Send> = StdMonitor<T>;
    type Once<T: Clone + Send + Sync> = OnceLock<T>;

    fn light_fence() {
        fences::light();
    }

    fn heavy_fence() {
        fences::heavy();
    }
}

macro_rules! atomic {
    ($($atomic:ident: $value:ty),*) => {$(
        impl Atomic<$value> for $atomic {
            fn new(value: $value) -> Self {
                $atomic::new(value)
            }

            fn load(&self, order: Ordering) -> $value {
                self.load(order)
            }

            fn store(&self, value: $value, order: Ordering) {
                self.store(value, order);
            }

            fn swap(&self, value: $value, order: Ordering) -> $value {
                self.swap(value, order)
            }
        }
    )*};
}

atomic!(AtomicBool: bool, AtomicI32: i32, AtomicU32: u32, AtomicU64: u64);

#[derive(Debug)]
pub(crate) struct StdMonitor<T> {
    state: Mutex<T>,
    changed: Condvar,
}

impl<T: Send> Monitor<T> for StdMonitor<T> {
    fn new(state: T) -> Self {
        StdMonitor {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn wait<R>(
        &self,
        deadline: Option<Instant>,
        mut f: impl FnMut(&mut T) -> Option<R>,
    ) -> Option<R> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = f(&mut state) {
                return Some(found);
            }
            let waited = match deadline {
                None => self.changed.wait(state),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return None;
                    }
                    let waited = self.changed.wait_timeout(state, left);
                    waited
                        .map(|(state, _)| state)
                        .map_err(|e| PoisonError::new(e.into_inner().0))
                }
            };
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn notify(&self) {
        self.changed.notify_all();
    }
}

impl<T: Clone + Send + Sync> Once<T> for OnceLock<T> {
    fn get(&self) -> Option<T> {
        self.get().cloned()
    }

    fn get_or_make(&self, make: impl FnOnce() -> T) -> T {
        self.get_or_init(make).clone()
    }
}
