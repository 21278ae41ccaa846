//! Importers: other benchmarks' files, in their own layouts, as tasks, samples and results of ours.
//!
//! What cannot be carried over is a warning that names it. Programs are copied as they are, whatever their language: whether
//! they can be judged is for the judge to say. Nothing is executed.

mod coffe;
mod effibench;
mod evalplus;
mod evalplus_results;
mod folders;
mod go;
mod headers;
mod humaneval_x;
mod leetcode;
mod library_checker;
mod mercury;
mod pie;
mod read;
mod rust;
mod sink;

use std::fmt;
use std::path::PathBuf;

pub use sink::{Counts, Sink};

/// A layout that can be imported.
pub struct ImportFormat {
    /// Its name.
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// Which files it takes.
    pub inputs: &'static str,
    read: fn(&[PathBuf], &Options, &mut Sink) -> Result<(), ImportError>,
}

/// What importers can be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Who wrote samples whose files do not say so; by default the file's name.
    pub model: Option<String>,
}

/// Why an import ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportError {
    /// The input cannot be read, or is of another layout.
    Input(String),
    /// The output cannot be written.
    Output(String),
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ImportError::Input(message) | ImportError::Output(message)) = self;
        f.write_str(message)
    }
}

impl std::error::Error for ImportError {}

static FORMATS: &[ImportFormat] = &[
    ImportFormat {
        name: "evalplus",
        summary: "EvalPlus and EvalPerf: problems, samples, and results with their instruction counts",
        inputs: "JSONL of problems or samples, folders HumanEval_N/M.py, *_eval_results.json, *_evalperf_results.json",
        read: evalplus::read,
    },
    ImportFormat {
        name: "coffe",
        summary: "COFFE: problems with stressful test cases, and predictions",
        inputs: "the folder of a data set (data.json, testcases.json, ...), prediction files, *_SOLUTIONS.json",
        read: coffe::read,
    },
    ImportFormat {
        name: "mercury",
        summary: "Mercury: LeetCode problems with solutions by run time, and generated programs",
        inputs: "JSONL (or a list) of problems, and *_samples.json",
        read: mercury::read,
    },
    ImportFormat {
        name: "effibench",
        summary: "EffiBench: LeetCode problems with assertions, and generated programs",
        inputs: "JSON lists (or JSONL) of problems, or of programs with `completion`",
        read: effibench::read,
    },
    ImportFormat {
        name: "pie",
        summary: "PIE: pairs of slow and fast programs, test cases, and generated programs",
        inputs: "JSONL of pairs, and the folder of pNNNNN/input.N.txt and output.N.txt",
        read: pie::read,
    },
    ImportFormat {
        name: "humaneval-x",
        summary: "HumanEval-X in C++, Rust and Go: each program with its test as main",
        inputs: "humaneval_LANG.jsonl (or .gz), and JSONL of generations",
        read: humaneval_x::read,
    },
    ImportFormat {
        name: "library-checker",
        summary: "Library Checker: problem folders",
        inputs: "folders with info.toml, sol/, gen/, and in/ and out/ where they were generated",
        read: library_checker::read,
    },
    ImportFormat {
        name: "folders",
        summary: "plain folders of programs with tests/*.in and *.out",
        inputs: "folders of one task each, or of such folders",
        read: folders::read,
    },
];

/// Every layout, in the order of lists.
pub fn formats() -> &'static [ImportFormat] {
    FORMATS
}

impl ImportFormat {
    /// Reads inputs, and gives what is in them to the sink.
    ///
    /// # Errors
    /// If an input cannot be read or is of another layout, or the output cannot be written.
    pub fn import(
        &self,
        inputs: &[PathBuf],
        options: &Options,
        sink: &mut Sink,
    ) -> Result<(), ImportError> {
        (self.read)(inputs, options, sink)
    }
}
