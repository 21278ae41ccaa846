//! Reduction of a schedule that shows a difference.

use super::check::check;
use super::model::expect;
use super::play::Fault;
use super::program::{Prepared, Program};
use super::schedule::{Moment, Schedule, Step};
use super::watchdog::Watchdog;

/// The schedule without steps that are not needed for something to differ, and what then differs.
/// Steps that came at a fire that is gone come at another one, so that what differs may be
/// something else in the end.
pub fn reduce(
    program: &Program,
    prepared: &Prepared,
    schedule: &Schedule,
    watchdog: &Watchdog,
    fault: Fault,
) -> (Schedule, String) {
    let differs = |schedule: &Schedule| {
        let expected = expect(&program.events, &program.places, schedule);
        check(program, prepared, schedule, &expected, watchdog, fault).err()
    };
    let mut best = schedule.clone();
    let mut what = differs(&best).unwrap_or_else(|| "nothing differs".to_owned());
    loop {
        let before = (best.len(), best.others);
        for smaller in candidates(&best) {
            if let Some(now) = differs(&smaller) {
                (best, what) = (smaller, now);
                break;
            }
        }
        if (best.len(), best.others) == before {
            return (best, what);
        }
    }
}

/// Without a moment, or a single step, the last first.
fn candidates(schedule: &Schedule) -> Vec<Schedule> {
    let mut all = Vec::new();
    if schedule.others.is_some() {
        let mut alone = schedule.clone();
        alone.others = None;
        all.push(alone);
    }
    let moments: Vec<(Moment, Vec<Step>)> = schedule.steps.clone().into_iter().collect();
    for (moment, _) in moments.iter().rev() {
        let mut smaller = schedule.clone();
        smaller.steps.remove(moment);
        all.push(smaller);
    }
    for (moment, steps) in moments.iter().rev().filter(|(_, steps)| steps.len() > 1) {
        for at in (0..steps.len()).rev() {
            let mut fewer = steps.clone();
            fewer.remove(at);
            let mut smaller = schedule.clone();
            smaller.steps.insert(*moment, fewer);
            all.push(smaller);
        }
    }
    all
}
