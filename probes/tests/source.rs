//! From code to its source: lines, functions, inlined copies, source maps; and debug information
//! that is not what it claims.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;

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

/// `run` multiplies `x`, which is `clamp(x, 3)` above 100, by `x + 1`, which is the other
/// `clamp` in `both`. The line table has no line for what was moved or made up. Offsets of both are
/// those that `llvm-dwarfdump` shows, 0x38 less.
#[test]
fn inlined_functions_are_frames() {
    let module = module(INLINED);
    let source = Source::new(&module, Origin::default());
    let expected = [
        "run:21",
        "run:22",
        "run:0",
        "clamp:0 < both:11 < run:23",
        "both:11 < run:23",
        "run:25",
        "run:0",
        "run:24",
        "run:25",
    ];
    assert_eq!(walk(&source, &module, 1), expected);
    // That of the `return`, which is what had a line last; of `clamp(x + 1, 5)`; of the call of `both`.
    let frames = source.frames(1, WasmPc(0x9a));
    let columns: Vec<u32> = frames.iter().map(|frame| frame.column).collect();
    assert_eq!(columns, [9, 26, 16]);
}

#[test]
fn functions_are_declared_somewhere() {
    let module = module(INLINED);
    let map = SourceMap::new(&module).expect("DWARF");
    let weigh = map.function(WasmPc(0x3d)).expect("weigh");
    let told = |function: &probity_probes::source::SourceFunction| {
        let place = function.place.as_ref().map(ToString::to_string);
        format!("{} at {}", function.name, place.unwrap_or_default())
    };
    assert_eq!(told(weigh.function()), "weigh at inlined.c:14");
    let inlined: Vec<(String, Option<u32>, &[Range<u32>])> = weigh
        .inlined()
        .iter()
        .map(|copy| (told(&copy.function), copy.parent, &*copy.ranges))
        .collect();
    let at = |start: u32, end: u32| [0x38 + start..0x38 + end];
    let (both, low, high) = (at(0x29, 0x3b), at(0x29, 0x2b), at(0x36, 0x3b));
    assert_eq!(
        inlined,
        [
            ("both at inlined.c:10".to_owned(), None, &both[..]),
            ("clamp at inlined.c:4".to_owned(), Some(0), &low[..]),
            ("clamp at inlined.c:4".to_owned(), Some(0), &high[..]),
        ]
    );
    assert!(map.function(WasmPc(0)).is_none());
}

/// Every line that has code: 4 to 8 have none of their own, as the line table has it.
#[test]
fn lines_with_code() {
    let module = module(INLINED);
    let map = SourceMap::new(&module).expect("DWARF");
    let mut lines: Vec<u32> = (0..module.num_functions())
        .filter_map(|index| module.function(index)?.body())
        .flat_map(|body| map.rows(body).map(|row| row.line).collect::<Vec<_>>())
        .filter(|&line| line > 0)
        .collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines, [11, 14, 16, 17, 18, 21, 22, 24, 25]);
}

/// Everything that can be asked, of every operator.
fn ask_everything(bytes: &[u8]) {
    let Ok(module) = Module::new(&Engine::default(), bytes) else {
        return;
    };
    let source = Source::new(&module, Origin::default());
    for index in 0..module.num_functions() {
        let Some(function) = module.function(index) else {
            continue;
        };
        for (pc, _) in function.operators().unwrap_or_default() {
            assert!(!source.frames(index, pc).is_empty());
            if let Some(map) = source.map() {
                map.line(pc);
            }
        }
        if let (Some(map), Some(body)) = (source.map(), function.body()) {
            for row in map.rows(body.clone()) {
                assert!(body.start <= row.start && row.start < row.end && row.end <= body.end);
            }
        }
    }
}

/// Name and place in the module of the contents of each custom section.
fn custom_sections(bytes: &[u8]) -> Vec<(String, Range<usize>)> {
    use probity_engine::wasmparser::{Parser, Payload};
    let payloads = Parser::new(0).parse_all(bytes);
    let sections = payloads.filter_map(|payload| match payload.expect("a module") {
        Payload::CustomSection(section) => {
            let at = section.data().as_ptr() as usize - bytes.as_ptr() as usize;
            let range = at..at + section.data().len();
            Some((section.name().to_owned(), range))
        }
        _ => None,
    });
    sections.collect()
}

/// A module with a section cut off: the rest of the module is as it was.
fn with_section_cut(bytes: &[u8], section: &str, keep: usize) -> Vec<u8> {
    use probity_engine::wasmparser::{Parser, Payload};
    let mut cut = bytes[..8].to_vec();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.expect("a module");
        match &payload {
            Payload::CustomSection(custom) if custom.name() == section => {
                let mut contents = vec![section.len() as u8];
                contents.extend(section.as_bytes());
                contents.extend(&custom.data()[..keep]);
                // A size in five bytes, as linkers write it.
                let size = contents.len() as u32;
                cut.push(0);
                cut.extend((0..5).map(|at| {
                    let more = if at < 4 { 0x80 } else { 0 };
                    ((size >> (7 * at)) & 0x7f) as u8 | more
                }));
                cut.extend(contents);
            }
            payload => {
                if let Some((id, range)) = payload.as_section() {
                    cut.push(id);
                    let size = range.end - range.start;
                    cut.extend((0..5).map(|at| {
                        let more = if at < 4 { 0x80 } else { 0 };
                        ((size >> (7 * at)) & 0x7f) as u8 | more
                    }));
                    cut.extend(&bytes[range.start as usize..range.end as usize]);
                }
            }
        }
    }
    cut
}

/// Each section of the DWARF, cut off at every byte.
#[test]
fn dwarf_that_ends_early() {
    ask_everything(&with_section_cut(INLINED, ".debug_info", 0));
    let mut cuts = 0;
    for (section, range) in custom_sections(INLINED) {
        if !section.starts_with(".debug_") {
            continue;
        }
        for keep in 0..range.len() {
            ask_everything(&with_section_cut(INLINED, &section, keep));
            cuts += 1;
        }
    }
    assert!(cuts > 500, "{cuts}");
}

/// Each byte of the DWARF, replaced by a few others.
#[test]
fn dwarf_with_a_wrong_byte() {
    let mut bytes = INLINED.to_vec();
    for (section, range) in custom_sections(INLINED) {
        if !section.starts_with(".debug_") {
            continue;
        }
        for at in range {
            let right = bytes[at];
            for wrong in [0x00, 0x7f, 0x80, 0xff, right ^ 1, right.wrapping_add(1)] {
                bytes[at] = wrong;
                ask_everything(&bytes);
            }
            bytes[at] = right;
        }
    }
}

/// A directory of one test, removed at its end.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let name = format!("probity-source-{name}-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).expect("a directory");
        Dir(dir)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `f` is `nop`, `nop`, `end`, of a module whose section `sourceMappingURL` names `m.map`.
const MAPPED: &str = r#"(module (func $f nop nop)
    (@custom "sourceMappingURL" "\05m.map"))"#;

/// The first `nop` is of line 3, the second of line 5; the `end` is of none.
fn map_of(module: &Module) -> String {
    let (first, _) = module
        .function(0)
        .expect("f")
        .operators()
        .expect("operators")[0];
    // In base 64: A is 0, C is 1, E is 2, K is 5. Offsets below 16 are one digit.
    let digit = |number: u32| char::from(b"ACEGIKMOQSUWYace"[number as usize]);
    let offset = match first.0 {
        at @ 0..16 => digit(at).to_string(),
        at => {
            let value = at << 1;
            let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let low = digits[(value & 31 | 32) as usize];
            let high = digits[(value >> 5) as usize];
            format!("{}{}", char::from(low), char::from(high))
        }
    };
    format!(r#"{{"version":3,"sources":["a.ts"],"names":[],"mappings":"{offset}AEA,CAEA,C"}}"#)
}

#[test]
fn source_maps_beside_the_module() {
    let dir = Dir::new("map");
    let module = Module::new(&Engine::default(), MAPPED).expect("module");
    let path = Some(dir.0.join("m.wasm"));
    let origin = Origin {
        path,
        source_map: None,
    };
    // The map is not there: said, and no more.
    let source = Source::new(&module, origin.clone());
    assert_eq!(walk(&source, &module, 0), ["f:0"]);
    let problem = source.problem().expect("a problem");
    assert!(
        problem.starts_with("read source map `") && problem.contains("m.map"),
        "{problem}"
    );

    fs::write(dir.0.join("m.map"), map_of(&module)).expect("written");
    let source = Source::new(&module, origin);
    assert_eq!(walk(&source, &module, 0), ["f:3", "f:5", "f:0"]);
    assert_eq!(source.problem(), None);
}

#[test]
fn source_maps_of_the_user() {
    let dir = Dir::new("given");
    let file = dir.0.join("other.map");
    let module = module(INLINED);
    fs::write(
        &file,
        r#"{"version":3,"sources":["b.ts"],"mappings":"AACA"}"#,
    )
    .expect("written");
    let origin = Origin {
        path: None,
        source_map: Some(file),
    };
    // Whatever the module's DWARF says: everything is of line 2, and functions have their names.
    let source = Source::new(&module, origin);
    assert_eq!(walk(&source, &module, 0), ["weigh:2"]);
}
