//! Functions that probes call with values of the frame, and nothing else: compiled code passes these in registers and
//! writes nothing down for the call.

use probity_interp::handlers::probe::Extend;
#[cfg(jit)]
use probity_interp::layout::Ctx;

use super::alone::Alone;
use super::{Probe, ProbePanic};
use crate::error::{Error, Result};
#[cfg(jit)]
use crate::runtime::core::core_of;

/// A value of the frame that a probe takes: a number. Integers are as they are, floats are their bits; what has 32 bits
/// is the lower half of 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Input {
    /// An operand; 0 is the topmost. Before an operator the operands are those that it finds, behind it there are its
    /// results.
    Operand(u32),
    /// A parameter or local.
    Local(u32),
}

/// How many values a probe can take at once.
pub const INPUTS_MAX: usize = 4;

/// A function that a probe calls with the values that it takes. An error ends the guest.
pub type ValueCallback = Box<dyn FnMut(&[u64]) -> Result<()> + Send>;

impl Probe {
    /// Calls `f` with these values of the frame at each fire, at most [`INPUTS_MAX`].
    ///
    /// ```
    /// use probity_engine::hook::{Counters, Input, Probe, Site};
    /// use probity_engine::{Engine, Instance, Module, Store};
    ///
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, r#"(module
    ///     (func (export "f") (param i32) (result i32) local.get 0 i32.const 2 i32.mul))"#)?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// let func = instance.get_func(&store, "f").unwrap();
    ///
    /// let sum = Counters::new(1);
    /// let kept = sum.clone();
    /// let (multiplies, _) = module.function(0).unwrap().operators()?[2];
    /// let probe = Probe::values([Input::Local(0), Input::Operand(0)], move |[local, result]| {
    ///     kept.add(0, (local + result) as i64);
    ///     Ok(())
    /// });
    /// store.probes().insert(func, Site::After(multiplies), probe)?;
    /// func.typed::<i32, i32>(&store)?.call(&mut store, 5)?;
    /// assert_eq!(sum.get(0), 5 + 10);
    /// # Ok::<(), probity_engine::Error>(())
    /// ```
    pub fn values<const N: usize>(
        inputs: [Input; N],
        mut f: impl FnMut([u64; N]) -> Result<()> + Send + 'static,
    ) -> Probe {
        const { assert!(N <= INPUTS_MAX, "a probe takes at most four values") };
        let callback = move |values: &[u64]| {
            let mut all = [0; N];
            all.copy_from_slice(values);
            f(all)
        };
        Probe::new(super::Action::Values {
            inputs: inputs.to_vec(),
            callback: Box::new(callback),
        })
    }
}

/// Where a value is that a probe takes, and how it becomes 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) input: Input,
    /// Its slot.
    pub(crate) slot: u32,
    pub(crate) extend: Extend,
}

impl Taken {
    /// The value.
    ///
    /// # Safety
    /// `fp` must be a live frame of the site's function that is wholly in memory.
    pub(crate) unsafe fn read(&self, fp: *mut u64) -> u64 {
        // SAFETY: by contract; the slot is one of the function's frame.
        self.extend.value(unsafe { *fp.add(self.slot as usize) })
    }
}

/// What [`super::Action::Values`] calls.
pub(crate) struct ValueCall {
    callback: Alone<ValueCallback>,
    /// How many values it takes.
    len: usize,
}

impl ValueCall {
    pub(super) fn new(callback: ValueCallback, len: usize) -> ValueCall {
        ValueCall {
            callback: Alone::new(callback),
            len,
        }
    }

    /// Calls it. A panic becomes an error.
    #[inline]
    pub(super) fn run(&self, values: &[u64; INPUTS_MAX]) -> Result<()> {
        let Some(mut callback) = self.callback.take() else {
            return Ok(());
        };
        let result = ProbePanic::contain(|| callback(&values[..self.len]));
        self.callback.put(callback);
        result
    }
}

/// Compiled code calls the function; 0 unless it has failed. What the first failure of a site is stays with the probe
/// table.
///
/// # Safety
/// `call` is one of the probes of code that is running in `ctx`.
#[cfg(jit)]
pub(crate) unsafe extern "sysv64" fn call_values(
    ctx: *mut Ctx,
    call: *const ValueCall,
    a: u64,
    b: u64,
    c: u64,
    d: u64,
) -> u64 {
    // SAFETY: by contract; the code keeps it.
    match unsafe { &*call }.run(&[a, b, c, d]) {
        Ok(()) => 0,
        // SAFETY: by contract.
        Err(error) => unsafe { fail(ctx, error) },
    }
}

/// Keeps the first failure of a site. Gives 1.
///
/// # Safety
/// Code is running in `ctx`, and has called the probe.
#[cfg(jit)]
#[cold]
pub(super) unsafe fn fail(ctx: *mut Ctx, error: Error) -> u64 {
    // SAFETY: code is running in `ctx`, and only here is the core in use.
    let core = unsafe { core_of(ctx) };
    core.probes.failed.get_or_insert(error);
    1
}
