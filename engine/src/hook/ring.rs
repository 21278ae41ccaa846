//! Buffers that probes write records to. Whoever wants the records gets them in batches.

use std::cell::Cell;
use std::sync::{Arc, OnceLock};

#[cfg(jit)]
use probity_interp::layout::Ctx;

use super::ProbePanic;
use super::alone::Alone;
use super::value::INPUTS_MAX;
use crate::error::{Error, Result};
use crate::runtime::AsContextMut;

/// Words of the longest record.
const RECORD_MAX: usize = 1 + INPUTS_MAX;

/// A function that gets a batch: whole records, in the order in which they were written. An error ends the guest.
pub type DrainCallback = Box<dyn FnMut(&[u64]) -> Result<()> + Send>;

/// A buffer that probes of one store write records to, by [`Action::Record`](super::Action::Record). When it is full, the
/// records go to a function; those that are left when the guest has ended, by [`Ring::drain`]. Clones are the same
/// buffer.
///
/// ```
/// use probity_engine::hook::{Action, Input, Probe, Ring, Site};
/// use probity_engine::{Engine, Instance, Module, Store};
/// use std::sync::{Arc, Mutex};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module (memory 1)
///     (func (export "f") (param i32) (i32.store (local.get 0) (i32.const 7))))"#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let func = instance.get_func(&store, "f").unwrap();
///
/// let trace = Arc::new(Mutex::new(Vec::new()));
/// let sink = trace.clone();
/// let ring = Ring::new(1 << 16, move |records| {
///     // Records of two words: the tag, and the address.
///     sink.lock().unwrap().extend(records.chunks_exact(2).map(|r| (r[0], r[1])));
///     Ok(())
/// });
/// let (store_pc, _) = module.function(0).unwrap().operators()?[2];
/// let record = Action::Record { ring: ring.clone(), tag: 42, inputs: vec![Input::Operand(1)] };
/// store.probes().insert(func, Site::Before(store_pc), Probe::new(record))?;
/// func.typed::<i32, ()>(&store)?.call(&mut store, 100)?;
/// ring.drain(&mut store)?;
/// assert_eq!(*trace.lock().unwrap(), [(42, 100)]);
/// # Ok::<(), probity_engine::Error>(())
/// ```
#[derive(Clone)]
pub struct Ring(pub(crate) Arc<Buffer>);

/// What running code finds of a ring.
#[repr(C)]
pub(crate) struct Buffer {
    /// Where the next record begins.
    cursor: Cell<*mut u64>,
    /// A record that ends here or behind is the last of its batch.
    limit: *mut u64,
    /// Whether handing on the last batch has failed, for compiled code: 0 if not.
    #[cfg(jit)]
    status: Cell<u64>,
    /// With room behind the limit for a whole record, but one word.
    words: *mut [u64],
    drain: Alone<DrainCallback>,
    /// The store whose probes write records.
    store: OnceLock<u64>,
}

// SAFETY: the cells are used by code of the one store that it is bound to, and by `Ring::drain`, which has that store for
// itself; others only hold it. The function may go to another thread, and so may words.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

/// Offsets for compiled code.
#[cfg(jit)]
pub(crate) const CURSOR: i32 = std::mem::offset_of!(Buffer, cursor) as i32;
#[cfg(jit)]
pub(crate) const LIMIT: i32 = std::mem::offset_of!(Buffer, limit) as i32;
#[cfg(jit)]
pub(crate) const STATUS: i32 = std::mem::offset_of!(Buffer, status) as i32;

impl Ring {
    /// A buffer whose records go to `drain` as soon as they are `words` words or more; at least one.
    pub fn new(words: usize, drain: impl FnMut(&[u64]) -> Result<()> + Send + 'static) -> Ring {
        let len = words.max(1);
        let words = Box::into_raw(vec![0; len + RECORD_MAX - 1].into_boxed_slice());
        let first = words.cast::<u64>();
        Ring(Arc::new(Buffer {
            cursor: Cell::new(first),
            limit: first.wrapping_add(len),
            #[cfg(jit)]
            status: Cell::new(0),
            words,
            drain: Alone::new(Box::new(drain)),
            store: OnceLock::new(),
        }))
    }

    /// Hands on the records that are left.
    ///
    /// # Errors
    /// The function's, or the ring is another store's.
    pub fn drain(&self, store: &mut impl AsContextMut) -> Result<()> {
        match self.0.store.get() {
            // Nobody has written anything.
            None => Ok(()),
            Some(&id) if id == store.core_mut().id() => self.0.drain(),
            Some(_) => Err(Error::usage("ring of another store")),
        }
    }
}

impl Buffer {
    /// From now on it is written by code of this store.
    pub(super) fn bind(&self, store: u64) -> Result<()> {
        match *self.store.get_or_init(|| store) == store {
            true => Ok(()),
            false => Err(Error::usage("ring of another store")),
        }
    }

    /// Writes a record of a tag and up to [`INPUTS_MAX`] values.
    pub(super) fn write(&self, tag: u64, values: impl Iterator<Item = u64>) -> Result<()> {
        let mut cursor = self.cursor.get();
        for word in std::iter::once(tag).chain(values.take(INPUTS_MAX)) {
            // SAFETY: records begin before the limit, behind which there is room for the longest.
            unsafe { *cursor = word };
            cursor = cursor.wrapping_add(1);
        }
        self.cursor.set(cursor);
        match cursor >= self.limit {
            true => self.drain(),
            false => Ok(()),
        }
    }

    /// Hands on what there is. A panic becomes an error.
    pub(super) fn drain(&self) -> Result<()> {
        let first = self.words.cast::<u64>();
        let bytes = self.cursor.get().addr() - first.addr();
        if bytes == 0 {
            return Ok(());
        }
        let Some(mut drain) = self.drain.take() else {
            return Ok(());
        };
        // SAFETY: that much has been written. Nobody writes meanwhile: the store's code is suspended, or does not run.
        let batch = unsafe { std::slice::from_raw_parts(first, bytes / size_of::<u64>()) };
        let result = ProbePanic::contain(|| drain(batch));
        self.cursor.set(first);
        self.drain.put(drain);
        result
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: it is from `Box::into_raw`.
        drop(unsafe { Box::from_raw(self.words) });
    }
}

/// Compiled code has filled a buffer, which then says whether handing on its records has failed. What the first failure
/// of a site is stays with the probe table.
///
/// # Safety
/// As for [`call_values`](super::call_values).
#[cfg(jit)]
pub(crate) unsafe extern "sysv64" fn drain_full(ctx: *mut Ctx, buffer: *const Buffer) {
    // SAFETY: by contract; the code keeps it.
    let buffer = unsafe { &*buffer };
    buffer.status.set(match buffer.drain() {
        Ok(()) => 0,
        // SAFETY: by contract.
        Err(error) => unsafe { super::value::fail(ctx, error) },
    });
}
