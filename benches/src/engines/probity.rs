//! Probity itself, as an embedder uses it.

use super::{Captured, Compiled, Compiler, Contender, Run};
use crate::clock::cpu_ns;
use crate::kernels::Task;
use probity_engine::{Config, Engine, Linker, Module, Store, Tier, TypedFunc};
use probity_wasi::{WasiCtx, WasiCtxBuilder};

/// An engine that executes code so, otherwise with default settings.
pub fn engine(tier: Tier) -> Engine {
    Engine::new(Config::new().tier(tier))
}

/// The name of a tier in reports.
pub fn tier_name(tier: Tier) -> &'static str {
    match tier {
        Tier::Interp => "interp",
        Tier::Jit => "jit",
        Tier::Auto => "auto",
    }
}

/// The tier of a name.
pub fn tier_of(name: &str) -> Result<Tier, String> {
    let tiers = [Tier::Interp, Tier::Jit, Tier::Auto];
    let found = tiers.into_iter().find(|&tier| tier_name(tier) == name);
    found.ok_or_else(|| "known tiers: interp, jit, auto".to_owned())
}

/// Compiles all of a module before it runs.
fn compile(module: &Module) -> Result<(), String> {
    let stats = module.compile();
    if stats.functions == 0 {
        return Err("nothing was compiled: this machine has no compiler".to_owned());
    }
    Ok(())
}

/// An instance whose `_start` has not been called yet.
pub struct Prepared {
    /// The store, for what reads its analyses after the run.
    pub store: Store<WasiCtx>,
    start: TypedFunc<(), ()>,
    stdout: Captured,
}

impl Prepared {
    /// Loads the module into a new engine, lets `attach` insert probes or attach analyses, and instantiates with WASI.
    pub fn new<A>(
        tier: Tier,
        task: &Task,
        attach: impl FnOnce(&mut Store<WasiCtx>, &Module) -> Result<A, String>,
    ) -> Result<(Prepared, A), String> {
        let module = Module::new(&engine(tier), &task.wasm)
            .map_err(|e| format!("failed to load {}: {e}", task.path.display()))?;
        Prepared::of(&module, &task.argv, attach)
    }

    /// The same with a module that is there already.
    fn of<A>(
        module: &Module,
        argv: &[String],
        attach: impl FnOnce(&mut Store<WasiCtx>, &Module) -> Result<A, String>,
    ) -> Result<(Prepared, A), String> {
        let stdout = Captured::default();
        // Tables of hashes are the same in every run, so that what is counted is, too.
        let wasi = WasiCtxBuilder::new()
            .random_seed(1)
            .args(argv)
            .stdout(stdout.clone())
            .build();
        let mut store = Store::new(module.engine(), wasi);
        let attached = attach(&mut store, module)?;
        let start = instantiate(&mut store, module)
            .map_err(|e| format!("failed to instantiate {}: {e}", argv[0]))?;
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
    store: &mut Store<WasiCtx>,
    module: &Module,
) -> probity_engine::Result<TypedFunc<(), ()>> {
    let mut linker = Linker::new(module.engine());
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
        let (mut prepared, ()) = Prepared::new(Tier::Interp, task, |_, _| Ok(()))?;
        prepared.run()
    }
}

/// Probity with a tier, its modules loaded before they run and, with [`Tier::Jit`], compiled.
pub struct Eager {
    tier: Tier,
    engine: Engine,
}

impl Eager {
    /// With an engine of its own.
    pub fn new(tier: Tier) -> Eager {
        Eager {
            tier,
            engine: engine(tier),
        }
    }
}

impl Compiler for Eager {
    fn name(&self) -> &'static str {
        match self.tier {
            Tier::Jit => "probity",
            other => tier_name(other),
        }
    }

    fn version(&self) -> String {
        format!(
            "{}, tier {}, default config",
            env!("CARGO_PKG_VERSION"),
            tier_name(self.tier)
        )
    }

    fn compile(&self, wasm: &[u8]) -> Result<Box<dyn Compiled>, String> {
        let module = Module::new(&self.engine, wasm).map_err(|e| format!("failed to load: {e}"))?;
        if self.tier == Tier::Jit {
            compile(&module)?;
        }
        Ok(Box::new(module))
    }
}

impl Compiled for Module {
    fn run(&self, argv: &[String]) -> Result<Run, String> {
        let (mut prepared, ()) = Prepared::of(self, argv, |_, _| Ok(()))?;
        prepared.run()
    }
}
