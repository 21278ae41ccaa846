//! One program's card.

use std::path::Path;

use probity_efficiency::{
    card::card,
    judge::Judge,
    task::{Limits, Task},
    toolchain::{BuildError, Built},
};

use super::{Format, MeasureArgs};
use crate::{failure::Failure, judging::Column, output, progress::Progress};

pub fn main(args: &MeasureArgs, program: &Path) -> Result<u8, Failure> {
    let for_samples = args.resume || args.jobs.is_some() || args.seed.is_some();
    if for_samples || args.outputs.is_some() {
        return Err(Failure::usage(
            "--resume, --jobs, --seed and --outputs are for TASKS and SAMPLES",
        ));
    }
    let judge = args.judging.judge(&[Column::All])?;
    let mut limits = Limits::default();
    if let Some(fuel) = args.fuel {
        limits.fuel = fuel;
    }
    if let Some(seconds) = args.timeout {
        limits.wall_s = seconds;
    }
    let stdin = match &args.stdin {
        Some(path) => std::fs::read(path)
            .map_err(|e| Failure::load(format!("failed to read {}: {e}", path.display())))?,
        None => Vec::new(),
    };
    let progress = Progress::start(args.progress, "building the program");
    let (built, source) = build(&judge, program, limits)?;
    progress.phase("running the program");
    let name = program
        .file_name()
        .unwrap_or(program.as_os_str())
        .to_string_lossy();
    let measured = judge.card(&name, &built, stdin, &arguments, limits, source.as_deref());
    drop(progress);
    let text = match args.format {
        Format::Text => card(&name, &measured.result),
        Format::Json => serde_json::to_string(&measured.result)
            .map(|line| line + "\n")
            .map_err(|e| Failure::load(format!("failed to write the result: {e}")))?,
    };
    match &args.output {
        Some(path) => std::fs::write(path, text).map_err(|e| Failure {
            status: crate::failure::OUTPUT,
            message: format!("failed to write {}: {e}", path.display()),
        })?,
        None => output::to_stdout(|out| out.write_all(text.as_bytes()))?,
    }
    Ok(u8::from(!measured.result.is_correct()))
}

/// The module of a file, and its text if that is a source.
pub fn build(
    judge: &Judge,
    program: &Path,
    limits: Limits,
) -> Result<(Built, Option<String>), Failure> {
    let cannot = |error: &dyn std::fmt::Display| {
        Failure::load(format!("failed to build {}: {error}", program.display()))
    };
    let bytes = std::fs::read(program)
        .map_err(|e| Failure::load(format!("failed to read {}: {e}", program.display())))?;
    let is_module = bytes.starts_with(b"\0asm");
    let lang = match judge.config().builder.toolchains.language_of(program) {
        _ if is_module => return Ok((Built::new(bytes, ""), None)),
        Some(lang) => lang.to_owned(),
        None if program.extension().is_some_and(|end| end == "wat") => "wat".to_owned(),
        None => {
            let known: Vec<&str> = judge.config().builder.toolchains.languages().collect();
            return Err(Failure::load(format!(
                "failed to build {}: it is no module, and its name does not say in which language it is; known are wat, {}",
                program.display(),
                known.join(", ")
            )));
        }
    };
    let text = String::from_utf8(bytes).map_err(|_| cannot(&"it is not UTF-8"))?;
    let task = Task::of_program("", limits);
    let built = judge
        .build(&task, &lang, &text)
        .map_err(|error| match error {
            BuildError::Refused(log) => cannot(&format!("it does not compile:\n{log}")),
            error => cannot(&error),
        })?;
    Ok((built, Some(text)))
}
