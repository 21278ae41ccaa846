//! The body of the test: one case, run in Probity, in a peer, and in Probity again while it is
//! watched.

use crate::case::{Call, Case};
use crate::end::{End, Unclear};
use crate::probity::{Engines, FUEL, NoSide, ProbitySide};
use crate::rng::Rng;
use crate::side::Side;
use crate::trace::{Agreement, Recorded, Step, Trace, compare_engines, compare_runs};
use crate::trace::{difference, record, step};
use crate::value::Value;
use crate::watch::{Probes, Watch};

/// An engine that Probity is compared with.
pub trait Peer {
    /// Name and version.
    fn name(&self) -> &str;

    /// Instantiates the case's module.
    ///
    /// # Errors
    /// Why it refuses.
    fn instantiate(&self, case: &Case) -> Result<Box<dyn Side>, String>;
}

/// What came of a case.
#[derive(Debug, Clone)]
pub struct Report {
    /// The finding.
    pub verdict: Verdict,
    /// Calls that the peer and Probity both made.
    pub calls: u64,
    /// Of these, those that trapped.
    pub traps: u64,
    /// Fuel that the plain run took.
    pub fuel: u64,
}

/// The finding of a case.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// Everything was the same.
    Agreed,
    /// Probity's runs were the same; of the peer, nothing can be said from some point on.
    Inconclusive(Unclear),
    /// Something differed: which two runs, and how.
    Mismatch(String),
}

impl Verdict {
    /// Is it a mismatch?
    pub fn is_mismatch(&self) -> bool {
        matches!(self, Verdict::Mismatch(_))
    }
}

impl Recorded for ProbitySide {
    fn fuel_consumed(&self) -> Option<u64> {
        self.fuel()
    }

    fn failure(&self) -> Option<String> {
        self.failure().map(str::to_owned)
    }

    fn check(&self) -> Result<(), String> {
        self.watching.check()
    }
}

/// Runs a case in all ways and compares. With `details`, memories are kept, so that a mismatch
/// names the bytes.
pub fn check(engines: &Engines, peer: &dyn Peer, case: &Case, details: bool) -> Report {
    let mut report = Report {
        verdict: Verdict::Agreed,
        calls: 0,
        traps: 0,
        fuel: 0,
    };
    if case.shape.waits {
        let why = "may wait for ever".to_owned();
        report.verdict = Verdict::Inconclusive(Unclear::Refused(why));
        return report;
    }
    let run = |deterministic, watch| run(engines, case, deterministic, watch, details);
    // Both engines make NaNs canonical, so that all bits can be compared.
    let plain = match run(true, Watch::PLAIN) {
        Ok((_, trace)) => trace,
        Err(NoSide::Unsupported(why)) => {
            report.verdict = Verdict::Inconclusive(Unclear::Refused(why));
            return report;
        }
        Err(NoSide::Refused(why)) => {
            report.verdict = Verdict::Mismatch(format!("probity refuses the module: {why}"));
            return report;
        }
    };
    report.fuel = plain.steps.last().and_then(|s| s.fuel).unwrap_or(0);
    // A call that Probity ends for want of fuel or stack says nothing, and a peer whose limits are
    // wider would only take long.
    let unclear = matches!(plain.steps.last(), Some(step) if matches!(step.end, End::Unclear(_)));
    let calls = plain.steps.len() - 1 - usize::from(unclear && plain.steps.len() > 1);
    match peer_trace(peer, case, &case.calls[..calls], details) {
        Err(why) => report.verdict = Verdict::Inconclusive(Unclear::Refused(why)),
        Ok(trace) => {
            let compared = plain.steps.len().min(trace.steps.len()) - 1;
            let traps = plain.steps[1..=compared].iter();
            report.calls = compared as u64;
            report.traps = traps.filter(|s| matches!(s.end, End::Trap(_))).count() as u64;
            match compare_engines(&plain, &trace) {
                Agreement::Same => {}
                Agreement::Unclear(why) => report.verdict = Verdict::Inconclusive(why),
                Agreement::Differ(difference) => {
                    let names = format!("probity, {}", peer.name());
                    report.verdict = Verdict::Mismatch(format!("{names}: {difference}"));
                    return report;
                }
            }
        }
    }
    let watched = match engines.other() {
        None => watched(engines, case, &plain, details)
            .and_then(|()| limited(engines, case, &plain, details)),
        // A limit would end what does not end by itself, but compiled code has none.
        Some(_) if unclear && calls == 0 => Ok(()),
        Some(other) => otherwise(other, case, calls, plain, details),
    };
    if let Err(what) = watched {
        report.verdict = Verdict::Mismatch(what);
    }
    report
}

/// The trace of these calls in a peer.
///
/// # Errors
/// It refuses the module, or panics.
pub fn peer_trace(
    peer: &dyn Peer,
    case: &Case,
    calls: &[Call],
    details: bool,
) -> Result<Trace, String> {
    let run = || -> Result<Trace, String> {
        let mut side = peer.instantiate(case)?;
        Ok(record(&mut side, calls, details))
    };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(format!("{} panicked", peer.name())))
}

/// A run of Probity.
///
/// # Errors
/// It refuses the module.
pub fn run(
    engines: &Engines,
    case: &Case,
    deterministic: bool,
    watch: Watch,
    details: bool,
) -> Result<(ProbitySide, Trace), NoSide> {
    let run = || {
        let mut side = ProbitySide::new(engines, case, deterministic, watch)?;
        let trace = record(&mut side, &case.calls, details);
        Ok((side, trace))
    };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(NoSide::Refused("panicked".to_owned())))
}

/// Runs that execute code in another way, of the first calls, must be the same as the interpreted
/// one.
fn otherwise(
    engines: &Engines,
    case: &Case,
    calls: usize,
    mut plain: Trace,
    details: bool,
) -> Result<(), String> {
    let mut case = case.clone();
    case.calls.truncate(calls);
    plain.steps.truncate(1 + calls);
    let trace = run(engines, &case, true, Watch::PLAIN, details);
    let (_, trace) = trace.map_err(|error| error.to_string())?;
    if let Agreement::Differ(difference) = compare_engines(&plain, &trace) {
        return Err(format!("interpreted, otherwise: {difference}"));
    }
    watched(engines, &case, &trace, details)
}

/// The watched run must be the same as the plain one.
fn watched(engines: &Engines, case: &Case, plain: &Trace, details: bool) -> Result<(), String> {
    let refused = |error: NoSide| error.to_string();
    let run = |deterministic, watch| run(engines, case, deterministic, watch, details);
    let mut rng = Rng::for_purpose(case.seed, 4);
    // Half of the time with the NaN bits that the hardware gives, which are other handlers.
    // Compiled code and the interpreter need not choose the same bits.
    let deterministic = rng.one_in(2) || !engines.limited();
    let hardware;
    let base = if deterministic {
        plain
    } else {
        hardware = run(false, Watch::PLAIN).map_err(refused)?.1;
        &hardware
    };
    let (side, trace) = run(deterministic, case.watch).map_err(refused)?;
    same(base, &trace, case.watch)?;
    if case.watch.probes == Probes::Counts {
        let watch = Watch {
            probes: Probes::Tally,
            ..case.watch
        };
        let (tally_side, tally) = run(deterministic, watch).map_err(refused)?;
        same(base, &tally, watch)?;
        if let (Some(counts), Some(tally)) = (&side.watching.counts, &tally_side.watching.counts) {
            counts.agree(tally)?;
        }
    }
    Ok(())
}

fn same(plain: &Trace, trace: &Trace, watch: Watch) -> Result<(), String> {
    match compare_runs(plain, trace) {
        Agreement::Differ(difference) => Err(format!("plain, {watch}: {difference}")),
        Agreement::Same | Agreement::Unclear(_) => Ok(()),
    }
}

/// A limit of fuel that ends a call must end it at the same operator, watched or not, and at the
/// limit exactly where no bulk operator is charged by its size.
fn limited(engines: &Engines, case: &Case, plain: &Trace, details: bool) -> Result<(), String> {
    let mut rng = Rng::for_purpose(case.seed, 5);
    if plain.steps.len() < 2 || !rng.one_in(3) {
        return Ok(());
    }
    let at = rng.below(plain.steps.len() as u64 - 1) as usize;
    let fuel = |step: &Step| step.fuel.unwrap_or(0);
    let (before, after) = (fuel(&plain.steps[at]), fuel(&plain.steps[at + 1]));
    // As much as the call needs must do; anything less must not.
    let limit = rng.below(after - before + 2).min(FUEL);
    let cut = |watch| -> Result<Step, String> {
        let mut side =
            ProbitySide::new(engines, case, true, watch).map_err(|error| error.to_string())?;
        for call in &case.calls[..at] {
            side.call(&call.export, &call.arguments);
        }
        let call = &case.calls[at];
        let arguments: &[Value] = &call.arguments;
        let end = side.call_with_fuel(&call.export, arguments, limit);
        Ok(step(&mut side, end, details))
    };
    let (alone, watched) = (cut(Watch::PLAIN)?, cut(case.watch)?);
    let name = format!("call {} with fuel {limit}", at + 1);
    if let Some(what) = difference(&alone, &watched, true) {
        return Err(format!("plain, {}: {name}: {what}", case.watch));
    }
    let whole = &plain.steps[at + 1];
    if alone.end != End::Unclear(Unclear::Fuel) {
        return match difference(whole, &alone, true) {
            Some(what) => Err(format!("without limit, with: {name}: {what}")),
            None => Ok(()),
        };
    }
    let consumed = fuel(&alone) - before;
    let exact = !case.shape.bulk;
    if consumed > limit || exact && (consumed != limit || before + limit >= after) {
        let needed = after - before;
        return Err(format!("{name}: ended at {consumed}, needs {needed}"));
    }
    Ok(())
}
