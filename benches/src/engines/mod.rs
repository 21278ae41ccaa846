//! The engines that are compared. A [`Contender`] runs a task from scratch: a new engine, module, store and instance every
//! time, so that code which an engine makes lazily is made, and paid for, in every run. A [`Compiler`] compiles a module
//! once for all its runs. Timed is the call of `_start` alone.

pub mod probity;
#[cfg(feature = "peers")]
mod wasm3;
#[cfg(feature = "peers")]
mod wasmi;
#[cfg(feature = "wasmtime")]
mod wasmtime;

use crate::kernels::Task;
use std::io::Write;
use std::sync::{Arc, Mutex};

/// One measured run.
pub struct Run {
    /// CPU time of `_start`, in nanoseconds.
    pub cpu_ns: u64,
    /// All that the guest wrote to stdout.
    pub stdout: Vec<u8>,
}

/// An engine under measurement.
pub trait Contender {
    /// Short name for a column.
    fn name(&self) -> &'static str;
    /// Version and what else decides its speed.
    fn version(&self) -> String;
    /// Runs a task once; the error says why it could not be run to its end with status 0.
    fn run(&mut self, task: &Task) -> Result<Run, String>;
}

/// An engine that compiles before it runs.
pub trait Compiler {
    /// Short name for a column.
    fn name(&self) -> &'static str;
    /// Version and what else decides its speed.
    fn version(&self) -> String;
    /// Name and bare version, to stand beside ratios.
    fn title(&self) -> String {
        let version = self.version();
        let bare = version.split([',', ' ']).next().unwrap_or_default();
        format!("{} {bare}", self.name())
    }
    /// Compiles a whole module.
    fn compile(&self, wasm: &[u8]) -> Result<Box<dyn Compiled>, String>;
}

/// A module as its engine has compiled it.
pub trait Compiled {
    /// Runs a WASI program once, in a new store; the error says why it did not get to its end with status 0.
    fn run(&self, argv: &[String]) -> Result<Run, String>;
}

/// The compiler to compare Probity's with: none unless built with the feature `wasmtime`.
pub fn peer_compiler() -> Result<Option<Box<dyn Compiler>>, String> {
    #[cfg(feature = "wasmtime")]
    return Ok(Some(Box::new(wasmtime::Wasmtime::new()?)));
    #[cfg(not(feature = "wasmtime"))]
    Ok(None)
}

/// The engines to compare Probity with: none unless built with the feature `peers`.
pub fn peers() -> Result<Vec<Box<dyn Contender>>, String> {
    #[cfg(feature = "peers")]
    return Ok(vec![
        Box::new(wasmi::Wasmi),
        Box::new(wasm3::Wasm3::start()?),
    ]);
    #[cfg(not(feature = "peers"))]
    Ok(Vec::new())
}

/// A guest's stdout, kept by whoever holds a clone.
#[derive(Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// What was written so far.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(|e| e.into_inner()))
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The version of a crate in the lock file that this build used.
#[cfg(any(feature = "peers", feature = "wasmtime"))]
fn locked_version(package: &str) -> &'static str {
    let lock = include_str!("../../../Cargo.lock");
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|l| *l != name).skip(1);
    let version = lines.next().and_then(|l| l.strip_prefix("version = \""));
    version.map_or("unknown version", |v| v.trim_end_matches('"'))
}
