//! Ends: of stores before their memory, of loops in other threads, of fuel.

use std::thread;

use probity_engine::TrapCode;

use super::team::{Team, Watched, outcome};

const MODULE: &str = r#"(module (import "m" "m" (memory 1 2 shared))
  (func (export "spin") (loop (br_if 0 (i32.eqz (i32.atomic.load (i32.const 0))))))
  (func (export "set") (i32.atomic.store (i32.const 0) (i32.const 1)))
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (func (export "store") (i32.store (i32.const 65536) (i32.const 7))))"#;

#[test]
fn one_thread_ends_the_loop_of_another() {
    let team = Team::new(2, MODULE);
    thread::scope(|scope| {
        let spinners: Vec<_> = (0..2).map(|i| team.run(scope, "spin", &[], i)).collect();
        team.join(Watched::No).call("set", &[]).expect("no trap");
        for thread in spinners {
            assert_eq!(outcome(thread), Ok(vec![]));
        }
    });
}

#[test]
fn fuel_ends_one_thread_only() {
    let team = Team::new(2, MODULE);
    let mut poor = team.join(Watched::No);
    poor.set_fuel_limit(10_000);
    let end = poor.call("spin", &[]);
    assert_eq!(super::guest::trap_code(end), TrapCode::OutOfFuel);
    team.join(Watched::No).call("set", &[]).expect("no trap");
    team.join(Watched::No).call("spin", &[]).expect("no trap");
}

#[test]
fn the_memory_outlives_stores_and_handles() {
    let team = Team::new(2, MODULE);
    let mut first = team.join(Watched::No);
    let mut second = team.join(Watched::No);
    assert_eq!(first.call("grow", &[]).unwrap(), [1]);
    drop(first);
    // The second store has not looked since.
    second.call("store", &[]).expect("the page is there");
    drop(second);
    assert_eq!(team.word(65536), 7);
    let mut last = team.join(Watched::No);
    drop(team);
    last.call("store", &[]).expect("the memory is there");
}
