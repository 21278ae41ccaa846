//! Rules against small programs, their numbers worked by hand: what they match, and
//! what they find however the program is executed.

#[path = "rules/common.rs"]
mod common;
#[path = "rules/finding.rs"]
mod finding;
#[path = "rules/loops.rs"]
mod loops;
#[path = "rules/matching.rs"]
mod matching;
#[path = "rules/moments.rs"]
mod moments;
