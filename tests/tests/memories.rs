//! Memories of every kind, 64-bit tables and wide arithmetic, on the engine's public API: plain,
//! watched, counted by hand, and under every fuel limit.

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

            #[path = "memories/atomics.rs"]
            mod atomics;
            #[path = "memories/every_way.rs"]
            mod every_way;
            #[path = "memories/growth.rs"]
            mod growth;
            #[path = "memories/memory64.rs"]
            mod memory64;
            #[path = "memories/multi.rs"]
            mod multi;
            #[path = "memories/pages.rs"]
            mod pages;
            #[path = "memories/table64.rs"]
            mod table64;
            #[path = "memories/wide.rs"]
            mod wide;
        }
    )*};
}

suite! { interp jit eager osr deopt }
