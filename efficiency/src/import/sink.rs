//! Where imported things go: `tasks.jsonl`, `samples.jsonl` and `results.jsonl` in a folder, as they come.
//!
//! A file has its name only when all is written: what is half imported is not taken for the whole.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::ImportError;
use crate::result::SampleResult;
use crate::sample::Sample;
use crate::task::Task;

/// Warnings of one kind that are kept; of more only the number is.
const WARNINGS_MAX: usize = 1000;

/// How much was imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Tasks.
    pub tasks: u64,
    /// Samples.
    pub samples: u64,
    /// Results.
    pub results: u64,
}

/// The folder that things are imported into.
pub struct Sink {
    dir: PathBuf,
    files: [Option<BufWriter<File>>; 3],
    counts: Counts,
    warnings: Vec<String>,
    more_warnings: u64,
}

const NAMES: [&str; 3] = ["tasks.jsonl", "samples.jsonl", "results.jsonl"];

impl Sink {
    /// Into a folder, which is made if it is not there.
    ///
    /// # Errors
    /// If it cannot be made, or has such files already and they are not to be replaced.
    pub fn new(dir: &Path, is_replacing: bool) -> Result<Sink, ImportError> {
        fs::create_dir_all(dir).map_err(|e| failed("make", dir, &e))?;
        let known = NAMES.map(|name| dir.join(name));
        if let Some(known) = known.iter().find(|path| !is_replacing && path.exists()) {
            return Err(ImportError::Output(format!(
                "failed to write {}: it is there already",
                known.display()
            )));
        }
        Ok(Sink {
            dir: dir.to_owned(),
            files: [None, None, None],
            counts: Counts::default(),
            warnings: Vec::new(),
            more_warnings: 0,
        })
    }

    /// Takes a task.
    pub(super) fn task(&mut self, task: &Task) -> Result<(), ImportError> {
        self.counts.tasks += 1;
        self.write(0, task)
    }

    /// Takes a sample.
    pub(super) fn sample(&mut self, sample: &Sample) -> Result<(), ImportError> {
        self.counts.samples += 1;
        self.write(1, sample)
    }

    /// Takes a result.
    pub(super) fn result(&mut self, result: &SampleResult) -> Result<(), ImportError> {
        self.counts.results += 1;
        self.write(2, result)
    }

    /// Writes a file beside; `name` is relative to the folder.
    pub(super) fn file(&mut self, name: &Path, bytes: &[u8]) -> Result<(), ImportError> {
        let path = self.dir.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| failed("make", parent, &e))?;
        }
        fs::write(&path, bytes).map_err(|e| failed("write", &path, &e))
    }

    /// Takes what could not be carried over, once.
    pub(super) fn warn(&mut self, message: String) {
        if self.warnings.contains(&message) {
            return;
        }
        match self.warnings.len() < WARNINGS_MAX {
            true => self.warnings.push(message),
            false => self.more_warnings += 1,
        }
    }

    /// Gives the files their names.
    ///
    /// # Errors
    /// If something cannot be written.
    pub fn finish(mut self) -> Result<(Counts, Vec<String>), ImportError> {
        for (file, name) in self.files.iter_mut().zip(NAMES) {
            let path = self.dir.join(name);
            if let Some(mut file) = file.take() {
                file.flush().map_err(|e| failed("write", &path, &e))?;
                fs::rename(part(&path), &path).map_err(|e| failed("write", &path, &e))?;
            }
        }
        if self.more_warnings > 0 {
            self.warnings
                .push(format!("and {} more warnings", self.more_warnings));
        }
        Ok((self.counts, std::mem::take(&mut self.warnings)))
    }

    fn write(&mut self, which: usize, value: &impl Serialize) -> Result<(), ImportError> {
        let path = self.dir.join(NAMES[which]);
        let slot = &mut self.files[which];
        let file = match slot {
            Some(file) => file,
            None => {
                let file = File::create(part(&path)).map_err(|e| failed("write", &path, &e))?;
                slot.insert(BufWriter::new(file))
            }
        };
        let line = serde_json::to_string(value)
            .map_err(|e| ImportError::Output(format!("failed to write a line: {e}")))?;
        writeln!(file, "{line}").map_err(|e| failed("write", &path, &e))
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // Of an import that failed.
        for (file, name) in self.files.iter_mut().zip(NAMES) {
            if file.take().is_some() {
                let _ = fs::remove_file(part(&self.dir.join(name)));
            }
        }
    }
}

fn part(path: &Path) -> PathBuf {
    path.with_extension("jsonl.part")
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> ImportError {
    ImportError::Output(format!("failed to {what} {}: {error}", path.display()))
}
