//! The words that compiled code looks at to see whether another thread wants something: one pair
//! in each context of a store, so that looking costs a single load.

use std::sync::atomic::Ordering;

use probity_interp::layout::Poll;

use crate::sync::{Monitor, Primitives};

/// All of a store's.
pub(super) struct Polls<P: Primitives, W: Send>(P::Monitor<State<W>>);

struct State<W> {
    words: Vec<W>,
    armed: bool,
    /// The store's stack limit.
    limit: u64,
    /// Loops are to believe that there always is a request.
    always: bool,
}

/// A pair of words.
pub(super) trait PollWord {
    /// Stack limit of compiled code, and whether its loops are to find a request.
    fn publish(&self, limit: u64, request: bool);
}

/// A pair of words in a context.
#[derive(Debug)]
pub(super) struct ContextWord(*const Poll);

impl ContextWord {
    /// # Safety
    /// The words must stay valid until [`Polls::forget`].
    pub(super) unsafe fn new(poll: *const Poll) -> ContextWord {
        ContextWord(poll)
    }
}

// SAFETY: the words are atomic, and are taken off the list before their context goes.
unsafe impl Send for ContextWord {}

impl PollWord for ContextWord {
    fn publish(&self, limit: u64, request: bool) {
        // SAFETY: contexts live until their store takes the words off the list.
        let poll = unsafe { &*self.0 };
        poll.limit.store(limit, Ordering::SeqCst);
        poll.request.store(request.into(), Ordering::SeqCst);
    }
}

impl<W: PollWord> State<W> {
    fn publish(&self, word: &W) {
        let limit = if self.armed { 0 } else { self.limit };
        word.publish(limit, self.armed || self.always);
    }
}

impl<P: Primitives, W: PollWord + Send> Polls<P, W> {
    pub(super) fn new() -> Self {
        Polls(P::Monitor::new(State {
            words: Vec::new(),
            armed: false,
            limit: 0,
            always: false,
        }))
    }

    pub(super) fn set_limit(&self, limit: u64, always: bool) {
        self.0
            .with(|state| (state.limit, state.always) = (limit, always));
    }

    pub(super) fn add(&self, word: W) {
        self.0.with(|state| {
            state.publish(&word);
            state.words.push(word);
        });
    }

    /// The store goes.
    pub(super) fn forget(&self) {
        self.0.with(|state| state.words.clear());
    }

    /// Says whether there is a request, which `is_there` looks up under the lock: of two threads
    /// that do this, the later one knows what the earlier one did.
    pub(super) fn update(&self, is_there: impl FnOnce() -> bool) {
        self.0.with(|state| {
            state.armed = is_there();
            for word in &state.words {
                state.publish(word);
            }
        });
    }
}
