//! The amount of work for large functions, in visits to nodes: time would depend on the machine.

use wasmparser::{BlockType, Operator as O};

use super::analyse;
use crate::jit::analysis::Analysis;

const EMPTY: BlockType = BlockType::Empty;

fn numbered(ops: impl IntoIterator<Item = O<'static>>) -> Vec<(O<'static>, u32)> {
    let pcs = 0..;
    ops.into_iter().zip(pcs).collect()
}

fn visits_per_node(analysis: &Analysis) -> f64 {
    analysis.visits as f64 / analysis.graph.len() as f64
}

/// 100,000 operators and 5,000 locals, each live over a while: two loops, with branches and calls.
#[test]
fn large_function() {
    const LOCALS: u32 = 5000;
    let mut ops = vec![O::Loop { blockty: EMPTY }; 2];
    let mut i = 0;
    while ops.len() < 100_000 {
        let local = |distance| (i * 4 + distance) % LOCALS;
        ops.extend([
            O::LocalGet {
                local_index: local(0),
            },
            O::If { blockty: EMPTY },
            O::LocalGet {
                local_index: local(2000),
            },
            O::LocalSet {
                local_index: local(2500),
            },
            O::Call { function_index: 0 },
            O::Else,
            O::LocalGet {
                local_index: local(1000),
            },
            O::LocalSet {
                local_index: local(1),
            },
            O::End,
            O::LocalGet {
                local_index: local(3),
            },
            O::BrIf {
                relative_depth: i % 3,
            },
        ]);
        i += 1;
    }
    ops.extend([O::End, O::End, O::End]);
    let ops = numbered(ops);
    let analysis = analyse(&ops, LOCALS as usize);
    // Nearly everything is live nearly everywhere here, in all 79 words.
    let words = f64::from(LOCALS.div_ceil(64));
    let per_word = visits_per_node(&analysis) / words;
    assert!(per_word < 1.5, "{per_word} visits per node and word");
    let calls = ops.iter().enumerate();
    let calls = calls.filter(|(_, (op, _))| matches!(op, O::Call { .. }));
    let live: usize = calls
        .map(|(i, _)| analysis.live_after(i).unwrap().len())
        .sum();
    assert!(live > 10_000_000, "{live}");
}

/// Locals that are used in one place each cost that place, not a pass over the function.
#[test]
fn short_lives() {
    const LOCALS: u32 = 5000;
    let mut ops = Vec::new();
    for local_index in 0..LOCALS {
        ops.extend([
            O::LocalSet { local_index },
            O::Call { function_index: 0 },
            O::BrIf { relative_depth: 0 },
            O::LocalGet { local_index },
        ]);
    }
    ops.push(O::End);
    let ops = numbered(ops);
    let analysis = analyse(&ops, LOCALS as usize);
    let per_node = visits_per_node(&analysis);
    assert!(per_node <= 1.0, "{per_node} visits per node");
    assert!((1..ops.len()).step_by(4).all(|i| {
        let live = analysis.live_after(i).unwrap();
        live.iter().eq([i as u32 / 4])
    }));
}

/// Loops in each other, 10,000 deep, all of which branch back and carry all locals around.
#[test]
fn deep_loops() {
    const DEPTH: usize = 10_000;
    let mut ops = vec![O::Loop { blockty: EMPTY }; DEPTH];
    for i in 0..DEPTH {
        let local_index = i as u32 % 64;
        ops.extend([
            O::LocalGet { local_index },
            O::LocalSet {
                local_index: (local_index + 7) % 64,
            },
            O::BrIf { relative_depth: 0 },
            O::End,
        ]);
    }
    ops.push(O::End);
    let analysis = analyse(&numbered(ops), 64);
    let per_node = visits_per_node(&analysis);
    assert!(per_node < 2.0, "{per_node} visits per node");
    let polls = analysis.loops.iter().filter(|info| info.polls);
    // The innermost one is on each way round all others.
    assert_eq!(polls.count(), 1);
}

/// `try_table`s in each other, all of which have the same label, with code at each depth.
#[test]
fn deep_handlers() {
    use wasmparser::{Catch, TryTable};
    const DEPTH: u32 = 10_000;
    let mut ops = vec![O::Block { blockty: EMPTY }];
    for label in 0..DEPTH {
        ops.push(O::TryTable {
            try_table: TryTable {
                ty: EMPTY,
                catches: vec![Catch::All { label }],
            },
        });
        ops.push(O::Call { function_index: 0 });
    }
    ops.extend((0..DEPTH).map(|_| O::End));
    ops.extend([O::End, O::LocalGet { local_index: 0 }, O::End]);
    let ops = numbered(ops);
    let analysis = analyse(&ops, 1);
    let per_node = visits_per_node(&analysis);
    assert!(per_node < 2.0, "{per_node} visits per node");
    assert!(analysis.live_after(2).unwrap().contains(0));
}

#[test]
fn sets_are_bounded_beforehand() {
    let mut ops = vec![O::Call { function_index: 0 }; 1000];
    ops.push(O::End);
    let bytes = Analysis::bytes_max(&numbered(ops), 6400, &|_| false);
    assert!((1_600_000..4_000_000).contains(&bytes), "{bytes}");
}
