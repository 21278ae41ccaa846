//! Interpreters that run as guests, looked at from outside: what a program in their language is doing, read from the
//! module's memory without asking the program or running any of it.
//!
//! What is read is not trusted. A memory may hold an interpreter that is half made, overwritten or no interpreter at all, so
//! every address is compared with the memory's length, every chain has an end, and what is wrong is a [`GuestError`].

pub mod cpython;
mod view;

use std::fmt;
use std::sync::Arc;

pub use view::View;

/// An interpreter inside a module's memory.
pub trait GuestRuntime: Sized {
    /// Finds it.
    ///
    /// # Errors
    /// There is none, or one whose structures are not known.
    fn find(memory: &[u8]) -> Result<Self, GuestError>;

    /// What it is, with its version, for people.
    fn title(&self) -> String;

    /// What the program is doing now.
    fn stack(&self, memory: &[u8]) -> GuestStack;
}

/// A guest's stack, as far as it can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuestStack {
    /// Innermost first.
    pub frames: Vec<GuestFrame>,
    /// Why there are no more.
    pub problem: Option<GuestError>,
}

/// A call that is active in the guest's language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestFrame {
    /// Its function's name, with the names of what it is in.
    pub function: Arc<str>,
    /// The file of the function, as the guest names it.
    pub file: Arc<str>,
    /// The line where the function begins; 0 if it is not known.
    pub first_line: u32,
    /// The line that is being executed; `None` for code that is of none.
    pub line: Option<u32>,
}

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GuestError {
    /// No such interpreter is in the memory.
    NotFound(&'static str),
    /// There is one, but what its structures are is not known.
    Unknown(String),
    /// An address leads out of the memory.
    OutOfMemory {
        /// What was to be read there.
        what: &'static str,
        /// The address.
        address: u64,
    },
    /// A chain comes back to where it has been.
    Cycle(&'static str),
    /// Something is longer than it may be.
    TooLong(&'static str),
    /// Something does not have the form that it must have.
    Malformed(&'static str),
}

impl fmt::Display for GuestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GuestError::NotFound(what) => write!(f, "no {what} was found in the memory"),
            GuestError::Unknown(what) => f.write_str(what),
            GuestError::OutOfMemory { what, address } => {
                write!(f, "{what} at {address:#x} is outside of the memory")
            }
            GuestError::Cycle(what) => write!(f, "the chain of {what} is a circle"),
            GuestError::TooLong(what) => write!(f, "{what} is too long"),
            GuestError::Malformed(what) => write!(f, "{what} is malformed"),
        }
    }
}

impl std::error::Error for GuestError {}
