//! What all importers read: files, lines that may be compressed, folders in order.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::{ImportError, Options};
use crate::Status;
use crate::jsonl::Lines;
use crate::result::{SCHEMA, SampleResult};
use crate::sample::Sample;
use crate::task::{Build, Checker, Entry, Limits, Reference, Role, Source, Task, Test, TestKind};

/// An error of an input.
pub fn wrong(path: &Path, message: impl std::fmt::Display) -> ImportError {
    ImportError::Input(format!("failed to read {}: {message}", path.display()))
}

/// A file's text.
pub fn text(path: &Path) -> Result<String, ImportError> {
    fs::read_to_string(path).map_err(|e| wrong(path, e))
}

/// A file of one JSON value.
pub fn json<T: DeserializeOwned>(path: &Path) -> Result<T, ImportError> {
    let file = File::open(path).map_err(|e| wrong(path, e))?;
    serde_json::from_reader(BufReader::new(file)).map_err(|e| wrong(path, e))
}

/// A file of lines, compressed if its name ends in `.gz`.
pub fn lines<T: DeserializeOwned>(path: &Path) -> Result<Lines<T>, ImportError> {
    let file = File::open(path).map_err(|e| wrong(path, e))?;
    let file = BufReader::new(file);
    Ok(match path.extension().is_some_and(|e| e == "gz") {
        true => Lines::new(
            path,
            BufReader::new(flate2::bufread::MultiGzDecoder::new(file)),
        ),
        false => Lines::new(path, file),
    })
}

/// What is in a folder, by name; numbers in names are in the order of numbers.
pub fn entries(dir: &Path) -> Result<Vec<PathBuf>, ImportError> {
    let entries = fs::read_dir(dir).map_err(|e| wrong(dir, e))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_, _>>().map_err(|e| wrong(dir, e))?;
    paths.sort_by_cached_key(|path| natural(&name(path)));
    Ok(paths)
}

/// The last part of a path.
pub fn name(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy());
    name.unwrap_or_default().into_owned()
}

/// The last part of a path without its ending.
pub fn stem(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy());
    stem.unwrap_or_default().into_owned()
}

/// Text and numbers in turn.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = vec![(String::new(), 0u64)];
    let mut is_number = false;
    for c in name.chars() {
        let digit = c.to_digit(10);
        if digit.is_none() && is_number {
            parts.push((String::new(), 0));
        }
        is_number = digit.is_some();
        if let Some((text, number)) = parts.last_mut() {
            match digit {
                Some(digit) => *number = number.saturating_mul(10).saturating_add(digit.into()),
                None => text.push(c),
            }
        }
    }
    parts
}

/// The language of a file, by its ending, as the toolchain table names it.
pub fn lang(path: &Path) -> Option<&'static str> {
    Some(match path.extension()?.to_str()? {
        "cpp" | "cc" | "cxx" => "cpp",
        "c" => "c",
        "rs" => "rust",
        "py" => "python",
        "go" => "go",
        "ts" => "assemblyscript",
        _ => return None,
    })
}

/// A program's text as a source: one that has no line break gets one, or else it would be taken for a path.
pub fn source(text: &str) -> Source {
    Source(match text.contains('\n') {
        true => text.to_owned(),
        false => format!("{text}\n"),
    })
}

/// Who wrote what is in a file.
pub fn model(path: &Path, options: &Options, endings: &[&str]) -> String {
    options.model.clone().unwrap_or_else(|| {
        let mut stem = stem(path);
        for ending in endings {
            if let Some(rest) = stem.strip_suffix(ending) {
                stem = rest.to_owned();
            }
        }
        stem
    })
}

/// A task of this name and language, with nothing else in it.
pub fn task(task_id: String, lang: &str) -> Task {
    Task {
        task_id,
        lang: lang.to_owned(),
        entry: Entry::Stdio,
        prompt: String::new(),
        tests: Vec::new(),
        generator: None,
        checker: Checker::default(),
        references: Vec::new(),
        limits: Limits::default(),
        build: Build::default(),
        scoring: None,
    }
}

/// A test of this name, with nothing else in it.
pub fn test(id: String, kind: TestKind) -> Test {
    Test {
        id,
        stdin: String::new(),
        args: Vec::new(),
        expected: None,
        kind,
        size: None,
        level: None,
    }
}

/// A reference in the task's language.
pub fn reference(id: String, program: &str, role: Option<Role>) -> Reference {
    Reference {
        id,
        source: source(program),
        lang: None,
        role,
    }
}

/// A sample: a whole program.
pub fn sample(task_id: &str, program: String, sample_id: u64, model: &str) -> Sample {
    Sample {
        task_id: task_id.to_owned(),
        solution: Some(program),
        path: None,
        completion: None,
        wasm: None,
        lang: None,
        sample_id: Some(sample_id),
        model: Some(model.to_owned()),
    }
}

/// A result of this task and status, with nothing else in it.
pub fn result(task_id: &str, status: Status) -> SampleResult {
    SampleResult {
        schema: SCHEMA,
        task_id: task_id.to_owned(),
        sample_id: 0,
        model: String::new(),
        reference: None,
        role: None,
        wasm_sha256: String::new(),
        toolchain: String::new(),
        engine: String::new(),
        count_rule: String::new(),
        status,
        message: None,
        wasm_bytes: None,
        tests: Vec::new(),
        hot: None,
        coverage: None,
        complexity: None,
        scores: std::collections::BTreeMap::new(),
        flags: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_their_order() {
        let mut names = ["input.10.txt", "input.9.txt", "a", "input.1.txt"];
        names.sort_by_cached_key(|name| natural(name));
        assert_eq!(names, ["a", "input.1.txt", "input.9.txt", "input.10.txt"]);
    }

    #[test]
    fn a_program_is_never_a_path() {
        assert_eq!(source("print(1)").path(), None);
        assert_eq!(source("a\nb").0, "a\nb");
    }
}
