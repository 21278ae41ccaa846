//! The compiler: Wasm functions to machine code, by Cranelift.
//!
//! `translate` makes Cranelift's representation of a function, `compile` has it compiled and keeps
//! what is known of the machine code (`tier::code`), `quiet` takes the polls out of it, `stubs` are the few routines in assembly,
//! `cache` remembers what has been compiled for a module.

mod abi;
#[cfg_attr(
    not(test),
    allow(
        dead_code,
        reason = "tests compare more with the reference than translation needs"
    )
)]
mod analysis;
pub(crate) mod cache;
mod compile;
mod explain;
mod live;
pub(crate) mod native_tools;
mod quiet;
pub(crate) mod stubs;
mod thunks;
mod translate;
mod worker;

use std::sync::Arc;

pub(crate) use self::compile::Compiler;
pub(crate) use self::explain::explain;
pub(crate) use self::live::live_locals;
use crate::module::Module;
use crate::tier::code::{NativeCode, Slot, Variant};

/// Where code of a function is kept that does not belong to one store.
pub(crate) fn slot(module: &Module, func: u32, variant: &Variant) -> Arc<Slot> {
    let cache = module.inner.code.native();
    cache.slot(func, variant.osr, variant.counted)
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
    slot.get_or_make(|| compiler.function(module, func, &variant).ok())
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
    let cache = module.inner.code.native();
    cache.thunks[type_index as usize].get_or_make(|| {
        let ty = module.inner.types[type_index as usize].func();
        compiler.thunk(ty).ok()
    })
}

/// Machine code with the convention of compiled functions of a type that calls the engine.
pub(crate) fn out(module: &Module, type_index: u32) -> Option<Arc<NativeCode>> {
    let compiler = module.inner.engine.compiler()?;
    let cache = module.inner.code.native();
    cache.outs[type_index as usize].get_or_make(|| {
        let ty = module.inner.types[type_index as usize].func();
        compiler.out(ty).ok()
    })
}
