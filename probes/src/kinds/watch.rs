//! What all kinds share: where they are put, the closure that they call, and that they go away as a whole.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use probity_engine::hook::{Probe, ProbeContext, ProbeId, Probes, Site};
use probity_engine::wasmparser::Operator;
use probity_engine::{Func, FunctionInfo, Instance, Module, Result, WasmPc};

use crate::matcher::FunctionSelector;

/// Probes of one kind, in as many functions of a store as you like. Clones are the same watch.
///
/// ```
/// use probity_engine::{Engine, Instance, Module, Store};
/// use probity_probes::kinds;
/// use probity_probes::matcher::FunctionSelector;
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module
///     (global $g (mut i32) (i32.const 0))
///     (func $set (export "set") (param i32) (global.set $g (local.get 0))))"#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
///
/// let sets = Arc::new(AtomicU64::new(0));
/// let seen = sets.clone();
/// let watch = kinds::globals(move |_, _| {
///     seen.fetch_add(1, Ordering::Relaxed);
///     Ok(())
/// });
/// watch.attach(&mut store.probes(), FunctionSelector::parse("set*").unwrap());
/// let set = instance.get_typed_func::<i32, ()>(&store, "set")?;
/// set.call(&mut store, 1)?;
/// watch.detach(&mut store.probes());
/// set.call(&mut store, 2)?;
/// assert_eq!(sets.load(Ordering::Relaxed), 1);
/// # Ok::<(), probity_engine::Error>(())
/// ```
#[derive(Clone)]
pub struct Watch {
    shared: Arc<Shared>,
}

struct Shared {
    kind: Box<Kind>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    functions: HashSet<Func>,
    probes: Vec<ProbeId>,
    /// How often it was detached: a list of first calls that is being told may still have an old one of ours.
    detached: u64,
}

/// Puts the probes of a kind into one function.
type Kind = dyn Fn(&mut Place<'_, '_>) -> Result<()> + Send + Sync;

impl Watch {
    pub(crate) fn new(
        kind: impl Fn(&mut Place<'_, '_>) -> Result<()> + Send + Sync + 'static,
    ) -> Watch {
        Watch {
            shared: Arc::new(Shared {
                kind: Box::new(kind),
                state: Mutex::default(),
            }),
        }
    }

    /// Watches the functions of a selector from their first execution on. Those that have executed already are
    /// watched by [`Watch::instrument`] and [`Watch::instrument_all`].
    pub fn attach(&self, probes: &mut Probes<'_>, functions: FunctionSelector) {
        let watch = self.clone();
        let detached = self.state().detached;
        let id = probes.on_first_call(move |probes, func| {
            if watch.state().detached != detached {
                return;
            }
            let module = probes.module_of(func);
            let info = module.as_ref().and_then(|(m, index)| m.function(*index));
            if info.is_some_and(|info| functions.matches(&info)) {
                // The function's body is valid, and its sites exist.
                let _ = watch.instrument(probes, func);
            }
        });
        self.state().probes.push(id);
    }

    /// Watches a function from now on, also where it is executing. Does nothing if it is watched already, or of
    /// the host.
    ///
    /// # Errors
    /// If its body is invalid, or the engine refuses a probe.
    pub fn instrument(&self, probes: &mut Probes<'_>, func: Func) -> Result<()> {
        let Some(((module, index), instance)) =
            probes.module_of(func).zip(probes.instance_of(func))
        else {
            return Ok(());
        };
        let Some(info) = module.function(index) else {
            return Ok(());
        };
        let operators = info.operators()?;
        let mut state = self.state();
        if !state.functions.insert(func) {
            return Ok(());
        }
        let is_first = state.functions.len() == 1;
        drop(state);
        let mut place = Place {
            probes,
            func,
            instance,
            module: &module,
            info,
            operators: &operators,
            is_first,
            ids: Vec::new(),
        };
        let placed = (self.shared.kind)(&mut place);
        // Those that were placed before an error are to go away, too.
        self.state().probes.append(&mut place.ids);
        placed
    }

    /// Watches the functions of an instance that a selector selects, from now on, also where they are executing.
    ///
    /// # Errors
    /// As [`Watch::instrument`].
    pub fn instrument_all(
        &self,
        probes: &mut Probes<'_>,
        instance: Instance,
        functions: &FunctionSelector,
    ) -> Result<()> {
        let module = instance.module(probes).clone();
        for index in module.num_imported_functions()..module.num_functions() {
            let chosen = module
                .function(index)
                .is_some_and(|f| functions.matches(&f));
            if let Some(func) = instance.func(probes, index).filter(|_| chosen) {
                self.instrument(probes, func)?;
            }
        }
        Ok(())
    }

    /// Takes all its probes away. Behind the fire that is under way, if one is, nothing more is called.
    pub fn detach(&self, probes: &mut Probes<'_>) {
        let mut state = self.state();
        state.detached += 1;
        state.functions.clear();
        let ids = std::mem::take(&mut state.probes);
        drop(state);
        for id in ids {
            probes.remove(id);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

/// A function that a kind is put into.
pub(crate) struct Place<'a, 'p> {
    pub probes: &'a mut Probes<'p>,
    pub func: Func,
    pub instance: Instance,
    pub module: &'a Module,
    pub info: FunctionInfo<'a>,
    pub operators: &'a [(WasmPc, Operator<'a>)],
    /// No other function of the store is watched yet.
    pub is_first: bool,
    ids: Vec<ProbeId>,
}

impl Place<'_, '_> {
    /// Inserts a probe into the function.
    pub fn insert(&mut self, site: Site, probe: Probe) -> Result<()> {
        let id = self.probes.insert(self.func, site, probe)?;
        self.keep(id);
        Ok(())
    }

    /// It goes away with the others.
    pub fn keep(&mut self, id: ProbeId) {
        self.ids.push(id);
    }
}

type Closure<E> = Box<dyn FnMut(&mut ProbeContext<'_>, &E) -> Result<()> + Send>;

/// What a kind calls with each event. As with a single probe, guest code that it calls does not call it.
pub(crate) struct Callback<E>(Arc<Mutex<Option<Closure<E>>>>);

impl<E> Clone for Callback<E> {
    fn clone(&self) -> Callback<E> {
        Callback(self.0.clone())
    }
}

impl<E> Callback<E> {
    pub fn new(
        f: impl FnMut(&mut ProbeContext<'_>, &E) -> Result<()> + Send + 'static,
    ) -> Callback<E> {
        Callback(Arc::new(Mutex::new(Some(Box::new(f)))))
    }

    /// Calls it, unless it is being called.
    pub fn call(&self, context: &mut ProbeContext<'_>, event: &E) -> Result<()> {
        let mut lent = Lent(&self.0, lock(&self.0).take());
        match &mut lent.1 {
            Some(f) => f(context, event),
            None => Ok(()),
        }
    }
}

/// A closure that goes back to its place, if it panics too.
struct Lent<'a, E>(&'a Mutex<Option<Closure<E>>>, Option<Closure<E>>);

impl<E> Drop for Lent<'_, E> {
    fn drop(&mut self) {
        if let Some(f) = self.1.take() {
            *lock(self.0) = Some(f);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
