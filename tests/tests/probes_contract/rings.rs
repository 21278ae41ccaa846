//! Records that probes write to buffers.

use std::sync::{Arc, Mutex};

use probity_engine::hook::{Action, Counters, Input, Probe, Ring, Site};
use probity_engine::{Error, TrapCode, Val};

use super::guest::{Guest, trap_code};

/// Batches as they come.
#[derive(Clone, Default)]
struct Batches(Arc<Mutex<Vec<Vec<u64>>>>);

impl Batches {
    fn ring(&self, words: usize) -> Ring {
        let sink = self.0.clone();
        Ring::new(words, move |batch| {
            sink.lock().unwrap().push(batch.to_vec());
            Ok(())
        })
    }

    fn take(&self) -> Vec<Vec<u64>> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn record<const N: usize>(ring: &Ring, tag: u64, inputs: [Input; N]) -> Probe {
    Probe::new(Action::Record {
        ring: ring.clone(),
        tag,
        inputs: inputs.to_vec(),
    })
}

const FILL: &str = r#"(module (memory 1)
  (func $leaf (export "leaf") (param i64) (result i64) (i64.mul (local.get 0) (i64.const 3)))
  (func (export "run") (param $n i32) (result i64) (local $sum i64)
    loop
      (i64.store (i32.shl (local.get $n) (i32.const 3)) (local.get $sum))
      (local.set $sum (i64.add (local.get $sum) (call $leaf (i64.extend_i32_u (local.get $n)))))
      (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    (local.get $sum)))"#;

/// With buffers of many sizes: batches are whole records, as long as asked for, and all in order.
#[test]
fn records_come_in_batches() {
    const ROUNDS: u64 = 100;
    // By hand: the address is 8n; the sum is 3 times all n before.
    let mut expected = Vec::new();
    let mut sum = 0;
    for n in (1..=ROUNDS).rev() {
        expected.extend([1, n * 8, sum]);
        expected.extend([2, n]);
        sum += 3 * n;
        expected.extend([3]);
    }
    for words in [0, 1, 2, 3, 5, 6, 7, 64, 599, 600, 601, 10_000] {
        let mut guest = Guest::new(FILL);
        let batches = Batches::default();
        let ring = batches.ring(words);
        let store = Site::Before(guest.pc("run", "I64Store", 0));
        let two = [Input::Operand(1), Input::Operand(0)];
        guest.insert("run", store, record(&ring, 1, two));
        guest.insert("leaf", Site::Entry, record(&ring, 2, [Input::Local(0)]));
        guest.insert("leaf", Site::Exit, record(&ring, 3, []));
        for _ in 0..2 {
            let result = guest.call("run", &[Val::I32(ROUNDS as i32)]).unwrap();
            assert!(matches!(result[..], [Val::I64(r)] if r as u64 == sum));
            let before = batches.take();
            for batch in &before {
                let len = batch.len();
                assert!((words.max(1)..words.max(1) + 3).contains(&len), "{len} of {words}");
            }
            ring.drain(&mut guest.store).unwrap();
            let rest = batches.take();
            assert!(rest.len() <= 1 && rest.iter().all(|rest| rest.len() < words));
            let all: Vec<u64> = before.into_iter().chain(rest).flatten().collect();
            assert_eq!(all, expected, "{words} words");
            ring.drain(&mut guest.store).unwrap();
            assert!(batches.take().is_empty());
        }
    }
}

/// More live values than there are registers, of all kinds, while a buffer is full at each record.
#[test]
fn registers_are_kept() {
    let [mut params, mut start, mut rounds, mut end] = [const { String::new() }; 4];
    for i in 0..24 {
        for (ty, convert, xor) in [
            ("i64", "i64.extend_i32_s", ""),
            ("f64", "f64.convert_i32_s", "i64.reinterpret_f64"),
            ("f32", "f32.convert_i32_s", "i64.extend_i32_u (i32.reinterpret_f32"),
        ] {
            let close = if ty == "f32" { ")" } else { "" };
            params += &format!(" (local ${ty}{i} {ty})");
            start += &format!(
                " (local.set ${ty}{i} ({convert} (i32.add (local.get $n) (i32.const {i}))))"
            );
            rounds += &format!(
                " (local.set ${ty}{i} ({ty}.add (local.get ${ty}{i}) (local.get ${ty}{})))",
                (i + 7) % 24
            );
            let value = match xor {
                "" => format!("(local.get ${ty}{i})"),
                xor => format!("({xor} (local.get ${ty}{i})){close}"),
            };
            end += &format!(" {value} i64.xor");
        }
    }
    let wat: String = format!(
        r#"(module (func (export "run") (param $n i32) (result i64) {params}
          {start}
          loop {rounds} nop
            (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
          end
          i64.const 0 {end}))"#
    );
    let expected = Guest::new(&wat).call("run", &[Val::I32(50)]).unwrap();
    let mut guest = Guest::new(&wat);
    let scratch = Arc::new(Mutex::new(0.0));
    let sink = scratch.clone();
    let ring = Ring::new(1, move |batch| {
        // Uses registers of its own.
        let mut all = sink.lock().unwrap();
        for i in 0..32 {
            *all += f64::from(i) * batch[0] as f64 + batch[1] as f64;
        }
        Ok(())
    });
    let site = Site::Before(guest.pc("run", "Nop", 0));
    guest.insert("run", site, record(&ring, 9, [Input::Local(0)]));
    let result = guest.call("run", &[Val::I32(50)]).unwrap();
    assert_eq!(format!("{result:?}"), format!("{expected:?}"));
    // 496 is the sum of 0 to 31; 1,275 that of 1 to 50.
    let expected = f64::from(50 * 496 * 9 + 32 * 1275);
    assert_eq!(*scratch.lock().unwrap(), expected);
}

#[test]
fn failing_to_drain_ends_the_guest() {
    for panics in [false, true] {
        let mut guest = Guest::new(FILL);
        let counters = Counters::new(2);
        let ring = Ring::new(6, move |batch| {
            assert!(!panics, "nowhere to put {} words", batch.len());
            Err(Error::host(std::io::Error::other("the disk is full")))
        });
        let site = Site::Before(guest.pc("run", "I64Store", 0));
        let id = guest.insert("run", site, record(&ring, 1, [Input::Operand(1)]));
        for (priority, index) in [(-1, 0), (1, 1)] {
            let count = Probe::new(Action::CountAdd {
                counters: counters.clone(),
                index,
                n: 1,
            });
            guest.insert("run", site, count.priority(priority));
        }
        let error = guest.call("run", &[Val::I32(100)]).unwrap_err();
        let message = match panics {
            false => "the disk is full",
            true => "probe panicked: nowhere to put 6 words",
        };
        assert_eq!(error.to_string(), message);
        let pcs: Vec<_> = error.backtrace().iter().map(|f| f.pc()).collect();
        assert_eq!(pcs, [guest.pc("run", "I64Store", 0)]);
        // The third record fills it; what the site's other probes do is done.
        assert_eq!((counters.get(0), counters.get(1)), (3, 3));
        assert!(guest.store.probes().remove(id));
        guest.call("run", &[Val::I32(100)]).unwrap();
        assert_eq!((counters.get(0), counters.get(1)), (103, 103));
    }
}

#[test]
fn a_trap_loses_nothing() {
    let mut guest = Guest::new(FILL);
    let batches = Batches::default();
    let ring = batches.ring(1000);
    let site = Site::Before(guest.pc("run", "I64Store", 0));
    guest.insert("run", site, record(&ring, 1, [Input::Operand(1)]));
    // 8 * 8191 is the last address that fits.
    let trap = trap_code(guest.call("run", &[Val::I32(8192)]));
    assert_eq!(trap, TrapCode::MemoryOutOfBounds);
    ring.drain(&mut guest.store).unwrap();
    assert_eq!(batches.take(), [[1, 65536]]);
}

/// Exits of a frame that a trap unwinds record and call as those of one that returns; and a probe may drain.
#[test]
fn unwound_exits_record_and_call() {
    let mut guest = Guest::new(
        r#"(module (func (export "run") (param i32) (result i32)
            (i32.div_u (i32.const 8) (local.get 0))))"#,
    );
    let (batches, calls) = (Batches::default(), Counters::new(1));
    let (ring, counted) = (batches.ring(100), calls.clone());
    guest.insert("run", Site::Exit, record(&ring, 7, []));
    let probe = Probe::values([], move |[]| {
        counted.add(0, 1);
        Err(Error::host(std::io::Error::other("later than the trap")))
    });
    let id = guest.insert("run", Site::Exit, probe);
    let trap = trap_code(guest.call("run", &[Val::I32(0)]));
    assert_eq!(trap, TrapCode::IntegerDivideByZero);
    assert_eq!(calls.get(0), 1);
    assert!(guest.store.probes().remove(id));
    let (buffer, seen) = (ring.clone(), batches.clone());
    let probe = Probe::call(move |context| {
        buffer.drain(context)?;
        // That of the trap; this call's comes later.
        assert_eq!(seen.take(), [[7]]);
        Ok(())
    });
    guest.insert("run", Site::Entry, probe);
    guest.call("run", &[Val::I32(2)]).unwrap();
    ring.drain(&mut guest.store).unwrap();
    assert_eq!(batches.take(), [[7]]);
}

#[test]
fn global_probes_record_their_tag() {
    let mut guest = Guest::new(FILL);
    let batches = Batches::default();
    let ring = batches.ring(100);
    let trace = guest.trace("run", &[Val::I32(20)]).1.len();
    guest.store.probes().insert_global(record(&ring, 5, []));
    guest.call("run", &[Val::I32(20)]).unwrap();
    ring.drain(&mut guest.store).unwrap();
    let all = batches.take().concat();
    assert_eq!(all, vec![5; trace]);
}

#[test]
fn a_ring_is_one_stores() {
    let (mut one, mut other) = (Guest::new(FILL), Guest::new(FILL));
    let ring = Batches::default().ring(10);
    // Nothing is in it.
    ring.drain(&mut other.store).unwrap();
    one.insert("leaf", Site::Entry, record(&ring, 1, []));
    let (func, probe) = (other.func("leaf"), record(&ring, 1, []));
    let refused = other.store.probes().insert(func, Site::Entry, probe);
    let not_drained = ring.drain(&mut other.store);
    for error in [refused.unwrap_err(), not_drained.unwrap_err()] {
        assert_eq!(error.to_string(), "ring of another store");
    }
}

#[test]
#[should_panic(expected = "ring of another store")]
fn a_global_probe_of_another_stores_ring() {
    let (mut one, mut other) = (Guest::new(FILL), Guest::new(FILL));
    let ring = Batches::default().ring(10);
    one.store.probes().insert_global(record(&ring, 1, []));
    other.store.probes().insert_global(record(&ring, 1, []));
}
