//! Other people's processes: with limits on what they take, and gone when they are over.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::group::Group;

/// What a process and its children may take.
#[derive(Debug, Clone, Copy)]
pub struct ProcessLimits {
    /// Time, from start to end.
    pub wall: Duration,
    /// Processor time of each process, seconds.
    pub cpu_s: Option<u64>,
    /// Address space of each process, bytes.
    pub memory_bytes: Option<u64>,
    /// Size of each file that it writes, bytes.
    pub file_bytes: Option<u64>,
    /// Bytes of stdout and stderr that are kept; more end the process.
    pub output_bytes: usize,
    /// What it has of this process's environment.
    pub environment: Environment,
}

/// What a process has of the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Environment {
    /// All of it.
    #[default]
    Whole,
    /// What compilers need to find themselves and their files, and no more: a program can ask its compiler for any variable
    /// (`env!` in Rust), and some are keys.
    Tools,
}

impl Environment {
    fn has(self, name: &str) -> bool {
        const NAMES: [&str; 16] = [
            "PATH",
            "HOME",
            "USER",
            "LOGNAME",
            "TMPDIR",
            "TMP",
            "TEMP",
            "LANG",
            "CARGO_HOME",
            "VIRTUAL_ENV",
            "CONDA_PREFIX",
            "NODE_PATH",
            "LD_LIBRARY_PATH",
            "PYTHONPATH",
            "PYTHONHOME",
            "PYTHONUSERBASE",
        ];
        const PREFIXES: [&str; 7] = ["LC_", "XDG_", "RUSTUP_", "ZIG_", "WASI_", "NVM_", "DYLD_"];
        match self {
            Environment::Whole => true,
            Environment::Tools => {
                NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            }
        }
    }
}

impl Default for ProcessLimits {
    fn default() -> ProcessLimits {
        ProcessLimits {
            wall: Duration::from_secs(60),
            cpu_s: None,
            memory_bytes: None,
            file_bytes: None,
            output_bytes: 1 << 20,
            environment: Environment::Whole,
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this status (128 and the signal, if it was one) and what it wrote.
    Exit {
        /// 0 to 255.
        status: i32,
        /// stdout and stderr, as they came.
        output: String,
    },
    /// It took too long.
    Timeout,
    /// It wrote too much.
    TooMuchOutput,
}

/// Runs a command until it ends or exceeds a limit; nothing of its process group is left then. `stdin` is what it reads.
///
/// # Errors
/// If it cannot be started.
pub fn run_limited(
    command: &[String],
    dir: Option<&Path>,
    stdin: &[u8],
    limits: &ProcessLimits,
) -> io::Result<Ended> {
    use std::os::unix::process::CommandExt as _;

    let mut process = limited(command, limits)?;
    if let Some(dir) = dir {
        process.current_dir(dir);
    }
    for (name, _) in std::env::vars_os() {
        if !limits.environment.has(&name.to_string_lossy()) {
            process.env_remove(name);
        }
    }
    let (reader, writer) = io::pipe()?;
    process
        .stdin(Stdio::piped())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        // What it starts can be ended with it.
        .process_group(0);
    let child = process.spawn()?;
    // Keeps ends of the pipe open, otherwise.
    drop(process);
    let mut group = Group { child };
    if let Some(mut pipe) = group.child.stdin.take() {
        let bytes = stdin.to_vec();
        // A process need not read what it is given: who waits for it is a thread that ends with it.
        thread::spawn(move || pipe.write_all(&bytes));
    }
    let (sender, events) = mpsc::channel();
    let most = limits.output_bytes;
    thread::spawn(move || {
        let mut output = Vec::new();
        let mut limited = reader.take(most as u64 + 1);
        // What was read until an error is what there is.
        drop(limited.read_to_end(&mut output));
        drop(sender.send(output));
    });
    let deadline = Instant::now() + limits.wall;
    let waited = wait(&group, &events, most, deadline);
    let status = group.kill();
    Ok(match waited {
        Waited::Output(output) => Ended::Exit {
            status: status.map_or(255, code),
            output: String::from_utf8_lossy(&output).into_owned(),
        },
        Waited::Timeout => Ended::Timeout,
        Waited::TooMuchOutput => Ended::TooMuchOutput,
    })
}

/// What was waited for.
enum Waited {
    /// The process has ended, and wrote this.
    Output(Vec<u8>),
    Timeout,
    TooMuchOutput,
}

/// The command below a shell that sets the limits, which only the process itself can do.
fn limited(command: &[String], limits: &ProcessLimits) -> io::Result<Command> {
    let Some((program, args)) = command.split_first() else {
        let message = "the command is empty";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    };
    let mut script = String::new();
    let mut limit = |flag: &str, value: Option<u64>| {
        if let Some(value) = value {
            script += &format!("ulimit -{flag} {value} && ");
        }
    };
    limit("t", limits.cpu_s);
    // In units of 1024 and 512 bytes.
    limit("v", limits.memory_bytes.map(|bytes| bytes.div_ceil(1024)));
    limit("f", limits.file_bytes.map(|bytes| bytes.div_ceil(512)));
    if script.is_empty() {
        let mut process = Command::new(program);
        process.args(args);
        return Ok(process);
    }
    script += "exec \"$0\" \"$@\"";
    let mut process = Command::new("/bin/sh");
    process.arg("-c").arg(script).arg(program).args(args);
    Ok(process)
}

fn wait(
    group: &Group,
    events: &mpsc::Receiver<Vec<u8>>,
    output_max: usize,
    deadline: Instant,
) -> Waited {
    let mut output: Option<Vec<u8>> = None;
    let is_much = |output: &Vec<u8>| output.len() > output_max;
    loop {
        if output.as_ref().is_some_and(is_much) {
            return Waited::TooMuchOutput;
        }
        if group.has_ended() {
            // Children that outlive it may hold the pipe: what is there by now is its output.
            let grace = Duration::from_millis(500);
            let output = output.unwrap_or_else(|| events.recv_timeout(grace).unwrap_or_default());
            return match is_much(&output) {
                true => Waited::TooMuchOutput,
                false => Waited::Output(output),
            };
        }
        let Some(left) = deadline.checked_duration_since(Instant::now()) else {
            return Waited::Timeout;
        };
        // The end of its output is nearly its end.
        let nap = left.min(Duration::from_millis(if output.is_some() { 1 } else { 20 }));
        match output {
            Some(_) => thread::sleep(nap),
            None => output = events.recv_timeout(nap).ok(),
        }
    }
}

fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(255)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, stdin: &[u8], limits: ProcessLimits) -> Ended {
        let command = ["sh", "-c", script].map(str::to_owned);
        run_limited(&command, None, stdin, &limits).expect("sh")
    }

    fn short() -> ProcessLimits {
        ProcessLimits {
            wall: Duration::from_millis(300),
            output_bytes: 1000,
            ..ProcessLimits::default()
        }
    }

    #[test]
    fn compilers_have_no_keys() {
        let has = |name: &str| Environment::Tools.has(name);
        assert!(has("PATH") && has("ZIG_GLOBAL_CACHE_DIR") && has("LC_ALL"));
        assert!(!has("OPENAI_API_KEY") && !has("PATHS") && !has("CARGO_REGISTRY_TOKEN"));
        // Cargo sets it for tests.
        let limits = |environment| ProcessLimits {
            environment,
            ..ProcessLimits::default()
        };
        let script = "echo ${CARGO_PKG_NAME-none}";
        for (environment, seen) in [
            (Environment::Whole, "probity-efficiency\n"),
            (Environment::Tools, "none\n"),
        ] {
            let Ended::Exit { output, .. } = sh(script, b"", limits(environment)) else {
                panic!("it ends");
            };
            assert_eq!(output, seen);
        }
    }

    #[test]
    fn a_process_ends_as_it_does() {
        let said = |status, output: &str| Ended::Exit {
            status,
            output: output.to_owned(),
        };
        let long = ProcessLimits::default();
        assert_eq!(
            sh("cat; echo err >&2; exit 3", b"in ", long),
            said(3, "in err\n")
        );
        assert_eq!(sh("kill -9 $$", b"", long), said(137, ""));
        assert_eq!(sh("exec true", &[0; 1 << 20], long), said(0, ""));
        let missing = run_limited(&["/no/such".to_owned()], None, &[], &long);
        assert!(missing.is_err());
    }

    #[test]
    fn what_exceeds_a_limit_is_ended_with_all_its_children() {
        assert_eq!(sh("sleep 100 & sleep 100", b"", short()), Ended::Timeout);
        assert_eq!(sh("yes", b"", short()), Ended::TooMuchOutput);
        // A child keeps the pipe; the process itself is over.
        let ended = sh("sleep 100 & exit 4", b"", short());
        assert!(matches!(ended, Ended::Exit { status: 4, .. }), "{ended:?}");
        let limits = ProcessLimits {
            file_bytes: Some(1024),
            ..short()
        };
        let dir = tempfile::tempdir().expect("a directory");
        let script = format!(
            "head -c 100000 /dev/zero > {}/file; echo $?",
            dir.path().display()
        );
        let ended = sh(&script, b"", limits);
        assert!(
            matches!(&ended, Ended::Exit { output, .. } if !output.contains("0\n")),
            "{ended:?}"
        );
    }
}
