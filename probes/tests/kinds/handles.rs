//! Where kinds are put, and that they go away as a whole.

use probity_engine::{Error, Val};
use probity_probes::kinds;
use probity_probes::matcher::FunctionSelector;

use crate::guest::{Seen, WAYS, guest};

const PROGRAM: &str = r#"(module (global $g (mut i32) (i32.const 0))
    (func $set_a (export "a") (param i32) (global.set $g (local.get 0)))
    (func $set_b (export "b") (param i32) (global.set $g (local.get 0)))
    (func $other (export "c") (param i32) (global.set $g (local.get 0)))
    (func (export "f") (param i32)
        (loop
            (call $set_a (local.get 0)) (call $set_b (local.get 0)) (call $other (local.get 0))
            (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;

#[test]
fn a_selector_chooses_and_a_watch_goes_away_while_it_fires() {
    for way in WAYS {
        let (mut store, instance, _) = guest(way, PROGRAM);
        let func = instance.get_func(&store, "f").expect("f");
        let seen = Seen::default();
        let sink = seen.clone();
        let own = std::sync::Arc::new(std::sync::OnceLock::<kinds::Watch>::new());
        let watch = own.clone();
        let watch = own.get_or_init(move || {
            kinds::globals(move |context, access| {
                sink.push((context.func_index(), crate::guest::number(&access.value)));
                // In the second round, in the middle of it.
                if matches!(access.value, Val::I32(2))
                    && let Some(own) = watch.get()
                {
                    own.detach(&mut context.probes());
                }
                Ok(())
            })
        });
        let selector = FunctionSelector::parse("set_*").expect("a selector");
        watch.attach(&mut store.probes(), selector.clone());
        func.call(&mut store, &[Val::I32(3)], &mut [])
            .expect("it returns");
        assert_eq!(seen.take(), [(0, 3), (1, 3), (0, 2)], "{way:?}");

        // Functions that have run already, twice over.
        for _ in 0..2 {
            let placed = watch.instrument_all(&mut store.probes(), instance, &selector);
            placed.expect("sites");
        }
        func.call(&mut store, &[Val::I32(1)], &mut [])
            .expect("it returns");
        assert_eq!(seen.take(), [(0, 1), (1, 1)], "{way:?}");
        watch.detach(&mut store.probes());
        watch.detach(&mut store.probes());
        func.call(&mut store, &[Val::I32(1)], &mut [])
            .expect("it returns");
        assert_eq!(seen.take(), [], "{way:?}");
    }
}

#[test]
fn errors_and_panics_end_the_guest_and_nothing_else() {
    for way in WAYS {
        let (mut store, instance, _) = guest(way, PROGRAM);
        let func = instance.get_func(&store, "a").expect("a");
        let watch = kinds::globals(|_, access| match access.value {
            Val::I32(1) => Err(Error::host(std::fmt::Error)),
            Val::I32(2) => panic!("two"),
            _ => Ok(()),
        });
        watch.instrument(&mut store.probes(), func).expect("sites");
        let mut call = |n: i32| {
            let ended = func.call(&mut store, &[Val::I32(n)], &mut []);
            ended.err().map(|error| error.to_string())
        };
        for _ in 0..2 {
            assert_eq!(call(0), None, "{way:?}");
            assert!(call(1).is_some_and(|text| !text.contains("two")), "{way:?}");
            assert!(call(2).is_some_and(|text| text.contains("two")), "{way:?}");
        }
    }
}

#[test]
fn guest_code_that_a_closure_calls_is_not_told() {
    for way in WAYS {
        let (mut store, instance, _) = guest(way, PROGRAM);
        let other = instance.get_typed_func::<i32, ()>(&store, "b").expect("b");
        let func = instance.get_func(&store, "f").expect("f");
        let seen = Seen::default();
        let sink = seen.clone();
        let watch = kinds::globals(move |context, access| {
            sink.push((context.func_index(), crate::guest::number(&access.value)));
            other.call(context, 9)
        });
        let all = FunctionSelector::all();
        let placed = watch.instrument_all(&mut store.probes(), instance, &all);
        placed.expect("sites");
        func.call(&mut store, &[Val::I32(1)], &mut [])
            .expect("it returns");
        assert_eq!(seen.take(), [(0, 1), (1, 1), (2, 1)], "{way:?}");
    }
}
