//! Runs a text module under analyses, the way a user of the crate does.
#![allow(dead_code)] // each test file uses its part

pub mod accesses;
pub mod naive;
pub mod random;

use std::sync::{Arc, Mutex};

use probity_analyses::{ModuleSummary, Outcome, OutcomeKind, Report, Session};
use probity_engine::{
    Caller, Config, Engine, Error, ExnRef, FuncType, Linker, Module, Store, Tag, Tier, TierZeal,
    Val, ValType,
};
use probity_probes::rule::Rule;
use serde_json::Value as Json;

/// By the interpreter, compiled, compiled at the first chance (functions; loops), and compiled but left again at
/// once.
pub const WAYS: [(&str, Tier, TierZeal); 5] = [
    ("interp", Tier::Interp, TierZeal::Off),
    ("jit", Tier::Jit, TierZeal::Off),
    ("auto", Tier::Auto, TierZeal::Eager),
    ("osr", Tier::Auto, TierZeal::Osr),
    ("deopt", Tier::Jit, TierZeal::Deopt),
];

pub fn config(tier: Tier, zeal: TierZeal) -> Config {
    let mut config = Config::new();
    config.tier(tier).tier_zeal(zeal);
    config
}

/// Runs a program in every way.
pub fn each(wat: &str, analyses: &[&str], check: impl Fn(&str, &Run)) {
    for (way, tier, zeal) in WAYS {
        let run = run_rules(config(tier, zeal), wat, analyses, &[], |_| {});
        check(way, &run);
    }
}

/// What a guest's `exit` ends its run with.
#[derive(Debug)]
pub struct Exit(pub i32);

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {}", self.0)
    }
}

impl std::error::Error for Exit {}

/// A finished run.
pub struct Run {
    pub report: Report,
    pub json: Json,
    /// What the engine counted.
    pub fuel: u64,
    pub error: Option<Error>,
    /// What rules printed.
    pub lines: Vec<String>,
}

impl Run {
    /// The object of an analysis.
    pub fn of(&self, analysis: &str) -> &Json {
        &self.json["analyses"][analysis]
    }
}

/// Runs `main` of a module that may import `host.exit (param i32)`,
/// `host.nop`, the tag `host.tag (param i32)` and `host.throw (param i32)`,
/// which throws it. An analysis is a name, or `name:key=value,...`.
pub fn run(wat: &str, analyses: &[&str]) -> Run {
    run_with(wat, analyses, |_| {})
}

/// As [`run`], with the store prepared by `prepare`.
pub fn run_with(wat: &str, analyses: &[&str], prepare: impl FnOnce(&mut Store<()>)) -> Run {
    run_rules(Config::new(), wat, analyses, &[], prepare)
}

/// The same, under rules too, and with a configuration.
pub fn run_rules(
    config: Config,
    wat: &str,
    analyses: &[&str],
    rules: &[&str],
    prepare: impl FnOnce(&mut Store<()>),
) -> Run {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = lines.clone();
    let add = |session: &mut Session| {
        for analysis in analyses {
            let (name, options) = analysis.split_once(':').unwrap_or((analysis, ""));
            session.add(name, &pairs(options)).expect("analysis");
        }
        if !rules.is_empty() {
            let rules = rules.iter().map(|text| Rule::parse(text).expect("a rule"));
            session
                .add_rules(rules, move |line| {
                    sink.lock().expect("no panic").push(line.to_owned());
                })
                .expect("rules");
        }
    };
    let run = run_session(config, wat, add, prepare);
    let lines = std::mem::take(&mut *lines.lock().expect("no panic"));
    Run { lines, ..run }
}

/// `key=value,...`
pub fn pairs(options: &str) -> Vec<(String, String)> {
    let options = options.split(',').filter_map(|o| o.split_once('='));
    options
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// Runs `main` of a module in a session that `add` fills.
pub fn run_session(
    mut config: Config,
    wat: &str,
    add: impl FnOnce(&mut Session),
    prepare: impl FnOnce(&mut Store<()>),
) -> Run {
    // Room for some thousand frames: endless recursion ends soon.
    config.max_stack_bytes(256 << 10);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, wat).unwrap_or_else(|error| panic!("{error}: {wat}"));
    let mut store = Store::new(&engine, ());
    prepare(&mut store);
    let mut session = Session::new();
    add(&mut session);
    session.attach(&mut store, &module).expect("attaches");
    let error = call_main(&engine, &module, &mut store).err();
    let kind = match &error {
        None => OutcomeKind::Exit,
        Some(error) if error.trap().is_some() => OutcomeKind::Trap,
        Some(_) => OutcomeKind::Error,
    };
    let report = Report {
        module: ModuleSummary::new(&module, Some("test.wat")),
        outcome: Outcome {
            kind,
            code: 0.into(),
            message: error.as_ref().map(Error::to_string).unwrap_or_default(),
            backtrace: Vec::new(),
        },
        analyses: session.finish(&mut store),
    };
    let mut text = Vec::new();
    let format = probity_analyses::Format::Json;
    report.write(format, &mut text).expect("memory");
    let json: Json = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(json, report.to_json());
    Run {
        report,
        json,
        fuel: store.fuel_consumed(),
        error,
        lines: Vec::new(),
    }
}

fn call_main(engine: &Engine, module: &Module, store: &mut Store<()>) -> Result<(), Error> {
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "exit", |_: Caller<'_, ()>, code: i32| {
        Err::<(), Error>(Error::host(Exit(code)))
    })?;
    linker.func_wrap("host", "nop", |_: Caller<'_, ()>| {})?;
    let tag = Tag::new(&mut *store, FuncType::new([ValType::I32], []));
    linker.define("host", "tag", tag)?;
    linker.func_wrap(
        "host",
        "throw",
        move |mut caller: Caller<'_, ()>, value: i32| {
            let exception = ExnRef::new(&mut caller, &tag, &[Val::I32(value)])?;
            Err::<(), Error>(Error::throw(exception))
        },
    )?;
    let instance = linker.instantiate(store, module)?;
    let main = instance.get_func(&*store, "main").expect("main");
    let results = main.ty(&*store).results().len();
    let mut results = vec![Val::I32(0); results];
    main.call(store, &[], &mut results)
}

/// The rows of a table as lists of the named columns.
pub fn rows(table: &Json, columns: &[&str]) -> Vec<Json> {
    let rows = table.as_array().expect("a table").iter();
    rows.map(|row| columns.iter().map(|column| row[column].clone()).collect())
        .collect()
}
