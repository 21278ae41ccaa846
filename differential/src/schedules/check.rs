//! One schedule: drawn, played, compared.

use probity_engine::hook::Site;

use super::draw::Draw;
use super::events::Event;
use super::model::{Expected, ExpectedFire, expect};
use super::play::{Fault, Seen, SeenFire, play};
use super::program::{Prepared, Program, acted_differently};
use super::schedule::Schedule;
use super::watchdog::Watchdog;
use crate::rng::Rng;
use crate::trace::{Agreement, compare_runs};

/// The schedule of a seed, and what its probes must see.
pub fn drawn(program: &Program, rng: Rng) -> (Schedule, Expected) {
    let mut draw = Draw::new(program, rng);
    let expected = expect(&program.events, &program.places, &mut draw);
    (draw.into_schedule(&expected), expected)
}

/// Plays a schedule and compares all that can be seen.
///
/// # Errors
/// The first thing that is not as it must be.
pub fn check(
    program: &Program,
    prepared: &Prepared,
    schedule: &Schedule,
    expected: &Expected,
    watchdog: &Watchdog,
    fault: Fault,
) -> Result<(), String> {
    let played = || play(program, prepared, schedule, watchdog, fault);
    let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(played));
    let (run, seen) = played
        .map_err(|_| "panicked".to_owned())?
        .map_err(|error| error.to_string())?;
    if let Some(refused) = &seen.refused {
        return Err(refused.clone());
    }
    if let Some(fire) = schedule.others.and_then(|others| others.interrupt) {
        // It ends soon after, or a host goes on that survives that its guest ends.
        let until = |len: usize| len.min(fire as usize);
        let (wanted, seen) = (&expected.fires, &seen.fires);
        let (wanted, seen) = (&wanted[..until(wanted.len())], &seen[..until(seen.len())]);
        return compare_fires("fire", program, wanted, seen);
    }
    if let Agreement::Differ(difference) = compare_runs(&prepared.plain.0, &run.0) {
        return Err(format!("plain, watched: {difference}"));
    }
    if let Some(what) = acted_differently(&prepared.plain.1, &run.1) {
        return Err(format!("plain, watched: {what}"));
    }
    compare(program, expected, &seen)
}

fn compare(program: &Program, expected: &Expected, seen: &Seen) -> Result<(), String> {
    compare_fires("fire", program, &expected.fires, &seen.fires)?;
    compare_fires("tick", program, &expected.ticks, &seen.ticks)?;
    let counters = expected.counters.iter().zip(&seen.counters);
    for (slot, (expected, seen)) in counters.enumerate() {
        if expected != seen {
            return Err(format!(
                "at the end: counter {slot} must be {expected}, is {seen}"
            ));
        }
    }
    if expected.records != seen.records {
        let pairs = expected.records.iter().zip(&seen.records);
        let same = pairs
            .take_while(|(expected, seen)| expected == seen)
            .count();
        let (expected, seen) = (expected.records.get(same), seen.records.get(same));
        return Err(format!(
            "word {same} of the records must be {expected:?}, is {seen:?}"
        ));
    }
    Ok(())
}

/// Compares fires of functions, or ticks, as `what` says.
fn compare_fires(
    what: &str,
    program: &Program,
    expected: &[ExpectedFire],
    seen: &[SeenFire],
) -> Result<(), String> {
    for (at, (expected, seen)) in expected.iter().zip(seen).enumerate() {
        let number = at + 1;
        if expected.label != seen.label {
            let (expected, seen) = (expected.label, seen.label);
            return Err(format!(
                "{what} {number} must be of #{expected}, is of #{seen}"
            ));
        }
        let Event::Site(passed) = &program.events[expected.event] else {
            return Err(format!("{what} {number} is at no site"));
        };
        // At an entry, a tick shows the frame at its first operator.
        let alike = what == "fire" || program.places.get(passed.place).site != Site::Entry;
        if alike && let Some(other) = passed.look.difference(&seen.look) {
            let label = seen.label;
            return Err(format!(
                "{what} {number}, of #{label}: it reads other {other}"
            ));
        }
        if expected.counter != seen.counter {
            let (expected, seen) = (expected.counter, seen.counter);
            let slot = super::model::peeked(number as u64);
            return Err(format!(
                "in {what} {number}: counter {slot} must be {expected}, is {seen}"
            ));
        }
    }
    if expected.len() != seen.len() {
        let (expected, seen) = (expected.len(), seen.len());
        return Err(format!("{expected} {what}s expected, {seen} seen"));
    }
    Ok(())
}
