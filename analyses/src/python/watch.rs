//! What follows a Python program, once for all analyses of a session that ask for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use probity_engine::hook::{Counters, Input, Probe, Site};
use probity_engine::{Func, Memory, Result};
use probity_probes::total::RunningTotal;
use probity_probes::unwind::Unwind;

use super::allocs::{Allocated, Allocs};
use super::dispatch::{self, Dispatch};
use super::tracker::{RANGES, Tracker};
use crate::analysis::{Common, Instrument};
use crate::guest::cpython::CPython;
use crate::guest::{GuestError, GuestRuntime};
use crate::heap::allocators::Allocators;
use crate::options::{FUNC, Options};
use crate::report::table::{Fact, Kind, Value};

/// Where an interpreter is.
pub(super) type Place = (Memory, Arc<Mutex<Tracker>>);

/// What an analysis is to know of a program.
pub(super) struct Wish {
    /// What each line executed and allocated, along the calls.
    pub costs: bool,
    /// Functions that are never called, too.
    pub nested: bool,
}

/// Those who watch the same functions, by what selects these.
type Watches = HashMap<String, Watch>;

/// A program that is followed; clones follow the same.
#[derive(Clone, Default)]
pub(super) struct Watch(Arc<Mutex<Watching>>);

#[derive(Default)]
struct Watching {
    /// Whether functions are of interest that are never called.
    nested: bool,
    /// Whether the program is looked at now and then only, by [`Tracker::sample`].
    samples: bool,
    /// What has executed and what was allocated, if that is of interest.
    costs: Option<Costs>,
    /// `None` until an interpreter is about to run.
    tracker: Option<Arc<Mutex<Tracker>>>,
    /// Its function.
    interpreter: Option<Func>,
    /// Where samples find it and its memory.
    place: Arc<Mutex<Option<Place>>>,
    /// Why what looked like an interpreter was none.
    problem: Option<GuestError>,
}

struct Costs {
    total: RunningTotal,
    allocs: Allocs,
    allocators: Allocators,
    /// Whether there is an allocator that is known.
    has_allocator: bool,
}

/// An analysis's part in a watch.
#[derive(Default)]
pub(super) struct Member {
    watch: Watch,
    /// Whether it puts the probes in, for all.
    leads: bool,
}

impl Member {
    /// Joins those of the session who watch the same functions.
    pub fn join(&mut self, common: &mut Common, options: &Options, wish: &Wish) {
        let watches = common.of::<Watches>();
        let functions = options.get(FUNC.name).to_owned();
        self.leads = !watches.contains_key(&functions);
        self.watch = watches.entry(functions).or_default().clone();
        let mut watching = lock(&self.watch.0);
        watching.nested |= wish.nested;
        if wish.costs && watching.costs.is_none() {
            watching.costs = Some(Costs {
                total: RunningTotal::new(),
                allocs: Allocs::new(),
                allocators: Allocators::known(),
                has_allocator: false,
            });
        }
    }

    /// One that puts no probes anywhere, and where it finds the interpreter.
    pub fn sampling() -> (Member, Arc<Mutex<Option<Place>>>) {
        let watching = Watching {
            samples: true,
            ..Watching::default()
        };
        let place = watching.place.clone();
        let watch = Watch(Arc::new(Mutex::new(watching)));
        (Member { watch, leads: true }, place)
    }

    /// Puts probes into a function, if it is the interpreter's, and has it counted.
    pub fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        match self.leads {
            true => lock(&self.watch.0).instrument(at),
            false => Ok(()),
        }
    }

    pub fn unwound(&mut self, func: Func, unwind: Unwind) {
        if self.leads {
            lock(&self.watch.0).unwound(func, unwind);
        }
    }

    /// What was followed, when the run is over.
    pub fn finish(&self) -> Followed {
        let watching = lock(&self.watch.0);
        let costs = watching.costs.as_ref();
        let total = costs.map_or(0, |costs| costs.total.get());
        if let Some(tracker) = &watching.tracker {
            lock(tracker).finish(total);
        }
        let allocated = costs.filter(|costs| costs.has_allocator);
        Followed {
            tracker: watching.tracker.clone(),
            total,
            allocated: allocated.map(|costs| costs.allocs.get()),
            problem: watching.problem.clone(),
        }
    }
}

impl Watching {
    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        if self.samples && self.interpreter.is_some() {
            return Ok(());
        }
        let cfg = at.cfg()?;
        if let Some(costs) = &mut self.costs {
            costs.total.instrument(at.probes, at.func, &cfg, |_| 1)?;
            costs.has_allocator |= costs.allocs.instrument(at, &costs.allocators)?;
        }
        if self.interpreter.is_some() {
            return Ok(());
        }
        let operators = at.operators()?;
        let jumps = dispatch::jumps(&operators, &cfg);
        if jumps.is_empty() {
            return Ok(());
        }
        let instance = at.probes.instance_of(at.func);
        let memory = instance.and_then(|instance| instance.memory(at.probes, 0));
        let Some(memory) = memory.filter(|memory| memory.as_shared(at.probes).is_none()) else {
            return Ok(());
        };
        let python = match CPython::find(memory.data(at.probes)) {
            Ok(python) => python,
            Err(error) => {
                self.problem = Some(error);
                return Ok(());
            }
        };
        let found = dispatch::find(&operators, &jumps, python.offsets().instr_ptr);
        let Some(dispatches) = found else {
            return Ok(());
        };
        self.interpreter = Some(at.func);
        self.follow(at, python, memory, &dispatches)
    }

    fn follow(
        &mut self,
        at: &mut Instrument<'_, '_, '_>,
        python: CPython,
        memory: Memory,
        dispatches: &[Dispatch],
    ) -> Result<()> {
        let ranges = Counters::new(RANGES);
        let allocs = self.costs.as_ref().map(|costs| costs.allocs.clone());
        let by_way = self.costs.is_some() || self.samples;
        let tracker = Tracker::new(python, by_way, self.nested, ranges.clone(), allocs);
        let tracker = Arc::new(Mutex::new(tracker));
        self.tracker = Some(tracker.clone());
        if self.samples {
            *lock(&self.place) = Some((memory, tracker));
            return Ok(());
        }
        for dispatch in dispatches {
            // The way to the jump, as far as the total does not have it.
            let here = Unwind {
                pc: dispatch.pc,
                executed: false,
                caught_at: None,
            };
            let total = self.total();
            let missing = total
                .as_ref()
                .map_or(0, |total| total.unwound(at.func, here));
            let tracker = tracker.clone();
            let inputs = [
                Input::Local(dispatch.frame),
                Input::Local(dispatch.instruction),
            ];
            let probe = Probe::outside(inputs, ranges.clone(), move |store, [frame, next]| {
                let now = reading(&total).wrapping_add(missing);
                lock(&tracker).dispatch(memory.data(store), frame as u32, next as u32, now);
                Ok(())
            });
            at.probes
                .insert(at.func, Site::Before(dispatch.pc), probe)?;
        }
        let (enters, total) = (tracker.clone(), self.total());
        let enter = Probe::values([], move |[]| {
            lock(&enters).enter(reading(&total));
            Ok(())
        });
        let enter = enter.priority(i32::MIN);
        at.probes.insert(at.func, Site::Entry, enter)?;
        let total = self.total();
        let leave = Probe::values([], move |[]| {
            lock(&tracker).leave(reading(&total));
            Ok(())
        });
        let leave = leave.priority(i32::MAX);
        at.probes.insert(at.func, Site::Exit, leave)?;
        Ok(())
    }

    fn unwound(&mut self, func: Func, unwind: Unwind) {
        let (Some(costs), Some(tracker)) = (&self.costs, &self.tracker) else {
            return;
        };
        let missing = costs.total.unwound(func, unwind);
        if missing != 0 {
            let has_left = unwind.caught_at.is_none() && self.interpreter == Some(func);
            lock(tracker).unwound(missing, has_left);
        }
    }

    fn total(&self) -> Option<RunningTotal> {
        self.costs.as_ref().map(|costs| costs.total.clone())
    }
}

/// A program that was followed.
pub(super) struct Followed {
    tracker: Option<Arc<Mutex<Tracker>>>,
    /// All that executed.
    pub total: u64,
    /// All that was allocated; `None` if no function of an allocator is known.
    pub allocated: Option<Allocated>,
    problem: Option<GuestError>,
}

impl Followed {
    /// `None` if no interpreter was found.
    pub fn tracker(&self) -> Option<MutexGuard<'_, Tracker>> {
        self.tracker.as_deref().map(lock)
    }

    /// What is to be said of the interpreter.
    pub fn facts(&self, tracker: Option<&Tracker>) -> Vec<Fact> {
        let text = |name, text: String| Fact::new(name, Kind::Text, Value::Text(text.into()));
        let Some(tracker) = tracker else {
            let problem = self.problem.clone();
            let problem = problem.unwrap_or(GuestError::NotFound("CPython >= 3.13"));
            return vec![text("problem", problem.to_string())];
        };
        let mut facts = vec![text("interpreter", tracker.title())];
        if tracker.unreadable > 0 {
            facts.push(Fact::new("unreadable", Kind::Count, tracker.unreadable));
        }
        if tracker.codes.damaged > 0 {
            facts.push(Fact::new("damaged", Kind::Count, tracker.codes.damaged));
        }
        if let Some(problem) = &tracker.problem {
            facts.push(text("problem", problem.to_string()));
        }
        if tracker.is_full {
            let note = "there are more ways than can be told apart; further calls are of none";
            facts.push(text("cut", note.to_owned()));
        }
        facts
    }
}

fn reading(total: &Option<RunningTotal>) -> u64 {
    total.as_ref().map_or(0, RunningTotal::get)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
