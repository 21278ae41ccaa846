//! From what was built to what can be run. The interpreter of programs in Python is loaded and started once for all of them, and an
//! instance of it that has run a program serves for the next: its compiled code and its counters stay.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use probity_engine::{Engine, Module};

use super::Judge;
use super::python::Interpreter;
use super::runner::{Live, Observer, Runner};
use super::watchdog::Watchdog;
use crate::Status;
use crate::python::Program;
use crate::task::{Entry, Limits};
use crate::toolchain::Built;

/// A program that can be run.
pub(super) struct Loaded<'a> {
    engine: Engine,
    code: Code<'a>,
}

enum Code<'a> {
    Module(Module),
    Python(Arc<Started>, &'a Program),
}

/// Interpreters that have started, by the size of their stacks and by which they are.
#[derive(Default)]
pub(super) struct Interpreters(Mutex<HashMap<(u64, String), Known>>);

/// Or why it does not start.
type Known = Result<Arc<Started>, String>;

impl fmt::Debug for Interpreters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interpreters").finish_non_exhaustive()
    }
}

/// An interpreter, and instances of it that nobody uses now.
struct Started {
    interpreter: Interpreter,
    idle: Mutex<Vec<Live>>,
}

/// A panic elsewhere leaves whole entries behind.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Loaded<'_> {
    /// The module that is run.
    pub fn module(&self) -> &Module {
        match &self.code {
            Code::Module(module) => module,
            Code::Python(started, _) => &started.interpreter.module,
        }
    }

    /// Runs it, watched so.
    ///
    /// # Errors
    /// Imports that nothing defines, by name.
    pub fn runner<'r>(
        &'r self,
        entry: &'r Entry,
        watchdog: &'r Watchdog,
        observer: Observer,
    ) -> Result<Runner<'r>, String> {
        let python = match &self.code {
            Code::Module(_) => None,
            Code::Python(started, program) => Some(program.on(&started.interpreter)),
        };
        Runner::new(
            &self.engine,
            self.module(),
            entry,
            python,
            watchdog,
            observer,
        )
    }
}

impl Judge {
    /// Loads what was built.
    ///
    /// # Errors
    /// What results say then: it is no module that can be run, or its interpreter does not start.
    pub(super) fn load<'a>(
        &self,
        built: &'a Built,
        limits: &Limits,
    ) -> Result<Loaded<'a>, (Status, String)> {
        let engine = self.engine(limits);
        let Some(program) = &built.python else {
            let module = Module::new(&engine, &built.wasm).map_err(|error| {
                let message = format!("not a module that can be run: {error}");
                (Status::CompileError, message)
            })?;
            let code = Code::Module(module);
            return Ok(Loaded { engine, code });
        };
        let key = (limits.stack_mb, program.toolchain.identity());
        // Whoever needs it while it starts waits for it.
        let mut known = lock(&self.interpreters.0);
        let started = known.entry(key).or_insert_with(|| {
            let interpreter = Interpreter::start(&engine, &program.toolchain)?;
            Ok(Arc::new(Started {
                interpreter,
                idle: Mutex::default(),
            }))
        });
        let started = started.clone();
        let started = started.map_err(|message| (Status::Internal, message))?;
        let code = Code::Python(started, program);
        Ok(Loaded { engine, code })
    }

    /// An instance that nobody uses, whose counts are taken.
    pub(super) fn take_idle(&self, loaded: &Loaded<'_>) -> Option<Live> {
        match &loaded.code {
            Code::Module(_) => None,
            Code::Python(started, _) => lock(&started.idle).pop(),
        }
    }

    /// Keeps an instance for the next program.
    pub(super) fn keep_idle(&self, loaded: &Loaded<'_>, live: Option<Live>) {
        if let (Code::Python(started, _), Some(live)) = (&loaded.code, live) {
            lock(&started.idle).push(live);
        }
    }
}
