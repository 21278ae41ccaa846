//! Blocks nested deeper than any compiler makes them: nothing in the engine or in
//! the analyses recurses on them, or takes time by the square of the depth.

use wasm_encoder::{BlockType, Function, Instruction as I, ValType};

use probity_engine::TrapCode;

use crate::encode::one_function;
use crate::isolated::isolated;
use crate::ward::Ward;

/// Small: what recursed on the nesting would exhaust it.
const STACK: usize = 256 << 10;

const DEPTH: u32 = 100_000;

/// `open` is repeated, then comes `inner`, then `close`.
fn nested(open: &[I<'_>], inner: &[I<'_>], close: &[I<'_>]) -> Vec<u8> {
    let write = |f: &mut Function, part: &[I<'_>]| {
        for instruction in part {
            f.instruction(instruction);
        }
    };
    one_function(&[(1, ValType::I32)], &[], |f| {
        for _ in 0..DEPTH {
            write(f, open);
        }
        write(f, inner);
        for _ in 0..DEPTH {
            write(f, close);
        }
    })
}

fn runs(code: &[u8]) {
    Ward::fuel(10_000_000).each(code, |_, guest| {
        guest.call("f", &[]).expect("it ends by itself");
        assert_eq!(guest.i32("fine", &[]), 7);
    });
}

#[test]
fn blocks() {
    isolated("nesting::blocks", STACK, || {
        let block = I::Block(BlockType::Empty);
        runs(&nested(std::slice::from_ref(&block), &[], &[I::End]));
        // Out of all of them at once.
        runs(&nested(
            std::slice::from_ref(&block),
            &[I::Br(DEPTH)],
            &[I::End],
        ));
        runs(&nested(
            std::slice::from_ref(&block),
            &[I::Br(DEPTH - 1)],
            &[I::End],
        ));
        // Each arm of a condition at each level leaves all of them.
        let leave = [I::LocalGet(0), I::BrIf(0)];
        runs(&nested(
            &[block],
            &leave,
            &[I::LocalGet(0), I::BrIf(0), I::End],
        ));
    });
}

/// A value through every level, and an operand below each level's block.
#[test]
fn blocks_with_values() {
    isolated("nesting::blocks_with_values", STACK, || {
        let open = I::Block(BlockType::Result(ValType::I32));
        let add = [I::End, I::I32Const(1), I::I32Add];
        let sum = |leave: Option<u32>| {
            one_function(&[], &[ValType::I32], |f| {
                for _ in 0..DEPTH {
                    f.instruction(&open);
                }
                f.instruction(&I::I32Const(0));
                if let Some(label) = leave {
                    f.instruction(&I::Br(label));
                }
                for _ in 0..DEPTH {
                    for instruction in &add {
                        f.instruction(instruction);
                    }
                }
            })
        };
        Ward::default().each(sum(None), |_, guest| {
            assert_eq!(guest.i32("f", &[]), DEPTH as i32);
        });
        Ward::default().each(sum(Some(DEPTH / 2)), |_, guest| {
            assert_eq!(guest.i32("f", &[]), (DEPTH - DEPTH / 2) as i32);
        });
        // 20,000 operands at once fit a frame, 70,000 do not.
        let heap = |depth: usize| {
            one_function(&[], &[ValType::I32], |f| {
                for _ in 0..depth {
                    f.instruction(&I::I32Const(1)).instruction(&open);
                }
                f.instruction(&I::I32Const(0));
                for _ in 0..depth {
                    f.instruction(&I::End).instruction(&I::I32Add);
                }
            })
        };
        Ward::default().each(heap(20_000), |_, guest| {
            assert_eq!(guest.i32("f", &[]), 20_000);
        });
        Ward::default().each(heap(70_000), |watch, guest| {
            let error = guest.call("f", &[]).expect_err("no frame is so large");
            let text = error.to_string();
            assert!(text.contains("frame of more than"), "{watch:?} {text}");
            assert_eq!(guest.i32("fine", &[]), 7);
        });
    });
}

#[test]
fn loops() {
    isolated("nesting::loops", STACK, || {
        let open = I::Loop(BlockType::Empty);
        runs(&nested(std::slice::from_ref(&open), &[], &[I::End]));
        // To the outermost one, forever.
        let code = nested(std::slice::from_ref(&open), &[I::Br(DEPTH - 1)], &[I::End]);
        Ward::fuel(10_000).each(&code, |_, guest| {
            guest.ends("f", &[], TrapCode::OutOfFuel);
        });
        Ward::interrupt(TrapCode::Timeout).each(&code, |_, guest| {
            guest.ends("f", &[], TrapCode::Timeout);
        });
    });
}

#[test]
fn ifs() {
    isolated("nesting::ifs", STACK, || {
        let open = [I::LocalGet(0), I::If(BlockType::Empty)];
        runs(&nested(&open, &[], &[I::Else, I::End]));
        let taken = [I::I32Const(1), I::If(BlockType::Empty)];
        runs(&nested(
            &taken,
            &[I::Return],
            &[I::Else, I::Unreachable, I::End],
        ));
        // In the false arms.
        let else_if = [I::LocalGet(0), I::If(BlockType::Empty), I::Else];
        runs(&nested(&else_if, &[], &[I::End]));
    });
}

/// Nested in code that control never reaches.
#[test]
fn dead_blocks() {
    isolated("nesting::dead_blocks", STACK, || {
        for open in [I::Block(BlockType::Empty), I::Loop(BlockType::Empty)] {
            runs(&one_function(&[], &[], |f| {
                f.instruction(&I::Return);
                for _ in 0..DEPTH {
                    f.instruction(&open);
                }
                for _ in 0..DEPTH {
                    f.instruction(&I::End);
                }
            }));
        }
    });
}

/// A table of branches to every level.
#[test]
fn branch_table_over_all_levels() {
    isolated("nesting::branch_table_over_all_levels", STACK, || {
        let table = [
            I::LocalGet(0),
            I::BrTable((0..DEPTH).collect::<Vec<_>>().into(), DEPTH),
        ];
        runs(&nested(&[I::Block(BlockType::Empty)], &table, &[I::End]));
    });
}

/// Unclosed and overclosed: refused, not followed to the end of the stack.
#[test]
fn unbalanced() {
    isolated("nesting::unbalanced", STACK, || {
        let block = I::Block(BlockType::Empty);
        for code in [
            nested(std::slice::from_ref(&block), &[], &[]),
            nested(&[], &[], &[I::End]),
            nested(&[block.clone(), block], &[], &[I::End]),
        ] {
            Ward::default().each(&code, |watch, guest| {
                let error = guest.call("f", &[]).expect_err("it is invalid");
                assert!(error.trap().is_none(), "{watch:?} {error}");
                assert_eq!(guest.i32("fine", &[]), 7);
            });
        }
    });
}
