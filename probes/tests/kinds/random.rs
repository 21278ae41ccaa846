//! Blocks, edges and back-edges of random functions against what a trace of every operator says: control has
//! taken an edge if the one before was the last of its block.

use std::collections::BTreeMap;

use probity_engine::hook::{Counters, Probe, Site};
use probity_engine::{Func, Store, Tier, TierZeal, TrapCode};
use probity_probes::cfg::Cfg;
use probity_probes::kinds;
use probity_probes::rule::Rule;

use crate::generated::{Random, Words, body};
use crate::guest::{Seen, WAYS, Way, guest};

const SEEDS: u64 = 300;

/// Enough for some hundred blocks; most loops would not end.
const FUEL: u64 = 1500;

fn program(seed: u64) -> String {
    let mut text = String::from(
        r#"(module (tag) (global $seed (mut i32) (i32.const 1)) (elem declare func 0)
        (func (export "f") "#,
    );
    let words = Words {
        number: "call $bits",
        reference: "call $ref",
    };
    body(&mut Random(seed), &mut text, words, 1, 4);
    text.push_str(
        r#")
        (func $bits (result i32)
            (global.set $seed
                (i32.add (i32.mul (global.get $seed) (i32.const 1103515245)) (i32.const 12345)))
            (i32.and (i32.shr_u (global.get $seed) (i32.const 16)) (i32.const 3)))
        (func $ref (result funcref)
            (if (result funcref) (call $bits) (then (ref.func 0)) (else (ref.null func)))))"#,
    );
    text
}

/// What a trace has.
enum Step {
    /// A frame is entered.
    Enters(usize),
    /// A frame is at the operator of this index.
    At(usize, usize),
    /// The function goes on where it has caught an exception.
    Caught,
}

/// A call, which a limit ends if nothing else does; whether it has.
fn call(store: &mut Store<()>, func: Func) -> bool {
    store.set_fuel_limit(Some(FUEL));
    let ended = func.call(store, &[], &mut []);
    let trap = ended.err().and_then(|error| Some(error.trap()?.code()));
    trap == Some(TrapCode::OutOfFuel)
}

/// Blocks, and edges between them, of a call in the interpreter.
fn traced(wat: &str) -> (Cfg, Vec<usize>, Vec<(usize, usize)>) {
    let (mut store, instance, module) = guest((Tier::Interp, TierZeal::Off), wat);
    let func = instance.get_func(&store, "f").expect("f");
    let function = module.function(0).expect("f");
    let operators = function.operators().expect("its body");
    let cfg = Cfg::new(&operators);

    let steps = Seen::default();
    let (to_ops, to_entries, to_catches) = (steps.clone(), steps.clone(), steps.clone());
    let of = cfg.clone();
    store.probes().insert_global(Probe::call(move |context| {
        if let (0, Some(at)) = (context.func_index(), of.index_of(context.pc())) {
            to_ops.push(Step::At(context.frame().stack_offset(), at));
        }
        Ok(())
    }));
    let entry = Probe::call(move |context| {
        to_entries.push(Step::Enters(context.frame().stack_offset()));
        Ok(())
    });
    let placed = store.probes().insert(func, Site::Entry, entry);
    placed.expect("a site");
    store.probes().on_unwind(move |probes, _, _| {
        if probes.caught_at().is_some() {
            to_catches.push(Step::Caught);
        }
    });
    call(&mut store, func);

    let (mut blocks, mut edges) = (Vec::new(), Vec::new());
    // By frame; those further in are gone when one further out goes on.
    let mut before = BTreeMap::new();
    let mut caught = false;
    for step in steps.take() {
        match step {
            Step::Enters(frame) => drop(before.remove(&frame)),
            Step::Caught => caught = true,
            Step::At(frame, at) => {
                drop(before.split_off(&(frame + 1)));
                let (block, start) = (cfg.block_of(at), cfg.blocks()[cfg.block_of(at)].start);
                if start as usize == at {
                    blocks.push(block);
                }
                let last = before.insert(frame, at);
                if let Some(last) = last.filter(|_| !std::mem::take(&mut caught)) {
                    let from = cfg.block_of(last);
                    match cfg.blocks()[from].end as usize == last + 1 {
                        true => edges.push((from, block)),
                        false => assert_eq!(at, last + 1, "{wat}"),
                    }
                }
            }
        }
    }
    (cfg, blocks, edges)
}

/// The same as the kinds tell it, with the ways back; and whether a limit has ended it.
type Told = (Vec<usize>, Vec<(usize, usize)>, Vec<(usize, usize)>, bool);

fn told(way: Way, wat: &str) -> Told {
    let (mut store, instance, _) = guest(way, wat);
    let func = instance.get_func(&store, "f").expect("f");
    let (blocks, edges, back) = (Seen::default(), Seen::default(), Seen::default());
    let (to_blocks, to_edges, to_back) = (blocks.clone(), edges.clone(), back.clone());
    let falls = Counters::new(2);
    let by_way = falls.clone();
    let watches = [
        kinds::blocks(move |_, block| {
            to_blocks.push(block.index);
            Ok(())
        }),
        kinds::edges(move |_, edge| {
            by_way.add(usize::from(edge.way == kinds::Way::Falls), 1);
            to_edges.push((edge.from, edge.to));
            Ok(())
        }),
        kinds::back_edges(move |_, edge| {
            to_back.push((edge.from, edge.to));
            Ok(())
        }),
    ];
    for watch in watches {
        let placed = watch.instrument(&mut store.probes(), func);
        placed.expect("sites");
    }
    // Rules say the same, counted in place and not.
    let rules = ["edge:taken", "edge:falls"].map(|event| {
        let rule = Rule::parse(&format!("wasm:{event} {{ count; sum(1) }}"));
        let watcher = rule.expect("a rule").watcher();
        let placed = watcher.instrument(&mut store.probes(), func);
        placed.expect("sites");
        watcher
    });
    let limited = call(&mut store, func);
    for (way, rule) in rules.iter().enumerate() {
        for action in rule.results().actions {
            assert_eq!(action.total.count, falls.get(way), "{} {wat}", action.text);
        }
    }
    (blocks.take(), edges.take(), back.take(), limited)
}

#[test]
fn random_functions() {
    let (mut all, mut all_back) = (0, 0);
    for seed in 0..SEEDS {
        let wat = program(seed);
        let (cfg, blocks, edges) = traced(&wat);
        let mut once_more = None;
        for way in WAYS {
            let (told_blocks, mut told_edges, told_back, limited) = told(way, &wat);
            assert_eq!(told_blocks, blocks, "seed {seed} {way:?} {wat}");
            // A limit may end it between a branch and where that leads, and then does so in every way.
            let more = limited && told_edges.len() == edges.len() + 1;
            let more = told_edges.pop_if(|_| more);
            assert_eq!(*once_more.get_or_insert(more), more, "seed {seed} {way:?}");
            assert_eq!(told_edges, edges, "seed {seed} {way:?} {wat}");
            told_edges.extend(more);
            let is_back = |&(from, to): &(usize, usize)| {
                let header = cfg
                    .loops()
                    .iter()
                    .any(|l| cfg.block_of(l.header as usize) == to);
                header && to <= from
            };
            let back: Vec<_> = told_edges.into_iter().filter(is_back).collect();
            assert_eq!(told_back, back, "seed {seed} {way:?} {wat}");
            all_back += back.len();
        }
        all += edges.len();
    }
    assert!(
        all > 5_000 && all_back > 2_000,
        "{all} edges, {all_back} back"
    );
}
