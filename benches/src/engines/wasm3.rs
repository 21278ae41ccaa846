//! wasm3 through PyPI's `pywasm3` (the crate `wasm3` needs a `bindgen` program that no longer takes its flags). A Python
//! process is started once, runs every task inside itself and times the call of `_start` there.

use super::{Contender, Run};
use crate::kernels::Task;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const PACKAGE: &str = "pywasm3==0.5.0";

/// The Python process and its pipes.
pub struct Wasm3 {
    child: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
    version: String,
}

#[derive(Serialize)]
struct Request<'a> {
    path: &'a Path,
    argv: &'a [String],
}

#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    cpu_ns: u64,
    /// Bytes as Latin-1, so that any output fits in JSON.
    #[serde(default)]
    stdout: String,
    error: Option<String>,
}

impl Wasm3 {
    /// Starts the driver, after installing the package into a virtual environment under `target/` if it is not there.
    pub fn start() -> Result<Wasm3, String> {
        let python = python_with_package()?;
        let driver = crate::root().join("benches/peers/wasm3_driver.py");
        let mut child = Command::new(&python)
            .arg(&driver)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("failed to start {}: {e}", python.display()))?;
        let requests = child
            .stdin
            .take()
            .ok_or("failed to open the driver's stdin")?;
        let replies = BufReader::new(
            child
                .stdout
                .take()
                .ok_or("failed to open the driver's stdout")?,
        );
        let mut wasm3 = Wasm3 {
            child,
            requests,
            replies,
            version: String::new(),
        };
        wasm3.version = wasm3.read_line()?;
        Ok(wasm3)
    }

    fn read_line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.replies.read_line(&mut line) {
            Ok(0) => Err("the wasm3 driver ended".to_owned()),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(e) => Err(format!("failed to read from the wasm3 driver: {e}")),
        }
    }
}

impl Contender for Wasm3 {
    fn name(&self) -> &'static str {
        "wasm3"
    }

    fn version(&self) -> String {
        self.version.clone()
    }

    fn run(&mut self, task: &Task) -> Result<Run, String> {
        let request = Request {
            path: &task.path,
            argv: &task.argv,
        };
        let line = serde_json::to_string(&request).map_err(|e| e.to_string())?;
        writeln!(self.requests, "{line}")
            .map_err(|e| format!("failed to ask the wasm3 driver: {e}"))?;
        let reply: Reply = serde_json::from_str(&self.read_line()?).map_err(|e| e.to_string())?;
        match reply.error {
            Some(error) => Err(error),
            None => Ok(Run {
                cpu_ns: reply.cpu_ns,
                stdout: reply.stdout.chars().map(|c| c as u8).collect(),
            }),
        }
    }
}

impl Drop for Wasm3 {
    fn drop(&mut self) {
        // The process may have ended by itself; there is nothing left to do about either failure.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn python_with_package() -> Result<PathBuf, String> {
    let venv = crate::root().join("target/peers-venv");
    let python = venv.join("bin/python3");
    let has_package = |python: &Path| {
        let status = Command::new(python)
            .args(["-c", "import wasm3"])
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|s| s.success())
    };
    if !has_package(&python) {
        eprintln!("installing {PACKAGE} into {}", venv.display());
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        run(Command::new(&python).args(["-m", "pip", "install", "-q", PACKAGE]))?;
    }
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("failed to run {command:?}: {status}")),
        Err(e) => Err(format!("failed to run {command:?}: {e}")),
    }
}
