//! Programs: a module, calls of it, and its events.

use std::collections::HashMap;
use std::sync::Arc;

use probity_engine::Module;
use probity_engine::hook::Site;

use super::events::{Event, Place, PlaceId, Places};
use super::play::{self, Outcome};
use super::tiers::{Tiers, Variant};
use super::twist::{Act, Acted, Ground, Tops, Twisting, Twists};
use super::{ours, record};
use crate::case::{Case, Settings};
use crate::end::End;
use crate::features::Features;
use crate::probity::TierName;
use crate::profile::Profile;
use crate::rng::Rng;
use crate::trace::{Agreement, compare_engines, compare_runs};

/// Schedules of one program.
pub const SCHEDULES: u64 = 128;

/// Schedules of one program with the same twists.
pub const TWISTED: u64 = 16;

/// Seeds of wasm-smith that are tried for a program.
const ATTEMPTS: u64 = 32;

/// Events that a generated program must have; those that trap at once show little.
const EVENTS_MIN: usize = 40;

/// Calls of a generated program at most.
const CALLS_MAX: usize = 6;

/// Modules by the tier that executes them.
pub type Modules = HashMap<TierName, Module>;

/// A program.
pub struct Program {
    /// Name of ours, or the seed of a generated one.
    pub name: String,
    /// Is it one of ours?
    pub is_ours: bool,
    /// Module and calls.
    pub case: Case,
    /// Settings of its engines.
    pub variant: Variant,
    /// All sites.
    pub places: Places,
    /// What happens in a run, in order.
    pub events: Vec<Event>,
    /// Places that are passed.
    pub executed: Vec<PlaceId>,
    /// What changes what it does.
    pub twists: Arc<Twists>,
    /// Types that were seen on the stack.
    tops: Tops,
    /// What an interpreted run does that no schedule watches.
    plain: Outcome,
}

/// A program in one tier.
pub struct Prepared {
    /// The module, whose compiled code serves all schedules.
    pub module: Module,
    /// Is fuel counted?
    pub counted: bool,
    /// What a run does that no schedule watches.
    pub plain: Outcome,
}

impl Program {
    /// The program of a schedule.
    ///
    /// # Errors
    /// What its runs in the interpreter, one of them watched, differ in.
    pub fn of(seed: u64, tiers: &mut Tiers) -> Result<Program, String> {
        let batch = seed / SCHEDULES;
        let mut rng = Rng::for_purpose(batch, 11);
        let variant = Variant::drawn(&mut rng);
        let ours = rng.one_in(2);
        let (name, text) = *rng.pick(&ours::PROGRAMS);
        if !ours && let Some(program) = Program::generated(batch, variant, tiers)? {
            return Ok(program);
        }
        let case = ours::case(text, batch).map_err(|error| format!("{name}: {error}"))?;
        let program = Program::new(name.to_owned(), case, variant, Arc::default(), tiers)?;
        let program = program.map(|program| Program {
            is_ours: true,
            ..program
        });
        program.ok_or_else(|| format!("{name}: too many events"))
    }

    fn generated(
        batch: u64,
        variant: Variant,
        tiers: &mut Tiers,
    ) -> Result<Option<Program>, String> {
        let settings = Settings {
            profile: Profile::Mixed,
            features: Features::ALL,
        };
        for attempt in 0..ATTEMPTS {
            let seed = batch * ATTEMPTS + attempt;
            let Some(mut case) = Case::new(seed, settings).filter(|case| !case.shape.waits) else {
                continue;
            };
            case.calls.truncate(CALLS_MAX);
            let name = format!("seed {seed} of wasm-smith");
            let program = Program::new(name, case, variant, Arc::default(), tiers)?;
            let enough = |program: &Program| program.events.len() >= EVENTS_MIN;
            if let Some(program) = program.filter(enough) {
                return Ok(Some(program));
            }
        }
        Ok(None)
    }

    fn new(
        name: String,
        case: Case,
        variant: Variant,
        twists: Arc<Twists>,
        tiers: &mut Tiers,
    ) -> Result<Option<Program>, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{name}: {error}");
        let engine = tiers.get(TierName::Interp, variant);
        let module = Module::new(engine, &case.wasm).map_err(|error| failed(&error))?;
        let places = Places::of(&module).map_err(|error| failed(&error))?;
        // Imports that no host can make, or too many events.
        let twisting = || Twisting::new(&twists, &places);
        let recorded = record::record(&module, &case, &places, &twisting());
        let Ok(Some(recorded)) = recorded else {
            return Ok(None);
        };
        let plain = play::plain(&module, &case, true, &twisting());
        let plain = plain.map_err(|error| failed(&error))?;
        if let Agreement::Differ(difference) = compare_runs(&plain.0, &recorded.outcome.0) {
            return Err(failed(&format!("plain, recorded: {difference}")));
        }
        if let Some(what) = acted_differently(&plain.1, &recorded.outcome.1) {
            return Err(failed(&format!("plain, recorded: {what}")));
        }
        // What is left after a limit of the host is no program.
        if plain
            .0
            .steps
            .iter()
            .any(|step| matches!(step.end, End::Broken(_)))
        {
            return Ok(None);
        }
        let events = recorded.events;
        let mut executed: Vec<PlaceId> = events
            .iter()
            .filter_map(|event| match event {
                Event::Site(passed) => Some(passed.place),
                _ => None,
            })
            .collect();
        executed.sort_unstable();
        executed.dedup();
        Ok(Some(Program {
            name,
            is_ours: false,
            case,
            variant,
            places,
            events,
            executed,
            twists,
            tops: recorded.tops,
            plain,
        }))
    }

    /// The program with the twists of a schedule's seed; `None` if there are none, or if it has too many events then.
    ///
    /// # Errors
    /// What its runs in the interpreter, one of them watched, differ in.
    pub fn twisted(&self, seed: u64, tiers: &mut Tiers) -> Result<Option<Program>, String> {
        let mut rng = Rng::for_purpose(seed / TWISTED, 13);
        if rng.one_in(2) {
            return Ok(None);
        }
        let engine = tiers.get(TierName::Interp, self.variant);
        let module = Module::new(engine, &self.case.wasm).map_err(|error| error.to_string())?;
        let ground = Ground {
            module: &module,
            places: &self.places,
            events: &self.events,
            tops: &self.tops,
            calls: self.case.calls.len(),
            variant: self.variant,
        };
        let twists: Arc<Twists> = Arc::new(ground.draw(&mut rng));
        let name = format!("{}, twisted", self.name);
        let program = Program::new(name, self.case.clone(), self.variant, twists, tiers);
        let program = program.map_err(|what| format!("group {}: {what}", seed / TWISTED))?;
        Ok(program.map(|program| Program {
            is_ours: self.is_ours,
            ..program
        }))
    }

    /// Does a twist let the program go on elsewhere?
    pub(super) fn skips(&self) -> bool {
        let mut acts = self.twists.list.iter().map(|twist| &twist.act);
        acts.any(|act| !matches!(act, Act::Guest(..)))
    }

    /// Does a twist behind an operator call the guest? What that consumes can make a tick due between the probes behind
    /// one operator and those before the next, which are fired in one go where nothing is in between.
    pub(super) fn calls_guest_behind(&self) -> bool {
        let mut twists = self.twists.list.iter();
        twists.any(|twist| {
            let site = self.places.get(twist.place).site;
            matches!((site, &twist.act), (Site::After(_), Act::Guest(..)))
        })
    }

    /// Its twists, for a run.
    pub(super) fn twisting(&self) -> Twisting {
        Twisting::new(&self.twists, &self.places)
    }

    /// Sites by place.
    pub(super) fn sites(&self) -> Arc<[Place]> {
        (0..self.places.len() as PlaceId)
            .map(|id| self.places.get(id))
            .collect()
    }

    /// The program in a tier.
    ///
    /// # Errors
    /// In what its run there differs from an interpreted one.
    pub fn prepared(
        &self,
        tier: TierName,
        tiers: &mut Tiers,
        modules: &mut Modules,
    ) -> Result<Prepared, String> {
        let counted = tier == TierName::Interp || self.variant.count_fuel;
        let module = match modules.get(&tier) {
            Some(module) => module.clone(),
            None => {
                let engine = tiers.get(tier, self.variant);
                let module = Module::new(engine, &self.case.wasm);
                let module = module.map_err(|error| error.to_string())?;
                modules.insert(tier, module.clone());
                module
            }
        };
        let plain = play::plain(&module, &self.case, counted, &self.twisting());
        let plain = plain.map_err(|error| error.to_string())?;
        let differs = |what: String| Err(format!("interpreted, {}: {what}", tier.name()));
        if let Agreement::Differ(difference) = compare_engines(&self.plain.0, &plain.0) {
            return differs(difference.to_string());
        }
        if let Some(what) = acted_differently(&self.plain.1, &plain.1) {
            return differs(what);
        }
        let steps = self.plain.0.steps.iter().zip(&plain.0.steps);
        for (call, (a, b)) in steps.enumerate() {
            if a.failure != b.failure {
                return differs(format!("call {call}: {:?}, {:?}", a.failure, b.failure));
            }
            if b.fuel.is_some() && a.fuel != b.fuel {
                return differs(format!("call {call}: fuel {:?}, {:?}", a.fuel, b.fuel));
            }
        }
        Ok(Prepared {
            module,
            counted,
            plain,
        })
    }
}

/// The first thing that twists did in one of two runs alone.
pub fn acted_differently(a: &[Acted], b: &[Acted]) -> Option<String> {
    let at = (0..a.len().max(b.len())).find(|&at| a.get(at) != b.get(at))?;
    let (a, b) = (a.get(at), b.get(at));
    Some(format!("twist: {a:?}, {b:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_programs_run_alike_in_every_tier() {
        let mut tiers = Tiers::default();
        for (at, (name, text)) in ours::PROGRAMS.into_iter().enumerate() {
            let case = ours::case(text, 1).expect("a case");
            let variant = Variant::drawn(&mut Rng::new(at as u64));
            let program = Program::new(name.to_owned(), case, variant, Arc::default(), &mut tiers);
            let program = program.unwrap_or_else(|what| panic!("{what}"));
            let program = program.unwrap_or_else(|| panic!("{name}: too many events"));
            let events = program.events.len();
            assert!(events > 150, "{name}: {events} events");
            for tier in [
                TierName::Jit,
                TierName::Eager,
                TierName::Osr,
                TierName::Deopt,
            ] {
                let prepared = program.prepared(tier, &mut tiers, &mut Modules::new());
                if let Err(what) = prepared {
                    panic!("{name}: {what}");
                }
            }
        }
    }
}
