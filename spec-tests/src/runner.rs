//! The steps of a script, executed against one store.
//!
//! Every failing assertion is reported, not just the first: the pattern of what
//! fails is what tells a wrong operator from a wrong call.

use std::collections::HashMap;
use std::path::Path;

use probity_engine::{
    CacheStats, Engine, Error, ErrorKind, Feature, Instance, Linker, LoadError, Module, Result,
    Store, TrapCode, Val,
};

use crate::mode::{Attached, Mode};
use crate::script::{Action, Execute, Place, Source, Step};
use crate::spectest;
use crate::suite::Folder;
use crate::values::{Arg, Expected, Shown};

/// Something that does not hold.
#[derive(Debug)]
pub struct Failure {
    /// Where the directive stands; none if it is about the run as a whole.
    pub place: Option<Place>,
    /// What was expected and what was found.
    pub message: String,
}

impl Failure {
    fn of_run(message: String) -> Failure {
        let place = None;
        Failure { place, message }
    }
}

/// Run a file's script and list everything that does not hold.
pub fn run(folder: &Folder, mode: Mode, steps: &[Step]) -> Vec<Failure> {
    if mode != Mode::Cached {
        return run_once(folder, mode, None, steps).0;
    }
    let dir = match tempfile::tempdir() {
        Ok(dir) => dir,
        Err(e) => return vec![Failure::of_run(format!("failed to make a directory: {e}"))],
    };
    // What fails here fails in mode `jit`, too.
    drop(run_once(folder, mode, Some(dir.path()), steps));
    let (mut failures, stats) = run_once(folder, mode, Some(dir.path()), steps);
    if stats.compiled != 0 {
        failures.push(Failure::of_run(format!(
            "not all came from the cache: {stats:?}"
        )));
    }
    failures
}

/// Run a script in an engine of its own, which may have a cache on disk.
fn run_once(
    folder: &Folder,
    mode: Mode,
    cache: Option<&Path>,
    steps: &[Step],
) -> (Vec<Failure>, CacheStats) {
    let mut runner = match Runner::new(folder, mode, cache) {
        Ok(runner) => runner,
        Err(e) => {
            let message = format!("failed to set the host module up: {e}");
            return (vec![Failure::of_run(message)], CacheStats::default());
        }
    };
    let mut failures = Vec::new();
    for step in steps {
        if let Err(message) = runner.step(&step.action) {
            failures.push(Failure {
                place: Some(step.place),
                message,
            });
        }
    }
    if let Err(message) = runner.attached.check(&runner.store, runner.ran_wasm) {
        failures.push(Failure::of_run(message));
    }
    if let Some(error) = runner.lazy.cache_error() {
        failures.push(Failure::of_run(error));
    }
    (failures, runner.lazy.cache_stats())
}

struct Runner {
    /// Refuses a module as a whole when it is loaded.
    eager: Engine,
    /// Validates functions when they are first called, as users get by default.
    lazy: Engine,
    store: Store<()>,
    linker: Linker<()>,
    attached: Attached,
    current: Option<Instance>,
    instances: HashMap<String, Instance>,
    latest: Option<Module>,
    definitions: HashMap<String, Module>,
    ran_wasm: bool,
}

impl Runner {
    fn new(folder: &Folder, mode: Mode, cache: Option<&Path>) -> Result<Runner> {
        let mut config = folder.config();
        mode.configure(&mut config);
        if let Some(dir) = cache {
            config.cache(dir);
        }
        let eager = Engine::new(config.clone().lazy(false));
        let lazy = Engine::new(config.lazy(true));
        let mut store = Store::new(&lazy, ());
        let mut linker = Linker::new(&lazy);
        // A script may register a name again.
        linker.allow_shadowing(true);
        spectest::define(&mut linker, &mut store, folder.has(Feature::Threads))?;
        let attached = mode.attach(&mut store);
        Ok(Runner {
            eager,
            lazy,
            store,
            linker,
            attached,
            current: None,
            instances: HashMap::new(),
            latest: None,
            definitions: HashMap::new(),
            ran_wasm: false,
        })
    }

    fn step(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::Module { id, source } => {
                // What follows must not run against the instance before.
                self.current = None;
                let module = self.define(id.as_deref(), source)?;
                self.instantiate_as(id.as_deref(), &module)
            }
            Action::Definition { id, source } => self.define(id.as_deref(), source).map(drop),
            Action::Instance { id, definition } => {
                self.current = None;
                let module = match definition {
                    Some(id) => self.definitions.get(id).cloned(),
                    None => self.latest.clone(),
                };
                let module = module.ok_or("unknown module definition")?;
                self.instantiate_as(id.as_deref(), &module)
            }
            Action::Register { name, instance } => {
                let instance = self.instance(instance.as_deref())?;
                self.linker
                    .instance(&mut self.store, name, instance)
                    .map_err(|e| format!("failed to register: {e}"))?;
                Ok(())
            }
            Action::Perform(execute) => match self.execute(execute)? {
                Ok(_) => Ok(()),
                Err(e) => Err(format!("expected success, found: {e}")),
            },
            Action::AssertReturn(execute, expected) => match self.execute(execute)? {
                Ok(found) => self.compare(expected, &found),
                Err(e) => Err(format!("expected a return, found: {e}")),
            },
            Action::AssertTrap(execute, message) => {
                let outcome = self.execute(execute)?;
                let code = trap_code(outcome)?;
                if agrees(code.message(), message) {
                    return Ok(());
                }
                Err(format!(
                    "expected the trap `{message}`, found the trap `{}`",
                    code.message()
                ))
            }
            Action::AssertException(execute) => match self.execute(execute)? {
                Ok(found) => Err(format!(
                    "expected an exception, found a return: {}",
                    shown(&found)
                )),
                Err(e) if e.exception().is_some() => Ok(()),
                Err(e) => Err(format!("expected an exception, found another error: {e}")),
            },
            Action::AssertExhaustion(execute, message) => {
                let outcome = self.execute(execute)?;
                match trap_code(outcome)? {
                    TrapCode::StackOverflow
                        if agrees(TrapCode::StackOverflow.message(), message) =>
                    {
                        Ok(())
                    }
                    code => Err(format!(
                        "expected exhaustion (`{message}`), found the trap `{}`",
                        code.message()
                    )),
                }
            }
            Action::AssertRejected(source, message) => self.rejected(source, message),
            Action::AssertUnlinkable(source, message) => {
                let module = self.load(source)?;
                match self.linker.instantiate(&mut self.store, &module) {
                    Ok(_) => Err(format!(
                        "expected the link error `{message}`, found success"
                    )),
                    Err(e) if !matches!(e.kind(), ErrorKind::Link(_)) => {
                        Err(format!("expected the link error `{message}`, found: {e}"))
                    }
                    Err(e) if e.to_string().contains(message.as_str()) => Ok(()),
                    Err(e) => Err(format!(
                        "expected the link error `{message}`, found another: {e}"
                    )),
                }
            }
            Action::Unsupported(what) => Err(format!("unsupported directive `{what}`")),
        }
    }

    fn load(&self, source: &Source) -> Result<Module, String> {
        match source {
            Source::Bytes(bytes) => {
                Module::new(&self.lazy, bytes).map_err(|e| format!("failed to load: {e}"))
            }
            Source::Unencodable(message) => Err(format!("failed to assemble: {message}")),
        }
    }

    fn define(&mut self, id: Option<&str>, source: &Source) -> Result<Module, String> {
        let module = self.load(source)?;
        self.latest = Some(module.clone());
        if let Some(id) = id {
            self.definitions.insert(id.to_owned(), module.clone());
        }
        Ok(module)
    }

    fn instantiate_as(&mut self, id: Option<&str>, module: &Module) -> Result<(), String> {
        let instance = self
            .linker
            .instantiate(&mut self.store, module)
            .map_err(|e| format!("failed to instantiate: {e}"))?;
        self.current = Some(instance);
        if let Some(id) = id {
            self.instances.insert(id.to_owned(), instance);
        }
        Ok(())
    }

    fn instance(&self, id: Option<&str>) -> Result<Instance, String> {
        match id {
            Some(id) => self
                .instances
                .get(id)
                .copied()
                .ok_or_else(|| format!("unknown instance `{id}`")),
            None => self
                .current
                .ok_or_else(|| "there is no current instance".to_owned()),
        }
    }

    /// The outer error is the script's or the harness's, the inner one the guest's.
    fn execute(&mut self, execute: &Execute) -> Result<Result<Vec<Val>>, String> {
        match execute {
            Execute::Invoke {
                instance,
                export,
                args,
            } => self.invoke(instance.as_deref(), export, args),
            Execute::Get { instance, export } => {
                let global = self
                    .instance(instance.as_deref())?
                    .get_global(&self.store, export)
                    .ok_or_else(|| format!("no global is exported as `{export}`"))?;
                Ok(Ok(vec![global.get(&self.store)]))
            }
            Execute::Instantiate(source) => {
                let module = self.load(source)?;
                let outcome = self.linker.instantiate(&mut self.store, &module);
                Ok(outcome.map(|_| Vec::new()))
            }
        }
    }

    fn invoke(
        &mut self,
        instance: Option<&str>,
        export: &str,
        args: &[Arg],
    ) -> Result<Result<Vec<Val>>, String> {
        let func = self
            .instance(instance)?
            .get_func(&self.store, export)
            .ok_or_else(|| format!("no function is exported as `{export}`"))?;
        let args = args
            .iter()
            .map(|arg| arg.to_val(&mut self.store))
            .collect::<Result<Vec<Val>, String>>()?;
        let ty = func.ty(&self.store);
        let mut results = vec![Val::I32(0); ty.results().len()];
        self.ran_wasm |= func.module(&self.store).is_some();
        let outcome = func.call(&mut self.store, &args, &mut results);
        Ok(outcome.map(|()| results))
    }

    fn compare(&self, expected: &[Expected], found: &[Val]) -> Result<(), String> {
        if expected.len() != found.len() {
            return Err(format!(
                "expected {} results, found {}",
                expected.len(),
                found.len()
            ));
        }
        for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
            if !expected.matches(&self.store, found) {
                return Err(format!(
                    "result {index}: expected {expected}, found {}",
                    Shown(found)
                ));
            }
        }
        Ok(())
    }

    /// The eager engine refuses the module when it loads it; the lazy one at
    /// the latest when it is asked to validate, with the same words and offset.
    fn rejected(&self, source: &Source, message: &str) -> Result<(), String> {
        let bytes = match source {
            Source::Bytes(bytes) => bytes,
            // The assembler has refused the text: there is no module.
            Source::Unencodable(_) => return Ok(()),
        };
        let eager = match Module::new(&self.eager, bytes) {
            Ok(_) => return Err(format!("expected a rejection (`{message}`), found success")),
            Err(e) => e,
        };
        let lazy = match Module::new(&self.lazy, bytes).and_then(|module| module.validate()) {
            Ok(()) => {
                return Err(format!(
                    "rejected at loading ({eager}), but Module::validate() of a lazily validated module found nothing"
                ));
            }
            Err(e) => e,
        };
        if describe(&eager) == describe(&lazy) {
            return Ok(());
        }
        Err(format!(
            "two errors for one module: at loading `{eager}`, by Module::validate() `{lazy}`"
        ))
    }
}

fn describe(error: &LoadError) -> (Option<usize>, String) {
    (error.offset(), error.to_string())
}

fn trap_code(outcome: Result<Vec<Val>, Error>) -> Result<TrapCode, String> {
    match outcome {
        Ok(found) => Err(format!(
            "expected a trap, found a return: {}",
            shown(&found)
        )),
        Err(e) => match e.trap() {
            Some(trap) => Ok(trap.code()),
            None => Err(format!("expected a trap, found another error: {e}")),
        },
    }
}

fn shown(vals: &[Val]) -> String {
    let vals: Vec<String> = vals.iter().map(|val| Shown(val).to_string()).collect();
    format!("[{}]", vals.join(", "))
}

/// The suite's messages have grown details over the years (`uninitialized
/// element 2`), so one of the two has to begin with the other.
fn agrees(found: &str, expected: &str) -> bool {
    found.starts_with(expected) || expected.starts_with(found)
}
