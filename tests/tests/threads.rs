//! Several host threads on one shared memory. Each has a store of its own. What threads do may
//! happen in any order; what the tests look at does not depend on it, nor on time.

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

            #[path = "threads/ends.rs"]
            mod ends;
            #[path = "threads/host.rs"]
            mod host;
            #[path = "threads/order.rs"]
            mod order;
            #[path = "threads/team.rs"]
            mod team;
            #[path = "threads/waiting.rs"]
            mod waiting;
        }
    )*};
}

suite! { interp jit eager osr deopt }
