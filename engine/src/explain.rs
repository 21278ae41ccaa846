//! Compiling on request, and looking at what a function is compiled to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

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

/// What [`Module::compile`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CompileStats {
    /// Functions that are compiled now.
    pub functions: usize,
    /// Functions that stay with the interpreter.
    pub refused: usize,
    /// Bytes of machine code.
    pub code_bytes: usize,
}

impl Module {
    /// Compiles all functions now, on all processors, instead of each before its first execution.
    /// Stores of the engine share what is made. Without a compiler, or if the engine's tier is
    /// [`Tier::Interp`](crate::Tier::Interp), every function stays with the interpreter. A function
    /// that is invalid is reported when it is first called, as always.
    pub fn compile(&self) -> CompileStats {
        let first = self.inner.num_imported_funcs;
        let end = self.inner.num_funcs();
        // The longest first, or one thread works on it when all others have nothing left to do.
        let mut order: Vec<u32> = (first..end).collect();
        order.sort_by_key(|&func| {
            let body = self.inner.body(func);
            std::cmp::Reverse(body.map_or(0, |body| body.range.len()))
        });
        let next = AtomicUsize::new(0);
        let counted = self.inner.engine.config().count_fuel;
        let work = || {
            let mut stats = CompileStats::default();
            loop {
                let Some(&func) = order.get(next.fetch_add(1, Ordering::Relaxed)) else {
                    return stats;
                };
                match crate::jit::function(self, func, counted) {
                    Some(code) => {
                        stats.functions += 1;
                        stats.code_bytes += code.len;
                    }
                    None => stats.refused += 1,
                }
            }
        };
        let threads = available_parallelism().map_or(1, usize::from);
        let threads = threads.min((end - first) as usize / 8).max(1);
        let mut stats = CompileStats::default();
        let all: Vec<CompileStats> = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let own = work();
            let others = others.into_iter().map(|t| t.join().unwrap_or_default());
            others.chain([own]).collect()
        });
        for one in all {
            stats.functions += one.functions;
            stats.refused += one.refused;
            stats.code_bytes += one.code_bytes;
        }
        crate::jit::save(self);
        stats
    }

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
