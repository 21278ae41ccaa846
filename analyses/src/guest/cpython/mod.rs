//! CPython from 3.13 on, built for 32-bit WebAssembly.
//!
//! ```
//! use probity_analyses::guest::GuestRuntime;
//! use probity_analyses::guest::cpython::CPython;
//!
//! let memory = vec![0; 1 << 16];
//! let error = CPython::find(&memory).unwrap_err();
//! assert_eq!(error.to_string(), "no CPython >= 3.13 was found in the memory");
//! ```

mod code;
mod frames;
mod lines;
mod offsets;
#[cfg(test)]
pub(crate) mod synthetic;
mod unicode;

use std::collections::HashMap;

pub use code::{Code, Identity};
pub use frames::Frame;
pub use lines::{LineRange, decode as decode_lines};
pub use offsets::{Offsets, Version};

use super::{GuestError, GuestFrame, GuestRuntime, GuestStack, View};

/// A CPython in a memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CPython {
    offsets: Offsets,
}

impl CPython {
    /// Where the fields of its structures are.
    pub fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// Frames of the thread that runs, innermost first, and why there are no more.
    pub fn frames(&self, memory: &[u8]) -> (Vec<Frame>, Option<GuestError>) {
        let memory = View::new(memory);
        match frames::innermost(memory, &self.offsets) {
            Ok(innermost) => frames::walk(memory, &self.offsets, innermost),
            Err(error) => (Vec::new(), Some(error)),
        }
    }
}

impl GuestRuntime for CPython {
    fn find(memory: &[u8]) -> Result<CPython, GuestError> {
        Offsets::find(View::new(memory)).map(|offsets| CPython { offsets })
    }

    fn title(&self) -> String {
        let Version {
            major,
            minor,
            micro,
        } = self.offsets.version;
        format!("CPython {major}.{minor}.{micro}")
    }

    fn stack(&self, memory: &[u8]) -> GuestStack {
        let (frames, mut problem) = self.frames(memory);
        let mut known: HashMap<u32, Code> = HashMap::new();
        let mut stack = GuestStack::default();
        for frame in frames {
            let code = match known.get(&frame.code) {
                Some(code) => code,
                None => match Code::read(View::new(memory), &self.offsets, frame.code) {
                    Ok(code) => known.entry(frame.code).or_insert(code),
                    Err(error) => {
                        problem = Some(error);
                        break;
                    }
                },
            };
            if code.is_own() {
                continue;
            }
            stack.frames.push(GuestFrame {
                function: code.name.clone(),
                file: code.file.clone(),
                first_line: code.first_line,
                line: code.line(&self.offsets, frame.instruction),
            });
        }
        stack.problem = problem;
        stack
    }
}

#[cfg(test)]
mod tests;
