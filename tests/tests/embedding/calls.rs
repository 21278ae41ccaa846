//! Calls from the host: typed, dynamic, and refused.

use probity_engine::{ErrorKind, ExternRef, Func, FuncType, Val, ValType};

use crate::guest::{Guest, bits, call, i32_of};

const NUMBERS: &str = r#"(module
  (func (export "i32") (param i32) (result i32) local.get 0)
  (func (export "i64") (param i64) (result i64) local.get 0)
  (func (export "f32") (param f32) (result f32) local.get 0)
  (func (export "f64") (param f64) (result f64) local.get 0)
  (func (export "v128") (param v128) (result v128) local.get 0)
  (func (export "funcref") (param funcref) (result funcref) local.get 0)
  (func (export "externref") (param externref) (result externref) local.get 0)
  (func (export "none"))
  (func (export "swap") (param i32 i64) (result i64 i32) local.get 1 local.get 0)
  (func (export "mixed") (param f32 v128 i32 f64) (result f64 i32 v128 f32)
    local.get 3 local.get 2 local.get 1 local.get 0)
)"#;

#[test]
fn typed_calls_take_and_give_every_type() {
    let mut guest = Guest::new(NUMBERS);
    macro_rules! identity {
        ($name:literal, $ty:ty, $($value:expr),+) => {{
            let func = guest
                .instance
                .get_typed_func::<$ty, $ty>(&guest.store, $name)
                .expect($name);
            $(assert_eq!(func.call(&mut guest.store, $value).expect($name), $value);)+
        }};
    }
    identity!("i32", i32, 0, -1, i32::MIN, i32::MAX);
    identity!("i32", u32, 0, 1, u32::MAX);
    identity!("i64", i64, 0, -1, i64::MIN, i64::MAX);
    identity!("i64", u64, 0, u64::MAX);
    identity!("f32", f32, 0.0, -1.5, f32::INFINITY, f32::MIN_POSITIVE);
    identity!("f64", f64, 0.0, -1.5, f64::NEG_INFINITY, f64::MIN_POSITIVE);
    identity!(
        "v128",
        u128,
        0,
        1,
        u128::MAX,
        0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10
    );
    let swap = guest.func("swap");
    identity!("funcref", Option<Func>, None, Some(swap));
    let reference = ExternRef::new(&mut guest.store, "host data");
    identity!(
        "externref",
        Option<ExternRef>,
        None,
        Some(reference.clone())
    );
}

#[test]
fn typed_calls_keep_the_bits_of_nans() {
    let mut guest = Guest::new(NUMBERS);
    let f32s = guest.func("f32").typed::<f32, f32>(&guest.store).unwrap();
    let f64s = guest.func("f64").typed::<f64, f64>(&guest.store).unwrap();
    for nan in [0x7fc0_0000, 0xffc0_1234, 0x7f80_0001_u32] {
        let back = f32s.call(&mut guest.store, f32::from_bits(nan)).unwrap();
        assert_eq!(back.to_bits(), nan);
    }
    let nan = 0xfff0_0000_0000_0001_u64;
    let back = f64s.call(&mut guest.store, f64::from_bits(nan)).unwrap();
    assert_eq!(back.to_bits(), nan);
}

#[test]
fn typed_calls_of_several_parameters_and_results() {
    let mut guest = Guest::new(NUMBERS);
    let none = guest.func("none").typed::<(), ()>(&guest.store).unwrap();
    none.call(&mut guest.store, ()).unwrap();
    let swap = guest
        .func("swap")
        .typed::<(i32, i64), (i64, i32)>(&guest.store)
        .unwrap();
    assert_eq!(
        swap.call(&mut guest.store, (-7, 1 << 40)).unwrap(),
        (1 << 40, -7)
    );
    let mixed = guest
        .func("mixed")
        .typed::<(f32, u128, i32, f64), (f64, i32, u128, f32)>(&guest.store)
        .unwrap();
    assert_eq!(
        mixed
            .call(&mut guest.store, (1.5, 1 << 100, -3, 2.5))
            .unwrap(),
        (2.5, -3, 1 << 100, 1.5)
    );
}

#[test]
fn typed_functions_of_another_type_are_refused() {
    let guest = Guest::new(NUMBERS);
    let swap = guest.func("swap");
    let refused = [
        swap.typed::<(i64, i32), (i64, i32)>(&guest.store).err(),
        swap.typed::<i32, (i64, i32)>(&guest.store).err(),
        swap.typed::<(i32, i64), ()>(&guest.store).err(),
        swap.typed::<(i32, i64), (i64, i32, i32)>(&guest.store)
            .err(),
        guest
            .instance
            .get_typed_func::<(), ()>(&guest.store, "absent")
            .err(),
    ];
    for (case, error) in refused.into_iter().enumerate() {
        let error = error.unwrap_or_else(|| panic!("case {case} must be refused"));
        assert!(
            matches!(error.kind(), ErrorKind::Usage(_)),
            "case {case}: {error}"
        );
    }
}

#[test]
fn dynamic_calls_pass_every_type() {
    let mut guest = Guest::new(NUMBERS);
    for (name, value) in [
        ("i32", Val::I32(-5)),
        ("i64", Val::I64(i64::MIN)),
        ("f32", Val::F32(0x7f80_0001)),
        ("f64", Val::F64(0xfff8_0000_0000_0001)),
        ("v128", Val::V128(u128::MAX - 1)),
    ] {
        let found = guest.call(name, std::slice::from_ref(&value)).expect(name);
        assert_eq!(bits(&found[0]), bits(value), "{name}");
    }
    let args = [Val::F32(1), Val::V128(2), Val::I32(3), Val::F64(4)];
    let found = guest.call("mixed", &args).unwrap();
    let expected: Vec<_> = args.iter().rev().map(bits).collect();
    assert_eq!(found.into_iter().map(bits).collect::<Vec<_>>(), expected);

    let swap = guest.func("swap");
    let found = guest.call("funcref", &[Val::FuncRef(Some(swap))]).unwrap();
    assert!(matches!(found[0], Val::FuncRef(Some(f)) if f == swap));
    let found = guest.call("funcref", &[Val::FuncRef(None)]).unwrap();
    assert!(matches!(found[0], Val::FuncRef(None)));
}

#[test]
fn dynamic_calls_that_do_not_fit_are_refused_before_anything_runs() {
    let mut guest = Guest::new(
        r#"(module
          (global (export "runs") (mut i32) (i32.const 0))
          (func (export "f") (param i32) (result i32)
            (global.set 0 (i32.add (global.get 0) (i32.const 1)))
            local.get 0))"#,
    );
    let f = guest.func("f");
    let store = &mut guest.store;
    let mut one = [Val::I32(0)];
    let refused = [
        f.call(store, &[], &mut one),
        f.call(store, &[Val::I32(1), Val::I32(2)], &mut one),
        f.call(store, &[Val::I64(1)], &mut one),
        f.call(store, &[Val::FuncRef(None)], &mut one),
        f.call(store, &[Val::I32(1)], &mut []),
        f.call(store, &[Val::I32(1)], &mut [Val::I32(0), Val::I32(0)]),
    ];
    for (case, outcome) in refused.into_iter().enumerate() {
        let error = outcome.expect_err("must be refused");
        assert!(
            matches!(error.kind(), ErrorKind::Usage(_)),
            "case {case}: {error}"
        );
    }
    let runs = guest.instance.get_global(&guest.store, "runs").unwrap();
    assert_eq!(i32_of(runs.get(&guest.store)), 0);
    assert_eq!(guest.call_i32("f", &[9]).unwrap(), 9);
}

/// More than fits in any fixed number of registers, of all sizes.
#[test]
fn functions_of_many_parameters_and_results() {
    let types = [
        ValType::I32,
        ValType::V128,
        ValType::F64,
        ValType::I64,
        ValType::F32,
    ];
    let many: Vec<ValType> = types.iter().cycle().take(60).copied().collect();
    let forth = many
        .iter()
        .map(ValType::to_string)
        .collect::<Vec<_>>()
        .join(" ");
    let back = many
        .iter()
        .rev()
        .map(ValType::to_string)
        .collect::<Vec<_>>()
        .join(" ");
    let gets: Vec<String> = (0..60).map(|i| format!("local.get {i}")).collect();
    let in_order = gets.join(" ");
    let reversed = gets.iter().rev().cloned().collect::<Vec<_>>().join(" ");
    let mut guest = Guest::new(&format!(
        r#"(module
          (func $reverse (export "reverse") (param {forth}) (result {back}) {reversed})
          (func $unreverse (param {back}) (result {forth}) {reversed})
          (func (export "twice") (param {forth}) (result {forth})
            {in_order} call $reverse call $unreverse))"#
    ));
    let args: Vec<Val> = many
        .iter()
        .enumerate()
        .map(|(i, ty)| match ty {
            ValType::I32 => Val::I32(i as i32),
            ValType::I64 => Val::I64((i as i64) << 32 | 1),
            ValType::F32 => Val::F32(i as u32),
            ValType::F64 => Val::F64((i as u64) << 32 | 2),
            _ => Val::V128((i as u128) << 64 | 3),
        })
        .collect();
    let expected: Vec<_> = args.iter().map(bits).collect();
    let found: Vec<_> = guest
        .call("reverse", &args)
        .unwrap()
        .into_iter()
        .map(bits)
        .collect();
    assert_eq!(found, expected.iter().rev().copied().collect::<Vec<_>>());
    let found: Vec<_> = guest
        .call("twice", &args)
        .unwrap()
        .into_iter()
        .map(bits)
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn functions_tell_their_type_module_and_name() {
    let guest = Guest::new(
        r#"(module
          (func $helper (param i32) (result i64) i64.const 1)
          (func (export "main") (param f32)))"#,
    );
    let main = guest.func("main");
    assert_eq!(main.ty(&guest.store), FuncType::new([ValType::F32], []));
    let (module, index) = main.module(&guest.store).expect("a Wasm function");
    assert!(module.same(&guest.module));
    assert_eq!(index, 1);
    let helper = guest.instance.func(&guest.store, 0).expect("function 0");
    assert_eq!(
        helper.ty(&guest.store),
        FuncType::new([ValType::I32], [ValType::I64])
    );
    assert_eq!(helper.name(&guest.store), "helper");
    assert!(guest.instance.func(&guest.store, 2).is_none());
    assert!(guest.instance.get_func(&guest.store, "helper").is_none());
}

#[test]
fn functions_that_are_no_exports_are_callable_by_index() {
    let mut guest = Guest::new("(module (func (result i32) i32.const 41))");
    let func = guest.instance.func(&guest.store, 0).unwrap();
    assert_eq!(i32_of(&call(&mut guest.store, func, &[]).unwrap()[0]), 41);
}
