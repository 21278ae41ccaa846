//! The results file of a batch: what is done, and the results that others share.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::line_file::{JournalError, LineFile, Place};
use crate::Status;
use crate::result::SampleResult;
use crate::sample::Sample;
use crate::score::OutputLine;

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

    /// Of a sample that has outputs.
    pub fn of_output(line: &OutputLine) -> Key {
        Key::new(&line.task_id, &line.model, line.sample_id, None)
    }

    /// Of a module, for one task.
    fn of_module(task: &str, sha256: &str) -> Key {
        Key::new(task, sha256, 0, Some("module"))
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
    place: Place,
    order: u64,
    status: Status,
}

/// Where references belong: before all samples.
const FIRST: u64 = 0;
/// Behind all samples that are read.
const LAST: u64 = u64::MAX;

/// A results file that is being written.
pub(super) struct Journal {
    file: LineFile,
    lines: Lines,
    duplicates: u64,
}

#[derive(Default)]
struct Lines {
    by_key: HashMap<Key, Line>,
    /// By task and module.
    modules: HashMap<Key, Key>,
    statuses: BTreeMap<Status, u64>,
}

impl Journal {
    /// Begins a file, or goes on with one.
    ///
    /// # Errors
    /// If it cannot be read or written, or has a line that is no result, or one for other inputs than `seed_of` a task makes.
    pub fn open(
        path: &Path,
        resume: bool,
        seed_of: impl Fn(&str) -> Option<u64>,
    ) -> Result<Journal, JournalError> {
        let mut lines = Lines::default();
        let file = LineFile::open(path, resume, "{\"schema\":", |text, place| {
            let result: SampleResult =
                serde_json::from_slice(text).map_err(|e| format!("it is no result: {e}"))?;
            if let (Some(then), Some(now)) = (result.seed, seed_of(&result.task_id))
                && then != now
            {
                return Err(format!(
                    "it was measured with the seed {then}, and this run has {now}"
                ));
            }
            lines.note(&result, place, LAST);
            Ok(())
        })?;
        Ok(Journal {
            file,
            lines,
            duplicates: 0,
        })
    }

    /// Whether there is a result of this; its place in the order is known from now on.
    pub fn order_of(&mut self, key: &Key, order: u64) -> bool {
        match self.lines.by_key.get_mut(key) {
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
            if let Some(line) = self.lines.by_key.get(&key) {
                found.insert(reference.id.clone(), self.read(*line)?);
            }
        }
        Ok(found)
    }

    /// The result of the same module for the same task, if there is one, and whose it is.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn same_module(
        &self,
        task: &str,
        sha256: &str,
    ) -> Result<Option<(Key, SampleResult)>, JournalError> {
        let lines = &self.lines;
        let known = lines.modules.get(&Key::of_module(task, sha256));
        let Some((key, line)) = known.and_then(|key| Some((key, lines.by_key.get(key)?))) else {
            return Ok(None);
        };
        let result = self.read(*line)?;
        // A sample that was judged again may have another module now; that the judge failed says nothing about others.
        let is_same = result.wasm_sha256 == sha256 && result.status != Status::Internal;
        Ok(is_same.then_some((*key, result)))
    }

    /// Another sample has a result that was there.
    pub fn count_duplicate(&mut self) {
        self.duplicates += 1;
    }

    fn read(&self, line: Line) -> Result<SampleResult, JournalError> {
        let bytes = self.file.bytes(line.place)?;
        serde_json::from_slice(&bytes).map_err(|e| {
            self.file
                .problem(format!("failed to read a result again: {e}"))
        })
    }

    /// Appends a result, which takes the place of one that was there; `order` is the position of its sample.
    ///
    /// # Errors
    /// If it cannot be written; nothing of it is in the file then.
    pub fn add(&mut self, result: &SampleResult, order: u64) -> Result<(), JournalError> {
        let mut line = serde_json::to_vec(result).map_err(|e| self.file.problem(e))?;
        line.push(b'\n');
        let place = self.file.append(&mut &line[..])?;
        self.lines.note(result, place, order);
        Ok(())
    }

    /// Adds a reference's result, unless it is there.
    ///
    /// # Errors
    /// As [`Journal::add`].
    pub fn add_reference(&mut self, result: &SampleResult) -> Result<(), JournalError> {
        match self.lines.by_key.contains_key(&Key::of_result(result)) {
            true => Ok(()),
            false => self.add(result, FIRST),
        }
    }

    /// Puts the lines into the order of the input: references by task and name, then samples. The file is replaced as a whole.
    ///
    /// # Errors
    /// If that fails; the file then is what it was.
    pub fn sort(&self) -> Result<(), JournalError> {
        let mut lines: Vec<(u64, Vec<u8>, Place)> = Vec::with_capacity(self.lines.by_key.len());
        for line in self.lines.by_key.values() {
            // References have no position of their own: their text, which begins with the task, is one.
            let text = if line.order == FIRST {
                self.file.bytes(line.place)?
            } else {
                Vec::new()
            };
            lines.push((line.order, text, line.place));
        }
        lines.sort_by(|a, b| {
            a.0.cmp(&b.0)
                .then_with(|| a.1.cmp(&b.1))
                .then(a.2.offset.cmp(&b.2.offset))
        });
        self.file.replace(lines.into_iter().map(|line| line.2))
    }

    /// The position of a sample, [`LAST`] if it is not among those that were read.
    pub fn position(&self, key: &Key) -> u64 {
        self.lines.by_key.get(key).map_or(LAST, |line| line.order)
    }

    /// Samples by status.
    pub fn statuses(&self) -> Vec<(Status, u64)> {
        let statuses = self.lines.statuses.iter();
        statuses
            .filter(|(_, count)| **count > 0)
            .map(|(status, count)| (*status, *count))
            .collect()
    }

    /// Results that were taken from another sample.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }
}

impl Lines {
    fn note(&mut self, result: &SampleResult, place: Place, order: u64) {
        let key = Key::of_result(result);
        let is_sample = result.reference.is_none();
        let line = Line {
            place,
            order: if is_sample { order } else { FIRST },
            status: result.status,
        };
        let before = self.by_key.insert(key, line);
        if !is_sample {
            return;
        }
        *self.statuses.entry(result.status).or_default() += 1;
        if let Some(count) = before.and_then(|line| self.statuses.get_mut(&line.status)) {
            *count -= 1;
        }
        if !result.wasm_sha256.is_empty() {
            let module = Key::of_module(&result.task_id, &result.wasm_sha256);
            self.modules.entry(module).or_insert(key);
        }
    }
}
