//! How the engine is watched or stressed while a file runs. The suite's
//! assertions are the same in every mode: neither may change what a program does.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use probity_engine::hook::{Probe, Probes, Site};
use probity_engine::{Config, Error, Func, Store, Tier, TierZeal};

/// A way to run a file. A further way is one more variant and its rows below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing.
    None,
    /// An empty probe of its own at every instruction of every function.
    Each,
    /// An empty global probe.
    Global,
    /// A collection at every allocation.
    Zeal,
    /// Nothing, compiled.
    Jit,
    /// As `Each`, in an engine that compiles.
    JitEach,
    /// As `Zeal`, compiled.
    JitZeal,
    /// As `Jit`, with all code from the cache on disk.
    Cached,
    /// Interpreted at first, compiled at the first chance.
    Auto,
    /// As `Each`, with changes of tier.
    AutoEach,
    /// Compiled, and each frame taken over by the interpreter.
    Deopt,
    /// Interpreted but for loops, which are entered whenever one is reached.
    Osr,
}

impl Mode {
    /// Every mode, in the order in which the cases are listed.
    pub const ALL: &[Mode] = &[
        Mode::None,
        Mode::Each,
        Mode::Global,
        Mode::Zeal,
        Mode::Jit,
        Mode::JitEach,
        Mode::JitZeal,
        Mode::Cached,
        Mode::Auto,
        Mode::AutoEach,
        Mode::Deopt,
        Mode::Osr,
    ];

    /// The name in case names, arguments and the expectations file.
    pub fn name(self) -> &'static str {
        match self {
            Mode::None => "none",
            Mode::Each => "each",
            Mode::Global => "global",
            Mode::Zeal => "zeal",
            Mode::Jit => "jit",
            Mode::JitEach => "jit-each",
            Mode::JitZeal => "jit-zeal",
            Mode::Cached => "cached",
            Mode::Auto => "auto",
            Mode::AutoEach => "auto-each",
            Mode::Deopt => "deopt",
            Mode::Osr => "osr",
        }
    }

    /// The mode called `name`.
    pub fn by_name(name: &str) -> Option<Mode> {
        Mode::ALL.iter().copied().find(|mode| mode.name() == name)
    }

    /// What the mode changes in a configuration.
    pub fn configure(self, config: &mut Config) {
        config.gc_zeal(matches!(self, Mode::Zeal | Mode::JitZeal));
        let (tier, zeal) = match self {
            Mode::None | Mode::Each | Mode::Global | Mode::Zeal => (Tier::Interp, TierZeal::Off),
            Mode::Jit | Mode::JitEach | Mode::JitZeal | Mode::Cached => (Tier::Jit, TierZeal::Off),
            Mode::Deopt => (Tier::Jit, TierZeal::Deopt),
            Mode::Auto | Mode::AutoEach => (Tier::Auto, TierZeal::Eager),
            Mode::Osr => (Tier::Auto, TierZeal::Osr),
        };
        config.tier(tier).tier_zeal(zeal);
    }

    /// Set the store up for this mode.
    pub fn attach(self, store: &mut Store<()>) -> Attached {
        let watched = Arc::new(Watched::default());
        match self {
            Mode::None
            | Mode::Zeal
            | Mode::Jit
            | Mode::JitZeal
            | Mode::Cached
            | Mode::Auto
            | Mode::Deopt
            | Mode::Osr => {}
            Mode::Each | Mode::JitEach | Mode::AutoEach => {
                let watched = watched.clone();
                store.probes().on_first_call(move |probes, func| {
                    if let Err(e) = watched.watch_each(probes, func) {
                        watched.complain(&e);
                    }
                });
            }
            Mode::Global => {
                let probe = watched.probe();
                store.probes().insert_global(probe);
            }
        }
        Attached {
            mode: self,
            watched,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the probes saw.
#[derive(Debug, Default)]
struct Watched {
    fires: AtomicU64,
    /// The first probe that could not be inserted.
    complaint: Mutex<Option<String>>,
}

impl Watched {
    /// A probe that does nothing but prove that it fires.
    fn probe(self: &Arc<Self>) -> Probe {
        let watched = self.clone();
        Probe::call(move |_| {
            watched.fires.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
    }

    fn watch_each(self: &Arc<Self>, probes: &mut Probes<'_>, func: Func) -> Result<(), Error> {
        let Some((module, index)) = probes.module_of(func) else {
            return Ok(());
        };
        let Some(function) = module.function(index) else {
            return Ok(());
        };
        for (pc, _) in function.operators()? {
            probes.insert(func, Site::Before(pc), self.probe())?;
        }
        Ok(())
    }

    fn complain(&self, error: &Error) {
        let mut complaint = self
            .complaint
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        complaint.get_or_insert_with(|| error.to_string());
    }
}

/// What a mode attached to a store.
#[derive(Debug)]
pub struct Attached {
    mode: Mode,
    watched: Arc<Watched>,
}

impl Attached {
    /// Complain if Wasm code ran and the mode's probes saw nothing of it, or if
    /// objects were allocated without collecting: such a run would test no more
    /// than a run in mode `none`.
    pub fn check(&self, store: &Store<()>, ran_wasm: bool) -> Result<(), String> {
        let complaint = self
            .watched
            .complaint
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(complaint) = complaint.as_ref() {
            return Err(format!("failed to insert a probe: {complaint}"));
        }
        match self.mode {
            Mode::None | Mode::Jit | Mode::Cached | Mode::Auto | Mode::Deopt | Mode::Osr => Ok(()),
            Mode::Each | Mode::Global | Mode::JitEach | Mode::AutoEach => {
                if ran_wasm && self.watched.fires.load(Ordering::Relaxed) == 0 {
                    return Err("Wasm code ran, but no probe ever fired".to_owned());
                }
                Ok(())
            }
            Mode::Zeal | Mode::JitZeal => {
                let stats = store.heap_stats();
                // Constant expressions allocate without collecting, so that the
                // two are not always equal.
                if stats.objects_allocated_total > 0 && stats.collections == 0 {
                    return Err("objects were allocated, but nothing collected".to_owned());
                }
                Ok(())
            }
        }
    }
}
