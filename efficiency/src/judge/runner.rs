//! Runs one program any number of times, each time as if it were the first.
//!
//! A program that does nothing when it is instantiated is instantiated once, and goes back to that moment before each run: its
//! compiled code and its counters stay. One with a start function has a new store for each run, since what that does is part of it.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use probity_analyses::Session;
use probity_engine::{Engine, Instance, Linker, Module, Snapshot, Store};
use probity_wasi::Usage;
use serde_json::Value;

use super::call::{self, Called, Failure};
use super::counted::{Counted, Totals};
use super::ended::Ended;
use super::host::{self, Given, Host, Shares};
use super::meter::Meter;
use super::python::{Python, Start};
use super::watchdog::{Armed, Watchdog};
use crate::Status;
use crate::python;
use crate::result::Cost;
use crate::task::Entry;

/// What watches the runs.
pub(super) enum Observer {
    /// Nothing: what runs cost without.
    Nothing,
    /// Exact counts.
    Counts,
    /// Analyses; they see all runs together.
    Session(Session),
}

/// What a run gave.
pub(super) struct Ran {
    pub ended: Ended,
    /// What it wrote to stdout.
    pub stdout: Vec<u8>,
    /// What the function gave.
    pub value: Option<Value>,
    pub cost: Cost,
}

impl Ran {
    /// It did not begin.
    fn never(ended: Ended) -> Ran {
        Ran {
            ended,
            stdout: Vec::new(),
            value: None,
            cost: Cost::default(),
        }
    }

    /// What it gave, as text, if it came to its end.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        if self.ended.status != Status::Ok {
            return None;
        }
        match &self.value {
            Some(Value::String(text)) => Some(text.into()),
            Some(value) => Some(value.to_string().into()),
            None => std::str::from_utf8(&self.stdout).ok().map(Cow::from),
        }
    }
}

/// A program that can be run.
pub(super) struct Runner<'a> {
    pub module: &'a Module,
    pub entry: &'a Entry,
    /// The program, where the module is its interpreter's.
    python: Option<Python<'a>>,
    engine: &'a Engine,
    linker: Linker<Host>,
    shares: Shares,
    watchdog: &'a Watchdog,
    observer: Observer,
    live: Option<Live>,
}

/// Who holds the limit of fuel.
#[derive(Clone, Copy)]
enum Metering {
    /// The engine, if there is a limit.
    Engine,
    /// The counts, to so many units.
    Counts(u64),
}

impl Metering {
    fn of(self, store: &Store<Host>, counted: Option<&Counted>, before: &Totals) -> Option<Meter> {
        match (self, counted) {
            (Metering::Counts(limit), Some(counted)) => {
                Some(Meter::new(store.remote(), counted, before, limit))
            }
            _ => None,
        }
    }
}

/// An instance that has run, and can run again.
pub(super) struct Live {
    store: Store<Host>,
    instance: Instance,
    /// `None` if it has to be made anew each time.
    snapshot: Option<Snapshot>,
    counted: Option<Counted>,
    pages: u64,
}

impl<'a> Runner<'a> {
    /// # Errors
    /// Imports that nothing defines, by name.
    pub fn new(
        engine: &'a Engine,
        module: &'a Module,
        entry: &'a Entry,
        python: Option<Python<'a>>,
        watchdog: &'a Watchdog,
        observer: Observer,
    ) -> Result<Runner<'a>, String> {
        let mut linker = host::linker(engine).map_err(|e| e.to_string())?;
        if python.is_some() {
            python::add_to_linker(&mut linker).map_err(|e| e.to_string())?;
        }
        let missing = host::missing(&linker, module);
        if !missing.is_empty() {
            let names = missing.join(", ");
            return Err(format!("nothing defines these imports: {names}"));
        }
        Ok(Runner {
            module,
            entry,
            python,
            engine,
            linker,
            shares: Shares::of(module),
            watchdog,
            observer,
            live: None,
        })
    }

    /// Runs it. `like`: what a function's result is expected to be, by its form.
    ///
    /// Where exact counts are taken anyway, compiled code need not count fuel as well: the counts tell whether the limit was
    /// kept. A run that may have exceeded it is nothing but a finding; it is run again, and ends where the limit says.
    pub fn run(&mut self, given: &Given<'_>, args: &[Value], like: Option<&Value>) -> Ran {
        // The interpreter counts fuel in any case.
        let may_compile = self.engine.config().may_compile();
        if given.metered && may_compile && matches!(self.observer, Observer::Counts) {
            let metering = Metering::Counts(given.limits.fuel);
            let unmetered = given.clone().unmetered();
            if let Some(ran) = self.attempt(&unmetered, args, like, metering) {
                return ran;
            }
        }
        self.attempt(given, args, like, Metering::Engine)
            .expect("the engine holds the limit")
    }

    /// One run. `None` if it may have taken more fuel than the counts were to allow.
    fn attempt(
        &mut self,
        given: &Given<'_>,
        args: &[Value],
        like: Option<&Value>,
        metering: Metering,
    ) -> Option<Ran> {
        let limit = Duration::from_secs(given.limits.wall_s);
        let host = match self.host(given, args) {
            Ok(host) => host,
            Err(message) => return Some(Ran::never(Ended::by(Status::Internal, message))),
        };
        let host = match self.live.take() {
            Some(mut live) => match live.restore(host, given, self.shares) {
                None => return self.go_on(live, given, args, like, metering),
                Some(host) => host,
            },
            None => host,
        };
        let mut store = host::store(self.engine, host, given, self.shares);
        store.set_fuel_limit(given.fuel());
        if let Some(message) = self.shares.refusal(given.limits) {
            let ended = Ended::by(Status::Memory, message);
            return Some(self.failed(&store, None, ended, Duration::ZERO));
        }
        let counted = match &mut self.observer {
            Observer::Nothing => None,
            Observer::Counts => Some(Counted::attach(&mut store, self.module)),
            Observer::Session(session) => {
                // Only of one store: see `into_session`.
                drop(session.attach(&mut store, self.module));
                None
            }
        };
        let meter = metering.of(&store, counted.as_ref(), &Totals::default());
        self.arm(limit, Duration::ZERO, &store, meter.clone());
        let started = Instant::now();
        let started_before = self.python.map(|python| python.interpreter.snapshot());
        let instance = match started_before {
            Some(snapshot) => self.linker.instantiate_snapshot(&mut store, snapshot),
            None => self.linker.instantiate(&mut store, self.module),
        };
        let took = started.elapsed();
        let fired = self.watchdog.disarm();
        let failed = match instance {
            Ok(instance) if !fired => Ok(instance),
            Ok(_) => Err(timed_out(limit)),
            Err(error) => Err(end(Ended::of_error(&error), fired, limit)),
        };
        let sums = || counted.as_ref().and_then(|counted| counted.totals().ok());
        let instance = match failed {
            Ok(instance) => instance,
            Err(_) if !fired && !is_kept(meter.as_ref(), sums().as_ref()) => return None,
            Err(ended) => return Some(self.failed(&store, counted.as_ref(), ended, took)),
        };
        let starts = self.module.start_function().is_some();
        let snapshot = match starts {
            true => None,
            // What cannot be frozen is made anew.
            false => started_before
                .cloned()
                .or_else(|| instance.snapshot(&store).ok()),
        };
        let pages = pages(&store, instance);
        let live = Live {
            store,
            instance,
            snapshot,
            counted,
            pages,
        };
        self.go_on(live, given, args, like, metering)
    }

    fn arm(&self, limit: Duration, start: Duration, store: &Store<Host>, meter: Option<Meter>) {
        self.watchdog.arm(Armed {
            deadline: Instant::now() + limit + start,
            handle: store.interrupt_handle(),
            stop: store.data().stop(),
            meter,
            start,
        });
    }

    /// From now on an interpreter that starts for each program does nothing but start. Whether it is one.
    pub fn only_start(&mut self) -> bool {
        self.python.as_mut().is_some_and(Python::only_start)
    }

    /// Goes on with what another runner has left, for it need not be made again.
    pub fn take_over(&mut self, live: Option<Live>) {
        self.live = live;
    }

    /// Leaves what another runner may go on with.
    pub fn leave(self) -> Option<Live> {
        self.live
    }

    /// The analyses, and the store that they have watched, if the last run has left one. They see the runs of the first store alone: a
    /// program with a start function has another one for each.
    pub fn into_session(self) -> Option<(Session, Option<Store<Host>>)> {
        match self.observer {
            Observer::Session(session) => Some((session, self.live.map(|live| live.store))),
            _ => None,
        }
    }

    fn go_on(
        &mut self,
        mut live: Live,
        given: &Given<'_>,
        args: &[Value],
        like: Option<&Value>,
        metering: Metering,
    ) -> Option<Ran> {
        let limit = Duration::from_secs(given.limits.wall_s);
        let (prepared, start) = match self.python {
            Some(python) => {
                // What hands the program over is not the program's, nor is what its interpreter takes to start.
                live.store.set_fuel_limit(None);
                let (store, counted) = (&mut live.store, live.counted.as_ref());
                let prepared =
                    python.prepare(store, live.instance, counted, given, self.entry, args);
                let (prepared, start) = match prepared {
                    Ok(start) => (Ok(()), start),
                    Err(failure) => (Err(failure), Start::default()),
                };
                let limit = given.fuel().map(|fuel| fuel.saturating_add(start.fuel));
                live.store.set_fuel_limit(limit);
                (prepared, start)
            }
            None => (Ok(()), Start::default()),
        };
        let before = match (&live.snapshot, &live.counted) {
            // What instantiation did is part of the run.
            (None, _) | (_, None) => Ok(Totals::default()),
            (Some(_), Some(counted)) => counted.totals().map(|mut sums| {
                sums.plus(&start.totals);
                sums
            }),
        };
        let meter = before
            .as_ref()
            .ok()
            .and_then(|before| metering.of(&live.store, live.counted.as_ref(), before));
        self.arm(limit, start.took, &live.store, meter.clone());
        let started = Instant::now();
        let most = given.limits.stdout_mb << 20;
        let called = Called { args, like, most };
        let result = prepared.and_then(|()| match self.python {
            Some(python) => python.enter(&mut live.store, live.instance, self.entry, &called),
            None => enter(&mut live.store, live.instance, self.entry, &called),
        });
        let took = started.elapsed();
        let fired = self.watchdog.disarm();
        let after = live.counted.as_ref().map(Counted::totals);
        let sums = after.as_ref().and_then(|after| after.as_ref().ok());
        if !fired && !is_kept(meter.as_ref(), sums) {
            return None;
        }
        let (ended, value) = match result {
            Ok(value) => (Ended::well(), value),
            Err(Failure::Mismatch(message)) => (Ended::by(Status::Wrong, message), None),
            Err(Failure::TooLarge) => {
                let message = format!("its result is larger than {most} bytes");
                (Ended::by(Status::Output, message), None)
            }
            Err(Failure::Ended(ended)) => (ended, None),
            Err(Failure::Run(error)) => (Ended::of_error(&error), None),
        };
        let mut ended = end(ended, fired, limit);
        let mut cost = Cost::default();
        if let Some(after) = after {
            let counts = before.and_then(|before| Ok(after?.since(&before)));
            match counts {
                Ok(counts) => cost = counts,
                Err(message) => ended = Ended::by(Status::Internal, message),
            }
        }
        let pages = pages(&live.store, live.instance);
        let cost = Cost {
            memory_pages: Some(pages),
            pages_grown: Some((pages - live.pages).saturating_sub(start.pages_grown)),
            ..with_usage(cost, &live.store, &start.usage, took)
        };
        let ran = Ran {
            stdout: live.store.data().output(),
            value,
            cost: at_end(cost, ended.status),
            ended,
        };
        let reusable = !fired && ran.ended.status != Status::Internal;
        if reusable && (live.snapshot.is_some() || matches!(self.observer, Observer::Session(_))) {
            self.live = Some(live);
        }
        Some(ran)
    }

    /// What the program has of the outside world.
    fn host(&self, given: &Given<'_>, args: &[Value]) -> Result<Host, String> {
        match self.python {
            Some(python) => python.host(given, self.entry, args),
            None => Ok(Host::new(given)),
        }
    }

    /// It did not become an instance.
    fn failed(
        &self,
        store: &Store<Host>,
        counted: Option<&Counted>,
        ended: Ended,
        took: Duration,
    ) -> Ran {
        let totals = counted.and_then(|counted| counted.totals().ok());
        let cost = totals.map(|totals| totals.since(&Totals::default()));
        let cost = with_usage(cost.unwrap_or_default(), store, &Usage::default(), took);
        Ran {
            cost: at_end(cost, ended.status),
            ended,
            stdout: store.data().output(),
            value: None,
        }
    }
}

/// Adds what the program has had of the outside world, beyond what it took to start.
fn with_usage(cost: Cost, store: &Store<Host>, start: &Usage, took: Duration) -> Cost {
    let usage = store.data().usage();
    let more = |of: fn(&Usage) -> u64| Some(of(&usage).saturating_sub(of(start)));
    Cost {
        host_calls: more(|usage| usage.calls),
        bytes_read: more(|usage| usage.bytes_read),
        bytes_written: more(|usage| usage.bytes_written),
        clock_reads: more(|usage| usage.clock_reads),
        random_reads: more(|usage| usage.random_reads),
        wall_ns: Some(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)),
        ..cost
    }
}

impl Live {
    /// Makes it what it was, for a run with this; gives that back if it cannot be, for the run needs another.
    fn restore(&mut self, host: Host, given: &Given<'_>, shares: Shares) -> Option<Host> {
        let Some(snapshot) = &self.snapshot else {
            return Some(host);
        };
        // It may have been another task's.
        self.store.set_limits(shares.store_limits(given.limits));
        if self.instance.restore(&mut self.store, snapshot).is_err() {
            return Some(host);
        }
        *self.store.data_mut() = host;
        self.store.set_fuel_limit(given.fuel());
        None
    }
}

/// Whether a run that has ended has kept the limit of fuel, as far as the meter is to say it. Sums that failed are told elsewhere.
fn is_kept(meter: Option<&Meter>, sums: Option<&Totals>) -> bool {
    meter
        .zip(sums)
        .is_none_or(|(meter, sums)| meter.is_kept(sums))
}

fn end(ended: Ended, fired: bool, limit: Duration) -> Ended {
    // What it did after it was told to end is no result, whatever that was.
    match fired {
        true => timed_out(limit),
        false => ended,
    }
}

fn timed_out(limit: Duration) -> Ended {
    Ended::by(
        Status::Wall,
        format!("ran longer than {} s", limit.as_secs()),
    )
}

/// How far a run got that a clock ended is no count.
fn at_end(cost: Cost, status: Status) -> Cost {
    match status {
        Status::Wall => Cost {
            wall_ns: cost.wall_ns,
            ..Cost::default()
        },
        _ => cost,
    }
}

fn enter(
    store: &mut Store<Host>,
    instance: Instance,
    entry: &Entry,
    called: &Called<'_>,
) -> Result<Option<Value>, Failure> {
    match entry {
        Entry::Stdio => {
            let start = instance.get_typed_func::<(), ()>(store, "_start");
            let start = start.map_err(|_| {
                Failure::Mismatch(
                    "the program exports no function `_start` without parameters".to_owned(),
                )
            })?;
            start.call(store, ())?;
            Ok(None)
        }
        Entry::Func(name) => {
            if let Ok(initialize) = instance.get_typed_func::<(), ()>(store, "_initialize") {
                initialize.call(&mut *store, ())?;
            }
            call::call(store, instance, name, called).map(Some)
        }
    }
}

/// Pages of all its memories.
pub(super) fn pages(store: &Store<Host>, instance: Instance) -> u64 {
    let memories = (0..).map_while(|index| instance.memory(store, index));
    memories.map(|memory| memory.size(store)).sum()
}
