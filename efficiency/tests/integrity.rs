//! Programs that cheat, or attack the judge, are caught: one test for each guard, in every tier. No compiler is needed; for compilers
//! under attack there are shell scripts.

#[path = "integrity/builds.rs"]
mod builds;
#[path = "integrity/exhaustion.rs"]
mod exhaustion;
mod guests;
#[path = "integrity/known.rs"]
mod known;
#[path = "integrity/module.rs"]
mod module;
#[path = "integrity/start.rs"]
mod start;
#[path = "integrity/state.rs"]
mod state;
#[path = "integrity/world.rs"]
mod world;
