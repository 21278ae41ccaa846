//! Plain folders: one task each, named as the folder is.
//!
//! `tests/NAME.in` with `NAME.out` (or `.ans`) are its tests; those whose name begins with `stress` are measured. Programs in
//! the folder itself, or in `solutions/`, are samples, each of a model of the file's name; those in `references/` are
//! references, and the ones called `base`, `expert` or `canonical` have that role. `.wasm` and `.wat` files are samples, too.
//! A folder without `tests/` is one of such folders.

use std::fs;
use std::path::{Path, PathBuf};

use super::read::{self, entries, wrong};
use super::{ImportError, Options, Sink};
use crate::sample::Sample;
use crate::task::{Role, TestKind};

pub(super) fn read(
    inputs: &[PathBuf],
    options: &Options,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    for input in inputs {
        if input.join("tests").is_dir() {
            folder(input, options, sink)?;
            continue;
        }
        let folders = entries(input)?;
        let mut folders = folders
            .iter()
            .filter(|dir| dir.join("tests").is_dir())
            .peekable();
        if folders.peek().is_none() {
            return Err(wrong(
                input,
                "neither it nor a folder in it has a folder `tests`",
            ));
        }
        for dir in folders {
            folder(dir, options, sink)?;
        }
    }
    Ok(())
}

fn folder(dir: &Path, options: &Options, sink: &mut Sink) -> Result<(), ImportError> {
    let full = fs::canonicalize(dir).map_err(|e| wrong(dir, e))?;
    let name = read::name(&full);
    let files = |sub: &str| match dir.join(sub).is_dir() {
        true => entries(&dir.join(sub)),
        false => Ok(Vec::new()),
    };
    let mut programs = entries(dir)?;
    programs.extend(files("solutions")?);
    programs.retain(|path| path.is_file());
    let references = files("references")?;
    let langs = references
        .iter()
        .chain(&programs)
        .filter_map(|path| read::lang(path));
    let langs: Vec<&str> = langs.collect();
    let count = |lang: &str| langs.iter().filter(|other| **other == lang).count();
    // The most frequent one, the first of equals.
    let lang = langs.iter().rev().max_by_key(|lang| count(lang)).copied();
    let mut task = read::task(name.clone(), lang.unwrap_or("cpp"));
    for path in &references {
        let Some(lang) = read::lang(path) else {
            sink.warn(format!(
                "{name}: {} is of no known language; left out",
                read::name(path)
            ));
            continue;
        };
        let stem = read::stem(path);
        let role = match stem.as_str() {
            "base" => Some(Role::Base),
            "expert" => Some(Role::Expert),
            "canonical" => Some(Role::Canonical),
            _ => None,
        };
        let mut reference = read::reference(stem, &read::text(path)?, role);
        reference.lang = (lang != task.lang).then(|| lang.to_owned());
        task.references.push(reference);
    }
    for path in entries(&dir.join("tests"))? {
        if path.extension().is_none_or(|e| e != "in") {
            continue;
        }
        let stem = read::stem(&path);
        let kind = match stem.starts_with("stress") {
            true => TestKind::Stress,
            false => TestKind::Correct,
        };
        let mut test = read::test(stem.clone(), kind);
        test.stdin = read::text(&path)?;
        let outputs = ["out", "ans"].map(|ending| path.with_extension(ending));
        match outputs.iter().find(|path| path.exists()) {
            Some(output) => test.expected = Some(read::text(output)?.into()),
            None if task.references.is_empty() => {
                sink.warn(format!(
                    "{name}: test {stem} is left out: it has no output, and there is no reference to give one"
                ));
                continue;
            }
            None => {}
        }
        task.tests.push(test);
    }
    for path in &programs {
        if let Some(sample) = sample(path, &task.task_id, &task.lang, options, sink)? {
            sink.sample(&sample)?;
        }
    }
    sink.task(&task)
}

/// A program, or a module that is built already, which is copied beside the samples file.
fn sample(
    path: &Path,
    task_id: &str,
    task_lang: &str,
    options: &Options,
    sink: &mut Sink,
) -> Result<Option<Sample>, ImportError> {
    let stem = read::stem(path);
    let model = options.model.clone().unwrap_or_else(|| stem.clone());
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    if matches!(ending, "wasm" | "wat") {
        let target = Path::new("modules").join(task_id).join(read::name(path));
        let bytes = fs::read(path).map_err(|e| wrong(path, e))?;
        sink.file(&target, &bytes)?;
        let mut sample = read::sample(task_id, String::new(), 0, &model);
        sample.solution = None;
        sample.wasm = Some(target);
        return Ok(Some(sample));
    }
    let Some(lang) = read::lang(path) else {
        sink.warn(format!(
            "{task_id}: {} is no program; left out",
            read::name(path)
        ));
        return Ok(None);
    };
    let mut sample = read::sample(task_id, read::text(path)?, 0, &model);
    sample.lang = (lang != task_lang).then(|| lang.to_owned());
    Ok(Some(sample))
}
