//! The words that compiled code looks at to see whether another thread wants something: one pair
//! in each context of a store, so that looking costs a single load.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use probity_interp::layout::Poll;

/// All of a store's.
#[derive(Debug, Default)]
pub(super) struct Polls(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    words: Vec<Word>,
    armed: bool,
    /// The store's stack limit.
    limit: u64,
    /// Loops are to believe that there always is a request.
    always: bool,
}

/// A pair of words in a context.
#[derive(Debug)]
struct Word(*const Poll);

// SAFETY: the words are atomic, and are taken off the list before their context goes.
unsafe impl Send for Word {}

impl State {
    fn publish(&self, word: &Word) {
        // SAFETY: contexts live until their store takes the words off the list.
        let poll = unsafe { &*word.0 };
        let limit = if self.armed { 0 } else { self.limit };
        let request = u32::from(self.armed || self.always);
        poll.limit.store(limit, Ordering::SeqCst);
        poll.request.store(request, Ordering::SeqCst);
    }
}

impl Polls {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_limit(&self, limit: u64, always: bool) {
        let mut state = self.lock();
        (state.limit, state.always) = (limit, always);
    }

    /// # Safety
    /// The words must stay valid until [`Polls::forget`].
    pub(super) unsafe fn add(&self, poll: *const Poll) {
        let mut state = self.lock();
        state.words.push(Word(poll));
        state.publish(&state.words[state.words.len() - 1]);
    }

    /// The store goes.
    pub(super) fn forget(&self) {
        self.lock().words.clear();
    }

    /// Says whether there is a request, which `is_there` looks up under the lock: of two threads
    /// that do this, the later one knows what the earlier one did.
    pub(super) fn update(&self, is_there: impl FnOnce() -> bool) {
        let mut state = self.lock();
        state.armed = is_there();
        for word in &state.words {
            state.publish(word);
        }
    }
}
