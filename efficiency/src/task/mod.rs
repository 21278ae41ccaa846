//! What a program has to do, and how it is told whether it does.

mod model;

pub use model::{
    Build, Checker, Entry, Generator, Limits, Reference, Role, Scoring, Source, Task, Test,
    TestKind,
};
