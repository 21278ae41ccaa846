//! wasmi from crates.io with its default configuration and its own WASI crate.

use super::{Captured, Contender, Run, locked_version};
use crate::clock::cpu_ns;
use crate::kernels::Task;
use wasmi::{Config, Engine, Linker, Module, Store};
use wasmi_wasi::wasi_common::pipe::WritePipe;
use wasmi_wasi::{WasiCtx, WasiCtxBuilder};

/// The crate as its users build it: default features, this workspace's release profile.
pub struct Wasmi;

impl Contender for Wasmi {
    fn name(&self) -> &'static str {
        "wasmi"
    }

    fn version(&self) -> String {
        let simd = if cfg!(feature = "peers-simd") {
            " and simd"
        } else {
            ""
        };
        format!(
            "{} (crates.io, default features{simd}, default config, wasmi_wasi {})",
            locked_version("wasmi"),
            locked_version("wasmi_wasi")
        )
    }

    fn run(&mut self, task: &Task) -> Result<Run, String> {
        try_run(task).map_err(|e| e.to_string().replace('\n', " "))
    }
}

fn try_run(task: &Task) -> Result<Run, Box<dyn std::error::Error>> {
    let engine = Engine::new(&Config::default());
    let module = Module::new(&engine, &task.wasm)?;
    let stdout = Captured::default();
    let wasi = WasiCtxBuilder::new()
        .args(&task.argv)?
        .stdout(Box::new(WritePipe::new(stdout.clone())))
        .build();
    let mut store = Store::new(&engine, wasi);
    let mut linker = Linker::<WasiCtx>::new(&engine);
    wasmi_wasi::add_to_linker(&mut linker, |ctx| ctx)?;
    let instance = linker.instantiate_and_start(&mut store, &module)?;
    let start = instance.get_typed_func::<(), ()>(&store, "_start")?;
    let begin = cpu_ns();
    start.call(&mut store, ())?;
    let cpu_ns = cpu_ns() - begin;
    Ok(Run {
        cpu_ns,
        stdout: stdout.take(),
    })
}
