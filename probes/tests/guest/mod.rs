//! One instance in one store, in every way of executing code.
#![allow(
    dead_code,
    reason = "each test binary that includes this uses its own part of it"
)]

use std::sync::{Arc, Mutex};

use probity_engine::{Config, Engine, Instance, Module, Store, Tier, TierZeal, Val, WasmPc};

/// A way of executing code.
pub type Way = (Tier, TierZeal);

/// All of them. What a guest does is the same in each.
pub const WAYS: [Way; 5] = [
    (Tier::Interp, TierZeal::Off),
    (Tier::Jit, TierZeal::Off),
    (Tier::Auto, TierZeal::Eager),
    (Tier::Auto, TierZeal::Osr),
    (Tier::Jit, TierZeal::Deopt),
];

/// A module without imports.
pub fn guest((tier, zeal): Way, wat: &str) -> (Store<()>, Instance, Module) {
    let mut config = Config::new();
    config.tier(tier).tier_zeal(zeal);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, wat).expect("it loads");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("it is instantiated");
    (store, instance, module)
}

/// Byte offset of an operator of a function.
pub fn pc(module: &Module, func: u32, index: usize) -> WasmPc {
    let function = module.function(func).expect("the function exists");
    function.operators().expect("its body is well-formed")[index].0
}

/// A list that closures write and the test reads.
pub struct Seen<T>(Arc<Mutex<Vec<T>>>);

impl<T> Default for Seen<T> {
    fn default() -> Seen<T> {
        Seen(Arc::default())
    }
}

impl<T> Clone for Seen<T> {
    fn clone(&self) -> Seen<T> {
        Seen(self.0.clone())
    }
}

impl<T> Seen<T> {
    pub fn push(&self, item: T) {
        self.0.lock().expect("no closure panicked").push(item);
    }

    /// What is there, which is not there any more.
    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.0.lock().expect("no closure panicked"))
    }
}

/// A number; references and vectors are none.
pub fn number(val: &Val) -> i64 {
    match *val {
        Val::I32(value) => value.into(),
        Val::I64(value) => value,
        Val::F32(bits) => bits.into(),
        Val::F64(bits) => bits as i64,
        _ => i64::MIN,
    }
}

/// Numbers.
pub fn numbers(vals: &[Val]) -> Vec<i64> {
    vals.iter().map(number).collect()
}
