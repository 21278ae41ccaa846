//! Running a program under a rule, in every way of executing it.

use std::sync::{Arc, Mutex};

use probity_engine::{
    Caller, Config, Engine, Error, Instance, Linker, Module, Store, Tier, TierZeal, Val,
};
use probity_probes::rule::{Results, Rule, Summary, Watcher};

/// By the interpreter, compiled, compiled at the first chance (functions; loops), and
/// compiled but left again at once.
pub const WAYS: [(&str, Tier, TierZeal); 5] = [
    ("interp", Tier::Interp, TierZeal::Off),
    ("jit", Tier::Jit, TierZeal::Off),
    ("auto", Tier::Auto, TierZeal::Eager),
    ("osr", Tier::Auto, TierZeal::Osr),
    ("deopt", Tier::Jit, TierZeal::Deopt),
];

pub fn engine(tier: Tier, zeal: TierZeal) -> Engine {
    let mut config = Config::new();
    config.tier(tier).tier_zeal(zeal);
    Engine::new(&config)
}

pub fn rule(text: &str) -> Rule {
    Rule::parse(text).unwrap_or_else(|error| panic!("{}", error.shown()))
}

/// A finished run.
pub struct Run {
    pub way: &'static str,
    pub results: Results,
    pub lines: Vec<String>,
    pub error: Option<Error>,
}

impl Run {
    /// The totals of the rule's first action.
    pub fn total(&self) -> &Summary {
        &self.results.actions[0].total
    }

    /// Keys and counts of the rule's first action.
    pub fn keys(&self) -> Vec<(String, u64)> {
        let keys = self.results.actions[0].keys.iter().map(|result| {
            let key: Vec<String> = result.key.iter().map(ToString::to_string).collect();
            (key.join(","), result.summary.count)
        });
        keys.collect()
    }
}

/// Calls an export once in every way of executing it, watched by a rule.
pub fn runs(wat: &str, export: &str, args: &[Val], text: &str) -> Vec<Run> {
    let runs = WAYS.iter().map(|&(way, tier, zeal)| {
        let engine = engine(tier, zeal);
        let module = Module::new(&engine, wat).unwrap_or_else(|error| panic!("{error}: {wat}"));
        let mut store = Store::new(&engine, ());
        let rule = rule(text);
        let watcher = rule.watcher();
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let sink = lines.clone();
        watcher.on_print(move |line| sink.lock().expect("no panic").push(line.to_owned()));
        watcher.attach(&mut store);
        let error = call(&engine, &module, &mut store, export, args).err();
        let lines = std::mem::take(&mut *lines.lock().expect("no panic"));
        Run {
            way,
            results: results(&watcher),
            lines,
            error,
        }
    });
    runs.collect()
}

pub fn results(watcher: &Watcher) -> Results {
    let results = watcher.results();
    assert_eq!(results.errors, Vec::<String>::new());
    results
}

/// An instance of a module that may import `host.f`, which does nothing.
pub fn instance(engine: &Engine, module: &Module, store: &mut Store<()>) -> Instance {
    let mut linker = Linker::new(engine);
    linker
        .func_wrap("host", "f", |_: Caller<'_, ()>| {})
        .expect("defined once");
    linker.instantiate(store, module).expect("instance")
}

pub fn call(
    engine: &Engine,
    module: &Module,
    store: &mut Store<()>,
    export: &str,
    args: &[Val],
) -> Result<(), Error> {
    let instance = instance(engine, module, store);
    let func = instance.get_func(&*store, export).expect("export");
    let mut results: Vec<Val> = func
        .ty(&*store)
        .results()
        .iter()
        .map(|ty| Val::default_for(*ty))
        .collect();
    func.call(store, args, &mut results)
}
