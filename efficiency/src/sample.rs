//! An attempt at a task.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One line of a samples file. Fields that are not listed here are ignored, for other tools have theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// The task it is for.
    pub task_id: String,
    /// The whole program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solution: Option<String>,
    /// The whole program, in a file relative to the samples file: for people who write their samples by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// What continues the task's prompt, where the program is both together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion: Option<String>,
    /// A module that is built already (`.wasm`, `.wat`), relative to the samples file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wasm: Option<PathBuf>,
    /// Language, if not the task's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// Which of the attempts of this model at this task, from 0; by default in the order of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_id: Option<u64>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}
