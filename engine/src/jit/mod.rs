//! The compiler: Wasm functions to machine code, by Cranelift.
//!
//! `translate` makes Cranelift's representation of a function, `compile` has it compiled and keeps
//! what is known of the machine code (`tier::code`), `stubs` are the few routines in assembly,
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
pub(crate) mod native_tools;
pub(crate) mod stubs;
mod thunks;
mod translate;
mod worker;

use std::sync::Arc;

pub(crate) use self::compile::Compiler;
pub(crate) use self::explain::explain;
use crate::module::Module;
use crate::tier::code::NativeCode;

/// Machine code of a function, compiled now if it has not been. `None` if it cannot be compiled:
/// the interpreter then runs it.
pub(crate) fn function(module: &Module, func: u32) -> Option<Arc<NativeCode>> {
    let compiler = module.inner.engine.compiler()?;
    let cache = module.inner.code.native();
    let at = (func - module.inner.num_imported_funcs) as usize;
    let made = cache.funcs[at].get_or_init(|| compiler.function(module, func).ok());
    made.clone()
}

/// Machine code of a function, if it has been compiled.
pub(crate) fn function_if_ready(module: &Module, func: u32) -> Option<Arc<NativeCode>> {
    let cache = module.inner.code.native();
    let at = (func - module.inner.num_imported_funcs) as usize;
    cache.funcs[at].get()?.clone()
}

/// Machine code that is entered at a `loop`, compiled now if it has not been.
pub(crate) fn at_loop(module: &Module, func: u32, pc: u32) -> Option<Arc<NativeCode>> {
    let compiler = module.inner.engine.compiler()?;
    let place = module.inner.code.native().at_loop(func, pc);
    let made = place.get_or_init(|| compiler.osr(module, func, pc).ok());
    made.clone()
}

/// Machine code that is entered at a `loop`, if it has been compiled: `None` if not yet,
/// `Some(None)` if it cannot be.
pub(crate) fn at_loop_if_ready(
    module: &Module,
    func: u32,
    pc: u32,
) -> Option<Option<Arc<NativeCode>>> {
    let place = module.inner.code.native().at_loop(func, pc);
    place.get().cloned()
}

/// Asks for machine code of a function, or of one of its loops, to be made by another thread.
pub(crate) fn request(module: &Module, func: u32, pc: Option<u32>) {
    if let Some(compiler) = module.inner.engine.compiler() {
        compiler.worker.request(module, func, pc);
    }
}

/// Machine code that calls functions of a type with arguments from a frame.
pub(crate) fn thunk(module: &Module, type_index: u32) -> Option<Arc<NativeCode>> {
    let compiler = module.inner.engine.compiler()?;
    let cache = module.inner.code.native();
    let made = cache.thunks[type_index as usize].get_or_init(|| {
        let ty = module.inner.types[type_index as usize].func();
        compiler.thunk(ty).ok()
    });
    made.clone()
}

/// Machine code with the convention of compiled functions of a type that calls the engine.
pub(crate) fn out(module: &Module, type_index: u32) -> Option<Arc<NativeCode>> {
    let compiler = module.inner.engine.compiler()?;
    let cache = module.inner.code.native();
    let made = cache.outs[type_index as usize].get_or_init(|| {
        let ty = module.inner.types[type_index as usize].func();
        compiler.out(ty).ok()
    });
    made.clone()
}
