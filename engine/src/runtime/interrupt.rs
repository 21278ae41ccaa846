//! Stopping a guest from another thread.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::nudges::Nudges;
use super::polls::Polls;
use super::shared::wait::Waiter;
use crate::error::TrapCode;

/// Stops what runs in a store, from any thread.
///
/// Where there is a compiler, the thread gets the signal `SIGURG` if it runs compiled code, which does
/// not look for requests by itself. The handler is installed with the first engine that compiles, and
/// passes on what is not the engine's; system calls that it interrupts are restarted.
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
    request: Arc<Request>,
}

#[derive(Debug, Default)]
struct Request {
    /// 0, or 1 + the index of a code in `CODES`.
    code: AtomicU32,
    /// What the store's thread sleeps on, while a guest waits for another.
    asleep: Mutex<Option<Arc<Waiter>>>,
    /// What compiled code looks at.
    polls: Polls,
    /// How the store's thread is made to look.
    nudges: Nudges,
}

/// Codes that an interrupt can carry.
const CODES: [TrapCode; 2] = [TrapCode::Interrupted, TrapCode::Timeout];

impl InterruptHandle {
    /// The guest traps with `code` ([`TrapCode::Timeout`], otherwise
    /// [`TrapCode::Interrupted`]) at its next poll, within about a millisecond of
    /// running Wasm code; at once if it waits for another thread (`memory.atomic.wait`). If no guest is running, the next one traps at once.
    pub fn interrupt(&self, code: TrapCode) {
        let index = CODES.iter().position(|&c| c == code).unwrap_or(0);
        self.request.code.store(index as u32 + 1, Ordering::SeqCst);
        self.request.polls.update(|| self.is_pending());
        self.nudge();
        let asleep = self.request.asleep.lock();
        if let Some(waiter) = &*asleep.unwrap_or_else(PoisonError::into_inner) {
            waiter.wake();
        }
    }

    /// What compiled code of the store looks at.
    pub(super) fn polls(&self) -> &Polls {
        &self.request.polls
    }

    /// Says what an interrupt has to wake from now on; whether a request is pending already.
    pub(crate) fn wakes(&self, waiter: Option<Arc<Waiter>>) -> bool {
        let asleep = self.request.asleep.lock();
        *asleep.unwrap_or_else(PoisonError::into_inner) = waiter;
        self.request.code.load(Ordering::SeqCst) != 0
    }

    /// Whether there is a request that `take` would give.
    pub(crate) fn is_pending(&self) -> bool {
        self.request.code.load(Ordering::SeqCst) != 0
    }

    pub(super) fn nudges(&self) -> &Nudges {
        &self.request.nudges
    }

    /// Takes a pending request back; gives its code.
    pub(crate) fn take(&self) -> Option<TrapCode> {
        if !self.is_pending() {
            return None;
        }
        let request = self.request.code.swap(0, Ordering::SeqCst);
        self.request.polls.update(|| self.is_pending());
        CODES.get(request.checked_sub(1)? as usize).copied()
    }
}
