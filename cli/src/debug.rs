//! `probity debug`: the debugger of `probity_analyses::debug`, on a terminal or from a file of commands.

mod console;

use std::{
    fs::File,
    path::PathBuf,
    process,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use clap::Args;
use probity_analyses::debug::{Debugger, Wish};
use probity_engine::{Engine, Module, hook::Remote};

use crate::{
    coverage::source_dirs,
    failure::{Failure, INTERRUPTED, about},
    guest::{Guest, GuestArgs},
    run::{
        execute::{Host, prepare, start},
        invoke::{Entry, print},
        outcome::Ended,
    },
};
use console::{Commands, Shell};

const AFTER_LONG_HELP: &str = "\
Exit status:
  0    the session has ended, however the program did
  1    the module cannot be loaded
  2    wrong usage
  3    nobody can read what the debugger says
  130  Ctrl-C while the program waits in the host

Ctrl-C stops the program; a second one, if it does not come back from a call of the host, ends the session. Between
stops the program is compiled as ever, but keeps all locals in memory.

Examples:
  Stop at a function, and look around:
    probity debug program.wasm input.txt
    (probity) break parse
    (probity) run
    (probity) backtrace
  Commands from a file, without questions:
    probity debug --commands session.txt --batch program.wasm
  One-liners:
    probity debug -e 'break sum if n > 3' -e run -e backtrace --batch program.wasm";

/// Stop a program where you want, look at it, and change it
///
/// Breakpoints, steps and watchpoints by lines of the source, if the module has DWARF or a source map, else by functions and
/// operators; `help` lists the commands. The program's stdin is empty unless --stdin is given, for commands come from there.
#[derive(Debug, Args)]
#[command(
    override_usage = "probity debug [OPTIONS] MODULE [ARGS]...",
    after_long_help = AFTER_LONG_HELP
)]
pub struct DebugArgs {
    /// Take commands from FILE first
    #[arg(short = 'x', long, value_name = "FILE")]
    commands: Option<PathBuf>,

    /// A command, behind those of --commands; repeatable
    #[arg(short = 'e', long = "execute", value_name = "COMMAND")]
    execute: Vec<String>,

    /// Quit when these commands are done
    #[arg(long)]
    batch: bool,

    /// What the program reads from its stdin
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,

    /// What is run, and what it is given.
    #[command(flatten)]
    guest: GuestArgs,
}

/// What Ctrl-C does.
struct Interrupt {
    /// The run that is under way.
    remote: Mutex<Option<Remote>>,
    /// The program has been asked to stop and has not yet.
    asked: AtomicBool,
}

/// Runs the subcommand; the result is the process's exit status.
pub fn main(args: DebugArgs) -> Result<u8, Failure> {
    let mut guest = Guest::resolve(&args.guest)?;
    guest.config.keep_locals(true);
    let engine = Engine::new(&guest.config);
    let path = guest.module.display().to_string();
    let module = Module::from_file(&engine, &guest.module)
        .map_err(|e| Failure::load(about(&path, &e.to_string())))?;
    let entry = Entry::of(&module, &guest)?;
    if let Some(stdin) = &args.stdin {
        open(stdin)?;
    }

    let interrupt = Arc::new(Interrupt {
        remote: Mutex::new(None),
        asked: AtomicBool::new(false),
    });
    let commands = Commands::new(args.commands.as_deref(), args.execute, args.batch)?;
    let shell = Shell::new(commands, interrupt.clone());
    let failed = shell.failed();
    let debugger = Debugger::new(shell);
    debugger.source_dirs(source_dirs(&args.guest.source_dir));
    if let Entry::Invoke { name, .. } = &entry {
        debugger.entry(name);
    }
    debugger.add_module(&module, guest.origin());
    interrupt.listen(debugger.handle())?;

    while debugger.wish() == Wish::Run {
        let stdin = args.stdin.as_ref().map(open).transpose()?;
        let prepared = prepare(&engine, &guest, |wasi| {
            match stdin {
                Some(file) => wasi.stdin(file),
                None => wasi.stdin_bytes([]),
            };
        })?;
        let (mut store, mut linker) = (prepared.store, prepared.linker);
        interrupt.set(Some(store.remote()));
        debugger.attach(&mut store);
        let result = start(&mut store, &mut linker, &module, &entry, &guest, |_| Ok(()));
        interrupt.set(None);
        let how = match result {
            Ok(results) => {
                print(&results)?;
                "The program has ended".to_owned()
            }
            Err(stop) => how(stop.into_ended(None)),
        };
        debugger.ended::<Host>(&mut store, &how);
    }
    match failed.load(Ordering::SeqCst) {
        true => Err(Failure {
            status: crate::failure::OUTPUT,
            message: "failed to write to stdout".to_owned(),
        }),
        false => Ok(0),
    }
}

/// How the program ended, in a line.
fn how(ended: Ended) -> String {
    let (outcome, _) = ended.into_parts();
    use probity_analyses::{OutcomeCode, OutcomeKind};
    match (outcome.kind, outcome.code) {
        (OutcomeKind::Exit, OutcomeCode::Number(code)) => {
            format!("The program has exited with code {code}")
        }
        (OutcomeKind::Trap, _) => format!("The program has trapped: {}", outcome.message),
        (OutcomeKind::Limit, _) => format!("The program was ended: {}", outcome.message),
        _ => format!("The program has failed: {}", outcome.message),
    }
}

fn open(path: &PathBuf) -> Result<File, Failure> {
    File::open(path).map_err(|e| Failure::usage(format!("failed to open {}: {e}", path.display())))
}

impl Interrupt {
    fn set(&self, remote: Option<Remote>) {
        *self.remote.lock().unwrap_or_else(PoisonError::into_inner) = remote;
    }

    /// The program has stopped, or a command is read.
    fn answered(&self) {
        self.asked.store(false, Ordering::SeqCst);
    }

    fn listen(self: &Arc<Self>, debugger: Debugger) -> Result<(), Failure> {
        let own = self.clone();
        ctrlc::set_handler(move || {
            let remote = own.remote.lock().unwrap_or_else(PoisonError::into_inner);
            match &*remote {
                Some(remote) if !own.asked.swap(true, Ordering::SeqCst) => {
                    debugger.interrupt(remote);
                }
                _ => process::exit(i32::from(INTERRUPTED)),
            }
        })
        .map_err(|e| Failure::load(format!("failed to handle Ctrl-C: {e}")))
    }
}
