//! The results file of a batch. Results are appended as they come, each with one write, so that a kill at any moment leaves
//! complete lines and at most one that is not; in the end the file is put into the order of the input.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::Status;
use crate::result::SampleResult;
use crate::sample::Sample;

/// What is wrong with a results file.
#[derive(Debug)]
pub struct JournalError {
    path: PathBuf,
    message: String,
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.message)
    }
}

impl std::error::Error for JournalError {}

/// What tells results apart. Only hashes are kept of it: there may be millions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key([u8; 16]);

impl Key {
    fn new(task: &str, model: &str, sample: u64, reference: Option<&str>) -> Key {
        use sha2::{Digest as _, Sha256};
        let mut hash = Sha256::new();
        for part in [task, model, reference.unwrap_or("\0")] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.update(sample.to_le_bytes());
        let digest = hash.finalize();
        Key(std::array::from_fn(|at| digest[at]))
    }

    /// Of a sample that has its number.
    pub fn of_sample(sample: &Sample) -> Key {
        let model = sample.model.as_deref().unwrap_or_default();
        Key::new(&sample.task_id, model, sample.sample_id.unwrap_or(0), None)
    }

    fn of_result(result: &SampleResult) -> Key {
        let SampleResult {
            task_id,
            model,
            sample_id,
            reference,
            ..
        } = result;
        Key::new(task_id, model, *sample_id, reference.as_deref())
    }
}

/// Where a line is, and where it belongs.
#[derive(Clone, Copy)]
struct Line {
    offset: u64,
    len: u64,
    order: u64,
}

/// Where references belong: before all samples.
const FIRST: u64 = 0;

/// A results file that is being written.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    end: u64,
    lines: HashMap<Key, Line>,
    /// By task and module.
    modules: HashMap<Key, Key>,
    statuses: BTreeMap<Status, u64>,
    duplicates: u64,
}

impl Journal {
    /// Begins a file, or goes on with one.
    ///
    /// # Errors
    /// If it cannot be read or written, or has a line that is no result.
    pub fn open(path: &Path, resume: bool) -> Result<Journal, JournalError> {
        let problem = |message: String| JournalError {
            path: path.to_owned(),
            message,
        };
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(!resume);
        let file = options
            .open(path)
            .map_err(|e| problem(format!("failed to open it: {e}")))?;
        let mut journal = Journal {
            path: path.to_owned(),
            file,
            end: 0,
            lines: HashMap::new(),
            modules: HashMap::new(),
            statuses: BTreeMap::new(),
            duplicates: 0,
        };
        journal.recover()?;
        Ok(journal)
    }

    fn problem(&self, message: impl fmt::Display) -> JournalError {
        JournalError {
            path: self.path.clone(),
            message: message.to_string(),
        }
    }

    fn failed(&self, error: io::Error) -> JournalError {
        self.problem(format!("failed to write results: {error}"))
    }

    /// Takes over the lines that are there; what a kill has cut is cut off.
    fn recover(&mut self) -> Result<(), JournalError> {
        let mut reader = BufReader::new(self.file.try_clone().map_err(|e| self.failed(e))?);
        let mut text = Vec::new();
        for number in 1u64.. {
            text.clear();
            let len = reader.read_until(b'\n', &mut text);
            let len =
                len.map_err(|e| self.problem(format!("failed to read line {number}: {e}")))? as u64;
            if text.last() != Some(&b'\n') {
                break;
            }
            let result: SampleResult = serde_json::from_slice(&text)
                .map_err(|e| self.problem(format!("line {number} is no result: {e}")))?;
            let offset = self.end;
            self.end += len;
            // The end of the order: until the sample that it is of is read.
            self.note(&result, offset, len, u64::MAX);
        }
        self.file.set_len(self.end).map_err(|e| self.failed(e))?;
        Ok(())
    }

    fn note(&mut self, result: &SampleResult, offset: u64, len: u64, order: u64) {
        let key = Key::of_result(result);
        let order = match &result.reference {
            Some(_) => FIRST,
            None => {
                *self.statuses.entry(result.status).or_default() += 1;
                order
            }
        };
        self.lines.insert(key, Line { offset, len, order });
        if !result.wasm_sha256.is_empty() && result.reference.is_none() {
            let module = Key::new(&result.task_id, &result.wasm_sha256, 0, Some("module"));
            self.modules.entry(module).or_insert(key);
        }
    }

    /// Whether there is a result of this; its place in the order is known from now on.
    pub fn order_of(&mut self, key: &Key, order: u64) -> bool {
        match self.lines.get_mut(key) {
            Some(line) => {
                line.order = order;
                true
            }
            None => false,
        }
    }

    /// The results of a task's references that are there, by their names.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn references(
        &self,
        task: &crate::task::Task,
    ) -> Result<HashMap<String, SampleResult>, JournalError> {
        let mut found = HashMap::new();
        for reference in &task.references {
            let key = Key::new(&task.task_id, "", 0, Some(&reference.id));
            if let Some(line) = self.lines.get(&key) {
                found.insert(reference.id.clone(), self.read(*line)?);
            }
        }
        Ok(found)
    }

    /// The result of the same module for the same task, if there is one.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn same_module(
        &mut self,
        task: &str,
        sha256: &str,
    ) -> Result<Option<SampleResult>, JournalError> {
        let module = Key::new(task, sha256, 0, Some("module"));
        let Some(line) = self
            .modules
            .get(&module)
            .and_then(|key| self.lines.get(key))
        else {
            return Ok(None);
        };
        let result = self.read(*line)?;
        self.duplicates += 1;
        Ok(Some(result))
    }

    fn read(&self, line: Line) -> Result<SampleResult, JournalError> {
        let bytes = self.bytes(line)?;
        serde_json::from_slice(&bytes)
            .map_err(|e| self.problem(format!("failed to read a result again: {e}")))
    }

    fn bytes(&self, line: Line) -> Result<Vec<u8>, JournalError> {
        let mut bytes = vec![0; line.len as usize];
        let read = self.file.read_exact_at(&mut bytes, line.offset);
        read.map_err(|e| self.problem(format!("failed to read a result again: {e}")))?;
        Ok(bytes)
    }

    /// Appends a result; `order` is the position of its sample.
    ///
    /// # Errors
    /// If it cannot be written; nothing of it is in the file then.
    pub fn add(&mut self, result: &SampleResult, order: u64) -> Result<(), JournalError> {
        let mut line = serde_json::to_vec(result).map_err(|e| self.problem(e))?;
        line.push(b'\n');
        let written = self
            .file
            .seek(SeekFrom::Start(self.end))
            .and_then(|_| self.file.write_all(&line));
        if let Err(error) = written {
            // A part of a line would hide those that follow it.
            drop(self.file.set_len(self.end));
            return Err(self.failed(error));
        }
        let (offset, len) = (self.end, line.len() as u64);
        self.end += len;
        self.note(result, offset, len, order);
        Ok(())
    }

    /// Adds a reference's result, unless it is there.
    ///
    /// # Errors
    /// As [`Journal::add`].
    pub fn add_reference(&mut self, result: &SampleResult) -> Result<(), JournalError> {
        match self.lines.contains_key(&Key::of_result(result)) {
            true => Ok(()),
            false => self.add(result, FIRST),
        }
    }

    /// Puts the lines into the order of the input: references by task and name, then samples. The file is replaced as a whole.
    ///
    /// # Errors
    /// If that fails; the file then is what it was.
    pub fn sort(&mut self) -> Result<(), JournalError> {
        let mut lines: Vec<(u64, Vec<u8>, Line)> = Vec::with_capacity(self.lines.len());
        for line in self.lines.values() {
            // References have no position of their own: their text, which begins with the task, is one.
            let text = if line.order == FIRST {
                self.bytes(*line)?
            } else {
                Vec::new()
            };
            lines.push((line.order, text, *line));
        }
        lines.sort_by(|a, b| {
            a.0.cmp(&b.0)
                .then_with(|| a.1.cmp(&b.1))
                .then(a.2.offset.cmp(&b.2.offset))
        });
        let dir = self.path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let mut sorted = tempfile::NamedTempFile::new_in(dir.unwrap_or(Path::new(".")))
            .map_err(|e| self.failed(e))?;
        let mut writer = BufWriter::new(sorted.as_file_mut());
        for (_, _, line) in &lines {
            let bytes = self.bytes(*line)?;
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

    /// Samples by status.
    pub fn statuses(&self) -> Vec<(Status, u64)> {
        self.statuses
            .iter()
            .map(|(status, count)| (*status, *count))
            .collect()
    }

    /// Results that were taken from another sample.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }
}
