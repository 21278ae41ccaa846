//! How a guest ended, as a report's outcome and as an exit status.

use probity_analyses::{Outcome, OutcomeCode, OutcomeKind};
use probity_engine::{BacktraceFrame, Error, ErrorKind, Trap, TrapCode};

use super::watch::Cause;
use crate::{
    failure::{INTERRUPTED, LIMIT, LOAD, TRAP, about, say},
    output::printable,
};

/// Frames shown of a backtrace: a stack overflow has a hundred thousand.
const FRAMES_MAX: usize = 50;

/// How a guest ended.
pub struct Ended {
    outcome: Outcome,
    status: u8,
    /// Path of the module that is at fault, if it is not the program's.
    module: Option<String>,
}

impl Ended {
    /// The guest came to its end.
    pub fn well() -> Ended {
        Ended::exit(0)
    }

    /// From an error of loading, linking or running.
    pub fn of_error(error: &Error, cause: Option<Cause>) -> Ended {
        if let Some(exit) = error.downcast_ref::<probity_wasi::Exit>() {
            return Ended::exit(exit.0);
        }
        let trap = error.trap().map(|trap| match (trap.code(), cause) {
            // A WASI call that gave up cannot know why it was told to.
            (TrapCode::Interrupted, Some(Cause::Timeout)) => Trap::new(TrapCode::Timeout),
            _ => trap.clone(),
        });
        let (kind, code, status) = match (&trap, error.kind()) {
            (Some(trap), _) => of_trap(trap.code()),
            (None, ErrorKind::Load(_)) => (OutcomeKind::Error, "load", LOAD),
            (None, ErrorKind::Link(_)) => (OutcomeKind::Error, "link", LOAD),
            (None, ErrorKind::Host(_)) => (OutcomeKind::Error, "host", LOAD),
            (None, ErrorKind::Exception(_)) => (OutcomeKind::Trap, "exception", TRAP),
            (None, ErrorKind::Usage(_)) => (OutcomeKind::Error, "usage", LOAD),
            (None, ErrorKind::Internal(_)) => (OutcomeKind::Error, "internal", LOAD),
            (None, _) => (OutcomeKind::Error, "other", LOAD),
        };
        let message = match (&trap, error.kind()) {
            // Its `Display` would add the backtrace, which stands apart here.
            (Some(trap), _) => trap.message(),
            (None, ErrorKind::Host(error)) => format!("failed to {error}"),
            (None, _) => error.to_string(),
        };
        Ended {
            outcome: Outcome {
                kind,
                code: OutcomeCode::Name(code.to_owned()),
                message,
                backtrace: backtrace(error.backtrace()),
            },
            status,
            module: None,
        }
    }

    /// Imports are missing.
    pub fn unlinked(message: String) -> Ended {
        Ended {
            outcome: Outcome {
                kind: OutcomeKind::Error,
                code: OutcomeCode::Name("link".to_owned()),
                message,
                backtrace: Vec::new(),
            },
            status: LOAD,
            module: None,
        }
    }

    /// The same, of a module other than the program's.
    pub fn of_module(mut self, path: String) -> Ended {
        if self.outcome.kind == OutcomeKind::Error {
            self.outcome.message = about(&path, &self.outcome.message);
        }
        self.module = Some(path);
        self
    }

    fn exit(code: u32) -> Ended {
        Ended {
            outcome: Outcome {
                kind: OutcomeKind::Exit,
                code: OutcomeCode::Number(code),
                message: String::new(),
                backtrace: Vec::new(),
            },
            // A process has 8 bits for it.
            status: code.to_le_bytes()[0],
            module: None,
        }
    }

    /// Tells the user, unless the guest ended by itself.
    pub fn say(&self, program: &str) {
        let message = &self.outcome.message;
        let mut text = match self.outcome.kind {
            OutcomeKind::Exit => return,
            OutcomeKind::Trap => format!("trap: {message}"),
            OutcomeKind::Limit => format!("ended: {message}"),
            OutcomeKind::Error if self.module.is_some() => message.clone(),
            OutcomeKind::Error => about(program, message),
        };
        for line in &self.outcome.backtrace {
            text.push_str("\n  ");
            text.push_str(line);
        }
        say(&text);
    }

    /// Outcome and exit status.
    pub fn into_parts(self) -> (Outcome, u8) {
        (self.outcome, self.status)
    }
}

/// Kind, name in reports and exit status of a trap.
fn of_trap(code: TrapCode) -> (OutcomeKind, &'static str, u8) {
    let (kind, status) = match code {
        TrapCode::OutOfFuel
        | TrapCode::Timeout
        | TrapCode::MemoryLimit
        | TrapCode::TableLimit
        | TrapCode::HeapLimit => (OutcomeKind::Limit, LIMIT),
        TrapCode::Interrupted => (OutcomeKind::Limit, INTERRUPTED),
        _ => (OutcomeKind::Trap, TRAP),
    };
    (kind, code.name(), status)
}

/// One line a frame, innermost first, the middle left out of a long one.
fn backtrace(frames: &[BacktraceFrame]) -> Vec<String> {
    let line = |(depth, frame): (usize, &BacktraceFrame)| {
        let name = match frame.func_name() {
            Some(name) => format!("{} (func[{}])", printable(name), frame.func_index()),
            None => format!("func[{}]", frame.func_index()),
        };
        let module = frame
            .module_name()
            .map(|m| format!(" in {}", printable(m)))
            .unwrap_or_default();
        format!("{depth:2}: {name} at {:#x}{module}", frame.pc().0)
    };
    let numbered = frames.iter().enumerate();
    if frames.len() <= FRAMES_MAX {
        return numbered.map(line).collect();
    }
    let head = FRAMES_MAX / 2;
    let tail = FRAMES_MAX - head;
    let skipped = frames.len() - FRAMES_MAX;
    let mut lines: Vec<String> = numbered.clone().take(head).map(line).collect();
    lines.push(format!("... {skipped} more frames ..."));
    lines.extend(numbered.skip(frames.len() - tail).map(line));
    lines
}
