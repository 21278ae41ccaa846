//! Errors that end a run; the embedder finds them by `Error::downcast_ref`.

use std::fmt;

/// The guest ended itself by `proc_exit` with this code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub u32);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit with code {}", self.0)
    }
}

impl std::error::Error for Exit {}

/// The guest wanted to write more than it may
/// ([`WasiCtxBuilder::output_bytes_max`](crate::WasiCtxBuilder::output_bytes_max)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimit(pub u64);

impl fmt::Display for OutputLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "write more than {} bytes", self.0)
    }
}

impl std::error::Error for OutputLimit {}

/// A call needs a memory, and the calling module exports none as `memory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

impl fmt::Display for NoMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("call WASI: the module exports no memory named `memory`")
    }
}

impl std::error::Error for NoMemory {}
