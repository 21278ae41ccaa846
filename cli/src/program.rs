//! A program on the command line: a source file, or a module that is built already.

use std::path::{Path, PathBuf};

use clap::Args;
use probity_efficiency::{
    judge::{Card, Judge},
    task::{Limits, Task},
    toolchain::{BuildError, Built},
};

use crate::{failure::Failure, units};

/// What a program is given, and what it may use.
#[derive(Debug, Clone, Default, Args)]
pub struct ProgramArgs {
    /// What a PROGRAM reads [default: nothing]
    #[arg(long, value_name = "FILE")]
    pub stdin: Option<PathBuf>,

    /// End a PROGRAM before it uses more than N units of fuel [default: 20 000 000 000]
    #[arg(long, value_name = "N", value_parser = units::integer)]
    pub fuel: Option<u64>,

    /// End a PROGRAM when it takes longer [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = units::integer)]
    pub timeout: Option<u64>,
}

impl ProgramArgs {
    /// Whether any of them is given.
    pub fn are_given(&self) -> bool {
        self.stdin.is_some() || self.fuel.is_some() || self.timeout.is_some()
    }

    /// What a program may use.
    pub fn limits(&self) -> Limits {
        let default = Limits::default();
        Limits {
            fuel: self.fuel.unwrap_or(default.fuel),
            wall_s: self.timeout.unwrap_or(default.wall_s),
            ..default
        }
    }

    /// What it reads.
    pub fn input(&self) -> Result<Vec<u8>, Failure> {
        match &self.stdin {
            Some(path) => read(path),
            None => Ok(Vec::new()),
        }
    }

    /// Builds and measures a program.
    pub fn card(&self, judge: &Judge, program: &Path, args: &[String]) -> Result<Card, Failure> {
        let (limits, input) = (self.limits(), self.input()?);
        let (built, source) = build(judge, program, limits)?;
        Ok(judge.card(
            &name(program),
            &built,
            input,
            args,
            limits,
            source.as_deref(),
        ))
    }
}

/// How a program is called.
pub fn name(program: &Path) -> String {
    let name = program.file_name().unwrap_or(program.as_os_str());
    name.to_string_lossy().into_owned()
}

/// The bytes of a file.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path)
        .map_err(|e| Failure::load(format!("failed to read {}: {e}", path.display())))
}

/// Whether it is a file of JSON lines, not a program: told by its name.
pub fn is_jsonl(path: &Path) -> bool {
    let end = path.extension().and_then(|end| end.to_str());
    matches!(end, Some("jsonl" | "ndjson" | "json"))
}

/// The module of a file, and its text if that is a source.
pub fn build(
    judge: &Judge,
    program: &Path,
    limits: Limits,
) -> Result<(Built, Option<String>), Failure> {
    build_with(judge, program, limits, |_| Ok(None))
}

/// The same, with the flags that `flags` gives for a source's language; `None` are the toolchain's own.
pub fn build_with(
    judge: &Judge,
    program: &Path,
    limits: Limits,
    flags: impl FnOnce(&str) -> Result<Option<Vec<String>>, Failure>,
) -> Result<(Built, Option<String>), Failure> {
    let cannot = |error: &dyn std::fmt::Display| {
        Failure::load(format!("failed to build {}: {error}", program.display()))
    };
    let bytes = read(program)?;
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
    let mut task = Task::of_program("", limits);
    task.build.flags = flags(&lang)?;
    let built = judge
        .build(&task, &lang, &text)
        .map_err(|error| match error {
            BuildError::Refused(log) => cannot(&format!("it does not compile:\n{log}")),
            error => cannot(&error),
        })?;
    Ok((built, Some(text)))
}
