//! Instantiation and the call, under limits and analyses.

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use probity_analyses::AnalysisReport;
use probity_efficiency::python;
use probity_engine::{Engine, Error, FuncType, Instance, Linker, Module, Store, Val, ValType};
use probity_wasi::{WasiCtx, WasiCtxBuilder};

use super::{
    invoke::Entry,
    outcome::Ended,
    resolve::Plan,
    watch::{Cause, Watch},
};
use crate::{failure::Failure, guest::Guest, progress::Progress};

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
    progress: &Progress,
) -> Result<Run, Failure> {
    let Prepared {
        mut store,
        mut linker,
        stop,
    } = prepare(engine, &plan.guest, |_| {})?;
    let watch = Watch::start(store.interrupt_handle(), stop, plan.timeout)?;
    let (session, origin) = (&mut plan.session, plan.guest.origin());
    let attach = |store: &mut Store<Host>| session.attach_from(store, module, origin);
    let result = start(&mut store, &mut linker, module, entry, &plan.guest, attach);
    let cause = watch.disarm();
    progress.phase("making the report");

    let (ended, results) = match result {
        Ok(results) => (Ended::well(), results),
        Err(stop) => (stop.into_ended(cause), Vec::new()),
    };
    Ok(Run {
        ended,
        results,
        analyses: plan.session.finish(&mut store),
    })
}

/// What one run of a guest needs.
pub struct Prepared {
    /// Where it lives.
    pub store: Store<Host>,
    /// What it may import.
    pub linker: Linker<Host>,
    /// What tells its system calls to give up.
    pub stop: Arc<AtomicBool>,
}

/// Makes what one run of a guest needs, its system interface set as it is by default but for what `set` does.
pub fn prepare(
    engine: &Engine,
    guest: &Guest,
    set: impl FnOnce(&mut WasiCtxBuilder),
) -> Result<Prepared, Failure> {
    let mut wasi = guest.wasi()?;
    set(&mut wasi);
    let wasi = wasi.build();
    let stop = wasi.stop_flag();
    let mut store = Store::new(engine, Host { wasi });
    store.set_limits(guest.limits.clone());
    store.set_fuel_limit(guest.fuel);

    let mut linker = Linker::new(engine);
    probity_wasi::add_to_linker(&mut linker, |host: &mut Host| &mut host.wasi)
        .map_err(|e| Failure::load(e.to_string()))?;
    if guest.python.is_some() {
        python::add_to_linker(&mut linker).map_err(|e| Failure::load(e.to_string()))?;
    }
    Ok(Prepared {
        store,
        linker,
        stop,
    })
}

/// Why the guest did not come to its end.
pub enum Stop {
    /// What the engine says.
    Error(Error),
    /// The same, of a preloaded module.
    Preload {
        /// Its path.
        path: String,
        /// What the engine says.
        error: Error,
    },
    /// Imports that nothing defines, all of them.
    MissingImports {
        /// The module, if it is a preloaded one.
        path: Option<String>,
        /// Their names.
        names: String,
    },
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Error(error)
    }
}

impl Stop {
    /// How the guest ended then.
    pub fn into_ended(self, cause: Option<Cause>) -> Ended {
        match self {
            Stop::Error(error) => Ended::of_error(&error, cause),
            Stop::Preload { path, error } => Ended::of_error(&error, cause).of_module(path),
            Stop::MissingImports { path, names } => {
                let ended = Ended::unlinked(format!("nothing defines these imports: {names}"));
                match path {
                    Some(path) => ended.of_module(path),
                    None => ended,
                }
            }
        }
    }
}

/// Everything that executes guest code. What watches the module is attached before it is instantiated, behind those that
/// are preloaded.
pub fn start(
    store: &mut Store<Host>,
    linker: &mut Linker<Host>,
    module: &Module,
    entry: &Entry,
    guest: &Guest,
    attach: impl FnOnce(&mut Store<Host>) -> Result<(), Error>,
) -> Result<Vec<Val>, Stop> {
    let engine = module.engine();
    for (name, path) in &guest.preload {
        preload(store, linker, engine, name, path).map_err(|stop| match stop {
            Stop::MissingImports { names, .. } => Stop::MissingImports {
                path: Some(path.display().to_string()),
                names,
            },
            Stop::Error(error) => Stop::Preload {
                path: path.display().to_string(),
                error,
            },
            other => other,
        })?;
    }
    all_imports_defined(linker, module)?;
    attach(store)?;
    let instance = linker.instantiate(store, module)?;
    match entry {
        Entry::None => Ok(Vec::new()),
        Entry::Start => Ok(call(store, instance, "_start", &[], &[])?),
        Entry::Python(kind) => {
            python::start(store, instance, *kind)?;
            Ok(Vec::new())
        }
        Entry::Invoke {
            name,
            args,
            results,
        } => {
            if instance.get_func(store, "_start").is_none() {
                initialize(store, instance)?;
            }
            Ok(call(store, instance, name, args, results)?)
        }
    }
}

/// Instantiates a module and defines its exports under `name`.
fn preload(
    store: &mut Store<Host>,
    linker: &mut Linker<Host>,
    engine: &Engine,
    name: &str,
    path: &Path,
) -> Result<(), Stop> {
    let module = Module::from_file(engine, path).map_err(Error::from)?;
    all_imports_defined(linker, &module)?;
    let instance = linker.instantiate(store, &module)?;
    initialize(store, instance)?;
    linker
        .instance(store, name, instance)
        .map_err(Error::from)?;
    Ok(())
}

/// Names every import that nothing defines, where instantiation would name the
/// first. A name is taken to be defined if it cannot be defined once more.
fn all_imports_defined(linker: &Linker<Host>, module: &Module) -> Result<(), Stop> {
    let mut trial = linker.clone();
    let missing: Vec<String> = module
        .imports()
        .filter(|import| {
            let nothing = FuncType::new([], []);
            trial
                .func_new(import.module, import.name, nothing, |_, _, _| Ok(()))
                .is_ok()
        })
        .map(|import| format!("`{}` `{}` ({})", import.module, import.name, import.ty))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Stop::MissingImports {
        path: None,
        names: missing.join(", "),
    })
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
