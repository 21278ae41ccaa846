//! The probe contract (points 1 to 7), however code is executed. A test's name begins
//! with the point that it holds: `c3_...`.
//!
//! 1. Insert returns a handle; effect before the next execution of the site in any frame.
//! 2. Remove takes effect after the current fire.
//! 3. Changes made while a site fires are deferred to the end of that site's list; guest
//!    code called from a probe does not fire that probe.
//! 4. Order: priority, then insertion. Entry before the first instruction, exit after the
//!    last; they pair always, with the reason.
//! 5. Observation never changes guest state; writes apply exactly once, in the frame's own
//!    function or in a caller's.
//! 6. When several probes trap, the first in order wins; a probe's error or panic is
//!    reported and never corrupts the guest.
//! 7. Frame handles die when execution resumes; the whole call stack is readable.

// Once for each tier: the tier is the name of the module that a case is in.
#![allow(clippy::duplicate_mod)]
#![forbid(unsafe_code)]

/// The whole suite, in the way that the module's name says.
macro_rules! suite {
    ($($way:ident)*) => {$(
        #[path = "."]
        mod $way {
            #[path = "guest/mod.rs"]
            mod guest;

            #[path = "probes_contract/after.rs"]
            mod after;
            #[path = "probes_contract/entry_exit.rs"]
            mod entry_exit;
            #[path = "probes_contract/events.rs"]
            mod events;
            #[path = "probes_contract/exceptions.rs"]
            mod exceptions;
            #[path = "probes_contract/failures.rs"]
            mod failures;
            #[path = "probes_contract/firing.rs"]
            mod firing;
            #[path = "probes_contract/folds.rs"]
            mod folds;
            #[path = "probes_contract/held.rs"]
            mod held;
            #[path = "probes_contract/insert.rs"]
            mod insert;
            #[path = "probes_contract/jumps.rs"]
            mod jumps;
            #[path = "probes_contract/model.rs"]
            mod model;
            #[path = "probes_contract/peers.rs"]
            mod peers;
            #[path = "probes_contract/reads.rs"]
            mod reads;
            #[path = "probes_contract/remove.rs"]
            mod remove;
            #[path = "probes_contract/outside.rs"]
            mod outside;
            #[path = "probes_contract/rings.rs"]
            mod rings;
            #[path = "probes_contract/stack_walk.rs"]
            mod stack_walk;
            #[path = "probes_contract/ticks.rs"]
            mod ticks;
            #[path = "probes_contract/values.rs"]
            mod values;
            #[path = "probes_contract/writes.rs"]
            mod writes;
        }
    )*};
}

suite! { interp jit eager osr deopt }
