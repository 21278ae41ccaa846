//! Where hostile guests are kept: a store that is watched in one of three ways,
//! and a watchdog.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use probity_analyses::{Session, registry};
use probity_engine::hook::{Action, Counters, Probe};
use probity_engine::{
    Config, Engine, Error, Instance, InterruptHandle, Limits, Linker, Module, Result, Store,
    TrapCode, Val,
};

use crate::guest::{call, i32_of, trap_code_of};

/// How a guest is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Not at all: shared code.
    Nobody,
    /// A probe at every instruction: private code, each cell a window of its own.
    Global,
    /// Every analysis, which place local probes and counters.
    Counts,
}

impl Watch {
    pub const ALL: [Watch; 3] = [Watch::Nobody, Watch::Global, Watch::Counts];
}

/// A guest that has not ended after this time is interrupted, and the test fails.
/// Far more than any takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(150);

/// After this time more, nothing polls: the process is ended.
const GRACE: Duration = Duration::from_secs(30);

/// Ends what runs too long.
pub struct Watchdog {
    calm: Option<Sender<()>>,
    barked: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Watches over `handle`'s store; without one, over work that nothing can interrupt.
    pub fn new(handle: Option<InterruptHandle>) -> Watchdog {
        let (calm, calmed) = channel::<()>();
        let barked = Arc::new(AtomicBool::new(false));
        let bark = barked.clone();
        let thread = thread::spawn(move || {
            if calmed.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            bark.store(true, Ordering::SeqCst);
            if let Some(handle) = handle {
                handle.interrupt(TrapCode::Interrupted);
            }
            if calmed.recv_timeout(GRACE) == Err(RecvTimeoutError::Timeout) {
                eprintln!("the guest cannot be interrupted");
                std::process::exit(1);
            }
        });
        Watchdog {
            calm: Some(calm),
            barked,
            thread: Some(thread),
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.calm.take();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the watchdog does not panic");
        }
        assert!(
            !self.barked.load(Ordering::SeqCst) || thread::panicking(),
            "the watchdog had to interrupt the guest"
        );
    }
}

/// What a guest is given.
#[derive(Clone, Default)]
pub struct Ward {
    pub config: Config,
    pub limits: Limits,
    pub fuel: Option<u64>,
    /// Ends with this code what still runs 20 ms after it began, from another thread.
    pub interrupt: Option<TrapCode>,
    pub imports: Option<fn(&mut Linker<()>)>,
}

/// One guest in its store.
pub struct Guest {
    pub store: Store<()>,
    pub module: Module,
    pub instance: Option<Instance>,
    session: Session,
    ward: Ward,
}

impl Ward {
    pub fn fuel(fuel: u64) -> Ward {
        Ward {
            fuel: Some(fuel),
            ..Ward::default()
        }
    }

    pub fn interrupt(code: TrapCode) -> Ward {
        Ward {
            interrupt: Some(code),
            ..Ward::default()
        }
    }

    /// A smaller stack, for what takes time at each level.
    pub fn small_stack() -> Ward {
        let mut ward = Ward::default();
        ward.config.max_stack_bytes(256 << 10);
        ward
    }

    pub fn memory_max(mut self, bytes: u64, trap: bool) -> Ward {
        self.limits.memory_bytes_max = Some(bytes);
        self.limits.trap_on_refused_growth = trap;
        self
    }

    pub fn table_max(mut self, elements: u64, trap: bool) -> Ward {
        self.limits.table_elements_max = Some(elements);
        self.limits.trap_on_refused_growth = trap;
        self
    }

    pub fn imports(mut self, define: fn(&mut Linker<()>)) -> Ward {
        self.imports = Some(define);
        self
    }

    /// Loads a module that must load.
    #[track_caller]
    pub fn module(&self, code: impl AsRef<[u8]>) -> Module {
        let _dog = Watchdog::new(None);
        Module::new(&Engine::new(&self.config), code).expect("the module loads")
    }

    /// Loads and instantiates in each way, and lets `check` go on from there.
    pub fn each(&self, code: impl AsRef<[u8]>, check: impl Fn(Watch, &mut Guest)) {
        for watch in Watch::ALL {
            let (mut guest, outcome) = self.instantiate(&code, watch);
            if let Err(error) = outcome {
                panic!("{watch:?}: the module does not instantiate: {error}");
            }
            check(watch, &mut guest);
            guest.finish();
        }
    }

    /// Instantiation in each way must end with this trap.
    pub fn each_start(&self, code: impl AsRef<[u8]>, expected: TrapCode) {
        for watch in Watch::ALL {
            let (guest, outcome) = self.instantiate(&code, watch);
            let error = outcome.expect_err("instantiation is hostile");
            assert_eq!(trap_code_of(&error), expected, "{watch:?}");
            guest.finish();
        }
    }

    /// A guest, and whether it could be instantiated.
    pub fn instantiate(&self, code: impl AsRef<[u8]>, watch: Watch) -> (Guest, Result<()>) {
        let module = self.module(code);
        let mut store = Store::new(module.engine(), ());
        let dog = Watchdog::new(Some(store.interrupt_handle()));
        store.set_limits(self.limits.clone());
        store.set_fuel_limit(self.fuel);
        let mut session = Session::new();
        match watch {
            Watch::Nobody => {}
            Watch::Global => {
                store.probes().insert_global(Probe::new(Action::CountAdd {
                    counters: Counters::new(1),
                    index: 0,
                    n: 1,
                }));
            }
            Watch::Counts => {
                for info in registry() {
                    session.add(info.name, &[]).expect("its name");
                }
                session.attach(&mut store, &module).expect("a new module");
            }
        }
        let mut linker = Linker::new(module.engine());
        if let Some(define) = self.imports {
            define(&mut linker);
        }
        let guest = Guest {
            store,
            module,
            instance: None,
            session,
            ward: self.clone(),
        };
        guest.link(&linker, dog)
    }
}

impl Guest {
    fn link(mut self, linker: &Linker<()>, dog: Watchdog) -> (Guest, Result<()>) {
        let timer = self.ward.interrupt.map(|code| self.interrupt_soon(code));
        let outcome = linker.instantiate(&mut self.store, &self.module);
        drop(dog);
        if let Some(timer) = timer {
            timer.join().expect("no panic");
            // The module may have been quicker.
            self.clear_interrupt();
        }
        match outcome {
            Ok(instance) => {
                self.instance = Some(instance);
                (self, Ok(()))
            }
            Err(error) => (self, Err(error)),
        }
    }

    /// Interrupts what runs in a while.
    pub fn interrupt_soon(&self, code: TrapCode) -> JoinHandle<()> {
        let handle = self.store.interrupt_handle();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            handle.interrupt(code);
        })
    }

    /// Lets a request that came too late be taken.
    fn clear_interrupt(&mut self) {
        let wat = r#"(module (func (export "f")))"#;
        let module = Module::new(self.store.engine(), wat).expect("it loads");
        let instance = Instance::new(&mut self.store, &module, &[]).expect("no imports");
        let f = instance.get_func(&self.store, "f").expect("exported");
        let _ = f.call(&mut self.store, &[], &mut []);
    }

    /// Calls an export, with what the ward has ready to end it.
    pub fn call(&mut self, export: &str, args: &[Val]) -> Result<Vec<Val>> {
        let instance = self.instance.expect("it was instantiated");
        let func = instance
            .get_func(&self.store, export)
            .unwrap_or_else(|| panic!("`{export}` is exported"));
        self.store.set_fuel_limit(self.ward.fuel);
        let _dog = Watchdog::new(Some(self.store.interrupt_handle()));
        let timer = self.ward.interrupt.map(|code| self.interrupt_soon(code));
        let outcome = call(&mut self.store, func, args);
        if let Some(timer) = timer {
            timer.join().expect("no panic");
        }
        outcome
    }

    /// Calls an export that must end with this trap.
    #[track_caller]
    pub fn ends(&mut self, export: &str, args: &[Val], expected: TrapCode) -> Error {
        match self.call(export, args) {
            Ok(results) => panic!("`{export}` returned {results:?}, not {expected}"),
            Err(error) => {
                assert_eq!(trap_code_of(&error), expected, "`{export}`");
                // Whatever there is in a backtrace, it is one that a person can read.
                let text = error.to_string();
                assert!(text.lines().count() < 200 && text.len() < 100_000);
                error
            }
        }
    }

    /// Calls an export without arguments that returns an i32. Nothing interrupts it.
    #[track_caller]
    pub fn i32(&mut self, export: &str, args: &[i32]) -> i32 {
        let args: Vec<Val> = args.iter().copied().map(Val::I32).collect();
        let interrupt = self.ward.interrupt.take();
        let outcome = self.call(export, &args);
        self.ward.interrupt = interrupt;
        match outcome {
            Ok(results) => i32_of(results[0].clone()),
            Err(error) => panic!("`{export}`: {error}"),
        }
    }

    /// The reports can be made, however the guest ended.
    pub fn finish(mut self) {
        let _dog = Watchdog::new(None);
        for report in self.session.finish(&mut self.store) {
            assert!(!report.name.is_empty());
        }
    }
}
