//! One program's way through its compiler.

use std::fmt;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::cache::BuildCache;
use super::process::{Ended, Environment, ProcessLimits, run_limited};
use super::table::{PYTHON, Toolchains};
use crate::python::{Program, Toolchain, ToolchainDir, ToolchainError};

/// What programs may expect and not every standard library has, in `{include}`.
const SHIMS: &[(&str, &str)] = &[
    ("bits/stdc++.h", include_str!("shims/stdc++.h")),
    ("exceptions.cpp", include_str!("shims/exceptions.cpp")),
];

/// Part of what builds are kept by: changes whenever what is built from the same text does.
const GENERATION: &str = "probity-build-1";

/// How much of what a compiler says is kept.
const LOG_BYTES: usize = 16 << 10;

/// A module, and what made it.
#[derive(Clone, PartialEq, Eq)]
pub struct Built {
    /// The module.
    pub wasm: Arc<[u8]>,
    /// SHA-256 of the module, in hexadecimal.
    pub sha256: String,
    /// Name and version of the compiler; empty if it came built.
    pub toolchain: String,
    /// A program that an interpreter runs: its module is the interpreter's, and `wasm` is empty.
    pub python: Option<Program>,
}

impl fmt::Debug for Built {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Built")
            .field("sha256", &self.sha256)
            .field("toolchain", &self.toolchain)
            .finish_non_exhaustive()
    }
}

impl Built {
    /// A module.
    pub fn new(wasm: impl Into<Arc<[u8]>>, toolchain: impl Into<String>) -> Built {
        let wasm = wasm.into();
        Built {
            sha256: hex(&Sha256::digest(&wasm)),
            wasm,
            toolchain: toolchain.into(),
            python: None,
        }
    }

    /// A program in Python, which is told from others by its interpreter and its text.
    pub fn of_python(program: Program) -> Built {
        Built {
            wasm: Arc::default(),
            sha256: program.sha256(),
            toolchain: program.toolchain.title(),
            python: Some(program),
        }
    }
}

/// Why there is no module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildError {
    /// The compiler said this.
    Refused(String),
    /// It took more than it may.
    Limit(String),
    /// There is no compiler, or it could not be run; says nothing about the program.
    Unsupported(String),
    /// The machine failed; says nothing about the program.
    Internal(String),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Refused(message)
            | BuildError::Limit(message)
            | BuildError::Unsupported(message)
            | BuildError::Internal(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for BuildError {}

/// What a compiler may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Time.
    pub wall: Duration,
    /// Address space of each of its processes, bytes.
    pub memory_bytes: u64,
    /// Size of each file, the module included, bytes.
    pub file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            wall: Duration::from_secs(120),
            memory_bytes: 16 << 30,
            file_bytes: 256 << 20,
        }
    }
}

/// Builds programs.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    /// The languages.
    pub toolchains: Toolchains,
    /// Where builds are kept.
    pub cache: Option<BuildCache>,
    /// What a compiler may take.
    pub limits: Limits,
    /// The interpreter of programs in Python.
    pub python: Python,
}

/// Where the interpreter of programs in Python is looked for, and what was found; clones share that.
#[derive(Debug, Clone, Default)]
pub struct Python {
    dir: Option<ToolchainDir>,
    found: Arc<OnceLock<Result<Arc<Toolchain>, ToolchainError>>>,
}

impl Python {
    /// What was added to a folder.
    pub fn of(dir: ToolchainDir) -> Python {
        Python {
            dir: Some(dir),
            found: Arc::default(),
        }
    }

    fn get(&self) -> Result<Arc<Toolchain>, ToolchainError> {
        let dir = self.dir.as_ref().ok_or(ToolchainError::Absent)?;
        self.found.get_or_init(|| dir.get().map(Arc::new)).clone()
    }
}

impl Builder {
    /// Builds a program.
    ///
    /// # Errors
    /// If it does not compile, or there is nothing that could compile it.
    pub fn build(
        &self,
        language: &str,
        text: &str,
        flags: Option<&[String]>,
        stack_bytes: u64,
    ) -> Result<Built, BuildError> {
        if language == "wat" {
            return module(text.as_bytes(), "wat");
        }
        // A table of one's own may have a compiler for it.
        if language == PYTHON && !self.toolchains.has_compiler(PYTHON) {
            let toolchain = self.python.get();
            let toolchain =
                toolchain.map_err(|e| BuildError::Unsupported(format!("failed to {e}")))?;
            return Ok(Built::of_python(Program {
                toolchain,
                source: text.into(),
            }));
        }
        let found = self
            .toolchains
            .compiler(language)
            .map_err(BuildError::Unsupported)?;
        let flags = flags.unwrap_or(&found.compiler.flags);
        let key = key(&[
            GENERATION,
            SHIMS[0].1,
            SHIMS[1].1,
            &found.title,
            &found.compiler.command.join("\0"),
            &flags.join("\0"),
            &stack_bytes.to_string(),
            text,
        ]);
        if let Some(known) = self.cache.as_ref().and_then(|c| c.get(&key, &found.title)) {
            return known;
        }
        let dir = tempfile::Builder::new()
            .prefix("probity-build-")
            .tempdir()
            .map_err(|e| BuildError::Internal(format!("make a directory: {e}")))?;
        let extension = self.toolchains.extension_of(language);
        let result = self
            .prepare(dir.path(), extension, text)
            .map_err(|e| BuildError::Internal(format!("write the program: {e}")))
            .and_then(|source| {
                let words = words(
                    &found.compiler.command,
                    dir.path(),
                    &source,
                    flags,
                    stack_bytes,
                );
                self.compile(dir.path(), &words)
            })
            .map(|wasm| Built::new(wasm, &found.title));
        if let Some(cache) = &self.cache {
            cache.put(&key, &result);
        }
        result
    }

    /// Writes the program and the headers; its file's name.
    fn prepare(&self, dir: &Path, extension: &str, text: &str) -> io::Result<String> {
        for (name, header) in SHIMS {
            let path = dir.join("include").join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(path, header)?;
        }
        let source = format!("main.{extension}");
        std::fs::write(dir.join(&source), text)?;
        Ok(source)
    }

    fn compile(&self, dir: &Path, words: &[String]) -> Result<Vec<u8>, BuildError> {
        let limits = ProcessLimits {
            wall: self.limits.wall,
            cpu_s: Some(self.limits.wall.as_secs().max(1)),
            memory_bytes: Some(self.limits.memory_bytes),
            file_bytes: Some(self.limits.file_bytes),
            output_bytes: 4 << 20,
            environment: Environment::Tools,
        };
        let ended = run_limited(words, Some(dir), &[], &limits)
            .map_err(|e| BuildError::Unsupported(format!("run {}: {e}", words[0])))?;
        let output = match ended {
            Ended::Exit { status: 0, output } => output,
            Ended::Exit { status, output } => {
                let log = shorten(&output);
                return Err(BuildError::Refused(match log.is_empty() {
                    true => format!("the compiler ended with status {status}"),
                    false => log,
                }));
            }
            Ended::Timeout => {
                let seconds = self.limits.wall.as_secs();
                let message = format!("the compiler took longer than {seconds} s");
                return Err(BuildError::Limit(message));
            }
            Ended::TooMuchOutput => {
                let message = "the compiler wrote more than 4 MiB of messages";
                return Err(BuildError::Limit(message.to_owned()));
            }
        };
        read_file(&dir.join("main.wasm"), self.limits.file_bytes).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => {
                let log = shorten(&output);
                BuildError::Refused(format!("the compiler made no module\n{log}"))
            }
            _ => BuildError::Refused(format!("the compiler made no module: {e}")),
        })
    }
}

/// Reads a file that somebody else may have put there: what is no file, such as a device or a pipe, may have no end.
///
/// # Errors
/// If it cannot be read, is no file, or has more bytes.
pub(crate) fn read_file(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    let mut file = std::fs::File::open(path)?.take(bytes_max.saturating_add(1));
    file.read_to_end(&mut bytes)?;
    match bytes.len() as u64 > bytes_max {
        true => Err(io::Error::other(format!(
            "it has more than {bytes_max} bytes"
        ))),
        false => Ok(bytes),
    }
}

/// A module that is given in binary or text form.
pub(crate) fn module(bytes: &[u8], toolchain: &str) -> Result<Built, BuildError> {
    if bytes.starts_with(b"\0asm") {
        return Ok(Built::new(bytes.to_vec(), ""));
    }
    let wasm = wat::parse_bytes(bytes).map_err(|e| BuildError::Refused(e.to_string()))?;
    Ok(Built::new(wasm.into_owned(), toolchain))
}

/// A command with its places filled in.
fn words(
    command: &[String],
    dir: &Path,
    source: &str,
    flags: &[String],
    stack_bytes: u64,
) -> Vec<String> {
    let mut words = Vec::new();
    for word in command {
        if word == "{flags}" {
            words.extend_from_slice(flags);
            continue;
        }
        words.push(
            word.replace("{source}", source)
                .replace("{output}", "main.wasm")
                .replace("{include}", "include")
                .replace("{dir}", &dir.to_string_lossy())
                .replace("{stack_bytes}", &stack_bytes.to_string()),
        );
    }
    words
}

/// One hash of several texts, each ended so that they cannot run together.
fn key(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The beginning of a log, which has the first error in it.
fn shorten(log: &str) -> String {
    let log = log.trim();
    if log.len() <= LOG_BYTES {
        return log.to_owned();
    }
    let end = (0..=LOG_BYTES).rev().find(|&at| log.is_char_boundary(at));
    format!("{}\n...", &log[..end.unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A language whose compiler is the shell.
    fn builder(script: &str) -> Builder {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("table.toml");
        let table = format!(
            "[sh]\nextensions = ['sh']\n[[sh.compilers]]\nname = 'sh'\nversion = ['echo', '1']\nflags = ['-x']\n\
             command = ['sh', '-c', '{script}', 'sh', '{{source}}', '{{output}}', '{{flags}}', '{{stack_bytes}}']\n"
        );
        std::fs::write(&path, table).expect("written");
        Builder {
            toolchains: Toolchains::with_file(&path).expect("the form"),
            limits: Limits {
                wall: Duration::from_secs(5),
                ..Limits::default()
            },
            ..Builder::default()
        }
    }

    #[test]
    fn a_program_is_built_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let runs = dir.path().join("runs");
        let script = format!(
            "echo run >> {}; echo $3 $4 > $2; cat $1 >> $2",
            runs.display()
        );
        let mut builder = builder(&script);
        builder.cache = Some(BuildCache::new(dir.path().join("cache")).expect("made"));
        for _ in 0..2 {
            let built = builder.build("sh", "text", None, 5).expect("built");
            assert_eq!(&built.wasm[..], b"-x 5\ntext");
            assert_eq!(built.toolchain, "sh 1");
        }
        let flags = ["-y".to_owned()];
        let other = builder.build("sh", "text", Some(&flags), 5).expect("built");
        assert_eq!(&other.wasm[..], b"-y 5\ntext");
        let runs = std::fs::read_to_string(runs).expect("run");
        assert_eq!(runs.lines().count(), 2, "the same was not built again");
        // sha256sum of "-x 5\ntext".
        assert_ne!(
            other.sha256,
            builder.build("sh", "text", None, 5).expect("built").sha256
        );
    }

    #[test]
    fn what_is_not_built_says_why() {
        let error = |script: &str| {
            builder(script)
                .build("sh", "x", None, 1)
                .expect_err("fails")
        };
        assert_eq!(
            error("echo no such thing; exit 1"),
            BuildError::Refused("no such thing".to_owned())
        );
        assert!(
            matches!(error("true"), BuildError::Refused(m) if m.starts_with("the compiler made no module"))
        );
        let mut slow = builder("sleep 100");
        slow.limits.wall = Duration::from_millis(200);
        assert!(matches!(
            slow.build("sh", "x", None, 1),
            Err(BuildError::Limit(_))
        ));
        let none = Builder::default().build("cobol", "x", None, 1);
        assert!(matches!(none, Err(BuildError::Unsupported(_))));
        let wat = Builder::default().build("wat", "(module", None, 1);
        assert!(matches!(wat, Err(BuildError::Refused(_))));
    }

    #[test]
    fn hashes_are_sha256() {
        // The well-known digest of nothing.
        let empty = Built::new(Vec::new(), "");
        assert_eq!(
            empty.sha256,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
    }
}
