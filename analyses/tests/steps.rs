//! Steps of source lines, and the variables behind them, by hand; the same in every tier.

mod common;

use std::collections::BTreeSet;

use common::{WAYS, config};
use probity_analyses::Session;
use probity_analyses::steps::{Number, Step, StepLimits, StepOptions, Steps};
use probity_engine::{Engine, Linker, Module, Store, Val};

/// From `account.c` beside it; its header has the command.
const ACCOUNT: &[u8] = include_bytes!("debug/account.wasm");
/// From `lines.c` beside it, in the same way.
const LINES: &[u8] = include_bytes!("steps/lines.wasm");
const GRID: &[u8] = include_bytes!("debug/grid.wasm");

/// The steps of a call, which are the same in every way of running it.
fn steps_of(module: &[u8], export: &str, args: &[Val], options: &StepOptions, fuel: u64) -> Steps {
    let mut found: Option<Steps> = None;
    for (way, tier, zeal) in WAYS {
        let mut config = config(tier, zeal);
        config.keep_locals(true);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, module).expect("module");
        let mut store = Store::new(&engine, ());
        store.set_fuel_limit(Some(fuel));
        let mut session = Session::new();
        let handle = session.add_steps(options.clone()).expect("once");
        session.attach(&mut store, &module).expect("attaches");
        let instance = Linker::new(&engine).instantiate(&mut store, &module);
        let instance = instance.expect("instance");
        let func = instance.get_func(&store, export).expect("an export");
        let mut results = vec![Val::I32(0); func.ty(&store).results().len()];
        // A trap is one of the ends that are looked at.
        let _ = func.call(&mut store, args, &mut results);
        session.finish(&mut store);
        let steps = handle.steps(&module);
        match &found {
            None => found = Some(steps),
            Some(first) => assert_eq!(first, &steps, "{way}"),
        }
    }
    found.expect("ways")
}

fn options(file: &str, skipped: &[u32]) -> StepOptions {
    StepOptions {
        file: file.to_owned(),
        skipped: skipped.iter().copied().collect(),
        jumps: Some(BTreeSet::from([19, 15, 16, 29])),
        counter: Some("run_steps".to_owned()),
        ..StepOptions::default()
    }
}

/// `lines.c` without its brackets.
fn lines_options() -> StepOptions {
    options("lines.c", &[9, 21, 24, 26, 31])
}

/// `account.c` without its brackets.
fn account_options() -> StepOptions {
    options("account.c", &[25, 31, 38, 48])
}

fn path(steps: &Steps) -> Vec<u32> {
    steps.kept.iter().map(|step| step.line).collect()
}

/// `name=value` of a step, inner variables first.
fn shown(step: &Step) -> String {
    let value = step
        .values
        .iter()
        .map(|value| format!("{}={}", value.name, value.text));
    value.collect::<Vec<_>>().join(" ")
}

#[test]
fn calls_and_recursion() {
    let steps = steps_of(
        ACCOUNT,
        "run",
        &[Val::I32(4)],
        &account_options(),
        1_000_000,
    );
    // book(4), then factorial(4) down to 1 and book(24), then mean over two entries. Coming back into `return n *
    // factorial(n - 1)` or into line 42 begins no step; the loop's head is come to three times.
    let book = [18, 19, 20, 21, 22, 23, 24];
    let mut expected = vec![41];
    expected.extend(book);
    expected.extend([42, 28, 30, 28, 30, 28, 30, 28, 29]);
    expected.extend(book);
    expected.extend([43, 34, 35, 36, 35, 36, 35, 37, 44, 45, 47]);
    assert_eq!(path(&steps), expected);
    assert_eq!(steps.total, expected.len() as u64);
    assert!(steps.kept.iter().all(|step| step.is_complete));
    // Activations: run, book, four of factorial, book, mean.
    let factorial: Vec<(u64, u64, String)> = steps
        .kept
        .iter()
        .filter(|step| step.line == 28)
        .map(|step| (step.occurrence, step.activation, shown(step)))
        .collect();
    let expected: Vec<(u64, u64, String)> = (0..4)
        .map(|i| (i + 1, i + 3, format!("n={}", 4 - i)))
        .collect();
    assert_eq!(factorial, expected);
    // The step of line 30 of the outer activation ends last, with its own n.
    let outer = steps.kept.iter().find(|step| step.line == 30);
    assert_eq!(shown(outer.expect("there")), "n=4");
    // (4 + 24) / 2
    let average = steps.kept.iter().find(|step| step.line == 43);
    let average = &average.expect("there").values[1];
    assert_eq!((&*average.name, &*average.ty), ("average", "double"));
    assert_eq!(average.number, Some(Number::Float(14.0)));
    let book = steps.kept.iter().find(|step| step.line == 18);
    let book = book.expect("there");
    let values: Vec<(&str, &str, &str, bool)> = book
        .values
        .iter()
        .map(|v| (&*v.name, &*v.ty, &*v.text, v.has_addresses))
        .filter(|value| value.0 != "entry")
        .collect();
    assert_eq!(
        values,
        [
            ("amount", "int", "4", false),
            ("kind", "kind", "CASH", false),
            ("note", "const char*", "\"first\"", false)
        ]
    );
    assert!(
        book.values
            .iter()
            .any(|v| &*v.name == "entry" && v.has_addresses)
    );
    let counts: Vec<(u32, u64)> = steps
        .lines
        .iter()
        .filter(|line| [28, 29, 30, 35, 46].contains(&line.line))
        .map(|line| (line.line, line.count))
        .collect();
    assert_eq!(counts, [(28, 4), (29, 1), (30, 3), (35, 3), (46, 0)]);
}

#[test]
fn loops_on_one_line_and_inlined_functions() {
    let steps = steps_of(LINES, "run", &[Val::I32(5)], &lines_options(), 1_000_000);
    // Line 15 is one step for all its rounds. square is inlined twice in line 20, each time with two lines of its own;
    // coming back to line 20 is no step. The break leaves in the third round. down(2) is all on line 11, in three
    // activations.
    let square = [7, 8, 7, 8];
    // The one of line 14 is beside them, not around them.
    let mut expected = vec![14, 7, 8, 15];
    for _ in 0..2 {
        expected.extend([16, 17, 18, 20]);
        expected.extend(square);
    }
    expected.extend([16, 17, 18, 19, 22, 25, 11, 11, 11]);
    assert_eq!(path(&steps), expected);
    // run_steps++ ran for i = 0, 1, 2.
    assert_eq!(steps.counter, Some(3));
    let of_line = |line: u32| {
        let steps = steps.kept.iter().filter(move |step| step.line == line);
        steps.map(shown).collect::<Vec<_>>()
    };
    // 0 + 1 + 2 + 3 + 4; i is in memory still.
    assert_eq!(of_line(15), ["i=5 n=5 sum=10"]);
    // Behind line 20: 10 + 0 + 1, then 11 + 1 + 4.
    assert_eq!(of_line(20), ["i=0 n=5 sum=11", "i=1 n=5 sum=16"]);
    // An inlined function has its own variables alone.
    assert_eq!(
        of_line(8),
        ["x=0 y=0", "x=0 y=0", "x=1 y=1", "x=1 y=1", "x=2 y=4"]
    );
    assert_eq!(of_line(11), ["n=2", "n=1", "n=0"]);
    let activations: BTreeSet<u64> = steps
        .kept
        .iter()
        .filter(|step| step.line == 7)
        .map(|step| step.activation)
        .collect();
    assert_eq!(activations.len(), 5);
    // What is not executed is there, with the variables that it would have.
    let missed: Vec<u32> = steps
        .lines
        .iter()
        .filter(|line| line.count == 0)
        .map(|line| line.line)
        .collect();
    assert_eq!(missed, [23, 29, 30]);
    let of_23 = steps.lines.iter().find(|line| line.line == 23);
    let names: Vec<&str> = of_23
        .expect("there")
        .variables
        .iter()
        .map(|(name, _)| &**name)
        .collect();
    assert_eq!(names, ["n", "sum"]);
}

#[test]
fn a_trap_leaves_the_steps_so_far() {
    let steps = steps_of(
        ACCOUNT,
        "run",
        &[Val::I32(6)],
        &account_options(),
        1_000_000,
    );
    let last = &steps.kept[steps.kept.len() - 2..];
    assert_eq!((last[0].line, last[0].is_complete), (45, true));
    // 6! + 6 is 726; / 2
    assert_eq!(shown(&last[0]), "n=6 average=363.0 rounded=363");
    assert_eq!((last[1].line, last[1].is_complete), (46, false));
    assert!(last[1].values.is_empty());
}

#[test]
fn steps_are_counted_beyond_what_is_kept() {
    let options = StepOptions {
        limits: StepLimits {
            steps: 3,
            values: 1,
            value_chars: 1,
            ..StepLimits::default()
        },
        ..lines_options()
    };
    let steps = steps_of(LINES, "run", &[Val::I32(5)], &options, 1_000_000);
    // The first three of the 29 steps worked out above.
    assert_eq!(path(&steps), [14, 7, 8]);
    assert_eq!(steps.total, 29);
    assert_eq!(shown(&steps.kept[0]), "n=5");
    // Pairs behind the third step, each when it is first seen: 8-15, 15-16, 16-17, 17-18, 18-20, 20-7, 8-7, 8-16,
    // 18-19, 19-22, 22-25, 25-11, 11-11 and the end.
    let pairs: Vec<(u32, Option<u32>)> = steps
        .late
        .iter()
        .map(|pair| (pair.line, pair.next))
        .collect();
    let expected = [
        (8, 15),
        (15, 16),
        (16, 17),
        (17, 18),
        (18, 20),
        (20, 7),
        (8, 7),
        (8, 16),
        (18, 19),
        (19, 22),
        (22, 25),
        (25, 11),
        (11, 11),
    ];
    let mut expected: Vec<(u32, Option<u32>)> = expected
        .iter()
        .map(|(line, next)| (*line, Some(*next)))
        .collect();
    expected.push((11, None));
    assert_eq!(pairs, expected);
    let end = steps.late.last().expect("the end");
    assert_eq!(end.occurrence, 3);
}

#[test]
fn what_runs_for_ever_has_steps_until_its_fuel_is_gone() {
    let steps = steps_of(LINES, "forever", &[], &lines_options(), 10_000);
    assert_eq!(&path(&steps)[..4], [29, 30, 29, 30]);
    assert!(steps.total > 100, "{}", steps.total);
    let values = &steps.kept[3].values;
    assert_eq!(values[0].number, Some(Number::Int(1)));
    let last = steps.kept.last().expect("steps");
    assert!(!last.is_complete);
}

#[test]
fn large_variables_are_not_read_and_other_files_have_no_steps() {
    let mut small = lines_options();
    small.limits.value_bytes = 3;
    let steps = steps_of(LINES, "run", &[Val::I32(5)], &small, 1_000_000);
    // All variables of the program have four bytes.
    assert!(steps.kept.iter().all(|step| step.values.is_empty()));
    assert_eq!(steps.total, 29);
    let none = options("other.c", &[]);
    let none = steps_of(GRID, "run", &[Val::I32(2)], &none, 1_000_000);
    assert_eq!(none, Steps::default());
    let grid = steps_of(
        GRID,
        "run",
        &[Val::I32(2)],
        &options("grid.c", &[]),
        1_000_000,
    );
    assert_eq!(path(&grid), [27, 28, 29]);
}
