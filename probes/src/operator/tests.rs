//! The text is checked by assembling it again with the `wat` crate.

use probity_engine::wasmparser::{MemArgOrdering, Parser, Payload, WasmFeatures};

use super::*;

/// A value of an immediate's type that is not a default, so that its text shows.
trait Sample: Sized {
    fn sample() -> Option<Self>;
}

macro_rules! samples {
    ($($ty:ty => $value:expr),* $(,)?) => { $(
        impl Sample for $ty {
            fn sample() -> Option<Self> { $value }
        }
    )* };
}

samples! {
    u8 => Some(1),
    u32 => Some(1),
    i32 => Some(-7),
    i64 => Some(i64::MIN),
    Ieee32 => Some(1.5f32.into()),
    Ieee64 => Some(1e300f64.into()),
    V128 => None,
    [u8; 16] => Some([0, 1, 2, 3, 4, 5, 6, 7, 31, 30, 29, 28, 27, 26, 25, 24]),
    MemArg => Some(MemArg {
        align: 0,
        max_align: 0,
        offset: 8,
        target: MemArgTarget::Memory(1),
        ordering: None::<MemArgOrdering>,
    }),
    BlockType => None,
    TryTable => None,
    ResumeTable => None,
    Ordering => Some(Ordering::SeqCst),
    ValType => Some(ValType::Ref(RefType::EXTERNREF)),
    Vec<ValType> => None,
    RefType => Some(RefType::FUNCREF),
    HeapType => Some(HeapType::FUNC),
}
impl Sample for BrTable<'_> {
    fn sample() -> Option<Self> {
        None
    }
}

macro_rules! define_all {
    ($( @$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($arity:tt)*) )*) => {
        /// Every operator whose immediates have a sample, with its proposal.
        fn all<'a>() -> Vec<(&'static str, Operator<'a>)> {
            let mut list = Vec::new();
            $( {
                let make = || -> Option<Operator<'a>> {
                    Some(Operator::$op $({ $($arg: <$ty as Sample>::sample()?),* })?)
                };
                list.extend(make().map(|op| (stringify!($proposal), op)));
            } )*
            list
        }
    };
}
wasmparser::for_each_operator!(define_all);

/// The operators of a module's last function, its final `end` left out.
fn assemble(body: &str) -> Result<Vec<String>, String> {
    let wat = format!(
        "(module (type (func)) (type (func)) (memory 1) (memory 1) (func $f) (func $g {body}))"
    );
    let wasm = wat::parse_str(&wat).map_err(|e| e.to_string())?;
    let mut parser = Parser::new(0);
    parser.set_features(WasmFeatures::all());
    let mut texts = Vec::new();
    for payload in parser.parse_all(&wasm) {
        if let Payload::CodeSectionEntry(code) = payload.map_err(|e| e.to_string())? {
            let reader = code.get_operators_reader().map_err(|e| e.to_string())?;
            texts = reader
                .into_iter()
                .map(|op| op.map(|op| text(&op)).map_err(|e| e.to_string()))
                .collect::<Result<_, _>>()?;
        }
    }
    texts.pop();
    Ok(texts)
}

#[test]
fn every_operator_assembles_to_itself() {
    let mut tried = 0;
    let mut wrong = Vec::new();
    for (proposal, operator) in all() {
        // Proposals outside Wasm 3.0 and threads, and structure that does not
        // stand alone.
        let left_out = matches!(
            proposal,
            "shared_everything_threads"
                | "custom_descriptors"
                | "stack_switching"
                | "memory_control"
                | "legacy_exceptions"
                | "acquire_release_atomics"
        ) || matches!(operator, Operator::Else | Operator::End);
        if left_out {
            continue;
        }
        tried += 1;
        let printed = text(&operator);
        match assemble(&printed) {
            // Natural alignment is unknown to a made-up MemArg.
            Ok(texts) if texts.len() == 1 && texts[0].replace(" align=1", "") == printed => {}
            Ok(texts) => wrong.push(format!("{printed}: {texts:?}")),
            Err(e) => wrong.push(format!("{printed}: {e}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried > 500, "only {tried} operators tried");
}

#[test]
fn immediates_of_every_form() {
    let lines = [
        "block (result i32)",
        "end",
        "loop (type 0)",
        "end",
        "block",
        "end",
        "br_table 0",
        "br_table 0 0 0",
        "i32.load",
        "i32.load offset=8 align=2",
        "i64.load8_s 1 offset=4294967295",
        "memory.size",
        "memory.size 1",
        "memory.copy",
        "memory.copy 1 0",
        "call_indirect (type 1)",
        "call_indirect 1 (type 0)",
        "select",
        "select (result f64)",
        "ref.null extern",
        "ref.null 0",
        "f32.const nan:0x200000",
        "f32.const -nan",
        "f64.const -inf",
        "f64.const 0.1",
        "f32.const 3.4028235e38",
        "v128.const i32x4 0x00000001 0x00000002 0xffffffff 0x80000000",
        "i8x16.extract_lane_s 15",
        "v128.load32_lane offset=4 3",
        "try_table (result i32) (catch 0 0) (catch_all_ref 0)",
        "end",
        "br_on_cast 0 anyref (ref i31)",
        "br_on_cast_fail 0 (ref null 1) nullref",
        "ref.cast (ref null exn)",
        "struct.get_s 0 1",
        "array.new_fixed 1 3",
        "array.init_elem 1 0",
        "call_ref 0",
        "throw_ref",
        "i64.mul_wide_u",
        "table.grow 1",
        "ref.test (ref null 1)",
        "i32.atomic.rmw8.cmpxchg_u offset=1",
        "memory.atomic.wait32",
    ];
    let printed = assemble(&lines.join("\n")).unwrap();
    assert_eq!(printed, lines);
}
