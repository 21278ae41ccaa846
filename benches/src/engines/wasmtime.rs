//! Wasmtime from crates.io with its default configuration: Cranelift at its default level, bounds checks by guard pages.

mod wasi;

use super::{Compiled, Compiler, Run, locked_version};
use crate::clock::cpu_ns;
use wasi::{Exit, Host};
use wasmtime::{Engine, Linker, Module, Store};

/// One engine for all modules, as its users have it.
pub struct Wasmtime(Engine);

impl Wasmtime {
    /// With its default configuration.
    pub fn new() -> Result<Wasmtime, String> {
        Engine::new(&wasmtime::Config::new())
            .map(Wasmtime)
            .map_err(|e| format!("failed to make a Wasmtime engine: {e:#}"))
    }
}

impl Compiler for Wasmtime {
    fn name(&self) -> &'static str {
        "wasmtime"
    }

    fn version(&self) -> String {
        format!(
            "{} (crates.io, default config, Cranelift, parallel compilation)",
            locked_version("wasmtime")
        )
    }

    fn compile(&self, wasm: &[u8]) -> Result<Box<dyn Compiled>, String> {
        let module = Module::from_binary(&self.0, wasm).map_err(|e| one_line(&e))?;
        Ok(Box::new(module))
    }
}

impl Compiled for Module {
    fn run(&self, argv: &[String]) -> Result<Run, String> {
        run(self, argv).map_err(|e| one_line(&e))
    }
}

fn run(module: &Module, argv: &[String]) -> wasmtime::Result<Run> {
    let mut linker = Linker::new(module.engine());
    wasi::add_to_linker(&mut linker)?;
    let mut store = Store::new(module.engine(), Host::new(argv));
    let instance = linker.instantiate(&mut store, module)?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    let begin = cpu_ns();
    let outcome = start.call(&mut store, ());
    let cpu_ns = cpu_ns() - begin;
    match outcome {
        Err(e) if e.downcast_ref() != Some(&Exit(0)) => return Err(e),
        _ => {}
    }
    Ok(Run {
        cpu_ns,
        stdout: store.into_data().stdout,
    })
}

fn one_line(error: &wasmtime::Error) -> String {
    format!("{error:#}").replace('\n', " ")
}
