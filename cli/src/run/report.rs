//! Delivering a report where it was asked for, or else on stderr: what a long
//! run found must not be lost to a full disk.

use std::{
    fs::File,
    io::{self, ErrorKind, Write},
};

use probity_analyses::Report;

use super::resolve::{Place, ReportTarget};
use crate::failure::say;

/// Writes the report; false if it did not reach its place.
pub fn deliver(report: &Report, target: &ReportTarget) -> bool {
    let mut bytes = Vec::new();
    if let Err(e) = report.write(target.format, &mut bytes) {
        say(&format!("failed to make the report: {e}"));
        return false;
    }
    match put(&bytes, &target.place) {
        Ok(()) => true,
        // The reader of the report has seen enough.
        Err(e) if e.kind() == ErrorKind::BrokenPipe => true,
        Err(e) => {
            let place = match &target.place {
                Place::Stderr => return false,
                Place::Stdout => "stdout".to_owned(),
                Place::File(path) => path.display().to_string(),
            };
            say(&format!(
                "failed to write the report to {place}: {e}; it follows here"
            ));
            let _ = put(&bytes, &Place::Stderr);
            false
        }
    }
}

fn put(bytes: &[u8], place: &Place) -> io::Result<()> {
    match place {
        Place::Stderr => io::stderr().lock().write_all(bytes),
        Place::Stdout => {
            let mut out = io::stdout().lock();
            out.write_all(bytes)?;
            out.flush()
        }
        Place::File(path) => {
            let mut file = File::create(path)?;
            file.write_all(bytes)?;
            file.flush()
        }
    }
}
