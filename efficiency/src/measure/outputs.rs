//! What samples print, for metrics that compare outputs: a line for each test of each sample.

use std::collections::{HashMap, HashSet};
use std::io::{self, Seek as _, Write as _};
use std::path::Path;

use tempfile::SpooledTempFile;

use super::journal::Key;
use super::line_file::{JournalError, LineFile, Place};
use crate::judge::Prepared;
use crate::sample::Sample;
use crate::score::OutputLine;

/// Bytes of a sample's outputs that are in memory before they go to a file of their own.
const SPOOLED_BYTES: usize = 4 << 20;

/// A file of outputs that is being written.
pub(super) struct OutputsFile {
    file: LineFile,
    /// The lines of each sample follow each other.
    samples: HashMap<Key, Place>,
}

impl OutputsFile {
    /// Begins a file, or goes on with one.
    ///
    /// # Errors
    /// If it cannot be read or written, or has a line that is no output.
    pub fn open(path: &Path, resume: bool) -> Result<OutputsFile, JournalError> {
        let mut samples: HashMap<Key, Place> = HashMap::new();
        let mut last: Option<Key> = None;
        let mut inputs = HashSet::new();
        let file = LineFile::open(path, resume, "{\"task_id\":", |text, place| {
            let line: OutputLine =
                serde_json::from_slice(text).map_err(|e| format!("it is no output: {e}"))?;
            let key = Key::of_output(&line);
            // A sample that a kill has kept from its result is there twice.
            if last == Some(key) && inputs.insert(line.input.clone()) {
                if let Some(whole) = samples.get_mut(&key) {
                    whole.len += place.len;
                }
                return Ok(());
            }
            last = Some(key);
            inputs = HashSet::from([line.input]);
            samples.insert(key, place);
            Ok(())
        })?;
        Ok(OutputsFile { file, samples })
    }

    /// Whether there are outputs of a sample.
    pub fn has(&self, key: &Key) -> bool {
        self.samples.contains_key(key)
    }

    /// Adds a sample's outputs, which take the place of those that were there.
    ///
    /// # Errors
    /// If they cannot be written; nothing of them is in the file then.
    pub fn add(&mut self, key: Key, mut spool: Spool) -> Result<(), JournalError> {
        let begun = spool.lines.rewind();
        begun.map_err(|e| self.file.problem(e))?;
        let place = self.file.append(&mut spool.lines)?;
        self.samples.insert(key, place);
        Ok(())
    }

    /// Adds what another sample of the same module has.
    ///
    /// # Errors
    /// As [`OutputsFile::add`].
    pub fn add_same(&mut self, other: &Key, sample: &Sample) -> Result<(), JournalError> {
        let Some(place) = self.samples.get(other) else {
            return Ok(());
        };
        let mut spool = Spool::new(sample);
        for line in self.file.bytes(*place)?.split_inclusive(|b| *b == b'\n') {
            let line: OutputLine =
                serde_json::from_slice(line).map_err(|e| self.file.problem(e))?;
            let written = spool.write(&line.input, line.output.as_deref());
            written.map_err(|e| self.file.problem(e))?;
        }
        self.add(Key::of_sample(sample), spool)
    }

    /// Puts the samples into an order. The file is replaced as a whole.
    ///
    /// # Errors
    /// If that fails; the file then is what it was.
    pub fn sort(&self, order: impl Fn(&Key) -> u64) -> Result<(), JournalError> {
        let samples = self.samples.iter();
        let mut places: Vec<(u64, Place)> =
            samples.map(|(key, place)| (order(key), *place)).collect();
        places.sort_by_key(|(order, place)| (*order, place.offset));
        self.file
            .replace(places.into_iter().map(|(_, place)| place))
    }
}

/// The outputs of one sample, until all of them are there.
pub(super) struct Spool {
    line: OutputLine,
    lines: SpooledTempFile,
}

impl Spool {
    pub fn new(sample: &Sample) -> Spool {
        Spool {
            line: OutputLine {
                task_id: sample.task_id.clone(),
                model: sample.model.clone().unwrap_or_default(),
                sample_id: sample.sample_id.unwrap_or(0),
                input: String::new(),
                output: None,
            },
            lines: SpooledTempFile::new(SPOOLED_BYTES),
        }
    }

    /// Of a sample that was not run: nothing for each test, or nothing at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn of_none(sample: &Sample, prepared: Option<&Prepared>) -> io::Result<Spool> {
        let mut spool = Spool::new(sample);
        match prepared {
            Some(prepared) => spool.fill(prepared, 0)?,
            None => spool.write("", None)?,
        }
        Ok(spool)
    }

    /// Adds the tests from this one on, which were not run.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn fill(&mut self, prepared: &Prepared, from: usize) -> io::Result<()> {
        let mut rest = prepared.tests.iter().skip(from);
        rest.try_for_each(|test| self.write(&test.id, None))
    }

    /// Adds what a test gave.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&mut self, input: &str, output: Option<&str>) -> io::Result<()> {
        self.line.input = input.to_owned();
        self.line.output = output.map(str::to_owned);
        serde_json::to_writer(&mut self.lines, &self.line)?;
        self.lines.write_all(b"\n")
    }
}
