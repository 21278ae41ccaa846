//! Stores: what guests consist of while they run, and the host's data beside it.

use std::any::Any;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Func;
use super::host_func::RawHostFn;
use crate::engine::Engine;
use crate::error::{Result, TrapCode};
use crate::hook;
use crate::module::Module;
use crate::types::FuncType;

/// The part of a store that does not depend on the host's data.
///
/// Neither `Send` nor `Sync`, although all that it owns is: through a context that does not
/// say `T` (a probe's) guest code can be called, whose host functions use the data.
pub struct StoreCore {
    /// Unique in the process; handles carry it.
    id: u64,
    engine: Engine,
    /// The `T` of the store that this is part of.
    data: NonNull<()>,
    host_funcs: Vec<HostFuncEntry>,
    extern_values: Vec<Box<dyn Any + Send + Sync>>,
}

struct HostFuncEntry {
    ty: FuncType,
    name: Option<String>,
    f: RawHostFn,
}

impl StoreCore {
    fn new(engine: &Engine) -> StoreCore {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        StoreCore {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            engine: engine.clone(),
            data: NonNull::dangling(),
            host_funcs: Vec::new(),
            extern_values: Vec::new(),
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The host's data. May be used as long as the store lives, if `T` is its type.
    pub(super) fn host_data<T>(&self) -> NonNull<T> {
        self.data.cast()
    }

    /// Adds a host function. It must have been made for the `T` of this store.
    pub(crate) fn add_host_func(
        &mut self,
        ty: FuncType,
        name: Option<String>,
        f: RawHostFn,
    ) -> Func {
        let id = u32::try_from(self.host_funcs.len()).expect("fewer than 2^32 functions");
        self.host_funcs.push(HostFuncEntry { ty, name, f });
        Func { store: self.id, id }
    }

    pub(crate) fn func_type(&self, func: Func) -> &FuncType {
        &self.host_funcs[func.id as usize].ty
    }

    pub(crate) fn func_module(&self, func: Func) -> Option<(&Module, u32)> {
        unimplemented!()
    }

    pub(crate) fn func_name(&self, func: Func) -> String {
        let name = &self.host_funcs[func.id as usize].name;
        name.clone().unwrap_or_else(|| format!("func[{}]", func.id))
    }

    /// The word of a reference to a function of this store.
    pub(crate) fn funcref_to_raw(&self, func: Option<Func>) -> u64 {
        func.map_or(0, |func| u64::from(func.id) + 1)
    }

    pub(crate) fn raw_to_funcref(&self, raw: u64) -> Option<Func> {
        let id = raw.checked_sub(1)? as u32;
        Some(Func { store: self.id, id })
    }

    /// Calls a function of this store. `slots` holds the arguments and then the results; it
    /// has room for the longer list.
    pub(crate) fn call_raw(&mut self, func: Func, slots: &mut [u64]) -> Result<()> {
        let f = self.host_funcs[func.id as usize].f.clone();
        f(self, None, slots)
    }

    pub(crate) fn add_extern_value(&mut self, value: Box<dyn Any + Send + Sync>) -> u32 {
        self.extern_values.push(value);
        u32::try_from(self.extern_values.len() - 1).expect("fewer than 2^32 values")
    }

    pub(crate) fn extern_value(&self, index: u32) -> &(dyn Any + Send + Sync) {
        &*self.extern_values[index as usize]
    }

    pub(crate) fn fuel_consumed(&self) -> u64 {
        unimplemented!()
    }
}

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
            (*inner).core.data = NonNull::new_unchecked(&raw mut (*inner).data).cast();
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

    /// limit on fuel consumed from now on; None = no limit
    pub fn set_fuel_limit(&mut self, fuel: Option<u64>) {
        unimplemented!()
    }
    /// fuel (rule v1) consumed since the store was made; always counted
    pub fn fuel_consumed(&self) -> u64 {
        self.core().fuel_consumed()
    }
    /// limits on what a guest can take
    pub fn set_limits(&mut self, limits: Limits) {
        unimplemented!()
    }
    /// Sync handle for other threads (timeouts, Ctrl-C)
    pub fn interrupt_handle(&self) -> InterruptHandle {
        unimplemented!()
    }
    /// The store's probe table.
    pub fn probes(&mut self) -> hook::Probes<'_> {
        hook::Probes::new(self.core_mut())
    }
}

#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Limits {
    /// bytes, each memory
    pub memory_bytes_max: Option<u64>,
    pub table_elements_max: Option<u64>,
    /// a refused growth ends the run with TrapCode::MemoryLimit/TableLimit instead of giving -1 to the guest (R12)
    pub trap_on_refused_growth: bool,
}
#[derive(Clone)]
pub struct InterruptHandle(());
impl InterruptHandle {
    /// the running guest traps with `code` at its next poll (within about a millisecond)
    pub fn interrupt(&self, code: TrapCode) {
        unimplemented!()
    }
}
