//! Modules that import without end.

use std::fmt::Write as _;

use probity_engine::{Engine, Linker, Module, Store, TrapCode};

use crate::encode::{leb, raw};
use crate::isolated::isolated;
use crate::ward::{Ward, Watchdog};

const STACK: usize = 256 << 10;

fn same(count: u64) -> Vec<u8> {
    let mut imports = leb(count);
    imports.extend([1, b'h', 1, b'f', 0, 0].repeat(count as usize));
    raw(&[(1, None, &[1, 0x60, 0, 0]), (2, None, &imports)])
}

/// The same import, 200,000 times: an error that names it once, or an instance.
#[test]
fn of_one_thing() {
    isolated("imports::of_one_thing", STACK, || {
        let _dog = Watchdog::new(None);
        let engine = Engine::default();
        let module = Module::new(&engine, same(200_000)).expect("it loads");
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        let error = linker
            .instantiate(&mut store, &module)
            .expect_err("nothing defines it");
        assert!(error.to_string().len() < 10_000, "the error is short");
        linker
            .func_wrap("h", "f", || {})
            .expect("the first definition");
        linker.instantiate(&mut store, &module).expect("it links");
        Module::new(&engine, same(1_000_000)).expect_err("too many");
    });
}

/// Many different ones, with none defined, and with all defined to trap.
#[test]
fn of_many_things() {
    isolated("imports::of_many_things", STACK, || {
        let mut wat = String::from("(module");
        for index in 0..50_000 {
            let _ = write!(wat, r#"(import "module {index}" "name {index}" (func))"#);
        }
        wat.push_str(r#"(func (export "f") (call 49999)))"#);
        let _dog = Watchdog::new(None);
        let module = Ward::default().module(&wat);
        let mut store = Store::new(module.engine(), ());
        let mut linker = Linker::<()>::new(module.engine());
        let error = linker
            .instantiate(&mut store, &module)
            .expect_err("nothing defines them");
        assert!(error.to_string().len() < 100_000, "the error is short");
        linker
            .define_unknown_imports_as_traps(&module)
            .expect("none is defined");
        let instance = linker.instantiate(&mut store, &module).expect("it links");
        let f = instance.get_func(&store, "f").expect("exported");
        let error = f.call(&mut store, &[], &mut []).expect_err("it traps");
        assert_eq!(
            error.trap().expect("a trap").code(),
            TrapCode::UnknownImport
        );
    });
}

/// Each instance imports what the one before exports: calls go to where the function is.
#[test]
fn in_a_long_chain() {
    isolated("imports::in_a_long_chain", STACK, || {
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        let _dog = Watchdog::new(Some(store.interrupt_handle()));
        let mut linker = Linker::new(&engine);
        linker.allow_shadowing(true);
        let first = r#"(module (func (export "f") (result i32) i32.const 7))"#;
        let first = Module::new(&engine, first).expect("it loads");
        let instance = linker.instantiate(&mut store, &first).expect("no imports");
        linker
            .instance(&mut store, "before", instance)
            .expect("the first definition");
        let link =
            r#"(module (import "before" "f" (func $f (result i32))) (export "f" (func $f)))"#;
        let call = r#"(module (import "before" "f" (func $f (result i32)))
          (func (export "f") (result i32) (call $f)))"#;
        for (wat, count) in [(link, 3000), (call, 3000)] {
            let module = Module::new(&engine, wat).expect("it loads");
            let mut last = None;
            for _ in 0..count {
                let instance = linker.instantiate(&mut store, &module).expect("it links");
                last = Some(instance);
                linker
                    .instance(&mut store, "before", instance)
                    .expect("shadowing is allowed");
            }
            let instance = last.expect("there is a last one");
            let f = instance.get_func(&store, "f").expect("exported");
            let typed = f.typed::<(), i32>(&store).expect("its type");
            assert_eq!(typed.call(&mut store, ()).expect("no trap"), 7);
        }
    });
}
