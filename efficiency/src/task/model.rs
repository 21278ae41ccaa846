//! The form of a task: one line of a tasks file.

use serde::{Deserialize, Serialize};

/// A task. Paths in it are relative to the file that it is in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Its name, which samples refer to.
    pub task_id: String,
    /// Language of its samples, as the toolchain table names it: `cpp`, `rust`.
    pub lang: String,
    /// What of the program is called.
    #[serde(default)]
    pub entry: Entry,
    /// What is to be done, in words, for those who write programs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prompt: String,
    /// Tests that are given as they are.
    #[serde(default)]
    pub tests: Vec<Test>,
    /// Makes further tests, of any size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<Generator>,
    /// When an output is right.
    #[serde(default)]
    pub checker: Checker,
    /// Programs that are known to be right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
    /// What a program may use, in each test.
    #[serde(default)]
    pub limits: Limits,
    /// How programs are built.
    #[serde(default)]
    pub build: Build,
    /// What some metrics want to know beside costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scoring: Option<Scoring>,
}

impl Task {
    /// The task of doing what a program does.
    pub fn of_program(name: &str, limits: Limits) -> Task {
        Task {
            task_id: name.to_owned(),
            lang: String::new(),
            entry: Entry::Stdio,
            prompt: String::new(),
            tests: Vec::new(),
            generator: None,
            checker: Checker::Exact,
            references: Vec::new(),
            limits,
            build: Build::default(),
            scoring: None,
        }
    }
}

/// What of a program is called.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Entry {
    /// `_start`: input by stdin, output by stdout.
    #[default]
    Stdio,
    /// An exported function; arguments and result are JSON.
    Func(String),
}

impl TryFrom<String> for Entry {
    type Error = String;

    fn try_from(text: String) -> Result<Entry, String> {
        match text.split_once(':') {
            None if text == "stdio" => Ok(Entry::Stdio),
            Some(("func", name)) if !name.is_empty() => Ok(Entry::Func(name.to_owned())),
            _ => Err(format!("entry `{text}` is neither `stdio` nor `func:NAME`")),
        }
    }
}

impl From<Entry> for String {
    fn from(entry: Entry) -> String {
        match entry {
            Entry::Stdio => "stdio".to_owned(),
            Entry::Func(name) => format!("func:{name}"),
        }
    }
}

/// What a test is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TestKind {
    /// Whether the program is right.
    #[default]
    Correct,
    /// What it costs, too; metrics take these alone if there are any.
    Stress,
}

/// One input with its output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// Its name within the task.
    pub id: String,
    /// What the program reads.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stdin: String,
    /// What a function is called with, or the arguments of a `stdio` program behind its name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<serde_json::Value>,
    /// The output: text for `stdio`, the result for `func`. `None`: what the best reference gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<serde_json::Value>,
    /// What it is for.
    #[serde(default)]
    pub kind: TestKind,
    /// The size of the input, in whatever the task measures it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Level of difficulty (ENAMEL), from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u32>,
}

/// A program that is given a size and a seed as arguments and prints an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// The program: a path.
    pub source: String,
    /// Its language, if not the task's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// The sizes of the tests that it makes.
    pub sizes: Vec<u64>,
    /// What it is given as seed, unless the judge is given one.
    #[serde(default)]
    pub seed: u64,
}

/// When an output is right.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum Checker {
    /// It is the same but for white space at the ends of lines and of the whole.
    #[default]
    Exact,
    /// Whatever it is.
    Any,
    /// It is the same words.
    Tokens,
    /// It is the same words, where numbers are within `abs` or `rel` of what they should be.
    Float {
        /// Allowed difference.
        #[serde(default = "tolerance")]
        abs: f64,
        /// Allowed difference, in parts of the expected number.
        #[serde(default = "tolerance")]
        rel: f64,
    },
}

fn tolerance() -> f64 {
    1e-6
}

/// A program that is known to be right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Its name within the task.
    pub id: String,
    /// The program.
    pub source: Source,
    /// Its language, if not the task's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// What metrics take it for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// What metrics take a reference for. Without roles the most costly correct reference is the base, the least costly one the
/// expert and the canonical one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// What is to be improved: PIE's source program, GSO's base.
    Base,
    /// What an expert made of it.
    Expert,
    /// What EffiBench compares with.
    Canonical,
}

/// A program's text. A string with a line break is the text, any other is its path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Source(pub String);

impl Source {
    /// The path, if it is one.
    pub fn path(&self) -> Option<&str> {
        (!self.0.contains('\n')).then_some(&self.0)
    }
}

/// What a program may use in each test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Units of fuel.
    pub fuel: u64,
    /// Linear memory, MiB.
    pub memory_mb: u64,
    /// Stack, MiB.
    pub stack_mb: u64,
    /// Time, seconds.
    pub wall_s: u64,
    /// What it writes to stdout and stderr together, MiB.
    pub stdout_mb: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            fuel: 20_000_000_000,
            memory_mb: 512,
            stack_mb: 64,
            wall_s: 60,
            stdout_mb: 16,
        }
    }
}

/// How programs are built.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Build {
    /// What the compiler is given instead of the toolchain's own flags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<Vec<String>>,
}

/// What some metrics want to know beside costs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scoring {
    /// ENAMEL: the weight of each level, by [`Test::level`].
    pub hardness: Vec<f64>,
    /// ENAMEL: the time limit T in multiples of the slowest level's reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_factor: Option<f64>,
}
