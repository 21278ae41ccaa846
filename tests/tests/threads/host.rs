//! Shared memories as the host sees them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use probity_engine::{
    Instance, Linker, Memory, MemoryType, Module, SharedMemory, Store, TrapCode,
};

use super::guest::trap_code;

fn shared(minimum: u64, maximum: u64) -> MemoryType {
    MemoryType {
        shared: true,
        ..MemoryType::new(minimum, Some(maximum))
    }
}

#[test]
fn types_that_are_not_of_shared_memories_are_refused() {
    let engine = super::guest::engine();
    let endless = MemoryType {
        maximum: None,
        ..shared(1, 1)
    };
    for ty in [MemoryType::new(1, Some(1)), endless, shared(2, 1)] {
        assert!(SharedMemory::new(&engine, ty).is_err(), "{ty}");
    }
    let memory = SharedMemory::new(&engine, shared(1, 3)).unwrap();
    assert_eq!(memory.ty(), shared(1, 3));
    assert_eq!(memory.grow(2).unwrap(), 1);
    assert_eq!((memory.size(), memory.ty()), (3, shared(3, 3)));
    assert!(memory.grow(1).is_err() && memory.grow(u64::MAX).is_err());
}

#[test]
fn bytes_are_copied_and_checked() {
    let engine = super::guest::engine();
    let memory = SharedMemory::new(&engine, shared(1, 2)).unwrap();
    let bytes: Vec<u8> = (0..=255).collect();
    memory.write(65536 - 256, &bytes).unwrap();
    let mut found = vec![0; 250];
    memory.read(65536 - 253, &mut found).unwrap();
    assert_eq!(found, bytes[3..253]);
    for at in [65536 - 249, 65536, u64::MAX] {
        let outcome = memory.read(at, &mut found);
        assert_eq!(trap_code(outcome), TrapCode::MemoryOutOfBounds);
        let outcome = memory.write(at, &found);
        assert_eq!(trap_code(outcome), TrapCode::MemoryOutOfBounds);
    }
    memory.grow(1).unwrap();
    memory.read(65536 - 10, &mut found).unwrap();
    assert_eq!(found[..10], bytes[246..]);

    // Through a store it is the same memory, and cannot be borrowed.
    let mut store = Store::new(&engine, ());
    let there = Memory::from_shared(&mut store, &memory).unwrap();
    assert_eq!(there.ty(&store), shared(2, 2));
    there.write(&mut store, 5, b"hello").unwrap();
    let mut five = [0; 5];
    memory.read(5, &mut five).unwrap();
    assert_eq!(&five, b"hello");
    let again = there.as_shared(&store).expect("it is shared");
    again.write(5, b"j").unwrap();
    there.read(&store, 5, &mut five).unwrap();
    assert_eq!(&five, b"jello");
    let borrow = catch_unwind(AssertUnwindSafe(|| there.data(&store).len()));
    assert!(borrow.is_err());
    let borrow = catch_unwind(AssertUnwindSafe(|| there.data_mut(&mut store).len()));
    assert!(borrow.is_err());
}

#[test]
fn a_module_can_define_what_others_share() {
    let engine = super::guest::engine();
    let owner = r#"(module (memory (export "m") 1 4 shared)
      (func (export "get") (result i32) (i32.atomic.load (i32.const 0))))"#;
    let owner = Module::new(&engine, owner).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &owner, &[]).unwrap();
    let memory = instance.get_memory(&store, "m").unwrap();
    let memory = memory.as_shared(&store).expect("it is shared");

    let user = r#"(module (import "m" "m" (memory 1 9 shared))
      (func (export "set") (i32.atomic.store (i32.const 0) (i32.const 42))))"#;
    let user = Module::new(&engine, user).unwrap();
    let mut other = Store::new(&engine, ());
    let there = Memory::from_shared(&mut other, &memory).unwrap();
    let set = Instance::new(&mut other, &user, &[there.into()]).unwrap();
    let set = set.get_typed_func::<(), ()>(&other, "set").unwrap();
    std::thread::spawn(move || set.call(&mut other, ()).unwrap())
        .join()
        .unwrap();
    let get = instance.get_typed_func::<(), i32>(&store, "get").unwrap();
    assert_eq!(get.call(&mut store, ()).unwrap(), 42);

    let mut plain = Store::new(&engine, ());
    let unshared = Memory::new(&mut plain, MemoryType::new(1, Some(1))).unwrap();
    assert!(unshared.as_shared(&plain).is_none());
    assert!(Memory::from_shared(&mut Store::new(&super::guest::engine(), ()), &memory).is_err());
}

#[test]
fn imports_match_shared_with_shared_only() {
    let engine = super::guest::engine();
    let memory = SharedMemory::new(&engine, shared(2, 4)).unwrap();
    for (import, fits) in [
        ("2 4 shared", true),
        ("1 5 shared", true),
        ("2 3 shared", false),
        ("3 4 shared", false),
        ("2 4", false),
        ("1", false),
        ("i64 2 4 shared", false),
    ] {
        let mut store = Store::new(&engine, ());
        let there = Memory::from_shared(&mut store, &memory).unwrap();
        let mut linker: Linker<()> = Linker::new(&engine);
        linker.define("m", "m", there).unwrap();
        let wat = format!(r#"(module (import "m" "m" (memory {import})))"#);
        let module = Module::new(&engine, wat).unwrap();
        let outcome = linker.instantiate(&mut store, &module);
        assert_eq!(outcome.is_ok(), fits, "{import}");
    }
    // And the other way round.
    let mut store = Store::new(&engine, ());
    let unshared = Memory::new(&mut store, MemoryType::new(2, Some(4))).unwrap();
    let module = Module::new(&engine, r#"(module (import "m" "m" (memory 2 4 shared)))"#).unwrap();
    let error = Instance::new(&mut store, &module, &[unshared.into()]).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("memory 2 4 shared"), "{message}");
}
