//! A limit of fuel that is held by counts, for code that counts no fuel itself.
//!
//! The watchdog has the store's own thread look at the counts now and then. A run that has taken more, or may have, is ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use probity_engine::hook::Remote;
use probity_engine::{Error, TrapCode};

use super::counted::{Counted, Totals};

/// Looks at what a run has taken. Clones look at the same run.
#[derive(Clone)]
pub(super) struct Meter {
    remote: Remote,
    run: Arc<Run>,
}

struct Run {
    counted: Counted,
    before: Totals,
    limit: u64,
    /// What it had taken when it was looked at last.
    used: AtomicU64,
    /// It was told to look, and has not yet: looking takes time, and looks that pile up would be all that the run does.
    asked: AtomicBool,
    /// It was ended, and has no more to do with whatever runs in the store.
    over: AtomicBool,
}

/// No code takes more fuel than that in a second.
const UNITS_PER_S: u64 = 10_000_000_000;
/// Looking costs time, too.
const SOONEST: Duration = Duration::from_millis(50);

impl Meter {
    /// Of a run that begins at these sums.
    pub fn new(remote: Remote, counted: &Counted, before: &Totals, limit: u64) -> Meter {
        Meter {
            remote,
            run: Arc::new(Run {
                counted: counted.clone(),
                before: before.clone(),
                limit,
                used: AtomicU64::new(0),
                asked: AtomicBool::new(false),
                over: AtomicBool::new(false),
            }),
        }
    }

    /// When it is worth another look: before that it cannot have taken more than it may.
    pub fn nap(&self) -> Duration {
        let left = self
            .run
            .limit
            .saturating_sub(self.run.used.load(Ordering::Relaxed));
        Duration::from_millis(left / (UNITS_PER_S / 1000)).max(SOONEST)
    }

    /// Has the run look at itself at its next poll.
    pub fn look(&self) {
        let run = self.run.clone();
        if run.asked.swap(true, Ordering::Relaxed) {
            return;
        }
        let looked = self.remote.run(move |context| {
            // Counts that failed are told at the end.
            if !run.over.load(Ordering::Relaxed)
                && let Ok(sums) = run.counted.totals()
                && !run.is_kept(&sums)
            {
                context.end_guest(Error::from(TrapCode::OutOfFuel));
            }
            run.asked.store(false, Ordering::Relaxed);
            Ok(())
        });
        // Nobody waits for the answer.
        drop(looked);
    }

    /// The run is over, with these sums: whether it has surely kept the limit.
    pub fn is_kept(&self, sums: &Totals) -> bool {
        self.run.over.store(true, Ordering::Relaxed);
        self.run.is_kept(sums)
    }
}

impl Run {
    fn is_kept(&self, sums: &Totals) -> bool {
        let used = sums.fuel_at_most(&self.before);
        self.used.store(used.unwrap_or(u64::MAX), Ordering::Relaxed);
        used.is_some_and(|used| used <= self.limit)
    }
}
