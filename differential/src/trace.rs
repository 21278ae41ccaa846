//! The record of a run, and the comparison of two.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::case::Call;
use crate::end::{End, Unclear};
use crate::host::HostLog;
use crate::rng::mix;
use crate::side::{Item, Side};
use crate::value::Value;

/// What was seen of a run: after the instantiation and after each call.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// In order; it ends with the first step that says nothing of what follows.
    pub steps: Vec<Step>,
}

/// What was seen after the instantiation or a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How it ended.
    pub end: End,
    /// What the module exports or imports.
    pub items: Vec<Seen>,
    /// What host functions were called with so far.
    pub host: HostLog,
    /// Fuel consumed so far, for Probity.
    pub fuel: Option<u64>,
    /// The error with its backtrace, for Probity.
    pub failure: Option<String>,
}

/// Content of an item. Memories are hashed, so that a trace is small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Function or tag.
    Nothing,
    /// Value of a global.
    Global(Value),
    /// Elements of a table.
    Table(Vec<Value>),
    /// A memory.
    Memory {
        /// Size in bytes.
        bytes: usize,
        /// Hash of its content.
        hash: u64,
        /// Its content, if the trace was asked to keep it.
        content: Option<Vec<u8>>,
    },
}

impl Seen {
    fn of(item: Item<'_>, keep_memories: bool) -> Seen {
        match item {
            Item::Func | Item::Tag => Seen::Nothing,
            Item::Global(value) => Seen::Global(value),
            Item::Table(elements) => Seen::Table(elements),
            Item::Memory(content) => Seen::Memory {
                bytes: content.len(),
                hash: hash_bytes(&content),
                content: keep_memories.then(|| content.into_owned()),
            },
        }
    }
}

/// A hash in which each word matters; fast, because every memory is hashed after every call.
pub fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut lanes = [1u64, 2, 3, 4];
    let mut chunks = bytes.chunks_exact(32);
    for chunk in &mut chunks {
        for (lane, word) in lanes.iter_mut().zip(chunk.chunks_exact(8)) {
            let word = word.try_into().map_or(0, u64::from_le_bytes);
            *lane = (lane.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }
    let mut hash = bytes.len() as u64;
    for &byte in chunks.remainder() {
        hash = mix(hash ^ u64::from(byte));
    }
    lanes.iter().fold(hash, |hash, &lane| mix(hash ^ lane))
}

/// Runs the calls.
pub fn record(side: &mut impl Recorded, calls: &[Call], keep_memories: bool) -> Trace {
    record_with(side, calls, keep_memories, |_, _| {})
}

/// As [`record`]; `before` is called before each call with its number.
pub fn record_with<S: Recorded>(
    side: &mut S,
    calls: &[Call],
    keep_memories: bool,
    mut before: impl FnMut(&mut S, usize),
) -> Trace {
    let mut trace = Trace::default();
    let start = side.start().clone();
    let mut ended = !matches!(start, End::Results(_));
    trace.steps.push(step(side, start, keep_memories));
    for (number, call) in calls.iter().enumerate() {
        if ended {
            break;
        }
        before(side, number);
        // A panic of an engine is an outcome like another. The side is not called again then.
        let end = catch_unwind(AssertUnwindSafe(|| {
            side.call(&call.export, &call.arguments)
        }));
        let end = end.unwrap_or_else(|_| End::Broken("panicked".to_owned()));
        ended = matches!(end, End::Unclear(_) | End::Broken(_));
        trace.steps.push(step(side, end, keep_memories));
    }
    trace
}

/// A side whose fuel may be known.
pub trait Recorded: Side {
    /// Fuel consumed so far, by Probity's rule.
    fn fuel_consumed(&self) -> Option<u64> {
        None
    }

    /// The error that ended the last call, with its backtrace, for Probity.
    fn failure(&self) -> Option<String> {
        None
    }

    /// What its own probes found wrong.
    ///
    /// # Errors
    /// What is wrong.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

impl<S: Side + ?Sized> Recorded for Box<S> {}

impl<S: Side + ?Sized> Side for Box<S> {
    fn start(&self) -> &End {
        (**self).start()
    }

    fn call(&mut self, export: &str, arguments: &[Value]) -> End {
        (**self).call(export, arguments)
    }

    fn items(&mut self) -> Vec<Item<'_>> {
        (**self).items()
    }

    fn host_log(&self) -> HostLog {
        (**self).host_log()
    }
}

/// The state after a step.
pub fn step(side: &mut impl Recorded, end: End, keep_memories: bool) -> Step {
    let end = match side.check() {
        Ok(()) => end,
        Err(what) => End::Broken(what),
    };
    let items = side.items().into_iter();
    let items = items.map(|item| Seen::of(item, keep_memories)).collect();
    Step {
        end,
        items,
        host: side.host_log(),
        fuel: side.fuel_consumed(),
        failure: side.failure(),
    }
}

/// What a comparison of two traces says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agreement {
    /// They are the same.
    Same,
    /// They are the same up to a step of which one says nothing.
    Unclear(Unclear),
    /// They differ.
    Differ(Difference),
}

/// The first difference of two traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// 0 is the instantiation, 1 the first call.
    pub step: usize,
    /// What differs and how.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            0 => write!(f, "instantiation: {}", self.what),
            n => write!(f, "call {n}: {}", self.what),
        }
    }
}

/// Compares a run with another engine's. Fuel does not count; what neither says much of is
/// unclear. The peer may have left out the last step, if Probity's says nothing.
pub fn compare_engines(probity: &Trace, peer: &Trace) -> Agreement {
    for (step, (ours, theirs)) in probity.steps.iter().zip(&peer.steps).enumerate() {
        if let End::Broken(why) = &ours.end {
            let what = format!("broken: {why}");
            return Agreement::Differ(Difference { step, what });
        }
        match (&ours.end, &theirs.end) {
            (_, End::Broken(why)) => {
                return Agreement::Unclear(Unclear::Refused(format!("peer is broken: {why}")));
            }
            (End::Unclear(why), _) | (_, End::Unclear(why)) => {
                return Agreement::Unclear(why.clone());
            }
            _ => {}
        }
        if let Some(what) = difference(ours, theirs, false) {
            return Agreement::Differ(Difference { step, what });
        }
    }
    match probity.steps.get(peer.steps.len()).map(|step| &step.end) {
        Some(End::Unclear(why)) => Agreement::Unclear(why.clone()),
        _ => same_length(probity, peer),
    }
}

/// Compares two runs of Probity, in everything.
pub fn compare_runs(plain: &Trace, watched: &Trace) -> Agreement {
    for (step, (a, b)) in plain.steps.iter().zip(&watched.steps).enumerate() {
        let broken = [a, b].into_iter().find_map(|step| match &step.end {
            End::Broken(why) => Some(format!("broken: {why}")),
            _ => None,
        });
        if let Some(what) = broken.or_else(|| difference(a, b, true)) {
            return Agreement::Differ(Difference { step, what });
        }
    }
    same_length(plain, watched)
}

fn same_length(a: &Trace, b: &Trace) -> Agreement {
    let (a, b) = (a.steps.len(), b.steps.len());
    if a == b {
        return Agreement::Same;
    }
    Agreement::Differ(Difference {
        step: a.min(b),
        what: format!("{a} steps, {b} steps"),
    })
}

/// The first thing in which two steps differ, with both values; with `own`, also in what only
/// runs of Probity have in common, fuel and backtraces.
pub fn difference(a: &Step, b: &Step, own: bool) -> Option<String> {
    if a.end != b.end {
        return Some(format!("{}, {}", a.end, b.end));
    }
    if a.host != b.host {
        return Some(match (a.host.calls, b.host.calls) {
            (a, b) if a != b => format!("{a} host calls, {b} host calls"),
            _ => "host calls with other arguments or in another order".to_owned(),
        });
    }
    for (i, (a, b)) in a.items.iter().zip(&b.items).enumerate() {
        if let Some(what) = item_difference(a, b) {
            return Some(format!("item {i}: {what}"));
        }
    }
    if a.items.len() != b.items.len() {
        return Some(format!("{} items, {} items", a.items.len(), b.items.len()));
    }
    if own && a.fuel != b.fuel {
        let shown = |fuel: Option<u64>| fuel.map_or("none".to_owned(), |fuel| fuel.to_string());
        return Some(format!("fuel {}, fuel {}", shown(a.fuel), shown(b.fuel)));
    }
    // Where a limit ends a run before an operator that plain code has no cell for, code that is watched
    // says so, and other code names the next one that it has.
    let limit = a.end == End::Unclear(Unclear::Fuel);
    if own && !limit && a.failure != b.failure {
        return Some(format!("{:?}, {:?}", a.failure, b.failure));
    }
    None
}

fn item_difference(a: &Seen, b: &Seen) -> Option<String> {
    match (a, b) {
        (Seen::Global(a), Seen::Global(b)) if a != b => Some(format!("global {a}, global {b}")),
        (Seen::Table(a), Seen::Table(b)) if a != b => {
            let unequal = a.iter().zip(b).position(|(a, b)| a != b);
            Some(match unequal {
                Some(at) => format!("element {at}: {}, {}", a[at], b[at]),
                None => format!("table of {}, table of {}", a.len(), b.len()),
            })
        }
        (
            Seen::Memory {
                bytes: len_a,
                hash: hash_a,
                content: a,
            },
            Seen::Memory {
                bytes: len_b,
                hash: hash_b,
                content: b,
            },
        ) => {
            if len_a != len_b {
                return Some(format!("memory of {len_a} bytes, memory of {len_b} bytes"));
            }
            if hash_a == hash_b {
                return None;
            }
            let (Some(a), Some(b)) = (a, b) else {
                return Some("content of the memory".to_owned());
            };
            let at = a.iter().zip(b).position(|(a, b)| a != b)?;
            let end = (at + 16).min(a.len());
            Some(format!(
                "memory at {at:#x}: {:02x?}, {:02x?}",
                &a[at..end],
                &b[at..end]
            ))
        }
        (a, b) if a != b => Some("another kind of item".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_matters_to_the_hash() {
        let bytes = vec![0u8; 100];
        let hash = hash_bytes(&bytes);
        for i in 0..bytes.len() {
            let mut other = bytes.clone();
            other[i] = 1;
            assert_ne!(hash_bytes(&other), hash, "byte {i}");
        }
        assert_ne!(hash_bytes(&bytes[1..]), hash);
    }
}
