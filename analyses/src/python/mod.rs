//! Python programs that CPython runs inside the module, line by line and exactly, without asking them:
//! `pyprofile` and `pycoverage`.
//!
//! The program is seen from its interpreter's memory ([`guest`](crate::guest)), and followed by one probe at the place where the
//! interpreter goes from one instruction to the next ([`dispatch`]). What a line has cost is all that executes until control comes
//! to another line, in the interpreter and in C alike: all of what `icount` counts is in some line or in `(native)`, which
//! is what executes outside of Python code.

mod codes;
mod coverage;
mod dispatch;
mod profile;
#[cfg(test)]
mod tests;
mod tracker;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use probity_engine::hook::{Counters, Input, Probe, Site};
use probity_engine::{Func, Memory, Result};
use probity_probes::total::RunningTotal;
use probity_probes::unwind::Unwind;

use crate::analysis::Instrument;
use crate::guest::cpython::CPython;
use crate::guest::{GuestError, GuestRuntime};
use crate::report::table::{Fact, Kind, Value};
pub(crate) use coverage::{FILES, PyCoverage, ROOT};
pub(crate) use profile::{EVERY, MODE, PyProfile};
use tracker::{RANGES, Tracker};

/// Where an interpreter is.
type Place = (Memory, Arc<Mutex<Tracker>>);

/// Follows a Python program.
struct Watch {
    /// Whether the program is looked at now and then only, by [`Tracker::sample`].
    samples: bool,
    /// What has executed, if that is of interest.
    total: Option<RunningTotal>,
    by_way: bool,
    with_nested: bool,
    /// `None` until an interpreter is about to run.
    tracker: Option<Arc<Mutex<Tracker>>>,
    /// Its function.
    interpreter: Option<Func>,
    /// Where samples find it and its memory.
    place: Arc<Mutex<Option<Place>>>,
    /// Why what looked like an interpreter was none.
    problem: Option<GuestError>,
}

impl Watch {
    fn new(total: Option<RunningTotal>, by_way: bool, with_nested: bool) -> Watch {
        Watch {
            samples: false,
            total,
            by_way,
            with_nested,
            tracker: None,
            interpreter: None,
            place: Arc::default(),
            problem: None,
        }
    }

    /// One that puts no probes anywhere.
    fn sampling() -> Watch {
        Watch {
            samples: true,
            ..Watch::new(None, true, false)
        }
    }

    /// Puts probes into a function, if it is the interpreter's, and has it counted.
    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        if self.samples && self.interpreter.is_some() {
            return Ok(());
        }
        let cfg = at.cfg()?;
        if let Some(total) = &self.total {
            total.instrument(at.probes, at.func, &cfg, |_| 1)?;
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
        dispatches: &[dispatch::Dispatch],
    ) -> Result<()> {
        let ranges = Counters::new(RANGES);
        let tracker = Tracker::new(python, self.by_way, self.with_nested, ranges.clone());
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
            let total = self.total.clone();
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
        let (enters, total) = (tracker.clone(), self.total.clone());
        let enter = Probe::values([], move |[]| {
            lock(&enters).enter(reading(&total));
            Ok(())
        });
        let enter = enter.priority(i32::MIN);
        at.probes.insert(at.func, Site::Entry, enter)?;
        let total = self.total.clone();
        let leave = Probe::values([], move |[]| {
            lock(&tracker).leave(reading(&total));
            Ok(())
        });
        let leave = leave.priority(i32::MAX);
        at.probes.insert(at.func, Site::Exit, leave)?;
        Ok(())
    }

    fn unwound(&mut self, func: Func, unwind: Unwind) {
        let (Some(total), Some(tracker)) = (&self.total, &self.tracker) else {
            return;
        };
        let missing = total.unwound(func, unwind);
        if missing != 0 {
            let has_left = unwind.caught_at.is_none() && self.interpreter == Some(func);
            lock(tracker).unwound(missing, has_left);
        }
    }

    /// What was followed, when the run is over.
    fn finish(&self) -> Option<MutexGuard<'_, Tracker>> {
        let mut tracker = lock(self.tracker.as_ref()?);
        tracker.finish(reading(&self.total));
        Some(tracker)
    }

    /// What is to be said of the interpreter.
    fn facts(&self, tracker: Option<&Tracker>) -> Vec<Fact> {
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
