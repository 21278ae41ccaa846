//! The collected heap through the public API: what is reachable stays, what is not goes, however
//! the guest is watched and however often the collector runs.

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

            #[path = "gc/exceptions.rs"]
            mod exceptions;
            #[path = "gc/handles.rs"]
            mod handles;
            #[path = "gc/limits.rs"]
            mod limits;
            #[path = "gc/objects.rs"]
            mod objects;
            #[path = "gc/roots.rs"]
            mod roots;
            #[path = "gc/ways.rs"]
            mod ways;
        }
    )*};
}

suite! { interp jit eager osr deopt }
