//! The clock of a worker: ends a run that takes too long. One thread for all the runs of a worker, since one for each would take
//! longer than most of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use probity_engine::{InterruptHandle, TrapCode};

use super::meter::Meter;

/// Ends runs that take too long.
pub(super) struct Watchdog {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    armed: Option<Armed>,
    /// When the meter is looked at again.
    look: Option<Instant>,
    /// The armed run was ended.
    fired: bool,
    over: bool,
}

/// A run that is watched.
pub(super) struct Armed {
    pub deadline: Instant,
    pub handle: InterruptHandle,
    /// Ends what its system calls wait for.
    pub stop: Arc<AtomicBool>,
    /// What is looked at now and then.
    pub meter: Option<Meter>,
    /// How long it is likely to take to where the meter begins: looking before that says nothing.
    pub start: Duration,
}

impl Armed {
    fn next_look(&self, now: Instant) -> Option<Instant> {
        self.meter.as_ref().map(|meter| now + meter.nap())
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watchdog {
    pub fn new() -> Watchdog {
        let shared = Arc::new(Shared::default());
        let watched = shared.clone();
        Watchdog {
            shared,
            thread: Some(thread::spawn(move || watch(&watched))),
        }
    }

    /// Watches a run, which begins now.
    pub fn arm(&self, armed: Armed) {
        let mut state = self.shared.state();
        state.fired = false;
        let sooner = state.armed.is_none();
        state.look = armed.next_look(Instant::now() + armed.start);
        state.armed = Some(armed);
        if sooner {
            self.shared.changed.notify_one();
        }
    }

    /// The run is over; whether it was ended.
    pub fn disarm(&self) -> bool {
        let mut state = self.shared.state();
        // The thread sleeps on, and finds nothing to do: waking it for each run costs more than the run.
        state.armed = None;
        state.fired
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.state().over = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn watch(shared: &Shared) {
    /// How late it may find out that a run began while it slept for another one.
    const NAP: Duration = Duration::from_millis(50);
    let mut state = shared.state();
    while !state.over {
        let now = Instant::now();
        match &state.armed {
            Some(armed) if armed.deadline <= now => {
                armed.stop.store(true, Ordering::SeqCst);
                armed.handle.interrupt(TrapCode::Timeout);
                state.armed = None;
                state.fired = true;
            }
            Some(armed) if state.look.is_some_and(|look| look <= now) => {
                if let Some(meter) = &armed.meter {
                    meter.look();
                }
                state.look = armed.next_look(now);
            }
            armed => {
                let nap = match armed {
                    Some(armed) => (armed.deadline - now).min(NAP),
                    // Runs follow each other closely: a nap that finds none is the end of them.
                    None => Duration::MAX,
                };
                let waited = match nap {
                    Duration::MAX => shared.changed.wait(state),
                    nap => shared
                        .changed
                        .wait_timeout(state, nap)
                        .map(|(state, _)| state)
                        .map_err(|e| PoisonError::new(e.into_inner().0)),
                };
                state = waited.unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}
