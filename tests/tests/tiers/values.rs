//! Values of every type survive the change of a frame from compiled code to the interpreter: locals
//! and operands of the frame that changes, results that return into it, and results that it returns
//! to a compiled caller.

use probity_engine::{AnyRef, Config, ExternRef, Val};

use crate::guest::{Guest, Shared};
use crate::ways::{agree, define_watch, end};

const TYPES: [&str; 8] = [
    "i32",
    "i64",
    "f32",
    "f64",
    "v128",
    "funcref",
    "externref",
    "anyref",
];

/// How a callee watches its caller (1), itself (2), both (3) or nothing.
const CHANGE: &str = r#"(module
          (import "h" "watch" (func $watch (param i32)))
          (import "h" "unwatch" (func $unwatch))
          (func $change (param $which i32) (param $go i32) (param $callee i32)
            (call $unwatch)
            (if (i32.and (local.get $which) (i32.const 1)) (then (call $watch (local.get $go))))
            (if (i32.and (local.get $which) (i32.const 2)) (then (call $watch (local.get $callee)))))
          (func (export "a_func"))
        "#;

/// For each type, `go` calls `callee`.
fn module() -> String {
    let mut wat = String::from(CHANGE);
    // Imports and the two above.
    let first = 4;
    for (i, ty) in TYPES.iter().enumerate() {
        let (go, callee) = (first + 2 * i, first + 2 * i + 1);
        wat += &format!(
            r#"(func (export "{ty}") (param i32 {ty} {ty}) (result {ty} {ty}) (local {ty})
                 (local.set 3 (local.get 2))
                 (local.get 1)
                 (call {callee} (local.get 0) (local.get 3))
                 (drop (call {callee} (i32.const 0) (local.get 1))))
               (func (param i32 {ty}) (result {ty})
                 (call $change (local.get 0) (i32.const {go}) (i32.const {callee}))
                 (local.get 1))
            "#
        );
    }
    let all = TYPES.join(" ");
    let (go, callee) = (first + 16, first + 17);
    let gets: String = (1..=8).map(|i| format!("(local.get {i})")).collect();
    let sets: String = (1..=8).rev().map(|i| format!("(local.set {i})")).collect();
    wat += &format!(
        r#"(func (export "all") (param i32 {all}) (result {all} {all})
             {gets}
             (call {callee} (local.get 0) {gets})
             {sets}
             {gets})
           (func (param i32 {all}) (result {all})
             {gets}
             (call $change (local.get 0) (i32.const {go}) (i32.const {callee})))
        )"#
    );
    wat
}

/// The same with locals that are set once and live at many sites, so that compiled code keeps them in
/// their slots, and with slots that are full of ones before: what is narrow fills half of one.
fn module_of_kept() -> String {
    let mut wat = String::from(CHANGE);
    wat += "(func $fill (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64))";
    for ty in TYPES {
        let ones = "(i64.const -1)".repeat(12);
        let calls = format!("(drop (call ${ty}_callee (i32.const 0) (local.get 3)))").repeat(4);
        wat += &format!(
            r#"(func (export "{ty}") (param i32 {ty} {ty}) (result {ty} {ty})
                 (call $fill {ones})
                 (call ${ty} (local.get 0) (local.get 1) (local.get 2)))
               (func ${ty} (param i32 {ty} {ty}) (result {ty} {ty}) (local {ty})
                 (local.set 3 (local.get 2))
                 {calls}
                 (drop (call ${ty}_callee (local.get 0) (local.get 1)))
                 {calls}
                 (local.get 1)
                 (local.get 3))
               (func ${ty}_callee (param i32 {ty}) (result {ty})
                 (call $change (local.get 0) (i32.const {{{ty}}}) (i32.const {{{ty}_callee}}))
                 (local.get 1))
            "#
        );
    }
    // Functions before the first of the three of a type.
    for (i, ty) in TYPES.iter().enumerate() {
        let own = 6 + 3 * i;
        wat = wat.replace(&format!("{{{ty}}}"), &own.to_string());
        wat = wat.replace(&format!("{{{ty}_callee}}"), &(own + 1).to_string());
    }
    wat + ")"
}

fn guest(config: &Config, module: &str) -> (Guest, Shared<(u32, u32)>) {
    let log = Shared::default();
    let guest = Guest::configured(config, module, |linker| define_watch(linker, &log));
    (guest, log)
}

fn values(guest: &mut Guest, ty: &str, nth: u32) -> Val {
    let odd = u64::from(nth).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 << 63;
    match ty {
        "i32" => Val::I32(odd as i32),
        "i64" => Val::I64(odd as i64),
        "f32" => Val::F32(0xc0de_0001 + nth),
        "f64" => Val::F64(odd & !(0x7ff << 52) | 0x3ff << 52),
        "v128" => Val::V128(u128::from(odd) << 64 | u128::from(!odd)),
        "funcref" => match nth % 2 {
            0 => Val::FuncRef(None),
            _ => Val::FuncRef(Some(guest.func("a_func"))),
        },
        "externref" => Val::ExternRef(Some(ExternRef::new(&mut guest.store, nth))),
        _ => Val::AnyRef(Some(AnyRef::i31(nth as i32))),
    }
}

#[test]
fn single_results_and_locals_of_every_type() {
    survive(&module());
}

#[test]
fn kept_locals_of_every_type() {
    survive(&module_of_kept());
}

fn survive(module: &str) {
    for ty in TYPES {
        agree(|config| {
            let (mut guest, log) = guest(config, module);
            let mut seen = Vec::new();
            for which in [0, 1, 0, 2, 3, 0, 3, 1, 2] {
                let one = values(&mut guest, ty, 3);
                let two = values(&mut guest, ty, 5);
                let shown = [
                    crate::ways::show(&guest.store, &one),
                    crate::ways::show(&guest.store, &two),
                ];
                let outcome = guest.call(ty, &[Val::I32(which), one, two]);
                let outcome = end(&guest.store, outcome);
                assert_eq!(outcome, shown.join(", "), "{ty}");
                seen.push((outcome, log.take()));
            }
            seen
        });
    }
}

#[test]
fn sixteen_results_of_all_types_at_once() {
    agree(|config| {
        let (mut guest, log) = guest(config, &module());
        let mut seen = Vec::new();
        for which in [0, 1, 0, 2, 3, 0, 3, 1, 2] {
            let mut args = vec![Val::I32(which)];
            for (nth, ty) in TYPES.iter().enumerate() {
                args.push(values(&mut guest, ty, 2 * nth as u32 + 1));
            }
            let shown: Vec<String> = args[1..]
                .iter()
                .map(|v| crate::ways::show(&guest.store, v))
                .collect();
            let outcome = guest.call("all", &args);
            let outcome = end(&guest.store, outcome);
            assert_eq!(outcome, [&shown[..], &shown[..]].concat().join(", "));
            seen.push((outcome, log.take()));
        }
        seen
    });
}

/// All frames of a deep recursion change at the bottom, with values of four types in each.
#[test]
fn ten_thousand_frames_change_at_once() {
    let wat = r#"(module
      (import "h" "watch" (func $watch (param i32)))
      (import "h" "unwatch" (func $unwatch))
      (func $f (export "f") (param i32 i64 f64 v128) (result i64)
        (if (i32.eqz (local.get 0)) (then (call $watch (i32.const 2)) (return (i64.const 0))))
        (i64.const 17)
        (call $f (i32.sub (local.get 0) (i32.const 1)) (i64.add (local.get 1) (i64.const 3))
          (f64.add (local.get 2) (f64.const 0.5))
          (i32x4.add (local.get 3) (i32x4.splat (local.get 0))))
        (i64.add (local.get 1))
        (i64.add (i64.trunc_f64_s (local.get 2)))
        (i64.add (i64x2.extract_lane 1 (local.get 3)))
        (i64.add (i64.extend_i32_s (local.get 0)))
        i64.xor))"#;
    agree(|config| {
        let log = Shared::default();
        let mut guest = Guest::configured(config, wat, |linker| define_watch(linker, &log));
        let args = [Val::I32(10_000), Val::I64(5), Val::F64(0), Val::V128(9)];
        let outcome = guest.call("f", &args);
        let fires = log.len();
        (end(&guest.store, outcome), fires)
    });
}
