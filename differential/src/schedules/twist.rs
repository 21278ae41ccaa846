//! Twists: probes that change what a program does.
//!
//! One skips an operator or puts other values in place of its results, has its function return at once, or
//! calls a function of the guest. What a program does then is another run, with events of its own: they are recorded
//! with the twists in place, and schedules are drawn over them as over any other program's. So the model needs to
//! know nothing of twists, and all tiers must do what the recorded run did.
//!
//! Twists act at fires of their own, counted from when they come, and come before anything runs or at moments that are
//! the same in each run. Their priority is behind all others, for what the guest does when one calls it is then behind
//! everything else of the fire.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use probity_engine::hook::{Probe, ProbeContext, Probes};
use probity_engine::{
    AsContextMut, Error, Func, HeapType, Instance, Module, RefType, Store, Val, ValType,
};
use probity_probes::operands;

use super::events::{Event, Place, PlaceId, Places};
use super::named::{self, KINDS, Log};
use super::tiers::Variant;
use crate::host::Host;
use crate::probity::from_val;
use crate::rng::{Rng, mix};

/// Twists of a program at most.
const TWISTS_MAX: u64 = 3;

/// The last priority, which schedules leave to twists.
const PRIORITY: i32 = i32::MAX;

/// A probe that changes what a program does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twist {
    /// Its site.
    pub place: PlaceId,
    /// When it comes.
    pub since: Since,
    /// The first fire at which it acts, from 1.
    pub first: u64,
    /// At how many it acts; it goes behind the last.
    pub times: u64,
    /// What it does.
    pub act: Act,
}

impl Twist {
    /// As text.
    pub fn text(&self, places: &Places) -> String {
        let Twist {
            since,
            first,
            times,
            act,
            ..
        } = self;
        let place = places.get(self.place);
        format!("{act:?} at fire {first}, {times} times, from {since:?}, {place}")
    }
}

/// When a twist comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// With the instance.
    Instance,
    /// Before this call of the host.
    Call(usize),
    /// In this call of an imported function, from 1.
    HostCall(u64),
}

/// What a twist does. Numbers are what its values follow from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The operator does not execute; it leaves values of these types.
    Skip(Vec<ValType>, u64),
    /// The function returns.
    Return(u64),
    /// A function of the module is called, by index.
    Guest(u32, u64),
}

/// What changes what a program does, and what else is there in all of its runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Twists {
    /// Those that act.
    pub list: Vec<Twist>,
    /// Numbers of kinds of sites that are told of.
    pub kinds: Vec<u64>,
}

/// What a twist did when it acted, by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acted {
    /// The twist.
    pub twist: usize,
    /// Which of its fires.
    pub fire: u64,
    /// What came of it, or why it was refused.
    pub outcome: String,
}

/// The types of the topmost operands that were seen behind operators, by place, bottom first.
pub type Tops = std::collections::HashMap<PlaceId, Vec<ValType>>;

/// What twists are drawn from.
pub struct Ground<'a> {
    /// The program's module.
    pub module: &'a Module,
    /// Its sites.
    pub places: &'a Places,
    /// The events of its run without twists.
    pub events: &'a [Event],
    /// What was on the stack in that run.
    pub tops: &'a Tops,
    /// Calls of the host.
    pub calls: usize,
    /// Settings of its engines.
    pub variant: Variant,
}

impl Ground<'_> {
    /// Random twists.
    pub fn draw(&self, rng: &mut Rng) -> Twists {
        let (n, kinds) = (1 + rng.below(TWISTS_MAX), rng.below(3));
        Twists {
            list: (0..n).filter_map(|_| self.twist(rng)).collect(),
            kinds: (0..kinds).map(|_| rng.below(KINDS)).collect(),
        }
    }

    fn twist(&self, rng: &mut Rng) -> Option<Twist> {
        let mut passed = None;
        // Most events are sites.
        while passed.is_none() {
            passed = match rng.pick(self.events) {
                Event::Site(passed) => Some(passed.place),
                _ => None,
            };
        }
        let place = passed?;
        let fires = self.events.iter();
        let fires = fires.filter(|event| matches!(event, Event::Site(p) if p.place == place));
        let first = match rng.below(3) {
            0 => 1,
            _ => 1 + rng.below(fires.count() as u64),
        };
        let host_calls = self.events.iter();
        let host_calls = host_calls.filter(|event| matches!(event, Event::HostCall));
        let host_calls = host_calls.count() as u64;
        Some(Twist {
            place,
            since: match rng.below(6) {
                0 => Since::Call(rng.below(self.calls as u64) as usize),
                // A frame that runs already may have lost locals that were dead, and an operator that is
                // skipped makes them live again.
                1 if host_calls > 0 && self.variant.keep_locals => {
                    Since::HostCall(1 + rng.below(host_calls))
                }
                _ => Since::Instance,
            },
            first,
            times: *rng.pick(&[1, 1, 1, 2, 5, u64::MAX]),
            act: self.act(rng, place),
        })
    }

    fn act(&self, rng: &mut Rng, place: PlaceId) -> Act {
        use probity_engine::hook::Site;
        let seed = rng.word();
        let Place { func, site } = self.places.get(place);
        let Site::Before(pc) = site else {
            return match rng.below(3) {
                0 => self.guest(rng, seed),
                _ => Act::Return(seed),
            };
        };
        match rng.below(8) {
            0 => Act::Return(seed),
            1 | 2 => self.guest(rng, seed),
            _ => {
                let operators = self.module.function(func).map(|f| f.operators());
                let operators = operators.and_then(Result::ok).unwrap_or_default();
                let operator = operators.iter().find(|(at, _)| *at == pc);
                let results = operator.and_then(|(_, op)| operands::results(op, self.module));
                let behind = self.places.id(Place {
                    func,
                    site: Site::After(pc),
                });
                let tops = behind.and_then(|place| self.tops.get(&place));
                let tops = tops.map_or(&[][..], Vec::as_slice);
                let first = tops.len().saturating_sub(results.unwrap_or(0) as usize);
                Act::Skip(tops[first..].to_vec(), seed)
            }
        }
    }

    fn guest(&self, rng: &mut Rng, seed: u64) -> Act {
        let imported = self.module.num_imported_functions();
        let own = self.module.num_functions() - imported;
        Act::Guest(imported + rng.below(own.into()) as u32, seed)
    }
}

/// Is told when a twist calls the guest (true), and when that has come back.
pub type Mark = Arc<dyn Fn(bool) + Send + Sync>;

/// The twists of a run; clones are the same.
#[derive(Clone)]
pub struct Twisting {
    twists: Arc<Twists>,
    /// Is told when a twist calls the guest, and when that has come back.
    mark: Option<Mark>,
    /// Acts one fire late, on purpose.
    late: bool,
    /// What kinds of sites told.
    logs: Arc<[Log]>,
    /// Places of the twists.
    places: Arc<[Place]>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    host_calls: u64,
    instance: Option<Instance>,
    acted: Vec<Acted>,
}

impl Twisting {
    /// Nothing has come yet.
    pub fn new(twists: &Arc<Twists>, places: &Places) -> Twisting {
        Twisting {
            twists: twists.clone(),
            mark: None,
            late: false,
            logs: twists.kinds.iter().map(|_| Log::default()).collect(),
            places: twists.list.iter().map(|t| places.get(t.place)).collect(),
            state: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As this one; `mark` is called when a twist calls the guest, and when that has come back.
    pub fn marked(self, mark: Mark) -> Twisting {
        Twisting {
            mark: Some(mark),
            ..self
        }
    }

    /// As this one, but each twist acts one fire late.
    pub fn late(self) -> Twisting {
        Twisting { late: true, ..self }
    }

    /// What the twists did, in order; then what kinds of sites told.
    pub fn acted(&self) -> Vec<Acted> {
        let mut acted = self.lock().acted.clone();
        acted.extend(
            self.twists
                .kinds
                .iter()
                .zip(&*self.logs)
                .map(|(kind, log)| {
                    let (fire, hash) = log.get();
                    Acted {
                        twist: usize::MAX,
                        fire,
                        outcome: format!("kind {kind}: {hash:x}"),
                    }
                }),
        );
        acted
    }

    /// Gets the store before there is an instance.
    pub fn install(&self, store: &mut Store<Host>) {
        if *self.twists == Twists::default() {
            return;
        }
        let twisting = self.clone();
        store.probes().on_instantiate(move |probes, instance| {
            twisting.lock().instance = Some(instance);
            for (&kind, log) in twisting.twists.kinds.iter().zip(&*twisting.logs) {
                if let Err(error) = named::watch(kind, log, probes, instance) {
                    twisting.note(usize::MAX, kind, error.to_string());
                }
            }
            twisting.insert(probes, Since::Instance);
        });
    }

    /// Before a call of the host.
    pub fn before_call(&self, probes: &mut Probes<'_>, call: usize) {
        self.insert(probes, Since::Call(call));
    }

    /// In a call of an imported function.
    pub fn in_host_call(&self, probes: &mut Probes<'_>) {
        let number = {
            let mut state = self.lock();
            state.host_calls += 1;
            state.host_calls
        };
        self.insert(probes, Since::HostCall(number));
    }

    fn insert(&self, probes: &mut Probes<'_>, since: Since) {
        let instance = self.lock().instance;
        let list = &self.twists.list;
        let coming = (0..list.len()).filter(|&n| list[n].since == since);
        for number in coming {
            let place = self.places[number];
            let func = instance.and_then(|instance| instance.func(probes, place.func));
            let Some(func) = func else {
                continue;
            };
            let (twisting, mut fires) = (self.clone(), 0);
            let probe = Probe::call(move |context| {
                fires += 1;
                twisting.fired(number, fires, context);
                Ok(())
            });
            if let Err(error) = probes.insert(func, place.site, probe.priority(PRIORITY)) {
                self.note(number, 0, format!("not inserted: {error}"));
            }
        }
    }

    fn note(&self, twist: usize, fire: u64, outcome: String) {
        self.lock().acted.push(Acted {
            twist,
            fire,
            outcome,
        });
    }

    fn fired(&self, number: usize, fire: u64, context: &mut ProbeContext<'_>) {
        let twist = &self.twists.list[number];
        if fire < twist.first + u64::from(self.late) {
            return;
        }
        let mark = |enters| {
            if let (Some(mark), Act::Guest(..)) = (&self.mark, &twist.act) {
                mark(enters);
            }
        };
        mark(true);
        let done = act(&twist.act, fire, context);
        mark(false);
        let outcome = match done {
            Ok(outcome) => outcome,
            // What comes behind that names types by numbers of the engine's.
            Err(error) => {
                let text = error.to_string();
                let what = text.split(" where ").next();
                what.unwrap_or(&text).to_owned()
            }
        };
        self.note(number, fire, outcome);
        if fire - twist.first + 1 >= twist.times {
            let id = context.id();
            context.probes().remove(id);
        }
    }
}

/// Acts, and says what came of it.
fn act(act: &Act, fire: u64, context: &mut ProbeContext<'_>) -> Result<String, Error> {
    match act {
        Act::Skip(types, seed) => {
            let frame = context.frame();
            let operands = (0..frame.num_operands()).filter_map(|i| frame.operand(i));
            let operands: Vec<Val> = operands.collect();
            let results = values(types, mix(seed ^ fire), &operands);
            context.skip(&results)?;
            Ok("skipped".to_owned())
        }
        Act::Return(seed) => {
            let types = context.func().ty(&*context).results().to_vec();
            let results = values(&types, mix(seed ^ fire), &[]);
            context.return_now(&results)?;
            Ok("returned".to_owned())
        }
        Act::Guest(func, seed) => {
            let func = context.instance().func(context, *func);
            let func = func.ok_or_else(|| Error::usage("no such function"))?;
            guest(func, mix(seed ^ fire), context)
        }
    }
}

/// Calls a function, and says what it returned.
fn guest(func: Func, seed: u64, store: &mut impl AsContextMut) -> Result<String, Error> {
    let ty = func.ty(store);
    let arguments = values(ty.params(), seed, &[]);
    let defaults = ty.results().iter().map(|&ty| Val::default_for(ty));
    let mut results: Vec<Val> = defaults.collect();
    func.call(store, &arguments, &mut results)?;
    let words = results.iter().map(|val| from_val(store, val, 0).word());
    Ok(format!("{:?}", words.collect::<Vec<u64>>()))
}

/// Values of some types; those of `some` may be among them, and are all references that are not null.
fn values(types: &[ValType], seed: u64, some: &[Val]) -> Vec<Val> {
    let mut rng = Rng::new(seed);
    let mut value = |&ty: &ValType| {
        let alike: Vec<&Val> = some.iter().filter(|val| type_of(val) == ty).collect();
        if !alike.is_empty() && rng.one_in(2) {
            return (*rng.pick(&alike)).clone();
        }
        // Small numbers, for they may be lengths of loops.
        let number = match rng.below(8) {
            0 => rng.word() as i64,
            1 => -1,
            n => n as i64 - 2,
        };
        match ty {
            ValType::I32 => Val::I32(number as i32),
            ValType::I64 => Val::I64(number),
            ValType::F32 => Val::F32((number as f32).to_bits()),
            ValType::F64 => Val::F64((number as f64).to_bits()),
            ValType::V128 => Val::V128(number as u128),
            reference => Val::default_for(reference),
        }
    };
    types.iter().map(&mut value).collect()
}

/// The type of a value, as widely as possible.
pub fn type_of(val: &Val) -> ValType {
    let reference = |heap| {
        ValType::Ref(RefType {
            nullable: true,
            heap,
        })
    };
    match val {
        Val::I32(_) => ValType::I32,
        Val::I64(_) => ValType::I64,
        Val::F32(_) => ValType::F32,
        Val::F64(_) => ValType::F64,
        Val::V128(_) => ValType::V128,
        Val::FuncRef(_) => reference(HeapType::Func),
        Val::ExternRef(_) => reference(HeapType::Extern),
        Val::AnyRef(_) => reference(HeapType::Any),
        Val::ExnRef(_) => reference(HeapType::Exn),
    }
}
