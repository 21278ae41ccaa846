//! Probity itself, as an embedder uses it.

use super::{Captured, Contender, Run};
use crate::clock::cpu_ns;
use crate::kernels::Task;
use probity_engine::{Config, Engine, Linker, Module, Store, TypedFunc};
use probity_wasi::{WasiCtx, WasiCtxBuilder};

/// An instance whose `_start` has not been called yet: the place to insert probes.
pub struct Prepared {
    /// The store, for [`Store::probes`].
    pub store: Store<WasiCtx>,
    start: TypedFunc<(), ()>,
    stdout: Captured,
}

impl Prepared {
    /// Loads and instantiates the module with WASI.
    pub fn new(task: &Task) -> Result<Prepared, String> {
        Prepared::try_new(task).map_err(|e| format!("failed to load {}: {e}", task.path.display()))
    }

    fn try_new(task: &Task) -> probity_engine::Result<Prepared> {
        let engine = Engine::new(&Config::new());
        let module = Module::new(&engine, &task.wasm)?;
        let stdout = Captured::default();
        let wasi = WasiCtxBuilder::new()
            .args(task.argv.iter().cloned())
            .stdout(stdout.clone())
            .build();
        let mut store = Store::new(&engine, wasi);
        let mut linker = Linker::new(&engine);
        probity_wasi::add_to_linker(&mut linker, |t| t)?;
        let instance = linker.instantiate(&mut store, &module)?;
        let start = instance.get_typed_func(&store, "_start")?;
        Ok(Prepared {
            store,
            start,
            stdout,
        })
    }

    /// Calls `_start` and times it.
    pub fn run(mut self) -> Result<Run, String> {
        let begin = cpu_ns();
        let outcome = self.start.call(&mut self.store, ());
        let cpu_ns = cpu_ns() - begin;
        outcome.map_err(|e| format!("failed to run: {e}"))?;
        Ok(Run {
            cpu_ns,
            stdout: self.stdout.take(),
        })
    }
}

/// Probity's interpreter without probes.
pub struct Probity;

impl Contender for Probity {
    fn name(&self) -> &'static str {
        "probity"
    }

    fn version(&self) -> String {
        format!(
            "{}, interpreter, default config, lazy",
            env!("CARGO_PKG_VERSION")
        )
    }

    fn run(&mut self, task: &Task) -> Result<Run, String> {
        Prepared::new(task)?.run()
    }
}
