//! In the place of nudges, on targets without a compiler: no thread ever runs machine code there.

pub(crate) fn this_thread() -> i32 {
    0
}

pub(crate) fn nudge(_: i32) {}
