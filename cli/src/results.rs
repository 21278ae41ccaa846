//! Files of results on the command line.

use std::path::Path;

use clap::ValueEnum;
use probity_efficiency::compare::{Key, Results, read as read_results};
use probity_efficiency::result::SampleResult;

use crate::{
    failure::{Failure, OUTPUT},
    nearest::hint,
    place::Place,
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
