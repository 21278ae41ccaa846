//! Exceptions.

use probity_engine::Val;
use probity_probes::kinds;
use probity_probes::matcher::FunctionSelector;

use crate::guest::{Seen, WAYS, guest, numbers, pc};

const THROWS: &str = r#"(module
    (tag $t (export "t") (param i32 i64)) (tag $u (export "u"))
    (func $throw (param i32)
        local.get 0 i64.const 5 throw $t)
    (func $again
        block $h (result exnref)
            try_table (result exnref) (catch_ref $u $h) throw $u end
        end
        throw_ref)
    (func (export "f") (result i32)
        block $h (result i32 i64)
            try_table (catch $t $h)
                i32.const 7 call $throw
            end
            unreachable
        end
        drop
        block $all
            try_table (catch_all $all)
                call $again
            end
        end)
    (func (export "null") ref.null exn throw_ref))"#;

#[test]
fn throws_and_catches() {
    for way in WAYS {
        let (mut store, instance, module) = guest(way, THROWS);
        let (thrown, caught) = (Seen::default(), Seen::default());
        let (to_thrown, to_caught) = (thrown.clone(), caught.clone());
        let watches = [
            kinds::throws(move |_, throw| {
                to_thrown.push((throw.tag, numbers(&throw.values), throw.again));
                Ok(())
            }),
            kinds::catches(move |probes, catch| {
                let index = probes.module_of(catch.func).map(|(_, index)| index);
                to_caught.push((index, catch.source, catch.target));
            }),
        ];
        for watch in &watches {
            watch.attach(&mut store.probes(), FunctionSelector::all());
        }
        let f = instance.get_func(&store, "f").expect("f");
        let mut results = [Val::I32(0)];
        f.call(&mut store, &[], &mut results)
            .expect("all is caught");
        assert_eq!(numbers(&results), [7], "{way:?}");
        let tag = |name| instance.get_tag(&store, name).expect("a tag");
        let (t, u) = (tag("t"), tag("u"));
        let expected = [
            (t, vec![7, 5], false),
            (u, vec![], false),
            (u, vec![], true),
        ];
        assert_eq!(thrown.take(), expected, "{way:?}");
        // In `f`: 0 block 1 try_table 2 i32.const 3 call 4 end 5 unreachable 6 end 7 drop
        // 8 block 9 try_table 10 call 11 end 12 end; in `$again` the `throw` is 2 and the block's end 4.
        let at = |func, index| pc(&module, func, index);
        let expected = [
            (Some(2), at(2, 3), at(2, 6)),
            (Some(1), at(1, 2), at(1, 4)),
            (Some(2), at(2, 10), at(2, 12)),
        ];
        assert_eq!(caught.take(), expected, "{way:?}");
        let null = instance.get_func(&store, "null").expect("null");
        null.call(&mut store, &[], &mut []).expect_err("it traps");
        assert_eq!(thrown.take(), [], "{way:?}");
        for watch in &watches {
            watch.detach(&mut store.probes());
        }
        f.call(&mut store, &[], &mut results)
            .expect("all is caught");
        assert_eq!((thrown.take(), caught.take()), (vec![], vec![]), "{way:?}");
    }
}
