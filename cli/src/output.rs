//! Writing to stdout without panics, and text that is safe to show.

use std::{
    borrow::Cow,
    io::{self, ErrorKind, Write},
};

use crate::failure::{Failure, OUTPUT};

/// Runs `write` on a buffered stdout. A reader that stops early
/// (`probity list | head -1`) is no error: the rest is dropped quietly.
/// Any other failure, a full disk for example, ends the command with status 3.
pub fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            // What is buffered cannot be written either; dropping the writer
            // would only try again.
            let _ = out.into_parts();
            Err(Failure {
                status: OUTPUT,
                message: format!("failed to write to stdout: {e}"),
            })
        }
        _ => {
            let _ = out.into_parts();
            Ok(())
        }
    }
}

/// Text in which a terminal sees no control characters: names come from the
/// module, and a module is not trusted.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        Cow::Owned(text.replace(char::is_control, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}
