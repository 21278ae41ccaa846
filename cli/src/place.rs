//! Places for reports and exports. What cannot be written where it was asked for goes to stderr: what a
//! long run found must not be lost to a full disk.

use std::{
    fs::File,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use crate::{
    failure::{Failure, say},
    progress,
};

/// A place for a report or an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The default of reports.
    Stderr,
    /// `-`
    Stdout,
    /// A file.
    File(PathBuf),
}

impl Place {
    /// What a path on the command line means.
    pub fn of(path: &Path) -> Place {
        match path == Path::new("-") {
            true => Place::Stdout,
            false => Place::File(path.to_owned()),
        }
    }

    /// Its name in messages.
    pub fn name(&self) -> String {
        match self {
            Place::Stderr => "stderr".to_owned(),
            Place::Stdout => "stdout".to_owned(),
            Place::File(path) => path.display().to_string(),
        }
    }

    /// Two outputs in one place would be neither.
    pub fn all_differ<'p>(places: impl IntoIterator<Item = &'p Place>) -> Result<(), Failure> {
        let mut seen: Vec<&Place> = Vec::new();
        for place in places {
            if seen.contains(&place) {
                let place = place.name();
                return Err(Failure::usage(format!("two outputs go to {place}")));
            }
            seen.push(place);
        }
        Ok(())
    }

    /// Writes something there, or else to stderr; false if it did not reach its place.
    pub fn deliver(
        &self,
        what: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> bool {
        let mut bytes = Vec::new();
        if let Err(e) = write(&mut bytes) {
            say(&format!("failed to make {what}: {e}"));
            return false;
        }
        match self.put(&bytes) {
            Ok(()) => true,
            // The reader has seen enough.
            Err(e) if e.kind() == ErrorKind::BrokenPipe => true,
            Err(_) if *self == Place::Stderr => false,
            Err(e) => {
                let place = self.name();
                say(&format!(
                    "failed to write {what} to {place}: {e}; it follows here"
                ));
                let _ = Place::Stderr.put(&bytes);
                false
            }
        }
    }

    fn put(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Place::Stderr => progress::stderr().write_all(bytes),
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
}
