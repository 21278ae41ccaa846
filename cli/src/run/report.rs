//! Delivering a report, or an export, where it was asked for, or else on stderr: what a long
//! run found must not be lost to a full disk.

use std::{
    fs::File,
    io::{self, ErrorKind, Write},
};

use probity_analyses::{AnalysisReport, Report};

use super::resolve::{ExportTarget, Place, ReportTarget};
use crate::failure::say;

/// Writes the report; false if it did not reach its place.
pub fn deliver(report: &Report, target: &ReportTarget) -> bool {
    let write = |out: &mut dyn Write| report.write(target.format, out);
    write_to(&target.place, "the report", write)
}

/// Writes what the analyses found in the format of an export; false if it did not reach its
/// place.
pub fn export(analyses: &[AnalysisReport], target: &ExportTarget) -> bool {
    let what = format!("the {} export", target.format.name);
    let write = |out: &mut dyn Write| target.format.write_report(analyses, out);
    write_to(&target.place, &what, write)
}

fn write_to(
    place: &Place,
    what: &str,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> bool {
    let mut bytes = Vec::new();
    if let Err(e) = write(&mut bytes) {
        say(&format!("failed to make {what}: {e}"));
        return false;
    }
    match put(&bytes, place) {
        Ok(()) => true,
        // The reader has seen enough.
        Err(e) if e.kind() == ErrorKind::BrokenPipe => true,
        Err(_) if *place == Place::Stderr => false,
        Err(e) => {
            let place = place.name();
            say(&format!(
                "failed to write {what} to {place}: {e}; it follows here"
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
