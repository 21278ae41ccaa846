//! Looking at what a function is compiled to.

use crate::module::Module;

/// What [`Module::explain`] tells of a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Explain {
    /// Cranelift's representation, before it is optimised.
    Clif,
    /// Machine code, disassembled, with Wasm program counters.
    Asm,
    /// Places where compiled code calls out, with what is live there and where.
    Sites,
}

impl Module {
    /// What a function is compiled to, under the engine's settings ([`Config::tier`](crate::Config::tier)).
    ///
    /// # Errors
    /// It has no body, the settings ask for no compiler, this machine has none, or the function is
    /// one that the interpreter runs.
    ///
    /// ```
    /// use probity_engine::{Config, Engine, Explain, Module, Tier};
    ///
    /// let engine = Engine::new(Config::new().tier(Tier::Jit));
    /// let module = Module::new(&engine, "(module (func (result i32) (i32.const 7)))")?;
    /// if let Ok(text) = module.explain(0, Explain::Clif) {
    ///     assert!(text.contains("iconst.i32 7"), "{text}");
    /// }
    /// # Ok::<(), probity_engine::LoadError>(())
    /// ```
    pub fn explain(&self, func: u32, what: Explain) -> Result<String, String> {
        if self.inner.body(func).is_none() {
            return Err(format!("function {func} has no body"));
        }
        crate::jit::explain(self, func, what)
    }
}
