//! Playing a schedule in the engine.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use probity_engine::hook::{Action, Counters, Input, Probe, ProbeContext, ProbeId, Probes, Ring};
use probity_engine::{Caller, Error, Instance, Module, Store, Val};

use super::look::{Look, look, write_back};
use super::model::{acts, peeked};
use super::others::Posting;
use super::program::{Prepared, Program};
use super::schedule::{
    BLOCK, Deed, Does, Label, Moment, Planned, RECORD_TAG, SLOTS, Schedule, Step, told,
};
use super::twist::{Acted, Twisting};
use super::watchdog::Watchdog;
use crate::case::Case;
use crate::host::Host;
use crate::probity::{NoSide, ProbitySide, Setup};
use crate::rng::mix;
use crate::trace::{Trace, record_with};
use crate::watch::Watching;

/// Few, so that the buffer is often full.
const RING_WORDS: usize = 7;

/// What a run did.
pub type Run = Trace;

/// What a run did, and its twists.
pub type Outcome = (Run, Vec<Acted>);

/// What the probes of a schedule saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Fires of probes that call a function, in order.
    pub fires: Vec<SeenFire>,
    /// Ticks, in order.
    pub ticks: Vec<SeenFire>,
    /// Counters at the end.
    pub counters: Vec<u64>,
    /// All records, one behind the other.
    pub records: Vec<u64>,
    /// What the engine refused.
    pub refused: Option<String>,
}

/// A fire of a probe that calls a function.
#[derive(Debug, Clone, Copy)]
pub struct SeenFire {
    /// The probe.
    pub label: Label,
    /// What it read, if it did.
    pub look: Look,
    /// Value of the counter [`peeked`].
    pub counter: u64,
}

/// What is done wrong on purpose, to see that it is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Counting probes miss their first fire.
    LateInsert,
    /// Probes that are removed fire once more.
    LateRemoval,
    /// A counter is one too high.
    Count,
    /// Values are written that were not there.
    Write,
    /// Probes of a site fire in the opposite order.
    Order,
    /// One-shot probes stay.
    Stay,
    /// What was read is not what was there.
    Read,
    /// Twists act one fire late.
    Act,
    /// Periods of ticks are one unit longer.
    Period,
    /// What another thread inserts counts in the schedule's own counter.
    Others,
}

/// The setup of a case; `counted` if the engine counts fuel.
pub fn setup(case: &Case, counted: bool) -> Setup {
    Setup {
        seed: case.seed,
        fuel: None,
        counted,
        on_host_call: None,
    }
}

/// Lets the host call back: in some of its calls, if the module exports `back`.
#[derive(Clone, Default)]
pub struct Reentry {
    inside: Arc<AtomicBool>,
}

impl Reentry {
    /// A call of the host.
    pub fn call(&self, caller: &mut Caller<'_, Host>) {
        let calls = caller.data().log().calls;
        let Some(back) = caller.get_export("back").and_then(|e| e.into_func()) else {
            return;
        };
        let ty = back.ty(caller);
        if !ty.params().is_empty() || calls % 3 != 1 || self.inside.swap(true, Ordering::Relaxed) {
            return;
        }
        let defaults = ty.results().iter().map(|&ty| Val::default_for(ty));
        let mut results: Vec<Val> = defaults.collect();
        // A host may survive that its guest traps.
        let _ = back.call(caller, &[], &mut results);
        self.inside.store(false, Ordering::Relaxed);
    }
}

/// A run that no schedule watches.
///
/// # Errors
/// The module is refused.
pub fn plain(
    module: &Module,
    case: &Case,
    counted: bool,
    twisting: &Twisting,
) -> Result<Outcome, NoSide> {
    let (twisted, reentry) = (twisting.clone(), Reentry::default());
    let mut setup = setup(case, counted);
    setup.on_host_call = Some(Arc::new(move |caller| {
        twisted.in_host_call(&mut caller.probes());
        reentry.call(caller);
    }));
    let install = |store: &mut Store<Host>| {
        twisting.install(store);
        Watching::default()
    };
    let mut side = ProbitySide::of_module(module, &case.shape.exports, &setup, install)?;
    let run = record_with(&mut side, &case.calls, false, |side, call| {
        twisting.before_call(&mut side.store().probes(), call);
    });
    Ok((run, twisting.acted()))
}

/// A run with a schedule.
///
/// # Errors
/// The module is refused.
pub fn play(
    program: &Program,
    prepared: &Prepared,
    schedule: &Schedule,
    watchdog: &Watchdog,
    fault: Fault,
) -> Result<(Outcome, Seen), NoSide> {
    let twisting = program.twisting();
    let twisting = match fault {
        Fault::Act => twisting.late(),
        _ => twisting,
    };
    let records: Arc<Mutex<Vec<u64>>> = Arc::default();
    let sink = records.clone();
    let ring = Ring::new(RING_WORDS, move |batch| {
        let mut records = sink.lock().unwrap_or_else(PoisonError::into_inner);
        records.extend(batch);
        Ok(())
    });
    let stage = Stage {
        shared: Arc::new(Mutex::new(State {
            schedule: schedule.clone(),
            seen: Seen::default(),
            ids: HashMap::new(),
            late: Vec::new(),
            host_calls: 0,
            first_calls: 0,
            unwound: 0,
            instance: None,
            posting: None,
            fault,
        })),
        ring,
        blocks: (0..SLOTS / BLOCK).map(|_| Counters::new(BLOCK)).collect(),
        program: program.sites(),
    };
    let mut setup = setup(&program.case, prepared.counted);
    let (host, twisted, reentry) = (stage.clone(), twisting.clone(), Reentry::default());
    setup.on_host_call = Some(Arc::new(move |caller| {
        // An import may be exported again, and then the host itself calls it.
        let instance = caller.instance().or(host.lock().instance);
        if let Some(instance) = instance {
            let number = host.number(|state| &mut state.host_calls);
            host.perform(Moment::HostCall(number), &mut caller.probes(), instance);
            if let Some(posting) = host.posting() {
                posting.at_moment(!number);
            }
        }
        twisted.in_host_call(&mut caller.probes());
        reentry.call(caller);
    }));
    let install = |store: &mut Store<Host>| {
        watchdog.watch(store.interrupt_handle());
        stage.install(store);
        twisting.install(store);
        Watching::default()
    };
    let exports = &program.case.shape.exports;
    let mut side = ProbitySide::of_module(&prepared.module, exports, &setup, install)?;
    let mut thread = None;
    let run = record_with(&mut side, &program.case.calls, false, |side, call| {
        if let Some(instance) = side.instance() {
            stage.lock().instance = Some(instance);
            if let Some(others) = schedule.others.filter(|_| call == 0) {
                let (remote, places) = (side.store().remote(), stage.program.clone());
                let counters = match fault {
                    Fault::Others => stage.blocks[0].clone(),
                    _ => Counters::new(1),
                };
                let posting = Posting::new((others, counters), remote, instance, places);
                thread = Some(posting.start());
                stage.lock().posting = Some(posting);
            }
            let mut probes = side.store().probes();
            stage.perform(Moment::Call(call), &mut probes, instance);
            twisting.before_call(&mut probes, call);
        }
    });
    watchdog.release();
    let refused = thread.and_then(|thread| stage.posting()?.finish(thread));
    let drained = stage.ring.drain(side.store());
    drop(side);
    let mut seen = std::mem::take(&mut stage.lock().seen);
    seen.refused = seen.refused.or(refused);
    if let Err(error) = drained {
        seen.refused.get_or_insert(error.to_string());
    }
    seen.records = std::mem::take(&mut records.lock().unwrap_or_else(PoisonError::into_inner));
    seen.counters = (0..SLOTS).map(|slot| stage.counter(slot)).collect();
    if fault == Fault::Count {
        seen.counters[0] += 1;
    }
    Ok(((run, twisting.acted()), seen))
}

fn inputs(takes: bool) -> Vec<Input> {
    match takes {
        true => vec![Input::Operand(0)],
        false => Vec::new(),
    }
}

/// A schedule while it is played; clones are the same.
#[derive(Clone)]
struct Stage {
    shared: Arc<Mutex<State>>,
    blocks: Arc<[Counters]>,
    /// What records are written to.
    ring: Ring,
    /// Sites by place.
    program: Arc<[super::events::Place]>,
}

struct State {
    schedule: Schedule,
    seen: Seen,
    ids: HashMap<Label, ProbeId>,
    /// Removals that a fault delays.
    late: Vec<ProbeId>,
    host_calls: u64,
    first_calls: u64,
    unwound: u64,
    /// Once it is there.
    instance: Option<Instance>,
    /// Once there is an instance, if other threads do something.
    posting: Option<Posting>,
    fault: Fault,
}

impl Stage {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn posting(&self) -> Option<Posting> {
        self.lock().posting.clone()
    }

    fn counter(&self, slot: usize) -> u64 {
        self.blocks[slot / BLOCK].get(slot % BLOCK)
    }

    fn number(&self, counter: impl FnOnce(&mut State) -> &mut u64) -> u64 {
        let mut state = self.lock();
        let counter = counter(&mut state);
        *counter += 1;
        *counter
    }

    /// Registers for first calls and unwound frames, if the schedule has steps there.
    fn install(&self, store: &mut Store<Host>) {
        let state = self.lock();
        let mut moments = state.schedule.steps.keys();
        let first_calls = moments.any(|m| matches!(m, Moment::FirstCall(_)));
        let mut moments = state.schedule.steps.keys();
        let unwinds = moments.any(|m| matches!(m, Moment::Unwind(_)));
        drop(state);
        let mut probes = store.probes();
        if first_calls {
            let stage = self.clone();
            probes.on_first_call(move |probes, func| {
                let number = stage.number(|state| &mut state.first_calls);
                if let Some(instance) = probes.instance_of(func) {
                    stage.perform(Moment::FirstCall(number), probes, instance);
                }
            });
        }
        if unwinds {
            let stage = self.clone();
            probes.on_unwind(move |probes, func, _| {
                let number = stage.number(|state| &mut state.unwound);
                if let Some(instance) = probes.instance_of(func) {
                    stage.perform(Moment::Unwind(number), probes, instance);
                }
            });
        }
    }

    /// Makes the steps of a moment.
    fn perform(&self, moment: Moment, probes: &mut Probes<'_>, instance: Instance) {
        let (steps, late, fault) = {
            let mut state = self.lock();
            let steps = state.schedule.steps.get(&moment).cloned();
            let late = std::mem::take(&mut state.late);
            (steps.unwrap_or_default(), late, state.fault)
        };
        for id in late {
            probes.remove(id);
        }
        for step in steps {
            match step {
                Step::Insert(label, planned) => {
                    match self.insert(label, planned, probes, instance) {
                        Ok(id) => {
                            self.lock().ids.insert(label, id);
                        }
                        Err(error) => {
                            let refused = format!("{moment}: insertion of #{label}: {error}");
                            self.lock().seen.refused.get_or_insert(refused);
                        }
                    }
                }
                Step::Remove(label) => {
                    let id = self.lock().ids.get(&label).copied();
                    match id {
                        Some(id) if fault == Fault::LateRemoval => self.lock().late.push(id),
                        // It may be gone already: that is part of the schedule.
                        Some(id) => drop(probes.remove(id)),
                        None => {}
                    }
                }
            }
        }
    }

    fn insert(
        &self,
        label: Label,
        planned: Planned,
        probes: &mut Probes<'_>,
        instance: Instance,
    ) -> Result<ProbeId, Error> {
        let fault = self.lock().fault;
        let counters = |slot: usize| self.blocks[slot / BLOCK].clone();
        let action = match planned.does {
            Does::Add { slot, n } => {
                if fault == Fault::LateInsert {
                    self.blocks[slot / BLOCK].add(slot % BLOCK, (n as i64).wrapping_neg());
                }
                Action::CountAdd {
                    counters: counters(slot),
                    index: slot % BLOCK,
                    n,
                }
            }
            Does::Set { slot } => Action::Set {
                counters: counters(slot),
                index: slot % BLOCK,
            },
            Does::Top { slot, len, boolean } => Action::CountTop {
                counters: counters(slot),
                first: slot % BLOCK,
                len,
                boolean,
            },
            Does::Fold { slot, fold, signed } => Action::Fold {
                counters: counters(slot),
                index: slot % BLOCK,
                operand: 0,
                signed,
                fold,
            },
            Does::Values { slot, takes } => {
                let counters = counters(slot);
                Action::Values {
                    inputs: inputs(takes),
                    callback: Box::new(move |values| {
                        counters.add(slot % BLOCK, told(values) as i64);
                        Ok(())
                    }),
                }
            }
            Does::Record { slot, takes } => Action::Record {
                ring: self.ring.clone(),
                tag: RECORD_TAG + slot as u64,
                inputs: inputs(takes),
            },
            Does::Tick { every } => {
                let stage = self.clone();
                let every = every + u64::from(fault == Fault::Period);
                return Ok(probes.on_fuel(every, move |context| {
                    stage.ticked(label, context);
                    Ok(())
                }));
            }
            Does::Call(deed) => {
                let stage = self.clone();
                Action::Call(Box::new(move |context| stage.fired(label, deed, context)))
            }
        };
        let probe = Probe {
            action,
            priority: match fault {
                Fault::Order => !planned.priority,
                _ => planned.priority,
            },
            one_shot: planned.one_shot && fault != Fault::Stay,
        };
        let Some(place) = planned.place else {
            return Ok(probes.insert_global(probe));
        };
        let place = self.program[place as usize];
        let func = instance.func(probes, place.func);
        let func = func.ok_or_else(|| Error::usage("no such function"))?;
        probes.insert(func, place.site, probe)
    }

    fn ticked(&self, label: Label, context: &mut ProbeContext<'_>) {
        let number = self.lock().seen.ticks.len() as u64 + 1;
        let (counter, look) = (self.counter(peeked(number)), look(context));
        self.lock().seen.ticks.push(SeenFire {
            label,
            look,
            counter,
        });
    }

    fn fired(&self, label: Label, deed: Deed, context: &mut ProbeContext<'_>) -> Result<(), Error> {
        let (number, fault) = {
            let state = self.lock();
            (state.seen.fires.len() as u64 + 1, state.fault)
        };
        let counter = self.counter(peeked(number));
        let mut looked = Look::default();
        if acts(deed, number) {
            looked = look(context);
            if fault == Fault::Read {
                looked.operands = looked.operands.map(|operands| !operands);
            }
            if deed == Deed::Write
                && let Err(what) = write_back(context, mix(number), fault == Fault::Write)
            {
                self.lock().seen.refused.get_or_insert(what);
            }
        }
        self.lock().seen.fires.push(SeenFire {
            label,
            look: looked,
            counter,
        });
        if let Some(posting) = self.posting() {
            posting.in_fire(number);
        }
        let instance = context.instance();
        self.perform(Moment::Fire(number), &mut context.probes(), instance);
        Ok(())
    }
}
