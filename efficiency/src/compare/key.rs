//! How samples are named, and results files as maps from names.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::jsonl::{LineError, Lines};
use crate::result::{SCHEMA, SampleResult};

/// The name of a sample: its task, who wrote it, which attempt. References have names of their own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Key {
    /// The task.
    pub task_id: String,
    /// Who wrote it; of references `@` and the reference's name.
    pub model: String,
    /// Which attempt.
    pub sample_id: u64,
}

impl Key {
    /// Of a result.
    pub fn of(result: &SampleResult) -> Key {
        Key {
            task_id: result.task_id.clone(),
            model: match &result.reference {
                Some(name) => format!("@{name}"),
                None => result.model.clone(),
            },
            sample_id: result.sample_id,
        }
    }

    /// Whether `id` is `TASK`, `TASK:MODEL` or `TASK:MODEL:ID` of it. A model that is not known is empty.
    pub fn is_named(&self, id: &str) -> bool {
        let Key {
            task_id,
            model,
            sample_id,
        } = self;
        // Compared as a whole, for names of tasks and models may have colons in them.
        id == task_id
            || id == format!("{task_id}:{model}")
            || id == format!("{task_id}:{model}:{sample_id}")
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.task_id, self.model, self.sample_id)
    }
}

/// The results of a file by name.
///
/// # Errors
/// If it cannot be read, a line is no result or one of another version, or two lines are of the same sample.
pub fn read(path: &Path) -> Result<BTreeMap<Key, SampleResult>, LineError> {
    by_key(Lines::open(path)?)
}

/// Results by name, in ascending order.
///
/// # Errors
/// As [`read`].
pub fn by_key(lines: Lines<SampleResult>) -> Result<BTreeMap<Key, SampleResult>, LineError> {
    let path = lines.path().to_owned();
    let mut results: BTreeMap<Key, (u64, SampleResult)> = BTreeMap::new();
    for line in lines {
        let (line, result) = line?;
        if result.schema != SCHEMA {
            let message = format!(
                "results of version {} are not known, only of {SCHEMA}",
                result.schema
            );
            return Err(LineError::of_line(&path, line, message));
        }
        let key = Key::of(&result);
        if let Some((first, _)) = results.get(&key) {
            let message = format!("sample {key} is in line {first} already");
            return Err(LineError::of_line(&path, line, message));
        }
        results.insert(key, (line, result));
    }
    let results = results.into_iter();
    Ok(results.map(|(key, (_, result))| (key, result)).collect())
}
