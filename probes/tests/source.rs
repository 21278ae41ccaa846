//! From code to its source: lines, functions, inlined copies; DWARF that is not what it claims.

use probity_engine::{Engine, Module, WasmPc};
use probity_probes::source::{Origin, Source, SourceMap};

/// From `inlined.c` beside it, by clang: `both` and `clamp` have no code of their own.
const INLINED: &[u8] = include_bytes!("source/inlined.wasm");

fn module(bytes: &[u8]) -> Module {
    Module::new(&Engine::default(), bytes).expect("module")
}

/// What the operators of a function are of, without repetition: the functions from the innermost
/// out, each with its line.
fn walk(source: &Source, module: &Module, index: u32) -> Vec<String> {
    let function = module.function(index).expect("function");
    let mut walk: Vec<String> = Vec::new();
    for (pc, _) in function.operators().expect("operators") {
        let frames = source.frames(index, pc);
        let frames: Vec<String> = frames
            .iter()
            .map(|frame| {
                let line = frame.place.as_ref().map_or(0, |place| place.line);
                format!("{}:{line}", frame.function)
            })
            .collect();
        let frames = frames.join(" < ");
        if walk.last() != Some(&frames) {
            walk.push(frames);
        }
    }
    walk
}

/// `run` multiplies `x` (what `clamp(x, 3)` is above 100) by `x + 1`, which is `clamp`'s by
/// way of `both`, and ends without a line.
#[test]
fn inlined_functions_are_frames() {
    let module = module(INLINED);
    let source = Source::new(&module, Origin::default());
    assert_eq!(walk(&source, &module, 1), [""]);
}
