//! Programs in Python: an interpreter that is started once, and goes back to that moment for each of them.
//!
//! What a program costs is counted from when the harness has its text and its arguments to when it has said what came of it: the
//! text is compiled, executed, the function called and its result written.
//!
//! A build that takes one program alone has to start anew each time. It is started twice then: once to where the program would begin,
//! with the same text and arguments, and once with the program. Both do the same until there, so that what the second one has
//! counted more is the program's, to the unit. Its limits are beside what the start takes.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use probity_engine::{Engine, Error, Instance, Linker, Module, Snapshot, Store};
use probity_wasi::{Exit, Usage};
use serde_json::Value;

use super::call::{Called, Failure};
use super::counted::{Counted, Totals};
use super::ended::Ended;
use super::host::{self, Given, Host, Shares};
use crate::Status;
use crate::python::{self, GO, HARNESS, Job, Kind, Program, Report, Toolchain, Until};
use crate::task::{Entry, Limits};

/// What the interpreter may use while it starts.
const START_LIMITS: Limits = Limits {
    fuel: 1 << 40,
    memory_mb: 2048,
    stack_mb: 64,
    wall_s: 300,
    stdout_mb: 1,
};

/// An interpreter of an engine.
#[derive(Debug)]
pub(super) struct Interpreter {
    pub module: Module,
    toolchain: Arc<Toolchain>,
    kind: Kind,
    /// When it has started, and the harness is there; of one that takes one program alone, when nothing of it has run.
    snapshot: Snapshot,
}

/// What the start of an interpreter took, in the run that the program is counted in; nothing where it had started before.
#[derive(Default)]
pub(super) struct Start {
    pub totals: Totals,
    /// As a limit sees it; of a run that has one.
    pub fuel: u64,
    pub usage: Usage,
    pub pages_grown: u64,
    pub took: Duration,
}

/// A program, and its interpreter.
#[derive(Clone, Copy)]
pub(super) struct Python<'a> {
    pub interpreter: &'a Interpreter,
    pub source: &'a str,
    until: Until,
}

impl Interpreter {
    /// Starts it.
    ///
    /// # Errors
    /// If it does not start, which is no program's fault.
    pub fn start(engine: &Engine, toolchain: &Arc<Toolchain>) -> Result<Interpreter, String> {
        let failed = |error: &dyn std::fmt::Display| {
            let path = toolchain.module.display();
            format!("failed to start Python ({path}): {error}")
        };
        let module = Module::from_file(engine, &toolchain.module).map_err(|e| failed(&e))?;
        let kind = Kind::of(&module).map_err(|e| failed(&e))?;
        let snapshot = warm_up(engine, &module, kind, toolchain).map_err(|e| failed(&e))?;
        Ok(Interpreter {
            module,
            toolchain: toolchain.clone(),
            kind,
            snapshot,
        })
    }

    /// What new instances are made from.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }
}

/// An instance as programs find it.
fn warm_up(
    engine: &Engine,
    module: &Module,
    kind: Kind,
    toolchain: &Toolchain,
) -> Result<Snapshot, String> {
    let given = Given {
        args: Vec::new(),
        stdin: &[],
        seed: super::RANDOM_SEED,
        limits: &START_LIMITS,
        metered: false,
    };
    let said = |error: Error| error.to_string();
    let host = Host::of_python(&given, toolchain, &[])?;
    let mut store = host::store(engine, host, &given, Shares::of(module));
    let linker = linker(engine)?;
    let instance = linker.instantiate(&mut store, module).map_err(said)?;
    if kind == Kind::Session {
        python::initialize(&mut store, instance).map_err(said)?;
        match python::turn(&mut store, instance, HARNESS).map_err(said)? {
            0 => {}
            code => return Err(format!("its harness ended with code {code}")),
        }
    }
    instance.snapshot(&store).map_err(said)
}

fn linker(engine: &Engine) -> Result<Linker<Host>, String> {
    let mut linker = host::linker(engine).map_err(|e| e.to_string())?;
    python::add_to_linker(&mut linker).map_err(|e| e.to_string())?;
    Ok(linker)
}

fn internal(message: String) -> Failure {
    Failure::Ended(Ended::by(Status::Internal, message))
}

impl Python<'_> {
    /// What the interpreter has of the outside world.
    ///
    /// # Errors
    /// If its standard library is not where it was.
    pub fn host(&self, given: &Given<'_>, entry: &Entry, args: &[Value]) -> Result<Host, String> {
        match self.interpreter.kind {
            Kind::Session => Host::of_python(given, &self.interpreter.toolchain, &[]),
            _ => self.host_until(self.until, given, entry, args),
        }
    }

    /// Has it stop where the program would begin, if it starts for each program. Whether it does.
    pub fn only_start(&mut self) -> bool {
        self.until = Until::Start;
        self.interpreter.kind != Kind::Session
    }

    fn host_until(
        &self,
        until: Until,
        given: &Given<'_>,
        entry: &Entry,
        args: &[Value],
    ) -> Result<Host, String> {
        let script = self.job(given, entry, args).script();
        let args = ["-c", &script, until.word()];
        Host::of_python(given, &self.interpreter.toolchain, &args)
    }

    fn job<'a>(&'a self, given: &'a Given<'_>, entry: &'a Entry, args: &'a [Value]) -> Job<'a> {
        let (name, args) = match entry {
            Entry::Stdio => (None, &[][..]),
            Entry::Func(name) => (Some(&**name), args),
        };
        Job {
            source: self.source,
            name,
            args,
            argv: &given.args,
        }
    }

    /// Hands the harness the program and its arguments; none of it is the program's cost. Of a build that cannot be handed them before
    /// it starts, it finds out what the start will take, where counts or a limit ask for it.
    ///
    /// # Errors
    /// If the harness cannot take them.
    pub fn prepare(
        &self,
        store: &mut Store<Host>,
        instance: Instance,
        counted: Option<&Counted>,
        given: &Given<'_>,
        entry: &Entry,
        args: &[Value],
    ) -> Result<Start, Failure> {
        if self.interpreter.kind == Kind::Session {
            let text = self.job(given, entry, args).prepare();
            let code = python::turn(store, instance, &text)?;
            return well(code).map(|()| Start::default());
        }
        let host = || self.host_until(Until::Start, given, entry, args);
        match counted {
            Some(counted) => {
                let own = mem::replace(store.data_mut(), host().map_err(internal)?);
                let started = self.started(store, instance, counted);
                instance.restore(&mut *store, self.interpreter.snapshot())?;
                *store.data_mut() = own;
                started
            }
            // Whatever watches this store is to see one start alone.
            None if given.metered => {
                let engine = store.engine().clone();
                let module = &self.interpreter.module;
                let host = host().map_err(internal)?;
                let mut store = host::store(&engine, host, given, Shares::of(module));
                let counted = Counted::attach(&mut store, module);
                let linker = linker(&engine).map_err(internal)?;
                let snapshot = self.interpreter.snapshot();
                let instance = linker.instantiate_snapshot(&mut store, snapshot)?;
                self.started(&mut store, instance, &counted)
            }
            None => Ok(Start::default()),
        }
    }

    /// Starts it, and stops where the program would begin.
    fn started(
        &self,
        store: &mut Store<Host>,
        instance: Instance,
        counted: &Counted,
    ) -> Result<Start, Failure> {
        let before = counted.totals().map_err(internal)?;
        let pages = super::runner::pages(store, instance);
        let began = Instant::now();
        let code = match python::start(store, instance, self.interpreter.kind) {
            Ok(()) => 0,
            Err(error) => exit_code(error)?,
        };
        well(code)?;
        let totals = counted.totals().map_err(internal)?.beyond(&before);
        Ok(Start {
            // Of operators that take fuel by sizes that nobody counts nothing can be told, and nothing is added.
            fuel: totals.fuel_at_most(&Totals::default()).unwrap_or(0),
            totals,
            usage: store.data().usage(),
            pages_grown: super::runner::pages(store, instance) - pages,
            took: began.elapsed(),
        })
    }

    /// Runs the program, and says what came of it.
    pub fn enter(
        &self,
        store: &mut Store<Host>,
        instance: Instance,
        entry: &Entry,
        called: &Called<'_>,
    ) -> Result<Option<Value>, Failure> {
        let result = match self.interpreter.kind {
            Kind::Session => python::turn(store, instance, GO),
            kind => python::start(store, instance, kind).map(|()| 0),
        };
        let report = store.data_mut().take_report();
        let code = match result {
            Ok(code) => code,
            // Whatever was said before.
            Err(error) => exit_code(error)?,
        };
        let ended = |status, message: String| Err(Failure::Ended(Ended::by(status, message)));
        let exited = |code: u32| match (code, entry) {
            (0, Entry::Stdio) => Ok(None),
            (0, Entry::Func(name)) => Err(Failure::Mismatch(format!(
                "it ended before `{name}` gave a result"
            ))),
            _ => ended(Status::Exit, format!("exit code {code}")),
        };
        match report {
            None => exited(code),
            Some(Report::Done) => exited(0),
            Some(Report::Exit(code)) => exited(code),
            Some(Report::Result(value)) => match value.to_string().len() as u64 > called.most {
                true => Err(Failure::TooLarge),
                false => Ok(Some(value)),
            },
            Some(Report::Unfit(message)) => Err(Failure::Mismatch(message)),
            Some(Report::Syntax(message)) => ended(Status::CompileError, message),
            Some(Report::Memory(message)) => ended(Status::Memory, message),
            Some(Report::Depth(message)) => ended(Status::Stack, message),
            Some(Report::Raised(message)) => ended(Status::Exit, format!("exit code 1: {message}")),
        }
    }
}

/// The code that it ended itself with.
fn exit_code(error: Error) -> Result<u32, Error> {
    match error.downcast_ref::<Exit>() {
        Some(Exit(code)) => Ok(*code),
        None => Err(error),
    }
}

fn well(code: u32) -> Result<(), Failure> {
    match code {
        0 => Ok(()),
        code => Err(internal(format!(
            "the harness ended with code {code} before the program began"
        ))),
    }
}

impl Program {
    /// With its interpreter.
    pub(super) fn on<'a>(&'a self, interpreter: &'a Interpreter) -> Python<'a> {
        Python {
            interpreter,
            source: &self.source,
            until: Until::End,
        }
    }
}

#[cfg(all(test, feature = "python"))]
mod tests {
    use super::super::counted::Counted;
    use super::*;
    use crate::python::ToolchainDir;
    use probity_engine::Tier;
    use serde_json::json;

    const SOURCE: &str = "import re\ndef f(xs):\n    words = {str(x): [x] * 3 for x in xs}\n    return re.sub('1', '2', ' '.join(sorted(words)))\n";

    /// What a program costs that goes on from the snapshot is what it costs in an interpreter that was started for it.
    #[test]
    fn a_frozen_interpreter_goes_on_as_one_that_has_just_started() {
        let dir = std::env::var_os("PROBITY_TOOLCHAIN_DIR").expect("a folder with a Python");
        let toolchain = Arc::new(ToolchainDir::new(dir).get().expect("a Python"));
        let engine = host::engine(Tier::Auto, 64 << 20);
        let interpreter = Interpreter::start(&engine, &toolchain).expect("it starts");
        let python = Python {
            interpreter: &interpreter,
            source: SOURCE,
            until: Until::End,
        };
        let given = Given {
            args: Vec::new(),
            stdin: &[],
            seed: super::super::RANDOM_SEED,
            limits: &START_LIMITS,
            metered: false,
        };
        let (entry, args) = (Entry::Func("f".to_owned()), [json!([1, 2, 11])]);
        let mut linker = host::linker(&engine).expect("a linker");
        python::add_to_linker(&mut linker).expect("defined");
        let run = |snapshot: Option<&Snapshot>| {
            let host = python.host(&given, &entry, &args).expect("a host");
            let shares = Shares::of(&interpreter.module);
            let mut store = host::store(&engine, host, &given, shares);
            let counted = Counted::attach(&mut store, &interpreter.module);
            let instance = match snapshot {
                Some(snapshot) => linker.instantiate_snapshot(&mut store, snapshot),
                None => linker.instantiate(&mut store, &interpreter.module),
            };
            let instance = instance.expect("an instance");
            if snapshot.is_none() {
                python::initialize(&mut store, instance).expect("initialized");
                assert_eq!(
                    python::turn(&mut store, instance, HARNESS).expect("it runs"),
                    0
                );
                *store.data_mut() = python.host(&given, &entry, &args).expect("a host");
            }
            let prepared =
                python.prepare(&mut store, instance, Some(&counted), &given, &entry, &args);
            assert!(prepared.is_ok());
            let before = counted.totals().expect("counts");
            let called = Called {
                args: &args,
                like: None,
                most: 1 << 20,
            };
            let value = python.enter(&mut store, instance, &entry, &called);
            let cost = counted.totals().expect("counts").since(&before);
            (value.ok().flatten(), cost)
        };
        let (value, cost) = run(Some(interpreter.snapshot()));
        assert_eq!(value, Some(json!("2 22 2")));
        assert!(cost.instr > Some(10_000), "{cost:?}");
        assert_eq!((value, cost), run(None));
    }
}
