//! Blocks, edges and the ways back to loops.

use probity_engine::{Val, WasmPc};
use probity_probes::kinds::{self, Way};

use crate::guest::{Seen, WAYS, guest, pc};

/// Edges as (from, to, way), those of them that go back, and blocks, of one call of `f`.
type Flow = (Vec<(usize, usize, Way)>, Vec<(usize, usize)>, Vec<usize>);

fn flow(way: crate::guest::Way, wat: &str, args: &[Val]) -> Flow {
    let (mut store, instance, _) = guest(way, wat);
    let func = instance.get_func(&store, "f").expect("f");
    let (edges, back, blocks) = (Seen::default(), Seen::default(), Seen::default());
    let (to_edges, to_back, to_blocks) = (edges.clone(), back.clone(), blocks.clone());
    let watches = [
        kinds::edges(move |_, edge| {
            to_edges.push((edge.from, edge.to, edge.way));
            Ok(())
        }),
        kinds::back_edges(move |_, edge| {
            to_back.push((edge.from, edge.to));
            Ok(())
        }),
        kinds::blocks(move |_, block| {
            to_blocks.push(block.index);
            Ok(())
        }),
    ];
    for watch in &watches {
        watch.instrument(&mut store.probes(), func).expect("sites");
    }
    let mut results = vec![Val::I32(0); func.ty(&store).results().len()];
    // A trap ends it as well as a return does.
    let _ = func.call(&mut store, args, &mut results);
    (edges.take(), back.take(), blocks.take())
}

use Way::{Branches, Falls, Target};

#[test]
fn arms() {
    // 0 local.get  1 if  2 nop  3 else  4 nop  5 end  6 end: blocks 0..2, 2..4, 4..5, 5..7.
    let wat = r#"(module (func (export "f") (param i32) local.get 0 if nop else nop end))"#;
    for way in WAYS {
        let (edges, back, blocks) = flow(way, wat, &[Val::I32(7)]);
        assert_eq!(edges, [(0, 1, Falls), (1, 3, Branches)], "{way:?}");
        assert_eq!((back, blocks), (vec![], vec![0, 1, 3]), "{way:?}");
        let (edges, _, blocks) = flow(way, wat, &[Val::I32(0)]);
        assert_eq!(edges, [(0, 2, Branches), (2, 3, Falls)], "{way:?}");
        assert_eq!(blocks, [0, 2, 3], "{way:?}");
    }
}

#[test]
fn a_loop_is_entered_once_and_come_back_to() {
    // 0 nop | 1 loop 2 local.get 3 i32.const 4 i32.sub 5 local.tee 6 br_if | 7 end 8 end
    let wat = r#"(module (func (export "f") (param i32)
        nop loop local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end))"#;
    for way in WAYS {
        let (edges, back, blocks) = flow(way, wat, &[Val::I32(3)]);
        let again = (1, 1, Branches);
        assert_eq!(edges, [(0, 1, Falls), again, again, (1, 2, Falls)]);
        assert_eq!(back, [(1, 1), (1, 1)], "{way:?}");
        assert_eq!(blocks, [0, 1, 1, 1, 2], "{way:?}");
    }
}

#[test]
fn targets() {
    // 0 block 1 block 2 local.get 3 br_table 0 1 0 | 4 end 5 nop 6 br 0 | 7 end 8 end; what is
    // before 4 leads there or to 7.
    let wat = r#"(module (func (export "f") (param i32)
        block block local.get 0 br_table 0 1 0 end nop br 0 end))"#;
    for way in WAYS {
        for (arg, expected) in [
            (0, vec![(0, 1, Target(0)), (1, 2, Branches)]),
            (1, vec![(0, 2, Target(1))]),
            (2, vec![(0, 1, Target(2)), (1, 2, Branches)]),
            (-1, vec![(0, 1, Target(2)), (1, 2, Branches)]),
        ] {
            let (edges, ..) = flow(way, wat, &[Val::I32(arg)]);
            assert_eq!(edges, expected, "{way:?} {arg}");
        }
    }
}

#[test]
fn references_and_ways_that_end_at_one_place() {
    // 0 block 1 block 2 ref.null 3 br_on_null 0 | 4 drop 5 nop | 6 end 7 i32.const 8 br_if 0 | 9 end | 10 end
    // The `br_if` leads to 9 either way.
    let wat = r#"(module (func (export "f")
        block block ref.null func br_on_null 0 drop nop end i32.const 1 br_if 0 end))"#;
    for way in WAYS {
        let (edges, ..) = flow(way, wat, &[]);
        let expected = [(0, 2, Branches), (2, 3, Branches)];
        assert_eq!(edges, expected, "{way:?}");
        let (edges, ..) = flow(way, &wat.replace("i32.const 1", "i32.const 0"), &[]);
        assert_eq!(edges, [(0, 2, Branches), (2, 3, Falls)], "{way:?}");
    }
}

#[test]
fn a_select_decides_about_no_edge_and_a_trap_takes_none() {
    // 0 i32.const 1 i32.const 2 local.get 3 select | 4 loop 5 drop ...
    let wat = r#"(module (func (export "f") (param i32)
        i32.const 1 i32.const 2 local.get 0 select
        loop (param i32) drop end
        i32.const 1 local.get 0 i32.div_u
        loop (param i32) drop end))"#;
    for way in WAYS {
        let (edges, ..) = flow(way, wat, &[Val::I32(1)]);
        assert_eq!(edges, [(0, 1, Falls), (1, 2, Falls)], "{way:?}");
        let (edges, _, blocks) = flow(way, wat, &[Val::I32(0)]);
        assert_eq!(edges, [(0, 1, Falls)], "{way:?}");
        assert_eq!(blocks, [0, 1], "{way:?}");
    }
}

#[test]
fn an_edge_goes_where_a_write_sends_it() {
    let wat = r#"(module (func (export "f") (param i32) local.get 0 if nop else nop end))"#;
    for way in WAYS {
        let (mut store, instance, module) = guest(way, wat);
        let func = instance.get_func(&store, "f").expect("f");
        let seen = Seen::default();
        let sink = seen.clone();
        let watch = kinds::edges(move |context, edge| {
            sink.push((context.pc(), edge.source, edge.target));
            Ok(())
        });
        watch.instrument(&mut store.probes(), func).expect("sites");
        let at = |index| -> WasmPc { pc(&module, 0, index) };
        // Inserted behind the watch, and yet before it in order.
        let write = probity_engine::hook::Probe::call(|context| {
            let mut frame = context.frame();
            let top = frame.num_operands() - 1;
            frame.set_operand(top, Val::I32(0))
        });
        let site = probity_engine::hook::Site::Before(at(1));
        store.probes().insert(func, site, write).expect("a site");
        func.call(&mut store, &[Val::I32(1)], &mut [])
            .expect("it returns");
        assert_eq!(seen.take()[0], (at(1), at(1), at(4)), "{way:?}");
    }
}
