//! Where the debugger's commands come from: a file, the command line, a pipe, or a person, who gets a line editor.

use std::{
    collections::VecDeque,
    fs,
    io::{self, BufRead, IsTerminal, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use probity_analyses::debug::{Console, commands};
use rustyline::{
    Context, Editor, Helper,
    completion::Completer,
    error::ReadlineError,
    highlight::Highlighter,
    hint::Hinter,
    history::{History, MemHistory},
    validate::Validator,
};

use super::Interrupt;
use crate::{failure::Failure, output::printable};

/// Commands that are there from the start.
pub struct Commands {
    waiting: VecDeque<String>,
    /// Behind them no others are read.
    batch: bool,
}

impl Commands {
    /// Those of a file, then those of the command line.
    pub fn new(
        file: Option<&Path>,
        execute: Vec<String>,
        batch: bool,
    ) -> Result<Commands, Failure> {
        let mut waiting = VecDeque::new();
        if let Some(path) = file {
            let text = fs::read_to_string(path).map_err(|e| {
                Failure::usage(format!(
                    "failed to read commands from {}: {e}",
                    path.display()
                ))
            })?;
            waiting.extend(text.lines().map(str::to_owned));
        }
        waiting.extend(execute);
        Ok(Commands { waiting, batch })
    }
}

/// The command's own console.
pub struct Shell {
    commands: Commands,
    interrupt: Arc<Interrupt>,
    /// Lines that a person has typed.
    history: Vec<String>,
    failed: Arc<AtomicBool>,
    interactive: bool,
}

impl Shell {
    /// On this process's stdin and stdout.
    pub fn new(commands: Commands, interrupt: Arc<Interrupt>) -> Shell {
        Shell {
            commands,
            interrupt,
            history: Vec::new(),
            failed: Arc::default(),
            interactive: io::stdin().is_terminal() && io::stdout().is_terminal(),
        }
    }

    /// Whether something could not be shown; not because the reader has seen enough.
    pub fn failed(&self) -> Arc<AtomicBool> {
        self.failed.clone()
    }

    /// A line from a person. Ctrl-C takes back what is typed.
    fn ask(&mut self, prompt: &str) -> io::Result<Option<String>> {
        let error = |error: ReadlineError| match error {
            ReadlineError::Io(error) => error,
            other => io::Error::other(other.to_string()),
        };
        let mut history = MemHistory::new();
        for line in &self.history {
            history.add(line).map_err(error)?;
        }
        let config = rustyline::Config::default();
        let mut editor = Editor::with_history(config, history).map_err(error)?;
        editor.set_helper(Some(Names));
        loop {
            match editor.readline(prompt) {
                Ok(line) => {
                    if !line.trim().is_empty() {
                        self.history.push(line.clone());
                    }
                    return Ok(Some(line));
                }
                Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => return Ok(None),
                Err(other) => return Err(error(other)),
            }
        }
    }
}

impl Console for Shell {
    fn read(&mut self, prompt: &str) -> io::Result<Option<String>> {
        self.interrupt.answered();
        let line = match self.commands.waiting.pop_front() {
            Some(line) => Some(line),
            None if self.commands.batch => None,
            None if self.interactive => return self.ask(prompt),
            None => {
                let mut line = String::new();
                match io::stdin().lock().read_line(&mut line)? {
                    0 => None,
                    _ => Some(line),
                }
            }
        };
        // A record of a session has its commands in it.
        if let Some(line) = &line {
            self.write(&format!("{prompt}{}\n", line.trim_end()))?;
        }
        Ok(line)
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        // Names and texts come from the program, which is not trusted.
        let safe: Vec<_> = text.split('\n').map(line).collect();
        let mut out = io::stdout().lock();
        let written = out
            .write_all(safe.join("\n").as_bytes())
            .and_then(|()| out.flush());
        if let Err(error) = &written
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            self.failed.store(true, Ordering::SeqCst);
        }
        written
    }

    fn is_interactive(&self) -> bool {
        self.interactive && self.commands.waiting.is_empty()
    }
}

/// A line without control characters; tabs may stay.
fn line(text: &str) -> String {
    let parts: Vec<_> = text.split('\t').map(printable).collect();
    parts.join("\t")
}

/// Completes names of commands.
struct Names;

impl Completer for Names {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let typed = line.get(..at).unwrap_or(line);
        let first = typed.trim_start();
        let start = typed.len() - first.len();
        if first.contains(char::is_whitespace) {
            return Ok((at, Vec::new()));
        }
        let names = commands().iter().map(|command| command.name);
        let begun = names.filter(|name| name.starts_with(first));
        Ok((start, begun.map(|name| format!("{name} ")).collect()))
    }
}

impl Hinter for Names {
    type Hint = String;
}

impl Highlighter for Names {}
impl Validator for Names {}
impl Helper for Names {}
