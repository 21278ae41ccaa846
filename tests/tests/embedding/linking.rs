//! Linking: what a linker defines, resolves and refuses.

use probity_engine::{
    Caller, Engine, ErrorKind, Extern, ExternType, Func, FuncType, Instance, Linker, Module, Store,
    Tag, TrapCode, Val, ValType,
};

use crate::guest::{call, i32_of, trap_code};

fn instantiate(linker: &Linker<()>, store: &mut Store<()>, wat: &str) -> Result<Instance, String> {
    let module = Module::new(store.engine(), wat).expect("the module loads");
    linker.instantiate(store, &module).map_err(|error| {
        assert!(matches!(error.kind(), ErrorKind::Link(_)), "{error}");
        error.to_string()
    })
}

fn new() -> (Linker<()>, Store<()>) {
    let engine = Engine::default();
    (Linker::new(&engine), Store::new(&engine, ()))
}

#[test]
fn imports_that_nothing_defines_are_named() {
    let (mut linker, mut store) = new();
    linker
        .func_wrap("env", "other", |_: Caller<'_, ()>| {})
        .unwrap();
    let message = instantiate(
        &linker,
        &mut store,
        r#"(module (import "env" "absent" (func)))"#,
    )
    .expect_err("nothing defines it");
    for part in ["unknown import", "env", "absent"] {
        assert!(message.contains(part), "`{message}` names `{part}`");
    }
}

#[test]
fn imports_of_another_type_are_refused() {
    let (mut linker, mut store) = new();
    let definer = r#"(module
      (func (export "f") (param i32))
      (global (export "g") i32 (i32.const 1))
      (global (export "gm") (mut i32) (i32.const 1))
      (memory (export "m") 2 4)
      (table (export "t") 2 4 funcref))"#;
    let instance = instantiate(&linker, &mut store, definer).unwrap();
    linker.instance(&mut store, "d", instance).unwrap();
    for import in [
        r#""f" (func)"#,
        r#""f" (func (param i64))"#,
        r#""f" (func (param i32) (result i32))"#,
        r#""f" (memory 1)"#,
        r#""g" (global (mut i32))"#,
        r#""g" (global i64)"#,
        r#""gm" (global i32)"#,
        r#""m" (memory 3)"#,
        r#""m" (memory 1 3)"#,
        r#""m" (table 1 funcref)"#,
        r#""t" (table 3 funcref)"#,
        r#""t" (table 1 3 funcref)"#,
        r#""t" (table 1 externref)"#,
        r#""t" (global i32)"#,
    ] {
        let wat = format!(r#"(module (import "d" {import}))"#);
        let message = instantiate(&linker, &mut store, &wat).expect_err(import);
        assert!(
            message.contains("incompatible import type"),
            "{import}: {message}"
        );
    }
    for import in [
        r#""f" (func (param i32))"#,
        r#""gm" (global (mut i32))"#,
        r#""m" (memory 1)"#,
        r#""m" (memory 2 4)"#,
        r#""m" (memory 0 5)"#,
        r#""t" (table 1 funcref)"#,
        r#""t" (table 2 9 funcref)"#,
    ] {
        let wat = format!(r#"(module (import "d" {import}))"#);
        instantiate(&linker, &mut store, &wat).expect(import);
    }
}

/// The limits that count are those of now: a grown memory fits a larger import.
#[test]
fn grown_memories_and_tables_fit_larger_imports() {
    let (mut linker, mut store) = new();
    let definer = r#"(module (memory (export "m") 1) (table (export "t") 1 funcref))"#;
    let instance = instantiate(&linker, &mut store, definer).unwrap();
    linker.instance(&mut store, "d", instance).unwrap();
    let importer = r#"(module (import "d" "m" (memory 3)) (import "d" "t" (table 5 funcref)))"#;
    instantiate(&linker, &mut store, importer).expect_err("one page and one element");
    let memory = instance.get_memory(&store, "m").unwrap();
    memory.grow(&mut store, 2).unwrap();
    let table = instance.get_table(&store, "t").unwrap();
    table.grow(&mut store, 4, Val::FuncRef(None)).unwrap();
    instantiate(&linker, &mut store, importer).expect("three pages and five elements");
}

#[test]
fn second_definitions_need_shadowing() {
    let (mut linker, mut store) = new();
    linker.func_wrap("h", "f", |_: Caller<'_, ()>| 1).unwrap();
    assert!(linker.func_wrap("h", "f", |_: Caller<'_, ()>| 2).is_err());
    let wat = r#"(module (import "h" "f" (func $f (result i32)))
                         (func (export "run") (result i32) call $f))"#;
    let mut run = |linker: &Linker<()>| {
        let instance = instantiate(linker, &mut store, wat).unwrap();
        let func = instance.get_func(&store, "run").unwrap();
        i32_of(&call(&mut store, func, &[]).unwrap()[0])
    };
    assert_eq!(run(&linker), 1);
    linker.allow_shadowing(true);
    linker.func_wrap("h", "f", |_: Caller<'_, ()>| 3).unwrap();
    assert_eq!(run(&linker), 3);
}

#[test]
fn unknown_imports_become_traps_on_request() {
    let (mut linker, mut store) = new();
    linker
        .func_wrap("h", "known", |_: Caller<'_, ()>| 5)
        .unwrap();
    let module = Module::new(
        store.engine(),
        r#"(module
          (import "h" "known" (func $known (result i32)))
          (import "h" "unknown" (func $unknown (param i64) (result i32)))
          (func (export "known") (result i32) call $known)
          (func (export "unknown") (result i32) i64.const 0 call $unknown))"#,
    )
    .unwrap();
    linker.define_unknown_imports_as_traps(&module).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let known = instance.get_func(&store, "known").unwrap();
    assert_eq!(i32_of(&call(&mut store, known, &[]).unwrap()[0]), 5);
    let unknown = instance.get_func(&store, "unknown").unwrap();
    let error = call(&mut store, unknown, &[]).expect_err("it traps");
    assert!(error.to_string().contains("unknown"), "{error}");
}

#[test]
fn instances_from_a_list_of_imports() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let module = Module::new(
        &engine,
        r#"(module
          (import "any" "a" (func $a (result i32)))
          (import "any" "b" (func $b (result i32)))
          (func (export "run") (result i32) (i32.sub (call $a) (call $b))))"#,
    )
    .unwrap();
    let a: Extern = Func::wrap(&mut store, |_: Caller<'_, ()>| 50).into();
    let b: Extern = Func::wrap(&mut store, |_: Caller<'_, ()>| 8).into();
    let instance = Instance::new(&mut store, &module, &[a, b]).unwrap();
    let run = instance.get_func(&store, "run").unwrap();
    assert_eq!(i32_of(&call(&mut store, run, &[]).unwrap()[0]), 42);
    assert!(Instance::new(&mut store, &module, &[a]).is_err());
    assert!(Instance::new(&mut store, &module, &[a, b, b]).is_err());
    let odd: Extern = Func::wrap(&mut store, |_: Caller<'_, ()>, _: i32| {}).into();
    assert!(Instance::new(&mut store, &module, &[a, odd]).is_err());
}

#[test]
fn modules_tell_their_imports_and_exports() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module $named
          (import "m" "f" (func (param i32)))
          (import "m" "g" (global (mut i64)))
          (func (export "a") (result f32) f32.const 0)
          (memory (export "b") 1 2)
          (func $internal))"#,
    )
    .unwrap();
    assert_eq!(module.name(), Some("named"));
    assert_eq!(
        (module.num_functions(), module.num_imported_functions()),
        (3, 1)
    );
    let imports: Vec<_> = module.imports().map(|i| (i.module, i.name, i.ty)).collect();
    assert_eq!(imports.len(), 2);
    let (module_name, name, ty) = &imports[0];
    assert_eq!((*module_name, *name), ("m", "f"));
    assert_eq!(*ty, ExternType::Func(FuncType::new([ValType::I32], [])));
    assert!(
        matches!(&imports[1].2, ExternType::Global(g) if g.mutable && g.content == ValType::I64)
    );
    let exports: Vec<_> = module.exports().map(|e| (e.name, e.index, e.ty)).collect();
    assert_eq!((exports[0].0, exports[0].1), ("a", 1));
    assert_eq!(
        exports[0].2,
        ExternType::Func(FuncType::new([], [ValType::F32]))
    );
    assert!(
        matches!(&exports[1].2, ExternType::Memory(m) if (m.minimum, m.maximum) == (1, Some(2)))
    );
    let internal = module.function(2).expect("three functions");
    assert_eq!(internal.name().as_deref(), Some("internal"));
    assert!(!internal.is_import());
    assert!(module.function(0).expect("an import").body().is_none());
    assert!(module.function(3).is_none());
}

/// A failed instantiation leaves nothing that can be called, and the store as it
/// was, but for what its active segments had written.
#[test]
fn stores_survive_failed_instantiations() {
    let (mut linker, mut store) = new();
    let host = instantiate(
        &linker,
        &mut store,
        r#"(module (memory (export "m") 1) (func (export "at") (param i32) (result i32)
             (i32.load8_u (local.get 0))))"#,
    )
    .unwrap();
    linker.instance(&mut store, "d", host).unwrap();
    let module = Module::new(
        store.engine(),
        r#"(module (import "d" "m" (memory 1))
             (data (i32.const 10) "A") (data (i32.const 65536) "B"))"#,
    )
    .unwrap();
    let outcome = linker.instantiate(&mut store, &module).map(drop);
    assert_eq!(trap_code(outcome), TrapCode::MemoryOutOfBounds);
    let at = host.get_func(&store, "at").unwrap();
    let found = call(&mut store, at, &[Val::I32(10)]).unwrap();
    assert_eq!(i32_of(&found[0]), i32::from(b'A'));
}

#[test]
fn functions_of_another_store_are_refused() {
    let engine = Engine::default();
    let (mut one, mut two) = (Store::new(&engine, ()), Store::new(&engine, ()));
    let func = Func::wrap(&mut one, |_: Caller<'_, ()>| 1);
    // A store with as many functions, so that an index alone would be found.
    let _other = Func::wrap(&mut two, |_: Caller<'_, ()>| 2);
    let error = call_of_type(&mut two, func).expect_err("the function is not in this store");
    assert!(error.trap().is_none(), "{error}");
    assert_eq!(i32_of(&call(&mut one, func, &[]).unwrap()[0]), 1);
}

fn call_of_type(store: &mut Store<()>, func: Func) -> probity_engine::Result<()> {
    func.call(store, &[], &mut [Val::I32(0)])
}

/// Types that are open to subtypes, or part of a group, are not what the same parameters and results
/// alone would be; an import's own type says which it is.
#[test]
fn hosts_satisfy_imports_of_any_function_type() {
    let engine = Engine::default();
    let text = r#"(module
      (type $open (sub (func (param i32) (result i32))))
      (rec (type $a (func (param (ref null $b)))) (type $b (struct (field (ref null $a)))))
      (import "h" "f" (func $f (type $open)))
      (import "h" "g" (func $g (type $a)))
      (import "h" "t" (tag $t (type $a)))
      (func (export "run") (param i32) (result i32)
        (call $g (ref.null $b))
        (call $f (local.get 0))))"#;
    let module = Module::new(&engine, text).expect("a valid module");
    let mut store = Store::new(&engine, ());
    let mut imports: Vec<Extern> = Vec::new();
    for import in module.imports() {
        imports.push(match import.ty {
            ExternType::Func(ty) => Func::new(&mut store, ty, |_, args, results| {
                if let Some(Val::I32(v)) = args.first() {
                    results[0] = Val::I32(v + 1);
                }
                Ok(())
            })
            .into(),
            ExternType::Tag(ty) => Tag::new(&mut store, ty).into(),
            other => panic!("no import of {other}"),
        });
    }
    let instance = Instance::new(&mut store, &module, &imports).expect("right types");
    let run = instance
        .get_typed_func::<i32, i32>(&store, "run")
        .expect("exported");
    assert_eq!(run.call(&mut store, 4).expect("no trap"), 5);
    // The same parameters and results alone are another type.
    let ty = FuncType::new([ValType::I32], [ValType::I32]);
    imports[0] = Func::new(&mut store, ty, |_, _, _| Ok(())).into();
    assert!(Instance::new(&mut store, &module, &imports).is_err());
}
