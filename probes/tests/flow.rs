//! Control flow and counter plans against the known answers of
//! `tests/vectors/counts.json` (all features, no engine needed) and against
//! graphs worked by hand.

use std::collections::HashMap;

use probity_engine::WasmPc;
use probity_engine::wasmparser::{Operator, Parser, Payload};
use probity_probes::cfg::Cfg;
use probity_probes::flow::Flow;
use probity_probes::told::Told;
use probity_probes::wanted::Wanted;

type Body<'a> = (u32, Vec<(WasmPc, Operator<'a>)>);

/// (offset of the body, operators) of every function.
fn bodies(wasm: &[u8]) -> Vec<Body<'_>> {
    let mut bodies = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload.expect("valid") {
            let operators = body
                .get_operators_reader()
                .expect("valid")
                .into_iter_with_offsets();
            let operators = operators.map(|item| {
                let (op, offset) = item.expect("valid");
                (WasmPc(offset as u32), op)
            });
            bodies.push((body.range().start as u32, operators.collect()));
        }
    }
    bodies
}

fn cfg(wat: &str) -> Cfg {
    let wasm = wat::parse_str(wat).expect("assembles");
    Cfg::new(&bodies(&wasm)[0].1)
}

type Pairs = Vec<(u32, u32)>;

/// Blocks as ranges of operator indices, with the reachable ones' edges.
fn shape(cfg: &Cfg) -> (Pairs, Pairs) {
    let blocks = cfg.blocks().iter().map(|b| (b.start, b.end)).collect();
    let reachable = |&&(from, _): &&(u32, u32)| cfg.blocks()[from as usize].reachable;
    (
        blocks,
        cfg.edges().iter().filter(reachable).copied().collect(),
    )
}

#[test]
fn an_if_with_else() {
    // 0 local.get  1 if  2 nop  3 else  4 nop  5 nop  6 end  7 end
    // The true arm is 2..4 with its `else`; the false one 4..6; both reach 6.
    let cfg = cfg("(module (func (param i32) local.get 0 if nop else nop nop end))");
    let (blocks, edges) = shape(&cfg);
    assert_eq!(blocks, [(0, 2), (2, 4), (4, 6), (6, 8)]);
    assert_eq!(edges, [(0, 1), (0, 2), (1, 3), (2, 3)]);
}

#[test]
fn an_if_without_else() {
    // 0 local.get  1 if  2 nop  3 end  4 end: the false `if` lands on 3.
    let cfg = cfg("(module (func (param i32) local.get 0 if nop end))");
    let (blocks, edges) = shape(&cfg);
    assert_eq!(blocks, [(0, 2), (2, 3), (3, 5)]);
    assert_eq!(edges, [(0, 1), (0, 2), (1, 2)]);
}

#[test]
fn ends_that_nothing_targets_stay_inside() {
    // 0 block  1 nop  2 end  3 end
    let cfg = cfg("(module (func block nop end))");
    assert_eq!(shape(&cfg).0, [(0, 4)]);
}

#[test]
fn a_branch_to_the_outermost_label_lands_on_the_last_end() {
    // 0 local.get  1 br_if 0  2 return  3 end: `return` does not reach 3.
    let cfg = cfg("(module (func (param i32) local.get 0 br_if 0 return))");
    let (blocks, edges) = shape(&cfg);
    assert_eq!(blocks, [(0, 2), (2, 3), (3, 4)]);
    assert_eq!(edges, [(0, 1), (0, 2)]);
    assert!(cfg.blocks()[1].leaves && cfg.blocks()[2].leaves);
}

#[test]
fn dead_code_is_not_reachable() {
    // 0 block  1 br 0  2 nop  3 end  4 unreachable  5 nop  6 end
    let cfg = cfg("(module (func block br 0 nop end unreachable nop))");
    let reachable: Vec<bool> = cfg.blocks().iter().map(|b| b.reachable).collect();
    assert_eq!(shape(&cfg).0, [(0, 2), (2, 3), (3, 5), (5, 7)]);
    assert_eq!(reachable, [true, false, true, false]);
}

#[test]
fn loops_nest() {
    // 0 loop  1 block  2 loop  3 nop  4 end  5 end  6 end  7 loop  8 end  9 end
    let cfg = cfg("(module (func loop block loop nop end end end loop end))");
    let loops: Vec<_> = cfg
        .loops()
        .iter()
        .map(|l| (l.header, l.end, l.depth, l.parent))
        .collect();
    assert_eq!(
        loops,
        [(0, 6, 1, None), (2, 4, 2, Some(0)), (7, 8, 1, None)]
    );
}

#[test]
fn an_exception_lands_where_a_branch_would() {
    // 0 block  1 try_table  2 call  3 nop  4 end  5 return  6 end  7 end
    let text = "(module (func $f block (try_table (catch_all 0) call $f nop) return end))";
    let cfg = cfg(text);
    let (blocks, edges) = shape(&cfg);
    assert_eq!(blocks, [(0, 6), (6, 8)]);
    assert_eq!(edges, []);
    assert_eq!(cfg.catches(), [(0, 1)]);
    assert!(cfg.blocks()[1].reachable);
    // What only exceptions reach needs no counter.
    let flow = Flow::minimal(&cfg, &Wanted::all());
    assert_eq!((flow.counts_block(0), flow.counts_block(1)), (true, false));
    assert_eq!(flow.solve(&[7, 0, 0], &[3, 0, 0], &[0, 3, 0]), [7, 3, 7]);
}

#[test]
fn exceptions_land_on_loops_too() {
    // 0 loop  1 try_table  2 throw  3 end  4 end  5 end
    let cfg = cfg("(module (tag $e) (func loop (try_table (catch $e 0) throw $e) end))");
    assert_eq!(shape(&cfg).0, [(0, 3), (3, 6)]);
    assert_eq!(cfg.catches(), [(0, 0)]);
    assert_eq!(cfg.ways_in(0), 2);
    assert!(!cfg.blocks()[1].reachable);
}

/// Nothing inside may throw, so nothing lands; what a tail call throws is not
/// for this function any more.
#[test]
fn a_catch_of_nothing() {
    let cfg = cfg("(module (func $f block (try_table (catch_all 0) nop return_call $f) end))");
    assert_eq!(cfg.catches(), []);
    let reachable: Vec<bool> = cfg.blocks().iter().map(|b| b.reachable).collect();
    assert_eq!(reachable, [true, false]);
}

#[test]
fn branches_on_references_have_two_ways() {
    // 0 block  1 local.get  2 br_on_null 0  3 drop  4 end  5 local.get
    // 6 br_on_null 0  7 drop  8 end
    let text = "(module (func (param funcref)
        block local.get 0 br_on_null 0 drop end
        local.get 0 br_on_null 0 drop))";
    let cfg = cfg(text);
    assert_eq!(shape(&cfg).0, [(0, 3), (3, 4), (4, 7), (7, 8), (8, 9)]);
    assert_eq!(cfg.two_ways(2), Some((1, 2)));
    assert_eq!(cfg.two_ways(6), Some((3, 4)));
    assert_eq!(cfg.two_ways(1), None);
    assert_eq!(Told::by(&cfg, 2), Some(Told::Falls(2, 1)));
}

/// It never executes, though there is one other way to where it would lead.
#[test]
fn a_dead_branch_tells_nothing() {
    // 0 block  1 br 0  2 local.get  3 br_on_null 0  4 drop  5 end  6 end
    let cfg = cfg("(module (func (param funcref) block br 0 local.get 0 br_on_null 0 drop end))");
    assert_eq!(Told::by(&cfg, 3), Some(Told::Dead));
}

/// Falling and branching come to the same `end`: the counts cannot tell.
#[test]
fn two_ways_to_one_place() {
    let text = "(module (func (param anyref) (result anyref)
        block (result anyref) local.get 0 br_on_cast 0 anyref i31ref end))";
    let cfg = cfg(text);
    assert_eq!(cfg.two_ways(2), Some((1, 1)));
    assert_eq!(Told::by(&cfg, 2), None);
}

/// Counters of the least plan for the function `wat`, by block.
fn counted(wat: &str) -> Vec<bool> {
    let cfg = cfg(wat);
    let flow = Flow::minimal(&cfg, &Wanted::all());
    assert!(!flow.counts_entry());
    (0..cfg.blocks().len())
        .map(|block| flow.counts_block(block))
        .collect()
}

#[test]
fn few_counters_are_enough() {
    // A straight line needs one, at either end of it.
    assert_eq!(counted("(module (func nop))"), [true]);
    // An `if` with both arms: one arm more.
    let diamond = "(module (func (param i32) local.get 0 if nop else nop end))";
    assert_eq!(counted(diamond).iter().filter(|&&c| c).count(), 2);
    // A loop of one block: the loop, and the way in or out.
    let single = "(module (func (param i32) nop loop local.get 0 br_if 0 end))";
    assert_eq!(counted(single).iter().filter(|&&c| c).count(), 2);
}

/// A loop with a choice in each round, whose rounds alone are wanted: one counter at its header, none in the arms; with
/// its entries, one more where control comes from. All blocks need three.
#[test]
fn what_nobody_wants_needs_no_counter() {
    // 0 nop  1 loop  2 local.get  3 if  4 nop  5 else  6 nop  7 end  8 local.get  9 br_if  10 end  11 end
    let cfg = cfg("(module (func (param i32)
        nop loop local.get 0 if nop else nop end local.get 0 br_if 0 end))");
    let counted = |wanted: &Wanted| -> Vec<u32> {
        let flow = Flow::minimal(&cfg, wanted);
        assert!(!flow.counts_entry());
        let blocks = (0..cfg.blocks().len()).filter(|&block| flow.counts_block(block));
        blocks.map(|block| cfg.blocks()[block].start).collect()
    };
    let mut wanted = Wanted::nothing();
    wanted.add(&cfg, 1);
    assert_eq!(counted(&wanted), [1]);
    wanted.add(&cfg, 0);
    assert_eq!(counted(&wanted), [0, 1]);
    assert_eq!(counted(&Wanted::all()).len(), 3);
    // The entry is the same as the first block.
    let mut wanted = Wanted::nothing();
    wanted.add_entry();
    wanted.add(&cfg, 0);
    assert_eq!(counted(&wanted), [0]);
}

#[test]
fn a_body_that_is_not_valid_gives_no_panic() {
    for bytes in [&[0x0bu8, 0x0b][..], &[0x05, 0x0b], &[0x0c, 0x09, 0x0b], &[]] {
        let reader = probity_engine::wasmparser::BinaryReader::new(bytes, 0);
        let mut reader = probity_engine::wasmparser::OperatorsReader::new(reader);
        let mut operators = Vec::new();
        while let Ok((op, offset)) = reader.read_with_offset() {
            operators.push((WasmPc(offset as u32), op));
        }
        let cfg = Cfg::new(&operators);
        let flow = Flow::minimal(&cfg, &Wanted::all());
        let zeros = vec![0; cfg.blocks().len() + 1];
        assert_eq!(flow.solve(&zeros, &zeros, &zeros), zeros);
    }
    let br_far = [
        (
            WasmPc(0),
            Operator::Br {
                relative_depth: u32::MAX,
            },
        ),
        (WasmPc(1), Operator::Else),
    ];
    assert_eq!(Cfg::new(&br_far).blocks().len(), 2);
}

/// In every vector: operators of a block have equal counts up to a stop, what
/// is not reachable has 0, and the minimal plan gives back every count from
/// the blocks that it counts.
#[test]
fn known_answers() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/vectors/counts.json")).expect("json");
    let (mut blocks, mut counters) = (0, 0);
    for vector in vectors.as_array().expect("array") {
        let name = vector["name"].as_str().expect("name");
        let wasm = wat::parse_str(vector["wat"].as_str().expect("wat")).expect("assembles");
        let mut sites: HashMap<(u64, u64), u64> = HashMap::new();
        for site in vector["sites"].as_array().expect("sites") {
            let number = |at: usize| site[at].as_u64().expect("number");
            sites.insert((number(0), number(1)), number(2));
        }
        let ends_early = vector.get("trap").is_some() || name.starts_with("throw");
        for (index, (start, operators)) in bodies(&wasm).into_iter().enumerate() {
            let count = |pc: u32| sites[&(index as u64, u64::from(pc - start))];
            let cfg = Cfg::new(&operators);
            let flow = Flow::minimal(&cfg, &Wanted::all());
            let mut entered = Vec::new();
            let mut stopped = Vec::new();
            let mut caught = vec![0; cfg.blocks().len() + 1];
            for (at, block) in cfg.blocks().iter().enumerate() {
                let counts: Vec<u64> = block.instrs().map(|at| count(cfg.pcs()[at])).collect();
                let (first, last) = (counts[0], counts[counts.len() - 1]);
                assert!(ends_early || first == last, "{name} {index} {block:?}");
                assert!(block.reachable || first == 0, "{name} {index} {block:?}");
                // What ends in `unreachable` or `throw` stops there.
                let goes_on = cfg.edges().iter().any(|&(from, _)| from as usize == at);
                entered.push(first);
                let stops = match goes_on || block.leaves {
                    true => first - last,
                    false => first,
                };
                stopped.push(stops);
                // Where there is a catch in these programs, it catches all.
                let landing = cfg.catches().iter().find(|&&(from, _)| from as usize == at);
                if let Some(&(_, landing)) = landing {
                    caught[landing as usize] += stops;
                }
            }
            let known: Vec<u64> = (0..entered.len())
                .map(|at| {
                    if flow.counts_block(at) {
                        entered[at]
                    } else {
                        u64::MAX
                    }
                })
                .chain([0])
                .collect();
            stopped.push(0);
            let mut solved = flow.solve(&known, &stopped, &caught);
            solved.pop();
            assert_eq!(solved, entered, "{name} {index}");
            blocks += entered.len();
            counters += (0..entered.len())
                .filter(|&at| flow.counts_block(at))
                .count();
        }
    }
    assert!(
        counters * 3 < blocks * 2,
        "{counters} counters for {blocks} blocks"
    );
}
