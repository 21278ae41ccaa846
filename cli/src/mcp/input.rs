//! What tools are given.

use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;

/// One input with its output.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// What the program reads.
    #[serde(default)]
    pub stdin: String,
    /// What it has to print; white space at the ends of lines does not count. Give it for all tests or for none: then any output is right.
    #[serde(default)]
    pub expected: Option<String>,
    /// The size of the input, in whatever you measure it.
    #[serde(default)]
    pub size: Option<u64>,
}

/// A program, and what it is judged by: a task of the server's, or tests given here.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The whole program's text.
    pub program: String,
    /// Its language: cpp, c, rust, wat. By default the task's.
    #[serde(default)]
    pub lang: Option<String>,
    /// A task of the server's tasks file.
    #[serde(default)]
    pub task_id: Option<String>,
    /// Tests, if there is no task. Without any the program is run once, with nothing to read.
    #[serde(default)]
    pub tests: Vec<Test>,
}

/// What `measure` is given.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// The whole program's text.
    pub program: String,
    /// Its language: cpp, c, rust, wat. By default the task's.
    #[serde(default)]
    pub lang: Option<String>,
    /// A task of the server's tasks file.
    #[serde(default)]
    pub task_id: Option<String>,
    /// Tests, if there is no task. Without any the program is run once, with nothing to read.
    #[serde(default)]
    pub tests: Vec<Test>,
    /// Simulate caches and branch prediction, too: many times as slow.
    #[serde(default)]
    pub cache: bool,
    /// Follow allocations, too.
    #[serde(default)]
    pub heap: bool,
}

/// What `compare` is given.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// The program's text before.
    pub before: String,
    /// The program's text after.
    pub after: String,
    /// Their language. By default the task's.
    #[serde(default)]
    pub lang: Option<String>,
    /// A task of the server's tasks file.
    #[serde(default)]
    pub task_id: Option<String>,
    /// Tests, if there is no task.
    #[serde(default)]
    pub tests: Vec<Test>,
}

/// What `scale` is given.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// The whole program's text.
    pub program: String,
    /// Its language. By default the task's.
    #[serde(default)]
    pub lang: Option<String>,
    /// A task of the server's tasks file, whose generator makes the inputs unless there is another one here.
    #[serde(default)]
    pub task_id: Option<String>,
    /// Text of a program that prints an input, given its size and a seed as arguments.
    #[serde(default)]
    pub generator: Option<String>,
    /// The generator's language. By default the program's.
    #[serde(default)]
    pub generator_lang: Option<String>,
    /// At least three sizes. By default the task's.
    #[serde(default)]
    pub sizes: Vec<u64>,
    /// What the generator is given as seed.
    #[serde(default)]
    pub seed: Option<u64>,
}

/// What `explain_line` is given.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainLine {
    /// The whole program's text.
    pub program: String,
    /// The line, from 1.
    pub line: u32,
    /// Its language. By default the task's.
    #[serde(default)]
    pub lang: Option<String>,
    /// A task of the server's tasks file.
    #[serde(default)]
    pub task_id: Option<String>,
    /// Tests, if there is no task.
    #[serde(default)]
    pub tests: Vec<Test>,
}
