//! What ends a guest from outside: the clock of `--timeout`, and Ctrl-C.
//!
//! Both ask the engine to trap at the guest's next poll and tell WASI calls
//! that wait (`poll_oneoff`, a read of a terminal) to give up. The cause is
//! kept here, because a WASI call that was told to stop cannot know why.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use probity_engine::{InterruptHandle, TrapCode};

use crate::failure::{Failure, INTERRUPTED, LIMIT, say};

/// How long a guest may stay in a host call that does not give up before the
/// process ends without a report.
const GRACE: Duration = Duration::from_secs(2);

/// Why a guest was ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// `--timeout` has passed.
    Timeout,
    /// Ctrl-C, SIGTERM or SIGHUP.
    Interrupt,
}

const RUNNING: u8 = 0;
const TIMED_OUT: u8 = 1;
const INTERRUPTED_BY_USER: u8 = 2;
const OVER: u8 = 3;

/// The state of the run, and the ways to end it.
struct Shared {
    /// One of the constants above; the first one to change it wins.
    state: AtomicU8,
    handle: InterruptHandle,
    wasi_stop: Arc<AtomicBool>,
}

impl Shared {
    /// Ends the guest unless it has ended or is being ended.
    fn end(&self, state: u8, code: TrapCode) -> bool {
        let first = self
            .state
            .compare_exchange(RUNNING, state, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok();
        if first {
            self.wasi_stop.store(true, Ordering::SeqCst);
            self.handle.interrupt(code);
        }
        first
    }
}

/// Watches one run.
pub struct Watch {
    shared: Arc<Shared>,
    /// Dropped to end the clock's thread.
    clock: Option<mpsc::Sender<()>>,
}

impl Watch {
    /// Starts the clock and takes over Ctrl-C.
    pub fn start(
        handle: InterruptHandle,
        wasi_stop: Arc<AtomicBool>,
        timeout: Option<Duration>,
    ) -> Result<Watch, Failure> {
        let shared = Arc::new(Shared {
            state: AtomicU8::new(RUNNING),
            handle,
            wasi_stop,
        });

        let on_signal = Arc::clone(&shared);
        ctrlc::set_handler(move || {
            // The second Ctrl-C, or one while the report is being written.
            if !on_signal.end(INTERRUPTED_BY_USER, TrapCode::Interrupted) {
                process::exit(i32::from(INTERRUPTED));
            }
        })
        .map_err(|e| Failure::load(format!("failed to handle Ctrl-C: {e}")))?;

        let clock = timeout
            .map(|timeout| {
                let (sender, receiver) = mpsc::channel();
                let shared = Arc::clone(&shared);
                thread::Builder::new()
                    .name("timeout".to_owned())
                    .spawn(move || clock(&shared, &receiver, timeout))
                    .map(|_| sender)
                    .map_err(|e| Failure::load(format!("failed to start the clock: {e}")))
            })
            .transpose()?;
        Ok(Watch { shared, clock })
    }

    /// Stops watching; says whether the guest was ended from outside.
    pub fn disarm(mut self) -> Option<Cause> {
        let state = self.shared.state.swap(OVER, Ordering::SeqCst);
        drop(self.clock.take());
        match state {
            TIMED_OUT => Some(Cause::Timeout),
            INTERRUPTED_BY_USER => Some(Cause::Interrupt),
            _ => None,
        }
    }
}

/// The clock's thread.
fn clock(shared: &Shared, over: &mpsc::Receiver<()>, timeout: Duration) {
    let passed = |time| over.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
    if passed(timeout)
        && shared.end(TIMED_OUT, TrapCode::Timeout)
        && passed(GRACE)
        && shared.state.load(Ordering::SeqCst) == TIMED_OUT
    {
        say("time limit reached while the guest waits in a host call; no report");
        process::exit(i32::from(LIMIT));
    }
}
