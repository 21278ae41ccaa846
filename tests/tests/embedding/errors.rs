//! What a user reads when something fails: traps with their backtrace, modules
//! that cannot be loaded, and messages.

use probity_engine::{
    Config, Engine, ErrorKind, Linker, LoadError, Module, Store, TrapCode, Val, WasmVersion,
};

use crate::guest::{Guest, trap_code, trap_code_of};

#[test]
fn traps_carry_their_code_and_the_suites_message() {
    let mut guest = Guest::new(
        r#"(module
          (memory 1) (table 2 funcref) (elem (i32.const 0) $typed)
          (func $typed (param i64))
          (func (export "unreachable") unreachable)
          (func (export "load") (drop (i32.load (i32.const 65533))))
          (func (export "store") (i64.store offset=4294967295 (i32.const -1) (i64.const 0)))
          (func (export "fill") (memory.fill (i32.const 65535) (i32.const 0) (i32.const 2)))
          (func (export "table.get") (drop (table.get (i32.const 2))))
          (func (export "undefined") (call_indirect (i32.const 2)))
          (func (export "uninitialized") (call_indirect (i32.const 1)))
          (func (export "mismatch") (call_indirect (i32.const 0)))
          (func (export "div") (drop (i64.div_s (i64.const 1) (i64.const 0))))
          (func (export "rem") (drop (i32.rem_u (i32.const 1) (i32.const 0))))
          (func (export "overflow") (drop (i32.div_s (i32.const 0x80000000) (i32.const -1))))
          (func (export "trunc") (drop (i32.trunc_f64_s (f64.const 1e10))))
          (func (export "nan") (drop (i64.trunc_f32_u (f32.const nan)))))"#,
    );
    for (export, code, message) in [
        ("unreachable", TrapCode::Unreachable, "unreachable"),
        (
            "load",
            TrapCode::MemoryOutOfBounds,
            "out of bounds memory access",
        ),
        (
            "store",
            TrapCode::MemoryOutOfBounds,
            "out of bounds memory access",
        ),
        (
            "fill",
            TrapCode::MemoryOutOfBounds,
            "out of bounds memory access",
        ),
        (
            "table.get",
            TrapCode::TableOutOfBounds,
            "out of bounds table access",
        ),
        ("undefined", TrapCode::UndefinedElement, "undefined element"),
        (
            "uninitialized",
            TrapCode::UninitializedElement,
            "uninitialized element",
        ),
        (
            "mismatch",
            TrapCode::IndirectCallTypeMismatch,
            "indirect call type mismatch",
        ),
        (
            "div",
            TrapCode::IntegerDivideByZero,
            "integer divide by zero",
        ),
        (
            "rem",
            TrapCode::IntegerDivideByZero,
            "integer divide by zero",
        ),
        ("overflow", TrapCode::IntegerOverflow, "integer overflow"),
        ("trunc", TrapCode::IntegerOverflow, "integer overflow"),
        (
            "nan",
            TrapCode::InvalidConversionToInteger,
            "invalid conversion to integer",
        ),
    ] {
        let error = guest.call(export, &[]).expect_err(export);
        assert_eq!(trap_code_of(&error), code, "{export}");
        assert_eq!(code.message(), message);
        assert!(matches!(error.kind(), ErrorKind::Trap(_)));
        assert!(error.to_string().contains(message), "{error}");
        let trap = error.trap().expect("a trap");
        assert!(trap.message().contains(message), "{}", trap.message());

        let frame = error.backtrace().first().expect(export);
        let (at, name) = guest
            .operators(export)
            .into_iter()
            .rev()
            .find(|(_, name)| !matches!(name.as_str(), "End" | "Drop"))
            .expect("an instruction");
        assert_eq!(
            frame.pc(),
            at,
            "{export}: the trapping instruction is {name}"
        );
    }
    // Nothing of it stays behind.
    assert!(guest.call("unreachable", &[]).is_err());
}

#[test]
fn backtraces_name_functions_and_offsets_from_the_innermost() {
    let mut guest = Guest::new(
        r#"(module $app
          (table 1 funcref) (elem (i32.const 0) $leaf)
          (func $leaf (param i32) (local i64 f32) nop (drop (i32.div_u (i32.const 1) (local.get 0))))
          (func $middle (param i32) (call_indirect (param i32) (local.get 0) (i32.const 0)))
          (func (param i32) (call $middle (local.get 0)))
          (func $main (export "run") (param i32) (call 2 (i32.const 1)) (call 2 (local.get 0))))"#,
    );
    guest
        .call("run", &[Val::I32(1)])
        .expect("no division by zero");
    let error = guest.call("run", &[Val::I32(0)]).unwrap_err();
    let frames = error.backtrace();
    let names: Vec<_> = frames
        .iter()
        .map(|f| (f.func_index(), f.func_name()))
        .collect();
    assert_eq!(
        names,
        [
            (0, Some("leaf")),
            (1, Some("middle")),
            (2, None),
            (3, Some("main"))
        ]
    );
    for (frame, (operator, nth)) in frames.iter().zip([
        ("I32DivU", 0),
        ("CallIndirect", 0),
        ("Call", 0),
        ("Call", 1),
    ]) {
        let index = frame.func_index();
        let (pc, _) = crate::guest::operators(&guest.module, index)
            .into_iter()
            .filter(|(_, name)| name == operator)
            .nth(nth)
            .expect("the operator is there");
        assert_eq!(frame.pc(), pc, "function {index}");
        let body = guest.module.function(index).unwrap().body().unwrap();
        assert_eq!(frame.func_offset(), pc.0 - body.start);
        assert_eq!(frame.module_name(), Some("app"));
    }
    let text = error.to_string();
    assert!(text.contains("integer divide by zero"), "{text}");
}

#[test]
fn start_functions_trap() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        "(module (func $begin (call $deep)) (func $deep unreachable) (start $begin))",
    )
    .unwrap();
    let mut store = Store::new(&engine, ());
    let error = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .unwrap_err();
    assert_eq!(trap_code_of(&error), TrapCode::Unreachable);
    let names: Vec<_> = error.backtrace().iter().map(|f| f.func_name()).collect();
    assert_eq!(names, [Some("deep"), Some("begin")]);
}

fn eager() -> Engine {
    Engine::new(Config::new().lazy(false))
}

fn refused(engine: &Engine, bytes: impl AsRef<[u8]>) -> LoadError {
    Module::new(engine, bytes)
        .map(drop)
        .expect_err("it cannot be loaded")
}

#[test]
fn malformed_binaries_are_refused_with_an_offset() {
    let engine = eager();
    let good = Module::new(&engine, "(module (func (result i32) i32.const 1))").unwrap();
    let good = good.bytes();
    // Every prefix: an error with an offset within it, or a module of whole sections.
    for end in 0..good.len() {
        if let Err(error) = Module::new(&engine, &good[..end]) {
            assert!(!error.message().is_empty());
            if end >= 8 {
                let offset = error.offset().expect("the header is whole");
                assert!(offset <= end, "offset {offset} of {end} bytes: {error}");
                assert!(
                    error.to_string().contains(&format!("{offset:x}"))
                        || error.to_string().contains(&offset.to_string()),
                    "{error}"
                );
            }
        }
    }
    let error = refused(&engine, b"\0asm\x01\0\0\0\xff\0");
    assert!(error.offset().is_some(), "{error}");
}

#[test]
fn invalid_bodies_are_refused_at_loading_or_at_the_first_call() {
    let wat = r#"(module
      (func (export "good") (result i32) i32.const 1)
      (func (export "bad") (result i32) i64.const 1))"#;
    let at_loading = refused(&eager(), wat);

    let mut guest = Guest::new(wat);
    let found = guest
        .module
        .validate()
        .expect_err("the second body is invalid");
    assert_eq!(found.to_string(), at_loading.to_string());
    assert_eq!(found.offset(), at_loading.offset());
    assert!(found.offset().is_some());
    assert_eq!(guest.call_i32("good", &[]).unwrap(), 1);
    for _ in 0..2 {
        let error = guest.call("bad", &[]).expect_err("it is invalid");
        assert!(error.trap().is_none());
        assert!(matches!(error.kind(), ErrorKind::Load(_)), "{error}");
        assert!(error.to_string().contains(at_loading.message()), "{error}");
    }
}

#[test]
fn text_errors_say_where() {
    let error = refused(&Engine::default(), "(module\n  (func (i32.bad)))");
    assert!(error.to_string().contains("2:"), "line 2: {error}");
    assert!(error.offset().is_none());
    refused(&Engine::default(), "");
    refused(&Engine::default(), b"\xff\xfe not text either");
}

#[test]
fn components_and_later_proposals_are_refused_clearly() {
    let component = b"\0asm\x0d\0\x01\0";
    let error = refused(&eager(), component);
    assert!(error.to_string().contains("component"), "{error}");
    let error = refused(&eager(), "(module (type (func)) (type (cont 0)))");
    assert!(error.to_string().contains("stack switching"), "{error}");
    let older = Engine::new(Config::new().wasm(WasmVersion::V2));
    let error = refused(&older, "(module (memory 1) (memory 1))");
    assert!(error.to_string().contains("memor"), "{error}");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let engine = Engine::default();
    for path in ["/absent/module.wasm", "/"] {
        let error = Module::from_file(&engine, path).map(drop).expect_err(path);
        assert!(error.to_string().contains(path), "{error}");
        assert!(error.offset().is_none());
    }
}

/// Fragments that fit `failed to run: ...`: no capital, no full stop.
#[test]
fn messages_are_fragments() {
    let mut guest =
        Guest::new(r#"(module (func (export "t") unreachable) (func (export "p") (param i32)))"#);
    let engine = eager();
    let mut store = Store::new(&engine, ());
    let unlinked = Module::new(&engine, r#"(module (import "m" "n" (func)))"#).unwrap();
    let link = Linker::new(&engine)
        .instantiate(&mut store, &unlinked)
        .map(drop);
    let messages = [
        guest.call("t", &[]).unwrap_err().to_string(),
        guest.call("p", &[]).unwrap_err().to_string(),
        link.unwrap_err().to_string(),
        refused(&engine, b"\0asm\x01\0\0\0\xff\0").to_string(),
        Module::from_file(&engine, "/absent")
            .map(drop)
            .unwrap_err()
            .to_string(),
    ];
    for message in messages {
        let first = message.chars().next().expect("a message");
        assert!(!first.is_uppercase(), "{message}");
        assert!(!message.trim_end().ends_with('.'), "{message}");
    }
}

#[test]
fn errors_are_standard_errors() {
    let mut guest = Guest::new(r#"(module (func (export "t") unreachable))"#);
    let error: Box<dyn std::error::Error + Send + Sync> =
        Box::new(guest.call("t", &[]).unwrap_err());
    assert!(error.to_string().contains("unreachable"));
    assert!(!format!("{error:?}").is_empty());
    // A chain, if there is one, ends.
    let mut source = error.source();
    for _ in 0..10 {
        source = source.and_then(|error| error.source());
    }
    assert!(source.is_none());
    assert_eq!(trap_code(guest.call("t", &[])), TrapCode::Unreachable);
}
