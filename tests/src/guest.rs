//! Runs a WASI module in this process and says what could be seen of it, so
//! that runs under different watchers can be compared.

use std::path::Path;

use probity_analyses::{
    AnalysisReport, Format, ModuleSummary, Outcome, OutcomeKind, Report, Session, registry,
};
use probity_engine::{
    Config, Engine, Error, ErrorKind, Limits, Linker, Module, Store, Tier, TierZeal, Trap,
    hook::{Action, Counters, Probe},
};
use probity_wasi::{Exit, OutputBuffer, WasiCtx, WasiCtxBuilder};

/// Who watches a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watcher {
    /// No probe at all.
    Nobody,
    /// A probe before every instruction, which only counts.
    GlobalProbe,
    /// Every analysis of the registry, all in one session.
    AllAnalyses,
}

impl Watcher {
    /// Every watcher.
    pub const ALL: [Watcher; 3] = [Watcher::Nobody, Watcher::GlobalProbe, Watcher::AllAnalyses];

    /// Its name in test names.
    pub fn name(self) -> &'static str {
        match self {
            Watcher::Nobody => "nobody",
            Watcher::GlobalProbe => "global_probe",
            Watcher::AllAnalyses => "all_analyses",
        }
    }
}

/// What a guest is given.
#[derive(Clone, Debug, Default)]
pub struct Given<'a> {
    /// `argv`, the program's own name included.
    pub args: Vec<String>,
    /// Standard input.
    pub stdin: Vec<u8>,
    /// A directory, seen as `/`.
    pub root: Option<&'a Path>,
    /// Limit on fuel.
    pub fuel: Option<u64>,
    /// Limit on each memory, in bytes; a refused growth is -1 to the guest.
    pub memory_bytes_max: Option<u64>,
    /// Throw the output away instead of keeping it, and write no report.
    pub outcome_only: bool,
}

/// What could be seen of a run.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    /// `exit 0`, `trap unreachable`, ...
    pub outcome: String,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Fuel consumed.
    pub fuel: u64,
}

/// What watchers counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Instructions by rule `instr.v1`.
    pub instructions: u64,
    /// Fuel by the `icount` analysis, where that ran.
    pub fuel: Option<u64>,
    /// Digest of the tables of all analyses, where those ran.
    pub tables: Option<u64>,
}

/// How code is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By the interpreter.
    Interp,
    /// Compiled at its first call.
    Jit,
    /// Compiled when it is hot.
    Auto,
    /// Compiled at the first chance.
    Eager,
    /// Interpreted but for loops.
    Osr,
    /// Compiled, and given to the interpreter after the first call.
    Deopt,
}

impl Way {
    /// Every way.
    pub const ALL: [Way; 6] = [
        Way::Interp,
        Way::Jit,
        Way::Auto,
        Way::Eager,
        Way::Osr,
        Way::Deopt,
    ];

    /// Whether compiled code counts fuel.
    pub fn counts_fuel(self) -> bool {
        !matches!(self, Way::Jit | Way::Auto)
    }

    /// Its name in test names.
    pub fn name(self) -> &'static str {
        match self {
            Way::Interp => "interp",
            Way::Jit => "jit",
            Way::Auto => "auto",
            Way::Eager => "eager",
            Way::Osr => "osr",
            Way::Deopt => "deopt",
        }
    }
}

/// An engine whose results do not depend on the machine's NaNs.
pub fn engine() -> Engine {
    engine_in(Way::Interp)
}

/// The same, with code executed in some way.
pub fn engine_in(way: Way) -> Engine {
    let (tier, zeal) = match way {
        Way::Interp => (Tier::Interp, TierZeal::Off),
        Way::Jit => (Tier::Jit, TierZeal::Off),
        Way::Auto => (Tier::Auto, TierZeal::Off),
        Way::Eager => (Tier::Auto, TierZeal::Eager),
        Way::Osr => (Tier::Auto, TierZeal::Osr),
        Way::Deopt => (Tier::Jit, TierZeal::Deopt),
    };
    let mut config = Config::new();
    config.deterministic(true).tier(tier).tier_zeal(zeal);
    config.count_fuel(way.counts_fuel());
    Engine::new(&config)
}

/// Instantiates `module`, which `engine` loaded, and calls `_start`, if it has one. Clocks are virtual
/// and random numbers seeded, so that equal runs are equal.
pub fn run(
    engine: &Engine,
    module: &Module,
    given: &Given<'_>,
    watcher: Watcher,
) -> (Seen, Option<Counted>) {
    let (stdout, stderr) = (OutputBuffer::new(), OutputBuffer::new());
    let mut builder = WasiCtxBuilder::new();
    builder
        .args(&given.args)
        .stdin_bytes(given.stdin.clone())
        .virtual_clock(0, 1_000)
        .random_seed(0);
    if !given.outcome_only {
        builder.stdout(stdout.clone()).stderr(stderr.clone());
    }
    if let Some(root) = given.root {
        builder
            .preopened_dir(root, "/")
            .unwrap_or_else(|e| panic!("{e}"));
    }
    let mut store = Store::new(engine, builder.build());
    store.set_fuel_limit(given.fuel);
    store.set_limits(Limits {
        memory_bytes_max: given.memory_bytes_max,
        table_elements_max: Some(1 << 20),
        ..Limits::default()
    });

    let counters = Counters::new(1);
    let mut session = Session::new();
    match watcher {
        Watcher::Nobody => {}
        Watcher::GlobalProbe => {
            store.probes().insert_global(Probe::new(Action::CountAdd {
                counters: counters.clone(),
                index: 0,
                n: 1,
            }));
        }
        Watcher::AllAnalyses => {
            for info in registry() {
                // By time it would not be the same twice.
                let every = [("every".to_owned(), "100000".to_owned())];
                let options = match info.name {
                    "sample" => &every[..],
                    _ => &[],
                };
                session
                    .add(info.name, options)
                    .unwrap_or_else(|e| panic!("{}: {e}", info.name));
            }
        }
    }
    let result = start(engine, &mut store, &mut session, module, watcher);
    let seen = Seen {
        outcome: describe(result),
        stdout: stdout.contents(),
        stderr: stderr.contents(),
        fuel: store.fuel_consumed(),
    };
    let counted = match watcher {
        Watcher::Nobody => None,
        Watcher::GlobalProbe => Some(Counted {
            instructions: counters.get(0),
            fuel: None,
            tables: None,
        }),
        Watcher::AllAnalyses => {
            let analyses = session.finish(&mut store);
            (!given.outcome_only).then(|| icount(analyses, module))
        }
    };
    (seen, counted)
}

fn start(
    engine: &Engine,
    store: &mut Store<WasiCtx>,
    session: &mut Session,
    module: &Module,
    watcher: Watcher,
) -> Result<(), Error> {
    let mut linker = Linker::new(engine);
    probity_wasi::add_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx)?;
    if watcher == Watcher::AllAnalyses {
        session.attach(store, module)?;
    }
    let instance = linker.instantiate(store, module)?;
    match instance.get_func(store, "_start") {
        Some(start) => start.call(store, &[], &mut []),
        None => Ok(()),
    }
}

/// The end of a run in a few words, the same for equal ends.
fn describe(result: Result<(), Error>) -> String {
    let error = match result {
        Ok(()) => return "exit 0".to_owned(),
        Err(error) => error,
    };
    if let Some(Exit(code)) = error.downcast_ref::<Exit>() {
        return format!("exit {code}");
    }
    match error.kind() {
        ErrorKind::Trap(trap) => format!("trap {}", Trap::code(trap)),
        _ => format!("error {error}"),
    }
}

/// Every report of the session is written in every format, to see that it can
/// be; the counts are read from the JSON document, as a user would.
fn icount(analyses: Vec<AnalysisReport>, module: &Module) -> Counted {
    let report = Report {
        module: ModuleSummary::new(module, None),
        outcome: Outcome {
            kind: OutcomeKind::Exit,
            code: 0.into(),
            message: String::new(),
            backtrace: Vec::new(),
        },
        analyses,
    };
    for (name, format) in Format::ALL {
        let mut bytes = Vec::new();
        report
            .write(format, &mut bytes)
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(!bytes.is_empty(), "{name}");
    }
    let document = report.to_json();
    let icount = &document["analyses"]["icount"];
    Counted {
        instructions: icount["total"].as_u64().unwrap_or_default(),
        fuel: icount["fuel"].as_u64(),
        tables: Some({
            let mut hasher = std::hash::DefaultHasher::new();
            std::hash::Hash::hash(&document["analyses"].to_string(), &mut hasher);
            std::hash::Hasher::finish(&hasher)
        }),
    }
}
