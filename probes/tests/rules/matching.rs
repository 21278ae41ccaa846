//! Which sites a rule matches, without a run.

use probity_engine::{Engine, Module};
use probity_probes::rule::{Body, Event, Rule};

use crate::common::rule;

/// Function 1 `main` (exported), 2 `helper`, 3 without a name.
const PROGRAM: &str = r#"(module
    (import "host" "f" (func $imported (param i32)))
    (memory 1) (table 1 funcref)
    (func $main (export "main") (param i32) (result i32)
        (call $imported (i32.const 7))
        (call $helper)
        (loop $l
            (i64.store offset=16 align=2 (local.get 0) (i64.const 1))
            (br_if $l (i32.load (local.get 0))))
        (block (br_table 0 0 0 (local.get 0)))
        (i32.load8_u offset=4 (i32.const 0)))
    (func $helper
        (f32.store (i32.const 0) (f32.const 0.5))
        (call_indirect (i32.const 0)))
    (func nop))"#;

fn module(wat: &str) -> Module {
    Module::new(&Engine::default(), wat).expect("module")
}

/// `function.mnemonic` of each match; an event that is no opcode by its own name.
fn matches(module: &Module, text: &str) -> Vec<String> {
    let sites = rule(text).sites(module).expect("code that can be read");
    let names = sites.iter().map(|site| {
        let body = Body::new(module, site.func).expect("code").expect("a body");
        assert_eq!(body.operators()[site.index].0, site.pc);
        match site.event {
            Event::Opcode(opcode, _) => {
                assert_eq!(site.opcode(&body), Some(opcode));
                format!("{}.{}", site.func, opcode.mnemonic())
            }
            other => format!("{}.{other}", site.func),
        }
    });
    names.collect()
}

#[test]
fn known_sites() {
    let module = module(PROGRAM);
    for (rule, expected) in [
        ("call", &["1.call", "1.call"][..]),
        ("call*", &["1.call", "1.call", "2.call_indirect"]),
        ("*.load*", &["1.i32.load", "1.i32.load8_u"]),
        ("@load", &["1.i32.load", "1.i32.load8_u"]),
        ("@call_host|nop", &["1.call", "3.nop"]),
        ("@store", &["1.i64.store", "2.f32.store"]),
        ("*.store* / offset > 0 /", &["1.i64.store"]),
        ("* / align == 2 /", &["1.i64.store"]),
        ("* / data_size == 8 /", &["1.i64.store"]),
        ("* / memory == 0 && fid == 2 /", &["2.f32.store"]),
        ("call / target_fn_name == \"helper\" /", &["1.call"]),
        (
            "call / target_fn_type == \"import\" && imm0 == 0 /",
            &["1.call"],
        ),
        ("call / target_imp_name ~ \"f|g\" /", &["1.call"]),
        (
            "*.const / imm0 == 7 || imm0 == 0.5 /",
            &["1.i32.const", "2.f32.const"],
        ),
        (
            "br_table / num_targets == 2 && imm2 == 0 /",
            &["1.br_table"],
        ),
        ("end / fname == \"helper\" /", &["2.end"]),
        ("* / func(\"3\") /", &["3.nop", "3.end"]),
        (
            "* / func(\"main|3..\") && opidx == 0 /",
            &["1.i32.const", "3.nop"],
        ),
        ("* / fname !~ \"*\" && opname == \"nop\" /", &["3.nop"]),
        (
            "end / exported && loop_depth == 0 && opidx > 14 /",
            &["1.end"],
        ),
        (
            "* / category_name == \"store\" /",
            &["1.i64.store", "2.f32.store"],
        ),
        ("* / class ~ \"branch_*\" /", &["1.br_if", "1.br_table"]),
        ("* / in_loop && class == \"load\" /", &["1.i32.load"]),
        (
            "func:e*",
            &[
                "1.wasm:func:entry",
                "1.wasm:func:exit",
                "2.wasm:func:entry",
                "2.wasm:func:exit",
                "3.wasm:func:entry",
                "3.wasm:func:exit",
            ],
        ),
        // At whatever operator it may be: there is one for the function.
        (
            "func:trap / fid > 1 && opname == \"call_indirect\" /",
            &["2.wasm:func:trap", "3.wasm:func:trap"],
        ),
        ("fuel:tick:10 / fname == \"main\" /", &["1.wasm:fuel:tick"]),
        ("fuel:tick / fid == 99 /", &[]),
        ("exception:catch", &[]),
        (
            "loop:*",
            &["1.wasm:loop:entry", "1.wasm:loop:iter", "1.wasm:loop:back"],
        ),
        // The `br_if` of the loop and the `br_table` of the block; what is before the loop runs into it, and
        // the `br_if` into the block.
        ("edge:taken", &["1.wasm:edge:taken", "1.wasm:edge:taken"]),
        ("edge:falls", &["1.wasm:edge:falls", "1.wasm:edge:falls"]),
        (
            "memory:access / fid == 1 /",
            &["1.i64.store", "1.i32.load", "1.i32.load8_u"],
        ),
        (
            "wasm:*:entry / fid == 3 /",
            &["3.wasm:func:entry", "3.wasm:block:entry"],
        ),
        ("call / false /", &[]),
        ("call / offset == 0 /", &[]),
        ("call / fid == 99 && arg0 == 1 /", &[]),
        ("i32.add", &[]),
        ("call / line > 0 || file ~ \"*\" /", &[]),
        ("nop / arg0 == 0 || local0 == 0 /", &[]),
    ] {
        assert_eq!(matches(&module, rule), expected, "{rule}");
        let any = Rule::parse(rule)
            .expect(rule)
            .matches(&module)
            .expect("code");
        assert_eq!(any, !expected.is_empty(), "{rule}");
    }
    assert_eq!(
        matches(&module, "*").len(),
        matches(&module, "* / true /").len()
    );
}

#[test]
fn what_has_to_be_computed_is_said() {
    let module = module(PROGRAM);
    for (text, expected) in [
        ("call", [false, false]),
        ("call / fid == 1 /", [false, false]),
        ("call / local0 == 1 /", [true, true]),
        ("call / target_fid == 0 || local0 == 1 /", [false, true]),
        ("call / target_fid == 0 || arg0 == 1 /", [false, false]),
    ] {
        let sites = rule(text).sites(&module).expect("code");
        let dynamic: Vec<bool> = sites.iter().map(|site| site.is_dynamic).collect();
        // The second call has no operand, so what asks for one is false.
        let expected = match text.contains("arg0") {
            true => &expected[..1],
            false => &expected[..],
        };
        assert_eq!(dynamic, expected, "{text}");
    }
}

/// Of `lines.c`: line 8 stores in each of the loop's bodies (clang has unrolled it), line
/// 9 loads there.
#[test]
fn source_lines() {
    let bytes = include_bytes!("lines.wasm");
    let module = Module::new(&Engine::default(), bytes).expect("module");
    let (store, load) = ("0.i32.store", "0.i32.load");
    for (rule, expected) in [
        ("*.store*|*.load* / line == 8 /", vec![store; 3]),
        ("*.store*|*.load* / line == 9 /", vec![load; 3]),
        (
            "*.store*|*.load* / line >= 8 && file ~ \"*lines.c\" /",
            vec![store, load, store, load, store, load],
        ),
        (
            "return / line == 11 && file == \"src/lines.c\" /",
            vec!["0.return"],
        ),
        ("*.load* / file == \"other.c\" || line == 8 /", vec![]),
    ] {
        assert_eq!(matches(&module, rule), expected, "{rule}");
    }
    let sites = rule("return").sites(&module).expect("code");
    let lines = sites
        .iter()
        .map(|site| site.line.as_ref().map(|at| at.line));
    assert_eq!(lines.collect::<Vec<_>>(), [Some(11)]);
}

#[test]
fn a_module_that_is_malformed_is_refused() {
    let mut bytes = wat::parse_str("(module (func nop nop))").expect("text");
    let nop = bytes.len() - 2;
    bytes[nop] = 0xff;
    let module = Module::new(&Engine::default(), &bytes).expect("sections");
    let error = rule("nop").sites(&module).expect_err("no operator");
    assert!(error.to_string().contains("0x"), "{error}");
}
