//! When a probe does what it does: every n-th time, not at once, only so often, only if something holds.

use probity_engine::Result;
use probity_engine::hook::{Probe, ProbeContext};

type Predicate = Box<dyn FnMut(&mut ProbeContext<'_>) -> bool + Send>;

/// Which fires of a probe count. A fire is asked about in this order: the predicate, then how many have
/// passed it before.
///
/// ```
/// use probity_engine::hook::Site;
/// use probity_engine::{Engine, Instance, Module, Store};
/// use probity_probes::gate::Gate;
/// use std::sync::{Arc, Mutex};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module (func (export "f") (param i32)))"#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let func = instance.get_func(&store, "f").unwrap();
///
/// let seen = Arc::new(Mutex::new(0));
/// let sink = seen.clone();
/// // The third, sixth and ninth call, and then no more.
/// let probe = Gate::new().every(3).first(3).probe(move |_| {
///     *sink.lock().unwrap() += 1;
///     Ok(())
/// });
/// store.probes().insert(func, Site::Entry, probe)?;
/// let f = func.typed::<i32, ()>(&store)?;
/// for i in 0..20 {
///     f.call(&mut store, i)?;
/// }
/// assert_eq!(*seen.lock().unwrap(), 3);
/// # Ok::<(), probity_engine::Error>(())
/// ```
#[derive(Default)]
pub struct Gate {
    predicate: Option<Predicate>,
    after: u64,
    every: u64,
    first: Option<u64>,
}

impl Gate {
    /// Every fire.
    pub fn new() -> Gate {
        Gate::default()
    }

    /// Only fires at which `holds`.
    pub fn when(
        mut self,
        holds: impl FnMut(&mut ProbeContext<'_>) -> bool + Send + 'static,
    ) -> Gate {
        self.predicate = Some(Box::new(holds));
        self
    }

    /// Not the first `n` of these.
    pub fn after(mut self, n: u64) -> Gate {
        self.after = n;
        self
    }

    /// The `n`-th of these, the `2n`-th and so on; 0 and 1 are all.
    pub fn every(mut self, n: u64) -> Gate {
        self.every = n;
        self
    }

    /// The first `k` of these; behind the last of them the probe removes itself. With 0 it does so at
    /// its first fire.
    pub fn first(mut self, k: u64) -> Gate {
        self.first = Some(k);
        self
    }

    /// A probe that calls `f` at the fires that count.
    pub fn probe(
        self,
        mut f: impl FnMut(&mut ProbeContext<'_>) -> Result<()> + Send + 'static,
    ) -> Probe {
        let Gate {
            mut predicate,
            after,
            every,
            first,
        } = self;
        let (mut passed, mut done) = (0u64, 0u64);
        let is_over = move |done| first.is_some_and(|first| done >= first);
        Probe::call(move |context| {
            if is_over(done) {
                let id = context.id();
                context.probes().remove(id);
                return Ok(());
            }
            if let Some(holds) = &mut predicate
                && !holds(context)
            {
                return Ok(());
            }
            passed += 1;
            if passed <= after || !(passed - after).is_multiple_of(every.max(1)) {
                return Ok(());
            }
            done += 1;
            if is_over(done) {
                let id = context.id();
                context.probes().remove(id);
            }
            f(context)
        })
    }
}
