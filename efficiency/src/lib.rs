//! Measuring how efficient programs are that somebody, or something, has written: built, judged on tests, counted exactly,
//! scored as the field's benchmarks do, and explained.
//!
//! A [`task::Task`] says what a program has to do, a [`sample::Sample`] is an attempt at it, a [`result::SampleResult`] is
//! what came of it: one line of JSON each. The judge is between them; [`score`] and everything behind reads results alone.
#![forbid(unsafe_code)]

pub mod calibrate;
pub mod card;
mod column;
pub mod compare;
pub mod feedback;
mod grid;
mod group;
pub mod growth;
pub mod import;
pub mod jsonl;
pub mod judge;
pub mod measure;
pub mod optimize;
pub mod python;
pub mod result;
pub mod sample;
pub mod score;
pub mod status;
pub mod task;
pub mod toolchain;
pub mod truth;

pub use column::Column;
pub use status::Status;
