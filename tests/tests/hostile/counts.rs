//! Modules with more functions, types, exports and globals than any program has.

use std::fmt::Write as _;

use probity_engine::{Engine, Module, Store, TrapCode};

use crate::encode::{leb, raw};
use crate::isolated::isolated;
use crate::ward::{Ward, Watch, Watchdog};

const STACK: usize = 256 << 10;

/// 60,000 functions, each of which calls the next.
#[test]
fn functions() {
    isolated("counts::functions", STACK, || {
        const COUNT: u64 = 60_000;
        let mut functions = leb(COUNT);
        functions.resize(functions.len() + COUNT as usize, 0);
        let mut code = leb(COUNT);
        for index in 1..COUNT {
            let call = leb(index);
            code.extend(leb(3 + call.len() as u64));
            code.extend([0, 0x10]);
            code.extend(call);
            code.push(0x0b);
        }
        code.extend([2, 0, 0x0b]);
        let module = raw(&[
            (1, None, &[1, 0x60, 0, 0]),
            (3, None, &functions),
            (7, None, &[1, 1, b'f', 0, 0]),
            (10, None, &code),
        ]);
        let mut ward = Ward::default();
        ward.config.max_stack_bytes(16 << 20);
        ward.each(&module, |_, guest| {
            guest.call("f", &[]).expect("the stack suffices");
        });
        // Not with the usual one.
        Ward::small_stack().each(&module, |_, guest| {
            guest.ends("f", &[], TrapCode::StackOverflow);
        });
    });
}

#[test]
fn empty_functions_and_no_bodies() {
    isolated("counts::empty_functions_and_no_bodies", STACK, || {
        const COUNT: u64 = 1_000_000;
        for (count, allowed) in [(COUNT, true), (COUNT + 1, false)] {
            let mut functions = leb(count);
            functions.resize(functions.len() + count as usize, 0);
            let mut code = leb(count);
            code.extend([2, 0, 0x0b].repeat(count as usize));
            let _dog = Watchdog::new(None);
            let bytes = raw(&[
                (1, None, &[1, 0x60, 0, 0]),
                (3, None, &functions),
                (10, None, &code),
            ]);
            let loaded = Module::new(&Engine::default(), &bytes);
            assert_eq!(loaded.is_ok(), allowed, "{count}");
            if let Ok(module) = loaded {
                let mut store = Store::new(module.engine(), ());
                probity_engine::Instance::new(&mut store, &module, &[]).expect("no imports");
            }
            // Without the bodies.
            let bytes = raw(&[(1, None, &[1, 0x60, 0, 0]), (3, None, &functions)]);
            assert!(Module::new(&Engine::default(), &bytes).is_err());
        }
    });
}

/// Distinct types: those of an engine are kept in a registry, which many modules fill.
#[test]
fn types() {
    isolated("counts::types", STACK, || {
        let _dog = Watchdog::new(None);
        let engine = Engine::default();
        for round in 0..3_u8 {
            const COUNT: u64 = 200_000;
            let mut types = leb(COUNT);
            for index in 0..COUNT {
                // The parameters spell the index in base 4.
                types.extend([0x60, 12]);
                for digit in 0..11 {
                    types.push(0x7c + (index >> (2 * digit)) as u8 % 4);
                }
                types.extend([0x7c + round, 0]);
            }
            Module::new(&engine, raw(&[(1, None, &types)])).expect("it loads");
        }
        // The same type, a million times.
        let mut types = leb(1_000_000);
        types.extend([0x60, 0, 0].repeat(1_000_000));
        Module::new(&engine, raw(&[(1, None, &types)])).expect("it loads");
        let mut types = leb(1_000_001);
        types.extend([0x60, 0, 0].repeat(1_000_001));
        Module::new(&engine, raw(&[(1, None, &types)])).expect_err("one too many");
    });
}

#[test]
fn exports_and_globals() {
    isolated("counts::exports_and_globals", STACK, || {
        const COUNT: usize = 100_000;
        let mut wat = String::from("(module (func $f (result i32) (global.get 99999))");
        for index in 0..COUNT {
            let _ = write!(
                wat,
                r#"(global (export "global {index}") (mut i32) (i32.const {index}))
                   (export "function {index}" (func $f))"#
            );
        }
        wat.push(')');
        Ward::default().each(&wat, |_, guest| {
            for index in [0, 1, COUNT / 2, COUNT - 1] {
                assert_eq!(guest.i32(&format!("function {index}"), &[]), 99_999);
                let instance = guest.instance.expect("it was instantiated");
                let global = instance.get_global(&guest.store, &format!("global {index}"));
                let value = global.expect("exported").get(&guest.store);
                assert_eq!(crate::guest::i32_of(value), index as i32);
            }
        });
    });
}

/// Loops in each of many functions, and all of their counters at once.
#[test]
fn many_counters() {
    isolated("counts::many_counters", STACK, || {
        let mut wat = String::from(r#"(module (global $n (mut i32) (i32.const 0))"#);
        for index in 0..5000 {
            let _ = write!(
                wat,
                "(func $f{index} (local i32)
                   (loop (local.set 0 (i32.add (local.get 0) (i32.const 1)))
                     (br_if 0 (i32.lt_u (local.get 0) (i32.const 3))))
                   (global.set $n (i32.add (global.get $n) (local.get 0))))"
            );
        }
        wat.push_str(r#"(func (export "f") (result i32)"#);
        for index in 0..5000 {
            let _ = write!(wat, "(call $f{index})");
        }
        wat.push_str("(global.get $n)))");
        Ward::default().each(&wat, |_, guest| {
            assert_eq!(guest.i32("f", &[]), 15_000);
            assert_eq!(guest.i32("f", &[]), 30_000);
        });
    });
}

/// Custom sections are not looked into, however many and however large.
#[test]
fn custom_sections() {
    isolated("counts::custom_sections", STACK, || {
        let mut bytes = raw(&[]);
        for _ in 0..200_000 {
            bytes.extend([0, 5, 4, b'n', b'a', b'm', b'e']);
        }
        let large = vec![0; 32 << 20];
        bytes.extend([0]);
        bytes.extend(leb(large.len() as u64));
        bytes.extend(&large);
        let (guest, outcome) = Ward::default().instantiate(&bytes, Watch::Nobody);
        outcome.expect("it instantiates");
        assert_eq!(guest.module.name(), None);
        guest.finish();
    });
}
