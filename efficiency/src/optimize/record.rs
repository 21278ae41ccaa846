//! The record of a run: one line of JSON an attempt, written and flushed before the next one begins.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::generator::Usage;
use super::message::Message;
use crate::jsonl::{LineError, Lines};
use crate::result::SampleResult;

/// Version of the form of records.
pub const RECORD_SCHEMA: u32 = 1;

/// What the loop made of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Correct and cheaper than all before it.
    Best,
    /// Correct, but no cheaper.
    NotFaster,
    /// Not correct, or not measured.
    Failed,
    /// The text of an earlier attempt, whose result it has.
    Duplicate,
    /// The reply has no program in it, or one that is too large.
    NoProgram,
    /// There is no reply.
    NoReply,
}

/// The best program so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BestSoFar {
    /// Its attempt.
    pub attempt: u64,
    /// Its cost, by [`crate::Column::DEFAULT`].
    pub cost: u64,
}

/// One attempt: the program to start from in round 0, then each candidate of each round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// [`RECORD_SCHEMA`].
    pub schema: u32,
    /// The task.
    pub task_id: String,
    /// From 0, over all rounds.
    pub attempt: u64,
    /// From 1; 0 is the program to start from.
    pub round: u32,
    /// From 0, within the round.
    pub candidate: u32,
    /// What the generator was given as seed.
    pub seed: u64,
    /// What the generator was asked; empty in round 0.
    pub prompt: Vec<Message>,
    /// What it said, all of it.
    pub reply: Option<String>,
    /// Why it said nothing.
    pub error: Option<String>,
    /// Whether any further candidate would have met the error.
    #[serde(default)]
    pub error_is_final: bool,
    /// The program that was found in the reply.
    pub program: Option<String>,
    /// The attempt that had the same program.
    pub duplicate_of: Option<u64>,
    /// What the compiler wrote.
    pub build_log: String,
    /// What came of the program.
    pub result: Option<SampleResult>,
    /// What the generator is told of it.
    pub feedback: String,
    /// What the loop made of it.
    pub decision: Decision,
    /// The best program after this attempt.
    pub best: Option<BestSoFar>,
    /// What the generator says that it took.
    pub usage: Option<Usage>,
}

/// Writes a record.
#[derive(Debug)]
pub struct Recorder {
    file: File,
}

impl Recorder {
    /// Begins a record.
    ///
    /// # Errors
    /// If `path` is there already: a record is never overwritten.
    pub fn create(path: &Path) -> io::Result<Recorder> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)?;
        Ok(Recorder { file })
    }

    /// Goes on with the record at `path`. Half a line that a kill has left at its end is removed.
    ///
    /// # Errors
    /// If there is none, or if it cannot be written.
    pub fn append(path: &Path) -> io::Result<Recorder> {
        let mut file = OpenOptions::new().read(true).append(true).open(path)?;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut bytes)?;
        let whole = bytes
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |at| at + 1);
        if whole < bytes.len() {
            file.set_len(whole as u64)?;
        }
        Ok(Recorder { file })
    }

    /// Writes an attempt, in one piece.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&mut self, attempt: &AttemptRecord) -> io::Result<()> {
        let mut line = serde_json::to_vec(attempt)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.file.sync_data()
    }
}

/// The attempts of a record. Half a line at the end, which a kill may leave, is no attempt.
///
/// # Errors
/// If the file cannot be read, a line is no attempt, or is of another version.
pub fn read_record(path: &Path) -> Result<Vec<AttemptRecord>, LineError> {
    let mut text = String::new();
    let file = File::open(path).map_err(|e| LineError::of_file(path, e))?;
    BufReader::new(file)
        .read_to_string(&mut text)
        .map_err(|e| LineError::of_file(path, e))?;
    text.truncate(text.rfind('\n').map_or(0, |at| at + 1));
    let mut attempts = Vec::new();
    for line in Lines::<AttemptRecord>::new(path, io::Cursor::new(text)) {
        let (number, attempt) = line?;
        if attempt.schema != RECORD_SCHEMA {
            let message = format!(
                "a record of version {}, not {RECORD_SCHEMA}",
                attempt.schema
            );
            return Err(LineError::of_line(path, number, message));
        }
        attempts.push(attempt);
    }
    Ok(attempts)
}
