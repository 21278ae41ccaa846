//! How the engine is watched while a file runs. The suite's assertions are the
//! same in every mode: watching must not change what a program does.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use probity_engine::Store;
use probity_engine::hook::Probe;

/// A way to run a file. A further way is one more variant and its rows below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// No probe at all.
    None,
    /// An empty probe at every instruction of every function.
    Probes,
}

impl Mode {
    /// Every mode, in the order in which the cases are listed.
    pub const ALL: &[Mode] = &[Mode::None, Mode::Probes];

    /// The name in case names, arguments and the expectations file.
    pub fn name(self) -> &'static str {
        match self {
            Mode::None => "none",
            Mode::Probes => "probes",
        }
    }

    /// The mode called `name`.
    pub fn by_name(name: &str) -> Option<Mode> {
        Mode::ALL.iter().copied().find(|mode| mode.name() == name)
    }

    /// Set the store up for this mode.
    pub fn attach(self, store: &mut Store<()>) -> Attached {
        match self {
            Mode::None => Attached { fires: None },
            Mode::Probes => {
                let fires = Arc::new(AtomicU64::new(0));
                let seen = fires.clone();
                store.probes().insert_global(Probe::call(move |_| {
                    seen.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                }));
                Attached { fires: Some(fires) }
            }
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a mode attached to a store.
#[derive(Debug)]
pub struct Attached {
    fires: Option<Arc<AtomicU64>>,
}

impl Attached {
    /// Complain if Wasm code ran and the mode's probes saw nothing of it: such
    /// a run would test no more than a run without probes.
    pub fn check(&self, ran_wasm: bool) -> Result<(), String> {
        match &self.fires {
            Some(fires) if ran_wasm && fires.load(Ordering::Relaxed) == 0 => {
                Err("Wasm code ran, but the global probe never fired".to_owned())
            }
            _ => Ok(()),
        }
    }
}
