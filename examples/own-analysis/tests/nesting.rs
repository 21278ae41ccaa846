//! The example is right: by hand, in each tier, after a trap too.

use own_analysis::NESTING;
use probity_analyses::{AnalysisReport, Session};
use probity_engine::{Config, Engine, Linker, Module, Store, Tier, Val};

/// `down` calls itself as often as its argument says, and traps at the bottom if that is odd; `run` calls it twice.
const TEXT: &str = r#"(module
  (func $down (export "down") (param $n i32) (param $odd i32)
    (if (local.get $n)
      (then (call $down (i32.sub (local.get $n) (i32.const 1)) (local.get $odd)))
      (else (if (local.get $odd) (then unreachable)))))
  (func (export "run") (param $n i32)
    (call $down (i32.const 3) (i32.const 0))
    (call $down (local.get $n) (i32.and (local.get $n) (i32.const 1)))))"#;

fn nesting(tier: Tier, n: i32) -> (bool, AnalysisReport) {
    let engine = Engine::new(Config::new().tier(tier));
    let module = Module::new(&engine, TEXT).expect("the module loads");
    let mut store = Store::new(&engine, ());
    let mut session = Session::new();
    session.add_own(&NESTING, &[]).expect("its options");
    session.attach(&mut store, &module).expect("once");
    let instance = Linker::new(&engine).instantiate(&mut store, &module);
    let run = instance.expect("no imports").get_func(&store, "run");
    let outcome = run
        .expect("an export")
        .call(&mut store, &[Val::I32(n)], &mut []);
    let report = session.finish(&mut store).remove(0);
    (outcome.is_ok(), report)
}

#[test]
fn nesting_is_the_deepest_ever() {
    for tier in [Tier::Interp, Tier::Jit, Tier::Auto] {
        // 3 calls below the first of `down`, then 6 below: 7 activations at once; `run` is never in itself.
        for (n, ends, deepest) in [(6, true, 7), (7, false, 8), (1, false, 4)] {
            let (ended, report) = nesting(tier, n);
            assert_eq!(ended, ends);
            let table = &report.tables[0];
            assert_eq!(table.sum("nested"), deepest + 1, "{tier:?} {n}");
        }
    }
}

#[test]
fn options_are_checked() {
    let mut session = Session::new();
    let wrong = [("tops".to_owned(), "3".to_owned())];
    let error = session
        .add_own(&NESTING, &wrong)
        .expect_err("no such option");
    let expected = "unknown option of nesting: `tops`; did you mean `top`?";
    assert_eq!(error.to_string(), expected);
}
