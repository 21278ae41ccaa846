//! Growth of programs that run: their fuel, counted exactly.

use probity_efficiency::Status;
use probity_efficiency::growth::Class;
use probity_efficiency::growth::scale::{Failed, Scaling, Sizes, scale};
use probity_engine::{Config, Engine, Instance, Module, Store};

/// `body` as often as `count` says.
fn times(variable: &str, count: &str, body: &str) -> String {
    format!(
        "(local.set ${variable} {count})
         (block $out_{variable} (loop $top_{variable}
           (br_if $out_{variable} (i32.eqz (local.get ${variable})))
           {body}
           (local.set ${variable} (i32.sub (local.get ${variable}) (i32.const 1)))
           (br $top_{variable})))"
    )
}

/// `body` for n, n / 2, ... down to 1.
fn halves(variable: &str, body: &str) -> String {
    format!(
        "(local.set ${variable} (local.get $n))
         (block $out_{variable} (loop $top_{variable}
           (br_if $out_{variable} (i32.le_u (local.get ${variable}) (i32.const 1)))
           {body}
           (local.set ${variable} (i32.shr_u (local.get ${variable}) (i32.const 1)))
           (br $top_{variable})))"
    )
}

const N: &str = "(local.get $n)";
const WORK: &str = "(local.set $s (i32.add (local.get $s) (i32.const 7)))";

/// Some work that any program does, then `body` with n.
fn program(body: &str) -> String {
    let start = times("z", "(i32.const 500)", WORK);
    format!(
        "(module (func (export \"run\") (param $n i32)
           (local $i i32) (local $j i32) (local $k i32) (local $z i32) (local $s i32)
           {start} {body}))"
    )
}

/// The smallest size is 1.
fn measure(wat: &str, sizes: &[u64]) -> Scaling {
    let mut config = Config::new();
    config.count_fuel(true);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, wat).expect("module");
    let mut run = |n: u64| {
        let failed = |e: probity_engine::Error| Failed {
            status: Status::Trap,
            message: e.to_string(),
        };
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).map_err(failed)?;
        let run = instance
            .get_typed_func::<i32, ()>(&store, "run")
            .map_err(failed)?;
        let n = i32::try_from(n).expect("a small size");
        run.call(&mut store, n).map_err(failed)?;
        Ok(store.fuel_consumed())
    };
    let sizes = Sizes::given(sizes, Some(1)).expect("sizes");
    scale("fuel", &sizes, &mut run).expect("sizes")
}

#[test]
fn loops_of_every_class() {
    let long: Vec<u64> = (6..14).map(|i| 1 << i).collect();
    let middle: Vec<u64> = (5..11).map(|i| 1 << i).collect();
    let short: Vec<u64> = (3..8).map(|i| 1 << i).collect();
    let square = |body: &str| times("i", N, &times("j", N, body));
    for (class, body, sizes) in [
        (Class::Constant, times("i", "(i32.const 100)", WORK), &long),
        (Class::Log, halves("i", WORK), &long),
        (Class::Linear, times("i", N, WORK), &long),
        (Class::LinearLog, times("i", N, &halves("j", WORK)), &long),
        (Class::Quadratic, square(WORK), &middle),
        (Class::QuadraticLog, square(&halves("k", WORK)), &middle),
        (Class::Cubic, square(&times("k", N, WORK)), &short),
    ] {
        let scaling = measure(&program(&body), sizes);
        let growth = scaling.growth.as_ref().expect("sizes");
        assert_eq!(growth.best, class, "{scaling}");
        // All but `Constant` have lower-order terms, the overhead of their loops.
        assert!(growth.miss < 0.05, "{scaling}");
        let others = growth
            .alternatives
            .iter()
            .filter(|other| **other != Class::Constant);
        assert!(others.count() <= 1, "{scaling}");
    }
}

#[test]
fn recursion_that_doubles() {
    let wat = r#"(module (func $run (export "run") (param i32)
        (if (local.get 0) (then
          (call $run (i32.sub (local.get 0) (i32.const 1)))
          (call $run (i32.sub (local.get 0) (i32.const 1)))))))"#;
    let scaling = measure(wat, &[4, 6, 8, 10, 12, 14, 16]);
    let growth = scaling.growth.as_ref().expect("sizes");
    assert_eq!(
        (growth.best, growth.alternatives.as_slice()),
        (Class::Exponential, &[][..]),
        "{scaling}"
    );
}

/// 1.618^n is none of the classes: the answer says that it does not fit, not that it does.
#[test]
fn recursion_of_fibonacci_is_in_no_class() {
    let wat = r#"(module (func $run (export "run") (param i32)
        (if (i32.ge_s (local.get 0) (i32.const 2)) (then
          (call $run (i32.sub (local.get 0) (i32.const 1)))
          (call $run (i32.sub (local.get 0) (i32.const 2)))))))"#;
    let scaling = measure(wat, &[8, 10, 12, 14, 16, 18, 20]);
    let growth = scaling.growth.as_ref().expect("sizes");
    assert!(growth.may_be(Class::Exponential), "{scaling}");
    assert!(growth.miss > 0.25, "{scaling}");
    assert_eq!(growth.answer(), "none of the classes, nearest 2^n, n^3");
    assert!(
        growth
            .notes
            .iter()
            .any(|note| note.starts_with("no class fits")),
        "{scaling}"
    );
}

/// Sorting by merging numbers from a generator: branches depend on data, and n log n has terms of n beside it.
#[test]
fn a_sort_by_merging() {
    let wat = r#"(module (memory 256)
      (func $sort (param $lo i32) (param $hi i32)
        (local $mid i32) (local $i i32) (local $j i32) (local $k i32) (local $left i32)
        (if (i32.lt_u (i32.sub (local.get $hi) (local.get $lo)) (i32.const 8)) (then (return)))
        (local.set $mid (i32.and (i32.shr_u (i32.add (local.get $lo) (local.get $hi)) (i32.const 1)) (i32.const -4)))
        (call $sort (local.get $lo) (local.get $mid))
        (call $sort (local.get $mid) (local.get $hi))
        (local.set $i (local.get $lo)) (local.set $j (local.get $mid)) (local.set $k (local.get $lo))
        (block $done (loop $next
          (br_if $done (i32.ge_u (local.get $k) (local.get $hi)))
          (local.set $left (i32.lt_u (local.get $i) (local.get $mid)))
          (if (i32.and (local.get $left) (i32.lt_u (local.get $j) (local.get $hi)))
            (then (local.set $left
              (i32.le_u (i32.load (local.get $i)) (i32.load (local.get $j))))))
          (if (local.get $left)
            (then
              (i32.store offset=4194304 (local.get $k) (i32.load (local.get $i)))
              (local.set $i (i32.add (local.get $i) (i32.const 4))))
            (else
              (i32.store offset=4194304 (local.get $k) (i32.load (local.get $j)))
              (local.set $j (i32.add (local.get $j) (i32.const 4)))))
          (local.set $k (i32.add (local.get $k) (i32.const 4)))
          (br $next)))
        (local.set $k (local.get $lo))
        (block $done (loop $next
          (br_if $done (i32.ge_u (local.get $k) (local.get $hi)))
          (i32.store (local.get $k) (i32.load offset=4194304 (local.get $k)))
          (local.set $k (i32.add (local.get $k) (i32.const 4)))
          (br $next))))
      (func (export "run") (param $n i32) (local $i i32) (local $x i32)
        (local.set $x (i32.const 12345))
        (local.set $n (i32.shl (local.get $n) (i32.const 2)))
        (loop $next
          (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1103515245)) (i32.const 12345)))
          (i32.store (local.get $i) (i32.shr_u (local.get $x) (i32.const 1)))
          (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4))) (local.get $n))))
        (call $sort (i32.const 0) (local.get $n))
        (local.set $i (i32.const 4))
        (loop $next
          (if (i32.lt_u (local.get $i) (local.get $n)) (then
            (if (i32.gt_u (i32.load (i32.sub (local.get $i) (i32.const 4))) (i32.load (local.get $i)))
              (then (unreachable)))
            (local.set $i (i32.add (local.get $i) (i32.const 4)))
            (br $next))))))"#;
    let scaling = measure(wat, &[1000, 2000, 4000, 8000, 16_000, 32_000, 64_000]);
    let growth = scaling.growth.as_ref().expect("it sorts");
    assert_eq!(growth.best, Class::LinearLog, "{scaling}");
    assert!(
        growth.slopes.iter().all(|slope| (1.0..1.2).contains(slope)),
        "{scaling}"
    );
}

/// A program that traps at some sizes is measured at the others.
#[test]
fn sizes_that_trap_are_left_out() {
    let trap = "(if (i32.eq (local.get $n) (i32.const 64)) (then (unreachable)))";
    let body = trap.to_owned() + &times("i", N, WORK);
    let scaling = measure(&program(&body), &[32, 64, 128, 256, 512]);
    assert_eq!(scaling.dropped.len(), 1);
    assert!(
        scaling.to_string().contains("note: n=64 left out: trap: "),
        "{scaling}"
    );
    assert_eq!(scaling.growth.expect("sizes").best, Class::Linear);
}
