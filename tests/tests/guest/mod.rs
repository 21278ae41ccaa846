//! A small guest in a store, for tests that look at it as a user would.
#![allow(
    dead_code,
    reason = "each test binary that includes this uses its own part of it"
)]

use std::borrow::Borrow;
use std::sync::{Arc, Mutex};

use probity_engine::hook::{Probe, ProbeContext, ProbeId, Site};
use probity_engine::wasmparser::Operator;
use probity_engine::{
    AsContextMut, Config, Engine, Error, Func, Instance, Linker, Module, Result, Store, Tier,
    TierZeal, TrapCode, Val, ValType, WasmPc,
};

/// The ways to execute code. What a guest does is the same in each.
pub const WAYS: [(&str, Tier, TierZeal); 5] = [
    ("interp", Tier::Interp, TierZeal::Off),
    ("jit", Tier::Jit, TierZeal::Off),
    ("eager", Tier::Auto, TierZeal::Eager),
    ("osr", Tier::Auto, TierZeal::Osr),
    ("deopt", Tier::Jit, TierZeal::Deopt),
];

/// The default settings. Where this file is a module in one that is named as one of [`WAYS`], code
/// is executed that way: thus a suite can be included once for each.
pub fn config() -> Config {
    let mut config = Config::new();
    if let Some((_, tier, zeal)) = way() {
        config.tier(*tier).tier_zeal(*zeal);
    }
    config
}

/// Whether all code of [`config`] spends fuel: compiled code spends none.
pub fn counts_fuel() -> bool {
    way().is_none_or(|(_, tier, _)| *tier == Tier::Interp)
}

fn way() -> Option<&'static (&'static str, Tier, TierZeal)> {
    WAYS.iter()
        .find(|(name, ..)| module_path!().split("::").any(|part| part == *name))
}

/// An engine of [`config`].
pub fn engine() -> Engine {
    Engine::new(&config())
}

/// One instance in one store.
pub struct Guest {
    pub store: Store<()>,
    pub module: Module,
    pub instance: Instance,
}

impl Guest {
    /// A module without imports.
    pub fn new(wat: &str) -> Guest {
        Guest::linked(wat, |_| {})
    }

    /// A module whose imports `define` defines.
    pub fn linked(wat: &str, define: impl FnOnce(&mut Linker<()>)) -> Guest {
        Guest::configured(&config(), wat, define)
    }

    /// As [`Guest::linked`], in an engine of its own.
    pub fn configured(config: &Config, wat: &str, define: impl FnOnce(&mut Linker<()>)) -> Guest {
        let engine = Engine::new(config);
        let module = Module::new(&engine, wat).expect("the module loads");
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        define(&mut linker);
        let instance = linker
            .instantiate(&mut store, &module)
            .expect("the module instantiates");
        Guest {
            store,
            module,
            instance,
        }
    }

    /// An exported function.
    pub fn func(&self, export: &str) -> Func {
        self.instance
            .get_func(&self.store, export)
            .unwrap_or_else(|| panic!("`{export}` is an exported function"))
    }

    /// Call an exported function.
    pub fn call(&mut self, export: &str, args: &[Val]) -> Result<Vec<Val>> {
        let func = self.func(export);
        call(&mut self.store, func, args)
    }

    /// Call an exported function of i32s with one i32 result.
    pub fn call_i32(&mut self, export: &str, args: &[i32]) -> Result<i32> {
        let args: Vec<Val> = args.iter().copied().map(Val::I32).collect();
        Ok(i32_of(&self.call(export, &args)?[0]))
    }

    /// The index of an exported function in its module.
    pub fn index(&self, export: &str) -> u32 {
        self.func(export)
            .module(&self.store)
            .unwrap_or_else(|| panic!("`{export}` is a Wasm function"))
            .1
    }

    /// The function's instructions: pc and the operator's name (`I32Add`).
    pub fn operators(&self, export: &str) -> Vec<(WasmPc, String)> {
        operators(&self.module, self.index(export))
    }

    /// The pc of the function's `nth` operator (from 0) with this name (`I32Add`).
    pub fn pc(&self, export: &str, operator: &str, nth: usize) -> WasmPc {
        self.operators(export)
            .into_iter()
            .filter(|(_, name)| name == operator)
            .nth(nth)
            .unwrap_or_else(|| panic!("`{export}` has {operator} number {nth}"))
            .0
    }

    /// Insert a probe.
    pub fn insert(&mut self, export: &str, site: Site, probe: Probe) -> ProbeId {
        let func = self.func(export);
        self.store
            .probes()
            .insert(func, site, probe)
            .expect("the site exists")
    }

    /// Insert a probe with a callback before the `nth` operator of this name.
    pub fn before(
        &mut self,
        export: &str,
        operator: &str,
        nth: usize,
        callback: impl FnMut(&mut ProbeContext<'_>) -> Result<()> + Send + 'static,
    ) -> ProbeId {
        let pc = self.pc(export, operator, nth);
        self.insert(export, Site::Before(pc), Probe::call(callback))
    }

    /// The pcs of every instruction that runs during a call, in order, taken
    /// with a global probe that is removed afterwards.
    pub fn trace(&mut self, export: &str, args: &[Val]) -> (Result<Vec<Val>>, Vec<(u32, WasmPc)>) {
        let trace = Shared::<(u32, WasmPc)>::default();
        let sink = trace.clone();
        let id = self.store.probes().insert_global(Probe::call(move |ctx| {
            sink.push((ctx.func_index(), ctx.pc()));
            Ok(())
        }));
        let outcome = self.call(export, args);
        assert!(self.store.probes().remove(id));
        (outcome, trace.take())
    }
}

/// Each operator of a function: its pc and name.
pub fn operators(module: &Module, index: u32) -> Vec<(WasmPc, String)> {
    let function = module.function(index).expect("the function exists");
    let operators = function.operators().expect("the body is well-formed");
    operators
        .into_iter()
        .map(|(pc, operator)| (pc, operator_name(&operator)))
        .collect()
}

/// `I32Add`, without immediates.
pub fn operator_name(operator: &Operator<'_>) -> String {
    let text = format!("{operator:?}");
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(text.len());
    text[..end].to_owned()
}

/// Call with as many results as the function's type says.
pub fn call(store: &mut impl AsContextMut, func: Func, args: &[Val]) -> Result<Vec<Val>> {
    let ty = func.ty(store);
    let mut results: Vec<Val> = ty
        .results()
        .iter()
        .map(|ty| Val::default_for(*ty))
        .collect();
    func.call(store, args, &mut results)?;
    Ok(results)
}

/// The number in an i32.
pub fn i32_of(val: impl Borrow<Val>) -> i32 {
    match *val.borrow() {
        Val::I32(v) => v,
        ref other => panic!("expected an i32, found {other:?}"),
    }
}

/// Type and bits of a number, for comparisons.
pub fn bits(val: impl Borrow<Val>) -> (ValType, u128) {
    let val = val.borrow();
    let bits = match *val {
        Val::I32(v) => u128::from(v as u32),
        Val::I64(v) => u128::from(v as u64),
        Val::F32(v) => v.into(),
        Val::F64(v) => v.into(),
        Val::V128(v) => v,
        ref other => panic!("expected a number, found {other:?}"),
    };
    (val.ty(), bits)
}

/// The code of the trap that this outcome is.
pub fn trap_code<T: std::fmt::Debug>(outcome: Result<T>) -> TrapCode {
    let error = outcome.expect_err("expected a trap");
    trap_code_of(&error)
}

/// The code of the trap that this error is.
pub fn trap_code_of(error: &Error) -> TrapCode {
    match error.trap() {
        Some(trap) => trap.code(),
        None => panic!("expected a trap, found another error: {error}"),
    }
}

/// A list that callbacks write and the test reads.
#[derive(Debug)]
pub struct Shared<T>(Arc<Mutex<Vec<T>>>);

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Shared(Arc::default())
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared(self.0.clone())
    }
}

impl<T> Shared<T> {
    pub fn push(&self, item: T) {
        self.0.lock().expect("no callback panicked").push(item);
    }

    pub fn len(&self) -> usize {
        self.0.lock().expect("no callback panicked").len()
    }

    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.0.lock().expect("no callback panicked"))
    }
}

/// A number that callbacks count up and the test reads.
#[derive(Debug, Clone, Default)]
pub struct Count(Arc<std::sync::atomic::AtomicU64>);

impl Count {
    /// The count after this one.
    pub fn up(&self) -> u64 {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1
    }

    pub fn get(&self) -> u64 {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// A probe that counts here.
    pub fn probe(&self) -> Probe {
        let count = self.clone();
        Probe::call(move |_| {
            count.up();
            Ok(())
        })
    }
}
