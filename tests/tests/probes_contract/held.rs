//! Counters in loops, which compiled code holds in registers until the loop is left: however it is left, they say what
//! a function that is called each time has counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use probity_engine::hook::{Action, Counters, Fold, Probe, Site};
use probity_engine::{TrapCode, Val};

use super::guest::{Guest, trap_code};

/// What a counter is given, and a probe that gives it.
fn counting(counters: &Counters, index: usize) -> Probe {
    Probe::new(Action::CountAdd {
        counters: counters.clone(),
        index,
        n: 1 + index as u64,
    })
}

/// Runs with counters before `sites` (operator and its number), then with functions that count there, in stores of
/// their own.
fn check(text: &str, sites: &[(&str, usize)], arguments: &[i32]) {
    let arguments: Vec<Val> = arguments.iter().copied().map(Val::I32).collect();
    let mut guest = Guest::new(text);
    let counters = Counters::new(sites.len());
    for (index, (op, nth)) in sites.iter().enumerate() {
        let pc = guest.pc("run", op, *nth);
        guest.insert("run", Site::Before(pc), counting(&counters, index));
    }
    let mut other = Guest::new(text);
    let called: Vec<Arc<AtomicU64>> = sites.iter().map(|_| Arc::default()).collect();
    for ((op, nth), called) in sites.iter().zip(&called) {
        let (pc, called) = (other.pc("run", op, *nth), called.clone());
        let probe = Probe::call(move |_| {
            called.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        other.insert("run", Site::Before(pc), probe);
    }
    for _ in 0..3 {
        let outcome = |guest: &mut Guest| match guest.call("run", &arguments) {
            Ok(results) => format!("{results:?}"),
            error => format!("{:?}", trap_code(error)),
        };
        let (one, two) = (outcome(&mut guest), outcome(&mut other));
        assert_eq!(one, two, "{text}");
        for (index, called) in called.iter().enumerate() {
            let expected = called.load(Ordering::Relaxed) * (1 + index as u64);
            assert_eq!(counters.get(index), expected, "{:?} of {text}", sites[index]);
        }
    }
    assert_ne!(counters.get(0), 0, "{text}");
}

/// A loop of `body` in blocks that it can branch to: 1 inside of the loop, 2 and 3 behind it. Local 0 counts the
/// rounds down from the argument, local 1 is the argument; others are sums that need registers.
fn looping(body: &str) -> String {
    format!(
        "(module (memory 1) (func (export \"run\") (param i32) (result i32) (local i32)
           (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
           (local.set 1 (local.get 0))
           block block loop
             (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
             {body}
             (br_if 0 (local.get 0))
           end
           (return (i32.const 7)) end (return (i32.const 8)) end (i32.const 9)))"
    )
}

/// Adds to many locals, so that not all fit in registers.
fn crowd() -> String {
    let add = |local: u32| {
        let other = 2 + (local + 5) % 18;
        format!("(local.set {local} (i64.add (local.get {local}) (i64.xor (local.get {other}) (i64.const {local}))))")
    };
    (2..20).map(add).collect()
}

#[test]
fn loops_are_left_in_every_way() {
    for (body, rounds) in [
        ("nop", 100),
        ("nop", 1),
        ("(br_if 1 (i32.eq (local.get 0) (i32.const 40)))", 100),
        ("(br_if 2 (i32.eq (local.get 0) (i32.const 40)))", 100),
        ("(if (i32.eq (local.get 0) (i32.const 40)) (then (br 3)))", 100),
        ("(if (i32.eq (local.get 0) (i32.const 40)) (then (return (i32.const 3))))", 100),
        ("(br_if 0 (i32.and (local.get 0) (i32.const 3)))", 99),
        ("block block block (br_table 0 1 3 4 2 (i32.and (local.get 0) (i32.const 7))) end nop end nop end", 6),
        ("block block block (br_table 0 1 2 3 4 5 2 (i32.and (local.get 0) (i32.const 7))) end nop end nop end", 60),
        ("(if (i32.and (local.get 0) (i32.const 2)) (then nop) (else nop))", 57),
    ] {
        let text = looping(body);
        let sites = [("Loop", 0), ("LocalSet", 1), ("BrIf", 0)];
        check(&text, &sites, &[rounds]);
        check(&looping(&format!("{body} {}", crowd())), &sites, &[rounds]);
    }
}

/// Nothing is lost of what was counted before a trap, on its way, nor is anything counted behind it; also where the
/// operators before it are counted in one straight line, and what differs between two ways.
#[test]
fn traps_leave_exact_counts() {
    let load = "(drop (i32.load (i32.mul (i32.sub (local.get 1) (local.get 0)) (i32.const 4096))))";
    let choice = "(if (i32.and (local.get 0) (i32.const 1)) (then nop nop) (else nop))";
    for trap in [
        load,
        "(i32.store offset=4 (i32.mul (i32.sub (local.get 1) (local.get 0)) (i32.const 4096)) (i32.const 1))",
        "(drop (i32.div_u (i32.const 5) (i32.sub (local.get 0) (i32.const 40))))",
        "(drop (i32.rem_s (i32.const 5) (i32.sub (local.get 0) (i32.const 40))))",
        "(drop (i32.trunc_f64_s (f64.div (f64.const 1) (f64.convert_i32_u (i32.sub (local.get 0) (i32.const 40))))))",
        "(if (i32.eq (local.get 0) (i32.const 40)) (then unreachable))",
        "(drop (v128.load (i32.mul (i32.sub (local.get 1) (local.get 0)) (i32.const 4096))))",
    ] {
        let crowd = crowd();
        for body in [
            trap.to_owned(),
            format!("nop {trap} nop"),
            format!("{choice} {trap} {choice}"),
            format!("{choice} {crowd} {trap} {choice}"),
            format!("{crowd} nop {trap} {choice} {crowd} nop"),
        ] {
            let text = looping(&body);
            for sites in [
                &[("Loop", 0usize)] as &[(&str, usize)],
                &[("LocalSet", 1), ("Loop", 0), ("BrIf", 0)],
                &[("BrIf", 0), ("LocalSet", 1)],
            ] {
                check(&text, sites, &[100]);
            }
            if body.contains("nop nop") {
                check(&text, &[("Nop", 0), ("Nop", 1), ("Nop", 2), ("BrIf", 0)], &[100]);
            }
        }
    }
}

/// What operands decide is counted as exactly, also where something traps right behind it.
#[test]
fn conditions_are_counted_up_to_a_trap() {
    let text = looping(
        "(i32.store (i32.mul (i32.sub (local.get 1) (local.get 0)) (i32.const 4096))
           (select (i32.const 1) (i32.const 2) (i32.and (local.get 0) (i32.const 1))))
         (if (i32.and (local.get 0) (i32.const 3)) (then nop))",
    );
    let mut guest = Guest::new(&text);
    let counters = Counters::new(4);
    let nonzero = |index| Action::Fold {
        counters: counters.clone(),
        index,
        operand: 0,
        signed: false,
        fold: Fold::Nonzero,
    };
    for (index, op) in [(0, "Select"), (1, "If")] {
        let pc = guest.pc("run", op, 0);
        guest.insert("run", Site::Before(pc), Probe::new(nonzero(index)));
        guest.insert("run", Site::Before(pc), counting(&counters, 2 + index));
    }
    // With 100 rounds local 0 is 99 in the first. The store at 4096 for each round before is beyond the memory's end in the
    // 16th, where it is 84: 16 choices of which 8 are odd, and 15 `if`s, of which 96, 92 and 88 are multiples of 4.
    for times in 1..4 {
        let outcome = guest.call("run", &[Val::I32(100)]);
        assert_eq!(trap_code(outcome), TrapCode::MemoryOutOfBounds);
        let counts = [0, 1, 2, 3].map(|index| counters.get(index));
        assert_eq!(counts, [8 * times, 12 * times, 3 * 16 * times, 4 * 15 * times]);
    }
}

/// An interrupt finds memory and counters as of one moment.
#[test]
fn a_request_finds_what_is_counted() {
    let mut guest = Guest::new(
        r#"(module (memory (export "m") 1) (func (export "run") (result i32)
             loop
               (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
               br 0
             end
             unreachable))"#,
    );
    let counters = Counters::new(1);
    let pc = guest.pc("run", "Loop", 0);
    let action = Action::CountAdd {
        counters: counters.clone(),
        index: 0,
        n: 1,
    };
    guest.insert("run", Site::Before(pc), Probe::new(action));
    let memory = guest.instance.get_memory(&guest.store, "m").expect("a memory");
    for _ in 0..20 {
        let handle = guest.store.interrupt_handle();
        let other = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(5));
            handle.interrupt(TrapCode::Interrupted);
        });
        let outcome = guest.call("run", &[]);
        other.join().expect("no panic");
        assert_eq!(trap_code(outcome), TrapCode::Interrupted);
        let mut bytes = [0; 8];
        memory.read(&guest.store, 0, &mut bytes).expect("in bounds");
        let rounds = u64::from_le_bytes(bytes);
        assert_ne!(rounds, 0);
        assert_eq!(counters.get(0), rounds);
    }
}
