//! The clock of a worker: ends a run that takes too long. One thread for all the runs of a worker, since one for each would take
//! longer than most of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use probity_engine::{InterruptHandle, TrapCode};

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
    /// The armed run was ended.
    fired: bool,
    over: bool,
}

struct Armed {
    deadline: Instant,
    handle: InterruptHandle,
    stop: Arc<AtomicBool>,
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

    /// Watches a run, which begins now. `stop` ends what its system calls wait for.
    pub fn arm(&self, limit: Duration, handle: InterruptHandle, stop: Arc<AtomicBool>) {
        let mut state = self.shared.state();
        state.fired = false;
        let sooner = state.armed.is_none();
        state.armed = Some(Armed {
            deadline: Instant::now() + limit,
            handle,
            stop,
        });
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
