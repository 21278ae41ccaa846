//! Instantiation and the call, under limits and analyses.

use probity_analyses::AnalysisReport;
use probity_engine::{Engine, Error, Instance, Linker, Module, Store, Val, ValType};
use probity_wasi::WasiCtx;

use super::{invoke::Entry, outcome::Ended, resolve::Plan, watch::Watch};
use crate::failure::Failure;

/// The store's data.
pub struct Host {
    wasi: WasiCtx,
}

/// What a run leaves.
pub struct Run {
    /// How the guest ended.
    pub ended: Ended,
    /// Results of an invoked function that returned.
    pub results: Vec<Val>,
    /// What the analyses found.
    pub analyses: Vec<AnalysisReport>,
}

/// Runs `entry` of `module`. Errors are those of the command; what happens to
/// the guest is in [`Run::ended`].
pub fn execute(
    engine: &Engine,
    module: &Module,
    entry: &Entry,
    plan: &mut Plan,
) -> Result<Run, Failure> {
    let wasi = plan
        .wasi
        .take()
        .ok_or_else(|| Failure::load("a plan runs once"))?;
    let stop = wasi.stop_flag();
    let mut store = Store::new(engine, Host { wasi });
    store.set_limits(plan.limits.clone());
    store.set_fuel_limit(plan.fuel);

    let mut linker = Linker::new(engine);
    probity_wasi::add_to_linker(&mut linker, |host: &mut Host| &mut host.wasi)
        .map_err(|e| Failure::load(e.to_string()))?;

    let watch = Watch::start(store.interrupt_handle(), stop, plan.timeout)?;
    let result = guest(&mut store, &mut linker, engine, module, entry, plan);
    let cause = watch.disarm();

    Ok(Run {
        ended: Ended::of(&result, cause),
        results: result.unwrap_or_default(),
        analyses: plan.session.finish(&mut store),
    })
}

/// Everything that executes guest code.
fn guest(
    store: &mut Store<Host>,
    linker: &mut Linker<Host>,
    engine: &Engine,
    module: &Module,
    entry: &Entry,
    plan: &mut Plan,
) -> Result<Vec<Val>, Error> {
    for (name, path) in &plan.preload {
        let preload = Module::from_file(engine, path)?;
        let instance = linker.instantiate(store, &preload)?;
        initialize(store, instance)?;
        linker.instance(store, name, instance)?;
    }
    plan.session.attach(store, module)?;
    let instance = linker.instantiate(store, module)?;
    match entry {
        Entry::None => Ok(Vec::new()),
        Entry::Start => call(store, instance, "_start", &[], &[]),
        Entry::Invoke {
            name,
            args,
            results,
        } => {
            if instance.get_func(store, "_start").is_none() {
                initialize(store, instance)?;
            }
            call(store, instance, name, args, results)
        }
    }
}

/// Runs a reactor's `_initialize`, if it has one.
fn initialize(store: &mut Store<Host>, instance: Instance) -> Result<(), Error> {
    if instance.get_func(store, "_initialize").is_some() {
        call(store, instance, "_initialize", &[], &[])?;
    }
    Ok(())
}

fn call(
    store: &mut Store<Host>,
    instance: Instance,
    name: &str,
    args: &[Val],
    results: &[ValType],
) -> Result<Vec<Val>, Error> {
    let func = instance
        .get_func(store, name)
        .ok_or_else(|| Error::usage(format!("no exported function '{name}'")))?;
    let mut values: Vec<_> = results.iter().map(|ty| Val::default_for(*ty)).collect();
    func.call(store, args, &mut values)?;
    Ok(values)
}
