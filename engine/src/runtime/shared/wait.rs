//! Threads that wait at addresses of a shared memory (`memory.atomic.wait`, `memory.atomic.notify`).
//!
//! The value is compared while the lists are locked, and so is every notification, so that none
//! falls between the comparison and the sleep. Each waiter sleeps on its own condition: whoever
//! interrupts its store wakes it there too.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::runtime::InterruptHandle;

/// How a wait ended, as the operator's result has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// Another thread notified.
    Notified = 0,
    /// The value was another one.
    NotEqual = 1,
    /// The time is over.
    TimedOut = 2,
    /// Another thread wants it to end.
    Interrupted,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Asleep,
    Awake,
}

/// A sleeping thread.
#[derive(Debug)]
pub(crate) struct Waiter {
    state: Mutex<State>,
    woken: Condvar,
}

impl Waiter {
    fn new() -> Arc<Waiter> {
        Arc::new(Waiter {
            state: Mutex::new(State::Asleep),
            woken: Condvar::new(),
        })
    }

    pub(crate) fn wake(&self) {
        *lock(&self.state) = State::Awake;
        self.woken.notify_one();
    }

    /// Sleeps until woken, or until the deadline: false then.
    fn sleep(&self, deadline: Option<Instant>) -> bool {
        let mut state = lock(&self.state);
        while *state == State::Asleep {
            state = match deadline {
                None => self
                    .woken
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    let woken = self.woken.wait_timeout(state, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        true
    }
}

/// Waiters by address, first come first.
#[derive(Default)]
pub(crate) struct WaitLists {
    lists: Mutex<HashMap<u64, VecDeque<Arc<Waiter>>>>,
}

impl WaitLists {
    /// Waits at `addr` if `is_equal` finds the expected value there, until notified, until the
    /// deadline (`None`: for ever), or until `interrupt` is used and `wanted`, which then says whether
    /// that ends the wait, does not go on. Meanwhile it keeps its place among those who wait.
    pub(crate) fn wait(
        &self,
        addr: u64,
        is_equal: impl FnOnce() -> bool,
        deadline: Option<Instant>,
        interrupt: &InterruptHandle,
        mut wanted: impl FnMut() -> bool,
    ) -> Outcome {
        let waiter = Waiter::new();
        {
            let mut lists = lock(&self.lists);
            if !is_equal() {
                return Outcome::NotEqual;
            }
            lists.entry(addr).or_default().push_back(waiter.clone());
        }
        let interrupted = loop {
            let woken = interrupt.wakes(Some(waiter.clone())) || waiter.sleep(deadline);
            if interrupt.wakes(None) && wanted() {
                break true;
            }
            // It may have been woken for what it had seen before.
            if !woken || !self.sleeps_again(addr, &waiter) {
                break false;
            }
        };
        match (self.remove(addr, &waiter), interrupted) {
            (false, _) => Outcome::Notified,
            (true, true) => Outcome::Interrupted,
            (true, false) => Outcome::TimedOut,
        }
    }

    /// Whoever has been woken without having been notified goes on to sleep; false if a
    /// notification came.
    fn sleeps_again(&self, addr: u64, waiter: &Arc<Waiter>) -> bool {
        let lists = lock(&self.lists);
        let list = lists.get(&addr);
        let listed = list.is_some_and(|list| list.iter().any(|other| Arc::ptr_eq(other, waiter)));
        if listed {
            *lock(&waiter.state) = State::Asleep;
        }
        listed
    }

    /// Wakes at most `count` of those who wait at `addr`, the longest first; gives how many.
    pub(crate) fn notify(&self, addr: u64, count: u32) -> u32 {
        let mut lists = lock(&self.lists);
        let Some(list) = lists.get_mut(&addr) else {
            return 0;
        };
        let woken = list.len().min(count as usize);
        for waiter in list.drain(..woken) {
            waiter.wake();
        }
        if list.is_empty() {
            lists.remove(&addr);
        }
        woken as u32
    }

    /// Takes a waiter off its list; false if a notification did so before.
    fn remove(&self, addr: u64, waiter: &Arc<Waiter>) -> bool {
        let mut lists = lock(&self.lists);
        let Some(list) = lists.get_mut(&addr) else {
            return false;
        };
        let at = list.iter().position(|other| Arc::ptr_eq(other, waiter));
        if let Some(at) = at {
            list.remove(at);
        }
        if list.is_empty() {
            lists.remove(&addr);
        }
        at.is_some()
    }
}

/// Nothing is left half done under these locks, so a panic elsewhere does not matter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::error::TrapCode;

    #[test]
    fn the_value_is_compared_and_time_passes() {
        let lists = WaitLists::default();
        let interrupt = InterruptHandle::default();
        let soon = Some(Instant::now() + Duration::from_millis(1));
        let wait = |equal, deadline, interrupt| {
            let ends = || true;
            lists.wait(8, || equal, deadline, interrupt, ends)
        };
        assert_eq!(wait(false, None, &interrupt), Outcome::NotEqual);
        assert_eq!(wait(true, soon, &interrupt), Outcome::TimedOut);
        assert_eq!(lists.notify(8, 1), 0, "whoever timed out is gone");
        interrupt.interrupt(TrapCode::Timeout);
        assert_eq!(wait(true, None, &interrupt), Outcome::Interrupted);
        assert_eq!(interrupt.take(), Some(TrapCode::Timeout));
    }

    #[test]
    fn notifications_reach_only_their_address_and_only_so_many() {
        let lists = Arc::new(WaitLists::default());
        let threads: Vec<_> = [8, 8, 8, 16]
            .map(|addr| {
                let lists = lists.clone();
                std::thread::spawn(move || {
                    lists.wait(addr, || true, None, &InterruptHandle::default(), || true)
                })
            })
            .into_iter()
            .collect();
        let notify = |addr, count, wanted| {
            let mut woken = 0;
            while woken < wanted {
                woken += lists.notify(addr, count);
                std::thread::yield_now();
            }
            assert_eq!(woken, wanted);
        };
        notify(8, 1, 2);
        notify(16, u32::MAX, 1);
        notify(8, u32::MAX, 1);
        for thread in threads {
            assert_eq!(thread.join().expect("no panic"), Outcome::Notified);
        }
    }
}
