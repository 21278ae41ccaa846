//! What other threads want of a store, and how its thread comes to see it.
//!
//! Whoever wants something first writes it down (a trap code, a job), then rings: it arms the words
//! that compiled code looks at, nudges the thread if that is in code which does not look, and
//! wakes it if it sleeps. The store's thread does it the other way round: it first says where it
//! goes (into quiet code, to sleep), then looks whether anything is written down. So one of the
//! two always sees the other.

#[cfg(test)]
mod models;

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use super::nudges::Nudges;
use super::polls::{PollWord, Polls};
use crate::sync::{Atomic, Monitor, Primitives};

/// Something asleep that can be woken.
pub(super) trait Wake {
    fn wake(&self);
}

/// See the module's documentation. `J` is a job, `W` a word that code polls, `S` a sleeper.
pub(super) struct Inbox<P: Primitives, J: Send, W: Send, S: Send> {
    /// 0, or the number of a trap code.
    code: P::U32,
    jobs: P::Monitor<Jobs<J>>,
    /// There are jobs: changes only under the lock of `jobs`.
    has_jobs: P::Bool,
    /// What the store's thread sleeps on, while a guest waits for another.
    asleep: P::Monitor<Option<S>>,
    /// What code looks at.
    pub(super) polls: Polls<P, W>,
    /// How the thread is made to look.
    pub(super) nudges: Nudges<P>,
}

/// Jobs in the order in which they came.
struct Jobs<J> {
    queue: VecDeque<J>,
    /// The store is gone.
    closed: bool,
}

impl<P: Primitives, J: Send, W: PollWord + Send, S: Wake + Send> Inbox<P, J, W, S> {
    pub(super) fn new() -> Self {
        Inbox {
            code: P::U32::new(0),
            jobs: P::Monitor::new(Jobs {
                queue: VecDeque::new(),
                closed: false,
            }),
            has_jobs: P::Bool::new(false),
            asleep: P::Monitor::new(None),
            polls: Polls::new(),
            nudges: Nudges::new(),
        }
    }

    /// Writes a trap code down; whoever does has to [ring](Inbox::ring).
    pub(super) fn put_code(&self, code: u32) {
        self.code.store(code, Ordering::SeqCst);
    }

    /// Writes a job down; whoever does has to [ring](Inbox::ring). Gives it back if the store is
    /// gone.
    pub(super) fn put_job(&self, job: J) -> Result<(), J> {
        self.jobs.with(|jobs| {
            if jobs.closed {
                return Err(job);
            }
            jobs.queue.push_back(job);
            self.has_jobs.store(true, Ordering::SeqCst);
            Ok(())
        })
    }

    /// Something has been written down. `nudge` makes the thread look that runs quiet code, if there is
    /// one; it may go on until that has looked.
    pub(super) fn ring(&self, nudge: impl FnOnce(&Nudges<P>)) {
        self.arm();
        self.asleep.with(|sleeper| {
            if let Some(sleeper) = sleeper {
                sleeper.wake();
            }
        });
        nudge(&self.nudges);
    }

    fn arm(&self) {
        self.polls.update(|| self.is_pending());
    }

    /// Whether anything is written down.
    pub(super) fn is_pending(&self) -> bool {
        self.has_code() || self.has_jobs()
    }

    pub(super) fn has_code(&self) -> bool {
        self.code.load(Ordering::SeqCst) != 0
    }

    pub(super) fn has_jobs(&self) -> bool {
        self.has_jobs.load(Ordering::SeqCst)
    }

    /// Takes the trap code back.
    pub(super) fn take_code(&self) -> Option<u32> {
        if !self.has_code() {
            return None;
        }
        let code = self.code.swap(0, Ordering::SeqCst);
        self.arm();
        Some(code)
    }

    /// How many jobs there are.
    pub(super) fn job_count(&self) -> usize {
        match self.has_jobs() {
            true => self.jobs.with(|jobs| jobs.queue.len()),
            false => 0,
        }
    }

    /// Takes the oldest job.
    pub(super) fn take_job(&self) -> Option<J> {
        let (job, is_last) = self.jobs.with(|jobs| {
            let job = jobs.queue.pop_front();
            let is_last = jobs.queue.is_empty();
            if is_last {
                self.has_jobs.store(false, Ordering::SeqCst);
            }
            (job, is_last)
        });
        if is_last {
            self.arm();
        }
        job
    }

    /// The store goes: nobody looks any more. Gives the jobs that nobody has taken.
    pub(super) fn close(&self) -> VecDeque<J> {
        self.polls.forget();
        self.jobs.with(|jobs| {
            jobs.closed = true;
            self.has_jobs.store(false, Ordering::SeqCst);
            std::mem::take(&mut jobs.queue)
        })
    }

    /// Says what is to be woken from now on; whether anything is written down already.
    pub(super) fn wakes(&self, sleeper: Option<S>) -> bool {
        self.asleep.with(|asleep| *asleep = sleeper);
        self.is_pending()
    }
}
