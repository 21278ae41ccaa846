//! Requests of another thread, beside a schedule: they come at any time, so what they do is different in each run,
//! and must change nothing that is compared.
//!
//! A thread posts requests as long as the run lasts; probes and calls of the host post some, too, which are
//! carried out at the guest's next poll. They insert and remove probes of their own and look at the stack. An interrupt ends
//! the guest: what was seen before it is all that is compared then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use probity_engine::hook::{
    Action, Counters, Probe, ProbeId, Remote, RequestContext, Site, Ticket,
};
use probity_engine::{Error, Instance, TrapCode};

use super::events::Place;
use super::look::look;
use crate::rng::Rng;

/// Probes of others that are there at one time.
const PROBES_MAX: usize = 12;

/// How long the thread waits for an answer before it goes on.
const PATIENCE: Duration = Duration::from_micros(300);

/// One in this many moments of the run itself posts a request.
const POSTS_ONE_IN: u64 = 8;

/// What other threads do in a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Others {
    /// Where their random numbers begin.
    pub seed: u64,
    /// The fire of a probe's function in which the guest is interrupted.
    pub interrupt: Option<u64>,
}

/// What posts requests to the store of a run; clones are the same.
#[derive(Clone)]
pub struct Posting {
    others: Others,
    remote: Remote,
    instance: Instance,
    places: Arc<[Place]>,
    counters: Counters,
    state: Arc<Mutex<State>>,
    done: Arc<AtomicBool>,
}

#[derive(Default)]
struct State {
    ids: Vec<ProbeId>,
    refused: Option<String>,
}

impl Posting {
    /// Posts nothing yet. Its probes count in the first of the counters, which nobody looks at.
    pub fn new(
        (others, counters): (Others, Counters),
        remote: Remote,
        instance: Instance,
        places: Arc<[Place]>,
    ) -> Posting {
        Posting {
            others,
            remote,
            instance,
            places,
            counters,
            state: Arc::default(),
            done: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the thread.
    pub fn start(&self) -> JoinHandle<()> {
        let posting = self.clone();
        thread::spawn(move || {
            let mut rng = Rng::new(posting.others.seed);
            while !posting.done.load(Ordering::Relaxed) {
                let ticket = posting.post(&mut rng);
                // The answer is what the store says of itself; what is refused, it notes there.
                drop(ticket.wait_timeout(PATIENCE));
                if rng.one_in(4) {
                    thread::yield_now();
                }
            }
        })
    }

    /// The run is over. What was refused.
    pub fn finish(&self, thread: JoinHandle<()>) -> Option<String> {
        self.done.store(true, Ordering::Relaxed);
        if thread.join().is_err() {
            return Some("the other thread panicked".to_owned());
        }
        self.lock().refused.take()
    }

    /// In a moment of the run itself, on the store's thread.
    pub fn at_moment(&self, number: u64) {
        let mut rng = Rng::for_purpose(self.others.seed, number);
        if rng.one_in(POSTS_ONE_IN) {
            drop(self.post(&mut rng));
        }
    }

    /// In the fire of a probe's function.
    pub fn in_fire(&self, number: u64) {
        if self.others.interrupt == Some(number) {
            self.remote.interrupt(TrapCode::Interrupted);
        }
        self.at_moment(number);
    }

    fn post(&self, rng: &mut Rng) -> Ticket<()> {
        let (posting, number) = (self.clone(), rng.word());
        self.remote.run(move |context| {
            let done = posting.perform(number, context);
            if let Err(error) = &done {
                let refused = format!("request refused: {error}");
                posting.lock().refused.get_or_insert(refused);
            }
            done
        })
    }

    fn perform(&self, number: u64, context: &mut RequestContext<'_>) -> Result<(), Error> {
        let mut rng = Rng::new(number);
        let present = self.lock().ids.len();
        match rng.below(8) {
            _ if present >= PROBES_MAX => self.remove(&mut rng, context),
            0..4 => self.insert(&mut rng, context)?,
            4 | 5 if present > 0 => self.remove(&mut rng, context),
            _ => {
                let depth = context.depth();
                for n in 0..depth.min(3) {
                    let Some(frame) = context.frame_at(n) else {
                        return Err(Error::usage("a frame is not there"));
                    };
                    for i in 0..frame.num_operands() {
                        drop(frame.operand(i));
                    }
                    for i in 0..frame.num_locals() {
                        drop(frame.local(i));
                    }
                }
                if context.backtrace().len() != depth {
                    return Err(Error::usage("backtrace and depth are not the same"));
                }
            }
        }
        Ok(())
    }

    fn insert(&self, rng: &mut Rng, context: &mut RequestContext<'_>) -> Result<(), Error> {
        let count = || Action::CountAdd {
            counters: self.counters.clone(),
            index: 0,
            n: 1,
        };
        let mut probe = match rng.below(4) {
            0 => Probe::new(Action::Set {
                counters: self.counters.clone(),
                index: 0,
            }),
            1 => Probe::call(|context| {
                look(context);
                Ok(())
            }),
            _ => Probe::new(count()),
        };
        probe.priority = *rng.pick(&[0, 0, -1, 1, i32::MIN]);
        probe.one_shot = rng.one_in(4);
        let id = if rng.one_in(24) {
            context.probes().insert_global(Probe::new(count()))
        } else {
            let Place { func, site } = *rng.pick(&self.places);
            let Some(func) = self.instance.func(context, func) else {
                return Err(Error::usage("no such function"));
            };
            match context.probes().insert(func, site, probe) {
                Ok(id) => id,
                // Places that control never comes to are not known to be such here.
                Err(_) if matches!(site, Site::Before(_) | Site::After(_)) => return Ok(()),
                Err(error) => return Err(error),
            }
        };
        self.lock().ids.push(id);
        Ok(())
    }

    fn remove(&self, rng: &mut Rng, context: &mut RequestContext<'_>) {
        let id = {
            let ids = &mut self.lock().ids;
            let at = rng.below(ids.len() as u64) as usize;
            ids.swap_remove(at)
        };
        // It may have gone after its first fire.
        context.probes().remove(id);
    }
}
