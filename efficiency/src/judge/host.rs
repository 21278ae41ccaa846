//! What a judged program has of the outside world: arguments, input, a place for its output, and nothing else.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use probity_engine::wasmparser::{Parser, Payload};
use probity_engine::{Config, Engine, Linker, Module, Store, Tier};
use probity_engine::{Error, FuncType, Limits as StoreLimits};
use probity_wasi::{OutputBuffer, Usage, WasiCtx, WasiCtxBuilder};

use crate::python::{Report, Toolchain, take_report};
use crate::task::Limits;

/// Start of the virtual clock: 2000-01-01T00:00:00Z, ns since 1970.
const CLOCK_START_NS: u64 = 946_684_800_000_000_000;
/// What a reading of it advances it by, ns.
const CLOCK_STEP_NS: u64 = 1_000;
/// Bytes that an element of a table is taken for.
const TABLE_ELEMENT_BYTES: u64 = 16;

/// What one run is given.
#[derive(Clone)]
pub(super) struct Given<'a> {
    /// Behind the program's name.
    pub args: Vec<String>,
    pub stdin: &'a [u8],
    /// Of random numbers.
    pub seed: u64,
    pub limits: &'a Limits,
    /// Whether the limit of fuel is held: it costs time, which a run that is known to stay below it need not take.
    pub metered: bool,
}

impl Given<'_> {
    /// The same, known to take less fuel than it may.
    pub fn unmetered(self) -> Self {
        Given {
            metered: false,
            ..self
        }
    }

    /// The fuel that it may take, if there is a limit.
    pub fn fuel(&self) -> Option<u64> {
        self.metered.then_some(self.limits.fuel)
    }
}

/// The store's data.
pub(super) struct Host {
    wasi: WasiCtx,
    stdout: OutputBuffer,
    /// The program's own part of it, where it was told from another.
    printed: Option<Vec<u8>>,
}

impl Host {
    pub fn new(given: &Given<'_>) -> Host {
        let mut builder = WasiCtxBuilder::new();
        builder.arg("program").args(&given.args);
        Host::with(builder, given)
    }

    /// That of an interpreter, which is given arguments of its own.
    ///
    /// # Errors
    /// If its standard library is not where it was.
    pub fn of_python(
        given: &Given<'_>,
        toolchain: &Toolchain,
        args: &[&str],
    ) -> Result<Host, String> {
        let mut builder = WasiCtxBuilder::new();
        let equipped = toolchain.equip(&mut builder);
        equipped.map_err(|e| format!("failed to {e}"))?;
        builder.args(args);
        Ok(Host::with(builder, given))
    }

    fn with(mut builder: WasiCtxBuilder, given: &Given<'_>) -> Host {
        let stdout = OutputBuffer::new();
        builder
            .stdin_bytes(given.stdin)
            .stdout(stdout.clone())
            .virtual_clock(CLOCK_START_NS, CLOCK_STEP_NS)
            .random_seed(given.seed)
            .output_bytes_max(given.limits.stdout_mb << 20);
        Host {
            wasi: builder.build(),
            stdout,
            printed: None,
        }
    }

    /// What was written to stdout.
    pub fn output(&self) -> Vec<u8> {
        let printed = self.printed.clone();
        printed.unwrap_or_else(|| self.stdout.contents())
    }

    /// Takes what the harness of a program in Python said behind all that the program wrote.
    pub fn take_report(&mut self) -> Option<Report> {
        let mut output = self.stdout.contents();
        let report = take_report(&mut output);
        self.printed = Some(output);
        report
    }

    /// What the program has had of the outside world.
    pub fn usage(&self) -> Usage {
        self.wasi.usage()
    }

    /// What ends waiting calls.
    pub fn stop(&self) -> Arc<AtomicBool> {
        self.wasi.stop_flag()
    }
}

/// The engine for programs with this size of stack. Its results are the same bits everywhere.
pub(super) fn engine(tier: Tier, stack_bytes: usize) -> Engine {
    let mut config = Config::new();
    config
        .deterministic(true)
        .tier(tier)
        .max_stack_bytes(stack_bytes);
    Engine::new(&config)
}

/// How many memories and tables a program has. The engine's limits are of each of them: with more than one, each may have its part,
/// or a program with a hundred would have a hundred times the limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shares {
    memories: u64,
    tables: u64,
    /// Elements that the largest table begins with.
    elements: u64,
}

impl Shares {
    /// Of a program's module.
    pub fn of(module: &Module) -> Shares {
        let mut shares = Shares {
            memories: 0,
            tables: 0,
            elements: 0,
        };
        let sections = Parser::new(0).parse_all(module.bytes());
        for section in sections.map_while(Result::ok) {
            match section {
                Payload::MemorySection(section) => shares.memories += u64::from(section.count()),
                Payload::TableSection(section) => {
                    shares.tables += u64::from(section.count());
                    let initial = section.into_iter().flatten().map(|table| table.ty.initial);
                    shares.elements = initial.max().unwrap_or(0);
                }
                _ => {}
            }
        }
        shares
    }

    /// Bytes of each memory.
    fn memory_bytes(self, limits: &Limits) -> u64 {
        (limits.memory_mb << 20) / self.memories.max(1)
    }

    /// Elements of each table.
    fn table_elements(self, limits: &Limits) -> u64 {
        (limits.memory_mb << 20) / TABLE_ELEMENT_BYTES / self.tables.max(1)
    }

    /// What the engine allows a program.
    pub fn store_limits(self, limits: &Limits) -> StoreLimits {
        StoreLimits {
            memory_bytes_max: Some(self.memory_bytes(limits)),
            table_elements_max: Some(self.table_elements(limits)),
            heap_bytes_max: Some(limits.memory_mb << 20),
            trap_on_refused_growth: true,
        }
    }

    /// Why there can be no instance, which the engine has no code for.
    pub fn refusal(self, limits: &Limits) -> Option<String> {
        let most = self.table_elements(limits);
        (self.elements > most).then(|| {
            format!(
                "a table of {} elements, of which there may be {most}",
                self.elements
            )
        })
    }
}

/// A store for a run.
pub(super) fn store(engine: &Engine, host: Host, given: &Given<'_>, shares: Shares) -> Store<Host> {
    let mut store = Store::new(engine, host);
    store.set_limits(shares.store_limits(given.limits));
    store
}

/// What programs may import.
///
/// # Errors
/// If the engine refuses a definition.
pub(super) fn linker(engine: &Engine) -> Result<Linker<Host>, Error> {
    let mut linker = Linker::new(engine);
    probity_wasi::add_to_linker(&mut linker, |host: &mut Host| &mut host.wasi)?;
    Ok(linker)
}

/// The imports that nothing defines, by name.
pub(super) fn missing(linker: &Linker<Host>, module: &Module) -> Vec<String> {
    let mut trial = linker.clone();
    // What can be defined is not defined yet.
    let mut undefined = |module: &str, name: &str| {
        let nothing = FuncType::new([], []);
        trial
            .func_new(module, name, nothing, |_, _, _| Ok(()))
            .is_ok()
    };
    module
        .imports()
        .filter(|import| undefined(import.module, import.name))
        .map(|import| format!("`{}` `{}`", import.module, import.name))
        .collect()
}
