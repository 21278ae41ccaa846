//! A file that lines are appended to, each with one write, so that a kill at any moment leaves complete lines and at most one that is
//! not; in the end it is put into order, as a whole.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, BufWriter, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// What is wrong with a file of results or outputs.
#[derive(Debug)]
pub struct JournalError {
    path: PathBuf,
    message: String,
}

impl JournalError {
    /// A sample's outputs cannot be kept until they are complete.
    pub(super) fn of_spool(error: &io::Error) -> JournalError {
        JournalError {
            path: std::env::temp_dir(),
            message: format!("failed to keep outputs: {error}"),
        }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.message)
    }
}

impl std::error::Error for JournalError {}

/// Where one or more whole lines are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub offset: u64,
    pub len: u64,
}

/// Whether a line is what the file is for, or why not.
type Taken = Result<(), String>;

/// The file.
pub(super) struct LineFile {
    path: PathBuf,
    file: File,
    /// Of the lines that are whole.
    end: u64,
}

impl LineFile {
    /// Begins a file, or goes on with one: `take` is given its lines, with their places. `begin` is what lines begin with, by which
    /// one that a kill has cut is told from one that is somebody else's.
    ///
    /// # Errors
    /// If it cannot be read or written, another process writes it, or a line is refused; then it is what it was.
    pub fn open(
        path: &Path,
        resume: bool,
        begin: &str,
        mut take: impl FnMut(&[u8], Place) -> Taken,
    ) -> Result<LineFile, JournalError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let problem = |message: String| JournalError {
            path: path.to_owned(),
            message,
        };
        let file = options
            .open(path)
            .map_err(|e| problem(format!("failed to open it: {e}")))?;
        if !file.metadata().is_ok_and(|data| data.is_file()) {
            return Err(problem(
                "failed to keep results there: it is no file".to_owned(),
            ));
        }
        // Where locks are not to be had, nobody is kept out.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(problem(
                "failed to open it: it is being written already".to_owned(),
            ));
        }
        let mut lines = LineFile {
            path: path.to_owned(),
            file,
            end: 0,
        };
        if resume {
            lines.recover(begin, &mut take)?;
        } else {
            lines.file.set_len(0).map_err(|e| lines.failed(e))?;
        }
        Ok(lines)
    }

    pub fn problem(&self, message: impl fmt::Display) -> JournalError {
        JournalError {
            path: self.path.clone(),
            message: message.to_string(),
        }
    }

    fn failed(&self, error: io::Error) -> JournalError {
        self.problem(format!("failed to write: {error}"))
    }

    fn recover(
        &mut self,
        begin: &str,
        take: &mut dyn FnMut(&[u8], Place) -> Taken,
    ) -> Result<(), JournalError> {
        let mut reader = BufReader::new(self.file.try_clone().map_err(|e| self.failed(e))?);
        let mut text = Vec::new();
        for number in 1u64.. {
            text.clear();
            let len = reader.read_until(b'\n', &mut text);
            let len =
                len.map_err(|e| self.problem(format!("failed to read line {number}: {e}")))? as u64;
            let place = Place {
                offset: self.end,
                len,
            };
            let taken = match text.last() {
                None => break,
                Some(b'\n') => take(&text, place),
                Some(_) => {
                    let is_ours =
                        text.starts_with(begin.as_bytes()) || begin.as_bytes().starts_with(&text);
                    match is_ours {
                        true => break,
                        false => Err("it is no result, and not a part of one".to_owned()),
                    }
                }
            };
            taken.map_err(|e| self.problem(format!("line {number}: {e}")))?;
            self.end += len;
        }
        self.file.set_len(self.end).map_err(|e| self.failed(e))
    }

    /// The bytes of lines.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn bytes(&self, place: Place) -> Result<Vec<u8>, JournalError> {
        let mut bytes = vec![0; place.len as usize];
        let read = self.file.read_exact_at(&mut bytes, place.offset);
        read.map_err(|e| self.problem(format!("failed to read a result again: {e}")))?;
        Ok(bytes)
    }

    /// Appends whole lines; where they are.
    ///
    /// # Errors
    /// If they cannot be written; nothing of them is in the file then.
    pub fn append(&mut self, lines: &mut dyn io::Read) -> Result<Place, JournalError> {
        let written = self
            .file
            .seek(SeekFrom::Start(self.end))
            .and_then(|_| io::copy(lines, &mut self.file));
        let len = match written {
            Ok(len) => len,
            Err(error) => {
                // A part of a line would hide those that follow it.
                drop(self.file.set_len(self.end));
                return Err(self.failed(error));
            }
        };
        let offset = self.end;
        self.end += len;
        Ok(Place { offset, len })
    }

    /// Leaves these lines, in this order. The file is replaced as a whole.
    ///
    /// # Errors
    /// If that fails; the file then is what it was.
    pub fn replace(&self, places: impl IntoIterator<Item = Place>) -> Result<(), JournalError> {
        let dir = self.path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let mut sorted = tempfile::NamedTempFile::new_in(dir.unwrap_or(Path::new(".")))
            .map_err(|e| self.failed(e))?;
        let mut writer = BufWriter::new(sorted.as_file_mut());
        for place in places {
            let bytes = self.bytes(place)?;
            writer.write_all(&bytes).map_err(|e| self.failed(e))?;
        }
        writer.flush().map_err(|e| self.failed(e))?;
        drop(writer);
        let permissions = self.file.metadata().map(|data| data.permissions());
        let kept = permissions.and_then(|p| sorted.as_file().set_permissions(p));
        kept.map_err(|e| self.failed(e))?;
        sorted
            .persist(&self.path)
            .map_err(|e| self.failed(e.error))?;
        Ok(())
    }
}
