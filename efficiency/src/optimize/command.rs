//! A command as generator: the prompt on its stdin, the reply on its stdout.
//!
//! The command is the user's own, but what it starts may hang, flood or leave children behind. It gets a process group of its
//! own, a time and a size, and the whole group is killed when the reply is there, whatever became of it.

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::generator::{GenerateError, Generator, Reply, Request};
use super::message::plain_text;
use crate::group::Group;

/// How often the command is looked after.
const TICK: Duration = Duration::from_millis(10);
/// How long output is waited for after the command's end.
const GRACE: Duration = Duration::from_millis(500);
/// Of stderr this much of its end is quoted in errors.
const STDERR_BYTES: usize = 2000;

/// What a command may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandLimits {
    /// From its start to its end.
    pub time: Duration,
    /// What it writes to stdout.
    pub reply_bytes: usize,
}

impl Default for CommandLimits {
    fn default() -> CommandLimits {
        CommandLimits {
            time: Duration::from_secs(300),
            reply_bytes: 4 << 20,
        }
    }
}

/// A command line for `sh`. It is run for each candidate, with `PROBITY_ROUND`, `PROBITY_CANDIDATE` and `PROBITY_SEED` in
/// its environment.
#[derive(Debug, Clone)]
pub struct Command {
    line: String,
    limits: CommandLimits,
    stop: Arc<AtomicBool>,
}

impl Command {
    /// `stop` ends it early: who sets it wants no reply any more.
    pub fn new(line: &str, limits: CommandLimits, stop: Arc<AtomicBool>) -> Command {
        Command {
            line: line.to_owned(),
            limits,
            stop,
        }
    }
}

impl Generator for Command {
    fn generate(&mut self, request: &Request<'_>) -> Result<Reply, GenerateError> {
        let started = std::process::Command::new("sh")
            .arg("-c")
            .arg(&self.line)
            .env("PROBITY_ROUND", request.round.to_string())
            .env("PROBITY_CANDIDATE", request.candidate.to_string())
            .env("PROBITY_SEED", request.seed.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn();
        let child = started.map_err(|e| {
            GenerateError::always(format!("failed to start the generator's shell: {e}"))
        })?;
        let group = Group { child };
        run(group, plain_text(request.messages), self.limits, &self.stop)
    }
}

/// What comes from the thread that reads stdout.
enum Output {
    All(Vec<u8>),
    TooMuch,
    Failed(std::io::Error),
}

fn run(
    mut group: Group,
    input: String,
    limits: CommandLimits,
    stop: &AtomicBool,
) -> Result<Reply, GenerateError> {
    if let Some(mut stdin) = group.child.stdin.take() {
        // It ends when the pipe does: the command may stop reading when it likes.
        thread::spawn(move || stdin.write_all(input.as_bytes()));
    }
    let output = read_all(group.child.stdout.take(), limits.reply_bytes);
    let errors = read_tail(group.child.stderr.take());
    let start = Instant::now();
    let read = wait(&group, &output, start, limits.time, stop);
    // Whoever closed stdout may still be at work.
    while matches!(read, Ok(Output::All(_))) && !group.has_ended() {
        if start.elapsed() >= limits.time || stop.load(Ordering::Relaxed) {
            break;
        }
        thread::sleep(TICK);
    }
    let in_time = group.has_ended();
    let status = group.kill();
    let bytes = match read {
        Err(problem) => return Err(GenerateError::once(problem)),
        Ok(Output::All(bytes)) => bytes,
        Ok(Output::TooMuch) => {
            let most = limits.reply_bytes;
            return Err(GenerateError::once(format!(
                "the generator wrote more than the {most} bytes that are allowed"
            )));
        }
        Ok(Output::Failed(e)) => {
            return Err(GenerateError::once(format!(
                "failed to read the generator's output: {e}"
            )));
        }
    };
    if !in_time {
        return Err(GenerateError::once(too_long(limits.time, stop)));
    }
    match status {
        Some(status) if status.success() => Ok(Reply {
            text: String::from_utf8_lossy(&bytes).into_owned(),
            usage: None,
        }),
        status => {
            let tail = errors.recv_timeout(GRACE).unwrap_or_default();
            Err(GenerateError::once(ended_badly(status, &tail)))
        }
    }
}

fn too_long(time: Duration, stop: &AtomicBool) -> String {
    match stop.load(Ordering::Relaxed) {
        true => "the generator was interrupted".to_owned(),
        false => format!("the generator did not end within {} s", time.as_secs_f64()),
    }
}

fn ended_badly(status: Option<ExitStatus>, stderr: &str) -> String {
    let how = match status.map(|status| (status.code(), status.signal())) {
        Some((Some(code), _)) => format!("ended with status {code}"),
        Some((_, Some(signal))) => format!("was ended by signal {signal}"),
        _ => "ended in an unknown way".to_owned(),
    };
    match stderr.trim() {
        "" => format!("the generator {how}"),
        said => format!("the generator {how}: {said}"),
    }
}

/// Waits for the output, until its time is over, or until the command has ended and those who still hold its stdout are given up on.
fn wait(
    group: &Group,
    output: &Receiver<Output>,
    start: Instant,
    time: Duration,
    stop: &AtomicBool,
) -> Result<Output, String> {
    let mut ended: Option<Instant> = None;
    loop {
        match output.recv_timeout(TICK) {
            Ok(read) => return Ok(read),
            Err(RecvTimeoutError::Disconnected) => {
                return Err("the generator's output was lost".to_owned());
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if start.elapsed() >= time || stop.load(Ordering::Relaxed) {
            return Err(too_long(time, stop));
        }
        if ended.is_none() && group.has_ended() {
            ended = Some(Instant::now());
        }
        if ended.is_some_and(|at| at.elapsed() > GRACE) {
            return Err(
                "the generator ended, but something that it started keeps its output open"
                    .to_owned(),
            );
        }
    }
}

fn read_all(stdout: Option<impl Read + Send + 'static>, most: usize) -> Receiver<Output> {
    let (send, receive) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.map(|out| out.take(most as u64 + 1).read_to_end(&mut bytes));
        // Nobody may be waiting any more.
        let _ = send.send(match read {
            Some(Err(e)) => Output::Failed(e),
            _ if bytes.len() > most => Output::TooMuch,
            _ => Output::All(bytes),
        });
    });
    receive
}

/// The end of what is written, sent when all of it is read.
fn read_tail(stderr: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (send, receive) = channel();
    thread::spawn(move || {
        let mut tail: Vec<u8> = Vec::new();
        let mut block = [0; 4096];
        if let Some(mut stderr) = stderr {
            while let Ok(n @ 1..) = stderr.read(&mut block) {
                tail.extend_from_slice(&block[..n]);
                let excess = tail.len().saturating_sub(STDERR_BYTES);
                tail.drain(..excess);
            }
        }
        let _ = send.send(String::from_utf8_lossy(&tail).into_owned());
    });
    receive
}
