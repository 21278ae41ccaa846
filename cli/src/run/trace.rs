//! The trace of a run: where it goes, and what is said when it did not get there.

use std::{
    fs::File,
    io::{self, Write},
};

use probity_analyses::{OptionInfo, Session, trace::TraceHandle};

use crate::{
    failure::{Failure, about, say},
    place::Place,
    progress,
};

pub use probity_analyses::trace::NAME;

/// What the command adds to the options of a trace.
pub const OUT: OptionInfo = OptionInfo {
    name: "out",
    default: "stderr",
    help: "the file that it is written to; `-` is stdout",
    values: &[],
};

/// A trace of the session.
pub struct Traced {
    handle: TraceHandle,
    place: Place,
}

impl Traced {
    /// Adds a trace with its options to a session. A file is opened at once; that of a flight recorder only when there
    /// is something to write.
    pub fn add(
        session: &mut Session,
        mut options: Vec<(String, String)>,
    ) -> Result<Traced, Failure> {
        let mut place = None;
        let outs: Vec<_> = options.extract_if(.., |(key, _)| key == OUT.name).collect();
        for (_, path) in outs {
            if path.is_empty() {
                return Err(Failure::usage("option out of trace names no file"));
            }
            if place.replace(Place::of(path.as_ref())).is_some() {
                return Err(Failure::usage("option out of trace is given twice"));
            }
        }
        let has = |key: &str, value: &str| {
            let mut all = options.iter();
            all.any(|(k, v)| k == key && (value.is_empty() || v == value))
        };
        if place.is_none() && has("format", "binary") {
            let message = "a binary trace needs a file: out=FILE, or out=- for stdout";
            return Err(Failure::usage(message));
        }
        let place = place.unwrap_or(Place::Stderr);
        let mut sink = Sink {
            place: place.clone(),
            file: None,
        };
        // Wrong options must not cost an old file.
        let mut trial = Session::new();
        let wrong = |e: probity_analyses::UsageError| {
            Failure::usage(format!("{e} (`probity list` shows what there is)"))
        };
        trial.add_trace(&options, io::sink()).map_err(wrong)?;
        if !has("last", "") || has("last", "off") {
            sink.open().map_err(|e| {
                let path = place.name();
                Failure::usage(format!(
                    "failed to write the trace: {}",
                    about(&path, &e.to_string())
                ))
            })?;
        }
        let handle = session.add_trace(&options, sink).map_err(wrong)?;
        Ok(Traced { handle, place })
    }

    /// Its place, if it was chosen.
    pub fn place(&self) -> Option<&Place> {
        Some(&self.place).filter(|place| **place != Place::Stderr)
    }

    /// Says what went wrong, after the run; false if the trace is not where it should be.
    pub fn tell(&self) -> bool {
        for note in self.handle.notes() {
            say(&format!("warning: {note}"));
        }
        let Some(problem) = self.handle.problem() else {
            return true;
        };
        let path = self.place.name();
        let unwritten = self.handle.unwritten();
        let follows = if unwritten.is_empty() {
            ""
        } else {
            "; they follow here"
        };
        say(&about(&path, &format!("failed to {problem}{follows}")));
        // There is no one left to tell.
        let _ = io::stderr().lock().write_all(&unwritten);
        false
    }
}

/// Writes to a place that is opened when it is needed.
struct Sink {
    place: Place,
    file: Option<File>,
}

impl Sink {
    fn open(&mut self) -> io::Result<()> {
        if let (Place::File(path), None) = (&self.place, &self.file) {
            self.file = Some(File::create(path)?);
        }
        Ok(())
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.open()?;
        match (&self.place, &mut self.file) {
            (_, Some(file)) => file.write(bytes),
            (Place::Stdout, _) => io::stdout().lock().write(bytes),
            _ => progress::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match (&self.place, &mut self.file) {
            (_, Some(file)) => file.flush(),
            (Place::Stdout, _) => io::stdout().lock().flush(),
            _ => Ok(()),
        }
    }
}
