//! The host module `spectest` that the suite's scripts import.
//!
//! Its contents are fixed by the specification's interpreter. Nothing is
//! printed: the scripts assert nothing about it.

use probity_engine::{
    AsContextMut, Caller, Global, GlobalType, Linker, Memory, MemoryType, RefType, Result, Store,
    Table, TableType, Val, ValType,
};

/// Define `spectest` in the linker, with its memory, table and globals in `store`.
/// Where there are threads (`shared`), it has a shared memory too.
pub fn define(linker: &mut Linker<()>, store: &mut Store<()>, shared: bool) -> Result<()> {
    linker.func_wrap("spectest", "print", |_: Caller<'_, ()>| {})?;
    linker.func_wrap("spectest", "print_i32", |_: Caller<'_, ()>, _: i32| {})?;
    linker.func_wrap("spectest", "print_i64", |_: Caller<'_, ()>, _: i64| {})?;
    linker.func_wrap("spectest", "print_f32", |_: Caller<'_, ()>, _: f32| {})?;
    linker.func_wrap("spectest", "print_f64", |_: Caller<'_, ()>, _: f64| {})?;
    linker.func_wrap(
        "spectest",
        "print_i32_f32",
        |_: Caller<'_, ()>, _: i32, _: f32| {},
    )?;
    linker.func_wrap(
        "spectest",
        "print_f64_f64",
        |_: Caller<'_, ()>, _: f64, _: f64| {},
    )?;

    let globals = [
        ("global_i32", Val::I32(666)),
        ("global_i64", Val::I64(666)),
        ("global_f32", Val::F32(666.6_f32.to_bits())),
        ("global_f64", Val::F64(666.6_f64.to_bits())),
    ];
    for (name, value) in globals {
        let global = constant(store, value)?;
        linker.define("spectest", name, global)?;
    }

    let table = Table::new(
        store,
        TableType {
            element: RefType::FUNCREF,
            minimum: 10,
            maximum: Some(20),
            table64: false,
        },
        Val::default_for(ValType::FUNCREF),
    )?;
    linker.define("spectest", "table", table)?;

    let memory = Memory::new(store, memory_type(false))?;
    linker.define("spectest", "memory", memory)?;
    if shared {
        let memory = Memory::new(store, memory_type(true))?;
        linker.define("spectest", "shared_memory", memory)?;
    }
    Ok(())
}

fn memory_type(shared: bool) -> MemoryType {
    MemoryType {
        minimum: 1,
        maximum: Some(2),
        memory64: false,
        shared,
        page_size_log2: 16,
    }
}

fn constant(store: &mut impl AsContextMut, value: Val) -> Result<Global> {
    let ty = GlobalType {
        content: value.ty(),
        mutable: false,
    };
    Global::new(store, ty, value)
}
