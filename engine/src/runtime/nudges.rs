//! Which thread runs compiled code of a store, and how it is made to see a request there.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::interrupt::InterruptHandle;
use crate::sync::{Atomic, Primitives};
use crate::sys::nudge::{nudge, this_thread};

/// Between the first two nudges, and at most between any two: the first may come while the thread is
/// in a few instructions where it helps nothing, later ones do so if it is in code of the engine.
const PAUSE: Duration = Duration::from_micros(50);
const PAUSE_MAX: Duration = Duration::from_millis(2);

/// What a store's handle knows of the thread.
pub(super) struct Nudges<P: Primitives> {
    /// The thread that is in compiled code of the store; 0 if none is.
    thread: P::I32,
    /// Another thread nudges already.
    busy: P::Bool,
}

/// Where a thread was before [`Nudges::enter`] or [`Nudges::leave`].
#[derive(Clone, Copy)]
#[must_use]
pub(crate) struct Before(i32);

impl<P: Primitives> Nudges<P> {
    pub(super) fn new() -> Self {
        Nudges {
            thread: P::I32::new(0),
            busy: P::Bool::new(false),
        }
    }

    /// See [`InterruptHandle::enter_native`].
    pub(super) fn enter(&self, thread: i32) -> Before {
        Before(self.thread.swap(thread, Ordering::SeqCst))
    }

    /// See [`InterruptHandle::leave_native`].
    pub(super) fn leave(&self) -> Before {
        // Nobody else writes it.
        let before = self.thread.load(Ordering::Relaxed);
        self.thread.store(0, Ordering::Release);
        Before(before)
    }

    /// See [`InterruptHandle::back_to`].
    pub(super) fn back_to(&self, before: Before) {
        self.thread.store(before.0, Ordering::Release);
        // Each call of the host passes here. Requests are rare: they have the fence that costs something.
        P::light_fence();
    }

    /// Nudges the thread once; whether there is one.
    pub(super) fn nudge(&self, nudge: impl Fn(i32)) -> bool {
        P::heavy_fence();
        let thread = self.thread.load(Ordering::SeqCst);
        if thread != 0 {
            nudge(thread);
        }
        thread != 0
    }

    /// Whether nobody nudges over and over; from now on the caller has to, by [`Nudges::keep`].
    pub(super) fn claim(&self) -> bool {
        !self.busy.swap(true, Ordering::SeqCst)
    }

    /// Whoever has claimed it cannot.
    pub(super) fn unclaim(&self) {
        self.busy.store(false, Ordering::SeqCst);
    }

    /// Nudges the thread until no request is pending, or it is elsewhere.
    pub(super) fn keep(
        &self,
        is_pending: impl Fn() -> bool,
        nudge: impl Fn(i32),
        sleep: impl Fn(Duration),
    ) {
        loop {
            let mut pause = PAUSE;
            loop {
                sleep(pause);
                if !is_pending() || !self.nudge(&nudge) {
                    break;
                }
                pause = (pause * 2).min(PAUSE_MAX);
            }
            self.unclaim();
            // Who came in between has left it to this thread.
            P::heavy_fence();
            let wanted = is_pending() && self.thread.load(Ordering::SeqCst) != 0;
            if !wanted || !self.claim() {
                return;
            }
        }
    }
}

impl InterruptHandle {
    /// This thread is in compiled code from now on. Whoever asks whether a request is pending behind
    /// that, or nudges because of one, finds what the other has done.
    pub(crate) fn enter_native(&self) -> Before {
        self.nudges().enter(this_thread())
    }

    /// This thread is in code of the host, or in interpreted code. A nudge that comes too late does
    /// nothing there.
    pub(crate) fn leave_native(&self) -> Before {
        self.nudges().leave()
    }

    /// This thread is where it was before. If that is in compiled code, whoever asks whether a request
    /// is pending behind that, or nudges because of one, finds what the other has done.
    pub(crate) fn back_to(&self, before: Before) {
        self.nudges().back_to(before);
    }

    /// Makes the thread that runs compiled code see the request. It may not be where a nudge helps,
    /// so another thread goes on until it has seen it.
    pub(super) fn nudge(&self) {
        let nudges = self.nudges();
        if !nudges.nudge(nudge) || !nudges.claim() {
            return;
        }
        let handle = self.clone();
        let thread = thread::Builder::new().name("probity nudge".to_owned());
        if thread.spawn(move || handle.keep_nudging()).is_err() {
            nudges.unclaim();
        }
    }

    /// The same by a thread that has the time to do it itself.
    pub(super) fn nudge_here(&self) {
        let nudges = self.nudges();
        if nudges.nudge(nudge) && nudges.claim() {
            self.keep_nudging();
        }
    }

    fn keep_nudging(&self) {
        self.nudges()
            .keep(|| self.is_pending(), nudge, thread::sleep);
    }
}
