//! What instances share, and what they do not: functions, memories, tables and
//! globals across instances and stores, and values of reference types.

use probity_engine::{
    Caller, Engine, ExternRef, Global, GlobalType, Instance, Linker, Memory, MemoryType, Module,
    RefType, Store, Table, TableType, TrapCode, Val, ValType,
};

use crate::guest::{Guest, Shared, call, i32_of, trap_code};

struct World {
    store: Store<()>,
    linker: Linker<()>,
}

impl World {
    fn new() -> World {
        let engine = Engine::default();
        World {
            linker: Linker::new(&engine),
            store: Store::new(&engine, ()),
        }
    }

    /// Instantiate under a name that later instances import from.
    fn add(&mut self, name: &str, wat: &str) -> Instance {
        let module = Module::new(self.store.engine(), wat).expect(name);
        let instance = self
            .linker
            .instantiate(&mut self.store, &module)
            .expect(name);
        self.linker
            .instance(&mut self.store, name, instance)
            .expect(name);
        instance
    }

    fn call(
        &mut self,
        instance: Instance,
        name: &str,
        args: &[i32],
    ) -> probity_engine::Result<i32> {
        let func = instance.get_func(&self.store, name).expect(name);
        let args: Vec<Val> = args.iter().copied().map(Val::I32).collect();
        Ok(i32_of(&call(&mut self.store, func, &args)?[0]))
    }
}

#[test]
fn functions_run_in_their_own_instance() {
    let mut world = World::new();
    let counter = r#"(module
      (global $n (mut i32) (i32.const 0))
      (memory 1)
      (func (export "next") (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1)))
        (i32.store (i32.const 0) (global.get $n))
        (i32.load (i32.const 0))))"#;
    world.add("a", counter);
    let b = world.add("b", counter);
    let user = world.add(
        "user",
        r#"(module
          (import "a" "next" (func $a (result i32)))
          (import "b" "next" (func $b (result i32)))
          (memory 1)
          (data (i32.const 0) "\07\00\00\00")
          (func (export "run") (result i32)
            (i32.add
              (i32.add (i32.mul (call $a) (i32.const 100)) (i32.mul (call $b) (i32.const 10)))
              (i32.load (i32.const 0)))))"#,
    );
    assert_eq!(world.call(user, "run", &[]).unwrap(), 117);
    assert_eq!(world.call(b, "next", &[]).unwrap(), 2);
    assert_eq!(world.call(user, "run", &[]).unwrap(), 237);
}

#[test]
fn instances_recurse_through_a_shared_table() {
    let mut world = World::new();
    let even = world.add(
        "even",
        r#"(module
          (table (export "t") 2 funcref)
          (elem (i32.const 0) $even)
          (type $f (func (param i32) (result i32)))
          (func $even (export "even") (param i32) (result i32)
            (if (result i32) (i32.eqz (local.get 0))
              (then (i32.const 1))
              (else (call_indirect (type $f)
                (i32.sub (local.get 0) (i32.const 1)) (i32.const 1))))))"#,
    );
    world.add(
        "odd",
        r#"(module
          (import "even" "t" (table 2 funcref))
          (import "even" "even" (func $even (param i32) (result i32)))
          (elem (i32.const 1) $odd)
          (func $odd (param i32) (result i32)
            (if (result i32) (i32.eqz (local.get 0))
              (then (i32.const 0))
              (else (call $even (i32.sub (local.get 0) (i32.const 1)))))))"#,
    );
    for n in [0, 1, 7, 1000] {
        assert_eq!(
            world.call(even, "even", &[n]).unwrap(),
            i32::from(n % 2 == 0),
            "{n}"
        );
    }
}

#[test]
fn instances_share_what_they_import() {
    let mut world = World::new();
    let owner = world.add(
        "owner",
        r#"(module
          (memory (export "m") 1 4)
          (global (export "g") (mut i32) (i32.const 5))
          (table (export "t") 1 8 externref)
          (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
          (func (export "pages") (result i32) memory.size)
          (func (export "elements") (result i32) table.size)
          (func (export "get") (result i32) (global.get 0)))"#,
    );
    let user = world.add(
        "user",
        r#"(module
          (import "owner" "m" (memory 1))
          (import "owner" "g" (global (mut i32)))
          (import "owner" "t" (table 1 externref))
          (func (export "store") (param i32 i32) (result i32)
            (i32.store8 (local.get 0) (local.get 1)) (i32.const 0))
          (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
          (func (export "grow_table") (param i32) (result i32)
            (table.grow (ref.null extern) (local.get 0)))
          (func (export "set") (param i32) (result i32)
            (global.set 0 (local.get 0)) (i32.const 0)))"#,
    );
    world.call(user, "store", &[9, 200]).unwrap();
    assert_eq!(world.call(owner, "load", &[9]).unwrap(), 200);
    world.call(user, "set", &[-3]).unwrap();
    assert_eq!(world.call(owner, "get", &[]).unwrap(), -3);
    assert_eq!(world.call(user, "grow", &[2]).unwrap(), 1);
    assert_eq!(world.call(owner, "pages", &[]).unwrap(), 3);
    assert_eq!(world.call(user, "grow", &[2]).unwrap(), -1);
    assert_eq!(world.call(user, "grow_table", &[3]).unwrap(), 1);
    assert_eq!(world.call(owner, "elements", &[]).unwrap(), 4);

    let memory = owner.get_memory(&world.store, "m").unwrap();
    assert_eq!(memory.size(&world.store), 3);
    assert_eq!(memory.data(&world.store).len(), 3 << 16);
    assert_eq!(memory.data(&world.store)[9], 200);
    memory.data_mut(&mut world.store)[(3 << 16) - 1] = 17;
    assert_eq!(world.call(owner, "load", &[(3 << 16) - 1]).unwrap(), 17);
}

/// A memory may move when it grows: frames of every instance that has it open
/// must see the new one at once.
#[test]
fn growth_during_a_call_is_seen_by_every_frame() {
    let mut world = World::new();
    world
        .linker
        .func_wrap("h", "grow", |mut caller: Caller<'_, ()>| {
            let memory = caller.get_export("m").and_then(|e| e.into_memory());
            memory
                .expect("a memory")
                .grow(&mut caller, 1)
                .expect("room") as i32
        })
        .unwrap();
    world.add(
        "owner",
        r#"(module
          (memory (export "m") 1)
          (func (export "grow") (result i32) (memory.grow (i32.const 1)))
          (func (export "put") (param i32 i32) (i32.store (local.get 0) (local.get 1))))"#,
    );
    let user = world.add(
        "user",
        r#"(module
          (import "owner" "m" (memory 1))
          (import "owner" "grow" (func $other (result i32)))
          (import "owner" "put" (func $put (param i32 i32)))
          (import "h" "grow" (func $host (result i32)))
          (export "m" (memory 0))
          (func $own (result i32) (memory.grow (i32.const 1)))
          ;; Touch the old memory, grow in one of four ways, use the new page.
          (func (export "run") (param $how i32) (result i32) (local $page i32)
            (i32.store (i32.const 0) (i32.const 1))
            (block $done
              (block $d (block $c (block $b (block $a
                (br_table $a $b $c $d (local.get $how)))
                (local.set $page (call $other)) (br $done))
                (local.set $page (call $host)) (br $done))
                (local.set $page (call $own)) (br $done))
              (local.set $page (memory.grow (i32.const 1))))
            (local.set $page (i32.shl (local.get $page) (i32.const 16)))
            (i32.store (local.get $page) (i32.const 40))
            (call $put (i32.add (local.get $page) (i32.const 4)) (i32.const 2))
            (i32.add (i32.load (local.get $page)) (i32.load offset=4 (local.get $page)))))"#,
    );
    for how in 0..4 {
        assert_eq!(world.call(user, "run", &[how]).unwrap(), 42, "way {how}");
    }
    let memory = user.get_memory(&world.store, "m").unwrap();
    assert_eq!(memory.size(&world.store), 5);
}

#[test]
fn hosts_make_memories_tables_and_globals() {
    let mut world = World::new();
    let store = &mut world.store;
    let memory_type = MemoryType {
        minimum: 1,
        maximum: Some(2),
        memory64: false,
        shared: false,
        page_size_log2: 16,
    };
    let memory = Memory::new(store, memory_type).unwrap();
    assert_eq!(memory.ty(store), memory_type);
    let table_type = TableType {
        element: RefType::FUNCREF,
        minimum: 2,
        maximum: Some(3),
        table64: false,
    };
    let table = Table::new(store, table_type, Val::FuncRef(None)).unwrap();
    assert_eq!(table.ty(store), table_type);
    let global_type = GlobalType {
        content: ValType::I64,
        mutable: true,
    };
    let global = Global::new(store, global_type, Val::I64(-1)).unwrap();
    assert_eq!(global.ty(store), global_type);
    let constant = GlobalType {
        content: ValType::F32,
        mutable: false,
    };
    let constant = Global::new(store, constant, Val::F32(0)).unwrap();

    world.linker.define("h", "m", memory).unwrap();
    world.linker.define("h", "t", table).unwrap();
    world.linker.define("h", "g", global).unwrap();
    let user = world.add(
        "user",
        r#"(module
          (import "h" "m" (memory 1 2))
          (import "h" "t" (table 2 3 funcref))
          (import "h" "g" (global $g (mut i64)))
          (elem (i32.const 1) $f)
          (func $f (result i32) i32.const 33)
          (func (export "run") (result i32)
            (global.set $g (i64.const 8))
            (i32.store8 (i32.const 3) (i32.const 9))
            (call_indirect (result i32) (i32.const 1)))
          (func (export "null") (result i32) (call_indirect (result i32) (i32.const 0))))"#,
    );
    assert_eq!(world.call(user, "run", &[]).unwrap(), 33);
    let code = trap_code(world.call(user, "null", &[]));
    assert_eq!(code, TrapCode::UninitializedElement);

    let store = &mut world.store;
    assert!(matches!(global.get(store), Val::I64(8)));
    assert!(global.set(store, Val::I32(0)).is_err(), "another type");
    assert!(constant.set(store, Val::F32(0)).is_err(), "immutable");
    let mut read = [0; 2];
    memory.read(store, 3, &mut read).unwrap();
    assert_eq!(read, [9, 0]);
    for offset in [65_535, 65_536, u64::MAX] {
        let outcome = memory.read(store, offset, &mut read);
        assert_eq!(trap_code(outcome), TrapCode::MemoryOutOfBounds, "{offset}");
        let outcome = memory.write(store, offset, &[1, 2]);
        assert_eq!(trap_code(outcome), TrapCode::MemoryOutOfBounds, "{offset}");
    }
    assert_eq!(memory.grow(store, 1).unwrap(), 1);
    assert!(memory.grow(store, 1).is_err());
    assert_eq!(table.size(store), 2);
    assert!(matches!(table.get(store, 0), Some(Val::FuncRef(None))));
    assert!(matches!(table.get(store, 1), Some(Val::FuncRef(Some(_)))));
    assert!(table.get(store, 2).is_none());
    assert!(table.set(store, 2, Val::FuncRef(None)).is_err());
    assert!(table.set(store, 0, Val::ExternRef(None)).is_err());
    assert_eq!(table.grow(store, 1, Val::FuncRef(None)).unwrap(), 2);
    assert!(table.grow(store, 1, Val::FuncRef(None)).is_err());
}

#[test]
fn externrefs_keep_their_host_data() {
    let mut guest = Guest::new(
        r#"(module
          (global $g (export "g") (mut externref) (ref.null extern))
          (table $t (export "t") 3 externref)
          (func (export "keep") (param externref)
            (global.set $g (local.get 0))
            (table.set $t (i32.const 1) (local.get 0)))
          (func (export "give") (result externref externref externref)
            (global.get $g) (table.get $t (i32.const 1)) (table.get $t (i32.const 2)))
          (func (export "null") (param externref) (result i32) (ref.is_null (local.get 0))))"#,
    );
    let one = ExternRef::new(&mut guest.store, String::from("one"));
    let two = ExternRef::new(&mut guest.store, 2_u8);
    assert_ne!(one, two);
    guest
        .call("keep", &[Val::ExternRef(Some(one.clone()))])
        .unwrap();
    let found = guest.call("give", &[]).unwrap();
    let [
        Val::ExternRef(Some(a)),
        Val::ExternRef(Some(b)),
        Val::ExternRef(None),
    ] = &found[..]
    else {
        panic!("expected two references and a null, found {found:?}");
    };
    assert_eq!((a, b), (&one, &one));
    let data = a
        .data(&guest.store)
        .and_then(|v| v.downcast_ref::<String>());
    assert_eq!(data.map(String::as_str), Some("one"));
    let data = two.data(&guest.store).and_then(|v| v.downcast_ref::<u8>());
    assert_eq!(data, Some(&2));
    let null = guest.call("null", &[Val::ExternRef(None)]).unwrap();
    assert_eq!(i32_of(&null[0]), 1);
    let null = guest.call("null", &[Val::ExternRef(Some(two))]).unwrap();
    assert_eq!(i32_of(&null[0]), 0);
}

#[test]
fn stores_share_nothing_but_the_module() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module
          (memory 1) (global $g (mut i32) (i32.const 0))
          (func (export "next") (result i32)
            (global.set $g (i32.add (global.get $g) (i32.const 1)))
            (i32.store8 (i32.const 0) (i32.add (i32.load8_u (i32.const 0)) (i32.const 1)))
            (i32.add (global.get $g) (i32.load8_u (i32.const 0)))))"#,
    )
    .unwrap();
    let log = Shared::default();
    let mut worlds: Vec<(Store<u8>, Instance)> = (0..3)
        .map(|data| {
            let mut store = Store::new(&engine, data);
            let instance = Linker::new(&engine)
                .instantiate(&mut store, &module)
                .unwrap();
            (store, instance)
        })
        .collect();
    for round in 1..=4 {
        for (store, instance) in &mut worlds {
            let next = instance.get_func(store, "next").unwrap();
            assert_eq!(i32_of(&call(store, next, &[]).unwrap()[0]), 2 * round);
            log.push(*store.data());
        }
    }
    assert_eq!(log.take(), [0, 1, 2].repeat(4));
}
