//! Damaged modules: a clear error or a normal run, whatever byte is wrong. No
//! panic, no hang past the limits, no unbounded memory, and no difference
//! between a watched and an unwatched run.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use probity_engine::Module;
use probity_tests::{
    guest::{Given, Seen, Watcher, engine, run},
    programs,
};

/// Corruptions of all modules together.
const CORRUPTIONS: usize = 10_000;
/// Which of them are watched too: analyses of the larger modules take long in
/// debug builds. Coprime to the number of modules.
const WATCHED_EVERY: [usize; 3] = [4, 100, 100];
const FUEL: u64 = 1_000_000;
const MEMORY_BYTES_MAX: u64 = 64 << 20;
/// Peak of this process, far above what the limits allow, far below what a
/// size read from a damaged module could ask for.
#[cfg(target_os = "linux")]
const RESIDENT_KIB_MAX: u64 = 2 << 20;

/// Of everything a little: memory, table, globals, segments, indirect calls,
/// `br_table`, vectors, bulk memory, a loop, a start function, names.
const SAMPLE: &str = r#"(module $sample
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (type $unary (func (param i32) (result i32)))
  (memory (export "memory") 1 16)
  (table $t 4 8 funcref)
  (global $seed (mut i32) (i32.const 12345))
  (global $limit i64 (i64.const 1000))
  (data (i32.const 64) "hello, world\n")
  (data $passive "\01\02\03\04\05\06\07\08")
  (elem (i32.const 0) func $double $next $choose)
  (start $setup)
  (func $setup
    (memory.init $passive (i32.const 128) (i32.const 0) (i32.const 8))
    (data.drop $passive)
    (memory.fill (i32.const 256) (i32.const 0x5a) (i32.const 64)))
  (func $double (type $unary) (i32.shl (local.get 0) (i32.const 1)))
  (func $next (type $unary)
    (global.set $seed (i32.add (i32.mul (global.get $seed) (i32.const 1103515245))
      (i32.const 12345)))
    (i32.xor (local.get 0) (i32.shr_u (global.get $seed) (i32.const 16))))
  (func $choose (type $unary)
    (block $a (block $b (block $c
      (br_table $c $b $a (i32.rem_u (local.get 0) (i32.const 3))))
      (return (i32.const 10)))
      (return (select (i32.const 20) (i32.const 21) (local.get 0))))
    (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 30)) (else (i32.const 31))))
  (func $vectors (result i32)
    (i32x4.extract_lane 2
      (i32x4.add (v128.load (i32.const 256))
        (i8x16.swizzle (v128.const i32x4 1 2 3 4) (v128.load (i32.const 128))))))
  (func $floats (param f64) (result i32)
    (i32.trunc_sat_f64_s (f64.sqrt (f64.mul (local.get 0) (f64.const 2.5)))))
  (func (export "_start") (local $i i32) (local $sum i32)
    (loop $more
      (local.set $sum (i32.add (local.get $sum)
        (call_indirect (type $unary) (local.get $i)
          (i32.and (local.get $i) (i32.const 1)))))
      (i32.store offset=512 (i32.shl (i32.and (local.get $i) (i32.const 255)) (i32.const 2))
        (local.get $sum))
      (drop (call $choose (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $more (i64.lt_u (i64.extend_i32_u (local.get $i)) (global.get $limit))))
    (drop (call $vectors))
    (drop (call $floats (f64.convert_i32_s (local.get $sum))))
    (drop (memory.grow (i32.const 1)))
    (drop (table.grow $t (ref.null func) (i32.const 2)))
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 13))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

/// SplitMix64, for a sequence that is the same on every machine and for ever.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`.
    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * (n as u128)) >> 64) as usize
    }
}

/// Runs the bytes in this process; the error is of loading.
fn try_run(bytes: &[u8], watcher: Watcher) -> Result<Seen, String> {
    let engine = engine();
    let module = Module::new(&engine, bytes).map_err(|e| {
        let message = e.to_string();
        assert!(!message.is_empty());
        message
    })?;
    let given = Given {
        args: vec!["damaged.wasm".to_owned()],
        fuel: Some(FUEL),
        memory_bytes_max: Some(MEMORY_BYTES_MAX),
        outcome_only: true,
        ..Given::default()
    };
    Ok(run(&engine, &module, &given, watcher).0)
}

/// Runs the bytes, and again under all analyses if `watched`; a panic fails
/// with `what`.
fn must_not_panic(bytes: &[u8], watched: bool, what: &str) -> Result<String, String> {
    let attempt = catch_unwind(AssertUnwindSafe(|| {
        let alone = try_run(bytes, Watcher::Nobody)?;
        if watched {
            let seen = try_run(bytes, Watcher::AllAnalyses)?;
            assert_eq!(alone, seen, "{what}: watching makes a difference");
        }
        Ok::<_, String>(alone)
    }));
    let alone = attempt.unwrap_or_else(|_| panic!("panic with {what}"))?;
    assert!(alone.fuel <= FUEL, "{what}: {} units of fuel", alone.fuel);
    Ok(alone.outcome)
}

fn sample() -> Vec<u8> {
    wat::parse_str(SAMPLE).unwrap()
}

#[test]
fn the_sample_itself_runs() {
    let outcome = must_not_panic(&sample(), true, "the sample");
    assert_eq!(outcome.as_deref(), Ok("exit 0"));
}

#[test]
fn every_prefix_of_a_module() {
    let bytes = sample();
    let mut errors = 0;
    for length in 0..bytes.len() {
        let result = must_not_panic(&bytes[..length], true, &format!("the first {length} bytes"));
        errors += usize::from(result.is_err());
    }
    // A cut at the end of a section may leave a module that is complete.
    assert!(errors > bytes.len() - 16, "{errors} of {}", bytes.len());
}

#[test]
fn single_byte_corruptions() {
    let program = |name: &str| std::fs::read(programs::directory().join(name)).unwrap();
    let modules = [
        ("sample", sample()),
        ("crc32", program("crc32.wasm")),
        ("words", program("words.wasm")),
    ];
    let mut random = Random(2026);
    let plan: Vec<(usize, usize, u8)> = (0..CORRUPTIONS)
        .map(|i| {
            let module = i % modules.len();
            let at = random.below(modules[module].1.len());
            // Any value but the one that is there.
            let change = 1 + random.below(255) as u8;
            (module, at, change)
        })
        .collect();

    let threads = thread::available_parallelism().map_or(1, |n| n.get());
    let counts: Vec<[usize; 2]> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                let (plan, modules) = (&plan, &modules);
                scope.spawn(move || {
                    let mut counts = [0; 2];
                    let share = plan.iter().enumerate().skip(worker).step_by(threads);
                    for (i, (module, at, change)) in share {
                        let (name, bytes) = &modules[*module];
                        let mut bytes = bytes.clone();
                        bytes[*at] ^= change;
                        let what = format!("{name}: byte {at:#x} is {:#04x}", bytes[*at]);
                        let watched = i % WATCHED_EVERY[*module] == 0;
                        let ran = must_not_panic(&bytes, watched, &what).is_ok();
                        counts[usize::from(ran)] += 1;
                    }
                    counts
                })
            })
            .collect();
        workers.into_iter().map(|w| w.join().unwrap()).collect()
    });
    let refused: usize = counts.iter().map(|c| c[0]).sum();
    let ran: usize = counts.iter().map(|c| c[1]).sum();
    assert_eq!(refused + ran, CORRUPTIONS);
    // Both ends are reached often, or the test would not test what it says.
    assert!(refused > 100 && ran > 100, "{refused} refused, {ran} ran");
    #[cfg(target_os = "linux")]
    bounded_memory();
}

/// The peak of resident memory, as Linux tells it.
#[cfg(target_os = "linux")]
fn bounded_memory() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    let kib: u64 = line
        .split_whitespace()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap();
    assert!(kib < RESIDENT_KIB_MAX, "{kib} KiB at the peak");
}
