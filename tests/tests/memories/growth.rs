//! Limits of a store on the growth of each memory, and what the host sees.

use probity_engine::{Instance, Limits, Module, Store, TrapCode, Val};

use super::guest::{Guest, bits, trap_code};

const WAT: &str = r#"(module
  (memory (export "a") 1) (memory (export "b") i64 1) (memory (export "c") 1 4 shared)
  (memory (export "d") 10 (pagesize 1))
  (func (export "grow a") (param i32) (result i32) (memory.grow 0 (local.get 0)))
  (func (export "grow b") (param i64) (result i64) (memory.grow 1 (local.get 0)))
  (func (export "grow c") (param i32) (result i32) (memory.grow 2 (local.get 0)))
  (func (export "grow d") (param i32) (result i32) (memory.grow 3 (local.get 0)))
  (func (export "size a") (result i32) (memory.size 0))
  (func (export "size b") (result i64) (memory.size 1))
  (func (export "size c") (result i32) (memory.size 2))
  (func (export "size d") (result i32) (memory.size 3)))"#;

fn number(memory: &str, value: i64) -> Val {
    match memory {
        "b" => Val::I64(value),
        _ => Val::I32(value as i32),
    }
}

#[test]
fn limits_hold_for_every_memory() {
    for (memory, pages, page) in [
        ("a", 1, 65536),
        ("b", 1, 65536),
        ("c", 1, 65536),
        ("d", 10, 1),
    ] {
        let grow = format!("grow {memory}");
        let size = format!("size {memory}");
        for trap in [false, true] {
            let mut guest = Guest::new(WAT);
            guest.store.set_limits(Limits {
                memory_bytes_max: Some((pages + 1) * page),
                trap_on_refused_growth: trap,
                ..Limits::default()
            });
            let one = number(memory, 1);
            let old = guest.call(&grow, std::slice::from_ref(&one)).unwrap();
            assert_eq!(bits(&old[0]), bits(number(memory, pages as i64)));
            let refused = guest.call(&grow, &[one]);
            if trap {
                assert_eq!(trap_code(refused), TrapCode::MemoryLimit, "{memory}");
            } else {
                let minus_one = bits(number(memory, -1));
                assert_eq!(bits(&refused.unwrap()[0]), minus_one, "{memory}");
            }
            let now = guest.call(&size, &[]).unwrap();
            assert_eq!(bits(&now[0]), bits(number(memory, pages as i64 + 1)));
        }
    }
}

#[test]
fn the_host_grows_what_the_guest_uses() {
    let mut guest = Guest::new(WAT);
    for (name, pages) in [("a", 1), ("b", 1), ("c", 1), ("d", 10)] {
        let memory = guest.instance.get_memory(&guest.store, name).unwrap();
        assert_eq!(memory.grow(&mut guest.store, 2).unwrap(), pages);
        assert_eq!(memory.size(&guest.store), pages + 2);
        let size = guest.call(&format!("size {name}"), &[]).unwrap();
        assert_eq!(bits(&size[0]).1, u128::from(pages + 2));
        let end = (pages + 2) << memory.ty(&guest.store).page_size_log2;
        memory.write(&mut guest.store, end - 3, b"end").unwrap();
        let mut found = [0; 3];
        memory.read(&guest.store, end - 3, &mut found).unwrap();
        assert_eq!(&found, b"end");
        let past = memory.read(&guest.store, end - 2, &mut found);
        assert_eq!(trap_code(past), TrapCode::MemoryOutOfBounds);
        let wrapped = memory.write(&mut guest.store, u64::MAX, b"xx");
        assert_eq!(trap_code(wrapped), TrapCode::MemoryOutOfBounds);
    }
}

#[test]
fn minimums_beyond_limit_or_machine_are_errors() {
    let engine = super::guest::engine();
    for memory in ["3", "i64 3", "3 3 shared", "196608 (pagesize 1)"] {
        let module = Module::new(&engine, format!("(module (memory {memory}))")).unwrap();
        let mut store = Store::new(&engine, ());
        store.set_limits(Limits {
            memory_bytes_max: Some(2 << 16),
            ..Limits::default()
        });
        let error = Instance::new(&mut store, &module, &[]).unwrap_err();
        assert_eq!(
            trap_code::<()>(Err(error)),
            TrapCode::MemoryLimit,
            "{memory}"
        );
    }
    for memory in [
        "i64 0x1_0000_0000_0000",
        "i64 0xffff_ffff_ffff_ffff (pagesize 1)",
    ] {
        let module = Module::new(&engine, format!("(module (memory {memory}))")).unwrap();
        let error = Instance::new(&mut Store::new(&engine, ()), &module, &[]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("failed to allocate a memory of"),
            "{error}"
        );
    }
}
