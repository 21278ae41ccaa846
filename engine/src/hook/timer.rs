//! Timers: requests that a thread of their own posts when it is time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::ProbePanic;
use super::remote::RequestContext;
use crate::error::{Error, Result};
use crate::runtime::InterruptHandle;
use crate::runtime::core::StoreCore;
use crate::sync::{Monitor, StdMonitor};

/// Shortest period.
const PERIOD_MIN: Duration = Duration::from_micros(10);

/// A running timer ([`Remote::every`](super::Remote::every), [`Remote::after`](super::Remote::after)).
/// Dropping it stops it.
#[must_use = "dropping a timer stops it"]
#[derive(Debug)]
pub struct Timer(Arc<Shared>);

impl Timer {
    /// Stops it. Its function is not called any more, except that a call may be under way if this is
    /// not the store's thread.
    pub fn stop(self) {}

    /// How often its function has been called.
    pub fn ticks(&self) -> u64 {
        self.0.ticks.load(Ordering::Relaxed)
    }

    /// How many ticks came to nothing: they came while another one waited or its function ran, too
    /// late, or while no guest was running.
    pub fn missed(&self) -> u64 {
        self.0.missed.load(Ordering::Relaxed)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.is_stopped.with(|stopped| *stopped = true);
        self.0.is_stopped.notify();
        // Behind the lock: whatever it owns may do anything when it goes.
        let callback = self.0.callback().take();
        drop(callback);
    }
}

/// What a timer's function is.
pub(super) type Callback = Box<dyn FnMut(&mut RequestContext<'_>) -> Result<()> + Send>;

struct Shared {
    /// Out of its place while it runs, and gone when the timer has stopped.
    callback: Mutex<Option<Callback>>,
    is_stopped: StdMonitor<bool>,
    /// A tick waits for a poll.
    is_pending: AtomicBool,
    /// It ticks over and over, and only for guests that run.
    is_periodic: bool,
    ticks: AtomicU64,
    missed: AtomicU64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("ticks", &self.ticks)
            .field("missed", &self.missed)
            .finish_non_exhaustive()
    }
}

pub(super) fn every(
    handle: InterruptHandle,
    period: Duration,
    callback: Callback,
) -> Result<Timer> {
    let period = period.max(PERIOD_MIN);
    start(callback, true, move |shared| {
        let mut next = Instant::now() + period;
        while !shared.stops_by(next) {
            if !shared.tick(&handle) {
                return;
            }
            next += period;
            // Those that are over already are not made up for.
            let late = Instant::now().saturating_duration_since(next);
            let lost = late.as_nanos().div_ceil(period.as_nanos());
            let lost = u32::try_from(lost).unwrap_or(u32::MAX);
            shared.missed.fetch_add(lost.into(), Ordering::Relaxed);
            next += period.saturating_mul(lost);
        }
    })
}

pub(super) fn after(handle: InterruptHandle, delay: Duration, callback: Callback) -> Result<Timer> {
    // What the clock cannot say is too far away to come.
    let at = Instant::now().checked_add(delay);
    start(callback, false, move |shared| {
        if !shared.stops_by(at) {
            shared.tick(&handle);
        }
    })
}

/// Makes a timer whose thread does this.
fn start(
    callback: Callback,
    is_periodic: bool,
    keep_time: impl FnOnce(Arc<Shared>) + Send + 'static,
) -> Result<Timer> {
    let timer = Timer(Arc::new(Shared {
        callback: Mutex::new(Some(callback)),
        is_stopped: StdMonitor::new(false),
        is_pending: AtomicBool::new(false),
        is_periodic,
        ticks: AtomicU64::new(0),
        missed: AtomicU64::new(0),
    }));
    let shared = timer.0.clone();
    let thread = thread::Builder::new().name("probity timer".to_owned());
    let made = thread.spawn(move || keep_time(shared));
    made.map_err(Error::host)?;
    Ok(timer)
}

impl Shared {
    fn callback(&self) -> std::sync::MutexGuard<'_, Option<Callback>> {
        self.callback.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until then; whether the timer has been stopped.
    fn stops_by(&self, deadline: impl Into<Option<Instant>>) -> bool {
        let stopped = |stopped: &mut bool| stopped.then_some(());
        self.is_stopped.wait(deadline.into(), stopped).is_some()
    }

    /// Posts a tick; false if the store is gone.
    fn tick(self: &Arc<Self>, handle: &InterruptHandle) -> bool {
        if self.is_pending.swap(true, Ordering::SeqCst) {
            self.miss();
            return true;
        }
        let shared = self.clone();
        let posted = handle.post_and_nudge(Box::new(move |core| shared.run(core)));
        posted.is_ok()
    }

    fn miss(&self) {
        self.missed.fetch_add(1, Ordering::Relaxed);
    }

    /// The store's thread has come to the tick.
    fn run(&self, core: &mut StoreCore) -> Result<()> {
        self.is_pending.store(false, Ordering::SeqCst);
        let is_idle = self.is_periodic && core.frames().next().is_none();
        let callback = match is_idle {
            true => None,
            false => self.callback().take(),
        };
        let Some(mut callback) = callback else {
            self.miss();
            return Ok(());
        };
        let mut context = RequestContext::new(core);
        let done = ProbePanic::contain(|| callback(&mut context));
        let ending = context.take_ending();
        self.ticks.fetch_add(1, Ordering::Relaxed);
        let mut place = self.callback();
        match self.is_stopped.with(|stopped| *stopped) {
            false => *place = Some(callback),
            true => {
                drop(place);
                drop(callback);
            }
        }
        done.and(ending.map_or(Ok(()), Err))
    }
}
