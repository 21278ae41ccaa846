//! Functions that probes call when a value of the frame leaves its range. Where a site fires often and most fires say
//! nothing new, such as the program counter of an interpreter that is still in the same line, compiled code compares in
//! place, and calls nothing.

use std::cell::Cell;

#[cfg(jit)]
use probity_interp::layout::Ctx;

use super::alone::Alone;
use super::value::INPUTS_MAX;
use super::{Counters, Input, Probe, ProbePanic};
use crate::error::Result;
use crate::runtime::AsContext;
use crate::runtime::core::StoreCore;
#[cfg(jit)]
use crate::runtime::core::core_of;

/// A store that may be looked at and not be changed, while its guest is between two operators: what is in its memories,
/// globals and tables.
pub struct StoreView<'a> {
    core: &'a StoreCore,
}

impl AsContext for StoreView<'_> {
    fn core(&self) -> &StoreCore {
        self.core
    }
}

/// A function that a probe calls with the store, to read from, and with the values that it takes. An error ends the guest.
pub type OutsideCallback = Box<dyn FnMut(&StoreView<'_>, &[u64]) -> Result<()> + Send>;

impl Probe {
    /// Calls `f` with these values of the frame, at most [`INPUTS_MAX`], at each fire at which one of them is outside of its
    /// range; see [`Action::Outside`](super::Action::Outside). `ranges` has two counters for each, the first at index 0.
    ///
    /// ```
    /// use probity_engine::hook::{Counters, Input, Probe, Site};
    /// use probity_engine::{Engine, Instance, Module, Store};
    ///
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, r#"(module (memory (export "memory") 1)
    ///     (data (i32.const 20) "ab")
    ///     (func (export "f") (param i32)))"#)?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// let func = instance.get_func(&store, "f").unwrap();
    /// let memory = instance.get_memory(&store, "memory").unwrap();
    ///
    /// // Nothing is inside a range of length 0.
    /// let (ranges, seen) = (Counters::new(2), Counters::new(1));
    /// let (range, found) = (ranges.clone(), seen.clone());
    /// let probe = Probe::outside([Input::Local(0)], ranges, move |store, [at]| {
    ///     found.add(0, memory.data(store)[at as usize].into());
    ///     // From now on 20 and 21 are of no interest.
    ///     range.put(0, 20);
    ///     range.put(1, 2);
    ///     Ok(())
    /// });
    /// store.probes().insert(func, Site::Entry, probe)?;
    /// let f = func.typed::<i32, ()>(&store)?;
    /// for at in [20, 21, 20, 22] {
    ///     f.call(&mut store, at)?;
    /// }
    /// assert_eq!(seen.get(0), u64::from(b'a'));
    /// # Ok::<(), probity_engine::Error>(())
    /// ```
    pub fn outside<const N: usize>(
        inputs: [Input; N],
        ranges: Counters,
        mut f: impl FnMut(&StoreView<'_>, [u64; N]) -> Result<()> + Send + 'static,
    ) -> Probe {
        const { assert!(N <= INPUTS_MAX, "a probe takes at most four values") };
        Probe::new(super::Action::Outside {
            inputs: inputs.to_vec(),
            ranges,
            first: 0,
            callback: Box::new(move |store, values| {
                let mut all = [0; N];
                all.copy_from_slice(values);
                f(store, all)
            }),
        })
    }
}

/// What [`super::Action::Outside`] does.
#[repr(C)]
pub(crate) struct OutsideCall {
    /// Where compiled code puts the values.
    #[cfg(jit)]
    values: [Cell<u64>; INPUTS_MAX],
    /// Whether the last call has failed, for compiled code: 0 if not.
    #[cfg(jit)]
    status: Cell<u64>,
    ranges: Counters,
    first: usize,
    /// How many values it takes.
    len: usize,
    callback: Alone<OutsideCallback>,
}

// SAFETY: the cells are used by code of the one store whose probe it is, on the thread that has the store; others only hold
// it. The function may go to another thread, and so may counters.
unsafe impl Send for OutsideCall {}
// SAFETY: as above.
unsafe impl Sync for OutsideCall {}

/// Offsets for compiled code.
#[cfg(jit)]
pub(crate) const VALUES: i32 = std::mem::offset_of!(OutsideCall, values) as i32;
#[cfg(jit)]
pub(crate) const CALL_STATUS: i32 = std::mem::offset_of!(OutsideCall, status) as i32;

impl OutsideCall {
    pub(super) fn new(
        callback: OutsideCallback,
        len: usize,
        ranges: Counters,
        first: usize,
    ) -> OutsideCall {
        OutsideCall {
            #[cfg(jit)]
            values: [const { Cell::new(0) }; INPUTS_MAX],
            #[cfg(jit)]
            status: Cell::new(0),
            ranges,
            first,
            len,
            callback: Alone::new(callback),
        }
    }

    /// Address of the counters, two for each value.
    #[cfg(jit)]
    pub(crate) fn ranges(&self) -> *mut u64 {
        self.ranges.address(self.first)
    }

    /// Calls it, if a value is outside. A panic becomes an error.
    pub(super) fn run(&self, core: &StoreCore, values: &[u64; INPUTS_MAX]) -> Result<()> {
        let values = &values[..self.len];
        let is_outside = |(i, value): (usize, &u64)| {
            let at = self.first + 2 * i;
            value.wrapping_sub(self.ranges.get(at)) >= self.ranges.get(at + 1)
        };
        match values.iter().enumerate().any(is_outside) {
            true => self.call(core, values),
            false => Ok(()),
        }
    }

    fn call(&self, core: &StoreCore, values: &[u64]) -> Result<()> {
        let Some(mut callback) = self.callback.take() else {
            return Ok(());
        };
        let result = ProbePanic::contain(|| callback(&StoreView { core }, values));
        self.callback.put(callback);
        result
    }
}

/// Compiled code has found a value outside, and put them all down; whether the function has failed is put down, too. What
/// the first failure of a site is stays with the probe table.
///
/// # Safety
/// As for [`call_values`](super::call_values).
#[cfg(jit)]
pub(crate) unsafe extern "sysv64" fn call_outside(ctx: *mut Ctx, call: *const OutsideCall) {
    // SAFETY: by contract; the code keeps it.
    let call = unsafe { &*call };
    let values = call.values.each_ref().map(Cell::get);
    // SAFETY: code is running in `ctx`, and only here is the core in use.
    let core = unsafe { core_of(ctx) };
    let result = call.call(core, &values[..call.len]);
    call.status.set(match result {
        Ok(()) => 0,
        // SAFETY: by contract.
        Err(error) => unsafe { super::value::fail(ctx, error) },
    });
}
