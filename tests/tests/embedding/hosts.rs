//! Host functions: what they get, what they give, how they fail, and how they
//! call back into Wasm.

use std::fmt;

use probity_engine::{
    AsContextMut, Caller, Engine, Error, ErrorKind, Func, FuncType, Linker, Module, Store,
    TrapCode, Val, ValType,
};

use crate::guest::{Guest, Shared, call, i32_of, trap_code, trap_code_of};

#[derive(Debug, PartialEq)]
struct Refusal(u32);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused with {}", self.0)
    }
}

impl std::error::Error for Refusal {}

#[test]
fn typed_host_functions_take_and_give_values() {
    let mut guest = Guest::linked(
        r#"(module
          (import "h" "none" (func $none))
          (import "h" "one" (func $one (param i32) (result i64)))
          (import "h" "many" (func $many (param i32 i64 f32 f64) (result f64 f32 i64 i32)))
          (func (export "one") (param i32) (result i64) call $none local.get 0 call $one)
          (func (export "many") (param i32 i64 f32 f64) (result f64 f32 i64 i32)
            local.get 0 local.get 1 local.get 2 local.get 3 call $many))"#,
        |linker| {
            linker
                .func_wrap("h", "none", |_: Caller<'_, ()>| {})
                .unwrap();
            linker
                .func_wrap("h", "one", |_: Caller<'_, ()>, a: i32| i64::from(a) - 1)
                .unwrap();
            linker
                .func_wrap(
                    "h",
                    "many",
                    |_: Caller<'_, ()>, a: i32, b: i64, c: f32, d: f64| {
                        (d * 2.0, c * 2.0, b * 2, a * 2)
                    },
                )
                .unwrap();
        },
    );
    let one = guest.func("one").typed::<i32, i64>(&guest.store).unwrap();
    assert_eq!(
        one.call(&mut guest.store, i32::MIN).unwrap(),
        i64::from(i32::MIN) - 1
    );
    let many = guest
        .func("many")
        .typed::<(i32, i64, f32, f64), (f64, f32, i64, i32)>(&guest.store)
        .unwrap();
    assert_eq!(
        many.call(&mut guest.store, (1, -2, 0.5, -0.25)).unwrap(),
        (-0.5, 1.0, -4, 2)
    );
}

#[test]
fn dynamic_host_functions_take_and_give_values() {
    let mut guest = Guest::linked(
        r#"(module
          (import "h" "sum" (func $sum (param i32 i64 v128) (result i64 i32)))
          (func (export "sum") (param i32 i64 v128) (result i64 i32)
            local.get 0 local.get 1 local.get 2 call $sum))"#,
        |linker| {
            let ty = FuncType::new(
                [ValType::I32, ValType::I64, ValType::V128],
                [ValType::I64, ValType::I32],
            );
            linker
                .func_new("h", "sum", ty, |_, args, results| {
                    let [Val::I32(a), Val::I64(b), Val::V128(c)] = *args else {
                        return Err(Error::usage("the arguments have the declared types"));
                    };
                    results[0] = Val::I64(i64::from(a) + b + c as i64);
                    results[1] = Val::I32(-1);
                    Ok(())
                })
                .unwrap();
        },
    );
    let found = guest
        .call("sum", &[Val::I32(1), Val::I64(20), Val::V128(300)])
        .unwrap();
    assert!(
        matches!(found[..], [Val::I64(321), Val::I32(-1)]),
        "{found:?}"
    );
}

#[test]
fn dynamic_host_functions_that_break_their_type_are_errors() {
    let mut guest = Guest::linked(
        r#"(module (import "h" "liar" (func $liar (result i32)))
                   (func (export "f") (result i32) call $liar))"#,
        |linker| {
            linker
                .func_new(
                    "h",
                    "liar",
                    FuncType::new([], [ValType::I32]),
                    |_, _, results| {
                        results[0] = Val::F64(0);
                        Ok(())
                    },
                )
                .unwrap();
        },
    );
    let error = guest
        .call("f", &[])
        .expect_err("the result has another type");
    assert!(error.trap().is_none(), "{error}");
}

#[test]
fn host_functions_reach_the_stores_data_and_the_callers_exports() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module
          (import "h" "note" (func $note (param i32 i32)))
          (memory (export "memory") 1)
          (global (export "bias") i32 (i32.const 100))
          (data (i32.const 8) "hello")
          (func (export "run") (call $note (i32.const 8) (i32.const 5))))"#,
    )
    .unwrap();
    let mut linker: Linker<Vec<String>> = Linker::new(&engine);
    linker
        .func_wrap(
            "h",
            "note",
            |mut caller: Caller<'_, Vec<String>>, at: i32, len: i32| -> Result<(), Error> {
                let memory = caller
                    .get_export("memory")
                    .and_then(|export| export.into_memory())
                    .ok_or_else(|| Error::usage("the caller exports a memory"))?;
                let bias = caller.get_export("bias").and_then(|e| e.into_global());
                let bias = bias.map(|global| i32_of(global.get(&caller)));
                let (at, len) = (at as usize, len as usize);
                let (bytes, data) = caller.memory_and_data(memory);
                data.push(String::from_utf8_lossy(&bytes[at..at + len]).into_owned());
                bytes[at] = b'J';
                caller.data_mut().push(format!("{bias:?}"));
                assert!(caller.get_export("absent").is_none());
                Ok(())
            },
        )
        .unwrap();
    let mut store = Store::new(&engine, Vec::new());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run = instance.get_typed_func::<(), ()>(&store, "run").unwrap();
    run.call(&mut store, ()).unwrap();
    run.call(&mut store, ()).unwrap();
    assert_eq!(store.data().len(), 4);
    assert_eq!(
        store.into_data(),
        ["hello", "Some(100)", "Jello", "Some(100)"]
    );
}

#[test]
fn host_functions_are_called_directly_too() {
    let mut store = Store::new(&Engine::default(), 5);
    let add = Func::wrap(&mut store, |caller: Caller<'_, i32>, a: i32| {
        caller.data() + a
    });
    assert_eq!(
        i32_of(&call(&mut store, add, &[Val::I32(1)]).unwrap()[0]),
        6
    );
    assert!(add.module(&store).is_none());
    let ty = FuncType::new([ValType::I64], []);
    let fail = Func::new(&mut store, ty.clone(), |_, _, _| {
        Err(Error::host(Refusal(1)))
    });
    assert_eq!(fail.ty(&store), ty);
    let error = call(&mut store, fail, &[Val::I64(0)]).unwrap_err();
    assert_eq!(error.downcast_ref::<Refusal>(), Some(&Refusal(1)));
}

const FAILING: &str = r#"(module
  (import "h" "fail" (func $fail (param i32)))
  (global (export "after") (mut i32) (i32.const 0))
  (func $inner (param i32) local.get 0 call $fail (global.set 0 (i32.const 1)))
  (func $outer (export "run") (param i32) nop local.get 0 call $inner (global.set 0 (i32.const 2))))"#;

#[test]
fn host_errors_pass_through_wasm_as_they_are() {
    let mut guest = Guest::linked(FAILING, |linker| {
        linker
            .func_wrap(
                "h",
                "fail",
                |_: Caller<'_, ()>, n: i32| -> Result<(), Error> {
                    Err(Error::host(Refusal(n as u32)))
                },
            )
            .unwrap();
    });
    let error = guest.call("run", &[Val::I32(77)]).unwrap_err();
    assert_eq!(error.downcast_ref::<Refusal>(), Some(&Refusal(77)));
    assert!(error.downcast_ref::<fmt::Error>().is_none());
    assert!(error.trap().is_none());
    assert!(matches!(error.kind(), ErrorKind::Host(e) if e.to_string() == "refused with 77"));
    assert!(error.to_string().contains("refused with 77"), "{error}");

    let names: Vec<Option<&str>> = error.backtrace().iter().map(|f| f.func_name()).collect();
    assert_eq!(names, [Some("inner"), Some("outer")]);
    let calls: Vec<_> = error.backtrace().iter().map(|f| f.pc()).collect();
    assert_eq!(calls[1], guest.pc("run", "Call", 0));

    let after = guest.instance.get_global(&guest.store, "after").unwrap();
    assert_eq!(i32_of(after.get(&guest.store)), 0);
}

#[test]
fn hosts_raise_traps() {
    let mut guest = Guest::linked(FAILING, |linker| {
        linker
            .func_wrap(
                "h",
                "fail",
                |_: Caller<'_, ()>, _: i32| -> Result<(), Error> {
                    Err(TrapCode::IntegerOverflow.into())
                },
            )
            .unwrap();
    });
    let outcome = guest.call("run", &[Val::I32(0)]);
    assert_eq!(trap_code(outcome), TrapCode::IntegerOverflow);
}

const REENTRANT: &str = r#"(module
  (import "h" "again" (func $again (param i32) (result i32)))
  (func $down (export "down") (param i32) (result i32) (local i64)
    (local.set 1 (i64.extend_i32_s (local.get 0)))
    (if (result i32) (i32.eqz (local.get 0))
      (then (i32.const 0))
      (else
        (i32.add
          (i32.add (local.get 0) (call $again (i32.sub (local.get 0) (i32.const 1))))
          (i32.wrap_i64 (i64.sub (local.get 1) (i64.extend_i32_s (local.get 0))))))))
  (func (export "divide") (param i32) (result i32)
    (i32.div_s (i32.const 12) (local.get 0)))
  (func (export "try") (param i32) (result i32)
    (i32.add (i32.const 1000) (call $again (local.get 0)))))"#;

fn call_back(export: &'static str) -> impl Fn(Caller<'_, ()>, i32) -> Result<i32, Error> {
    move |mut caller, n| {
        let func = caller.get_export(export).and_then(|e| e.into_func());
        let func = func.ok_or_else(|| Error::usage("the caller exports it"))?;
        let results = call(&mut caller, func, &[Val::I32(n)])?;
        Ok(i32_of(&results[0]))
    }
}

#[test]
fn hosts_call_back_into_wasm_which_calls_the_host() {
    let mut guest = Guest::linked(REENTRANT, |linker| {
        linker.func_wrap("h", "again", call_back("down")).unwrap();
    });
    for n in [0, 1, 2, 50] {
        assert_eq!(guest.call_i32("down", &[n]).unwrap(), n * (n + 1) / 2);
    }
}

#[test]
fn traps_cross_the_hosts_in_between() {
    let mut guest = Guest::linked(REENTRANT, |linker| {
        linker.func_wrap("h", "again", call_back("divide")).unwrap();
    });
    assert_eq!(guest.call_i32("try", &[4]).unwrap(), 1003);
    let error = guest.call_i32("try", &[0]).unwrap_err();
    assert_eq!(trap_code_of(&error), TrapCode::IntegerDivideByZero);
    // The store is as usable as before.
    assert_eq!(guest.call_i32("try", &[6]).unwrap(), 1002);
}

#[test]
fn hosts_recover_from_traps_of_their_own_calls() {
    let errors = Shared::default();
    let sink = errors.clone();
    let mut guest = Guest::linked(REENTRANT, |linker| {
        let divide = call_back("divide");
        linker
            .func_wrap("h", "again", move |mut caller: Caller<'_, ()>, n: i32| {
                let func = caller.get_export("divide").and_then(|e| e.into_func());
                match call(&mut caller, func.expect("an export"), &[Val::I32(n)]) {
                    Ok(results) => i32_of(&results[0]),
                    Err(error) => {
                        sink.push(trap_code_of(&error));
                        divide(caller, -1).expect("no division by zero")
                    }
                }
            })
            .unwrap();
    });
    assert_eq!(guest.call_i32("try", &[3]).unwrap(), 1004);
    assert_eq!(guest.call_i32("try", &[0]).unwrap(), 988);
    assert_eq!(errors.take(), [TrapCode::IntegerDivideByZero]);
}

/// The host's own stores into the caller's frame of the world: globals, tables
/// and memory that change during a call are what the guest sees after it.
#[test]
fn what_a_host_changes_is_what_the_guest_sees_next() {
    let mut guest = Guest::linked(
        r#"(module
          (import "h" "change" (func $change))
          (memory (export "memory") 1)
          (global $g (export "g") (mut i64) (i64.const 1))
          (table (export "t") 1 funcref)
          (func (export "two") (result i32) i32.const 2)
          (func (export "run") (result i32)
            (drop (i32.load (i32.const 4)))
            (drop (global.get $g))
            call $change
            (i32.add
              (i32.add (i32.load (i32.const 4)) (i32.wrap_i64 (global.get $g)))
              (call_indirect (result i32) (i32.const 0)))))"#,
        |linker| {
            linker
                .func_wrap("h", "change", |mut caller: Caller<'_, ()>| {
                    let export =
                        |caller: &Caller<'_, ()>, name| caller.get_export(name).expect("an export");
                    let memory = export(&caller, "memory").into_memory().expect("memory");
                    let global = export(&caller, "g").into_global().expect("global");
                    let table = export(&caller, "t").into_table().expect("table");
                    let two = export(&caller, "two").into_func();
                    memory
                        .write(&mut caller, 4, &100_i32.to_le_bytes())
                        .expect("in bounds");
                    global.set(&mut caller, Val::I64(20)).expect("mutable");
                    table
                        .set(&mut caller, 0, Val::FuncRef(two))
                        .expect("in bounds");
                })
                .unwrap();
        },
    );
    assert_eq!(guest.call_i32("run", &[]).unwrap(), 122);
}

/// `AsContextMut` is what libraries on top are generic over.
#[test]
fn contexts_pass_through_generic_code() {
    fn run(store: &mut impl AsContextMut, func: Func) -> i32 {
        i32_of(&call(store, func, &[]).expect("no trap")[0])
    }
    let mut store = Store::new(&Engine::default(), ());
    let seven = Func::wrap(&mut store, |_: Caller<'_, ()>| 7);
    let nested = Func::wrap(&mut store, move |mut caller: Caller<'_, ()>| {
        run(&mut caller, seven) * 6
    });
    assert_eq!(run(&mut store, nested), 42);
}
