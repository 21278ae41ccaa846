//! Ends runs that do not end by themselves, because something went wrong.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use probity_engine::{InterruptHandle, TrapCode};

/// How long a run may take; usual ones take milliseconds.
const LIMIT: Duration = Duration::from_secs(30);

/// The thread that watches. One run at a time.
pub struct Watchdog {
    state: Arc<(Mutex<State>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    watched: Option<(Instant, InterruptHandle)>,
    done: bool,
}

impl Watchdog {
    /// Starts the thread.
    pub fn new() -> Watchdog {
        let state: Arc<(Mutex<State>, Condvar)> = Arc::default();
        let shared = state.clone();
        let thread = thread::spawn(move || watch(&shared));
        Watchdog {
            state,
            thread: Some(thread),
        }
    }

    /// Watches a run from now on, in place of the last one.
    pub fn watch(&self, handle: InterruptHandle) {
        let mut state = self.state.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.watched = Some((Instant::now(), handle));
    }

    /// The run has ended.
    pub fn release(&self) {
        let mut state = self.state.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.watched = None;
    }
}

impl Default for Watchdog {
    fn default() -> Watchdog {
        Watchdog::new()
    }
}

fn watch((state, wake): &(Mutex<State>, Condvar)) {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    while !state.done {
        if let Some((started, handle)) = &state.watched
            && started.elapsed() > LIMIT
        {
            handle.interrupt(TrapCode::Timeout);
        }
        let waited = wake.wait_timeout(state, Duration::from_secs(1));
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        let (state, wake) = &*self.state;
        state.lock().unwrap_or_else(PoisonError::into_inner).done = true;
        wake.notify_all();
        if let Some(thread) = self.thread.take() {
            // It does nothing that could fail.
            let _ = thread.join();
        }
    }
}
