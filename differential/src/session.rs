//! A run over many seeds.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::case::{Case, Settings};
use crate::end::Unclear;
use crate::fuzz::{Peer, Verdict, check};
use crate::probity::{Engines, TierName};

/// Engines serve this many cases, so that what they keep for long shows but does not add up.
const CASES_PER_ENGINE: u64 = 5000;

/// Time between progress lines.
pub(crate) const PROGRESS: Duration = Duration::from_secs(10);

/// How long a session lasts: until the first of these.
#[derive(Debug, Clone, Copy)]
pub struct Until {
    /// Time.
    pub time: Option<Duration>,
    /// Modules, or schedules.
    pub count: Option<u64>,
}

impl Until {
    /// Is it over, after this time and so many?
    pub fn is_over(&self, elapsed: Duration, count: u64) -> bool {
        self.time.is_some_and(|time| elapsed >= time) || self.count.is_some_and(|n| count >= n)
    }
}

/// What a session found.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// The seed behind the last one.
    pub next_seed: u64,
    /// Modules run; seeds that make none are not counted.
    pub modules: u64,
    /// Calls compared.
    pub calls: u64,
    /// Of these, calls that trapped.
    pub traps: u64,
    /// Fuel of the plain runs.
    pub fuel: u64,
    /// Modules of which nothing can be said from some point on: fuel.
    pub out_of_fuel: u64,
    /// The same: stack.
    pub out_of_stack: u64,
    /// The same: everything else.
    pub refused: u64,
    /// Seeds with a mismatch.
    pub mismatches: Vec<u64>,
}

impl Totals {
    /// Modules of which something could not be said.
    pub fn inconclusive(&self) -> u64 {
        self.out_of_fuel + self.out_of_stack + self.refused
    }
}

/// Runs seeds from `first` on, and says on stderr what it finds.
pub fn run(
    peer: &dyn Peer,
    tier: TierName,
    settings: Settings,
    first: u64,
    until: Until,
    stop: &AtomicBool,
) -> Totals {
    let started = Instant::now();
    let mut said = started;
    let mut totals = Totals {
        next_seed: first,
        ..Totals::default()
    };
    let mut engines = Engines::new(tier);
    let note = CrashNote::new();
    let done = |totals: &Totals| {
        stop.load(Ordering::Relaxed) || until.is_over(started.elapsed(), totals.modules)
    };
    while !done(&totals) {
        let seed = totals.next_seed;
        totals.next_seed += 1;
        note.write(seed);
        if seed.is_multiple_of(CASES_PER_ENGINE) {
            engines = Engines::new(tier);
        }
        one(&engines, peer, settings, seed, &mut totals);
        if said.elapsed() >= PROGRESS {
            said = Instant::now();
            progress(&totals, started.elapsed());
        }
    }
    progress(&totals, started.elapsed());
    totals
}

fn one(engines: &Engines, peer: &dyn Peer, settings: Settings, seed: u64, totals: &mut Totals) {
    let Some(case) = Case::new(seed, settings) else {
        return;
    };
    let report = check(engines, peer, &case, false);
    totals.modules += 1;
    totals.calls += report.calls;
    totals.traps += report.traps;
    totals.fuel += report.fuel;
    match report.verdict {
        Verdict::Agreed => {}
        Verdict::Inconclusive(Unclear::Fuel) => totals.out_of_fuel += 1,
        Verdict::Inconclusive(Unclear::Stack) => totals.out_of_stack += 1,
        Verdict::Inconclusive(why) => {
            totals.refused += 1;
            // Few enough to be read.
            if totals.refused <= 20 {
                eprintln!("seed {seed}: inconclusive: {why:?}");
            }
        }
        Verdict::Mismatch(what) => {
            totals.mismatches.push(seed);
            eprintln!("seed {seed}: MISMATCH: {what}");
        }
    }
}

fn progress(totals: &Totals, elapsed: Duration) {
    let seconds = elapsed.as_secs_f64().max(0.001);
    eprintln!(
        "{} modules ({:.0} a second), {} calls ({} trapped), {:.0} fuel a module, {} inconclusive \
         ({} fuel, {} stack, {} refused), {} mismatches, {} MB",
        totals.modules,
        totals.modules as f64 / seconds,
        totals.calls,
        totals.traps,
        totals.fuel as f64 / totals.modules.max(1) as f64,
        totals.inconclusive(),
        totals.out_of_fuel,
        totals.out_of_stack,
        totals.refused,
        totals.mismatches.len(),
        resident_bytes().unwrap_or(0) >> 20,
    );
}

/// Memory of this process, where the system tells.
pub(crate) fn resident_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

/// A file that holds the seed being run, for the case that the process dies of it.
pub(crate) struct CrashNote {
    path: PathBuf,
    file: Option<fs::File>,
}

impl CrashNote {
    pub(crate) fn new() -> CrashNote {
        let name = format!("probity-differential-{}.seed", std::process::id());
        let path = std::env::temp_dir().join(name);
        let file = fs::File::create(&path).ok();
        CrashNote { path, file }
    }

    pub(crate) fn write(&self, seed: u64) {
        use std::io::{Seek, SeekFrom};
        if let Some(mut file) = self.file.as_ref() {
            // Without the note a crash is only harder to find.
            let _ = file.seek(SeekFrom::Start(0));
            let _ = writeln!(file, "{seed:<20}");
        }
    }
}

impl Drop for CrashNote {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
