//! A program that is run for what it does, not for what it costs: watched by a session, with every local kept where it can be read.

use probity_analyses::Session;
use probity_analyses::report::AnalysisReport;
use probity_engine::{Config, Engine, Module, Tier};
use serde_json::Value;

use super::host::{self, Given};
use super::python::Interpreter;
use super::runner::{Observer, Runner};
use super::watchdog::Watchdog;
use super::{Judge, RANDOM_SEED};
use crate::Status;
use crate::python::Program;
use crate::task::{Entry, Limits};
use crate::toolchain::Built;

/// A program that can be watched.
pub(crate) struct WatchedProgram {
    engine: Engine,
    code: Code,
    limits: Limits,
}

enum Code {
    Module(Module),
    Python(Interpreter, Program),
}

/// What a program is run with.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub entry: &'a Entry,
    /// Behind the program's name.
    pub argv: &'a [String],
    pub stdin: &'a [u8],
    /// Of a function.
    pub args: &'a [Value],
}

/// What it did.
pub(crate) struct Watched {
    pub status: Status,
    pub message: Option<String>,
    /// What it wrote to stdout.
    pub stdout: Vec<u8>,
    /// What the function gave.
    pub value: Option<Value>,
}

impl Judge {
    /// Makes a program ready to be watched.
    ///
    /// # Errors
    /// If it is no module that can be run.
    pub(crate) fn watch(&self, built: &Built, limits: Limits) -> Result<WatchedProgram, String> {
        let stack = usize::try_from(limits.stack_mb << 20).unwrap_or(usize::MAX);
        let tier = self.config.tier.unwrap_or(Tier::Auto);
        if let Some(program) = &built.python {
            // Its variables are objects in the interpreter's memory, whatever locals that keeps.
            let engine = host::engine(tier, stack);
            let interpreter = Interpreter::start(&engine, &program.toolchain)?;
            let code = Code::Python(interpreter, program.clone());
            return Ok(WatchedProgram {
                engine,
                code,
                limits,
            });
        }
        let mut config = Config::new();
        config
            .deterministic(true)
            .tier(tier)
            .max_stack_bytes(stack)
            .keep_locals(true);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, &built.wasm)
            .map_err(|e| format!("load the module: it cannot be run: {e}"))?;
        Ok(WatchedProgram {
            engine,
            code: Code::Module(module),
            limits,
        })
    }
}

impl WatchedProgram {
    /// The program's module, or its interpreter's.
    pub fn module(&self) -> &Module {
        match &self.code {
            Code::Module(module) => module,
            Code::Python(interpreter, _) => &interpreter.module,
        }
    }

    /// Runs it from the beginning; what the session has found is had of the analyses themselves.
    ///
    /// # Errors
    /// If it cannot be run at all: imports that nothing defines, no such entry.
    pub fn run(&self, run: Run<'_>, session: Session) -> Result<Watched, String> {
        self.watch(run, session, |_| ())
            .map(|(watched, ())| watched)
    }

    /// The same, with the reports of the session's analyses.
    ///
    /// # Errors
    /// As [`WatchedProgram::run`].
    pub fn run_reported(
        &self,
        run: Run<'_>,
        session: Session,
    ) -> Result<(Watched, Vec<AnalysisReport>), String> {
        self.watch(run, session, |runner| {
            let (mut session, store) = runner.into_session()?;
            Some(session.finish(&mut store?))
        })
        .map(|(watched, reports)| (watched, reports.unwrap_or_default()))
    }

    fn watch<T>(
        &self,
        run: Run<'_>,
        session: Session,
        then: impl FnOnce(Runner<'_>) -> T,
    ) -> Result<(Watched, T), String> {
        let watchdog = Watchdog::new();
        let observer = Observer::Session(session);
        let python = match &self.code {
            Code::Module(_) => None,
            Code::Python(interpreter, program) => Some(program.on(interpreter)),
        };
        let (engine, module) = (&self.engine, self.module());
        let mut runner = Runner::new(engine, module, run.entry, python, &watchdog, observer)?;
        let given = Given {
            args: run.argv.to_vec(),
            stdin: run.stdin,
            seed: RANDOM_SEED,
            limits: &self.limits,
            metered: true,
        };
        let ran = runner.run(&given, run.args, None);
        let message = ran.ended.message;
        let watched = match ran.ended.status {
            // No output is expected of it: it is the entry that does not fit.
            Status::Wrong => return Err(message.unwrap_or_default()),
            status => Watched {
                status,
                message,
                stdout: ran.stdout,
                value: ran.value,
            },
        };
        Ok((watched, then(runner)))
    }
}
