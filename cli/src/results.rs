//! Files of results on the command line.

use std::path::Path;

use clap::ValueEnum;
use probity_efficiency::compare::{Key, Results, read as read_results};
use probity_efficiency::result::SampleResult;

use crate::{
    failure::{Failure, OUTPUT},
    judging::{Column, JudgingArgs},
    nearest::hint,
    place::Place,
    program::{ProgramArgs, is_jsonl},
};

/// Names that are listed of several.
const NAMES_MAX: usize = 5;

/// How something about results is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people, and for programs that write programs
    Text,
    /// One document with `"schema": 1`
    Json,
}

/// Reads a file of results.
pub fn read(path: &Path) -> Result<Results, Failure> {
    read_results(path).map_err(|e| Failure::load(format!("failed to {e}")))
}

/// Reads files of results, or measures programs where one is named: each is then the one sample of a task of the same name, so that
/// they are compared.
pub fn read_or_measure<const N: usize>(
    paths: [&Path; N],
    program: &ProgramArgs,
    judging: &JudgingArgs,
) -> Result<[Results; N], Failure> {
    let programs = paths.iter().filter(|path| !is_jsonl(path)).count();
    if programs == 0 {
        if program.are_given() {
            let message = "--stdin, --fuel and --timeout are for programs, and these are results";
            return Err(Failure::usage(message));
        }
    } else if programs < N {
        let message = "a program cannot be compared with a file of results; measure it first";
        return Err(Failure::usage(message));
    }
    let judge = judging.judge(&[Column::All])?;
    let mut all = Vec::new();
    for path in paths {
        all.push(match programs {
            0 => read(path)?,
            _ => {
                let mut result = program.card(&judge, path, &[])?.result;
                result.task_id = "program".to_owned();
                Results::from([(Key::of(&result), result)])
            }
        });
    }
    // As many as there are paths.
    all.try_into()
        .map_err(|_| Failure::load("the results cannot be read"))
}

/// The one sample that `id` names, or the only one there is; references are meant only where they are named.
pub fn one<'r>(
    results: &'r Results,
    id: Option<&str>,
    path: &Path,
) -> Result<(&'r Key, &'r SampleResult), Failure> {
    let path = path.display();
    let named: Vec<_> = match id {
        Some(id) => {
            let all: Vec<_> = results.iter().filter(|(key, _)| key.is_named(id)).collect();
            let samples = all.iter().filter(|(_, result)| result.reference.is_none());
            let samples: Vec<_> = samples.copied().collect();
            if samples.is_empty() { all } else { samples }
        }
        None => {
            let samples = results
                .iter()
                .filter(|(_, result)| result.reference.is_none());
            samples.collect()
        }
    };
    match (named.as_slice(), id) {
        ([one], _) => Ok(*one),
        ([], Some(id)) => {
            let names: Vec<String> = results.keys().map(Key::to_string).collect();
            let near = hint(id, names.iter().map(String::as_str));
            Err(Failure::usage(format!("{path} has no sample '{id}'{near}")))
        }
        ([], None) => Err(Failure::load(format!("{path} has no sample"))),
        (several, _) => {
            let names = several
                .iter()
                .take(NAMES_MAX)
                .map(|(key, _)| key.to_string());
            let names: Vec<String> = names.collect();
            let more = match several.len() - names.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Err(Failure::usage(format!(
                "{path} has {} samples, choose one by --sample: {}{more}",
                several.len(),
                names.join(", ")
            )))
        }
    }
}

/// Writes text, or JSON; the exit status.
pub fn write(
    what: &str,
    format: Format,
    output: Option<&Path>,
    text: &str,
    json: impl FnOnce() -> serde_json::Result<String>,
) -> u8 {
    let place = output.map_or(Place::Stdout, Place::of);
    let is_written = place.deliver(what, |out| match format {
        Format::Text => out.write_all(text.as_bytes()),
        Format::Json => writeln!(out, "{}", json()?),
    });
    if is_written { 0 } else { OUTPUT }
}
