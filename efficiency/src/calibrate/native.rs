//! Programs run as the machine runs them: how each language is built and started.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use tempfile::TempDir;

use crate::toolchain::{Ended, Environment, ProcessLimits, run_limited};

/// How programs of one language are run natively: command lines, of which `{source}` and `{exe}` are files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Native {
    /// What builds it first, if anything does.
    pub build: Option<String>,
    /// What runs it.
    pub run: String,
    /// What a source file's name ends with.
    pub end: String,
    /// A program that does nothing.
    pub empty: String,
}

/// Languages that can be run natively, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Natives(BTreeMap<String, Native>);

/// Why a program was not run natively.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeError(String);

impl fmt::Display for NativeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NativeError {}

impl Default for Natives {
    /// The compilers and interpreters that systems have, as the judge's own are called: with optimisation.
    fn default() -> Natives {
        let native = |build: Option<&str>, run: &str, end: &str, empty: &str| Native {
            build: build.map(str::to_owned),
            run: run.to_owned(),
            end: end.to_owned(),
            empty: empty.to_owned(),
        };
        let c = "int main(void) { return 0; }\n";
        Natives(BTreeMap::from([
            (
                "python".to_owned(),
                native(None, "python3 -I -S {source}", "py", "pass\n"),
            ),
            (
                "c".to_owned(),
                native(Some("cc -O2 -o {exe} {source} -lm"), "{exe}", "c", c),
            ),
            (
                "cpp".to_owned(),
                native(
                    Some("c++ -O2 -std=c++20 -o {exe} {source}"),
                    "{exe}",
                    "cpp",
                    "int main() { return 0; }\n",
                ),
            ),
            (
                "rust".to_owned(),
                native(
                    Some("rustc --edition 2024 -C opt-level=3 -o {exe} {source}"),
                    "{exe}",
                    "rs",
                    "fn main() {}\n",
                ),
            ),
        ]))
    }
}

impl Natives {
    /// Has programs of a language run by another command.
    ///
    /// # Errors
    /// If the language is not known.
    pub fn set_run(&mut self, lang: &str, command: &str) -> Result<(), NativeError> {
        self.known(lang)?.run = command.to_owned();
        Ok(())
    }

    /// Has programs of a language built by another command.
    ///
    /// # Errors
    /// If the language is not known.
    pub fn set_build(&mut self, lang: &str, command: &str) -> Result<(), NativeError> {
        self.known(lang)?.build = Some(command.to_owned());
        Ok(())
    }

    /// How a language is run.
    ///
    /// # Errors
    /// If the language is not known.
    pub fn get(&self, lang: &str) -> Result<&Native, NativeError> {
        self.0.get(lang).ok_or_else(|| self.unknown(lang))
    }

    fn known(&mut self, lang: &str) -> Result<&mut Native, NativeError> {
        let unknown = self.unknown(lang);
        self.0.get_mut(lang).ok_or(unknown)
    }

    fn unknown(&self, lang: &str) -> NativeError {
        let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
        NativeError(format!(
            "how programs in `{lang}` are run natively is not known; known are {}",
            known.join(", ")
        ))
    }
}

/// A program that can be run natively; its files go with it.
pub(super) struct Ready {
    dir: TempDir,
    command: Vec<String>,
}

impl Native {
    /// Writes the program down, and builds it.
    pub(super) fn ready(&self, text: &str, limits: &ProcessLimits) -> Result<Ready, NativeError> {
        let failed = |e: std::io::Error| NativeError(format!("make a folder for it: {e}"));
        let dir = tempfile::tempdir().map_err(failed)?;
        let source = dir.path().join(format!("program.{}", self.end));
        let exe = dir.path().join("program");
        std::fs::write(&source, text).map_err(failed)?;
        if let Some(build) = &self.build {
            let command = words(build, &source, &exe);
            let (_, ended) = timed(&command, dir.path(), &[], limits)?;
            well(&command, ended)?;
        }
        let command = words(&self.run, &source, &exe);
        Ok(Ready { dir, command })
    }
}

impl Ready {
    /// Runs it: what it took, processor time, and what it printed. No other process may be waited for meanwhile.
    pub fn run(
        &self,
        args: &[String],
        stdin: &[u8],
        limits: &ProcessLimits,
    ) -> Result<(Duration, String), NativeError> {
        let command: Vec<String> = self.command.iter().chain(args).cloned().collect();
        let (took, ended) = timed(&command, self.dir.path(), stdin, limits)?;
        Ok((took, well(&command, ended)?))
    }
}

/// The limits of native runs. What they print is compared, and so kept.
pub(super) fn limits(wall: Duration) -> ProcessLimits {
    ProcessLimits {
        wall,
        output_bytes: 64 << 20,
        environment: Environment::Tools,
        ..ProcessLimits::default()
    }
}

fn words(command: &str, source: &Path, exe: &Path) -> Vec<String> {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let word = |word: &str| {
        word.replace("{source}", &path(source))
            .replace("{exe}", &path(exe))
    };
    command.split_whitespace().map(word).collect()
}

fn timed(
    command: &[String],
    dir: &Path,
    stdin: &[u8],
    limits: &ProcessLimits,
) -> Result<(Duration, Ended), NativeError> {
    if command.is_empty() {
        return Err(NativeError("its command is empty".to_owned()));
    }
    let failed = |e| NativeError(format!("read the time of processes: {e}"));
    let before = children_time().map_err(failed)?;
    let ended = run_limited(command, Some(dir), stdin, limits);
    let took = children_time().map_err(failed)?.saturating_sub(before);
    match ended {
        Ok(ended) => Ok((took, ended)),
        Err(error) => Err(NativeError(format!("start `{}`: {error}", command[0]))),
    }
}

/// Processor time of all processes that this one has started and waited for. Wall time is that of whatever else the machine does, too.
fn children_time() -> nix::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let times = [usage.user_time(), usage.system_time()];
    let us =
        times.map(|time| time.tv_sec().unsigned_abs() * 1_000_000 + time.tv_usec().unsigned_abs());
    Ok(Duration::from_micros(us.iter().sum()))
}

fn well(command: &[String], ended: Ended) -> Result<String, NativeError> {
    let name = PathBuf::from(&command[0]);
    let name = name.file_name().unwrap_or_default().to_string_lossy();
    match ended {
        Ended::Exit { status: 0, output } => Ok(output),
        Ended::Exit { status, output } => Err(NativeError(format!(
            "`{name}` ended with status {status}: {}",
            output.lines().last().unwrap_or_default()
        ))),
        Ended::Timeout => Err(NativeError(format!("`{name}` took too long"))),
        Ended::TooMuchOutput => Err(NativeError(format!("`{name}` wrote too much"))),
    }
}
