//! Which sizes are run, and what becomes of those that fail.

use probity_efficiency::Status;
use probity_efficiency::growth::Class;
use probity_efficiency::growth::scale::{Failed, Sizes, scale};

fn failed(status: Status, message: &str) -> Result<u64, Failed> {
    Err(Failed {
        status,
        message: message.to_owned(),
    })
}

#[test]
fn sizes_ascend_and_a_limit_ends_it() {
    let mut runs = Vec::new();
    let mut run = |n: u64| {
        runs.push(n);
        match n {
            4000 => failed(Status::Wrong, "expected 3, got 4"),
            n if n >= 16_000 => failed(Status::Fuel, "more than 20000000000"),
            n => Ok(500 + 3 * n * n),
        }
    };
    let sizes =
        Sizes::given(&[8000, 1000, 32_000, 2000, 4000, 16_000, 2000], Some(0)).expect("sizes");
    let scaling = scale("instr", &sizes, &mut run).expect("sizes");
    assert_eq!(runs, [0, 1000, 2000, 4000, 8000, 16_000]);
    let notes: Vec<String> = scaling.dropped.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "n=4000 left out: wrong: expected 3, got 4",
            "n=16000 left out: fuel: more than 20000000000",
            "n=32000 not run: n=16000 is too large already (fuel)",
        ]
    );
    let growth = scaling.growth.as_ref().expect("four sizes");
    assert_eq!(growth.best, Class::Quadratic);
    assert_eq!(growth.held_out().size, 8000);
    let text = scaling.to_string();
    assert!(text.contains("\ngrowth: n^2\n"), "{text}");
    assert!(
        text.ends_with("note: n=32000 not run: n=16000 is too large already (fuel)\n"),
        "{text}"
    );
}

#[test]
fn what_cannot_be_judged_is_not_tried_again() {
    let mut count = 0;
    let mut run = |_: u64| {
        count += 1;
        failed(Status::Unsupported, "no toolchain for `cobol`")
    };
    let sizes = Sizes::given(&[1, 2, 3], None).expect("sizes");
    let scaling = scale("instr", &sizes, &mut run).expect("sizes");
    assert_eq!((count, scaling.growth.is_none()), (1, true));
    assert_eq!(
        scaling.to_string(),
        "growth: not known (fit growth: costs of 0 sizes are known, at least 3 different ones are needed)\n\
         note: n=1 left out: unsupported: no toolchain for `cobol`\n\
         note: n=2 not run: n=1 is too large already (unsupported)\n\
         note: n=3 not run: n=1 is too large already (unsupported)\n"
    );
}

#[test]
fn doubling_stays_below_the_most_that_a_run_may_cost() {
    const COST_MAX: u64 = 1_000_000_000;
    type Cost = fn(u64) -> u64;
    let programs: [(Class, Cost); 7] = [
        (Class::Constant, |_| 3000),
        (Class::Log, |n| 3000 + 1000 * u64::from(n.max(1).ilog2())),
        (Class::Linear, |n| 3000 + 50 * n),
        (Class::LinearLog, |n| {
            3000 + (20.0 * n as f64 * (n.max(1) as f64).log2()) as u64
        }),
        (Class::Quadratic, |n| 3000 + 9 * n * n),
        (Class::Cubic, |n| 3000 + 7 * n * n * n),
        (Class::Exponential, |n| 3000 + 5 * (1 << n)),
    ];
    for (class, cost) in programs {
        let mut most = 0;
        let mut run = |n: u64| {
            let cost = if class == Class::Exponential && n > 50 {
                u64::MAX
            } else {
                cost(n)
            };
            most = most.max(cost);
            Ok(cost)
        };
        let sizes = Sizes::Doubled {
            smallest: 0,
            first: 2,
            sizes_max: 12,
            cost_max: COST_MAX,
        };
        let scaling = scale("instr", &sizes, &mut run).expect("sizes");
        assert!(most <= COST_MAX, "{class}: {most}\n{scaling}");
        let growth = scaling.growth.as_ref().expect("sizes");
        assert_eq!(growth.best, class, "{scaling}");
        assert!(scaling.measured.len() >= 9, "{scaling}");
    }
}

/// 2^n hits its limit at once; sizes between those that fit are taken.
#[test]
fn gaps_are_filled_where_doubling_finds_few_sizes() {
    let mut runs = Vec::new();
    let mut run = |n: u64| {
        runs.push(n);
        if n > 24 {
            failed(Status::Wall, "")
        } else {
            Ok(100 + (1 << n))
        }
    };
    let sizes = Sizes::Doubled {
        smallest: 1,
        first: 4,
        sizes_max: 8,
        cost_max: u64::MAX,
    };
    let scaling = scale("instr", &sizes, &mut run).expect("sizes");
    assert_eq!(runs[..5], [1, 4, 8, 16, 32]);
    assert_eq!(scaling.measured.len(), 8, "{scaling}");
    assert_eq!(scaling.growth.expect("sizes").best, Class::Exponential);
}

#[test]
fn sizes_that_tell_nothing_are_refused() {
    let error = Sizes::given(&[5, 5], Some(5)).expect_err("one size");
    assert_eq!(
        error.to_string(),
        "choose sizes: 1 different ones are given, growth needs at least 3"
    );
    let sizes = |smallest, first, sizes_max| Sizes::Doubled {
        smallest,
        first,
        sizes_max,
        cost_max: 1,
    };
    let mut run = |_: u64| -> Result<u64, Failed> { panic!("not run") };
    for (sizes, expected) in [
        (
            sizes(0, 1, 2),
            "choose sizes: 2 different ones are given, growth needs at least 3",
        ),
        (
            sizes(4, 4, 9),
            "choose sizes: the first size 4 is not above the smallest, 4",
        ),
        (
            Sizes::Given(vec![1]),
            "choose sizes: 1 different ones are given, growth needs at least 3",
        ),
    ] {
        let error = scale("instr", &sizes, &mut run).expect_err("bad sizes");
        assert_eq!(error.to_string(), expected);
    }
}

/// A program of constant cost is doubled until there are enough sizes, and one that always fails not forever.
#[test]
fn doubling_ends() {
    let sizes = Sizes::Doubled {
        smallest: 0,
        first: 1 << 60,
        sizes_max: 100,
        cost_max: u64::MAX,
    };
    let scaling = scale("instr", &sizes, &mut |n: u64| Ok(n)).expect("sizes");
    assert_eq!(scaling.measured.last().expect("sizes").size, 1 << 63);
    let mut count = 0;
    let mut run = |_: u64| {
        count += 1;
        failed(Status::Trap, "unreachable")
    };
    let sizes = Sizes::Doubled {
        smallest: 0,
        first: 1,
        sizes_max: 10,
        cost_max: u64::MAX,
    };
    let scaling = scale("instr", &sizes, &mut run).expect("sizes");
    assert_eq!(scaling.dropped.len(), count);
    assert!(count <= 20, "{count}");
}
