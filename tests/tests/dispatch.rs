//! Threaded dispatch relies on LLVM turning calls in tail position into jumps. It does, unless a
//! local's address escapes or something has to be done after the call; then the native stack grows
//! with every instruction. This test reads its own machine code and finds such handlers.

#![cfg(target_arch = "x86_64")]

use iced_x86::{Code, Decoder, DecoderOptions, FlowControl, Instruction, OpKind, Register};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use probity_engine::{Engine, Instance, Module, Store};
use probity_interp::dispatch::THREADED;

/// Functions that call through a pointer on purpose: slow paths, and the loop that starts handlers.
const CALLERS: &[&str] = &[
    "control::prepare",
    "control::host",
    "control::native",
    "control::slow",
    "control::call_subtype",
    "tail::return_call_subtype",
    "reference::br_on_cast_func",
    "gc::ref_test_func",
    "gc::ref_cast_func",
    "probe::fire",
    "probe::steps",
    "dispatch::expired",
    "dispatch::run",
];

/// A call or jump through a register or through memory that a register points to; library
/// functions are reached through memory at a fixed distance instead.
fn through_pointer(instruction: &Instruction) -> bool {
    match instruction.op0_kind() {
        OpKind::Register => true,
        OpKind::Memory => !matches!(instruction.memory_base(), Register::RIP | Register::None),
        _ => false,
    }
}

/// Links the interpreter in.
fn run_something() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module (func (export "f") (result i32) i32.const 7))"#,
    )
    .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let f = instance.get_typed_func::<(), i32>(&store, "f").unwrap();
    assert_eq!(f.call(&mut store, ()).unwrap(), 7);
}

#[test]
fn handlers_jump_and_do_not_call() {
    run_something();
    let path = std::env::current_exe().unwrap();
    let bytes = std::fs::read(path).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let (mut handlers, mut jumps, mut wrong) = (0, 0, Vec::new());
    for symbol in file.symbols() {
        if symbol.kind() != SymbolKind::Text || symbol.size() == 0 {
            continue;
        }
        let name = format!(
            "{:#}",
            rustc_demangle::demangle(symbol.name().unwrap_or_default())
        );
        let ours =
            name.contains("probity_interp::handlers") || name.contains("probity_interp::dispatch");
        if !ours || name.contains("closure") {
            continue;
        }
        let section = file
            .section_by_index(symbol.section_index().unwrap())
            .unwrap();
        let code = section
            .data_range(symbol.address(), symbol.size())
            .unwrap()
            .unwrap();
        handlers += 1;
        for instruction in Decoder::with_ip(64, code, symbol.address(), DecoderOptions::NONE) {
            assert_ne!(instruction.code(), Code::INVALID, "{name}");
            match instruction.flow_control() {
                FlowControl::IndirectBranch if through_pointer(&instruction) => jumps += 1,
                FlowControl::IndirectCall
                    if through_pointer(&instruction)
                        && !CALLERS.iter().any(|caller| name.contains(caller)) =>
                {
                    wrong.push(name.clone());
                }
                _ => {}
            }
        }
    }
    if THREADED {
        assert!(
            handlers > 1000 && jumps >= handlers / 2,
            "{handlers} handlers, {jumps} jumps"
        );
        assert!(wrong.is_empty(), "dispatch that is a call in: {wrong:#?}");
    } else {
        // Portable dispatch returns to its loop.
        assert!(handlers > 1000, "{handlers} handlers");
    }
}
