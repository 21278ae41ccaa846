//! `benches start MODULE`: wall time from the start of a process to the first Wasm instruction, in phases. Each sample is
//! a process of its own (files are in the page cache after the first); it stops itself at the first instruction, by a
//! global probe.

use crate::Output;
use crate::clock::wall_ns;
use crate::report::median;
use probity_engine::hook::Probe;
use probity_engine::{Config, Engine, Error, Linker, Module, Store, Tier, wasmparser};
use probity_wasi::WasiCtxBuilder;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The moment before the process was made, for the child.
const SPAWNED_ENV: &str = "PROBITY_BENCHES_SPAWNED_NS";

/// Durations of one start in nanoseconds. The first five follow each other; `total_ns` is their sum.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Phases {
    process_ns: u64,
    load_ns: u64,
    link_ns: u64,
    instantiate_ns: u64,
    first_function_ns: u64,
    total_ns: u64,
    /// Measured afterwards, on their own: reading all section headers and item lists, and validating every body.
    sections_ns: u64,
    validate_all_ns: u64,
    /// Compiling every body, and getting the same from the cache on disk; 0 unless it was asked for.
    compile_all_ns: u64,
    cached_ns: u64,
}

impl Phases {
    const NAMES: [(&str, &str); 10] = [
        ("process", "process start to main"),
        ("load", "map the file, read its sections"),
        ("link", "engine, store, WASI"),
        (
            "instantiate",
            "memory, data and element segments, start function",
        ),
        ("first function", "validate and lower the first function"),
        ("TOTAL", "process start to first instruction"),
        ("(sections)", "reading the sections alone, part of load"),
        (
            "(validate all)",
            "validating every function body: not paid at start",
        ),
        (
            "(compile all)",
            "compiling all of the module, with --compile",
        ),
        ("(cached)", "the same with what the cache on disk has of it"),
    ];

    fn values(&self) -> [u64; 10] {
        [
            self.process_ns,
            self.load_ns,
            self.link_ns,
            self.instantiate_ns,
            self.first_function_ns,
            self.total_ns,
            self.sections_ns,
            self.validate_all_ns,
            self.compile_all_ns,
            self.cached_ns,
        ]
    }

    fn from_values(v: [u64; 10]) -> Phases {
        let [
            process_ns,
            load_ns,
            link_ns,
            instantiate_ns,
            first_function_ns,
            total_ns,
            sections_ns,
            validate_all_ns,
            compile_all_ns,
            cached_ns,
        ] = v;
        Phases {
            process_ns,
            load_ns,
            link_ns,
            instantiate_ns,
            first_function_ns,
            total_ns,
            sections_ns,
            validate_all_ns,
            compile_all_ns,
            cached_ns,
        }
    }
}

/// Runs the command.
pub fn command(module: &Path, compile: bool, output: &Output) -> Result<(), String> {
    let mut samples = Vec::new();
    for _ in 0..output.runs {
        samples.push(sample(module, compile)?.values());
    }
    let mut medians = [0; 10];
    for (i, m) in medians.iter_mut().enumerate() {
        *m = median(&mut samples.iter().map(|s| s[i]).collect::<Vec<_>>()).unwrap_or(0);
    }
    let bytes = std::fs::metadata(module)
        .map_err(|e| format!("failed to read {}: {e}", module.display()))?
        .len();
    if output.json {
        let document = serde_json::json!({
            "command": "start", "module": module, "bytes": bytes, "runs": output.runs, "version": env!("CARGO_PKG_VERSION"),
            "median": Phases::from_values(medians),
        });
        println!("{document:#}");
        return Ok(());
    }
    println!(
        "probity {}, {}, {bytes} bytes",
        env!("CARGO_PKG_VERSION"),
        module.display()
    );
    println!(
        "wall time in ms, median of {} processes, file in the page cache\n",
        output.runs
    );
    let total = medians[5].max(1);
    for ((name, about), ns) in Phases::NAMES.iter().zip(medians) {
        println!(
            "{name:<15}{:>9.2}{:>7.1}%  {about}",
            ns as f64 / 1e6,
            100.0 * ns as f64 / total as f64
        );
    }
    Ok(())
}

fn sample(module: &Path, compile: bool) -> Result<Phases, String> {
    let exe = std::env::current_exe().map_err(|e| format!("failed to find this program: {e}"))?;
    let mut command = Command::new(exe);
    command.arg("start-child").arg(module);
    if compile {
        command.arg("--compile");
    }
    let output = command
        .env(SPAWNED_ENV, wall_ns().to_string())
        .output()
        .map_err(|e| format!("failed to start a process: {e}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr)
            .trim_end()
            .trim_start_matches("error: ")
            .to_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|e| format!("failed to read a sample: {e}"))
}

/// Ends the run at the first instruction.
#[derive(Debug)]
struct Stop;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped at the first instruction")
    }
}

impl std::error::Error for Stop {}

/// The process that is measured: prints its phases as JSON.
pub fn child(path: &Path, compile: bool) -> Result<(), String> {
    let main = wall_ns();
    let spawned = std::env::var(SPAWNED_ENV)
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(main);
    let mut phases = Phases {
        process_ns: main - spawned,
        ..Phases::default()
    };
    let module = measure(path, main, &mut phases)
        .map_err(|e| format!("failed to start {}: {e}", path.display()))?;
    phases.total_ns = phases.values()[..5].iter().sum();

    let begin = wall_ns();
    read_sections(module.bytes()).map_err(|e| format!("failed to read sections: {e}"))?;
    phases.sections_ns = wall_ns() - begin;
    let begin = wall_ns();
    module
        .validate()
        .map_err(|e| format!("failed to validate: {e}"))?;
    phases.validate_all_ns = wall_ns() - begin;
    if compile {
        [phases.compile_all_ns, phases.cached_ns] =
            compile_twice(&module).map_err(|e| format!("failed to compile: {e}"))?;
    }
    println!(
        "{}",
        serde_json::to_string(&phases).map_err(|e| e.to_string())?
    );
    Ok(())
}

fn measure(path: &Path, main: u64, phases: &mut Phases) -> probity_engine::Result<Module> {
    let engine = Engine::new(&Config::new());
    let module = Module::from_file(&engine, path)?;
    let loaded = wall_ns();
    phases.load_ns = loaded - main;

    let wasi = WasiCtxBuilder::new()
        .args([path.display().to_string()])
        .build();
    let mut store = Store::new(&engine, wasi);
    let first = Arc::new(AtomicU64::new(0));
    let seen = first.clone();
    store.probes().insert_global(Probe::call(move |_| {
        seen.store(wall_ns(), Ordering::Relaxed);
        Err(Error::host(Stop))
    }));
    let mut linker = Linker::new(&engine);
    probity_wasi::add_to_linker(&mut linker, |t| t)?;
    linker.define_unknown_imports_as_traps(&module)?;
    let linked = wall_ns();
    phases.link_ns = linked - loaded;

    // A start function is reached while instantiating; then the rest of that phase is the first function.
    let outcome = linker.instantiate(&mut store, &module);
    let instantiated = wall_ns();
    let outcome = match outcome {
        Ok(instance) => {
            phases.instantiate_ns = instantiated - linked;
            instance
                .get_typed_func::<(), ()>(&store, "_start")?
                .call(&mut store, ())
        }
        Err(e) => Err(e),
    };
    match outcome {
        Err(e) if e.downcast_ref::<Stop>().is_none() => return Err(e),
        _ => {}
    }
    let first_ns = first.load(Ordering::Relaxed);
    let before = linked + phases.instantiate_ns;
    phases.first_function_ns = first_ns.saturating_sub(before);
    Ok(module)
}

/// Compiles all of a module, then once more in an engine with what the first one has kept of it.
fn compile_twice(module: &Module) -> Result<[u64; 2], Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let mut config = Config::new();
    config.tier(Tier::Jit).cache(dir.path());
    let mut times = [0; 2];
    for ns in &mut times {
        let engine = Engine::new(&config);
        let module = Module::new(&engine, module.bytes())?;
        let begin = wall_ns();
        module.compile();
        *ns = wall_ns() - begin;
    }
    Ok(times)
}

/// Walks the whole module as a reader must before it can run anything; bodies are only skipped.
fn read_sections(bytes: &[u8]) -> wasmparser::Result<()> {
    for payload in wasmparser::Parser::new(0).parse_all(bytes) {
        payload?;
    }
    Ok(())
}
