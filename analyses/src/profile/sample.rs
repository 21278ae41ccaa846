//! Samples: the stack, looked at now and then. That costs next to nothing, and tells the pc in each function, so lines,
//! inlined functions and sites of calls are known without asking for them.
//!
//! By time (`every=1ms`), a sample has the time since the last one. A guest is looked at between its own operators, so
//! what a host function takes would be found only when it is back; calls of the host that take long are measured
//! instead, and are frames of their own. By fuel (`every=100000`), a sample is taken at the operator before
//! which so much more fuel has been consumed, which is the same one in each run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use probity_engine::hook::{HostPhase, Probes, Timer};
use probity_engine::{BacktraceFrame, Module, Result};

use super::data::{Node, Profile, Weight};
use super::{Frame, Frames, build, lock, tables};
use crate::analysis::{Analysis, Common, Findings, Instrument, Key, Run};
use crate::export::{Data, DataKind};
use crate::options::{DURATION, NUMBER, OptionInfo, Options};
use crate::report::table::{Fact, Kind};

/// How often the stack is looked at.
pub(crate) const EVERY: OptionInfo = OptionInfo {
    name: "every",
    default: "1ms",
    help: "how often to look at the stack: a time such as 250us, or units of fuel such as 100000",
    values: &[DURATION, NUMBER],
};

/// So many times as long as a sample takes it is until the next one, so that looking takes a few percent at most.
const PAUSE: u32 = 20;

pub(crate) struct Sample {
    every: Every,
    host: bool,
    is_exported: bool,
    samples: Arc<Mutex<Samples>>,
    timer: Option<Timer>,
    /// Why there is no timer.
    problem: Option<String>,
}

#[derive(Clone, Copy)]
enum Every {
    Time(Duration),
    Fuel(u64),
}

#[derive(Default)]
struct Samples {
    /// By their number; those of functions that are not watched are not there.
    modules: HashMap<u32, Module>,
    /// Which functions are watched; those of others are no frames.
    frames: Frames,
    nodes: Vec<Sampled>,
    /// By parent, frame and site.
    indices: HashMap<(u32, u32, u32), u32>,
    taken: u64,
    /// Up to when time is accounted for; `None` if nothing ran then.
    last: Option<Instant>,
    /// Before this no sample is taken, for the last one took long: a stack may have a hundred thousand frames.
    not_before: Option<Instant>,
    /// When each call of the host that is active began.
    host: Vec<Instant>,
}

/// A node, and the weight of its own by pc.
#[derive(Default)]
struct Sampled {
    parent: u32,
    frame: u32,
    site: u32,
    pcs: HashMap<u32, u64>,
}

impl Sample {
    pub fn new(options: &Options) -> Sample {
        let every = match (options.duration(EVERY.name), options.number(EVERY.name)) {
            (None, Some(units)) => Every::Fuel(units),
            (period, _) => Every::Time(period.unwrap_or(Duration::from_millis(1))),
        };
        Sample {
            every,
            host: options.get(super::HOST.name) != "off",
            is_exported: false,
            samples: Arc::new(Mutex::new(Samples {
                nodes: vec![Sampled::default()],
                ..Samples::default()
            })),
            timer: None,
            problem: None,
        }
    }

    fn attach_timer(&mut self, probes: &mut Probes<'_>, period: Duration) {
        let samples = self.samples.clone();
        let timer = probes.remote().every(period, move |context| {
            let now = Instant::now();
            let mut samples = lock(&samples);
            if samples.not_before.is_some_and(|then| now < then) {
                return Ok(());
            }
            let time = samples.time_until(now).unwrap_or(period);
            let (frames, time) = (context.backtrace(), nanos(time));
            samples.taken += 1;
            samples.add(&frames, None, time);
            // What looking takes is no time of the guest's.
            let done = Instant::now();
            samples.last = Some(done);
            samples.not_before = done.checked_add(PAUSE * done.saturating_duration_since(now));
            Ok(())
        });
        match timer {
            Ok(timer) => self.timer = Some(timer),
            Err(error) => self.problem = Some(format!("failed to start the timer: {error}")),
        }
        let samples = self.samples.clone();
        probes.on_end(move |_, _, _| {
            let mut samples = lock(&samples);
            samples.last = None;
            samples.host.clear();
        });
        if !self.host {
            return;
        }
        let samples = self.samples.clone();
        // Shorter calls are part of their callers, as far as samples find them.
        let shortest = period / 2;
        probes.on_host_call(move |context, call| {
            let now = Instant::now();
            let mut samples = lock(&samples);
            if let HostPhase::Call = call.phase {
                samples.host.push(now);
                return Ok(());
            }
            let Some(since) = samples.host.pop() else {
                return Ok(());
            };
            // The guest may have been called from there, and sampled.
            let since = samples.last.map_or(since, |last| last.max(since));
            let time = now.saturating_duration_since(since);
            if time < shortest {
                return Ok(());
            }
            let frames = context.backtrace();
            if let Some(before) = samples.time_until(since) {
                samples.add(&frames, None, nanos(before));
            }
            samples.last = Some(now);
            samples.taken += 1;
            samples.add(&frames, Some(call.name), nanos(time));
            Ok(())
        });
    }
}

fn nanos(time: Duration) -> u64 {
    time.as_nanos().try_into().unwrap_or(u64::MAX)
}

impl Samples {
    /// The time that is not accounted for, until now; from now on it is.
    fn time_until(&mut self, now: Instant) -> Option<Duration> {
        let last = self.last.replace(now)?;
        Some(now.saturating_duration_since(last))
    }

    /// Adds weight to a stack, innermost frame first: to what its innermost function does itself, or to a function of the host that it
    /// calls. Weight of functions that are not watched is left out, as they are.
    fn add(&mut self, stack: &[BacktraceFrame], host: Option<&str>, weight: u64) {
        let innermost = stack.first().and_then(|frame| self.watched(frame));
        if innermost.is_none() {
            return;
        }
        let (mut node, mut site) = (0, 0);
        for frame in stack.iter().rev() {
            if let Some(index) = self.watched(frame) {
                node = self.child(node, index, site);
                site = frame.pc().0;
            }
        }
        if let Some(name) = host {
            let frame = self.frames.index(Frame::Host(name.into()));
            node = self.child(node, frame, site);
            site = 0;
        }
        *self.nodes[node as usize].pcs.entry(site).or_default() += weight;
    }

    /// The index of a frame's function, if it is watched.
    fn watched(&self, frame: &BacktraceFrame) -> Option<u32> {
        let mut modules = self.modules.iter();
        let (&module, _) = modules.find(|(_, module)| module.same(frame.module()))?;
        let index = frame.func_index();
        let key = Frame::Wasm(Key { module, index });
        self.frames.indices.get(&key).copied()
    }

    fn child(&mut self, parent: u32, frame: u32, site: u32) -> u32 {
        let nodes = &mut self.nodes;
        *self
            .indices
            .entry((parent, frame, site))
            .or_insert_with(|| {
                nodes.push(Sampled {
                    parent,
                    frame,
                    site,
                    pcs: HashMap::new(),
                });
                nodes.len() as u32 - 1
            })
    }
}

impl Analysis for Sample {
    fn collect(&mut self, _kind: DataKind) {
        self.is_exported = true;
    }

    fn attach(&mut self, probes: &mut Probes<'_>, _common: &mut Common) {
        match self.every {
            Every::Time(period) => self.attach_timer(probes, period),
            Every::Fuel(units) => {
                let samples = self.samples.clone();
                probes.on_fuel(units, move |context| {
                    let frames = context.backtrace();
                    let mut samples = lock(&samples);
                    samples.taken += 1;
                    samples.add(&frames, None, units);
                    Ok(())
                });
            }
        }
    }

    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        let mut samples = lock(&self.samples);
        samples.last.get_or_insert_with(Instant::now);
        let module = samples.modules.entry(at.key.module);
        module.or_insert_with(|| at.module.clone());
        samples.frames.index(Frame::Wasm(at.key));
        Ok(())
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let missed = self.timer.as_ref().map(Timer::missed);
        self.timer = None;
        let samples = lock(&self.samples);
        let nodes = samples.nodes.iter().map(|node| {
            let mut pcs: Vec<(u32, u64)> = node.pcs.iter().map(|(&pc, &n)| (pc, n)).collect();
            pcs.sort_unstable();
            let weight = pcs.iter().map(|(_, weight)| weight).sum();
            // Of the host's functions nothing is known within.
            pcs.retain(|(pc, _)| *pc != 0);
            Node {
                parent: node.parent,
                function: node.frame,
                site: (node.site > 0).then_some(node.site),
                calls: 0,
                weight,
                pcs,
                allocs: Vec::new(),
            }
        });
        let mut profile = Profile {
            weight: match self.every {
                Every::Time(_) => Weight::Time,
                Every::Fuel(_) => Weight::Fuel,
            },
            is_exact: false,
            modules: build::modules(run),
            functions: Vec::new(),
            nodes: nodes.collect(),
        };
        let mut own: HashMap<Key, HashMap<u32, u64>> = HashMap::new();
        for node in profile.nodes.iter().skip(1) {
            if let Frame::Wasm(key) = samples.frames.all[node.function as usize] {
                let own = own.entry(key).or_default();
                node.pcs
                    .iter()
                    .for_each(|&(pc, n)| *own.entry(pc).or_default() += n);
            }
        }
        profile.functions = build::functions(run, &samples.frames.all, &profile, |function| {
            let own = own.get(&function.key).into_iter().flatten();
            let mut own: Vec<(u32, u64)> = own.map(|(&pc, &n)| (pc, n)).collect();
            own.sort_unstable();
            own
        });
        profile.drop_unused();
        let mut facts = tables::facts(&profile);
        facts.push(Fact::new("samples", Kind::Count, samples.taken));
        facts.extend(missed.map(|missed| Fact::new("missed", Kind::Count, missed)));
        if let Some(problem) = &self.problem {
            let problem = crate::report::table::Value::Text(problem.as_str().into());
            facts.push(Fact::new("problem", Kind::Text, problem));
        }
        Findings {
            facts,
            tables: tables::tables(run, &profile, true),
            data: self.is_exported.then_some(Data::Profile(profile)),
        }
    }
}
