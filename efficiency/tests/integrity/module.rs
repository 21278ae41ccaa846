//! Modules that attack who reads them: huge, deep, or with names and results that take all of the judge's memory.

use probity_efficiency::Status;
use probity_efficiency::judge::Columns;
use probity_efficiency::result::SampleResult;
use serde_json::json;

use crate::guests::*;

fn result(text: &str) -> SampleResult {
    judged(&sum_task(), text, Columns::default())
}

/// Bytes of a result's line.
fn line_bytes(result: &SampleResult) -> usize {
    serde_json::to_string(result).expect("JSON").len()
}

#[test]
fn results_of_functions_are_limited_as_output_is() {
    let mut task = sum_task();
    task["entry"] = json!("func:f");
    let mut judged = |expected: serde_json::Value, at: u32, len: u32| {
        task["tests"] = json!([{"id": "a", "args": [], "expected": expected}]);
        let text = format!(
            "(module (memory (export \"memory\") 100)
            (func (export \"f\") (result i64) (i64.const 0x{len:08x}{at:08x})))"
        );
        let result = judged(&task, &text, Columns::default());
        (result.status, result.message.unwrap_or_default())
    };
    // 1 MiB are 131,072 integers; the memory has room for 819,200.
    let (status, message) = judged(json!([1]), 0, 800_000);
    let limit = "test a: its result is larger than 1048576 bytes";
    assert_eq!((status, &*message), (Status::Output, limit));
    assert_eq!(judged(json!("x"), 0, (1 << 20) + 1).0, Status::Output);
    assert_eq!(judged(json!([1]), 0, 131_072).0, Status::Wrong);
    // Not in its memory.
    for (at, len) in [
        (0, u32::MAX),
        (u32::MAX, u32::MAX),
        (u32::MAX, 1),
        (6_553_600, 1),
    ] {
        let (status, message) = judged(json!([1]), at, len);
        assert_eq!(status, Status::Wrong);
        assert!(
            message.contains("is not in the program's memory"),
            "{message}"
        );
    }
    assert_eq!(judged(json!([0]), 6_553_592, 1).0, Status::Ok);
    // No UTF-8, and not what is expected: said with signs in its place.
    assert_eq!(judged(json!("x"), 6_553_600, 0).0, Status::Wrong);
}

#[test]
fn allocators_that_lie_are_found_out() {
    let mut task = sum_task();
    task["entry"] = json!("func:f");
    task["tests"] = json!([{"id": "a", "args": [[1, 2, 3]], "expected": 3}]);
    let status = |alloc: &str| {
        let text = format!(
            "(module (memory (export \"memory\") 1)
            (func (export \"malloc\") (param i32) (result i32) {alloc})
            (func (export \"f\") (param i32 i32) (result i32) (local.get 1)))"
        );
        judged(&task, &text, Columns::default()).status
    };
    assert_eq!(status("(i32.const 1024)"), Status::Ok);
    assert_eq!(status("(i32.const 0)"), Status::Wrong);
    assert_ne!(status("(i32.const -8)"), Status::Ok);
    assert_ne!(status("(i32.const 65530)"), Status::Ok);
    assert_eq!(status("unreachable"), Status::Trap);
    assert_eq!(
        status("(loop $more (br $more)) (i32.const 8)"),
        Status::Fuel
    );
}

#[test]
fn long_names_stay_out_of_results() {
    // As long as names may be: of a function that traps, which messages name, and of a hot one, which `hot` names.
    let name = "n".repeat(100_000);
    let text = format!(
        "(module {PRELUDE} (func $\"{name}\" (export \"{name}\") unreachable)
        (func (export \"_start\") (call $\"{name}\")))"
    );
    let columns = Columns {
        explain: true,
        ..Columns::default()
    };
    let result = judged(&sum_task(), &text, columns);
    assert_eq!(result.status, Status::Trap);
    assert!(
        result
            .message
            .as_ref()
            .is_some_and(|text| text.contains("nnn"))
    );
    assert!(result.hot.is_some());
    assert!(line_bytes(&result) < 40_000);
    // Longer ones.
    let name = "n".repeat(10 << 20);
    let text = program_with(
        &format!("(func $\"{name}\" unreachable)"),
        &format!("(call $\"{name}\")"),
    );
    let result = judged(&sum_task(), &text, columns);
    assert!(!result.is_correct());
    assert!(line_bytes(&result) < 40_000);
}

#[test]
fn millions_of_nothing_are_read() {
    let functions = "(func)".repeat(200_000);
    let text = program_with(&functions, SLOW_SUM);
    assert_eq!(result(&text).status, Status::Ok);
    let exports: String = (0..100_000)
        .map(|n| format!("(export \"{n}\" (func $read))"))
        .collect();
    assert_eq!(result(&program_with(&exports, SLOW_SUM)).status, Status::Ok);
    // Beyond what the engine takes: refused, not run out of memory.
    let types = "(type (func))".repeat(1_100_000);
    let refused = result(&program_with(&types, SLOW_SUM));
    assert_eq!(
        refused.status,
        Status::CompileError,
        "{:?}",
        refused.message
    );
}

#[test]
fn huge_modules_and_functions_are_judged() {
    let custom = format!("(@custom \"x\" \"{}\")", "y".repeat(20 << 20));
    let huge = result(&program_with(&custom, SLOW_SUM));
    assert_eq!(huge.status, Status::Ok, "{:?}", huge.message);
    assert!(huge.wasm_bytes > Some(20 << 20));
    let long = "(local.set $s (i32.add (local.get $s) (i32.const 1)))".repeat(30_000);
    let long = format!("{long} (local.set $s (i32.const 0)) {SLOW_SUM}");
    assert_eq!(result(&program(&long)).status, Status::Ok);
    let deep = format!(
        "{} {} {SLOW_SUM}",
        "block ".repeat(20_000),
        "end ".repeat(20_000)
    );
    assert_eq!(result(&program(&deep)).status, Status::Ok);
}

#[test]
fn deep_and_broken_texts_are_refused() {
    for text in [
        "(".repeat(1_000_000),
        format!("(module {}", "(func ".repeat(1_000_000)),
        format!("(module (func {}", "(block ".repeat(100_000)),
        "(component ".repeat(100_000),
        "(component)".to_owned(),
        "\0asm".to_owned(),
        "\0asm\x0d\0\x01\0".to_owned(),
        "(;".repeat(1_000_000),
        String::new(),
        format!("(module \"{}\")", "x".repeat(10 << 20)),
        "\u{202e}(module)".to_owned(),
    ] {
        let refused = result(&text);
        let begin: String = text.chars().take(20).collect();
        assert_eq!(
            refused.status,
            Status::CompileError,
            "{begin}: {:?}",
            refused.message
        );
        assert!(line_bytes(&refused) < 20_000, "{begin}");
    }
}

#[test]
fn functions_that_are_not_valid_are_found() {
    let module = |body: &[u8]| {
        // A module of one exported function of this body, `_start`.
        let mut bytes =
            b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x0a\x01\x06_start\0\0".to_vec();
        bytes.extend([0x0a, body.len() as u8 + 3, 1, body.len() as u8 + 1, 0]);
        bytes.extend(body);
        bytes
    };
    let status = |bytes: &[u8]| {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("x.wasm"), bytes).expect("written");
        let judge = judge(TIERS[0], Columns::default());
        let mut sample = sample("");
        sample.wasm = Some("x.wasm".into());
        let result = judge.judge(&prepare(&judge, &sum_task()), &sample, dir.path());
        (result.status, result.message.unwrap_or_default())
    };
    assert_eq!(
        status(&module(b"\x0b")).0,
        Status::Wrong,
        "it prints nothing"
    );
    // `i32.add` of nothing; no end; an operator that is none.
    for body in [&b"\x6a\x1a\x0b"[..], b"\x01", b"\xff\x0b"] {
        let (refused, message) = status(&module(body));
        assert_eq!(refused, Status::CompileError, "{message}");
    }
}

#[test]
fn files_that_are_none_are_not_read() {
    let judge = judge(TIERS[0], Columns::default());
    let prepared = prepare(&judge, &sum_task());
    for path in ["/dev/zero", "/", "/no/such/file", "/dev/stdin"] {
        let mut sample = sample("");
        sample.wasm = Some(path.into());
        let result = judge.judge(&prepared, &sample, "".as_ref());
        assert_eq!(result.status, Status::Internal);
        assert!(result.message.is_some_and(|text| text.contains(path)));
    }
}
