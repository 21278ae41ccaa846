//! A search over many seeds.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::check::{check, drawn};
use super::model::Expected;
use super::play::Fault;
use super::program::{Modules, Prepared, Program, SCHEDULES, TWISTED};
use super::schedule::Schedule;
use super::tiers::{Tiers, Way};
use super::watchdog::Watchdog;
use crate::probity::TierName;
use crate::rng::Rng;
use crate::session::{CrashNote, PROGRESS, Until, resident_bytes};

/// Engines serve this many programs, so that what they keep for long shows but does not add up.
const PROGRAMS_PER_ENGINE: u64 = 100;

/// What a session found.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// The seed behind the last one.
    pub next_seed: u64,
    /// Programs of ours.
    pub ours: u64,
    /// Programs of wasm-smith.
    pub generated: u64,
    /// Schedules played.
    pub schedules: u64,
    /// Fires of all probes, by the model.
    pub fires: u64,
    /// Seeds with a mismatch, and what differed.
    pub mismatches: Vec<(u64, String)>,
    /// Time that it took.
    pub elapsed: Duration,
}

/// Programs as they are needed, and the engines that run them.
pub struct Session {
    way: Way,
    tiers: Tiers,
    watchdog: Watchdog,
    program: Option<(u64, Result<Program, String>)>,
    /// The program of a group of schedules with its twists; `None` if it has none.
    twisted: Option<(u64, Result<Option<Program>, String>)>,
    prepared: HashMap<(TierName, bool), Result<Prepared, String>>,
    modules: Modules,
    programs: u64,
}

/// A schedule with all that it needs.
pub struct One<'a> {
    /// Its program.
    pub program: &'a Program,
    /// Its tier.
    pub tier: TierName,
    /// The program there.
    pub prepared: &'a Prepared,
    /// The schedule.
    pub schedule: Schedule,
    /// What its probes must see.
    pub expected: Expected,
    /// Ends it if it does not end.
    pub watchdog: &'a Watchdog,
}

impl Session {
    /// Nothing is prepared yet.
    pub fn new(way: Way) -> Session {
        Session {
            way,
            tiers: Tiers::default(),
            watchdog: Watchdog::new(),
            program: None,
            twisted: None,
            prepared: HashMap::new(),
            modules: Modules::new(),
            programs: 0,
        }
    }

    /// The schedule of a seed.
    ///
    /// # Errors
    /// What runs of its program without schedules differ in.
    pub fn one(&mut self, seed: u64) -> Result<One<'_>, String> {
        let batch = seed / SCHEDULES;
        if self.program.as_ref().is_none_or(|(of, _)| *of != batch) {
            self.programs += 1;
            if self.programs.is_multiple_of(PROGRAMS_PER_ENGINE) {
                self.tiers = Tiers::default();
            }
            self.prepared.clear();
            self.modules.clear();
            self.twisted = None;
            self.program = Some((batch, Program::of(seed, &mut self.tiers)));
        }
        let plain = match &self.program {
            Some((_, Ok(program))) => program,
            Some((_, Err(what))) => return Err(what.clone()),
            None => return Err("no program".to_owned()),
        };
        let group = seed / TWISTED;
        if self.twisted.as_ref().is_none_or(|(of, _)| *of != group) {
            self.prepared.retain(|(_, twisted), _| !twisted);
            self.twisted = Some((group, plain.twisted(seed, &mut self.tiers)));
        }
        let program = match &self.twisted {
            Some((_, Ok(Some(program)))) => program,
            Some((_, Err(what))) => return Err(what.clone()),
            _ => plain,
        };
        let mut rng = Rng::for_purpose(seed, 12);
        let tier = self.way.tier(&mut rng);
        let (tiers, modules) = (&mut self.tiers, &mut self.modules);
        let prepared = self.prepared.entry((tier, !program.twists.list.is_empty()));
        let prepared = prepared.or_insert_with(|| program.prepared(tier, tiers, modules));
        let prepared = prepared.as_ref().map_err(String::clone)?;
        let (schedule, expected) = drawn(program, rng);
        Ok(One {
            program,
            tier,
            prepared,
            schedule,
            expected,
            watchdog: &self.watchdog,
        })
    }
}

impl One<'_> {
    /// Plays it and compares.
    ///
    /// # Errors
    /// What differs.
    pub fn check(&self, fault: Fault) -> Result<(), String> {
        check(
            self.program,
            self.prepared,
            &self.schedule,
            &self.expected,
            self.watchdog,
            fault,
        )
    }
}

/// Plays schedules from the seed `first` on, and says on stderr what it finds.
pub fn run(way: Way, first: u64, until: Until, stop: &AtomicBool) -> Totals {
    let started = Instant::now();
    let mut said = started;
    let mut totals = Totals {
        next_seed: first,
        ..Totals::default()
    };
    let mut session = Session::new(way);
    let note = CrashNote::new();
    let mut batch = None;
    while !stop.load(Ordering::Relaxed) && !until.is_over(started.elapsed(), totals.schedules) {
        let seed = totals.next_seed;
        totals.next_seed += 1;
        note.write(seed);
        let found = match session.one(seed) {
            Err(what) => Err(what),
            Ok(one) => {
                if batch.replace(seed / SCHEDULES) != Some(seed / SCHEDULES) {
                    match one.program.is_ours {
                        true => totals.ours += 1,
                        false => totals.generated += 1,
                    }
                }
                totals.fires += one.expected.fires_total;
                one.check(Fault::None)
            }
        };
        totals.schedules += 1;
        if let Err(what) = found {
            // A program that differs without a schedule would say so each time.
            if totals
                .mismatches
                .last()
                .is_none_or(|(_, last)| *last != what)
            {
                eprintln!("seed {seed}: MISMATCH: {what}");
            }
            totals.mismatches.push((seed, what));
        }
        if said.elapsed() >= PROGRESS {
            said = Instant::now();
            progress(&totals, started.elapsed());
        }
    }
    totals.elapsed = started.elapsed();
    progress(&totals, totals.elapsed);
    totals
}

fn progress(totals: &Totals, elapsed: Duration) {
    let seconds = elapsed.as_secs_f64().max(0.001);
    eprintln!(
        "{} schedules ({:.0} a second) of {} + {} programs, {} fires, {} mismatches, {} MB",
        totals.schedules,
        totals.schedules as f64 / seconds,
        totals.ours,
        totals.generated,
        totals.fires,
        totals.mismatches.len(),
        resident_bytes().unwrap_or(0) >> 20,
    );
}
