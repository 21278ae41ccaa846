//! What calibration says of rows whose time is known to be made of their counts, or of something else.

use std::collections::BTreeMap;

use probity_efficiency::calibrate::{Calibration, Model, Row};

/// ns of a unit of time in these tests: long enough for all of them to be told.
const UNIT: u64 = 10_000;

/// A program of so many integer operations and loads, which took so many units.
fn row(program: usize, int: u64, load: u64, time: u64) -> Row {
    Row {
        program: program.to_string(),
        group: String::new(),
        lang: "c".to_owned(),
        instr: int + load,
        fuel: int + load + 7,
        vcycles: None,
        classes: BTreeMap::from([("int".to_owned(), int), ("load".to_owned(), load)]),
        time_ns: UNIT * time,
        again_ns: UNIT * time,
    }
}

/// Time is 2 units for an integer operation and 9 for a load.
fn exact() -> Vec<Row> {
    let counts = [
        (1000, 0),
        (0, 1000),
        (500, 100),
        (3000, 20),
        (100, 300),
        (40, 41),
        (900, 350),
    ];
    let rows = counts.iter().enumerate();
    rows.map(|(at, &(int, load))| row(at, int, load, 2 * int + 9 * load))
        .collect()
}

#[test]
fn weights_that_time_is_made_of_are_found() {
    let model = Model::fit(&exact());
    let weights: Vec<(&str, f64)> = model
        .weights
        .iter()
        .map(|weight| (&*weight.class, weight.ns / UNIT as f64))
        .collect();
    let [("int", int), ("load", load)] = weights[..] else {
        panic!("{weights:?}");
    };
    assert!(
        (int - 2.0).abs() < 1e-6 && (load - 9.0).abs() < 1e-6,
        "{weights:?}"
    );
    assert!(model.error < 1e-6 && model.held_out_error < 1e-6);
    for weight in &model.weights {
        let (low, high) = weight.interval;
        assert!(low <= weight.ns && weight.ns <= high && high - low < 1e-4 * UNIT as f64);
    }
    for (row, predicted) in exact().iter().zip(&model.held_out) {
        assert!((predicted - row.time_ns as f64).abs() < 10.0, "{predicted}");
    }
}

/// Two programs of one task are all that have a class; without both of them nothing is known of it, and what is predicted of them is the rest.
#[test]
fn programs_that_do_the_same_work_are_held_out_together() {
    let mut rows: Vec<Row> = (1..7)
        .map(|n| row(n, 1000 * n as u64, 0, 2000 * n as u64))
        .collect();
    for n in [7, 8] {
        rows.push(Row {
            group: "task".to_owned(),
            ..row(n, 1000, 100 * n as u64, 2000 + 900 * n as u64)
        });
    }
    let alone = Model::fit(&rows);
    for predicted in &alone.held_out[6..] {
        assert!(
            (predicted - (2000 * UNIT) as f64).abs() < 10.0,
            "{predicted}"
        );
    }
    rows[7].group = "other".to_owned();
    let model = Model::fit(&rows);
    for (row, predicted) in rows.iter().zip(&model.held_out) {
        assert!((predicted - row.time_ns as f64).abs() < 10.0, "{predicted}");
    }
}

/// What is left of the time of programs that take about as long as an empty one is noise, and no part of what is found: neither are they
/// told apart, nor do relative errors of theirs outweigh those of all others.
#[test]
fn times_that_are_too_short_say_little() {
    let mut rows = exact();
    for (program, time_ns) in [(7, 1), (8, 5000)] {
        let short = Row {
            time_ns,
            ..row(program, 10, 0, 0)
        };
        rows.push(short);
    }
    let found = Calibration::new(&rows).expect("enough");
    // Each of the two with each of the seven, of which 449 units are 4.49 ms.
    assert_eq!(found.all[0].agreement[0].pairs, 20 + 2 * 7);
    let weight = |class: &str| {
        let weights = found.model.weights.iter();
        let weight = weights.filter(|weight| weight.class == class);
        weight.map(|weight| weight.ns / UNIT as f64).sum::<f64>()
    };
    // 20 units are predicted of the two, 0.2 of the shortest time that can be told: the fit is hardly moved.
    let (int, load) = (weight("int"), weight("load"));
    assert!(
        (int - 2.0).abs() < 0.1 && (load - 9.0).abs() < 0.1,
        "{int} {load}"
    );
}

/// Times are 2000, 9000, 1900, 6180, 2900, 449 and 4950 of 1000, 1000, 600, 3020, 400, 81 and 1250 operators. The model orders all pairs.
#[test]
fn a_model_is_the_best_where_it_orders_better() {
    let found = Calibration::new(&exact()).expect("enough");
    assert_eq!(found.best, "model");
    let metric = |name: &str| {
        let found = found.all.iter().find(|metric| metric.name == name);
        &found.expect(name).agreement[0]
    };
    // Of 21 pairs 2000 and 1900 differ by less than 1.1x.
    assert_eq!((metric("model").same, metric("model").pairs), (20, 20));
    assert_eq!(
        (metric("time again").same, metric("time again").pairs),
        (20, 20)
    );
    // Against time, by instr: 2000-9000 cost the same; 9000 costs less than 6180 and 4950; 2900 less than 2000 and 1900.
    assert_eq!((metric("instr").same, metric("instr").pairs), (15, 20));
    assert_eq!(metric("fuel").same, 15);
    assert!(found.groups.is_empty());
    let text = found.to_string();
    assert!(text.contains("15/20 75.0%"), "{text}");
    assert!(
        text.ends_with("the model orders held-out programs best\n"),
        "{text}"
    );
}

/// Where time is the number of operators, a model can order no better, and plain counts are the answer.
#[test]
fn plain_counts_are_the_best_where_nothing_is_better() {
    let rows: Vec<Row> = (1..9u64)
        .map(|n| row(n as usize, 100 * n, 37 * (9 - n), 100 * n + 37 * (9 - n)))
        .collect();
    let found = Calibration::new(&rows).expect("enough");
    assert_eq!(found.best, "instr");
    assert!(
        found.to_string().ends_with(
            "instr orders them best: the model does not order held-out programs better\n"
        )
    );
}

#[test]
fn programs_of_one_task_are_looked_at_alone_too() {
    let mut rows = exact();
    for row in &mut rows[..3] {
        row.group = "task".to_owned();
    }
    rows[6].lang = "rust".to_owned();
    let found = Calibration::new(&rows).expect("enough");
    // 2000-9000 and 9000-1900; 2000-1900 differ by less.
    assert_eq!(found.groups[0].agreement[0].pairs, 2);
    // Those with the program in another language are none: 20 - 6.
    assert_eq!(found.all[0].agreement[0].pairs, 14);
}

#[test]
fn too_few_programs_are_refused() {
    let error = Calibration::new(&exact()[..4]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "calibrate with 4 programs: it takes at least 5"
    );
}

#[test]
fn the_start_of_a_language_is_taken_off() {
    let whole = Row {
        vcycles: Some(5000),
        ..row(0, 1000, 300, 9000)
    };
    let empty = Row {
        vcycles: Some(1000),
        ..row(1, 400, 300, 9500)
    };
    let rest = whole.without(&empty);
    assert_eq!((rest.instr, rest.vcycles), (600, Some(4000)));
    assert_eq!(rest.classes["int"], 600);
    assert_eq!(rest.classes["load"], 0);
    // Noise: something is left to divide by.
    assert_eq!(rest.time_ns, 1);
}
