//! Is every operator translated, and does machine code give the bits that the interpreter gives?

mod expressions;
mod inputs;
mod operators;

use std::collections::BTreeSet;
use std::fmt::Write;

use probity_interp::{
    for_v128_bin, for_v128_extract, for_v128_load, for_v128_load_lane, for_v128_relaxed_bin,
    for_v128_relaxed_tern, for_v128_relaxed_un, for_v128_replace, for_v128_shift, for_v128_splat,
    for_v128_store_lane, for_v128_tern, for_v128_test, for_v128_un,
};

use self::inputs::Random;
use self::operators::{MEMORY_BYTES, Row};
use super::super::tests::draft;
use crate::runtime::{Instance, Memory, Store};
use crate::types::ValType;
use crate::{Config, Engine, Func, Module, Tier, Val};

fn engine(tier: Tier) -> Engine {
    let mut config = Config::new();
    config.deterministic(true).tier(tier);
    Engine::new(&config)
}

/// A function for each operator, which has the operands as its parameters.
fn text(rows: &[Row]) -> String {
    let mut text = "(module (memory (export \"memory\") 1)\n".to_owned();
    for Row {
        text: op,
        params,
        result,
    } in rows
    {
        let _ = write!(text, "(func");
        for ty in params {
            let _ = write!(text, " (param {ty})");
        }
        if let Some(ty) = result {
            let _ = write!(text, " (result {ty})");
        }
        for i in 0..params.len() {
            let _ = write!(text, " local.get {i}");
        }
        let _ = writeln!(text, " {op})");
    }
    text + ")"
}

/// Wasmparser's names of all SIMD operators.
fn names() -> BTreeSet<&'static str> {
    let mut names = BTreeSet::from(["V128Const", "V128Store", "I8x16Shuffle"]);
    macro_rules! add { ($(($n:ident, $($rest:tt)*))*) => { names.extend([$(stringify!($n)),*]) } }
    for_v128_un!(add);
    for_v128_bin!(add);
    for_v128_tern!(add);
    for_v128_shift!(add);
    for_v128_test!(add);
    for_v128_splat!(add);
    for_v128_extract!(add);
    for_v128_replace!(add);
    for_v128_load!(add);
    for_v128_load_lane!(add);
    for_v128_store_lane!(add);
    for_v128_relaxed_un!(add);
    for_v128_relaxed_bin!(add);
    for_v128_relaxed_tern!(add);
    names
}

/// The name of the last operator of a function before its `end`.
fn last_operator(module: &Module, func: u32) -> String {
    let body = module.inner.function_body(func).unwrap();
    let ops = body.get_operators_reader().unwrap();
    let mut ops: Vec<String> = ops
        .into_iter()
        .map(|op| format!("{:?}", op.unwrap()))
        .collect();
    ops.pop();
    let op = ops.pop().unwrap();
    op.split(' ').next().unwrap().to_owned()
}

#[test]
fn every_operator_is_compiled() {
    let rows = operators::all();
    let module = Module::new(&engine(Tier::Jit), text(&rows)).unwrap();
    let mut seen = BTreeSet::new();
    for (row, func) in rows.iter().zip(0..) {
        let left = draft(&module, func).left;
        assert!(left.is_empty(), "{} is left to the interpreter", row.text);
        let code = super::super::super::function(&module, func, false);
        assert!(code.is_some(), "{} is not compiled", row.text);
        seen.insert(last_operator(&module, func));
    }
    let seen: BTreeSet<&str> = seen.iter().map(String::as_str).collect();
    assert_eq!(seen, names());
}

/// A module in a store.
struct Run {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Run {
    fn new(tier: Tier, text: &str) -> Run {
        let engine = engine(tier);
        let module = Module::new(&engine, text).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let memory = instance.get_memory(&store, "memory").unwrap();
        Run {
            store,
            instance,
            memory,
        }
    }

    /// What a call gives, in words.
    fn call(&mut self, func: u32, args: &[Val]) -> String {
        let func: Func = self.instance.func(&self.store, func).unwrap();
        let ty = func.ty(&self.store);
        let results = ty.results().iter();
        let mut results: Vec<Val> = results.map(|&ty| Val::default_for(ty)).collect();
        match func.call(&mut self.store, args, &mut results) {
            Ok(()) => format!("{results:x?}"),
            Err(e) => e.to_string(),
        }
    }

    fn fill(&mut self, random: &mut Random) {
        for chunk in self.memory.data_mut(&mut self.store).as_chunks_mut().0 {
            *chunk = random.vector().to_le_bytes();
        }
    }
}

fn argument(random: &mut Random, ty: ValType) -> Val {
    match ty {
        ValType::I32 => Val::I32(random.lane(32) as i32),
        ValType::I64 => Val::I64(random.lane(64) as i64),
        ValType::F32 => Val::F32(random.lane(32) as u32),
        ValType::F64 => Val::F64(random.lane(64)),
        _ => Val::V128(random.vector()),
    }
}

/// An address that is in bounds most of the time.
fn address(random: &mut Random) -> Val {
    let end = MEMORY_BYTES as usize;
    let address = match random.below(4) {
        0 => end - random.below(32),
        _ => random.below(end),
    };
    Val::I32(address as i32)
}

const INPUTS: usize = 256;

#[test]
fn every_operator_gives_the_same_bits() {
    let rows = operators::all();
    let text = text(&rows);
    let mut interp = Run::new(Tier::Interp, &text);
    let mut jit = Run::new(Tier::Jit, &text);
    interp.fill(&mut Random(1));
    jit.fill(&mut Random(1));
    let mut random = Random(2);
    for (row, func) in rows.iter().zip(0..) {
        let accesses = row.text.starts_with("v128.load") || row.text.starts_with("v128.store");
        for _ in 0..INPUTS {
            let args = row.params.iter().enumerate().map(|(i, &ty)| match i {
                0 if accesses => address(&mut random),
                _ => argument(&mut random, ty),
            });
            let args: Vec<Val> = args.collect();
            let expected = interp.call(func, &args);
            assert_eq!(jit.call(func, &args), expected, "{} {args:x?}", row.text);
        }
        let memory = interp.memory.data(&interp.store);
        assert!(memory == jit.memory.data(&jit.store), "{}", row.text);
    }
}

/// Cranelift looks at several operators at once, so they have to be tried in each other's company.
#[test]
fn expressions_give_the_same_bits() {
    for seed in 0..24 {
        let mut random = Random(seed);
        let text = expressions::module(&mut random);
        let mut interp = Run::new(Tier::Interp, &text);
        let mut jit = Run::new(Tier::Jit, &text);
        interp.fill(&mut Random(seed));
        jit.fill(&mut Random(seed));
        for func in 0..expressions::FUNCTIONS {
            let module = jit.instance.module(&jit.store);
            let code = super::super::super::function(module, func, false);
            assert!(code.is_some(), "seed {seed}, function {func}");
            assert!(draft(module, func).left.is_empty());
            for _ in 0..16 {
                let args: Vec<Val> = expressions::PARAMS
                    .iter()
                    .map(|&ty| argument(&mut random, ty))
                    .collect();
                let expected = interp.call(func, &args);
                let found = jit.call(func, &args);
                assert_eq!(
                    found, expected,
                    "seed {seed}, function {func}, {args:x?}\n{text}"
                );
            }
        }
        assert!(
            interp.memory.data(&interp.store) == jit.memory.data(&jit.store),
            "seed {seed}"
        );
    }
}

/// Vectors that are needed later where a function calls, where the engine looks at its frame, and
/// where the interpreter takes over.
#[test]
fn vectors_outlive_calls() {
    let text = r#"(module (memory (export "memory") 1)
      (func (param v128 v128) (result v128)
        (local $sum v128) (local $zero v128) (local i32)
        (local.set $sum (i8x16.add (local.get 0) (local.get 1)))
        (i16x8.sub (local.get 0) (local.get 1))
        (call 1 (f64x2.neg (local.get 0)) (i32.const 3))
        (local.set 4 (memory.grow (i32.const 0)))
        (v128.xor)
        (local.set 1 (i32x4.add (local.get $zero) (i32x4.splat (local.get 4))))
        (drop (ref.i31 (local.get 4)))
        (i64x2.add (local.get $sum))
        (i8x16.sub (local.get 1))
        (v128.xor (local.get $zero)))
      (func (param v128 i32) (result v128)
        (if (result v128) (local.get 1)
          (then
            (v128.or (local.get 0)
              (call 1 (i8x16.shl (local.get 0) (local.get 1))
                (i32.sub (local.get 1) (i32.const 1)))))
          (else (local.get 0)))))"#;
    let mut interp = Run::new(Tier::Interp, text);
    let mut jit = Run::new(Tier::Jit, text);
    let mut random = Random(3);
    for _ in 0..INPUTS {
        let args = [Val::V128(random.vector()), Val::V128(random.vector())];
        assert_eq!(jit.call(0, &args), interp.call(0, &args), "{args:x?}");
    }
}
