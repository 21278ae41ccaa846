//! The contract of probes over a list of events: what fires, in which order, and what is counted.
//!
//! This knows nothing of the engine. Each site that a run passes is an event of its own, entries
//! and exits included. An event's probes are those that are in the table when it begins, by
//! priority, then insertion; what they change takes effect behind the last of them. Changes at other
//! moments take effect at once.
//!
//! Fuel is consumed by events, before an operator executes and before a call's entry. A tick is before the event that would
//! consume one unit more than a multiple of its period, counted from when it came.

use std::collections::HashMap;

use probity_engine::hook::{Fold, Site};

use super::events::{Event, Passed, Places};
use super::schedule::{
    Deed, Does, Label, Moment, Planned, RECORD_TAG, SLOTS, Schedule, Step, told,
};

/// Says which steps are made at a moment.
pub trait Director {
    /// The steps; `live` are the probes that are in the table.
    fn steps(&mut self, moment: Moment, live: &[Label]) -> Vec<Step>;
}

impl Director for &Schedule {
    fn steps(&mut self, moment: Moment, _live: &[Label]) -> Vec<Step> {
        self.steps.get(&moment).cloned().unwrap_or_default()
    }
}

/// What must be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Fires of probes that call a function, in order.
    pub fires: Vec<ExpectedFire>,
    /// Counters at the end.
    pub counters: Vec<u64>,
    /// All records, one behind the other.
    pub records: Vec<u64>,
    /// Ticks, in order.
    pub ticks: Vec<ExpectedFire>,
    /// Fires of all probes.
    pub fires_total: u64,
}

/// A fire of a probe that calls a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedFire {
    /// The probe.
    pub label: Label,
    /// Index of the event at which it fires.
    pub event: usize,
    /// Value of the counter [`peeked`] then.
    pub counter: u64,
}

/// The counter that the function reads in the fire with this number.
pub fn peeked(fire: u64) -> usize {
    (fire % SLOTS as u64) as usize
}

/// What a schedule's probes must see and count.
pub fn expect(events: &[Event], places: &Places, director: impl Director) -> Expected {
    let mut model = Model {
        places,
        director,
        local: vec![Vec::new(); places.len()],
        global: Vec::new(),
        live: Vec::new(),
        inserted: 0,
        ticks: Vec::new(),
        consumed: 0,
        owed: 0,
        waiting: Vec::new(),
        plans: HashMap::new(),
        expected: Expected {
            counters: vec![0; SLOTS],
            ..Expected::default()
        },
    };
    let (mut host_calls, mut first_calls, mut unwound) = (0, 0, 0);
    let next = |counter: &mut u64| {
        *counter += 1;
        *counter
    };
    for (at, event) in events.iter().enumerate() {
        let moment = match event {
            Event::Site(passed) => {
                let waits = matches!(events.get(at + 1), Some(Event::Enter));
                model.pass(at, passed, waits);
                continue;
            }
            Event::Enter => continue,
            Event::Leave => {
                if !matches!(events.get(at + 1), Some(Event::Enter)) {
                    model.go_on();
                }
                continue;
            }
            Event::HostCall => Moment::HostCall(next(&mut host_calls)),
            Event::FirstCall => Moment::FirstCall(next(&mut first_calls)),
            Event::Unwind => Moment::Unwind(next(&mut unwound)),
            Event::Call(n) => Moment::Call(*n),
        };
        let steps = model.director.steps(moment, &model.live);
        model.apply(steps);
    }
    model.expected
}

#[derive(Debug, Clone, Copy)]
struct Active {
    label: Label,
    planned: Planned,
    /// How many were inserted before it.
    order: usize,
}

struct Model<'a, D> {
    places: &'a Places,
    director: D,
    /// By place.
    local: Vec<Vec<Active>>,
    global: Vec<Active>,
    live: Vec<Label>,
    inserted: usize,
    /// Label, period and what will have been consumed at the next one.
    ticks: Vec<(Label, u64, u64)>,
    consumed: u64,
    /// What a tail call costs whose exit is next.
    owed: u64,
    /// Events behind whose probes a twist calls the guest, innermost last: what is to be paid then, at once
    /// or at the next exit.
    waiting: Vec<(usize, u64, u64)>,
    plans: HashMap<Label, Planned>,
    expected: Expected,
}

impl<D: Director> Model<'_, D> {
    fn pass(&mut self, at: usize, passed: &Passed, waits: bool) {
        let fuel = self.places.fuel(passed.place);
        self.tick(at, fuel);
        // A call has been paid for when its entry fires, an operator not yet.
        let before = match self.places.get(passed.place).site {
            Site::Entry => fuel,
            _ => 0,
        };
        self.consumed += before;
        self.fire(at, passed);
        let due = std::mem::take(&mut self.owed);
        let (now, later) = match self.places.is_tail_call(passed.place) {
            true => (due, fuel),
            false => (due + fuel - before, 0),
        };
        match waits {
            true => self.waiting.push((at, now, later)),
            false => (self.consumed, self.owed) = (self.consumed + now, later),
        }
    }

    /// The guest has come back to an event whose probes have all fired. What it has consumed may have brought a tick
    /// near.
    fn go_on(&mut self) {
        if let Some((at, now, later)) = self.waiting.pop() {
            self.tick(at, now);
            (self.consumed, self.owed) = (self.consumed + now, later);
        }
    }

    fn tick(&mut self, at: usize, fuel: u64) {
        for (label, every, next) in &mut self.ticks {
            if self.consumed + fuel <= *next {
                continue;
            }
            *next += *every;
            self.expected.fires_total += 1;
            let number = self.expected.ticks.len() as u64 + 1;
            self.expected.ticks.push(ExpectedFire {
                label: *label,
                event: at,
                counter: self.expected.counters[peeked(number)],
            });
        }
    }

    fn fire(&mut self, at: usize, passed: &Passed) {
        let local = &self.local[passed.place as usize];
        let is_operator = matches!(self.places.get(passed.place).site, Site::Before(_));
        let global = if is_operator { &self.global[..] } else { &[] };
        if local.is_empty() && global.is_empty() {
            return;
        }
        let mut firing: Vec<Active> = local.iter().chain(global).copied().collect();
        firing.sort_by_key(|active| (active.planned.priority, active.order));
        let mut changes = Vec::new();
        for Active { label, planned, .. } in firing {
            self.expected.fires_total += 1;
            let counters = &mut self.expected.counters;
            let mut add = |slot: usize, n: u64| counters[slot] = counters[slot].wrapping_add(n);
            match planned.does {
                Does::Add { slot, n } => add(slot, n),
                Does::Set { slot } => counters[slot] = counters[slot] & !0xFF | 1,
                Does::Top { slot, len, boolean } => {
                    let top = passed.top.unwrap_or(0);
                    let top = if boolean { u32::from(top != 0) } else { top };
                    add(slot + top.min(len - 1) as usize, 1);
                }
                Does::Fold { slot, fold, signed } => {
                    let top = passed.top.unwrap_or(0);
                    let value = match signed {
                        true => top as i32 as u64,
                        false => top.into(),
                    };
                    match fold {
                        Fold::Sum => add(slot, value),
                        Fold::Nonzero => add(slot, (value != 0).into()),
                        Fold::Max { mask } => counters[slot] = counters[slot].max(value ^ mask),
                        Fold::Log2 => add(slot + (64 - value.leading_zeros()) as usize, 1),
                    }
                }
                Does::Values { slot, takes } => add(slot, told(&passed.taken(takes))),
                Does::Record { slot, takes } => {
                    self.expected.records.push(RECORD_TAG + slot as u64);
                    self.expected.records.extend(passed.taken(takes));
                }
                Does::Call(_) => {
                    let number = self.expected.fires.len() as u64 + 1;
                    self.expected.fires.push(ExpectedFire {
                        label,
                        event: at,
                        counter: counters[peeked(number)],
                    });
                    changes.extend(self.director.steps(Moment::Fire(number), &self.live));
                }
                // These are at no site.
                Does::Tick { .. } => {}
            }
            if planned.one_shot {
                changes.push(Step::Remove(label));
            }
        }
        self.apply(changes);
    }

    fn apply(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Insert(label, planned) => {
                    self.live.push(label);
                    self.plans.insert(label, planned);
                    let order = self.inserted;
                    self.inserted += 1;
                    let active = Active {
                        label,
                        planned,
                        order,
                    };
                    match (planned.does, planned.place) {
                        (Does::Tick { every }, _) => {
                            self.ticks.push((label, every, self.consumed + every));
                        }
                        (_, Some(place)) => self.local[place as usize].push(active),
                        (_, None) => self.global.push(active),
                    }
                }
                Step::Remove(label) => self.remove(label),
            }
        }
    }

    fn remove(&mut self, label: Label) {
        let Some(at) = self.live.iter().position(|&live| live == label) else {
            return;
        };
        self.live.swap_remove(at);
        let list = match self.plans.get(&label).and_then(|planned| planned.place) {
            Some(place) => &mut self.local[place as usize],
            None => &mut self.global,
        };
        list.retain(|active| active.label != label);
        self.ticks.retain(|(tick, ..)| *tick != label);
    }
}

/// Whether a probe's function reads at the fire with this number: in long runs not at all of them,
/// because that takes a walk of the stack.
pub fn acts(deed: Deed, fire: u64) -> bool {
    match deed {
        Deed::Nothing => false,
        Deed::Read => fire <= 100 || fire.is_multiple_of(16),
        Deed::Write => fire <= 50 || fire.is_multiple_of(64),
    }
}

#[cfg(test)]
mod tests {
    use probity_engine::{Engine, Module};

    use super::super::events::Place;
    use super::super::look::Look;
    use super::*;

    /// One function, called twice; its two `nop`s are `sites[1]` and `sites[2]`, its entry `sites[0]`.
    fn run() -> (Places, Vec<Event>, Vec<u32>) {
        let engine = Engine::default();
        let module = Module::new(&engine, "(module (func nop nop))").expect("a module");
        let places = Places::of(&module).expect("code");
        let operators = module.function(0).expect("one").operators().expect("code");
        let before = operators.iter().map(|(pc, _)| Site::Before(*pc));
        let sites = [Site::Entry].into_iter().chain(before).chain([Site::Exit]);
        let sites: Vec<u32> = sites
            .map(|site| places.id(Place { func: 0, site }).expect("a site"))
            .collect();
        let mut events = Vec::new();
        for call in 0..2 {
            events.push(Event::Call(call));
            events.extend((call == 0).then_some(Event::FirstCall));
            events.extend(sites.iter().map(|&place| {
                Event::Site(Passed {
                    place,
                    top: Some(3),
                    look: Look::default(),
                })
            }));
        }
        (places, events, sites)
    }

    fn planned(place: Option<u32>, does: Does) -> Planned {
        Planned {
            place,
            does,
            priority: 0,
            one_shot: false,
        }
    }

    fn expected(steps: &[(Moment, Step)]) -> Expected {
        let (places, events, _) = run();
        let mut schedule = Schedule::default();
        for (moment, step) in steps {
            schedule.steps.entry(*moment).or_default().push(*step);
        }
        expect(&events, &places, &schedule)
    }

    fn labels(expected: &Expected) -> Vec<Label> {
        expected.fires.iter().map(|fire| fire.label).collect()
    }

    #[test]
    fn changes_come_behind_the_list() {
        let (_, _, sites) = run();
        let call = Does::Call(Deed::Nothing);
        let at = |n: usize| planned(Some(sites[n]), call);
        let found = expected(&[
            (Moment::Call(0), Step::Insert(0, at(1))),
            (Moment::Call(0), Step::Insert(1, at(1))),
            // In the fire of #0: #1 still fires there, #2 does not yet, #3 does further on.
            (Moment::Fire(1), Step::Remove(1)),
            (Moment::Fire(1), Step::Insert(2, at(1))),
            (Moment::Fire(1), Step::Insert(3, at(2))),
        ]);
        assert_eq!(labels(&found), [0, 1, 3, 0, 2, 3]);
    }

    #[test]
    fn order_is_priority_then_insertion_of_local_and_global_probes() {
        let (_, _, sites) = run();
        let call = Does::Call(Deed::Nothing);
        let last = Planned {
            priority: 1,
            ..planned(Some(sites[1]), call)
        };
        let once = Planned {
            one_shot: true,
            ..planned(Some(sites[1]), call)
        };
        let found = expected(&[
            (Moment::Call(0), Step::Insert(7, last)),
            (Moment::Call(0), Step::Insert(5, once)),
            (Moment::FirstCall(1), Step::Insert(6, planned(None, call))),
            (Moment::Call(1), Step::Remove(6)),
        ]);
        // The global one fires at two operators more, and not at entry and exit.
        assert_eq!(labels(&found), [5, 6, 7, 6, 6, 7]);
    }

    #[test]
    fn counters_are_what_their_actions_say() {
        let (_, _, sites) = run();
        let top = |boolean| Does::Top {
            slot: 8,
            len: 3,
            boolean,
        };
        let found = expected(&[
            (
                Moment::Call(0),
                Step::Insert(0, planned(Some(sites[0]), Does::Add { slot: 0, n: 5 })),
            ),
            (
                Moment::Call(0),
                Step::Insert(1, planned(None, Does::Set { slot: 1 })),
            ),
            (
                Moment::Call(0),
                Step::Insert(2, planned(Some(sites[2]), top(false))),
            ),
            (
                Moment::Call(1),
                Step::Insert(3, planned(Some(sites[2]), top(true))),
            ),
        ]);
        assert_eq!(found.counters[..2], [10, 1]);
        assert_eq!(found.counters[8..11], [0, 1, 2]);
        assert_eq!(found.fires_total, 2 + 2 * 3 + 2 + 1);
    }
}
