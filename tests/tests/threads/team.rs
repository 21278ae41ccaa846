//! Threads that run one module on one shared memory.

use std::thread::{self, ScopedJoinHandle};

use probity_engine::hook::Probe;
use probity_engine::{
    Engine, Error, InterruptHandle, Linker, Memory, MemoryType, Module, Result, SharedMemory,
    Store, TrapCode, Val,
};

use super::guest::call;

/// What all threads have in common.
pub struct Team {
    pub engine: Engine,
    pub module: Module,
    pub memory: SharedMemory,
}

/// Whether a thread's store has a global probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Watched {
    No,
    Yes,
}

impl Team {
    /// A module that imports its memory, of at most `maximum` pages, from `m` `m`.
    pub fn new(maximum: u64, wat: &str) -> Team {
        let engine = super::guest::engine();
        let module = Module::new(&engine, wat).expect("the module loads");
        let ty = MemoryType {
            shared: true,
            ..MemoryType::new(1, Some(maximum))
        };
        let memory = SharedMemory::new(&engine, ty).expect("address space");
        Team {
            engine,
            module,
            memory,
        }
    }

    /// Makes the store of one thread.
    pub fn join(&self, watched: Watched) -> Member {
        let mut store = Store::new(&self.engine, ());
        if watched == Watched::Yes {
            store.probes().insert_global(Probe::call(|_| Ok(())));
        }
        let memory = Memory::from_shared(&mut store, &self.memory).expect("the same engine");
        let mut linker = Linker::new(&self.engine);
        linker.define("m", "m", memory).expect("a new name");
        let instance = linker.instantiate(&mut store, &self.module);
        let instance = instance.expect("the module instantiates");
        Member { store, instance }
    }

    /// Calls an export in a thread of its own; every second thread is watched.
    pub fn run<'scope>(
        &'scope self,
        scope: &'scope thread::Scope<'scope, '_>,
        export: &'static str,
        args: &'static [i32],
        number: usize,
    ) -> ScopedJoinHandle<'scope, Result<Vec<i32>>> {
        let watched = [Watched::No, Watched::Yes][number % 2];
        scope.spawn(move || self.join(watched).call(export, args))
    }

    /// An i32 of the memory.
    pub fn word(&self, at: u64) -> i32 {
        let mut bytes = [0; 4];
        self.memory.read(at, &mut bytes).expect("in bounds");
        i32::from_le_bytes(bytes)
    }
}

/// One thread's part.
pub struct Member {
    store: Store<()>,
    instance: probity_engine::Instance,
}

impl Member {
    /// Calls an export of i32s.
    pub fn call(&mut self, export: &str, args: &[i32]) -> Result<Vec<i32>> {
        let func = self.instance.get_func(&self.store, export);
        let func = func.ok_or_else(|| Error::host(std::io::Error::other("no such export")))?;
        let args: Vec<Val> = args.iter().map(|&x| Val::I32(x)).collect();
        let results = call(&mut self.store, func, &args)?;
        Ok(results.iter().map(super::guest::i32_of).collect())
    }

    pub fn fuel(&self) -> u64 {
        self.store.fuel_consumed()
    }

    pub fn set_fuel_limit(&mut self, fuel: u64) {
        self.store.set_fuel_limit(Some(fuel));
    }

    pub fn interrupt_handle(&self) -> InterruptHandle {
        self.store.interrupt_handle()
    }
}

/// What a thread's call gave.
pub fn outcome(thread: ScopedJoinHandle<'_, Result<Vec<i32>>>) -> Result<Vec<i32>, TrapCode> {
    let result = thread.join().expect("no panic");
    result.map_err(|e| super::guest::trap_code_of(&e))
}
