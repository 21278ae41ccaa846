//! What is kept of operands in place: sums, least and greatest values, distributions.

use probity_engine::Val;
use probity_engine::hook::{Action, Counters, Fold, Probe, Site};

use super::guest::Guest;

/// Numbers of both widths, from a generator: the low half of each is what the i32 has.
const NUMBERS: &str = r#"(module
  (memory 1)
  (func (export "run") (param i32) (result i64) (local i64)
    (local.set 1 (i64.const 88172645463325252))
    loop
      (local.set 1 (i64.xor (local.get 1) (i64.shl (local.get 1) (i64.const 13))))
      (local.set 1 (i64.xor (local.get 1) (i64.shr_u (local.get 1) (i64.const 7))))
      (local.set 1 (i64.xor (local.get 1) (i64.shl (local.get 1) (i64.const 17))))
      (i64.store (i32.const 8)
        (i64.shr_s (local.get 1) (i64.and (local.get 1) (i64.const 63))))
      (drop (i32.load (i32.const 8)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))
    end
    (i64.load (i32.const 8))))"#;

/// What is stored in each round.
fn numbers(rounds: usize) -> Vec<i64> {
    let mut x: i64 = 88172645463325252;
    let rounds = 0..rounds;
    let next = rounds.map(|_| {
        x ^= x << 13;
        x ^= (x as u64 >> 7) as i64;
        x ^= x << 17;
        x >> (x & 63)
    });
    next.collect()
}

const SIGN: u64 = 1 << 63;

fn fold(guest: &mut Guest, site: Site, operand: u32, signed: bool, fold: Fold) -> Counters {
    let counters = Counters::new(3 + fold.counters());
    let action = Action::Fold {
        counters: counters.clone(),
        index: 2,
        operand,
        signed,
        fold,
    };
    guest.insert("run", site, Probe::new(action));
    counters
}

#[test]
fn operands_and_results_are_folded() {
    let rounds = 300;
    let numbers = numbers(rounds);
    // As 64 bits: the i64 before it is stored, the i32 behind the load, with sign and without.
    let wide: Vec<u64> = numbers.iter().map(|&n| n as u64).collect();
    let signed: Vec<u64> = numbers.iter().map(|&n| n as i32 as i64 as u64).collect();
    let unsigned: Vec<u64> = numbers.iter().map(|&n| u64::from(n as u32)).collect();
    let mut guest = Guest::new(NUMBERS);
    let store = Site::Before(guest.pc("run", "I64Store", 0));
    let load = Site::After(guest.pc("run", "I32Load", 0));
    let mut checks = Vec::new();
    for (site, operand, sign, values) in [
        (store, 0, false, &wide),
        (load, 0, true, &signed),
        (load, 0, false, &unsigned),
    ] {
        for mask in [0, u64::MAX, SIGN, !SIGN] {
            let kept = fold(&mut guest, site, operand, sign, Fold::Max { mask });
            let greatest = values.iter().map(|value| value ^ mask).max().unwrap();
            checks.push((kept, 2, greatest));
        }
        let sum = values.iter().fold(0u64, |sum, &value| sum.wrapping_add(value));
        checks.push((fold(&mut guest, site, operand, sign, Fold::Sum), 2, sum));
        let nonzero = values.iter().filter(|&&value| value != 0).count() as u64;
        let kept = fold(&mut guest, site, operand, sign, Fold::Nonzero);
        checks.push((kept, 2, nonzero));
        let bits = fold(&mut guest, site, operand, sign, Fold::Log2);
        for n in 0..65u32 {
            let count = values.iter().filter(|&&v| 64 - v.leading_zeros() == n);
            checks.push((bits.clone(), 2 + n as usize, count.count() as u64));
        }
    }
    // The address, below the value.
    let addresses = fold(&mut guest, store, 1, false, Fold::Sum);
    checks.push((addresses, 2, 8 * rounds as u64));
    guest.call("run", &[Val::I32(rounds as i32)]).unwrap();
    for (counters, index, expected) in checks {
        assert_eq!(counters.get(index), expected, "{index}");
        // Nothing beside them.
        assert_eq!((counters.get(1), counters.get(counters.len() - 1)), (0, 0));
    }
}

#[test]
fn least_and_greatest_by_hand() {
    // The module's documentation says how values with a sign are kept: -3, 7 and 2 are given.
    let mut guest = Guest::new(
        r#"(module (func $f (export "run") (param i32) (drop (local.get 0))))"#,
    );
    let site = Site::After(guest.pc("run", "LocalGet", 0));
    let greatest = fold(&mut guest, site, 0, true, Fold::Max { mask: SIGN });
    let least = fold(&mut guest, site, 0, true, Fold::Max { mask: !SIGN });
    for value in [-3, 7, 2] {
        guest.call("run", &[Val::I32(value)]).unwrap();
    }
    assert_eq!((greatest.get(2) ^ SIGN) as i64, 7);
    assert_eq!((least.get(2) ^ !SIGN) as i64, -3);
}

#[test]
#[should_panic(expected = "an operand of a global probe")]
fn a_global_probe_has_no_operand() {
    let mut guest = Guest::new(NUMBERS);
    let probe = Probe::new(Action::Fold {
        counters: Counters::new(1),
        index: 0,
        operand: 0,
        signed: false,
        fold: Fold::Sum,
    });
    guest.store.probes().insert_global(probe);
}

#[test]
fn what_is_no_integer_is_refused() {
    let mut guest = Guest::new(
        r#"(module (func (export "run") (param f64) (drop (local.get 0)) nop))"#,
    );
    let func = guest.func("run");
    let (drop_pc, nop) = (guest.pc("run", "Drop", 0), guest.pc("run", "Nop", 0));
    for (site, len, message) in [
        (Site::Before(drop_pc), 1, "operand 0 from the top is no i32 or i64"),
        (Site::Before(nop), 1, "no operand 0 from the top"),
        (Site::Entry, 1, "no operands at function entries and exits"),
        (Site::Before(drop_pc), 0, "counter out of range"),
    ] {
        let action = Action::Fold {
            counters: Counters::new(len),
            index: 0,
            operand: 0,
            signed: false,
            fold: Fold::Sum,
        };
        let mut probes = guest.store.probes();
        let error = probes.insert(func, site, Probe::new(action)).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

/// Counters of a block that the system puts far away from all else (32 MB), at both ends of it, beside those of a small one.
#[test]
fn counters_count_wherever_they_are() {
    let mut guest = Guest::new(NUMBERS);
    let pc = guest.pc("run", "I64Store", 0);
    let blocks = [4, 1 << 22].map(Counters::new);
    for counters in &blocks {
        let last = counters.len() - 1;
        let add = |index, n| Action::CountAdd {
            counters: counters.clone(),
            index,
            n,
        };
        let most = Action::Fold {
            counters: counters.clone(),
            index: 1,
            operand: 0,
            signed: false,
            fold: Fold::Max { mask: 0 },
        };
        let set = Action::Set {
            counters: counters.clone(),
            index: 2,
        };
        for action in [add(0, 1), most, set, add(last, 3)] {
            guest.insert("run", Site::Before(pc), Probe::new(action));
        }
    }
    let rounds = 1000;
    guest.call("run", &[Val::I32(rounds)]).expect("no trap");
    let greatest = numbers(rounds as usize).into_iter().map(|n| n as u64).max();
    let expected = [1000, greatest.expect("numbers"), 1, 3000];
    for counters in blocks {
        let last = counters.len() - 1;
        assert_eq!([0, 1, 2, last].map(|index| counters.get(index)), expected);
    }
}
