//! Which thread runs compiled code of a store, and how it is made to see a request there.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;
use std::time::Duration;

use super::interrupt::InterruptHandle;
use crate::sys::nudge::{nudge, this_thread};

/// Between the first two nudges, and at most between any two: the first may come while the thread is
/// in a few instructions where it helps nothing, later ones do so if it is in code of the engine.
const PAUSE: Duration = Duration::from_micros(50);
const PAUSE_MAX: Duration = Duration::from_millis(2);

/// What a store's handle knows of the thread.
#[derive(Debug, Default)]
pub(super) struct Nudges {
    /// The thread that is in compiled code of the store; 0 if none is.
    thread: AtomicI32,
    /// Another thread nudges already.
    busy: AtomicBool,
}

impl Nudges {
    /// Nudges the thread once; whether there is one.
    fn nudge(&self) -> bool {
        let thread = self.thread.load(Ordering::SeqCst);
        if thread != 0 {
            nudge(thread);
        }
        thread != 0
    }
}

/// Where a thread was before [`InterruptHandle::enter_native`] or [`InterruptHandle::leave_native`].
#[derive(Clone, Copy)]
#[must_use]
pub(crate) struct Before(i32);

impl InterruptHandle {
    /// This thread is in compiled code from now on. Whoever asks whether a request is pending behind
    /// that, or nudges because of one, finds what the other has done.
    pub(crate) fn enter_native(&self) -> Before {
        Before(self.nudges().thread.swap(this_thread(), Ordering::SeqCst))
    }

    /// This thread is in code of the host, or in interpreted code. A nudge that comes too late does
    /// nothing there.
    pub(crate) fn leave_native(&self) -> Before {
        let thread = &self.nudges().thread;
        // Nobody else writes it.
        let before = thread.load(Ordering::Relaxed);
        thread.store(0, Ordering::Release);
        Before(before)
    }

    /// This thread is where it was before. If that is in compiled code, whoever asks whether a request
    /// is pending behind that, or nudges because of one, finds what the other has done.
    pub(crate) fn back_to(&self, before: Before) {
        let order = match before.0 {
            0 => Ordering::Release,
            _ => Ordering::SeqCst,
        };
        self.nudges().thread.store(before.0, order);
    }

    /// Makes the thread that runs compiled code see the request. It may not be where a nudge helps,
    /// so another thread goes on until it has seen it.
    pub(super) fn nudge(&self) {
        let nudges = self.nudges();
        if !nudges.nudge() || nudges.busy.swap(true, Ordering::SeqCst) {
            return;
        }
        let handle = self.clone();
        let thread = thread::Builder::new().name("probity nudge".to_owned());
        if thread.spawn(move || handle.keep_nudging()).is_err() {
            nudges.busy.store(false, Ordering::SeqCst);
        }
    }

    fn keep_nudging(&self) {
        let nudges = self.nudges();
        loop {
            let mut pause = PAUSE;
            loop {
                thread::sleep(pause);
                if !self.is_pending() || !nudges.nudge() {
                    break;
                }
                pause = (pause * 2).min(PAUSE_MAX);
            }
            nudges.busy.store(false, Ordering::SeqCst);
            // Who came in between has left it to this thread.
            let wanted = self.is_pending() && nudges.thread.load(Ordering::SeqCst) != 0;
            if !wanted || nudges.busy.swap(true, Ordering::SeqCst) {
                return;
            }
        }
    }
}
