//! Drawing a schedule: while the model runs, steps are made up at random, so that there are fires to
//! make them in and live probes to remove.

use probity_engine::hook::Fold;

use super::events::Event;
use super::model::{Director, Expected};
use super::others::Others;
use super::program::Program;
use super::schedule::{BLOCK, Deed, Does, Label, Moment, Planned, SLOTS, Schedule, Step};
use crate::rng::Rng;

/// Steps of a schedule at most, beside those at its beginning.
const STEPS_MAX: u64 = 40;

/// Fires of a global probe that calls a function take time: only in programs with fewer events.
const GLOBAL_CALL_EVENTS_MAX: usize = 1500;

/// The first of the counters that are only made 1.
const SET_SLOTS: usize = SLOTS - 2 * BLOCK;

/// Counters of a `CountTop` at most.
const TOP_MAX: u64 = 4;

/// Periods of ticks.
const PERIODS: [u64; 8] = [1, 2, 5, 10, 33, 100, 300, 1000];

/// Draws steps.
pub struct Draw<'a> {
    program: &'a Program,
    rng: Rng,
    /// Steps left.
    left: u64,
    /// One in this many moments has steps.
    one_in: u64,
    /// One in this many probes is global.
    global_one_in: u64,
    /// One in this many probes goes after its first fire.
    once_one_in: u64,
    /// Whether there may be ticks: an operator that is skipped costs no fuel, and the model knows nothing of that; nor does it
    /// know that a tick comes behind the probes of an operator if it is due only because a probe behind the one before has
    /// called the guest.
    ticks: bool,
    /// One in this many is a tick.
    tick_one_in: u64,
    next: Label,
    drawn: Schedule,
}

impl<'a> Draw<'a> {
    /// For a schedule of the program.
    pub fn new(program: &'a Program, mut rng: Rng) -> Draw<'a> {
        let long = program.events.len() > GLOBAL_CALL_EVENTS_MAX;
        Draw {
            program,
            left: 1 + rng.below(STEPS_MAX),
            one_in: *rng.pick(&[1, 2, 5, 20, 100]),
            global_one_in: if long {
                60
            } else {
                *rng.pick(&[8, 20, 20, 1000])
            },
            once_one_in: *rng.pick(&[2, 4, 4, 1000]),
            ticks: !program.skips() && !program.calls_guest_behind(),
            tick_one_in: *rng.pick(&[4, 20, 1000]),
            rng,
            next: 0,
            drawn: Schedule::default(),
        }
    }

    /// What was drawn.
    pub fn into_schedule(mut self, expected: &Expected) -> Schedule {
        let fires = expected.fires.len() as u64;
        self.drawn.others = self.rng.one_in(4).then(|| Others {
            seed: self.rng.word(),
            interrupt: (fires > 0 && self.rng.one_in(4)).then(|| 1 + self.rng.below(fires)),
        });
        self.drawn
    }

    fn planned(&mut self, calls: bool, moment: Moment) -> Planned {
        // At other moments, from where they count is not promised.
        let exact = matches!(
            moment,
            Moment::Call(_) | Moment::HostCall(_) | Moment::Fire(_)
        );
        if !calls && exact && self.ticks && self.rng.one_in(self.tick_one_in) {
            return Planned {
                place: None,
                does: Does::Tick {
                    every: *self.rng.pick(&PERIODS),
                },
                priority: 0,
                one_shot: false,
            };
        }
        let (rng, program) = (&mut self.rng, self.program);
        let global = rng.one_in(self.global_one_in);
        let executed = match rng.below(8) {
            0 => None,
            // Often passed places are likely, then.
            1..4 => {
                let at = rng.below(program.events.len() as u64) as usize;
                program.events.get(at)
            }
            _ => None,
        };
        let (place, reached) = match executed {
            Some(Event::Site(passed)) => (passed.place, true),
            _ if rng.one_in(8) || program.executed.is_empty() => {
                (rng.below(program.places.len() as u64) as u32, false)
            }
            _ => (*rng.pick(&program.executed), true),
        };
        let place = (!global).then_some(place);
        let slot = rng.below(SET_SLOTS as u64) as usize;
        let deed = match rng.below(6) {
            0 | 1 => Deed::Nothing,
            2..5 => Deed::Read,
            _ => Deed::Write,
        };
        let top = reached && place.is_some_and(|place| program.places.counts_top(place));
        let slow = global && program.events.len() > GLOBAL_CALL_EVENTS_MAX;
        let does = match rng.below(8) {
            _ if calls && !slow => Does::Call(deed),
            0..3 if !slow => Does::Call(deed),
            // In counters of their own: those that go after their first fire may stay where nobody
            // can see another one, as the engine documents.
            3 => Does::Set {
                slot: SET_SLOTS + slot % (SLOTS - SET_SLOTS),
            },
            4 if top => {
                // A block must hold all of them.
                let len = 1 + rng.below(TOP_MAX) as u32;
                let in_block = BLOCK - len as usize;
                let slot = slot - (slot % BLOCK).saturating_sub(in_block);
                let boolean = rng.one_in(2);
                Does::Top { slot, len, boolean }
            }
            5 => {
                let takes = top && rng.one_in(2);
                match rng.below(3) {
                    0 if top => Does::Fold {
                        slot,
                        fold: *rng.pick(&[
                            Fold::Sum,
                            Fold::Nonzero,
                            Fold::Max { mask: 0 },
                            Fold::Max { mask: u64::MAX },
                        ]),
                        signed: rng.one_in(2),
                    },
                    1 => Does::Record { slot, takes },
                    _ => Does::Values { slot, takes },
                }
            }
            6 => Does::Add {
                slot,
                n: rng.below(1 << 33),
            },
            _ => Does::Add { slot, n: 1 },
        };
        let priority = *rng.pick(&[0, 0, 0, 0, -1, 1, i32::MIN, i32::MAX]);
        Planned {
            place,
            does,
            // The last one is that of twists.
            priority: match program.twists.list.is_empty() {
                true => priority,
                false => priority.min(i32::MAX - 1),
            },
            one_shot: rng.one_in(self.once_one_in),
        }
    }

    fn insert(&mut self, calls: bool, moment: Moment) -> Step {
        let label = self.next;
        self.next += 1;
        Step::Insert(label, self.planned(calls, moment))
    }

    fn some(&mut self, moment: Moment, live: &[Label]) -> Vec<Step> {
        // From time to time, everything goes, and functions return to code that is not watched.
        if self.rng.one_in(12) {
            return live.iter().map(|&label| Step::Remove(label)).collect();
        }
        let n = (1 + self.rng.below(3)).min(self.left);
        let mut steps = Vec::new();
        for _ in 0..n {
            let step = match live {
                [_, ..] if self.rng.one_in(3) => Step::Remove(*self.rng.pick(live)),
                // Those that are gone, too.
                _ if self.next > 0 && self.rng.one_in(30) => {
                    Step::Remove(self.rng.below(self.next as u64) as Label)
                }
                _ => self.insert(false, moment),
            };
            steps.push(step);
        }
        steps
    }
}

impl Director for &mut Draw<'_> {
    fn steps(&mut self, moment: Moment, live: &[Label]) -> Vec<Step> {
        let steps = match moment {
            Moment::Call(0) => {
                let others = self.rng.below(6);
                let first = self.insert(true, moment);
                let others = (0..others).map(|_| self.insert(false, moment));
                std::iter::once(first).chain(others).collect()
            }
            _ if self.left == 0 => return Vec::new(),
            Moment::Fire(_) if !self.rng.one_in(self.one_in) => return Vec::new(),
            // Fires are many, these are few.
            _ if !self.rng.one_in(self.one_in.min(4)) => return Vec::new(),
            _ => self.some(moment, live),
        };
        self.left = self.left.saturating_sub(steps.len() as u64);
        if !steps.is_empty() {
            self.drawn.steps.insert(moment, steps.clone());
        }
        steps
    }
}
