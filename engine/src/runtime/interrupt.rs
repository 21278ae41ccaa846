//! Stopping a guest from another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::TrapCode;

/// Stops what runs in a store, from any thread.
///
/// ```
/// use probity_engine::{Engine, Instance, Module, Store, TrapCode};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module (func (export "spin") (loop br 0)))"#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let spin = instance.get_typed_func::<(), ()>(&store, "spin")?;
/// let handle = store.interrupt_handle();
/// std::thread::spawn(move || handle.interrupt(TrapCode::Timeout));
/// let error = spin.call(&mut store, ()).unwrap_err();
/// assert_eq!(error.trap().unwrap().code(), TrapCode::Timeout);
/// # Ok::<(), probity_engine::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct InterruptHandle {
    /// 0, or 1 + the index of a code in `CODES`.
    request: Arc<AtomicU32>,
}

/// Codes that an interrupt can carry.
const CODES: [TrapCode; 2] = [TrapCode::Interrupted, TrapCode::Timeout];

impl InterruptHandle {
    /// The guest traps with `code` ([`TrapCode::Timeout`], otherwise
    /// [`TrapCode::Interrupted`]) at its next poll, within about a millisecond of
    /// running Wasm code. If no guest is running, the next one traps at once.
    pub fn interrupt(&self, code: TrapCode) {
        let index = CODES.iter().position(|&c| c == code).unwrap_or(0);
        self.request.store(index as u32 + 1, Ordering::Release);
    }

    /// Takes a pending request back; gives its code.
    pub(crate) fn take(&self) -> Option<TrapCode> {
        if self.request.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let request = self.request.swap(0, Ordering::Acquire);
        CODES.get(request.checked_sub(1)? as usize).copied()
    }
}
