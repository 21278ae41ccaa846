//! A program in Python: its text, and the interpreter that it is for.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::check::hex;
use super::dir::Toolchain;
use super::job::{GENERATION, HARNESS};

/// A program that an interpreter runs.
#[derive(Clone, PartialEq, Eq)]
pub struct Program {
    /// The interpreter.
    pub toolchain: Arc<Toolchain>,
    /// Its text.
    pub source: Arc<str>,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("toolchain", &self.toolchain.title())
            .finish_non_exhaustive()
    }
}

impl Program {
    /// SHA-256 of the interpreter, the harness and the text, in hexadecimal: the same has the same counts.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for part in [
            GENERATION,
            HARNESS,
            &self.toolchain.identity(),
            &self.source,
        ] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hex(&hash.finalize())
    }
}
