//! What is wrong with a module and only found when it runs: bodies that are
//! invalid, and names that would play tricks on a terminal.

use probity_engine::{Config, Engine, Module, TrapCode, Val};
use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    Instruction as I, NameMap, NameSection, TypeSection,
};

use crate::isolated::isolated;
use crate::ward::{Ward, Watchdog};

const STACK: usize = 512 << 10;

/// `f` calls function 1, whose body is `bad`, unless its argument is 0; function 2 is `fine`.
fn calls(bad: &[u8]) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([wasm_encoder::ValType::I32], []);
    types.ty().function([], []);
    types.ty().function([], [wasm_encoder::ValType::I32]);
    let mut functions = FunctionSection::new();
    functions.function(0).function(1).function(2);
    let mut exports = ExportSection::new();
    exports.export("f", ExportKind::Func, 0);
    exports.export("bad", ExportKind::Func, 1);
    exports.export("fine", ExportKind::Func, 2);
    let mut code = CodeSection::new();
    let mut f = Function::new([]);
    for instruction in [
        I::LocalGet(0),
        I::If(wasm_encoder::BlockType::Empty),
        I::Call(1),
        I::End,
        I::End,
    ] {
        f.instruction(&instruction);
    }
    let mut body = Function::new([]);
    body.raw(bad.iter().copied());
    let mut fine = Function::new([]);
    fine.instruction(&I::I32Const(7)).instruction(&I::End);
    code.function(&f).function(&body).function(&fine);
    let mut module = wasm_encoder::Module::new();
    module
        .section(&types)
        .section(&functions)
        .section(&exports)
        .section(&code);
    module.finish()
}

/// Each is refused at its first call, every time, and everything else works.
#[test]
fn invalid_bodies_are_errors_of_their_call() {
    isolated(
        "late::invalid_bodies_are_errors_of_their_call",
        STACK,
        || {
            let bodies: [&[u8]; 9] = [
                &[0x6a, 0x0b],                         // i32.add without operands
                &[0x41, 0x01, 0x0b],                   // a value too many
                &[0x20, 0x05, 0x1a, 0x0b],             // no such local
                &[0x10, 0xff, 0x7f, 0x0b],             // no such function
                &[0x0c, 0xff, 0xff, 0x03, 0x0b],       // no such label
                &[0x02, 0x40],                         // no end
                &[0xff, 0x0b],                         // no such operator
                &[0x41],                               // half of one
                &[0x0e, 0xff, 0xff, 0xff, 0x0f, 0x0b], // a table of 2^28 labels, which are not there
            ];
            for bad in bodies {
                let bytes = calls(bad);
                Ward::default().each(&bytes, |watch, guest| {
                    guest.call("f", &[Val::I32(0)]).expect("it is not called");
                    for _ in 0..2 {
                        for (export, args) in [("f", &[Val::I32(1)][..]), ("bad", &[])] {
                            let error = guest.call(export, args).expect_err("it is invalid");
                            assert!(error.trap().is_none(), "{watch:?} {bad:x?}: {error}");
                            let text = error.to_string();
                            assert!(text.contains("0x"), "{watch:?}: no offset in {text}");
                        }
                        assert_eq!(guest.i32("fine", &[]), 7);
                    }
                });
                let mut config = Config::new();
                config.lazy(false);
                let error = Module::new(&Engine::new(&config), &bytes).expect_err("it is invalid");
                assert!(error.offset().is_some(), "{error}");
            }
        },
    );
}

/// Names of escape sequences, of 100,000 bytes, empty, and of other alphabets.
#[test]
fn names_that_play_tricks() {
    isolated("late::names_that_play_tricks", STACK, || {
        let long = "x\u{1b}[2J".repeat(15_000);
        for name in [
            "\u{1b}[31m\u{1b}]0;owned\u{7}\r\n\0\u{8}",
            "",
            "\u{202e}gnp.exe\u{feff}\u{200b}",
            &long,
        ] {
            let mut types = TypeSection::new();
            types.ty().function([], []);
            let mut imports = ImportSection::new();
            imports.import(name, name, EntityType::Function(0));
            let mut functions = FunctionSection::new();
            functions.function(0);
            let mut exports = ExportSection::new();
            exports.export(name, ExportKind::Func, 1);
            let mut code = CodeSection::new();
            let mut body = Function::new([]);
            body.instruction(&I::Call(0)).instruction(&I::End);
            code.function(&body);
            let mut names = NameSection::new();
            names.module(name);
            let mut functions_named = NameMap::new();
            functions_named.append(1, name);
            names.functions(&functions_named);
            let mut module = wasm_encoder::Module::new();
            module
                .section(&types)
                .section(&imports)
                .section(&functions)
                .section(&exports)
                .section(&code)
                .section(&names);
            let bytes = module.finish();

            let _dog = Watchdog::new(None);
            let ward = Ward::default();
            let module = ward.module(&bytes);
            let mut store = probity_engine::Store::new(module.engine(), ());
            let mut linker = probity_engine::Linker::new(module.engine());
            let error = linker
                .instantiate(&mut store, &module)
                .expect_err("nothing defines the import");
            check_text(&error.to_string());
            linker
                .func_wrap(name, name, || -> Result<(), probity_engine::Error> {
                    Err(TrapCode::Unreachable.into())
                })
                .expect("the first definition");
            let instance = linker.instantiate(&mut store, &module).expect("it links");
            let f = instance.get_func(&store, name).expect("exported");
            let error = f.call(&mut store, &[], &mut []).expect_err("it traps");
            assert_eq!(error.backtrace().len(), 1);
            check_text(&error.to_string());
        }
    });
}

/// What is written to a terminal is lines of text.
fn check_text(text: &str) {
    let odd = text.chars().find(|&c| c.is_control() && c != '\n');
    assert_eq!(odd, None, "{text:?}");
}
