//! An interpreter of a few instructions whose memory has the form of CPython's, in every tier.

use std::fmt::Write;

use probity_engine::{Config, Engine, Linker, Module, Store, Tier, TierZeal};

use crate::Session;
use crate::export::{Data, DataKind};
use crate::guest::cpython::synthetic::Synthetic;
use crate::report::AnalysisReport;
use crate::report::table::Value;

const NOP: u8 = 0;
/// To the caller, or out of the interpreter's function.
const RETURN: u8 = 1;
/// Calls the function of a number in the same activation.
const CALL: u8 = 2;
/// Calls it by C, in an activation of its own.
const CALL_C: u8 = 3;
/// Takes as many rounds as its number says.
const WORK: u8 = 4;
const TRAP: u8 = 5;
/// Allocates two elements of as many bytes as its number says.
const ALLOCATE: u8 = 6;

/// Where the frames of functions are, by number.
const FRAMES: u32 = 0x800;

const WAYS: [(&str, Tier, TierZeal); 3] = [
    ("interp", Tier::Interp, TierZeal::Off),
    ("jit", Tier::Jit, TierZeal::Off),
    ("deopt", Tier::Jit, TierZeal::Deopt),
];

/// The interpreter. Its locals: the thread, the frame, a number, the next instruction.
fn interpreter(memory: &Synthetic) -> String {
    const CASES: usize = 140;
    const HANDLERS: usize = 40;
    let thread = memory.thread;
    let own = "(i32.load8_u offset=38 (i32.load offset=4 (local.get 1)))";
    let frame = format!(
        "(i32.load (i32.add (i32.const {FRAMES})
            (i32.shl (i32.load8_u offset=1 (i32.sub (local.get 3) (i32.const 2))) (i32.const 2))))"
    );
    let enter = format!("(i32.store (i32.const {}) (local.get 1))", thread + 56);
    let handler = |op: usize| match op as u8 {
        RETURN => format!(
            "(if (i32.eq {own} (i32.const 3)) (then (return (i32.const 0))))
             (local.set 1 (i32.load offset=4 (local.get 1)))
             {enter}
             (local.set 3 (i32.add (i32.load offset=28 (local.get 1)) (i32.const 2)))"
        ),
        CALL => format!(
            "(i32.store offset=4 {frame} (local.get 1))
             (local.set 1 {frame})
             {enter}
             (local.set 3 (call $first (local.get 1)))"
        ),
        CALL_C => format!(
            "(i32.store offset=4 {frame} (i32.const 0x700))
             (i32.store offset=28 {frame} (call $first {frame}))
             (drop (call $c (local.get 0) {frame} (i32.const 0)))
             {enter}"
        ),
        WORK => "(local.set 2 (i32.load8_u offset=1 (i32.sub (local.get 3) (i32.const 2))))
             (loop (br_if 0 (local.tee 2 (i32.sub (local.get 2) (i32.const 1)))))"
            .to_owned(),
        TRAP => "unreachable".to_owned(),
        ALLOCATE => "(drop (call $calloc (i32.const 2)
                (i32.load8_u offset=1 (i32.sub (local.get 3) (i32.const 2)))))"
            .to_owned(),
        _ => String::new(),
    };
    let targets = (0..CASES).map(|case| if case < HANDLERS { case } else { 0 });
    let targets: Vec<String> = targets.map(|case| case.to_string()).collect();
    let mut text = format!(
        "(module (memory (export \"memory\") 1)
          (func $first (param i32) (result i32)
            (i32.add (i32.and (i32.load (local.get 0)) (i32.const -4)) (i32.const 128)))
          (func $malloc (param i32) (result i32)
            (if (i32.eq (local.get 0) (i32.const 510)) (then (unreachable)))
            (i32.const 8))
          (func $calloc (param i32 i32) (result i32)
            (call $malloc (i32.mul (local.get 0) (local.get 1))))
          (func $c (param i32 i32 i32) (result i32)
            (call $eval (local.get 0) (local.get 1) (local.get 2)))
          (func $eval (export \"eval\") (param i32 i32 i32) (result i32) (local i32)
            {enter}
            (local.set 3 (i32.load offset=28 (local.get 1)))
            (loop $next {} (br_table {} (i32.load8_u (local.get 3)))",
        "(block ".repeat(HANDLERS),
        targets.join(" "),
    );
    for op in 0..HANDLERS {
        let _ = write!(
            text,
            ") (i32.store offset=28 (local.get 1) (local.get 3))
             (local.set 3 (i32.add (local.get 3) (i32.const 2))) {} (br $next)",
            handler(op)
        );
    }
    text += ") (unreachable))\n(data (i32.const 0) \"";
    for byte in &memory.memory {
        let _ = write!(text, "\\{byte:02x}");
    }
    text + "\"))"
}

/// One line for each instruction.
fn table(len: usize) -> Vec<u8> {
    let each = |at: usize| [0x80 | (10 + u8::from(at > 0)) << 3, 0, 0];
    (0..len).flat_map(each).collect()
}

/// A program: `main` calls `twice` and, by C, `key`; `unused` is inside it.
fn program(last: u8) -> String {
    program_of(last, 5)
}

/// The same with an allocation of twice so many bytes.
fn program_of(last: u8, bytes: u8) -> String {
    let mut memory = Synthetic::new(15);
    let mut number = 0;
    let mut code =
        |memory: &mut Synthetic, name: &str, first, program: &[(u8, u8)], nested: &[u32]| {
            let bytes: Vec<u8> = program.iter().flat_map(|&(op, n)| [op, n]).collect();
            let code = memory.code("/work/p.py", name, first, &table(program.len()), nested);
            memory.instructions(code, &bytes);
            let frame = memory.frame(code, 0);
            memory.put(FRAMES + 4 * number, frame);
            number += 1;
            (code, frame)
        };
    // A frame of the interpreter's own, which is everybody's outermost.
    memory.put(0x724, 3 << 16);
    code(&mut memory, "twice", 20, &[(WORK, 50), (last, 0)], &[]);
    code(
        &mut memory,
        "key",
        30,
        &[(ALLOCATE, bytes), (WORK, 7), (CALL, 0), (RETURN, 0)],
        &[],
    );
    let (unused, _) = code(&mut memory, "unused", 40, &[(RETURN, 0), (NOP, 0)], &[]);
    let main = [(NOP, 0), (CALL, 0), (CALL, 0), (CALL_C, 1), (RETURN, 0)];
    let (_, frame) = code(&mut memory, "<module>", 1, &main, &[unused]);
    memory.put(frame + 4, 0x700);
    let text = interpreter(&memory);
    // What begins the program.
    text.replacen(
        "(data",
        &format!(
            "(func (export \"run\") (drop (call $eval
                (i32.const {}) (i32.const {frame}) (i32.const 0))))\n(data",
            memory.thread
        ),
        1,
    )
}

fn run(text: &str, way: (Tier, TierZeal), mode: &str) -> (Vec<AnalysisReport>, bool) {
    run_weighed(text, way, mode, "instructions")
}

fn run_weighed(
    text: &str,
    way: (Tier, TierZeal),
    mode: &str,
    weight: &str,
) -> (Vec<AnalysisReport>, bool) {
    run_times(text, way, (mode, weight), 1)
}

/// So often in one instance; whether it ended well the last time.
fn run_times(
    text: &str,
    (tier, zeal): (Tier, TierZeal),
    (mode, weight): (&str, &str),
    times: u32,
) -> (Vec<AnalysisReport>, bool) {
    let mut config = Config::new();
    config.tier(tier).tier_zeal(zeal);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, text).expect("a module");
    let mut store = Store::new(&engine, ());
    let mut session = Session::new();
    session.add("icount", &[]).expect("an analysis");
    let option = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let options = [
        option("mode", mode),
        option("every", "50"),
        option("weight", weight),
    ];
    session.add("pyprofile", &options).expect("an analysis");
    session.add("pycoverage", &[]).expect("an analysis");
    session.collect(DataKind::Profile).expect("a profile");
    session.attach(&mut store, &module).expect("attached");
    let instance = Linker::new(&engine).instantiate(&mut store, &module);
    let instance = instance.expect("an instance");
    let f = instance
        .get_typed_func::<(), ()>(&store, "run")
        .expect("it");
    let ends = (0..times).map(|_| f.call(&mut store, ()).is_ok());
    let well = ends.last().unwrap_or(false);
    (session.finish(&mut store), well)
}

fn number(value: &Value) -> u64 {
    match value {
        Value::Number(number) => *number,
        other => panic!("{other:?}"),
    }
}

fn total(report: &AnalysisReport) -> u64 {
    let fact = report.facts.iter().find(|fact| fact.column.name == "total");
    number(&fact.expect("a total").value)
}

/// Name, calls, and whether there is weight.
fn functions(report: &AnalysisReport) -> Vec<(String, u64, bool)> {
    let rows = report.tables[0].rows.iter().map(|row| {
        let Value::Text(name) = &row[0] else {
            panic!("a name");
        };
        (name.to_string(), number(&row[3]), number(&row[4]) > 0)
    });
    rows.collect()
}

#[test]
fn calls_and_lines_are_followed_in_every_tier() {
    let text = program(RETURN);
    let mut first: Option<AnalysisReport> = None;
    for (way, tier, zeal) in WAYS {
        let (mut reports, well) = run(&text, (tier, zeal), "exact");
        assert!(well, "{way}");
        let all = total(&reports[0]);
        let report = &reports[1];
        assert_eq!(total(report), all, "{way}");
        let function = |name: &str, calls| (name.to_owned(), calls, true);
        assert_eq!(
            functions(report),
            [
                function("(native)", 0),
                function("<module>", 1),
                function("twice", 3),
                function("key", 1)
            ],
            "{way}"
        );
        // Line and hits; a line that calls has it once.
        let lines = report.tables[1].rows.iter();
        let hits: Vec<(u64, u64)> = lines
            .map(|row| (number(&row[1]), number(&row[2])))
            .collect();
        let expected = [
            (1, 1),
            (2, 1),
            (3, 1),
            (4, 1),
            (5, 1),
            (20, 3),
            (21, 3),
            (30, 1),
            (31, 1),
            (32, 1),
            (33, 1),
        ];
        assert_eq!(hits, expected, "{way}");
        // 50 rounds of 6 operators; line 31 has 7 of them.
        let own = |at: usize| number(&report.tables[1].rows[at][3]);
        assert_eq!(own(5) - 3 * own(8) + 3 * 7 * 6, 3 * 50 * 6, "{way}");
        // The line that calls has all of it.
        let with = |at: usize| number(&report.tables[1].rows[at][4]);
        assert_eq!(
            with(3) - own(3),
            own(7) + own(8) + with(9) + own(10),
            "{way}"
        );
        // `calloc` is one allocation, whatever it calls: two times 5 bytes.
        let allocated: Vec<(u64, u64, u64)> = { report.tables[1].rows.iter() }
            .map(|row| (number(&row[1]), number(&row[5]), number(&row[6])))
            .filter(|&(_, count, _)| count > 0)
            .collect();
        assert_eq!(allocated, [(30, 1, 10)], "{way}");
        let Some(Data::Coverage(coverage)) = &reports[2].data else {
            panic!("coverage");
        };
        let file = &coverage.files()[0];
        let missed = file.lines.iter().filter(|line| line.count == 0);
        let missed: Vec<u32> = missed.map(|line| line.line).collect();
        assert_eq!((&*file.path, missed), ("/work/p.py", vec![40, 41]));
        let report = reports.swap_remove(1);
        let first = first.get_or_insert_with(|| report.clone());
        assert_eq!((&first.tables, &first.data), (&report.tables, &report.data));
    }
}

#[test]
fn allocations_are_a_weight() {
    for (weight, sum) in [("allocs", 1), ("bytes", 10)] {
        for (way, tier, zeal) in WAYS {
            let (reports, _) = run_weighed(&program(RETURN), (tier, zeal), "exact", weight);
            assert_eq!(total(&reports[1]), sum, "{way}");
            let Some(Data::Profile(profile)) = &reports[1].data else {
                panic!("a profile");
            };
            assert_eq!((profile.weight.name(), profile.total()), (weight, sum));
            let with = functions(&reports[1]).into_iter().filter(|f| f.2);
            assert_eq!(with.map(|f| f.0).collect::<Vec<_>>(), ["key"], "{way}");
        }
    }
}

/// An allocator that traps was asked, and is active no longer: what comes in a later call of the module is counted, too.
#[test]
fn an_allocation_that_traps_ends() {
    let text = program_of(RETURN, 255);
    for (way, tier, zeal) in WAYS {
        let (reports, well) = run_times(&text, (tier, zeal), ("exact", "allocs"), 3);
        assert!(!well, "{way}");
        assert_eq!(total(&reports[1]), 3, "{way}");
    }
}

#[test]
fn a_trap_loses_nothing() {
    let text = program(TRAP);
    for (way, tier, zeal) in WAYS {
        let (reports, well) = run(&text, (tier, zeal), "exact");
        assert!(!well, "{way}");
        assert_eq!(total(&reports[1]), total(&reports[0]), "{way}");
        assert_eq!(
            reports[1].tables[0].sum("self"),
            total(&reports[0]),
            "{way}"
        );
    }
}

#[test]
fn samples_find_the_hot_line() {
    let (reports, _) = run(&program(RETURN), (Tier::Interp, TierZeal::Off), "sample");
    let lines = reports[1].tables[1].rows.iter();
    let hottest = lines.max_by_key(|row| number(&row[2]));
    assert_eq!(hottest.map(|row| number(&row[1])), Some(20));
}

#[test]
fn what_is_no_python_is_said() {
    let text = program(RETURN).replacen("\\78\\64\\65\\62", "\\78\\64\\65\\2e", 1);
    for mode in ["exact", "sample"] {
        let (reports, well) = run(&text, (Tier::Interp, TierZeal::Off), mode);
        assert!(well);
        for report in &reports[1..] {
            let problem = report
                .facts
                .iter()
                .find(|fact| fact.column.name == "problem");
            let problem = format!("{:?}", problem.expect("a problem").value);
            assert!(
                problem.contains("no CPython >= 3.13 was found"),
                "{problem}"
            );
        }
    }
}
