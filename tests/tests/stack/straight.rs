//! Every operator, many times over, on a thread whose native stack could not hold
//! one word for each: dispatch from handler to handler must not be a call.
//!
//! A handler can be joined with its neighbours, and joined handlers are code of
//! their own, so each operator runs with operands from constants, locals and other
//! operators, and with its result going to each kind of consumer.

use probity_engine::hook::Probe;
use probity_engine::{Val, ValType};

use crate::guest::{Guest, bits};
use crate::isolated::isolated;
use crate::operators::{Type, all};

/// Rounds of each loop: at 16 bytes a lost tail call, more than the stack.
const ROUNDS: i32 = 9000;
/// About the least that the engine accepts: it leaves room for a host function.
const STACK: usize = 128 << 10;

/// A first round, on a thread with room, validates and lowers the functions.
const ROOM: usize = 2 << 20;

/// Call with a memory of known contents; the results, comparable.
fn round(guest: &mut Guest, export: &str, name: &str, rounds: i32) -> Vec<(ValType, u128)> {
    let memory = guest
        .instance
        .get_memory(&guest.store, "m")
        .expect("exported");
    memory.data_mut(&mut guest.store).fill(0x3e);
    match guest.call(export, &[Val::I32(rounds)]) {
        Ok(found) => found.into_iter().map(bits).collect(),
        Err(error) => panic!("{name}: {error}"),
    }
}

fn run(watched: bool, rounds: i32) {
    let cases = all();
    assert!(cases.len() > 350, "{} operators", cases.len());
    let mut wat =
        String::from("(module (memory (export \"m\") 1) (global $gi32 (mut i32) (i32.const 0))\n");
    for ty in Type::ALL {
        wat += &format!("(global $out_{ty} (mut {ty}) ({}))\n", ty.constant(0));
    }
    for (index, case) in cases.iter().enumerate() {
        wat += &case.function(&format!("f{index}"));
    }
    wat += crate::operators::CONTROL;
    wat += ")";

    let mut guest = Guest::new(&wat);
    if watched {
        guest.store.probes().insert_global(Probe::call(|_| Ok(())));
    }
    let names: Vec<(String, String)> = (0..cases.len())
        .map(|index| (format!("f{index}"), cases[index].to_string()))
        .chain(
            crate::operators::CONTROL_NAMES
                .iter()
                .map(|n| ((*n).to_owned(), (*n).to_owned())),
        )
        .collect();
    let expected: Vec<_> = names
        .iter()
        .map(|(export, name)| round(&mut guest, export, name, 1))
        .collect();

    let small = std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || {
            for ((export, name), expected) in names.iter().zip(expected) {
                // The last line before a crash says which operator it was.
                eprintln!("{name}");
                let found = round(&mut guest, export, name, rounds);
                assert_eq!(found, expected, "{name}");
            }
        });
    small.expect("a thread").join().expect("no panic");
}

#[test]
fn every_operator_runs_on_a_small_native_stack() {
    isolated(
        "straight::every_operator_runs_on_a_small_native_stack",
        ROOM,
        || {
            run(false, ROUNDS);
        },
    );
}

/// Under a probe at every instruction each step is larger, and fewer will do.
#[test]
fn every_operator_runs_on_a_small_native_stack_under_probes() {
    isolated(
        "straight::every_operator_runs_on_a_small_native_stack_under_probes",
        ROOM,
        || run(true, ROUNDS / 60),
    );
}
