//! What a program does, event by event: calls with arguments and results, operators, accesses to memory, exceptions, traps.
//!
//! Events go to a sink as they happen, as lines or in a compact binary form with a [`Reader`]; or a flight recorder keeps
//! the last ones in memory and writes them when the program traps. The order is that in which the program does things, and
//! what is written is the same in every tier.
//!
//! An operator that does not complete, since it traps, has an event of its own that says so, in front of the trap's.
//! Functions are traced by `func=`; a host call is that of its caller.

mod assemble;
mod binary;
mod codec;
mod depth;
mod instrument;
mod json;
mod model;
mod options;
mod output;
mod read;
mod record;
mod recorder;
mod stat;
mod text;
mod types;

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use probity_engine::hook::{HostCall, HostPhase, ProbeContext, Probes, Ring};
use probity_engine::{AsContextMut, Error, Result, WasmPc};
use probity_probes::source::SourceMap;

pub use self::model::{
    Catalogue, Event, EventKind, Group, Groups, Place, TracedFunction, TracedModule, Type, Value,
};
pub use self::options::{NAME, OPTIONS, SUMMARY};
pub use self::read::{Item, ReadError, Reader};
pub use self::stat::Statistics;
pub use self::text::Lines;

use self::instrument::Placing;
use self::options::Settings;
use self::record::{Head, Part, Turn};
use self::recorder::Recorder;
use crate::analysis::{Analysis, Common, Findings, Instrument, Run};
use crate::options::{Options, UsageError};
use crate::report::table::{Fact, Kind, Value as Cell};

/// Words of the ring between running code and the recorder.
const RING_WORDS: usize = 1 << 13;

/// What probes hold.
#[derive(Clone)]
struct Shared {
    recorder: Arc<Mutex<Recorder>>,
    ring: Ring,
}

/// A run's trace, for who gave the sink: whether all of it went there.
#[derive(Clone)]
pub struct TraceHandle {
    recorder: Arc<Mutex<Recorder>>,
}

impl TraceHandle {
    /// Why the sink did not take everything, if so, as a fragment that fits behind "failed to". A closed pipe is no
    /// failure: its reader has seen enough.
    pub fn problem(&self) -> Option<String> {
        let recorder = lock(&self.recorder);
        let (error, output) = (recorder.output.problem()?, &recorder.output);
        let lost = output.events - output.written;
        Some(match recorder.settings.last {
            Some(_) => format!("write the last events: {error}"),
            None => format!(
                "write the trace: {error}; it has the first {} events, at least {lost} are lost",
                output.written
            ),
        })
    }

    /// What a flight recorder kept and the sink did not take, as text.
    pub fn unwritten(&self) -> Vec<u8> {
        lock(&self.recorder).unwritten.clone()
    }

    /// What the user should know beside that.
    pub fn notes(&self) -> Vec<String> {
        lock(&self.recorder).notes.clone()
    }
}

/// The analysis.
pub(crate) struct Trace {
    shared: Shared,
    /// By the session's number of the module.
    sources: HashMap<u32, Option<SourceMap>>,
}

impl Trace {
    pub fn new(
        options: &Options,
        sink: impl Write + Send + 'static,
    ) -> std::result::Result<(Trace, TraceHandle), UsageError> {
        let recorder = Recorder::new(Settings::new(options)?, Box::new(sink));
        let recorder = Arc::new(Mutex::new(recorder));
        let drained = recorder.clone();
        let ring = Ring::new(RING_WORDS, move |records| {
            lock(&drained).consume(records);
            Ok(())
        });
        let trace = Trace {
            shared: Shared {
                recorder: recorder.clone(),
                ring,
            },
            sources: HashMap::new(),
        };
        Ok((trace, TraceHandle { recorder }))
    }

    /// Whether operators are of chosen source lines; `None` if all are.
    fn lines(&mut self, at: &Instrument<'_, '_, '_>) -> Option<impl Fn(WasmPc) -> bool + use<'_>> {
        let lines = lock(&self.shared.recorder).settings.lines.clone()?;
        let recorder = &self.shared.recorder;
        let source = self.sources.entry(at.key.module).or_insert_with(|| {
            let map = SourceMap::new(at.module);
            if map.is_none() {
                let note =
                    "the module has no debug information: `line` of the trace chooses nothing";
                lock(recorder).notes.push(note.to_owned());
            }
            map
        });
        Some(move |pc| {
            let line = source.as_ref().and_then(|source| source.line(pc));
            line.is_some_and(|line| lines.contain(&line.file, line.line))
        })
    }
}

impl Analysis for Trace {
    fn attach(&mut self, probes: &mut Probes<'_>, _common: &mut Common) {
        let mut ids = Vec::new();
        let shared = self.shared.clone();
        ids.push(probes.on_trap(move |context, error| shared.trap(context, error)));
        let shared = self.shared.clone();
        ids.push(probes.on_unwind(move |probes, func, pc| {
            let mut recorder = shared.synchronised(probes);
            let caught = probes.caught_at();
            if !recorder.watched.contains(&func) {
                return;
            }
            let function = recorder.function(func, probes);
            if let Some(target) = caught {
                let mut place = Place::new(EventKind::Catch, function, pc.0);
                place.offset = target.0.into();
                let counts = recorder.wants(Group::Exceptions);
                let source = recorder.dynamic(place);
                recorder.write(head(source, counts, Turn::GoesOn), &[]);
            } else {
                let source = recorder.unwound(function, pc.0);
                recorder.write(head(source, false, Turn::Same), &[]);
            }
        }));
        if lock(&self.shared.recorder).wants(Group::Calls) {
            let shared = self.shared.clone();
            ids.push(probes.on_host_call(move |context, call| {
                shared.host_call(context, call);
                Ok(())
            }));
        }
        let shared = self.shared.clone();
        // Not taken away: a flight recorder writes here.
        probes.on_end(move |probes, _, error| shared.synchronised(probes).ended(error));
        let mut recorder = lock(&self.shared.recorder);
        recorder.probes = ids;
        recorder.remote = Some(probes.remote());
    }

    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        let function = {
            let mut recorder = lock(&self.shared.recorder);
            if recorder.done {
                return Ok(());
            }
            recorder.module(at.module, at.key.module);
            recorder.function(at.func, at.probes)
        };
        let shared = self.shared.clone();
        let lines = self.lines(at);
        let keeps = |pc| lines.as_ref().is_none_or(|keeps| keeps(pc));
        let operators = at.operators()?;
        // A function is of the lines that any of its operators is of.
        let calls = lines.is_none() || operators.iter().any(|(pc, _)| keeps(*pc));
        {
            let mut recorder = lock(&shared.recorder);
            if calls {
                recorder.watched.insert(at.func);
                if recorder.wants(Group::Calls) {
                    recorder.traced.insert(at.func);
                }
            }
        }
        let index = at.key.index;
        let mut placing = Placing {
            at,
            shared: &shared,
            function,
            keeps: &keeps,
        };
        // Without a report nobody sees the session's warnings.
        placing.run(calls).inspect_err(|error| {
            let note = format!("not all of function {index} is traced: {error}");
            lock(&shared.recorder).notes.push(note);
        })
    }

    fn finish(&mut self, _run: &Run<'_>) -> Findings {
        let mut recorder = lock(&self.shared.recorder);
        recorder.finish();
        let (events, written) = (recorder.output.events, recorder.output.written);
        let mut facts = vec![
            Fact::new("events", Kind::Count, events),
            Fact::new("written", Kind::Count, written),
        ];
        facts.extend(recorder.output.problem().map(|error| {
            let text = Cell::Text(error.to_string().into());
            Fact::new("problem", Kind::Text, text)
        }));
        Findings {
            facts,
            ..Findings::default()
        }
    }
}

impl Shared {
    /// The recorder, with all records that the ring had.
    fn synchronised(&self, store: &mut impl AsContextMut) -> MutexGuard<'_, Recorder> {
        // The ring is this store's, and its function does not fail.
        let _ = self.ring.drain(store);
        lock(&self.recorder)
    }

    fn trap(&self, context: &mut ProbeContext<'_>, error: &Error) {
        let mut recorder = self.synchronised(context);
        let function = recorder.function(context.func(), context);
        let mut place = Place::new(EventKind::Trap, function, context.pc().0);
        place.text = message(error).into();
        let counts = recorder.wants(Group::Traps);
        let source = recorder.dynamic(place);
        recorder.write(head(source, counts, Turn::Traps), &[]);
    }

    fn host_call(&self, context: &mut ProbeContext<'_>, call: &HostCall<'_>) {
        let mut recorder = self.synchronised(context);
        if recorder.done || !recorder.traced.contains(&context.func()) {
            return;
        }
        let caller = recorder.function(context.func(), context);
        let callee = recorder.function(call.func, context);
        let (kind, text) = match call.phase {
            HostPhase::Call => (EventKind::HostCall, String::new()),
            HostPhase::Return => (EventKind::HostReturn, String::new()),
            HostPhase::Fail(error) => (EventKind::HostFail, message(error)),
        };
        let types: Vec<Type> = call
            .values
            .iter()
            .map(|value| types::of(value.ty()))
            .collect();
        let mut words = Vec::new();
        for (value, ty) in call.values.iter().zip(&types) {
            recorder.push_val(&mut words, value, *ty, context);
        }
        let place = Place {
            callee: Some(callee),
            text: text.into(),
            before: types.len(),
            types,
            ..Place::new(kind, caller, context.pc().0)
        };
        let source = recorder.dynamic(place);
        recorder.write(head(source, true, Turn::GoesOn), &words);
    }
}

/// A value by itself; functions are only there or not.
pub(crate) fn plain(value: &probity_engine::Val) -> Value {
    record::of_val(value, |_| 0)
}

fn head(source: u32, counts: bool, turn: Turn) -> Head {
    Head {
        source,
        counts,
        part: Part::Start,
        turn,
    }
}

/// What an error says, without a backtrace.
fn message(error: &Error) -> String {
    match (error.trap(), error.exception()) {
        (Some(trap), _) => trap.message(),
        (None, Some(_)) => "exception".to_owned(),
        (None, None) => error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
    }
}

/// A panic elsewhere leaves whole events behind.
fn lock(recorder: &Mutex<Recorder>) -> MutexGuard<'_, Recorder> {
    recorder.lock().unwrap_or_else(PoisonError::into_inner)
}
