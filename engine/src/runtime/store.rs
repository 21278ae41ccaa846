//! Stores: what guests consist of while they run, and the host's data beside it.

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::core::StoreCore;
use super::interrupt::InterruptHandle;
use crate::engine::Engine;
use crate::gc::HeapStats;
use crate::hook;
use crate::tier::TierStats;

/// What a store points to. The two parts are never borrowed through each other: `core` leads
/// to `data` by a pointer.
#[repr(C)]
struct StoreImpl<T> {
    core: StoreCore,
    data: T,
}

/// Owns instances, functions, memories, tables and globals, and data of the host, which its
/// host functions reach through their [`Caller`](crate::Caller).
///
/// ```
/// use probity_engine::{Engine, Store};
///
/// let mut store = Store::new(&Engine::default(), vec![1]);
/// store.data_mut().push(2);
/// assert_eq!(store.into_data(), [1, 2]);
/// ```
pub struct Store<T> {
    /// From a box. Not kept as one, because moving a box invalidates pointers into it.
    inner: NonNull<StoreImpl<T>>,
    owned: PhantomData<StoreImpl<T>>,
}

// SAFETY: a store owns all that it points to; the core has nothing that is bound to a thread
// but the pointer to `data`, which moves with it.
unsafe impl<T: Send> Send for Store<T> {}

/// Anything that leads to a store: `&Store<T>`, `&Caller<T>`, `&ProbeContext`.
pub trait AsContext {
    #[doc(hidden)]
    fn core(&self) -> &StoreCore;
}

/// Anything that leads to a store and may change it.
pub trait AsContextMut: AsContext {
    #[doc(hidden)]
    fn core_mut(&mut self) -> &mut StoreCore;
}

impl<T> AsContext for Store<T> {
    fn core(&self) -> &StoreCore {
        // SAFETY: valid since `new`, and borrowed as `self` is.
        unsafe { &(*self.inner.as_ptr()).core }
    }
}

impl<T> AsContextMut for Store<T> {
    fn core_mut(&mut self) -> &mut StoreCore {
        // SAFETY: valid since `new`, and borrowed as `self` is.
        unsafe { &mut (*self.inner.as_ptr()).core }
    }
}

impl<T> Drop for Store<T> {
    fn drop(&mut self) {
        // SAFETY: made by `Box::into_raw`, and nothing uses it any more.
        drop(unsafe { Box::from_raw(self.inner.as_ptr()) });
    }
}

impl<T> Store<T> {
    /// An empty store.
    pub fn new(engine: &Engine, data: T) -> Store<T> {
        let core = StoreCore::new(engine);
        let inner = Box::into_raw(Box::new(StoreImpl { core, data }));
        // SAFETY: just made from a box. The pointer to the data is derived from that to the
        // whole, so that neither part's references invalidate those to the other.
        unsafe {
            (*inner)
                .core
                .set_host_data(NonNull::new_unchecked(&raw mut (*inner).data).cast());
            Store {
                inner: NonNull::new_unchecked(inner),
                owned: PhantomData,
            }
        }
    }

    /// The store's engine.
    pub fn engine(&self) -> &Engine {
        self.core().engine()
    }

    /// The host's data.
    pub fn data(&self) -> &T {
        // SAFETY: valid since `new`, and borrowed as `self` is.
        unsafe { &(*self.inner.as_ptr()).data }
    }

    /// The host's data.
    pub fn data_mut(&mut self) -> &mut T {
        // SAFETY: valid since `new`, and borrowed as `self` is.
        unsafe { &mut (*self.inner.as_ptr()).data }
    }

    /// Ends the store; gives the host's data back.
    pub fn into_data(self) -> T {
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: made by `Box::into_raw`; `this` is not dropped.
        let inner = unsafe { Box::from_raw(this.inner.as_ptr()) };
        inner.data
    }

    /// Limits the fuel that guests may consume from now on; `None` takes the limit away.
    ///
    /// Compiled code counts from then on: functions are compiled again, unless
    /// [`Config::count_fuel`](crate::Config::count_fuel) had them counted from the start.
    ///
    /// The guest ends with [`TrapCode::OutOfFuel`](crate::TrapCode::OutOfFuel) before the first
    /// operator that would exceed it. Bulk operations charge 1 per 16 bytes or element against
    /// the limit (not in [`Store::fuel_consumed`]).
    ///
    /// ```
    /// use probity_engine::{Engine, Instance, Module, Store, TrapCode};
    ///
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, r#"(module (func (export "spin") (loop br 0)))"#)?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// let spin = instance.get_typed_func::<(), ()>(&store, "spin")?;
    /// store.set_fuel_limit(Some(1000));
    /// let error = spin.call(&mut store, ()).unwrap_err();
    /// assert_eq!(error.trap().unwrap().code(), TrapCode::OutOfFuel);
    /// assert_eq!(store.fuel_consumed(), 1000);
    /// # Ok::<(), probity_engine::Error>(())
    /// ```
    pub fn set_fuel_limit(&mut self, fuel: Option<u64>) {
        self.core_mut().limit_fuel(fuel);
    }

    /// Fuel consumed since the store was made, by rule `fuel.v1`: 1 for each operator that
    /// does work and 1 at each function entry; exact after traps too. What compiled code does
    /// ([`Config::tier`](crate::Config::tier)) is only in it while there is a limit or somebody is told
    /// of it ([`Probes::on_fuel`](crate::hook::Probes::on_fuel)), or with [`Config::count_fuel`](crate::Config::count_fuel).
    pub fn fuel_consumed(&self) -> u64 {
        self.core().fuel_consumed()
    }

    /// Limits what guests can take.
    pub fn set_limits(&mut self, limits: Limits) {
        let core = self.core_mut();
        core.heap.set_bytes_max(limits.heap_bytes_max);
        core.limits = limits;
    }

    /// Collects garbage now. It is done by itself as objects are allocated.
    pub fn gc(&mut self) {
        drop(self.core_mut().collect());
    }

    /// What the heap holds and has done.
    ///
    /// ```
    /// use probity_engine::{Engine, ExternRef, Store};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// let value = ExternRef::new(&mut store, "kept as long as the handle");
    /// store.gc();
    /// assert_eq!(store.heap_stats().objects, 1);
    /// drop(value);
    /// store.gc();
    /// assert_eq!(store.heap_stats().objects, 0);
    /// ```
    pub fn heap_stats(&self) -> HeapStats {
        self.core().heap.stats()
    }

    /// How often the store has changed between the tiers, for tests.
    #[doc(hidden)]
    pub fn tier_stats(&self) -> TierStats {
        self.core().native.stats()
    }

    /// A handle with which another thread can stop what runs in this store.
    pub fn interrupt_handle(&self) -> InterruptHandle {
        self.core().interrupt.clone()
    }

    /// The store's probe table.
    pub fn probes(&mut self) -> hook::Probes<'_> {
        hook::Probes::new(self.core_mut())
    }
}

/// Limits on what guests can take. The default has none.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Bytes of each memory.
    pub memory_bytes_max: Option<u64>,
    /// Elements of each table.
    pub table_elements_max: Option<u64>,
    /// Bytes of the heap of structures, arrays, exceptions and references to values of the host,
    /// as in [`HeapStats::bytes_reserved`]. An allocation for which a collection makes no room, or
    /// would have to be made when almost nothing was allocated since the last one, ends the guest
    /// with [`TrapCode::HeapLimit`](crate::TrapCode::HeapLimit).
    pub heap_bytes_max: Option<u64>,
    /// A growth refused because of these limits ends the guest with
    /// [`TrapCode::MemoryLimit`](crate::TrapCode::MemoryLimit) or
    /// [`TrapCode::TableLimit`](crate::TrapCode::TableLimit) instead of giving it -1.
    pub trap_on_refused_growth: bool,
}
