//! What a program has to do, and how it is told whether it does.

mod check;
mod load;
mod model;

pub use load::Tasks;
pub use model::{
    Build, Checker, Entry, Generator, Limits, Reference, Role, Scoring, Source, Task, Test,
    TestKind,
};
