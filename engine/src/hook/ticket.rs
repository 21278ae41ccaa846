//! Tickets: how the answer to a request comes back to whoever posted it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::sync::{Monitor, Primitives, Std};

/// The answer to a request, which the store's thread gives once the request is done.
///
/// Dropping a ticket does not take the request back; its answer is lost. Waiting for a ticket on
/// the store's own thread, for example in a host function, waits for ever: a host function has the
/// store at hand ([`Caller::probes`](crate::Caller::probes)).
#[must_use = "the answer says whether the request has been carried out"]
pub struct Ticket<R: Send>(Answer<Std, Result<R>>);

impl<R: Send> Ticket<R> {
    pub(super) fn new() -> (Sender<Std, Result<R>>, Ticket<R>) {
        let (sender, answer) = channel();
        (sender, Ticket(answer))
    }

    /// Whether the answer is there.
    pub fn is_answered(&self) -> bool {
        self.0.0.with(|state| !matches!(state, State::Open))
    }

    /// Waits for the answer.
    ///
    /// # Errors
    /// What the request says; [`ProbePanic`](super::ProbePanic) if it panicked; [`StoreGone`] if the
    /// store is dropped first. The last two are found by [`Error::downcast_ref`].
    pub fn wait(self) -> Result<R> {
        let answer = self.0.wait(None);
        answer.unwrap_or_else(|| Err(Error::host(StoreGone)))
    }

    /// As [`Ticket::wait`], no longer than `timeout`: `Err` with the ticket if there is no answer by
    /// then.
    ///
    /// # Errors
    /// The ticket, to be waited for again. The inner result is that of [`Ticket::wait`].
    pub fn wait_timeout(self, timeout: Duration) -> Result<Result<R>, Ticket<R>> {
        // A deadline beyond what the clock can say is never reached.
        let deadline = Instant::now().checked_add(timeout);
        match self.0.wait(deadline) {
            Some(answer) => Ok(answer),
            None if self.is_answered() => Ok(Err(Error::host(StoreGone))),
            None => Err(self),
        }
    }
}

impl<R: Send> fmt::Debug for Ticket<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").finish_non_exhaustive()
    }
}

/// The error of a request whose store was dropped before it was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreGone;

impl fmt::Display for StoreGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store is gone")
    }
}

impl std::error::Error for StoreGone {}

enum State<T> {
    Open,
    Answered(T),
    /// Nobody will answer.
    Gone,
}

/// A place for one answer.
pub(super) fn channel<P: Primitives, T: Send>() -> (Sender<P, T>, Answer<P, T>) {
    let state = Arc::new(P::Monitor::new(State::Open));
    (Sender(Some(state.clone())), Answer(state))
}

/// Gives the answer. If it is dropped before, there will be none.
pub(super) struct Sender<P: Primitives, T: Send>(Option<Arc<P::Monitor<State<T>>>>);

impl<P: Primitives, T: Send> Sender<P, T> {
    pub(super) fn send(mut self, answer: T) {
        if let Some(state) = self.0.take() {
            state.with(|state| *state = State::Answered(answer));
            state.notify();
        }
    }
}

impl<P: Primitives, T: Send> Drop for Sender<P, T> {
    fn drop(&mut self) {
        if let Some(state) = self.0.take() {
            state.with(|state| *state = State::Gone);
            state.notify();
        }
    }
}

/// Takes the answer.
pub(super) struct Answer<P: Primitives, T: Send>(Arc<P::Monitor<State<T>>>);

impl<P: Primitives, T: Send> Answer<P, T> {
    /// Waits for the answer; `None` if there will be none, or at the deadline.
    pub(super) fn wait(&self, deadline: Option<Instant>) -> Option<T> {
        let found = self.0.wait(deadline, |state| match state {
            State::Open => None,
            _ => Some(std::mem::replace(state, State::Gone)),
        });
        match found {
            Some(State::Answered(answer)) => Some(answer),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use loom::sync::atomic::{AtomicU64, Ordering};
    use loom::thread;

    use super::*;
    use crate::sync::add_alone;
    use crate::sync::model::Loom;

    /// The answer arrives, whenever it comes; so does the news that there is none.
    #[test]
    fn answers_arrive() {
        loom::model(|| {
            let (sender, answer) = channel::<Loom, u32>();
            let sending = thread::spawn(move || sender.send(7));
            assert_eq!(answer.wait(None), Some(7));
            sending.join().expect("no panic");

            let (sender, answer) = channel::<Loom, u32>();
            let dropping = thread::spawn(move || drop(sender));
            assert_eq!(answer.wait(None), None);
            dropping.join().expect("no panic");
        });
    }

    /// Counters of running code grow for whoever reads them, and what they are when a removal is
    /// answered, they stay.
    #[test]
    fn counters_are_final_once_removal_is_answered() {
        loom::model(|| {
            let counter = Arc::new(AtomicU64::new(0));
            let (sender, answer) = channel::<Loom, ()>();
            let running = {
                let counter = counter.clone();
                thread::spawn(move || {
                    add_alone(&*counter, 1);
                    add_alone(&*counter, 1);
                    sender.send(());
                })
            };
            let (first, second) = (
                counter.load(Ordering::Relaxed),
                counter.load(Ordering::Relaxed),
            );
            assert!(first <= second && second <= 2);
            assert_eq!(answer.wait(None), Some(()));
            assert_eq!(counter.load(Ordering::Relaxed), 2);
            running.join().expect("no panic");
        });
    }
}
