//! How a second run of Probity is watched. Whatever a watcher does, the run must be the same as
//! the unwatched one in everything, fuel included.

mod churn;
mod counts;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use probity_engine::Store;
use probity_engine::hook::{Probe, ProbeContext, Site};

use crate::rng::Rng;

pub use counts::Counts;

/// What is done to a run beyond running it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// The probes.
    pub probes: Probes,
    /// Is the whole module validated before it runs?
    pub eager: bool,
    /// Is garbage collected at every allocation?
    pub zeal: bool,
    /// Where it is random.
    pub seed: u64,
}

/// Which probes are placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probes {
    /// None.
    None,
    /// A global probe that does nothing.
    Empty,
    /// A global probe that reads every local and operand of several frames.
    Reading,
    /// A global probe that counts executions of each operator.
    Tally,
    /// Counting actions at some operators; they must agree with a run under `Tally`.
    Counts,
    /// Probes at entries and exits, which must pair.
    Pairs,
    /// Probes that insert and remove probes at random places while they fire.
    Churn,
}

impl Probes {
    const NAMES: [(Probes, &'static str); 7] = [
        (Probes::None, "none"),
        (Probes::Empty, "empty"),
        (Probes::Reading, "reading"),
        (Probes::Tally, "tally"),
        (Probes::Counts, "counts"),
        (Probes::Pairs, "pairs"),
        (Probes::Churn, "churn"),
    ];
}

impl Watch {
    /// Nothing: the run that all others are compared with.
    pub const PLAIN: Watch = Watch {
        probes: Probes::None,
        eager: false,
        zeal: false,
        seed: 0,
    };

    /// One of the ways to watch; churn most often, since it contains most of the others.
    pub fn drawn(rng: &mut Rng) -> Watch {
        let probes = match rng.below(10) {
            0 => Probes::None,
            1 => Probes::Empty,
            2 => Probes::Reading,
            3 => Probes::Pairs,
            4 | 5 => Probes::Counts,
            _ => Probes::Churn,
        };
        Watch {
            probes,
            eager: rng.one_in(2),
            zeal: rng.one_in(2),
            seed: rng.word(),
        }
    }

    /// One of each kind.
    pub fn all() -> impl Iterator<Item = Watch> {
        Probes::NAMES.into_iter().map(|(probes, _)| Watch {
            probes,
            eager: false,
            zeal: true,
            seed: 1,
        })
    }

    /// Places the probes in a store that has no instance yet.
    pub fn install<T>(self, store: &mut Store<T>) -> Watching {
        let mut watching = Watching::default();
        match self.probes {
            Probes::None => {}
            Probes::Empty => {
                store.probes().insert_global(Probe::call(|_| Ok(())));
            }
            Probes::Reading => {
                store.probes().insert_global(Probe::call(|context| {
                    read_frames(context);
                    Ok(())
                }));
            }
            Probes::Tally => watching.counts = Some(counts::tally(store)),
            Probes::Counts => watching.counts = Some(counts::counters(store, self.seed)),
            Probes::Pairs => watching.balance = Some(pairs(store)),
            Probes::Churn => churn::install(store, self.seed),
        }
        watching
    }
}

impl fmt::Display for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Probes::NAMES.iter().find(|(p, _)| *p == self.probes);
        f.write_str(named.map_or("", |(_, name)| name))?;
        f.write_str(if self.eager { "+eager" } else { "" })?;
        f.write_str(if self.zeal { "+zeal" } else { "" })
    }
}

/// What the probes of a run saw.
#[derive(Default)]
pub struct Watching {
    /// Executions of operators.
    pub counts: Option<Counts>,
    /// Entries minus exits.
    balance: Option<Arc<Mutex<Balance>>>,
}

#[derive(Default)]
struct Balance {
    entries: u64,
    exits: u64,
}

impl Watching {
    /// What must hold whenever no guest is running.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check(&self) -> Result<(), String> {
        let Some(balance) = &self.balance else {
            return Ok(());
        };
        let balance = balance.lock().unwrap_or_else(PoisonError::into_inner);
        if balance.entries == balance.exits {
            return Ok(());
        }
        let Balance { entries, exits } = *balance;
        Err(format!("{entries} entries but {exits} exits"))
    }
}

fn pairs<T>(store: &mut Store<T>) -> Arc<Mutex<Balance>> {
    let balance = Arc::new(Mutex::new(Balance::default()));
    let shared = balance.clone();
    store.probes().on_first_call(move |probes, func| {
        for site in [Site::Entry, Site::Exit] {
            let balance = shared.clone();
            let probe = Probe::call(move |_| {
                let mut balance = balance.lock().unwrap_or_else(PoisonError::into_inner);
                match site {
                    Site::Entry => balance.entries += 1,
                    _ => balance.exits += 1,
                }
                Ok(())
            });
            // Entries and exits are sites of every function.
            let _ = probes.insert(func, site, probe);
        }
    });
    balance
}

/// Reads all that can be read of the innermost frames.
fn read_frames(context: &mut ProbeContext<'_>) {
    // Not the depth of the stack: that takes a walk, and recursions are deep.
    for n in 0..3 {
        let Some(frame) = context.frame_at(n) else {
            break;
        };
        for i in 0..frame.num_locals() {
            std::hint::black_box(frame.local(i));
        }
        for i in 0..frame.num_operands() {
            std::hint::black_box(frame.operand(i));
        }
    }
}
