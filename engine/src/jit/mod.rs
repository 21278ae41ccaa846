//! The compiler: Wasm functions to machine code, by Cranelift.
//!
//! `translate` makes Cranelift's representation of a function, `compile` has it compiled and keeps
//! what is known of the machine code (`tier::code`), `quiet` takes the polls out of it, `held` finds counters in
//! registers, `placement` says where in a cache line it begins, `stubs` are the few routines in assembly, `cache`
//! remembers what has been compiled for a module, `disk` from one process to the next.

mod abi;
#[cfg_attr(
    not(test),
    allow(
        dead_code,
        reason = "tests compare more with the reference than translation needs"
    )
)]
mod analysis;
mod branches;
pub(crate) mod cache;
mod compile;
pub(crate) mod disk;
mod explain;
mod held;
mod live;
mod location;
pub(crate) mod native_tools;
mod placement;
mod quiet;
pub(crate) mod stubs;
mod thunks;
mod translate;
mod worker;

use std::sync::Arc;

use self::cache::NativeCache;
pub(crate) use self::compile::Compiler;
use self::disk::{ModuleCache, PieceId};
pub(crate) use self::explain::explain;
pub(crate) use self::live::live_locals;
use crate::module::Module;
use crate::tier::code::{NativeCode, Slot, Variant};

/// What has been compiled for a module.
fn cache(module: &Module) -> &NativeCache {
    module.inner.code.native(|types| {
        let compiler = module.inner.engine.compiler();
        let disk = compiler.and_then(|compiler| ModuleCache::open(compiler, module));
        let cache = Arc::new(NativeCache::new(types, disk));
        if let Some(disk) = module.inner.engine.disk_cache() {
            disk.add(&cache);
        }
        cache
    })
}

/// Writes what has been compiled for a module to the cache on disk, if there is one.
pub(crate) fn save(module: &Module) {
    cache(module).save();
}

/// Where code of a function is kept that does not belong to one store.
pub(crate) fn slot(module: &Module, func: u32, variant: &Variant) -> Arc<Slot> {
    cache(module).slot(module, func, variant.osr, variant.counted)
}

/// Machine code of a function that belongs to no store, compiled now if it has not been. `None` if
/// it cannot be compiled: the interpreter then runs it.
pub(crate) fn function(module: &Module, func: u32, counted: bool) -> Option<Arc<NativeCode>> {
    let variant = Variant {
        counted,
        ..Variant::default()
    };
    let slot = slot(module, func, &variant);
    make(module, func, variant, &slot)
}

/// Machine code of a function, compiled now if it is not in its slot.
pub(crate) fn make(
    module: &Module,
    func: u32,
    variant: Variant,
    slot: &Slot,
) -> Option<Arc<NativeCode>> {
    let compiler = module.inner.engine.compiler()?;
    let make = || compiler.function(module, func, &variant);
    if variant.watch.is_some() {
        // It belongs to a store.
        return slot.get_or_make(|| make().ok());
    }
    let id = PieceId::Func {
        func,
        osr: variant.osr,
        counted: variant.counted,
    };
    slot.get_or_make(|| cache(module).made(id, make))
}

/// Has another thread make code of a function, if nobody has asked for it.
pub(crate) fn request(module: &Module, func: u32, variant: Variant, slot: Arc<Slot>) {
    if let Some(compiler) = module.inner.engine.compiler()
        && slot.take_request()
    {
        let module = module.clone();
        compiler
            .worker
            .run(move || drop(make(&module, func, variant, &slot)));
    }
}

/// Machine code that calls functions of a type with arguments from a frame.
pub(crate) fn thunk(module: &Module, type_index: u32) -> Option<Arc<NativeCode>> {
    let compiler = module.inner.engine.compiler()?;
    let ty = module.inner.types[type_index as usize].func();
    cache(module).between(PieceId::Thunk(type_index), module, || compiler.thunk(ty))
}

/// Machine code with the convention of compiled functions of a type that calls the engine.
pub(crate) fn out(module: &Module, type_index: u32) -> Option<Arc<NativeCode>> {
    let compiler = module.inner.engine.compiler()?;
    let ty = module.inner.types[type_index as usize].func();
    cache(module).between(PieceId::Out(type_index), module, || compiler.out(ty))
}
