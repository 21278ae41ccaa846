//! Several instances and several modules in one session.

mod common;

use common::rows;
use probity_analyses::{Format, ModuleSummary, Outcome, OutcomeKind, Report, Session};
use probity_engine::{Config, Engine, Instance, Module, Store};
use serde_json::{Value as Json, json};

const ANALYSES: [&str; 6] = [
    "icount", "hotness", "coverage", "branches", "calls", "loops",
];

const IMPORTS: &str = r#"(module
    (import "other" "help" (func $help))
    (func (export "main") call $help call $help))"#;

const HELPS: &str = r#"(module (func $help (export "help") nop))"#;

fn json(session: &mut Session, store: &mut Store<()>, module: &Module) -> Json {
    let report = Report {
        module: ModuleSummary::new(module, None),
        outcome: Outcome {
            kind: OutcomeKind::Exit,
            code: 0.into(),
            message: String::new(),
            backtrace: Vec::new(),
        },
        analyses: session.finish(store),
    };
    let mut text = Vec::new();
    report.write(Format::Text, &mut text).expect("memory");
    report.to_json()
}

/// Two instances, called 1 and 2 times: nop, end = 2 each.
#[test]
fn instances_of_a_module_are_one_sum() {
    let engine = Engine::new(&Config::new());
    let module = Module::new(&engine, HELPS).expect("loads");
    let mut store = Store::new(&engine, ());
    let mut session = Session::new();
    for name in ANALYSES {
        session.add(name, &[]).expect("analysis");
    }
    session.attach(&mut store, &module).expect("attaches");
    assert!(session.attach(&mut store, &module).is_err());
    for times in 1..=2 {
        let instance = Instance::new(&mut store, &module, &[]).expect("instantiates");
        let help = instance.get_typed_func::<(), ()>(&store, "help");
        for _ in 0..times {
            let help = help.as_ref().expect("a function");
            help.call(&mut store, ()).expect("runs");
        }
    }
    let json = json(&mut session, &mut store, &module);
    let icount = &json["analyses"]["icount"];
    assert_eq!(
        rows(&icount["functions"], &["index", "count", "fuel"]),
        [json!([0, 6, 3])]
    );
    assert_eq!(json["analyses"]["coverage"]["percent"], 100.0);
}

/// Functions of several modules are told apart by the column `module`.
#[test]
fn several_modules() {
    let engine = Engine::new(&Config::new());
    let main = Module::new(&engine, IMPORTS).expect("loads");
    let other = Module::new(&engine, HELPS).expect("loads");
    let mut store = Store::new(&engine, ());
    let mut session = Session::new();
    for name in ANALYSES {
        session.add(name, &[]).expect("analysis");
    }
    session.attach(&mut store, &main).expect("attaches");
    session.attach(&mut store, &other).expect("attaches");
    let helper = Instance::new(&mut store, &other, &[]).expect("instantiates");
    let help = helper.get_func(&store, "help").expect("a function");
    let instance = Instance::new(&mut store, &main, &[help.into()]).expect("instantiates");
    let run = instance
        .get_typed_func::<(), ()>(&store, "main")
        .expect("a function");
    run.call(&mut store, ()).expect("runs");
    let json = json(&mut session, &mut store, &main);
    assert_eq!(
        rows(
            &json["analyses"]["icount"]["functions"],
            &["module", "index", "name", "count"]
        ),
        [
            json!(["module[0]", 1, "main", 3]),
            json!(["module[1]", 0, "help", 4])
        ]
    );
    assert_eq!(
        json["analyses"]["icount"]["fuel"].as_u64(),
        Some(store.fuel_consumed())
    );
}
