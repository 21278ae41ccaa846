//! How the command ends: exit statuses, and errors that carry one.

use std::io::Write as _;

use crate::{output::printable, progress};

/// The module cannot be loaded or instantiated.
pub const LOAD: u8 = 1;
/// `probity gate`: results are worse than the baseline.
pub const WORSE: u8 = 1;
/// Wrong usage; clap uses the same.
pub const USAGE: u8 = 2;
/// The guest ended well, but output could not be written.
pub const OUTPUT: u8 = 3;
/// A limit of fuel, time or memory ended the guest (as `timeout` has it).
pub const LIMIT: u8 = 124;
/// Interrupted by Ctrl-C (128 + SIGINT).
pub const INTERRUPTED: u8 = 130;
/// The guest trapped (128 + SIGABRT).
pub const TRAP: u8 = 134;

/// An error of the command itself, with the exit status it leads to.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// Exit status.
    pub status: u8,
    /// What was wrong, without a prefix.
    pub message: String,
}

impl Failure {
    /// Wrong usage.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure {
            status: USAGE,
            message: message.into(),
        }
    }

    /// The module cannot be used.
    pub fn load(message: impl Into<String>) -> Failure {
        Failure {
            status: LOAD,
            message: message.into(),
        }
    }

    /// Says it on stderr and gives the exit status.
    pub fn report(&self) -> u8 {
        say(&self.message);
        self.status
    }
}

/// Writes a message of the command's own to stderr. There is no one left to
/// tell when that fails.
pub fn say(message: &str) {
    let mut text = String::from("probity: ");
    for (i, line) in message.lines().enumerate() {
        if i > 0 {
            text.push('\n');
        }
        text.push_str(&printable(line));
    }
    let _ = writeln!(progress::stderr(), "{text}");
}

/// `PATH: MESSAGE`, unless the message names the path itself.
pub fn about(path: &str, message: &str) -> String {
    if message.contains(path) {
        message.to_owned()
    } else {
        format!("{path}: {message}")
    }
}
