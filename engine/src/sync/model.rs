//! Loom's primitives.
//!
//! Loom knows fences of the order `SeqCst`, but takes accesses of that order for `AcqRel`. So such an
//! access has the fences around it by which it is implemented on machines that have nothing else:
//! what is right with them here is right with the accesses themselves.

use std::time::Instant;

use loom::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering, fence};
use loom::sync::{Condvar, Mutex};

use super::{Atomic, Monitor, Once, Primitives};

/// Loom's.
pub(crate) enum Loom {}

impl Primitives for Loom {
    type Bool = AtomicBool;
    type I32 = AtomicI32;
    type U32 = AtomicU32;
    type Monitor<T: Send> = LoomMonitor<T>;
    type Once<T: Clone + Send + Sync> = LoomOnce<T>;

    fn light_fence() {
        fence(Ordering::SeqCst);
    }

    fn heavy_fence() {
        fence(Ordering::SeqCst);
    }
}

fn fenced<R>(order: Ordering, access: impl FnOnce() -> R) -> R {
    if order != Ordering::SeqCst {
        return access();
    }
    fence(Ordering::SeqCst);
    let result = access();
    fence(Ordering::SeqCst);
    result
}

macro_rules! atomic {
    ($($atomic:ident: $value:ty),*) => {$(
        impl Atomic<$value> for $atomic {
            fn new(value: $value) -> Self {
                $atomic::new(value)
            }

            fn load(&self, order: Ordering) -> $value {
                fenced(order, || self.load(order))
            }

            fn store(&self, value: $value, order: Ordering) {
                fenced(order, || self.store(value, order));
            }

            fn swap(&self, value: $value, order: Ordering) -> $value {
                fenced(order, || self.swap(value, order))
            }
        }
    )*};
}

atomic!(AtomicBool: bool, AtomicI32: i32, AtomicU32: u32, AtomicU64: u64);

pub(crate) struct LoomMonitor<T> {
    state: Mutex<T>,
    changed: Condvar,
}

impl<T: Send> Monitor<T> for LoomMonitor<T> {
    fn new(state: T) -> Self {
        LoomMonitor {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.state.lock().expect("no panic"))
    }

    /// Models have no time.
    fn wait<R>(&self, _: Option<Instant>, mut f: impl FnMut(&mut T) -> Option<R>) -> Option<R> {
        let mut state = self.state.lock().expect("no panic");
        loop {
            if let Some(found) = f(&mut state) {
                return Some(found);
            }
            state = self.changed.wait(state).expect("no panic");
        }
    }

    fn notify(&self) {
        self.changed.notify_all();
    }
}

/// Loom has no such thing: a value under a lock, which is held while it is made.
pub(crate) struct LoomOnce<T>(LoomMonitor<Option<T>>);

impl<T: Send> Default for LoomOnce<T> {
    fn default() -> Self {
        LoomOnce(LoomMonitor::new(None))
    }
}

impl<T: Clone + Send + Sync> Once<T> for LoomOnce<T> {
    fn get(&self) -> Option<T> {
        self.0.with(|value| value.clone())
    }

    fn get_or_make(&self, make: impl FnOnce() -> T) -> T {
        self.0.with(|value| value.get_or_insert_with(make).clone())
    }
}
