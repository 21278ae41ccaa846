//! Functions and segments of extreme sizes.

use wasm_encoder::{BlockType, Instruction as I, ValType};

use probity_engine::{Engine, Module, TrapCode};

use crate::encode::{leb, one_function, raw};
use crate::isolated::isolated;
use crate::ward::{Ward, Watch, Watchdog};

const STACK: usize = 256 << 10;

#[test]
fn branch_tables_of_millions_of_targets() {
    isolated("sizes::branch_tables_of_millions_of_targets", STACK, || {
        const TARGETS: u32 = 7_000_000;
        let code = |index: i32| {
            one_function(&[], &[ValType::I32], |f| {
                f.instruction(&I::Block(BlockType::Empty));
                f.instruction(&I::Block(BlockType::Empty));
                f.instruction(&I::I32Const(index));
                let targets: Vec<u32> = (0..TARGETS).map(|i| i % 2).collect();
                f.instruction(&I::BrTable(targets.into(), 0));
                f.instruction(&I::End);
                f.instruction(&I::I32Const(10));
                f.instruction(&I::Return);
                f.instruction(&I::End);
                f.instruction(&I::I32Const(11));
            })
        };
        let last = TARGETS as i32 - 1;
        for (index, expected) in [(0, 10), (1, 11), (last, 11), (last + 1, 10), (-1, 10)] {
            // The last one in every way, the others where it is quick.
            if index == last {
                Ward::default().each(code(index), |_, guest| {
                    assert_eq!(guest.i32("f", &[]), expected);
                });
            } else {
                let (mut guest, outcome) = Ward::default().instantiate(code(index), Watch::Nobody);
                outcome.expect("it instantiates");
                assert_eq!(guest.i32("f", &[]), expected, "{index}");
            }
        }
    });
}

/// The loop is made by one of the targets of a large table.
#[test]
fn a_loop_of_a_large_branch_table() {
    isolated("sizes::a_loop_of_a_large_branch_table", STACK, || {
        let code = one_function(&[], &[], |f| {
            f.instruction(&I::Loop(BlockType::Empty));
            f.instruction(&I::I32Const(54_321));
            f.instruction(&I::BrTable(vec![0; 1_000_000].into(), 1));
            f.instruction(&I::End);
        });
        Ward::fuel(10_000).each(&code, |_, guest| {
            guest.ends("f", &[], TrapCode::OutOfFuel);
        });
        Ward::interrupt(TrapCode::Timeout).each(&code, |_, guest| {
            guest.ends("f", &[], TrapCode::Timeout);
        });
    });
}

fn locals(count: u32, ty: ValType) -> Vec<u8> {
    one_function(
        &[(count - 1, ty), (1, ValType::I32)],
        &[ValType::I32],
        |f| {
            f.instruction(&I::LocalGet(count - 1));
            f.instruction(&I::LocalTee(count - 1));
            f.instruction(&I::I32Const(5));
            f.instruction(&I::I32Add);
        },
    )
}

#[test]
fn fifty_thousand_locals() {
    isolated("sizes::fifty_thousand_locals", STACK, || {
        Ward::default().each(locals(50_000, ValType::I64), |_, guest| {
            assert_eq!(guest.i32("f", &[]), 5);
        });
        // They are cleared each time.
        Ward::default().each(locals(50_000, ValType::FUNCREF), |_, guest| {
            for _ in 0..100 {
                assert_eq!(guest.i32("f", &[]), 5);
            }
        });
    });
}

/// 50,000 is the limit of implementations; a frame has at most 65,535 slots, and a
/// vector takes two.
#[test]
fn too_many_locals() {
    isolated("sizes::too_many_locals", STACK, || {
        for (code, says) in [
            (locals(50_001, ValType::I64), "too many locals"),
            (
                locals(50_000, ValType::V128),
                "frame of more than 65535 slots",
            ),
            (locals(u32::MAX, ValType::I32), "too many locals"),
        ] {
            Ward::default().each(&code, |watch, guest| {
                for _ in 0..2 {
                    let error = guest.call("f", &[]).expect_err("it is refused");
                    assert!(error.trap().is_none(), "{watch:?} {error}");
                    assert!(error.to_string().contains(says), "{watch:?} {error}");
                }
                assert_eq!(guest.i32("fine", &[]), 7);
            });
        }
        // Four billion, by many declarations of none.
        let code = one_function(&vec![(0, ValType::I32); 100_000], &[], |_| {});
        Ward::default().each(&code, |_, guest| {
            guest.call("f", &[]).expect("none is a number of locals");
        });
    });
}

/// Frames of 50,000 locals, one in the other.
#[test]
fn recursion_with_fifty_thousand_locals() {
    isolated("sizes::recursion_with_fifty_thousand_locals", STACK, || {
        let code = one_function(&[(50_000, ValType::I64)], &[], |f| {
            f.instruction(&I::Call(0));
        });
        Ward::default().each(&code, |_, guest| {
            guest.ends("f", &[], TrapCode::StackOverflow);
            assert_eq!(guest.i32("fine", &[]), 7);
        });
    });
}

/// `steps` times four operators, without a branch; gives `steps`.
fn straight_line(steps: i32) -> Vec<u8> {
    one_function(&[(1, ValType::I32)], &[ValType::I32], |f| {
        for _ in 0..steps {
            f.instruction(&I::I32Const(1));
            f.instruction(&I::LocalGet(0));
            f.instruction(&I::I32Add);
            f.raw([0x21, 0]);
        }
        f.instruction(&I::LocalGet(0));
    })
}

#[test]
fn straight_lines() {
    isolated("sizes::straight_lines", STACK, || {
        const STEPS: i32 = 150_000;
        let code = straight_line(STEPS);
        Ward::default().each(&code, |_, guest| {
            assert_eq!(guest.i32("f", &[]), STEPS);
        });
        for fuel in [1000, 300_003] {
            Ward::fuel(fuel).each(&code, |watch, guest| {
                let before = guest.store.fuel_consumed();
                guest.ends("f", &[], TrapCode::OutOfFuel);
                assert_eq!(guest.store.fuel_consumed() - before, fuel, "{watch:?}");
            });
        }
        // As long as a body may be.
        let code = straight_line(1_090_000);
        assert!(code.len() > 7 << 20);
        let (mut guest, outcome) = Ward::default().instantiate(&code, Watch::Nobody);
        outcome.expect("it instantiates");
        assert_eq!(guest.i32("f", &[]), 1_090_000);
        let fuel = 4_000_003;
        let (mut guest, outcome) = Ward::fuel(fuel).instantiate(&code, Watch::Nobody);
        outcome.expect("it instantiates");
        guest.ends("f", &[], TrapCode::OutOfFuel);
        assert_eq!(guest.store.fuel_consumed(), fuel);
    });
}

/// One byte longer than a body may be.
#[test]
fn bodies_that_are_too_long() {
    isolated("sizes::bodies_that_are_too_long", STACK, || {
        let code = one_function(&[], &[], |f| {
            f.raw(std::iter::repeat_n(0x01, 7_654_322));
        });
        let _dog = Watchdog::new(None);
        let error = Module::new(&Engine::default(), &code).map(drop);
        if error.is_ok() {
            Ward::default().each(&code, |_, guest| {
                let error = guest.call("f", &[]).expect_err("it is too long");
                assert!(error.trap().is_none(), "{error}");
            });
        }
    });
}

/// Operands on operands.
#[test]
fn many_operands() {
    isolated("sizes::many_operands", STACK, || {
        let code = |count: usize| {
            one_function(&[], &[ValType::I32], |f| {
                for _ in 0..count {
                    f.instruction(&I::I32Const(1));
                }
                for _ in 1..count {
                    f.instruction(&I::I32Add);
                }
            })
        };
        Ward::default().each(code(65_000), |_, guest| {
            assert_eq!(guest.i32("f", &[]), 65_000);
        });
        Ward::default().each(code(1_000_000), |_, guest| {
            let error = guest.call("f", &[]).expect_err("no frame is so large");
            assert!(error.to_string().contains("frame of more than"), "{error}");
        });
    });
}

fn loads(bytes: &[u8]) -> Result<Module, probity_engine::LoadError> {
    let _dog = Watchdog::new(None);
    Module::new(&Engine::default(), bytes)
}

/// A size is believed only as far as there are bytes.
#[test]
fn claimed_sizes() {
    isolated("sizes::claimed_sizes", STACK, || {
        const MEMORY: (u8, Option<u64>, &[u8]) = (5, None, &[1, 0, 1]);
        let large = leb(u32::MAX.into());
        // Of a data segment, of the number of segments, of the section.
        let mut segment = vec![1, 1];
        segment.extend(&large);
        let mut many = large.clone();
        many.extend([1, 0]);
        for section in [
            (11, None, &segment[..]),
            (11, None, &many[..]),
            (11, Some(u32::MAX.into()), &[1, 1, 0][..]),
        ] {
            let error = loads(&raw(&[MEMORY, section])).expect_err("there is less");
            assert!(error.offset().is_some(), "{error}");
        }
        // The same number of everything else that a module has.
        for id in [1, 2, 3, 4, 5, 6, 7, 9, 10, 13] {
            let error = loads(&raw(&[(id, None, &large)])).expect_err("there are none");
            assert!(error.offset().is_some(), "{id}: {error}");
            let mut padded = large.clone();
            padded.resize(100, 0);
            let error = loads(&raw(&[(id, None, &padded)])).expect_err("there are fewer");
            assert!(error.offset().is_some(), "{id}: {error}");
        }
        // A name of 4 GiB.
        let mut name = vec![1];
        name.extend(&large);
        loads(&raw(&[(7, None, &name)])).expect_err("no such name");
        // Custom sections are skipped, not believed either.
        loads(&raw(&[(
            0,
            Some(u32::MAX.into()),
            &[4, b'n', b'a', b'm', b'e'],
        )]))
        .expect_err("the module is shorter");
        // A name section that claims functions which are not there, is of no consequence.
        let mut names = vec![4, b'n', b'a', b'm', b'e', 1, 6];
        names.extend(&large);
        names.push(0);
        let module = loads(&raw(&[(0, None, &names)])).expect("a custom section");
        assert_eq!(module.name(), None);
    });
}

/// 64 MiB of data, active, into a memory that holds them and one that does not.
#[test]
fn large_data_segments() {
    isolated("sizes::large_data_segments", STACK, || {
        let mut data = vec![1, 0, 0x41, 0, 0x0b];
        data.extend(leb(64 << 20));
        data.resize(data.len() + (64 << 20), b'x');
        for (pages, fits) in [(1024_u64, true), (1023, false)] {
            let mut memory = vec![1, 0];
            memory.extend(leb(pages));
            let code = raw(&[(5, None, &memory), (11, None, &data)]);
            for watch in Watch::ALL {
                let (guest, outcome) = Ward::default().instantiate(&code, watch);
                match outcome {
                    Ok(()) => assert!(fits, "{watch:?}"),
                    Err(error) => {
                        assert!(!fits, "{watch:?}: {error}");
                        let code = error.trap().expect("a trap").code();
                        assert_eq!(code, TrapCode::MemoryOutOfBounds);
                    }
                }
                guest.finish();
            }
        }
    });
}

/// 100,000 segments is what implementations allow.
#[test]
fn many_data_segments() {
    isolated("sizes::many_data_segments", STACK, || {
        for (count, allowed) in [(100_000_u64, true), (100_001, false)] {
            let mut data = leb(count);
            for _ in 0..count {
                data.extend([0, 0x41, 0, 0x0b, 1, b'x']);
            }
            let found = loads(&raw(&[(5, None, &[1, 0, 1]), (11, None, &data)]));
            assert_eq!(found.is_ok(), allowed, "{count}");
            if let Ok(module) = found {
                let mut store = probity_engine::Store::new(module.engine(), ());
                let _dog = Watchdog::new(Some(store.interrupt_handle()));
                probity_engine::Instance::new(&mut store, &module, &[]).expect("it fits");
            }
        }
    });
}

/// Millions of elements, as indices and as expressions.
#[test]
fn large_element_segments() {
    isolated("sizes::large_element_segments", STACK, || {
        const COUNT: usize = 5_000_000;
        let types: (u8, Option<u64>, &[u8]) = (1, None, &[1, 0x60, 0, 0]);
        let functions: (u8, Option<u64>, &[u8]) = (3, None, &[1, 0]);
        let body: (u8, Option<u64>, &[u8]) = (10, None, &[1, 2, 0, 0x0b]);
        let mut table = vec![1, 0x70, 0];
        table.extend(leb(COUNT as u64));
        let mut indices = vec![1, 0, 0x41, 0, 0x0b];
        indices.extend(leb(COUNT as u64));
        indices.resize(indices.len() + COUNT, 0);
        let mut expressions = vec![1, 4, 0x41, 0, 0x0b];
        expressions.extend(leb(COUNT as u64));
        for _ in 0..COUNT {
            expressions.extend([0xd2, 0, 0x0b]);
        }
        for elements in [indices, expressions] {
            let code = raw(&[
                types,
                functions,
                (4, None, &table),
                (9, None, &elements),
                body,
            ]);
            let (guest, outcome) = Ward::default().instantiate(&code, Watch::Nobody);
            outcome.expect("it instantiates");
            guest.finish();
            // One too many for the table.
            let mut short = vec![1, 0x70, 0];
            short.extend(leb(COUNT as u64 - 1));
            let code = raw(&[
                types,
                functions,
                (4, None, &short),
                (9, None, &elements),
                body,
            ]);
            Ward::default().each_start(&code, TrapCode::TableOutOfBounds);
        }
    });
}

/// A constant expression of megabytes, in a global and as a segment's offset.
#[test]
fn long_constant_expressions() {
    isolated("sizes::long_constant_expressions", STACK, || {
        const TERMS: usize = 1_000_000;
        let mut sum = vec![0x41, 0];
        for _ in 0..TERMS {
            sum.extend([0x41, 1, 0x6a]);
        }
        sum.push(0x0b);
        // All operands first.
        let mut heap = vec![0x41, 0];
        for _ in 0..TERMS {
            heap.extend([0x41, 1]);
        }
        heap.extend(std::iter::repeat_n(0x6a, TERMS));
        heap.push(0x0b);
        for expression in [sum, heap] {
            let mut global = vec![1, 0x7f, 0];
            global.extend(&expression);
            let export = [1, 1, b'g', 3, 0];
            let code = raw(&[(6, None, &global), (7, None, &export)]);
            match loads(&code) {
                // A part of Wasm 3.0.
                Err(error) => assert!(error.offset().is_some(), "{error}"),
                Ok(_) => Ward::default().each(&code, |_, guest| {
                    let instance = guest.instance.expect("it was instantiated");
                    let g = instance.get_global(&guest.store, "g").expect("exported");
                    assert_eq!(crate::guest::i32_of(g.get(&guest.store)), TERMS as i32);
                }),
            }
        }
        // Never closed.
        let mut global = vec![1, 0x7f, 0];
        global.extend([0x41, 1].repeat(TERMS));
        loads(&raw(&[(6, None, &global)])).expect_err("it has no end");
    });
}

/// Arguments and results by the hundreds: 1,000 is what implementations allow.
#[test]
fn many_parameters_and_results() {
    isolated("sizes::many_parameters_and_results", STACK, || {
        let wat = |count: usize| {
            let types = "v128 ".repeat(count);
            format!(
                r#"(module (func $g (param {types}) (result {types}) {gets})
                     (func (export "f") (result i32)
                       {values} (call $g) {drops} (i32.const 1)))"#,
                gets = (0..count)
                    .map(|i| format!("local.get {i} "))
                    .collect::<String>(),
                values = "(v128.const i64x2 1 2)".repeat(count),
                drops = "drop ".repeat(count),
            )
        };
        Ward::default().each(wat(1000), |_, guest| {
            assert_eq!(guest.i32("f", &[]), 1);
        });
        assert!(loads(wat(1001).as_bytes()).is_err());
    });
}
