//! What a host function sees: its store's data, and the store itself.

use std::marker::PhantomData;

use super::{AsContext, AsContextMut, Extern, Instance, Memory, StoreCore};
use crate::hook;

/// What a host function sees of its caller: the host's data, the calling instance's exports,
/// and, through [`AsContextMut`], everything in the store.
///
/// ```
/// use probity_engine::{Caller, Engine, Func, Store};
///
/// let mut store = Store::new(&Engine::default(), 40);
/// let next = Func::wrap(&mut store, |mut caller: Caller<'_, i32>, step: i32| {
///     *caller.data_mut() += step;
///     *caller.data()
/// });
/// let next = next.typed::<i32, i32>(&store)?;
/// assert_eq!(next.call(&mut store, 2)?, 42);
/// assert_eq!(store.into_data(), 42);
/// # Ok::<(), probity_engine::Error>(())
/// ```
pub struct Caller<'a, T> {
    core: &'a mut StoreCore,
    instance: Option<Instance>,
    /// The data is reached through the core, anew for each use: a nested host call may make
    /// a reference to it meanwhile.
    data: PhantomData<&'a mut T>,
}

impl<'a, T> Caller<'a, T> {
    /// # Safety
    /// `core` is that of a `Store<T>`.
    pub(super) unsafe fn new(core: &'a mut StoreCore, instance: Option<Instance>) -> Caller<'a, T> {
        Caller {
            core,
            instance,
            data: PhantomData,
        }
    }

    /// The store's data.
    pub fn data(&self) -> &T {
        // SAFETY: the store is one of `T`, by the contract of `new`; this borrows the only
        // way to the store, so nobody else has a reference to the data meanwhile.
        unsafe { self.core.host_data::<T>().as_ref() }
    }

    /// The store's data.
    pub fn data_mut(&mut self) -> &mut T {
        // SAFETY: as in `data`, and the borrow is exclusive.
        unsafe { self.core.host_data::<T>().as_mut() }
    }

    /// The instance whose code calls; `None` if the host does.
    pub fn instance(&self) -> Option<Instance> {
        self.instance
    }

    /// An export of the calling instance.
    pub fn get_export(&self, name: &str) -> Option<Extern> {
        self.instance?.get_export(self, name)
    }

    /// The bytes of a memory and the store's data at once.
    ///
    /// # Panics
    /// The memory is shared: see [`Memory::data`].
    pub fn memory_and_data(&mut self, memory: Memory) -> (&mut [u8], &mut T) {
        let mut data = self.core.host_data::<T>();
        let bytes = memory.data_mut(self);
        // SAFETY: as in `data_mut`; the bytes of a memory are not part of the data.
        (bytes, unsafe { data.as_mut() })
    }

    /// The probe table of the store.
    pub fn probes(&mut self) -> hook::Probes<'_> {
        hook::Probes::new(self.core)
    }

    /// As [`Store::fuel_consumed`](crate::Store::fuel_consumed), up to this call.
    pub fn fuel_consumed(&self) -> u64 {
        self.core.fuel_consumed()
    }

    /// As [`Store::set_fuel_limit`](crate::Store::set_fuel_limit): counts from the guest's next
    /// operator on.
    pub fn set_fuel_limit(&mut self, fuel: Option<u64>) {
        self.core.limit_fuel(fuel);
    }
}

impl<T> AsContext for Caller<'_, T> {
    fn core(&self) -> &StoreCore {
        self.core
    }
}

impl<T> AsContextMut for Caller<'_, T> {
    fn core_mut(&mut self) -> &mut StoreCore {
        self.core
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engine, Func, Store};

    #[test]
    fn stores_can_be_sent_to_threads() {
        let mut store = Store::new(&Engine::default(), String::new());
        let push = Func::wrap(&mut store, |mut caller: Caller<'_, String>, x: i32| {
            caller.data_mut().push_str(&x.to_string());
        });
        let thread = std::thread::spawn(move || {
            let push = push.typed::<i32, ()>(&store).expect("right type");
            push.call(&mut store, 4).expect("no error");
            push.call(&mut store, 2).expect("no error");
            store.into_data()
        });
        assert_eq!(thread.join().expect("no panic"), "42");
    }

    #[test]
    fn the_host_has_no_calling_instance() {
        let mut store = Store::new(&Engine::default(), ());
        let ask = Func::wrap(&mut store, |caller: Caller<'_, ()>| {
            i32::from(caller.instance().is_none() && caller.get_export("memory").is_none())
        });
        let ask = ask.typed::<(), i32>(&store).expect("right type");
        assert_eq!(ask.call(&mut store, ()).expect("no error"), 1);
    }
}
