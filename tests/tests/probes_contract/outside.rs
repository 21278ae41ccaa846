//! Functions that are called when a value leaves its range.

use std::sync::{Arc, Mutex};

use probity_engine::hook::{Action, Counters, Input, Probe, Site, StoreView};
use probity_engine::{Error, Memory, Result, Val};

use super::guest::{Guest, i32_of};

/// Goes down from `n`, and keeps where it is in memory.
const DOWN: &str = r#"(module (memory (export "memory") 1)
  (func (export "run") (param $n i32) (result i32) (local $x i32)
    loop
      (local.set $x (i32.add (local.get $x) (local.get $n)))
      (i32.store (i32.const 8) (local.get $n))
      (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    (local.get $x)))"#;

const ROUNDS: i32 = 1000;

type Seen = Arc<Mutex<Vec<u64>>>;

fn guest() -> (Guest, Memory) {
    let guest = Guest::new(DOWN);
    let memory = guest.instance.get_memory(&guest.store, "memory");
    let memory = memory.expect("exported");
    (guest, memory)
}

/// Sees a value, with what is in memory, and has no interest in it and the nine below.
fn tens(memory: Memory, ranges: Counters) -> (Seen, Probe) {
    let seen = Seen::default();
    let (sink, own) = (seen.clone(), ranges.clone());
    let note = move |store: &StoreView<'_>, [n]: [u64; 1]| -> Result<()> {
        let mut word = [0; 4];
        memory.read(store, 8, &mut word)?;
        assert_eq!(u64::from(u32::from_le_bytes(word)), n);
        sink.lock().unwrap().push(n);
        own.put(0, n - 9);
        own.put(1, 10);
        Ok(())
    };
    (seen, Probe::outside([Input::Local(0)], ranges, note))
}

fn run(guest: &mut Guest) -> Result<Vec<Val>> {
    guest.call("run", &[Val::I32(ROUNDS)])
}

#[test]
fn it_is_called_where_a_value_is_outside() {
    let (mut guest, memory) = guest();
    let pc = guest.pc("run", "I32Sub", 0);
    let (seen, probe) = tens(memory, Counters::new(2));
    let id = guest.insert("run", Site::Before(pc), probe);
    for _ in 0..3 {
        let sum = i32_of(run(&mut guest).unwrap().swap_remove(0));
        assert_eq!(sum, ROUNDS * (ROUNDS + 1) / 2);
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        let expected: Vec<u64> = (1..=100).rev().map(|tens| 10 * tens).collect();
        assert_eq!(seen, expected);
    }
    assert!(guest.store.probes().remove(id));
    run(&mut guest).unwrap();
    assert!(seen.lock().unwrap().is_empty());
}

/// Other probes of the site fire in any case, and in their order.
#[test]
fn others_at_the_site_fire_all_the_same() {
    let (mut guest, memory) = guest();
    let pc = guest.pc("run", "I32Sub", 0);
    let all = Counters::new(2);
    for index in 0..2 {
        let (seen, probe) = tens(memory, Counters::new(2));
        guest.insert("run", Site::Before(pc), probe);
        let action = Action::CountAdd {
            counters: all.clone(),
            index,
            n: 1,
        };
        guest.insert("run", Site::Before(pc), Probe::new(action));
        let (mut last, counts) = (0, all.clone());
        let values = Probe::values([Input::Local(0)], move |[n]| {
            // The one in front of this has seen what it had to.
            let seen = seen.lock().unwrap();
            last = if n % 10 == 0 { n } else { last };
            assert_eq!(seen.last(), Some(&last));
            assert_eq!(counts.get(index), 1001 - n);
            Ok(())
        });
        guest.insert("run", Site::Before(pc), values);
    }
    run(&mut guest).unwrap();
    assert_eq!([all.get(0), all.get(1)], [1000, 1000]);
}

/// Any of several values, each by its own range.
#[test]
fn one_value_outside_is_enough() {
    let (mut guest, _) = guest();
    let pc = guest.pc("run", "I32Store", 0);
    let ranges = Counters::new(5);
    // The first counter is somebody else's. The address is always 8; of `n` all but those below 3 are inside.
    for (index, value) in [77, 8, 1, 3, u64::MAX].into_iter().enumerate() {
        ranges.put(index, value);
    }
    let seen = Seen::default();
    let sink = seen.clone();
    let action = Action::Outside {
        inputs: vec![Input::Operand(1), Input::Operand(0)],
        ranges,
        first: 1,
        callback: Box::new(move |_, values| {
            assert_eq!(values[0], 8);
            sink.lock().unwrap().push(values[1]);
            Ok(())
        }),
    };
    guest.insert("run", Site::Before(pc), Probe::new(action));
    run(&mut guest).unwrap();
    // 2 - 3 wraps around to what is no longer in the range.
    assert_eq!(*seen.lock().unwrap(), [2]);
}

#[test]
fn failures_end_the_guest() {
    for panics in [false, true] {
        let (mut guest, _) = guest();
        let pc = guest.pc("run", "I32Sub", 0);
        let ranges = Counters::new(2);
        ranges.put(0, 17);
        ranges.put(1, 1 << 40);
        let probe = Probe::outside([Input::Local(0)], ranges, move |_, [n]| match panics {
            true => panic!("at {n}"),
            false => Err(Error::usage(format!("at {n}"))),
        });
        guest.insert("run", Site::Before(pc), probe);
        let error = run(&mut guest).unwrap_err();
        assert!(error.to_string().ends_with("at 16"), "{error}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let (mut guest, _) = guest();
    let func = guest.func("run");
    let pc = guest.pc("run", "I32Sub", 0);
    let mut insert = |site, len, input| {
        let probe = Probe::outside([input], Counters::new(len), |_, _| Ok(()));
        guest.store.probes().insert(func, site, probe).is_ok()
    };
    assert!(insert(Site::Before(pc), 2, Input::Local(0)));
    assert!(!insert(Site::Before(pc), 1, Input::Local(0)));
    assert!(!insert(Site::Before(pc), 2, Input::Local(9)));
    assert!(!insert(Site::Exit, 2, Input::Local(0)));
    assert!(!insert(Site::Entry, 2, Input::Operand(0)));
}
