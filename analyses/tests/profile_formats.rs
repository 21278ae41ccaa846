//! Every format of profiles is read back, and says what the JSON report says.

mod common;
#[path = "profile_formats/readers.rs"]
mod readers;

use std::collections::BTreeMap;

use probity_analyses::Session;
use probity_analyses::export::{Data, DataKind, ExportInfo};
use probity_analyses::profile::data::{Profile, Weight};
use probity_engine::{Caller, Config, Engine, Linker, Module, Store, Tier, Val};
use readers::Sums;

/// Names that formats have to escape, a function of the host, recursion, a loop, and a trap at the end.
const PROGRAM: &str = r#"(module
    (import "host" "f;\"g\"" (func $host))
    (func $fac (@name "fac<\"&\">;\0a\\") (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0)) (then (call $host) (i32.const 1))
            (else (i32.mul (local.get 0) (call $fac (i32.sub (local.get 0) (i32.const 1)))))))
    (func $_ZN3app4loopEi (param i32)
        (loop $l
            (drop (call $fac (i32.const 3)))
            (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "main") (param i32)
        (call $_ZN3app4loopEi (local.get 0))
        (call $_ZN3app4loopEi (i32.const 2))
        unreachable))"#;

/// Runs an export, and gives what the only analysis found.
fn profile(module: &[u8], export: &str, arg: i32, analysis: &str, tier: Tier) -> Profile {
    let mut config = Config::new();
    config.tier(tier);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, module).expect("module");
    let mut store = Store::new(&engine, ());
    let (name, options) = analysis.split_once(':').unwrap_or((analysis, ""));
    let options = options.split(',').filter_map(|o| o.split_once('='));
    let options: Vec<(String, String)> = options.map(|(k, v)| (k.into(), v.into())).collect();
    let mut session = Session::new();
    session.add(name, &options).expect("analysis");
    session.collect(DataKind::Profile).expect("it has one");
    session.attach(&mut store, &module).expect("attaches");
    let mut linker = Linker::new(&engine);
    let host = |_: Caller<'_, ()>| {};
    linker.func_wrap("host", "f;\"g\"", host).expect("once");
    let instance = linker.instantiate(&mut store, &module).expect("instance");
    let func = instance.get_func(&store, export).expect("export");
    let results = func.ty(&store).results().len();
    // A trap is an end as any other.
    let _ = func.call(
        &mut store,
        &[Val::I32(arg)],
        &mut vec![Val::I32(0); results],
    );
    let mut reports = session.finish(&mut store);
    match reports.pop().and_then(|report| report.data) {
        Some(Data::Profile(profile)) => profile,
        other => panic!("{other:?} is no profile"),
    }
}

fn written(profile: &Profile, format: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let format = ExportInfo::find(format).expect("a format");
    format
        .write(&Data::Profile(profile.clone()), &mut bytes)
        .expect("memory");
    bytes
}

/// Own weight by demangled name, told by the data.
fn sums(profile: &Profile, name: impl Fn(&str) -> String) -> Sums {
    let mut sums = Sums::new();
    for (function, of) in profile.functions.iter().zip(profile.by_function()) {
        if of.own > 0 {
            *sums.entry(name(&function.name)).or_default() += of.own;
        }
    }
    sums
}

fn demangled(name: &str) -> String {
    name.replace("_ZN3app4loopEi", "app::loop(int)")
}

/// Formats of lines cannot have some characters in names.
fn in_line(name: &str) -> String {
    demangled(name).replace('\n', "\u{fffd}")
}

const ANALYSES: [&str; 5] = [
    "profile",
    "profile:sites=off,weight=cycles",
    "fprofile:recursion=fold",
    "sample:every=1",
    "sample:every=7",
];

fn each(check: impl Fn(&str, &Profile)) {
    let wasm = wat::parse_str(PROGRAM).expect("a module");
    for tier in [Tier::Interp, Tier::Jit] {
        for analysis in ANALYSES {
            let profile = profile(&wasm, "main", 5, analysis, tier);
            assert!(profile.total() > 0);
            check(&format!("{analysis}, {tier:?}"), &profile);
        }
    }
}

#[test]
fn folded_stacks() {
    each(|what, profile| {
        let expected = sums(profile, |name| in_line(name).replace(';', ","));
        assert_eq!(
            readers::folded(&written(profile, "folded")),
            expected,
            "{what}"
        );
    });
}

#[test]
fn flame_graph() {
    each(|what, profile| {
        let total = readers::flamegraph_total(&written(profile, "svg"));
        assert_eq!(total, profile.total(), "{what}");
    });
}

#[test]
fn speedscope() {
    each(|what, profile| {
        let read = readers::speedscope(&written(profile, "speedscope"));
        assert_eq!(read, sums(profile, demangled), "{what}");
    });
}

#[test]
fn pprof() {
    each(|what, profile| {
        let read = readers::pprof(&written(profile, "pprof"));
        assert_eq!(read.sums, sums(profile, demangled), "{what}");
        if what.starts_with("profile") {
            // `main` calls the loop twice, which calls `fac` 5 and 2 times; that calls itself 3 times, and then the host.
            let calls: Vec<u64> = read.calls.values().copied().collect();
            assert_eq!(calls, [2, 4 * 7, 7, 1], "{what}: {:?}", read.calls);
        }
    });
}

#[test]
fn firefox() {
    each(|what, profile| {
        let read = readers::firefox(&written(profile, "firefox"));
        assert_eq!(read, sums(profile, demangled), "{what}");
    });
}

#[test]
fn callgrind() {
    each(|what, profile| {
        let read = readers::callgrind(&written(profile, "callgrind"));
        assert_eq!(read.sums, sums(profile, in_line), "{what}");
        let cost = |caller: &str, callee: &str| {
            let mut calls = read.calls.iter();
            let edge = |((from, to), _): &(&(String, String), _)| {
                from.starts_with(caller) && to.starts_with(callee)
            };
            calls.find(edge).map(|(_, call)| *call)
        };
        // What is called from `main` is all but what it does itself.
        let (calls, all) = cost("main", "app").expect("a call");
        assert_eq!(
            all,
            profile.total() - read.sums.get("main").unwrap_or(&0),
            "{what}"
        );
        if profile.is_exact {
            assert_eq!(calls, 2, "{what}");
            let fac = match what.starts_with("fprofile") {
                // Those from itself are calls of the same node.
                true => None,
                false => Some(21),
            };
            let calls = cost("fac", "fac").map(|(calls, _)| calls);
            assert_eq!(calls, fac, "{what}");
        }
    });
}

#[test]
fn perfetto() {
    each(|what, profile| {
        let read = readers::perfetto(&written(profile, "perfetto"));
        assert_eq!(read, sums(profile, demangled), "{what}");
    });
}

/// `main` of 1400 ns calls `b` of 700 and `c` of 400. It ends at 2500, which is rounded to 3 microseconds; `b` ends at 1, and
/// so does `c`, which begins there and is an instant.
#[test]
fn perfetto_has_whole_microseconds() {
    let module = r#"(module (func $b) (func $c)
        (func (export "main") (param i32) (call $b) (call $c)))"#;
    let wasm = wat::parse_str(module).expect("a module");
    let mut profile = profile(&wasm, "main", 0, "profile", Tier::Interp);
    profile.weight = Weight::Time;
    for (node, weight) in profile.nodes.iter_mut().zip([0, 1400, 700, 400]) {
        node.weight = weight;
    }
    let written = written(&profile, "perfetto");
    let expected = [("b".to_owned(), 1), ("main".to_owned(), 2)];
    assert_eq!(readers::perfetto(&written), Sums::from(expected));
    let events = String::from_utf8(written).expect("UTF-8");
    let c = events.lines().find(|line| line.contains(r#""name":"c""#));
    assert!(c.is_some_and(|c| c.contains(r#""ph":"i""#) && c.contains(r#""ts":1,"#)));
}

#[test]
fn dot() {
    each(|what, profile| {
        let read = readers::dot(&written(profile, "dot"));
        assert_eq!(read, sums(profile, in_line), "{what}");
    });
}

/// `fill` of `lines.c` (beside the tests of rules), by clang: lines 6 and 7 to 10 are its loop.
const LINES: &[u8] = include_bytes!("../../probes/tests/rules/lines.wasm");

/// Lines that formats show are those of the JSON report, and add up.
#[test]
fn lines_of_a_compiler() {
    for tier in [Tier::Interp, Tier::Jit] {
        for analysis in ["profile", "sample:every=1"] {
            let profile = profile(LINES, "fill", 100, analysis, tier);
            let by_line: BTreeMap<(String, u64), u64> = profile
                .by_line()
                .into_iter()
                .map(|(line, sums)| ((line.file.to_string(), line.line.into()), sums.own))
                .filter(|(_, own)| *own > 0)
                .collect();
            // Only ends of blocks are of no line.
            let all: u64 = by_line.values().sum();
            assert_eq!(all, profile.total(), "{analysis}");
            assert!(by_line.len() > 3, "{by_line:?}");
            let callgrind = readers::callgrind(&written(&profile, "callgrind"));
            let costs = callgrind.lines.into_iter().filter(|(_, own)| *own > 0);
            assert_eq!(costs.collect::<BTreeMap<_, _>>(), by_line, "{analysis}");
            let pprof = readers::pprof(&written(&profile, "pprof"));
            let by_line: BTreeMap<(String, u64), u64> = by_line
                .into_iter()
                .map(|((_, line), own)| (("fill".to_owned(), line), own))
                .collect();
            let mut lines = pprof.lines;
            lines.retain(|_, own| *own > 0);
            assert_eq!(lines, by_line, "{analysis}");
            let sum: u64 = pprof.sums.values().sum();
            assert_eq!(sum, profile.total(), "{analysis}");
            if profile.is_exact {
                assert_eq!(pprof.calls, Sums::from([("fill".to_owned(), 1)]));
            }
        }
    }
}

/// `run` of `account.c` (beside the tests of the debugger) calls `book` from two lines, and `factorial` calls itself: lines are shared out
/// among their nodes, and add up to those of the JSON report, as do the nodes.
#[test]
fn lines_along_the_tree() {
    const ACCOUNT: &[u8] = include_bytes!("debug/account.wasm");
    for tier in [Tier::Interp, Tier::Jit] {
        let profile = profile(ACCOUNT, "run", 3, "profile", tier);
        let lines = profile.by_line().into_iter();
        let mut by_line: BTreeMap<u64, u64> = BTreeMap::new();
        for (line, sums) in lines.filter(|(_, sums)| sums.own > 0) {
            // What the compiler made of no line of its own is told as line 0.
            *by_line.entry(line.line.into()).or_default() += sums.own;
        }
        let pprof = readers::pprof(&written(&profile, "pprof"));
        assert_eq!(pprof.sums, sums(&profile, demangled));
        assert!(pprof.calls["factorial"] == 3 && pprof.calls["book"] == 2);
        let mut lines: BTreeMap<u64, u64> = BTreeMap::new();
        for ((_, line), own) in pprof.lines.into_iter().filter(|(_, own)| *own > 0) {
            *lines.entry(line).or_default() += own;
        }
        assert_eq!(lines, by_line);
    }
}

/// A profile of nothing is written too.
#[test]
fn without_weight() {
    let wasm = wat::parse_str(r#"(module (func (export "main") (param i32)))"#).expect("module");
    let profile = profile(&wasm, "main", 0, "sample:every=1000", Tier::Interp);
    assert_eq!(profile.total(), 0);
    assert_eq!(written(&profile, "folded"), b"");
    assert!(written(&profile, "svg").starts_with(b"<svg"));
    assert_eq!(
        readers::speedscope(&written(&profile, "speedscope")),
        Sums::new()
    );
    assert_eq!(
        readers::pprof(&written(&profile, "pprof")).sums,
        Sums::new()
    );
    assert_eq!(readers::firefox(&written(&profile, "firefox")), Sums::new());
    assert_eq!(
        readers::callgrind(&written(&profile, "callgrind")).sums,
        Sums::new()
    );
    assert_eq!(
        readers::perfetto(&written(&profile, "perfetto")),
        Sums::new()
    );
    assert_eq!(readers::dot(&written(&profile, "dot")), Sums::new());
}
