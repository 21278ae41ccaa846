//! From code to its source: lines, functions, inlined copies, source maps; and debug information
//! that is not what it claims.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use probity_engine::hook::{Probe, Site};
use probity_engine::wasmparser::Operator;
use probity_engine::{Config, Engine, Error, Linker, Module, Store, Tier, TierZeal, Val, WasmPc};
use probity_probes::source::{Base, Origin, Place, Source, SourceMap, TypeKind, Variable};

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
    let inlined = weigh.inlined().iter().map(|copy| {
        let ranges = copy.ranges.iter();
        let ranges: Vec<String> = ranges
            .map(|r| format!("{:#x}-{:#x}", r.start, r.end))
            .collect();
        let function = told(&copy.function);
        format!("{function} in {:?}: {}", copy.parent, ranges.join(" "))
    });
    assert_eq!(
        inlined.collect::<Vec<_>>(),
        [
            "both at inlined.c:10 in None: 0x61-0x73",
            "clamp at inlined.c:4 in Some(0): 0x61-0x63",
            "clamp at inlined.c:4 in Some(0): 0x6e-0x73",
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
        // What is read anew at each call, of a few operators.
        let operators = function.operators().unwrap_or_default();
        for (pc, _) in operators.iter().step_by(12) {
            let variables = source.map().map(|map| map.variables(*pc));
            for ty in variables
                .iter()
                .flatten()
                .filter_map(|variable| variable.ty)
            {
                source.map().and_then(|map| map.ty(ty));
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

/// A section of some contents, with its size in five bytes, as linkers write it.
fn section(id: u8, contents: &[u8], to: &mut Vec<u8>) {
    to.push(id);
    to.extend((0..5).map(|at| {
        let more = if at < 4 { 0x80 } else { 0 };
        ((contents.len() as u32 >> (7 * at)) & 0x7f) as u8 | more
    }));
    to.extend(contents);
}

/// A module with as much of each custom section as `keep` says (given its name and length),
/// and without those of which it keeps nothing. The rest is as it was.
fn with_custom_sections(bytes: &[u8], keep: impl Fn(&str, usize) -> Option<usize>) -> Vec<u8> {
    use probity_engine::wasmparser::{Parser, Payload};
    let mut module = bytes[..8].to_vec();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.expect("a module");
        if let Payload::CustomSection(custom) = &payload {
            if let Some(keep) = keep(custom.name(), custom.data().len()) {
                let mut contents = vec![custom.name().len() as u8];
                contents.extend(custom.name().as_bytes());
                contents.extend(&custom.data()[..keep]);
                section(0, &contents, &mut module);
            }
        } else if let Some((id, range)) = payload.as_section() {
            let contents = &bytes[range.start as usize..range.end as usize];
            section(id, contents, &mut module);
        }
    }
    module
}

/// A module with one section cut off.
fn with_section_cut(bytes: &[u8], section: &str, keep: usize) -> Vec<u8> {
    with_custom_sections(bytes, |name, len| {
        Some(if name == section { keep } else { len })
    })
}

/// Each section of the DWARF, cut off at every byte.
#[test]
fn dwarf_that_ends_early() {
    let mut cuts = 0;
    for module in [INLINED, VARIABLES] {
        for (section, range) in custom_sections(module) {
            if !section.starts_with(".debug_") {
                continue;
            }
            for keep in 0..range.len() {
                ask_everything(&with_section_cut(module, &section, keep));
                cuts += 1;
            }
        }
    }
    assert!(cuts > 1500, "{cuts}");
}

/// Each byte of the DWARF, replaced by a few others.
#[test]
fn dwarf_with_a_wrong_byte() {
    for module in [INLINED, VARIABLES] {
        let mut bytes = module.to_vec();
        for (section, range) in custom_sections(module) {
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

/// The same map in the URL itself: the section does not move what is before it.
#[test]
fn source_maps_in_the_module() {
    let engine = Engine::default();
    let plain = Module::new(&engine, "(module (func $f nop nop))").expect("module");
    let map = map_of(&plain).replace('"', "%22");
    let url = format!("data:application/json,{map}");
    assert!(url.len() < 128, "its length has one byte");
    let text = format!(
        r#"(module (func $f nop nop) (@custom "sourceMappingURL" "\{:02x}{url}"))"#,
        url.len(),
    );
    let module = Module::new(&engine, text).expect("module");
    let source = Source::new(&module, Origin::default());
    let map = source.map().expect("a source map");
    let operators = module
        .function(0)
        .expect("f")
        .operators()
        .expect("operators");
    let lines = [0, 1].map(|at| map.line(operators[at].0).map(|line| line.to_string()));
    let expected = ["a.ts:3", "a.ts:5"].map(|line| Some(line.to_owned()));
    assert_eq!(lines, expected);
    assert_eq!(source.problem(), None);
    let broken = r#"(module (func nop) (@custom "sourceMappingURL" "\0edata:;base64,*"))"#;
    let broken = Module::new(&engine, broken).expect("module");
    let source = Source::new(&broken, Origin::default());
    assert!(source.map().is_none());
    assert!(
        source
            .problem()
            .is_some_and(|problem| problem.starts_with("read the source map in the module"))
    );
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

/// The DWARF of `inlined.wasm`, in a file of its own, says of the module without it what it said
/// of the module with it.
#[test]
fn dwarf_in_another_file() {
    let dir = Dir::new("dwarf");
    let dwarf = |name: &str| name.starts_with(".debug_");
    let mut plain = with_custom_sections(INLINED, |name, len| (!dwarf(name)).then_some(len));
    section(0, b"\x13external_debug_info\x07m.dwarf", &mut plain);
    let module = module(&plain);
    let source = || {
        let path = Some(dir.0.join("m.wasm"));
        let origin = Origin {
            path,
            source_map: None,
        };
        Source::new(&module, origin)
    };
    let missing = source();
    assert_eq!(walk(&missing, &module, 1), ["run:0"]);
    let problem = missing.problem().expect("a problem");
    assert!(problem.starts_with("read debug information `"), "{problem}");

    fs::write(dir.0.join("m.dwarf"), INLINED).expect("written");
    let whole = self::module(INLINED);
    for index in 0..2 {
        let expected = walk(&Source::new(&whole, Origin::default()), &whole, index);
        // Offsets in the two differ: sections in front of the code may have other sizes.
        assert_eq!(walk(&source(), &module, index), expected);
    }
    fs::write(dir.0.join("m.dwarf"), "no module").expect("written");
    assert_eq!(walk(&source(), &module, 1), ["run:0"]);
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

/// From `variables.c` beside it, by clang -O0.
const VARIABLES: &[u8] = include_bytes!("source/variables.wasm");

/// Name, type, place, as text.
fn told(map: &SourceMap, variable: &Variable) -> String {
    let ty = variable.ty.and_then(|ty| map.ty(ty)).expect("a type");
    format!("{}: {} at {:?}", variable.name, ty.name, variable.place)
}

/// The first operator of a line in a function.
fn first_of(map: &SourceMap, module: &Module, index: u32, line: u32) -> WasmPc {
    let body = module.function(index).and_then(|f| f.body()).expect("body");
    let row = map.rows(body).find(|row| row.line == line).expect("a row");
    WasmPc(row.start)
}

/// `llvm-dwarfdump --debug-info` shows the frame in local 3 and offsets from it; the `n` of the
/// loop's body hides the parameter there, and is not in scope behind it.
#[test]
fn variables_in_scope() {
    let module = module(VARIABLES);
    let map = SourceMap::new(&module).expect("DWARF");
    let at = |line: u32| -> Vec<String> {
        let variables = map.variables(first_of(&map, &module, 1, line));
        variables
            .iter()
            .map(|variable| told(&map, variable))
            .collect()
    };
    let frame = |offset: i64| {
        let place = Place::Memory {
            base: Base::Local(3),
            offset,
        };
        format!("{place:?}")
    };
    let outer = [
        format!("n: int at {}", frame(44)),
        format!("here: point at {}", frame(16)),
        format!("colour: colour at {}", frame(12)),
        format!("sum: int at {}", frame(8)),
    ];
    assert_eq!(at(26), outer);
    let mut inner = vec![
        format!("n: int at {}", frame(0)),
        format!("i: int at {}", frame(4)),
    ];
    inner.extend(outer);
    assert_eq!(at(24), inner);
    let variables = map.variables(first_of(&map, &module, 1, 24));
    assert_eq!(
        variables.iter().map(|v| v.is_parameter).collect::<Vec<_>>(),
        [false, false, true, false, false, false]
    );
    let declared = variables[0].declared.as_ref().map(ToString::to_string);
    assert_eq!(declared.as_deref(), Some("variables.c:23"));
}

#[test]
fn types_of_variables() {
    let module = module(VARIABLES);
    let map = SourceMap::new(&module).expect("DWARF");
    let ty = |variable: &Variable| map.ty(variable.ty.expect("a type")).expect("a type");
    let variables = map.variables(first_of(&map, &module, 1, 26));
    let here = ty(&variables[1]);
    // An int, four bytes of nothing, a double, a pointer, four bytes of nothing.
    assert_eq!(here.bytes, Some(24));
    let TypeKind::Structure(members) = here.kind else {
        panic!("{here:?}");
    };
    let members: Vec<(String, u64, String, Option<u64>)> = members
        .iter()
        .map(|member| {
            let ty = map.ty(member.ty.expect("a type")).expect("a type");
            (
                member.name.to_string(),
                member.offset,
                ty.name.to_string(),
                ty.bytes,
            )
        })
        .collect();
    let member =
        |name: &str, offset, ty: &str, bytes| (name.to_owned(), offset, ty.to_owned(), Some(bytes));
    assert_eq!(
        members,
        [
            member("x", 0, "int", 4),
            member("y", 8, "double", 8),
            member("name", 16, "const char*", 4)
        ]
    );
    let named = [("RED".into(), 0), ("GREEN".into(), 5)].to_vec();
    assert_eq!(ty(&variables[2]).kind, TypeKind::Enumeration(named));
    assert_eq!(ty(&variables[3]).kind, TypeKind::Integer { signed: true });

    let parameters = map.variables(first_of(&map, &module, 0, 15));
    let (p, w) = (ty(&parameters[0]), ty(&parameters[1]));
    assert_eq!((&*p.name, p.bytes), ("point*", Some(4)));
    assert!(
        matches!(p.kind, TypeKind::Pointer(Some(to)) if map.ty(to).expect("a type").name == here.name)
    );
    assert_eq!((&*w.name, w.bytes), ("wide", Some(8)));
    let TypeKind::Alias(Some(of)) = w.kind else {
        panic!("{w:?}");
    };
    let of = map.ty(of).expect("a type");
    assert_eq!(
        (&*of.name, of.kind),
        ("unsigned long long", TypeKind::Integer { signed: false })
    );
}

/// `run(3)` is at the call of `look`: 0, 10 and 20 have been added.
#[test]
fn values_are_where_they_are_said_to_be() {
    for (tier, zeal) in [
        (Tier::Interp, TierZeal::Off),
        (Tier::Jit, TierZeal::Off),
        (Tier::Jit, TierZeal::Deopt),
    ] {
        let mut config = Config::new();
        config.tier(tier).tier_zeal(zeal);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, VARIABLES).expect("module");
        let map = SourceMap::new(&module).expect("DWARF");
        let operators = module
            .function(1)
            .expect("run")
            .operators()
            .expect("operators");
        let call = operators
            .iter()
            .find(|(_, op)| matches!(op, Operator::Call { .. }));
        let pc = call.expect("a call").0;

        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &module)
            .expect("instance");
        let run = instance.func(&store, 1).expect("run");
        let (send, frames) = std::sync::mpsc::channel();
        let probe = Probe::call(move |at| {
            send.send(at.frame().local(3))
                .map_err(|e| Error::usage(e.to_string()))
        });
        store
            .probes()
            .insert(run, Site::Before(pc), probe)
            .expect("a site");
        let run = instance
            .get_typed_func::<i32, i32>(&store, "run")
            .expect("run");
        assert_eq!(run.call(&mut store, 3).expect("a result"), 44);
        let Some(Val::I32(frame)) = frames.try_iter().next().flatten() else {
            panic!("{tier:?}: no frame");
        };
        let memory = instance.get_memory(&store, "memory").expect("memory");
        let values: Vec<(String, i32)> = map
            .variables(pc)
            .iter()
            .filter_map(|variable| {
                let Place::Memory {
                    base: Base::Local(3),
                    offset,
                } = variable.place
                else {
                    return None;
                };
                let mut bytes = [0; 4];
                let at = u64::try_from(i64::from(frame) + offset).expect("an address");
                memory.read(&store, at, &mut bytes).expect("in bounds");
                Some((variable.name.to_string(), i32::from_le_bytes(bytes)))
            })
            .collect();
        let value = |name: &str, value| (name.to_owned(), value);
        let expected = [
            value("n", 3),
            value("here", 3),
            value("colour", 5),
            value("sum", 30),
        ];
        assert_eq!(values, expected, "{tier:?}");
    }
}

/// At -O1 values are in locals, where they are anywhere.
#[test]
fn variables_of_optimised_code() {
    let module = module(INLINED);
    let map = SourceMap::new(&module).expect("DWARF");
    // The loop's last part, 0x43 behind the code section's start: `sum` has been stored to local 1.
    let variables = map.variables(WasmPc(0x38 + 0x43));
    let place = |name: &str| {
        let variable = variables.iter().find(|variable| &*variable.name == name);
        variable.map(|variable| variable.place)
    };
    assert_eq!(place("sum"), Some(Place::Local(1)));
    assert_eq!(place("nothing"), None);
    // Before the loop it is 0.
    let before = map.variables(WasmPc(0x38 + 0x0d));
    let sum = before
        .iter()
        .find(|variable| &*variable.name == "sum")
        .expect("sum");
    assert_eq!(sum.place, Place::Constant(0));
}
