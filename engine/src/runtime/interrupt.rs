//! Stopping a guest from another thread.

use std::fmt;
use std::sync::Arc;

use super::inbox::{Inbox, Wake};
use super::nudges::Nudges;
use super::polls::{ContextWord, Polls};
use super::requests::Job;
use super::shared::wait::Waiter;
use crate::error::TrapCode;
use crate::sync::Std;

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
#[derive(Clone)]
pub struct InterruptHandle {
    inbox: Arc<Inbox<Std, Job, ContextWord, Arc<Waiter>>>,
}

/// Codes that an interrupt can carry.
const CODES: [TrapCode; 2] = [TrapCode::Interrupted, TrapCode::Timeout];

impl Wake for Arc<Waiter> {
    fn wake(&self) {
        Waiter::wake(self);
    }
}

impl Default for InterruptHandle {
    /// Of no store.
    fn default() -> InterruptHandle {
        InterruptHandle {
            inbox: Arc::new(Inbox::new()),
        }
    }
}

impl fmt::Debug for InterruptHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pending = self.is_pending();
        f.debug_struct("InterruptHandle")
            .field("pending", &pending)
            .finish_non_exhaustive()
    }
}

impl InterruptHandle {
    /// The guest traps with `code` ([`TrapCode::Timeout`], otherwise
    /// [`TrapCode::Interrupted`]) at its next poll, within about a millisecond of
    /// running Wasm code; at once if it waits for another thread (`memory.atomic.wait`). If no guest is running, the next one traps at once.
    pub fn interrupt(&self, code: TrapCode) {
        let index = CODES.iter().position(|&c| c == code).unwrap_or(0);
        self.inbox.put_code(index as u32 + 1);
        self.inbox.ring(|_| self.nudge());
    }

    /// Has the store's thread do something at its next poll. Gives the job back if the store is gone.
    pub(crate) fn post(&self, job: Job) -> Result<(), Job> {
        self.inbox.put_job(job)?;
        self.inbox.ring(|_| self.nudge());
        Ok(())
    }

    /// As [`InterruptHandle::post`], by a thread that may be kept until the store's has seen it.
    pub(crate) fn post_and_nudge(&self, job: Job) -> Result<(), Job> {
        self.inbox.put_job(job)?;
        self.inbox.ring(|_| self.nudge_here());
        Ok(())
    }

    /// What compiled code of the store looks at.
    pub(super) fn polls(&self) -> &Polls<Std, ContextWord> {
        &self.inbox.polls
    }

    /// Says what a request has to wake from now on; whether one is pending already.
    pub(crate) fn wakes(&self, waiter: Option<Arc<Waiter>>) -> bool {
        self.inbox.wakes(waiter)
    }

    /// Whether anything is wanted: an interrupt or a job.
    pub(crate) fn is_pending(&self) -> bool {
        self.inbox.is_pending()
    }

    /// Whether there are jobs.
    pub(crate) fn has_jobs(&self) -> bool {
        self.inbox.has_jobs()
    }

    /// How many jobs there are.
    pub(crate) fn job_count(&self) -> usize {
        self.inbox.job_count()
    }

    /// Takes the oldest job.
    pub(crate) fn take_job(&self) -> Option<Job> {
        self.inbox.take_job()
    }

    /// The store goes. Jobs that have not been done are dropped.
    pub(super) fn close(&self) {
        drop(self.inbox.close());
    }

    pub(super) fn nudges(&self) -> &Nudges<Std> {
        &self.inbox.nudges
    }

    /// Takes a pending interrupt back; gives its code.
    pub(crate) fn take(&self) -> Option<TrapCode> {
        let number = self.inbox.take_code()?;
        CODES.get(number.checked_sub(1)? as usize).copied()
    }

    /// Whether there is an interrupt: jobs that its sender had posted before are then seen, too.
    pub(crate) fn has_code(&self) -> bool {
        self.inbox.has_code()
    }

    /// As [`InterruptHandle::take`], but an interrupt does not overtake jobs: where they cannot be done,
    /// it waits for a poll where they can.
    pub(crate) fn take_alone(&self) -> Option<TrapCode> {
        match self.has_code() && !self.has_jobs() {
            true => self.take(),
            false => None,
        }
    }

    /// The same where jobs have just been done; `seen` if there was an interrupt before that. Jobs
    /// that have come since do not hold it up: there might be new ones for ever.
    pub(crate) fn take_behind(&self, seen: bool) -> Option<TrapCode> {
        match seen {
            true => self.take(),
            false => self.take_alone(),
        }
    }
}
