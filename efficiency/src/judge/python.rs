//! Programs in Python: an interpreter that is started once, and goes back to that moment for each of them.
//!
//! What a program costs is counted from when the harness has its text and its arguments to when it has said what came of it: the
//! text is compiled, executed, the function called and its result written. A build that takes one program alone is started
//! anew each time, and the start is part of the cost.

use std::sync::Arc;

use probity_engine::{Engine, Error, Instance, Module, Snapshot, Store};
use probity_wasi::Exit;
use serde_json::Value;

use super::call::{Called, Failure};
use super::ended::Ended;
use super::host::{self, Given, Host, Shares};
use crate::Status;
use crate::python::{self, GO, HARNESS, Job, Kind, Program, Report, Toolchain};
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
    /// When it has started, and the harness is there. `None` if it takes one program alone.
    snapshot: Option<Snapshot>,
}

/// A program, and its interpreter.
#[derive(Clone, Copy)]
pub(super) struct Python<'a> {
    pub interpreter: &'a Interpreter,
    pub source: &'a str,
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
        let mut interpreter = Interpreter {
            module,
            toolchain: toolchain.clone(),
            kind,
            snapshot: None,
        };
        if kind == Kind::Session {
            let snapshot = interpreter.warm_up(engine).map_err(|e| failed(&e))?;
            interpreter.snapshot = Some(snapshot);
        }
        Ok(interpreter)
    }

    fn warm_up(&self, engine: &Engine) -> Result<Snapshot, String> {
        let given = Given {
            args: Vec::new(),
            stdin: &[],
            seed: super::RANDOM_SEED,
            limits: &START_LIMITS,
            metered: false,
        };
        let said = |error: Error| error.to_string();
        let host = Host::of_python(&given, &self.toolchain, &[])?;
        let mut store = host::store(engine, host, &given, Shares::of(&self.module));
        let mut linker = host::linker(engine).map_err(said)?;
        python::add_to_linker(&mut linker).map_err(|e| e.to_string())?;
        let instance = linker.instantiate(&mut store, &self.module).map_err(said)?;
        python::initialize(&mut store, instance).map_err(said)?;
        match turn(&mut store, instance, HARNESS).map_err(said)? {
            0 => instance.snapshot(&store).map_err(said),
            code => Err(format!("its harness ended with code {code}")),
        }
    }

    /// What new instances are made from.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }
}

impl Python<'_> {
    /// What the interpreter has of the outside world.
    ///
    /// # Errors
    /// If its standard library is not where it was.
    pub fn host(&self, given: &Given<'_>, entry: &Entry, args: &[Value]) -> Result<Host, String> {
        let toolchain = &self.interpreter.toolchain;
        match self.interpreter.kind {
            Kind::Session => Host::of_python(given, toolchain, &[]),
            _ => {
                let script = self.job(given, entry, args).script();
                Host::of_python(given, toolchain, &["-c", &script])
            }
        }
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

    /// Hands the harness the program and its arguments; none of it is the program's cost.
    ///
    /// # Errors
    /// If the harness cannot take them.
    pub fn prepare(
        &self,
        store: &mut Store<Host>,
        instance: Instance,
        given: &Given<'_>,
        entry: &Entry,
        args: &[Value],
    ) -> Result<(), Failure> {
        if self.interpreter.kind != Kind::Session {
            return Ok(());
        }
        let text = self.job(given, entry, args).prepare();
        match turn(store, instance, &text)? {
            0 => Ok(()),
            code => {
                let message =
                    format!("the harness ended with code {code} before the program began");
                Err(Failure::Ended(Ended::by(Status::Internal, message)))
            }
        }
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
            Kind::Session => turn(store, instance, GO),
            kind => python::start(store, instance, kind).map(|()| 0),
        };
        let report = store.data_mut().take_report();
        let code = match result {
            Ok(code) => code,
            Err(error) => match error.downcast_ref::<Exit>() {
                Some(Exit(code)) => *code,
                // Whatever was said before.
                None => return Err(error.into()),
            },
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

impl Program {
    /// With its interpreter.
    pub(super) fn on<'a>(&'a self, interpreter: &'a Interpreter) -> Python<'a> {
        Python {
            interpreter,
            source: &self.source,
        }
    }
}

/// Has an interpreter execute a text; its exit code.
fn turn(store: &mut Store<Host>, instance: Instance, text: &str) -> Result<u32, Error> {
    /// A turn that asked for the end of the interpreter says so by this bit.
    const CODE: u32 = 0xff;
    let alloc = instance.get_typed_func::<u32, u32>(&*store, "host_alloc")?;
    let turn = instance.get_typed_func::<(u32, u32), u32>(&*store, "turn")?;
    let bytes = u32::try_from(text.len())
        .map_err(|_| Error::usage("the program and its arguments are larger than 4 GiB"))?;
    let at = alloc.call(&mut *store, bytes)?;
    let memory = instance
        .get_memory(&*store, "memory")
        .ok_or_else(|| Error::usage("it exports no memory"))?;
    memory.write(&mut *store, at.into(), text.as_bytes())?;
    Ok(turn.call(store, (at, bytes))? & CODE)
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
                assert_eq!(turn(&mut store, instance, HARNESS).expect("it runs"), 0);
                *store.data_mut() = python.host(&given, &entry, &args).expect("a host");
            }
            let prepared = python.prepare(&mut store, instance, &given, &entry, &args);
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
        let (value, cost) = run(interpreter.snapshot());
        assert_eq!(value, Some(json!("2 22 2")));
        assert!(cost.instr > Some(10_000), "{cost:?}");
        assert_eq!((value, cost), run(None));
    }
}
