//! Point 5, observation: every local and operand is readable at every place, with
//! its type, and reading changes nothing.

use probity_engine::hook::{FrameAccessor, Probe, Site};
use probity_engine::{ExternRef, Val, ValType, WasmPc};

use super::guest::{Guest, Shared, bits};

/// Locals (types and bits) and operands, comparable.
type State = (Vec<(ValType, u128)>, Vec<(ValType, u128)>);

fn state(frame: &FrameAccessor<'_>) -> State {
    let locals = (0..frame.num_locals()).map(|i| frame.local(i).expect("in range"));
    let operands = (0..frame.num_operands()).map(|i| frame.operand(i).expect("in range"));
    let state = (locals.map(bits).collect(), operands.map(bits).collect());
    assert!(frame.local(frame.num_locals()).is_none());
    assert!(frame.operand(frame.num_operands()).is_none());
    assert!(frame.top(frame.num_operands()).is_none());
    for i in 0..frame.num_operands() {
        let from_top = frame.top(frame.num_operands() - 1 - i).expect("in range");
        assert_eq!(bits(from_top), bits(frame.operand(i).expect("in range")));
    }
    state
}

const TYPES: &str = r#"(module
  (func (export "f")
    (param i32 i64 f32 f64 v128 funcref externref)
    (local v128 i32 externref f64 funcref i64 f32)
    i32.const -2
    v128.const i64x2 0x1122334455667788 0x99aabbccddeeff00
    f64.const nan:0x4000000000001
    local.get 6
    i64.const 0x8000000000000001
    local.get 5
    f32.const -0.0
    nop
    block
      nop
      call 1
    end
    drop drop drop drop drop drop drop)
  (func (export "inner") nop))"#;

fn describe(vals: impl Iterator<Item = Val>) -> String {
    vals.map(|val| format!("{val:?} ")).collect()
}

#[test]
fn c5_locals_and_operands_of_every_type_are_readable() {
    let log = Shared::default();
    let mut guest = Guest::new(TYPES);
    for (export, operator, nth, level) in [
        ("f", "Nop", 0, 0),
        ("f", "Block", 0, 0),
        ("f", "Nop", 1, 0),
        ("f", "Call", 0, 0),
        ("inner", "Nop", 0, 1),
        ("f", "End", 0, 0),
        ("f", "Drop", 0, 0),
    ] {
        let log = log.clone();
        guest.before(export, operator, nth, move |ctx| {
            let frame = ctx.frame_at(level).expect("it is on the stack");
            let locals = describe((0..frame.num_locals()).filter_map(|i| frame.local(i)));
            let operands = describe((0..frame.num_operands()).filter_map(|i| frame.operand(i)));
            log.push(format!("{locals}| {operands}"));
            Ok(())
        });
    }
    let reference = ExternRef::new(&mut guest.store, 1_u8);
    let params = [
        Val::I32(i32::MIN),
        Val::I64(-7),
        Val::F32(0x7fa0_0001),
        Val::F64(f64::NEG_INFINITY.to_bits()),
        Val::V128(0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100),
        Val::FuncRef(Some(guest.func("inner"))),
        Val::ExternRef(Some(reference.clone())),
    ];
    let locals = [
        Val::V128(0),
        Val::I32(0),
        Val::ExternRef(None),
        Val::F64(0),
        Val::FuncRef(None),
        Val::I64(0),
        Val::F32(0),
    ];
    let operands = [
        Val::I32(-2),
        Val::V128(0x99aa_bbcc_ddee_ff00_1122_3344_5566_7788),
        Val::F64(0x7ff4_0000_0000_0001),
        Val::ExternRef(Some(reference)),
        Val::I64(i64::MIN + 1),
        params[5].clone(),
        Val::F32(0x8000_0000),
    ];
    let expected = format!(
        "{}| {}",
        describe(params.clone().into_iter().chain(locals)),
        describe(operands.into_iter())
    );
    guest.call("f", &params).unwrap();
    assert_eq!(log.take(), vec![expected; 7]);
}

/// Known values at each instruction of straight-line code, whose instructions run
/// joined where no probe is.
#[test]
fn c5_operands_are_exact_between_any_two_instructions() {
    let wat = r#"(module (func (export "f") (param i32) (result i32)
      i32.const 5
      local.get 0
      i32.add
      i64.extend_i32_s
      f64.convert_i64_s
      f64.sqrt
      f32.demote_f64
      i32.trunc_f32_s))"#;
    let expected: [&[Val]; 9] = [
        &[],
        &[Val::I32(5)],
        &[Val::I32(5), Val::I32(20)],
        &[Val::I32(25)],
        &[Val::I64(25)],
        &[Val::F64(25.0_f64.to_bits())],
        &[Val::F64(5.0_f64.to_bits())],
        &[Val::F32(5.0_f32.to_bits())],
        &[Val::I32(5)],
    ];
    for together in [false, true] {
        let mut guest = Guest::new(wat);
        let sites: Vec<WasmPc> = guest.operators("f").into_iter().map(|(pc, _)| pc).collect();
        assert_eq!(sites.len(), expected.len());
        for (site, expected) in sites.iter().zip(expected) {
            let log = Shared::default();
            let sink = log.clone();
            let probe = Probe::call(move |ctx| {
                sink.push(state(&ctx.frame()));
                Ok(())
            });
            let id = guest.insert("f", Site::Before(*site), probe);
            assert_eq!(guest.call_i32("f", &[20]).unwrap(), 5);
            let operands = expected.iter().map(bits).collect();
            let locals = vec![bits(Val::I32(20))];
            assert_eq!(log.take(), [(locals, operands)], "at {site:?}");
            if !together {
                guest.store.probes().remove(id);
            }
        }
    }
}

/// Integers, floats, vectors, memory, globals, select, calls and branches that
/// carry values.
const MIXED: &str = r#"(module
  (memory 1)
  (global $g (mut i64) (i64.const 3))
  (func $helper (param i32 f64) (result f64 i32)
    (f64.mul (local.get 1) (f64.const 1.5))
    (i32.xor (local.get 0) (i32.const 0x55)))
  (func (export "f") (param $n i32) (result i64)
    (local $i i32) (local $x f64) (local $v v128) (local $s f32)
    (local.set $x (f64.const 1))
    (loop $l
      (local.get $i) (local.get $x) (call $helper)
      (local.set $i) (local.set $x)
      (local.set $v (i32x4.add (local.get $v)
        (i32x4.splat (select (local.get $i) (i32.const 9) (i32.and (local.get $i) (i32.const 1))))))
      (v128.store (i32.const 32) (local.get $v))
      (i32.store offset=4 (i32.const 8) (i32.add (i32.load (i32.const 36)) (local.get $n)))
      (local.set $s (f32.sub (f32.convert_i32_s (local.get $i)) (f32.const 0.25)))
      (global.set $g (i64.add
        (block $b (result i64)
          (br_if $b (i64.const 11) (i32.and (local.get $n) (i32.const 2)))
          (drop)
          (i64.load (i32.const 12)))
        (i64.rotl (global.get $g) (i64.extend_i32_u (local.get $n)))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i64.xor (global.get $g)
      (i64.add (i64x2.extract_lane 1 (local.get $v))
        (i64.reinterpret_f64 (f64.promote_f32 (local.get $s)))))))"#;

/// One probe sees what the global probe sees at its place, and neither changes
/// the result: the frame does not depend on how many probes there are.
#[test]
fn c5_single_probes_see_what_the_global_probe_sees() {
    let args = [Val::I32(6)];
    let expected = bits(&Guest::new(MIXED).call("f", &args).unwrap()[0]);

    let all = Shared::default();
    let sink = all.clone();
    let mut guest = Guest::new(MIXED);
    guest.store.probes().insert_global(Probe::call(move |ctx| {
        let place = (ctx.func_index(), ctx.pc());
        sink.push((place, state(&ctx.frame())));
        Ok(())
    }));
    assert_eq!(bits(&guest.call("f", &args).unwrap()[0]), expected);
    let all = all.take();
    assert!(all.len() > 300);

    for index in 0..guest.module.num_functions() {
        for (pc, name) in super::guest::operators(&guest.module, index) {
            let mut guest = Guest::new(MIXED);
            let log = Shared::default();
            let sink = log.clone();
            let func = guest.instance.func(&guest.store, index).unwrap();
            let probe = Probe::call(move |ctx| {
                sink.push(state(&ctx.frame()));
                Ok(())
            });
            guest
                .store
                .probes()
                .insert(func, Site::Before(pc), probe)
                .unwrap();
            assert_eq!(
                bits(&guest.call("f", &args).unwrap()[0]),
                expected,
                "{name}"
            );
            let here = all.iter().filter(|(place, _)| *place == (index, pc));
            let here: Vec<State> = here.map(|(_, state)| state.clone()).collect();
            assert_eq!(log.take(), here, "{name} at {pc:?}");
        }
    }
}

#[test]
fn c5_parameters_are_readable_at_the_entry_and_results_at_the_exit() {
    let mut guest = Guest::new(
        r#"(module (func (export "f") (param i32 v128) (result i64 f32) (local f64)
             (local.set 0 (i32.const 9))
             (i64.const 4) (f32.const 0.5)))"#,
    );
    let log = Shared::default();
    for site in [Site::Entry, Site::Exit] {
        let log = log.clone();
        let probe = Probe::call(move |ctx| {
            log.push(state(&ctx.frame()));
            Ok(())
        });
        guest.insert("f", site, probe);
    }
    guest.call("f", &[Val::I32(1), Val::V128(2)]).unwrap();
    let locals = |first| {
        [Val::I32(first), Val::V128(2), Val::F64(0)]
            .map(bits)
            .to_vec()
    };
    let results = [Val::I64(4), Val::F32(0.5_f32.to_bits())]
        .map(bits)
        .to_vec();
    assert_eq!(log.take(), [(locals(1), Vec::new()), (locals(9), results)]);
}

/// Memory, globals and tables through the probe's context.
#[test]
fn c5_the_whole_store_is_readable_from_a_probe() {
    let mut guest = Guest::new(
        r#"(module
          (memory (export "m") 1) (global (export "g") (mut i32) (i32.const 1))
          (table (export "t") 2 funcref)
          (func (export "f")
            (i32.store (i32.const 4) (i32.const 77))
            (global.set 0 (i32.const 5))
            (table.set (i32.const 1) (ref.func 0))
            nop))"#,
    );
    let log = Shared::default();
    let sink = log.clone();
    guest.before("f", "Nop", 0, move |ctx| {
        let instance = ctx.instance();
        let memory = instance.get_memory(ctx, "m").expect("exported");
        let global = instance.get_global(ctx, "g").expect("exported");
        let table = instance.get_table(ctx, "t").expect("exported");
        sink.push(format!(
            "{} {:?} {:?} {}",
            memory.data(ctx)[4],
            global.get(ctx),
            table.get(ctx, 0),
            matches!(table.get(ctx, 1), Some(Val::FuncRef(Some(_)))),
        ));
        Ok(())
    });
    guest.call("f", &[]).unwrap();
    assert_eq!(log.take(), ["77 I32(5) Some(FuncRef(None)) true"]);
}
