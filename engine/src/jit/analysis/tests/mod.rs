//! Sets worked out by hand, a comparison with a slow and obvious analysis, and the amount of work.

mod random;
mod reference;
mod work;

use wasmparser::{Operator, Parser, Payload};

use super::{Analysis, LocalSet};

/// The function that checks when it is called. Others do not.
const CHECKS: u32 = 1;

/// What every test's module has: a function that does not check, and one that does.
const PRELUDE: &str = "
    (type $t (func)) (type $s (struct)) (table 1 funcref) (memory 1) (tag $e) (tag $v (param i32))
    (func $leaf) (func $checks)";

/// The module with a function of these contents, which come behind its name.
fn module(func: &str) -> Vec<u8> {
    let text = format!("(module {PRELUDE} (func $f {func}))");
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Operators of the last function, and the number of its locals.
fn body(wasm: &[u8]) -> (Vec<(Operator<'_>, u32)>, usize) {
    let (mut params, mut types, mut found) = (0, Vec::new(), None);
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.unwrap() {
            Payload::TypeSection(section) => {
                let groups = section.into_iter().map(Result::unwrap);
                types.extend(groups.flat_map(|group| group.into_types()));
            }
            Payload::FunctionSection(section) => {
                let ty = section.into_iter().last().unwrap().unwrap();
                params = types[ty as usize].unwrap_func().params().len();
            }
            Payload::CodeSectionEntry(body) => found = Some(body),
            _ => {}
        }
    }
    let body = found.unwrap();
    let locals = body.get_locals_reader().unwrap().into_iter();
    let locals: usize = locals.map(|local| local.unwrap().0 as usize).sum();
    let ops = body
        .get_operators_reader()
        .unwrap()
        .into_iter_with_offsets();
    let ops = ops.map(|op| op.map(|(op, at)| (op, at as u32)).unwrap());
    (ops.collect(), params + locals)
}

/// A few operators that leave to the engine.
fn wants(op: &Operator<'_>) -> bool {
    use Operator as O;
    matches!(op, O::MemoryGrow { .. } | O::Throw { .. } | O::ThrowRef)
}

fn analyse(ops: &[(Operator<'_>, u32)], locals: usize) -> Analysis {
    Analysis::new(ops, locals, &|func| func == CHECKS, &wants)
}

/// What a test expects of one function; everything in program order.
#[derive(Default)]
struct Expect<'a> {
    /// Locals live behind each call, and each operator that was asked for.
    calls: &'a [&'a [u32]],
    /// Locals live at the header of each loop.
    loops: &'a [&'a [u32]],
    /// Which loops poll.
    polls: &'a [bool],
}

fn check(func: &str, expect: &Expect<'_>) {
    let wasm = module(func);
    wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all())
        .validate_all(&wasm)
        .unwrap_or_else(|error| panic!("{error}\n{func}"));
    let (ops, locals) = body(&wasm);
    let analysis = analyse(&ops, locals);
    let (mut calls, mut loops, mut polls) = (Vec::new(), Vec::new(), Vec::new());
    let locals = |set: Option<&LocalSet>| set.unwrap().iter().collect::<Vec<_>>();
    for (i, (op, _)) in ops.iter().enumerate() {
        if matches!(op, Operator::Loop { .. }) {
            loops.push(locals(analysis.live_before(i)));
            polls.push(analysis.loop_info(i).polls);
        } else if super::is_point(op, &wants) {
            calls.push(locals(analysis.live_after(i)));
        }
    }
    assert_eq!(calls, expect.calls, "behind calls in {func}");
    assert_eq!(loops, expect.loops, "at loops in {func}");
    assert_eq!(polls, expect.polls, "polls in {func}");
}

#[test]
fn straight() {
    // Behind the first call 1 is read before it is written; 0 is written first. Behind the second
    // nothing is read that was not written behind it.
    check(
        "(param i32 i32) (result i32)
         local.get 0 drop
         call $leaf
         local.get 1 local.set 0
         local.get 0
         call $leaf
         local.tee 1
         local.get 1
         i32.add",
        &Expect {
            calls: &[&[1], &[]],
            ..Expect::default()
        },
    );
}

/// What is kept in its slot: for each local, twice its stores at most as many sites.
fn kept(func: &str, all: bool) -> Vec<bool> {
    let wasm = module(func);
    let (ops, locals) = body(&wasm);
    analyse(&ops, locals).kept_locals(&ops, locals, all)
}

#[test]
fn locals_that_are_live_at_many_sites_are_kept() {
    // 0 is live at the entry (a store) and at two sites; 1 likewise, and set once more; 2 is never live;
    // 3 is set before the one site at which it is live.
    let straight = "(param i32 i32 i32) (local i32)
        call $leaf
        i32.const 1 local.set 3
        call $leaf
        local.get 0 drop local.get 1 drop
        i32.const 2 local.set 1
        local.get 3 drop";
    assert_eq!(kept(straight, false), [true, false, true, false]);
    // Where all locals matter everywhere, all are stored at the entry, and 1 and 3 once more.
    assert_eq!(kept(straight, true), [true, false, true, false]);
    // Inside of a loop is eight times as often as outside: 0 is set outside and live inside, 1 is the
    // other way about.
    let loops = "(param i32 i32)
        (loop $l
          call $leaf
          local.get 0
          i32.const 0 local.set 1
          br_if $l)
        call $leaf
        call $leaf
        call $leaf
        local.get 1 drop";
    assert_eq!(kept(loops, false), [true, false]);
}

#[test]
fn many_locals() {
    // 63 and 64 lie in different words; 200 is written and never read.
    let locals = "i64 ".repeat(201);
    check(
        &format!(
            "(local {locals})
             call $leaf
             local.get 64 local.set 200
             local.get 63 drop"
        ),
        &Expect {
            calls: &[&[63, 64]],
            ..Expect::default()
        },
    );
}

#[test]
fn conditions() {
    // An `if` without `else`: if the condition is false, 1 keeps its value, so 1 is live before it,
    // and so is 2, which the arm reads.
    check(
        "(param i32 i32 i32) (result i32)
         call $leaf
         local.get 0
         if
           local.get 2 local.set 1
           call $leaf
         end
         local.get 1",
        &Expect {
            calls: &[&[0, 1, 2], &[1]],
            ..Expect::default()
        },
    );
    // Both arms write 1, so it is not live before.
    check(
        "(param i32 i32 i32) (result i32)
         call $leaf
         local.get 0
         if
           local.get 2 local.set 1
           call $leaf
         else
           call $leaf
           i32.const 1 local.set 1
         end
         local.get 1",
        &Expect {
            calls: &[&[0, 2], &[1], &[]],
            ..Expect::default()
        },
    );
}

#[test]
fn loops() {
    // 0 counts down, 1 is a sum, 2 is written in each round before it is read: not live at the
    // header. The call in the loop does not check, so the loop polls.
    check(
        "(param i32 i32 i32) (result i32)
         loop
           local.get 0 local.set 2
           call $leaf
           local.get 1 local.get 2 i32.add local.set 1
           local.get 0 i32.const -1 i32.add local.tee 0
           br_if 0
         end
         local.get 1",
        &Expect {
            calls: &[&[0, 1, 2]],
            loops: &[&[0, 1]],
            polls: &[true],
        },
    );
}

#[test]
fn loop_carried_only_by_the_outer_loop() {
    // 2 is read at the top of the outer loop and written in the inner one: live at the inner header
    // (the inner loop may end at once), and behind the call, where it goes round.
    check(
        "(param i32 i32 i32)
         loop
           local.get 2 drop
           loop
             local.get 0 br_if 0
             local.get 1 local.set 2
             call $leaf
             local.get 0 br_if 1
           end
         end",
        &Expect {
            // Behind the call: 0, then the outer header, which reads 2, 0 and 1.
            calls: &[&[0, 1, 2]],
            // At the inner header 2 is not live: it is always written before the branch back.
            loops: &[&[0, 1, 2], &[0, 1]],
            // The way round the outer loop passes the inner header, which polls.
            polls: &[false, true],
        },
    );
}

#[test]
fn polls() {
    let case = |func, calls, loops, polls| {
        check(
            func,
            &Expect {
                calls,
                loops,
                polls,
            },
        )
    };
    // A loop without a branch back is no cycle.
    case("loop end", &[], &[&[]], &[false]);
    case("loop br 0 end", &[], &[&[]], &[true]);
    // A call that checks is a check, if it is on each way round.
    case("loop call $checks br 0 end", &[&[]], &[&[]], &[false]);
    case(
        "(param i32) loop
           local.get 0 if call $checks end
           br 0
         end",
        &[&[0]],
        &[&[0]],
        &[true],
    );
    case(
        "(param i32) loop
           local.get 0 if call $checks else loop br 0 end end
           br 0
         end",
        &[&[0]],
        &[&[0], &[]],
        &[false, true],
    );
    // Calls of unknown functions are none; a tail call is no way round.
    case(
        "loop i32.const 0 call_indirect (type $t) br 0 end",
        &[&[]],
        &[&[]],
        &[true],
    );
    case("loop return_call $leaf br 0 end", &[&[]], &[&[]], &[false]);
    // The branch back to the outer loop is inside the inner one, which polls.
    case(
        "(param i32) loop loop local.get 0 br_if 0 local.get 0 br_if 1 end end",
        &[],
        &[&[0], &[0]],
        &[false, true],
    );
    // The inner loop may be left out.
    case(
        "(param i32) loop
           block local.get 0 br_if 0 loop br 0 end end
           br 0
         end",
        &[],
        &[&[0], &[]],
        &[true, true],
    );
    // The inner loop does not go round by itself, but the outer one does, through it.
    case(
        "(param i32) loop loop local.get 0 br_if 1 end end",
        &[],
        &[&[0], &[0]],
        &[true, false],
    );
    // What comes behind a loop that polls has passed a check; what comes beside it has not.
    case(
        "(param i32) loop
           block $out
             loop
               local.get 0 br_if $out
               br 0
             end
           end
           br 0
         end",
        &[],
        &[&[0], &[0]],
        &[false, true],
    );
    case(
        "(param i32) loop
           block $out
             local.get 0 br_if $out
             loop
               local.get 0 br_if $out
               br 0
             end
           end
           br 0
         end",
        &[],
        &[&[0], &[0]],
        &[true, true],
    );
    // The handler's label is the loop: a throw goes round.
    case(
        "loop try_table (catch $e 0) throw $e end end",
        &[&[]],
        &[&[]],
        &[true],
    );
}

#[test]
fn dead_code() {
    // What is behind a `br` does not matter to what is before it. The loop in dead code is none of
    // interest and does not poll. Sets in dead code are what they would be if control came there.
    let func = "(param i32 i32)
         block
           call $leaf
           br 0
           call $leaf
           loop local.get 1 drop br 0 end
         end
         local.get 0 drop
         loop loop end end
         loop unreachable end";
    check(
        func,
        &Expect {
            calls: &[&[0], &[1]],
            loops: &[&[1], &[], &[], &[]],
            polls: &[false; 4],
        },
    );
    let wasm = module(func);
    let (ops, locals) = body(&wasm);
    let analysis = analyse(&ops, locals);
    let interesting = analysis.loops_of_interest();
    let depths: Vec<_> = interesting.iter().map(|info| info.depth).collect();
    assert_eq!(depths, [1, 1, 2]);
    assert!(interesting[0].op < interesting[2].op && interesting[2].op < interesting[1].op);
    assert_eq!(interesting[2].parent, Some(interesting[0].op));
}

#[test]
fn branch_tables() {
    // The labels read 1, 2 and nothing; 0 is written before it is read wherever it is.
    check(
        "(param i32 i32 i32)
         call $leaf
         block
           block
             block
               local.get 0
               br_table 0 1 0 2
             end
             local.get 1 local.set 0 call $leaf local.get 0 drop return
           end
           local.get 2 local.set 0 call $leaf local.get 0 drop
         end",
        &Expect {
            calls: &[&[0, 1, 2], &[0], &[0]],
            ..Expect::default()
        },
    );
}

#[test]
fn branches_on_references() {
    // Each branch may go either way: to the end, where 0 is read, or on, where 1 is written and the
    // next one's reference is read.
    check(
        "(param i32 i32 anyref anyref) (result i32)
         block (result anyref)
           block
             local.get 2 br_on_null 0 drop
             call $leaf
             i32.const 1 local.set 1
             local.get 3 br_on_cast 1 anyref i31ref
             drop
             call $leaf
             local.get 2 br_on_cast_fail 1 anyref structref
             drop
             call $leaf
             local.get 3 br_on_non_null 1
           end
           call $leaf
           local.get 1
           return
         end
         drop
         local.get 0",
        &Expect {
            calls: &[&[0, 2, 3], &[0, 1, 2, 3], &[0, 1, 3], &[1]],
            ..Expect::default()
        },
    );
}

#[test]
fn exceptions() {
    // The handler reads 0, so it is live throughout the body, although it is written there before
    // it is read again. 1 is not read by the handler: it is dead before it is written.
    check(
        "(param i32 i32) (result i32)
         block
           try_table (catch $e 0)
             call $leaf
             i32.const 1 local.set 0
             call $leaf
             i32.const 2 local.set 1
             local.get 1 drop
             throw $e
           end
           unreachable
         end
         local.get 0",
        &Expect {
            calls: &[&[0], &[0], &[0]],
            ..Expect::default()
        },
    );
    // Two around each other. The call inside may come to both labels, the one between only to the
    // outer one, and the last to none: it is behind.
    check(
        "(param i32 i32 i32)
         block $outer
           block $inner
             try_table (catch_all $outer)
               try_table (catch $e $inner)
                 call $leaf
               end
               call $leaf
             end
             call $leaf
             return
           end
           local.get 1 drop
           return
         end
         local.get 2 drop",
        &Expect {
            calls: &[&[1, 2], &[2], &[]],
            ..Expect::default()
        },
    );
    // A tail call inside is no part of the body: what it throws is its caller's. But it is an
    // operator inside, and the answer is on the safe side.
    check(
        "(param i32)
         block
           try_table (catch_all 0) return_call $leaf end
         end
         local.get 0 drop",
        &Expect {
            calls: &[&[0]],
            ..Expect::default()
        },
    );
}

#[test]
fn locals_without_a_default() {
    // 0 has no default value and is not live where it has not been set, even with a handler that
    // reads it: validation wants it set before the block of the handler begins.
    check(
        "(local (ref any))
         call $leaf
         i32.const 0 ref.i31 local.set 0
         block
           try_table (catch_all 0) call $leaf end
         end
         local.get 0 drop
         call $leaf",
        &Expect {
            calls: &[&[], &[0], &[]],
            ..Expect::default()
        },
    );
}

#[test]
fn facts() {
    let of = |func: &str| {
        let wasm = module(func);
        let (ops, locals) = body(&wasm);
        let analysis = analyse(&ops, locals);
        let facts = [
            analysis.has_calls(),
            analysis.has_tail_calls(),
            analysis.has_try(),
        ];
        (facts, analysis.max_path())
    };
    assert_eq!(of("nop"), ([false; 3], 2));
    assert_eq!(of("call $leaf"), ([true, false, false], 2));
    assert_eq!(of("return_call $leaf"), ([true, true, false], 2));
    assert_eq!(
        of("try_table end ref.null $t call_ref $t"),
        ([true, false, true], 5)
    );
}

#[test]
fn loop_infos() {
    let wasm = module(
        "(local i32 i32 i32)
         i32.const 1 local.set 0
         loop
           i32.const 1 local.set 1
           loop i32.const 1 local.set 2 call $leaf end
         end
         loop i32.const 0 memory.grow drop end
         loop br 0 end",
    );
    let (ops, locals) = body(&wasm);
    let analysis = analyse(&ops, locals);
    let loops = ops.iter().enumerate();
    let loops = loops.filter(|(_, (op, _))| matches!(op, Operator::Loop { .. }));
    let loops: Vec<_> = loops.map(|(i, _)| analysis.loop_info(i)).collect();
    let assigned = |i: usize| loops[i].assigned.iter().collect::<Vec<_>>();
    assert_eq!(assigned(0), [1, 2]);
    assert_eq!(assigned(1), [2]);
    assert!(loops[2].assigned.is_empty());
    let flags = |i: usize| (loops[i].has_call, loops[i].has_site, loops[i].polls);
    assert_eq!(flags(0), (true, true, false));
    assert_eq!(flags(1), (true, true, false));
    assert_eq!(flags(2), (false, true, false));
    assert_eq!(flags(3), (false, true, true));
    assert_eq!((loops[1].depth, loops[1].parent), (2, Some(loops[0].op)));
    assert_eq!((loops[2].depth, loops[2].parent), (1, None));
}

#[test]
fn only_what_was_asked_for() {
    let wasm = module("(local i32) call $leaf i32.const 0 memory.grow drop local.get 0 drop");
    let (ops, locals) = body(&wasm);
    let analysis = analyse(&ops, locals);
    let asked = |i| analysis.live_before(i).is_some();
    assert_eq!(
        (0..ops.len()).map(asked).collect::<Vec<_>>(),
        [true, false, true, false, false, false, false]
    );
    // Everything was asked for: `local.get` changes what is live, and says so.
    let all = Analysis::new(&ops, locals, &|_| false, &|_| true);
    assert!(all.live_before(4).unwrap().contains(0) && all.live_after(4).is_none());
    assert!(all.live_after(3).unwrap().contains(0) && !all.live_after(5).unwrap().contains(0));
}

#[test]
fn sets() {
    let mut set = LocalSet::default();
    assert!(set.is_empty() && !set.contains(0));
    set.push(0, 1 | 1 << 63);
    set.push(1, 0);
    set.push(7, 1 << 5);
    assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 453]);
    assert_eq!(set.len(), 3);
    for local in 0..600 {
        assert_eq!(set.contains(local), [0, 63, 453].contains(&local));
    }
}
