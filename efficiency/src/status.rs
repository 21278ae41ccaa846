//! How an attempt ended.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What came of a sample, or of one test of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It ran to its end, and what it gave is right.
    Ok,
    /// The compiler refused it, or took more than it may.
    CompileError,
    /// It ran to its end, and what it gave is not right.
    Wrong,
    /// It ended with a code other than 0.
    Exit,
    /// It trapped.
    Trap,
    /// It would have used more fuel than it may.
    Fuel,
    /// It wanted more memory than it may have.
    Memory,
    /// It recursed too deep.
    Stack,
    /// It ran longer than it may.
    Wall,
    /// It wrote more than it may.
    Output,
    /// It cannot be judged here: no toolchain for its language, or imports that nothing defines.
    Unsupported,
    /// The judge failed, which says nothing about the program.
    Internal,
}

impl Status {
    /// All of them, in the order of the documentation.
    pub const ALL: [Status; 12] = [
        Status::Ok,
        Status::CompileError,
        Status::Wrong,
        Status::Exit,
        Status::Trap,
        Status::Fuel,
        Status::Memory,
        Status::Stack,
        Status::Wall,
        Status::Output,
        Status::Unsupported,
        Status::Internal,
    ];

    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::CompileError => "compile_error",
            Status::Wrong => "wrong",
            Status::Exit => "exit",
            Status::Trap => "trap",
            Status::Fuel => "fuel",
            Status::Memory => "memory",
            Status::Stack => "stack",
            Status::Wall => "wall",
            Status::Output => "output",
            Status::Unsupported => "unsupported",
            Status::Internal => "internal",
        }
    }

    /// Whether the sample says nothing about the program: it counts neither for nor against its author.
    pub fn is_unjudged(self) -> bool {
        matches!(self, Status::Unsupported | Status::Internal)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
