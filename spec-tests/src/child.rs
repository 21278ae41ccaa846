//! One case in a child process.
//!
//! The suite's cases include deep recursion and whatever an engine's bugs make
//! of the rest; a crash or a hang must stay one failed case.

use std::io::{self, Read};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::expectations::Expectations;
use crate::mode::Mode;
use crate::report::report;
use crate::script;
use crate::suite::File;

/// The first argument of a child.
pub const CHILD_ARGUMENT: &str = "--child";

/// The first argument of a run of any script file, under a folder's configuration.
pub const SCRIPT_ARGUMENT: &str = "--script";

/// Wall time of one case. The slowest takes seconds in an unoptimised build.
const TIMEOUT_S: u64 = 120;

/// The environment variable that gives another time, in seconds: for runs under
/// tools that slow everything down.
const TIMEOUT_VARIABLE: &str = "SPEC_TESTS_TIMEOUT_S";

/// Native stack of the thread that executes the script. Wasm recursion must not
/// become native recursion, so little is needed, and a dispatch that lost its
/// tail calls would not get far.
const NATIVE_STACK_BYTES: usize = 256 << 10;

/// Standard error that is kept of a child.
const STDERR_BYTES_MAX: u64 = 64 << 10;

/// A child's exit status after failed assertions, as against a crash.
const STATUS_FAILED: u8 = 1;

/// How a case ended.
#[derive(Debug)]
pub enum Outcome {
    /// What was expected to pass passed, and nothing else.
    Passed,
    /// It did not, crashed, hung or could not be run: the report.
    Failed(String),
}

/// Run a case in a child process, which is this same executable.
pub fn run(file: &File, mode: Mode) -> Outcome {
    match spawn(file, mode) {
        Ok(outcome) => outcome,
        Err(e) => Outcome::Failed(format!("failed to run the child process: {e}")),
    }
}

fn spawn(file: &File, mode: Mode) -> io::Result<Outcome> {
    let timeout = timeout()?;
    let mut child = Command::new(std::env::current_exe()?)
        .args([CHILD_ARGUMENT, file.folder.name(), &file.name, mode.name()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;

    // The end of the child's standard error is the end of the child: waiting
    // for it with a limit needs no polling.
    let stderr = child.stderr.take();
    let (sender, receiver) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut stderr) = stderr {
            // A read that fails ends the report, which is then shorter.
            let _ = (&mut stderr)
                .take(STDERR_BYTES_MAX)
                .read_to_end(&mut kept)
                .and_then(|_| io::copy(&mut stderr, &mut io::sink()));
        }
        // The receiver is gone only if the parent failed first.
        let _ = sender.send(());
        String::from_utf8_lossy(&kept).trim_end().to_owned()
    });
    let timed_out = receiver.recv_timeout(timeout).is_err();
    if timed_out {
        child.kill()?;
    }
    let status = child.wait()?;
    let report = reader.join().unwrap_or_default();

    Ok(if timed_out {
        Outcome::Failed(format!("killed after {} s\n{report}", timeout.as_secs()))
    } else if status.success() {
        Outcome::Passed
    } else if status.code() == Some(STATUS_FAILED.into()) {
        Outcome::Failed(report)
    } else {
        Outcome::Failed(format!("{status}\n{report}"))
    })
}

fn timeout() -> io::Result<Duration> {
    let Some(seconds) = std::env::var_os(TIMEOUT_VARIABLE) else {
        return Ok(Duration::from_secs(TIMEOUT_S));
    };
    match seconds.to_str().and_then(|text| text.parse().ok()) {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => Err(io::Error::other(format!(
            "{TIMEOUT_VARIABLE} is not a number of seconds"
        ))),
    }
}

/// The child's side: run the case that the arguments name. With [`SCRIPT_ARGUMENT`]
/// the script is read from a file, and nothing is expected to fail.
pub fn main(argument: &str, mut args: impl Iterator<Item = String>) -> ExitCode {
    let mut next = || args.next().unwrap_or_default();
    let (folder, name, mode) = (next(), next(), next());
    let file = match argument {
        SCRIPT_ARGUMENT => File::read(&folder, &name),
        _ => File::find(&folder, &name).ok_or_else(|| "there is no such file".to_owned()),
    };
    let case = file.and_then(|file| {
        let mode = Mode::by_name(&mode).ok_or("there is no such mode")?;
        Ok((file, mode, Expectations::load()?))
    });
    let (file, mode, expectations) = match case {
        Ok(case) => case,
        Err(e) => {
            eprintln!("usage: {argument} FOLDER FILE MODE: {e}");
            return ExitCode::from(2);
        }
    };

    // On this thread, which has a large stack: parsing recurses.
    let steps = match script::parse(&file.text) {
        Ok(steps) => steps,
        Err(e) => {
            eprintln!("{file}:{e}");
            return ExitCode::from(STATUS_FAILED);
        }
    };
    let directives = steps.len();
    let folder = file.folder;
    let worker = thread::Builder::new()
        .name(file.to_string())
        .stack_size(NATIVE_STACK_BYTES)
        .spawn(move || crate::runner::run(folder, mode, &steps));
    let failures = match worker.map(thread::JoinHandle::join) {
        Ok(Ok(failures)) => failures,
        // The panic's message is on standard error already.
        Ok(Err(_)) => return ExitCode::from(101),
        Err(e) => {
            eprintln!("failed to start a thread: {e}");
            return ExitCode::from(101);
        }
    };
    let expected = expectations.lines(&file, mode);
    match report(&file.to_string(), &failures, &expected, directives) {
        None => ExitCode::SUCCESS,
        Some(report) => {
            eprintln!("{report}");
            ExitCode::from(STATUS_FAILED)
        }
    }
}
