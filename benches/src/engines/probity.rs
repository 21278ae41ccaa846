//! Probity itself, as an embedder uses it.

use super::{Captured, Contender, Run};
use crate::clock::cpu_ns;
use crate::kernels::Task;
use probity_engine::{Config, Engine, Linker, Module, Store, TypedFunc};
use probity_wasi::{WasiCtx, WasiCtxBuilder};

/// An instance whose `_start` has not been called yet.
pub struct Prepared {
    /// The store, for what reads its analyses after the run.
    pub store: Store<WasiCtx>,
    start: TypedFunc<(), ()>,
    stdout: Captured,
}

impl Prepared {
    /// Loads the module, lets `attach` insert probes or attach analyses, and instantiates with WASI.
    pub fn new<A>(
        task: &Task,
        attach: impl FnOnce(&mut Store<WasiCtx>, &Module) -> Result<A, String>,
    ) -> Result<(Prepared, A), String> {
        let failed =
            |e: probity_engine::Error| format!("failed to load {}: {e}", task.path.display());
        let engine = Engine::new(&Config::new());
        let module = Module::new(&engine, &task.wasm).map_err(|e| failed(e.into()))?;
        let stdout = Captured::default();
        let wasi = WasiCtxBuilder::new()
            .args(&task.argv)
            .stdout(stdout.clone())
            .build();
        let mut store = Store::new(&engine, wasi);
        let attached = attach(&mut store, &module)?;
        let start = instantiate(&engine, &mut store, &module).map_err(failed)?;
        let prepared = Prepared {
            store,
            start,
            stdout,
        };
        Ok((prepared, attached))
    }

    /// Calls `_start` and times it.
    pub fn run(&mut self) -> Result<Run, String> {
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

fn instantiate(
    engine: &Engine,
    store: &mut Store<WasiCtx>,
    module: &Module,
) -> probity_engine::Result<TypedFunc<(), ()>> {
    let mut linker = Linker::new(engine);
    probity_wasi::add_to_linker(&mut linker, |t| t)?;
    linker
        .instantiate(store, module)?
        .get_typed_func(store, "_start")
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
        let (mut prepared, ()) = Prepared::new(task, |_, _| Ok(()))?;
        prepared.run()
    }
}
