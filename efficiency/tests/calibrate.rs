//! What calibration says of rows whose time is known to be made of their counts, or of something else.

use std::collections::BTreeMap;

use probity_efficiency::calibrate::{Calibration, Model, Row};

/// A program of so many integer operations and loads, which took so long.
fn row(program: usize, int: u64, load: u64, time_ns: u64) -> Row {
    Row {
        program: program.to_string(),
        group: String::new(),
        lang: "c".to_owned(),
        instr: int + load,
        fuel: int + load + 7,
        vcycles: None,
        classes: BTreeMap::from([("int".to_owned(), int), ("load".to_owned(), load)]),
        time_ns,
        again_ns: time_ns,
    }
}

/// Time is 2 ns for an integer operation and 9 ns for a load.
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
        .map(|weight| (&*weight.class, weight.ns))
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
        assert!(low <= weight.ns && weight.ns <= high && high - low < 1e-4);
    }
    for (row, predicted) in exact().iter().zip(&model.held_out) {
        assert!((predicted - row.time_ns as f64).abs() < 1e-3, "{predicted}");
    }
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
