//! A trace while the program runs: records come in, and go out as events at once, or are kept by a flight recorder.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use probity_engine::hook::{ProbeId, Remote};
use probity_engine::{AsContext, Error, Func, Module, Val};

use super::assemble::{Emit, Source, Sources, State};
use super::model::{Catalogue, Event, Group, Place, TracedFunction, TracedModule, Type};
use super::options::Settings;
use super::output::{Output, Sink};
use super::record::{self, Head, Turn, counts, len, turn};
use super::text::TextWriter;
use crate::analysis::module_name;

/// Where the depth begins of events whose callers are not known; far from both ends.
const DEPTH_UNKNOWN: u64 = 1 << 40;

/// Batches of a flight recorder have no fewer words than this, but for the last one.
const BATCH_WORDS: usize = 1 << 12;

/// All that a trace has in common: its probes, the session, and who gave the sink.
pub(super) struct Recorder {
    pub sources: Sources,
    pub settings: Settings,
    pub output: Output,
    mode: Mode,
    /// In the catalogue's order.
    modules: Vec<Module>,
    functions: HashMap<Func, u32>,
    /// Functions of which anything is traced.
    pub watched: HashSet<Func>,
    /// Those of them whose calls are.
    pub traced: HashSet<Func>,
    /// Sources of frames that are unwound.
    unwound: HashMap<(u32, u32), u32>,
    /// Places that are known only when something happens there.
    dynamic: HashMap<Place, u32>,
    /// What is taken away when no event is wanted any more.
    pub probes: Vec<ProbeId>,
    pub remote: Option<Remote>,
    /// No event is wanted any more.
    pub done: bool,
    /// What the user is told beside events.
    pub notes: Vec<String>,
    /// As text, what a flight recorder could not write.
    pub unwritten: Vec<u8>,
}

enum Mode {
    Stream { state: State, seen: u64 },
    Last(Kept),
}

/// What a flight recorder has in memory: batches of records, the oldest first.
#[derive(Default)]
struct Kept {
    batches: VecDeque<Batch>,
    /// Events in these.
    events: u64,
    dropped: u64,
    /// Whether the last event that was dropped was a trap, which unwinds frames.
    trapped: bool,
    /// An old batch, whose memory is used again.
    spare: Vec<u64>,
}

struct Batch {
    records: Vec<u64>,
    events: u64,
    turn: Turn,
}

impl Kept {
    /// Keeps records, and drops what is older than the last `wanted` events.
    fn keep(&mut self, records: &[u64], wanted: u64) {
        let (mut at, mut events, mut last) = (0, 0, Turn::Same);
        while at < records.len() {
            let tag = records[at];
            events += u64::from(counts(tag));
            if turn(tag) != Turn::Same {
                last = turn(tag);
            }
            at += 1 + len(tag);
        }
        self.events += events;
        match self.batches.back_mut() {
            // A callback's few records.
            Some(batch) if batch.records.len() + records.len() <= BATCH_WORDS => {
                batch.records.extend_from_slice(records);
                batch.events += events;
                if last != Turn::Same {
                    batch.turn = last;
                }
            }
            _ => {
                let mut batch = std::mem::take(&mut self.spare);
                batch.clear();
                batch.extend_from_slice(records);
                self.batches.push_back(Batch {
                    records: batch,
                    events,
                    turn: last,
                });
            }
        }
        // One event more than wanted: what makes the oldest one may be in two batches.
        while let Some(oldest) = self.batches.front()
            && self.events - oldest.events > wanted
        {
            self.events -= oldest.events;
            self.dropped += oldest.events;
            if oldest.turn != Turn::Same {
                self.trapped = oldest.turn == Turn::Traps;
            }
            self.spare = self
                .batches
                .pop_front()
                .map_or_else(Vec::new, |batch| batch.records);
        }
    }
}

impl Recorder {
    pub fn new(settings: Settings, sink: Sink) -> Recorder {
        Recorder {
            sources: Sources::default(),
            output: Output::new(settings.format, sink),
            mode: match settings.last {
                Some(_) => Mode::Last(Kept::default()),
                None => Mode::Stream {
                    state: State::new(0, false),
                    seen: 0,
                },
            },
            settings,
            modules: Vec::new(),
            functions: HashMap::new(),
            watched: HashSet::new(),
            traced: HashSet::new(),
            unwound: HashMap::new(),
            dynamic: HashMap::new(),
            probes: Vec::new(),
            remote: None,
            done: false,
            notes: Vec::new(),
            unwritten: Vec::new(),
        }
    }

    /// Whether an event of a group is to be seen.
    pub fn wants(&self, group: Group) -> bool {
        self.settings.groups.contains(group)
    }

    /// Takes whole records.
    pub fn consume(&mut self, records: &[u64]) {
        if self.done {
            return;
        }
        match &mut self.mode {
            Mode::Last(kept) => kept.keep(records, self.settings.last.unwrap_or(1)),
            Mode::Stream { .. } => self.stream(Some(records)),
        }
    }

    /// Writes the events of records, or what is left of those before.
    fn stream(&mut self, records: Option<&[u64]>) {
        let Mode::Stream { state, seen } = &mut self.mode else {
            return;
        };
        let (output, settings) = (&mut self.output, &self.settings);
        output.begin();
        let limit = settings.limit.unwrap_or(u64::MAX);
        let mut emit = |all: &Catalogue, event: &Event<'_>| {
            *seen += 1;
            let behind = seen.checked_sub(settings.from);
            if behind.is_some_and(|n| n.is_multiple_of(settings.every)) && output.events < limit {
                output.event(all, event);
            }
        };
        match records {
            Some(records) => self
                .sources
                .assemble(records, state, settings.groups, &mut emit),
            None => self.sources.settle(state, settings.groups, &mut emit),
        }
        if self.output.events >= limit || self.output.is_closed() {
            self.stop();
        }
    }

    /// Has the program go on untraced.
    fn stop(&mut self) {
        self.done = true;
        let probes = std::mem::take(&mut self.probes);
        if let Some(remote) = &self.remote {
            // Nobody waits for it: until then records are thrown away.
            drop(remote.run(move |context| {
                for &id in &probes {
                    context.probes().remove(id);
                }
                Ok(())
            }));
        }
    }

    /// A call from the host has ended.
    pub fn ended(&mut self, error: Option<&Error>) {
        let failed = error.is_some_and(|e| e.trap().is_some() || e.exception().is_some());
        if failed || self.settings.dump_always {
            self.dump();
        }
    }

    /// Writes what a flight recorder has kept, which begins anew.
    fn dump(&mut self) {
        let Mode::Last(kept) = &mut self.mode else {
            return;
        };
        let kept = std::mem::take(kept);
        let (mut events, mut least) = (0u64, DEPTH_UNKNOWN);
        self.replay(&kept, DEPTH_UNKNOWN, &mut |_, event| {
            events += 1;
            least = least.min(event.depth);
        });
        let skip = events.saturating_sub(self.settings.last.unwrap_or(1));
        let lost = kept.dropped + skip;
        let depth = DEPTH_UNKNOWN - least;
        let mut output = std::mem::replace(
            &mut self.output,
            Output::new(self.settings.format, Box::new(std::io::sink())),
        );
        output.begin();
        if lost > 0 {
            output.gap(lost);
        }
        let mut left = skip;
        self.replay(&kept, depth, &mut |all, event| match left {
            0 => output.event(all, event),
            _ => left -= 1,
        });
        output.flush();
        if output.problem().is_some() {
            let (mut text, mut left) = (TextWriter::default(), skip);
            let mut lines = Vec::new();
            self.replay(&kept, depth, &mut |all, event| match left {
                0 => text.event(all, event, &mut lines),
                _ => left -= 1,
            });
            self.unwritten.append(&mut lines);
        }
        self.output = output;
    }

    fn replay(&mut self, kept: &Kept, depth: u64, emit: &mut Emit<'_>) {
        let (mut state, groups) = (State::new(depth, kept.trapped), self.settings.groups);
        for batch in &kept.batches {
            self.sources
                .assemble(&batch.records, &mut state, groups, emit);
        }
        self.sources.settle(&mut state, groups, emit);
    }

    /// The run is over.
    pub fn finish(&mut self) {
        if !self.done {
            self.stream(None);
        }
        self.done = true;
        self.output.end();
    }

    /// Writes a record of what only a callback sees.
    pub fn write(&mut self, head: Head, words: &[u64]) {
        let mut records = Vec::with_capacity(words.len() + words.len().div_ceil(4) + 1);
        record::push(&mut records, head, words);
        self.consume(&records);
    }

    /// The source of events of a place that is known only now.
    pub fn dynamic(&mut self, place: Place) -> u32 {
        if let Some(&source) = self.dynamic.get(&place) {
            return source;
        }
        let source = self.sources.add_place(place.clone());
        self.dynamic.insert(place, source);
        source
    }

    /// The source of an unwound frame.
    pub fn unwound(&mut self, function: u32, pc: u32) -> u32 {
        let sources = &mut self.sources;
        let known = self.unwound.entry((function, pc));
        *known.or_insert_with(|| sources.add(Source::Unwound { function, pc }))
    }

    /// A module of the session.
    pub fn module(&mut self, module: &Module, key: u32) -> u32 {
        let known = self.modules.iter().position(|known| known.same(module));
        if let Some(at) = known {
            return at as u32;
        }
        self.modules.push(module.clone());
        self.sources.catalogue.modules.push(TracedModule {
            number: key,
            name: module_name(module, key).into(),
            hash: *blake3::hash(module.bytes()).as_bytes(),
            bytes: module.bytes().len() as u64,
        });
        self.modules.len() as u32 - 1
    }

    /// A function, of whatever module or of the host.
    pub fn function(&mut self, func: Func, store: &impl AsContext) -> u32 {
        if let Some(&known) = self.functions.get(&func) {
            return known;
        }
        let of = func.module(store);
        let module = of.and_then(|(of, _)| {
            let mut all = self.modules.iter();
            Some(all.position(|known| known.same(of))? as u32)
        });
        let info = of.and_then(|(module, index)| module.function(index));
        let name: Arc<str> = match info {
            Some(info) => crate::analysis::function_name(&info),
            None => func.name(store).into(),
        };
        self.add_function(func, module, of.map_or(0, |(_, index)| index), name)
    }

    fn add_function(&mut self, func: Func, module: Option<u32>, index: u32, name: Arc<str>) -> u32 {
        let functions = &mut self.sources.catalogue.functions;
        functions.push(TracedFunction {
            module,
            index: if module.is_some() { index } else { 0 },
            name,
        });
        let at = functions.len() as u32 - 1;
        self.functions.insert(func, at);
        at
    }

    /// Appends the words of a value of the engine.
    pub fn push_val(&mut self, out: &mut Vec<u64>, val: &Val, ty: Type, store: &impl AsContext) {
        let value = record::of_val(val, |func| self.function(func, store));
        record::push_value(out, value, ty);
    }

    /// The source of ways out of a function.
    pub fn add_source(&mut self, source: Source) -> u32 {
        self.sources.add(source)
    }
}
