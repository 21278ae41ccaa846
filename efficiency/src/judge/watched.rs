//! A program that is run for what it does, not for what it costs: watched by a session, with every local kept where it can be read.

use probity_analyses::Session;
use probity_engine::{Config, Engine, Module, Tier};
use serde_json::Value;

use super::host::Given;
use super::runner::{Observer, Runner};
use super::watchdog::Watchdog;
use super::{Judge, RANDOM_SEED};
use crate::Status;
use crate::task::{Entry, Limits};
use crate::toolchain::Built;

/// A program that can be watched.
pub(crate) struct WatchedProgram {
    engine: Engine,
    module: Module,
    limits: Limits,
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
        let mut config = Config::new();
        config
            .deterministic(true)
            .tier(self.config.tier.unwrap_or(Tier::Auto))
            .max_stack_bytes(stack)
            .keep_locals(true);
        let engine = Engine::new(&config);
        if built.python.is_some() {
            return Err("programs in Python cannot be watched".to_owned());
        }
        let module = Module::new(&engine, &built.wasm)
            .map_err(|e| format!("load the module: it cannot be run: {e}"))?;
        Ok(WatchedProgram {
            engine,
            module,
            limits,
        })
    }
}

impl WatchedProgram {
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Runs it from the beginning.
    ///
    /// # Errors
    /// If it cannot be run at all: imports that nothing defines, no such entry.
    pub fn run(
        &self,
        entry: &Entry,
        argv: &[String],
        stdin: &[u8],
        args: &[Value],
        session: Session,
    ) -> Result<Watched, String> {
        let watchdog = Watchdog::new();
        let observer = Observer::Session(session);
        let mut runner = Runner::new(&self.engine, &self.module, entry, None, &watchdog, observer)?;
        let given = Given {
            args: argv.to_vec(),
            stdin,
            seed: RANDOM_SEED,
            limits: &self.limits,
            metered: true,
        };
        let ran = runner.run(&given, args, None);
        let message = ran.ended.message;
        match ran.ended.status {
            // No output is expected of it: it is the entry that does not fit.
            Status::Wrong => Err(message.unwrap_or_default()),
            status => Ok(Watched {
                status,
                message,
                stdout: ran.stdout,
                value: ran.value,
            }),
        }
    }
}
