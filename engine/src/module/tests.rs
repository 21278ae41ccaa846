//! Loading good, bad and cut-off input.

use super::*;
use crate::{Config, Engine, ValType, WasmVersion};

/// Something of every section.
const TEXT: &str = r#"(module $demo
  (type $t (func (param i32 i64) (result f64)))
  (import "env" "log" (func (param i32)))
  (import "env" "base" (global i32))
  (table $tab 4 8 funcref)
  (memory (export "memory") 1 2)
  (global $g (mut i64) (i64.const -5))
  (func $first (export "alias") (export "second name") (type $t)
    (local $a i32) (local $b v128) (local $c v128)
    (block (br_if 0 (local.get 0)))
    (f64.const 1))
  (func)
  (func (export "exported only") (nop))
  (start 2)
  (elem (table $tab) (offset (global.get 0)) func $first 2)
  (elem $p funcref (ref.func $first) (ref.null func))
  (data (i32.const 8) "hello")
  (data $q "passive"))"#;

fn load(input: impl AsRef<[u8]>) -> Result<Module, LoadError> {
    Module::new(&Engine::default(), input)
}

fn demo() -> Module {
    load(TEXT).expect("a valid module")
}

#[test]
fn sections_are_read() {
    let module = demo();
    let inner = &*module.inner;
    assert_eq!(
        (
            inner.num_imported_funcs,
            inner.funcs.len(),
            inner.bodies.len()
        ),
        (1, 4, 3)
    );
    assert_eq!((inner.num_imported_globals, inner.globals.len()), (1, 2));
    assert!(inner.globals[0].init.is_none() && inner.globals[1].init.is_some());
    assert_eq!(inner.tables[0].ty.maximum, Some(8));
    assert_eq!(inner.memories[0].maximum, Some(2));
    assert_eq!(inner.start, Some(2));
    assert_eq!(
        inner.type_ids[0],
        module.engine().func_type(inner.types[0].func())
    );

    assert!(matches!(
        inner.elements[0].kind,
        ElementKind::Active { table: 0, .. }
    ));
    assert!(matches!(&inner.elements[0].items, ElementItems::Funcs(f) if f[..] == [1, 2]));
    assert!(matches!(inner.elements[1].kind, ElementKind::Passive));
    assert!(matches!(&inner.elements[1].items, ElementItems::Exprs(_, e) if e.len() == 2));

    let contents = |i: usize| &inner.bytes[inner.data[i].range.clone()];
    assert!(matches!(
        inner.data[0].kind,
        DataKind::Active { memory: 0, .. }
    ));
    assert_eq!((contents(0), contents(1)), (&b"hello"[..], &b"passive"[..]));

    let imports: Vec<String> = module
        .imports()
        .map(|i| format!("{}.{}: {}", i.module, i.name, i.ty))
        .collect();
    assert_eq!(
        imports,
        ["env.log: func [i32] -> []", "env.base: global i32"]
    );
    let exports: Vec<String> = module
        .exports()
        .map(|e| format!("{} {}: {}", e.name, e.index, e.ty))
        .collect();
    assert_eq!(
        exports,
        [
            "memory 0: memory 1 2",
            "alias 1: func [i32 i64] -> [f64]",
            "second name 1: func [i32 i64] -> [f64]",
            "exported only 3: func [] -> []",
        ]
    );
    assert_eq!(inner.export("memory"), Some(ExternIndex::Memory(0)));
    assert_eq!(inner.export("second name"), Some(ExternIndex::Func(1)));
    assert_eq!(inner.export("nothing"), None);
    module.validate().expect("all bodies are valid");
    module.validate().expect("and may be validated again");
}

#[test]
fn functions_have_names_types_and_operators() {
    let module = demo();
    assert_eq!(module.name(), Some("demo"));
    let name = |i| {
        module
            .function(i)
            .and_then(|f| f.name())
            .map(|n| n.into_owned())
    };
    assert_eq!(name(0).as_deref(), Some("env.log"));
    assert_eq!(name(1).as_deref(), Some("first"));
    assert_eq!(name(2), None);
    assert_eq!(name(3).as_deref(), Some("exported only"));
    assert!(module.function(4).is_none());
    assert_eq!(module.inner.display_name(2), "func[2]");

    let import = module.function(0).expect("the import");
    assert!(import.is_import() && import.body().is_none());
    assert_eq!(import.local_types(), Ok(vec![ValType::I32]));
    assert!(import.operators().expect("no code").is_empty());

    let first = module.function(1).expect("$first");
    assert_eq!(first.num_params(), 2);
    let v = ValType::V128;
    let locals = [ValType::I32, ValType::I64, ValType::I32, v, v];
    assert_eq!(first.local_types().as_deref(), Ok(&locals[..]));
    let body = first.body().expect("defined");
    let operators = first.operators().expect("well formed");
    let names: Vec<String> = operators.iter().map(|(_, op)| format!("{op:?}")).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    assert!(
        names[0].starts_with("Block") && names[5] == "End",
        "{names:?}"
    );
    assert_eq!(operators[5].0.0 + 1, body.end);
    assert!(
        operators[0].0.0 > body.start,
        "declarations of locals come first"
    );
}

#[test]
fn every_prefix_is_an_error_with_an_offset() {
    let whole = demo().bytes().to_vec();
    // A module may end after its header or after a section.
    let mut ends = vec![8];
    for payload in wasmparser::Parser::new(0).parse_all(&whole) {
        let payload = payload.expect("a valid module");
        ends.extend(payload.as_section().map(|(_, range)| range.end as usize));
    }
    for len in (0..whole.len()).step_by(if cfg!(miri) { 7 } else { 1 }) {
        match load(&whole[..len]) {
            Ok(module) => {
                assert!(ends.contains(&len), "prefix {len}");
                module.validate().expect("accepted, so complete");
            }
            Err(error) => {
                let offset = error.offset();
                assert!(offset.is_some_and(|o| o <= len), "prefix {len}: {error}");
                assert!(!error.message().is_empty());
            }
        }
    }
}

#[test]
fn every_corrupted_byte_is_an_error_or_a_module() {
    let whole = demo().bytes().to_vec();
    let mut errors = 0;
    // Miri takes long for each module.
    let flips: &[u8] = if cfg!(miri) {
        &[0xff]
    } else {
        &[0x01, 0x80, 0xff]
    };
    for at in (0..whole.len()).step_by(if cfg!(miri) { 7 } else { 1 }) {
        for flip in flips {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            match load(&bytes) {
                Err(error) => {
                    errors += 1;
                    assert!(!error.message().is_empty());
                }
                Ok(module) => {
                    let _ = module.validate();
                    for index in 0..module.num_functions() {
                        let function = module.function(index).expect("in range");
                        let _ = (
                            function.name(),
                            function.local_types(),
                            function.operators(),
                        );
                    }
                }
            }
        }
    }
    let tried = if cfg!(miri) {
        whole.len() / 7
    } else {
        whole.len() * 3
    };
    assert!(errors > tried / 3, "only {errors} errors");
}

#[test]
fn huge_claims_are_errors_and_take_no_memory() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
    for section in 1..=12u8 {
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        bytes.extend([section, huge.len() as u8]);
        bytes.extend(huge);
        assert!(load(&bytes).is_err(), "section {section}");
    }
    // One function with four thousand million locals: malformed only once it is asked for.
    let mut bytes =
        b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x0a\x01\x08\x01".to_vec();
    bytes.extend(huge);
    bytes.extend([0x7f, 0x0b]);
    let module = load(&bytes).expect("bodies are lazy");
    let error = module
        .function(0)
        .expect("one function")
        .local_types()
        .unwrap_err();
    assert_eq!(error.message(), "too many locals");
    assert!(module.validate().is_err());
}

#[test]
fn bodies_are_validated_lazily_unless_asked() {
    let text = r#"(module (func $ok) (func $wrong (result i32) (i64.const 1)))"#;
    let error = load(text).expect("bodies are lazy").validate().unwrap_err();
    assert!(error.message().ends_with(" in function wrong"), "{error}");
    assert!(error.offset().is_some());
    let engine = Engine::new(Config::new().lazy(false));
    assert_eq!(Module::new(&engine, text).unwrap_err(), error);
    Module::new(&engine, TEXT).expect("valid");
}

#[test]
fn malformed_name_sections_are_ignored() {
    let mut bytes = load("(module (func))").expect("valid").bytes().to_vec();
    // A function subsection that claims to be longer than the section.
    bytes.extend(b"\x00\x08\x04name\x01\x7f\x01");
    let module = load(&bytes).expect("names do not matter");
    assert_eq!(module.function(0).expect("one function").name(), None);
    assert_eq!(module.name(), None);
}

#[test]
fn names_out_of_order_are_found() {
    let mut bytes = load("(module (func) (func))")
        .expect("valid")
        .bytes()
        .to_vec();
    bytes.extend(b"\x00\x0e\x04name\x01\x07\x02\x01\x01b\x00\x01a");
    let module = load(&bytes).expect("valid");
    let name = |i| module.function(i).expect("in range").name();
    assert_eq!(
        (name(0).as_deref(), name(1).as_deref()),
        (Some("a"), Some("b"))
    );
}

#[test]
fn input_that_is_no_module() {
    let check = |input: &[u8], message: &str, offset: Option<usize>| {
        let error = load(input).expect_err("no module");
        assert!(error.message().contains(message), "{error}");
        assert_eq!(error.offset(), offset, "{error}");
    };
    check(b"", "empty input", Some(0));
    check(
        b"\0asm\x0d\0\x01\0",
        "this is a component; Probity runs core modules",
        Some(4),
    );
    check(
        b"(component)",
        "this is a component; Probity runs core modules",
        Some(4),
    );
    check(b"\0asm\x02\0\0\0", "unknown binary version", Some(4));
    check(b"\0elf\x01\0\0\0", "magic", Some(0));
    check(
        b"\x7fELF\x02\xff\xfe",
        "neither a WebAssembly binary nor text",
        Some(5),
    );
    check(b"(module (func (i32.cosnt 1)))", "unknown operator", None);
    check(b"(module", "expected", None);
}

#[test]
fn features_that_are_off_are_errors() {
    let mut config = Config::new();
    let engine = Engine::new(config.wasm(WasmVersion::V2));
    let check = |engine: &Engine, text: &str, message: &str| {
        let error = Module::new(engine, text).and_then(|m| m.validate());
        let error = error.expect_err(text);
        assert!(error.message().contains(message), "{error}");
        assert!(error.offset().is_some());
    };
    check(&engine, "(module (memory 1 1 shared))", "threads");
    check(&engine, "(module (memory 1) (memory 1))", "multi");
    check(&engine, "(module (memory i64 1))", "memory64");
    check(&engine, "(module (func return_call 0))", "tail calls");
    check(&engine, "(module (tag))", "exceptions");
    check(&engine, "(module (type (struct)))", "gc");
    let all = Engine::default();
    check(
        &all,
        "(module (type (func)) (type (cont 0)))",
        "stack switching",
    );
    check(
        &all,
        "(module (global (shared i32) (i32.const 0)))",
        "shared",
    );
}

#[test]
fn files() {
    let engine = Engine::default();
    let missing = Module::from_file(&engine, "no/such/file.wasm").unwrap_err();
    assert!(missing.message().contains("no/such/file.wasm"), "{missing}");
    assert_eq!(missing.offset(), None);
    let directory = env!("CARGO_MANIFEST_DIR");
    let error = Module::from_file(&engine, directory).unwrap_err();
    assert!(error.message().contains(directory), "{error}");
}

#[test]
fn modules_are_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    let module = demo();
    shared(&module);
    shared(module.engine());
    assert!(module.same(&module.clone()));
    assert!(!module.same(&demo()));
}
