//! What happens when a site fires whose predicate or actions need values.

use std::sync::{Arc, Mutex, PoisonError};

use probity_engine::hook::{ExitReason, ProbeContext};
use probity_engine::{Error, ErrorKind, ExnRef, Func, Val};

use super::ast::{Action, Expr, Kind};
use super::facts;
use super::fold::eval;
use super::tally::{Tallies, Tally};
use super::value::{Number, Value};
use super::vars::{Read, Target};
use super::ways::Ways;
use crate::callee::target;
use crate::demangle::demangle;
use crate::events::Callee;

/// Takes the lines that `print` makes.
pub(super) type Sink = Arc<Mutex<Option<Box<dyn FnMut(&str) + Send>>>>;

/// Which fires of a site count where control comes in several ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meant {
    /// Those in which it has come these ways.
    Ways,
    /// The others.
    Others,
}

/// What makes a site fire.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cause<'a> {
    /// Control has come to it.
    Control,
    /// An exception is caught.
    Catch(&'a ExnRef),
    /// The guest has trapped, or the host has failed.
    Trap(&'a Error),
    /// So much fuel has been consumed.
    Tick(u64),
}

/// A site, ready to fire.
pub(super) struct Live {
    pub predicate: Option<Expr>,
    pub predicate_reads: usize,
    pub reads: Vec<Read>,
    pub actions: Vec<Action>,
    /// One for each action.
    pub tallies: Arc<Mutex<Vec<Tallies>>>,
    pub sink: Sink,
    /// Where control comes in several ways: what tells them, and how often it had come so.
    pub ways: Option<(Meant, Ways, u64)>,
    /// Values of `reads`; kept for its memory.
    pub inputs: Vec<Value>,
}

impl Live {
    pub fn fire(&mut self, context: &mut ProbeContext<'_>, cause: Cause<'_>) {
        if let Some((meant, ways, seen)) = &mut self.ways {
            let taken = ways.taken();
            let is_way = std::mem::replace(seen, taken) != taken;
            if is_way != (*meant == Meant::Ways) {
                return;
            }
        }
        self.inputs.clear();
        self.read(0..self.predicate_reads, context, cause);
        if let Some(predicate) = &self.predicate
            && !eval(predicate, &self.inputs).is_true()
        {
            return;
        }
        self.read(self.predicate_reads..self.reads.len(), context, cause);
        let mut lines = Vec::new();
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        for (action, tallies) in self.actions.iter().zip(tallies.iter_mut()) {
            lines.extend(perform(action, tallies, &self.inputs, context));
        }
        // Whoever takes the lines may want to read the results.
        drop(tallies);
        if !lines.is_empty() {
            let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(sink) = &mut *sink {
                lines.iter().for_each(|line| sink(line));
            }
        }
    }

    fn read(
        &mut self,
        which: std::ops::Range<usize>,
        context: &mut ProbeContext<'_>,
        cause: Cause<'_>,
    ) {
        // The frame is looked up once for all that is read from it.
        let of_frame = |read: &Read| matches!(read, Read::Operand { .. } | Read::Local(_));
        let reads = &self.reads[which];
        let first = self.inputs.len();
        self.inputs.resize(first + reads.len(), Value::Absent);
        let inputs = &mut self.inputs[first..];
        if reads.iter().any(of_frame) {
            let frame = context.frame();
            for (read, input) in reads.iter().zip(inputs.iter_mut()) {
                let value = match *read {
                    Read::Operand { from_top, unsigned } => {
                        frame.top(from_top).map(|value| Value::of(&value, unsigned))
                    }
                    Read::Local(i) => frame.local(i).map(|value| Value::of(&value, false)),
                    _ => continue,
                };
                *input = value.unwrap_or(Value::Absent);
            }
        }
        for (read, input) in reads.iter().zip(inputs) {
            *input = match *read {
                Read::Operand { .. } | Read::Local(_) => continue,
                Read::Global(i) => {
                    let global = context.instance().global(context, i);
                    let value = global.map(|global| global.get(context));
                    value.map_or(Value::Absent, |value| Value::of(&value, false))
                }
                Read::Depth => Value::Int(context.depth() as i128),
                Read::ExitReason => context.exit_reason().map_or(Value::Absent, reason),
                Read::Callee(what, callee) => callee_of(context, callee, what),
                Read::Tag | Read::Payload(_) => exception(context, cause, *read),
                Read::SourcePc => Value::Int(context.pc().0.into()),
                Read::Trap | Read::TrapMessage => match cause {
                    Cause::Trap(error) if *read == Read::Trap => Value::from(code(error)),
                    Cause::Trap(error) => Value::from(message(error).as_str()),
                    _ => Value::Absent,
                },
                Read::Fuel => match cause {
                    Cause::Tick(fuel) => Value::Int(fuel.into()),
                    _ => Value::Absent,
                },
            };
        }
    }
}

/// Tag or value of the exception that is caught, or else of the topmost operand.
fn exception(context: &mut ProbeContext<'_>, cause: Cause<'_>, read: Read) -> Value {
    let exception = match cause {
        Cause::Catch(exception) => Some(exception.clone()),
        _ => match context.frame().top(0) {
            Some(Val::ExnRef(exception)) => exception,
            _ => None,
        },
    };
    let Some(exception) = exception else {
        return Value::Absent;
    };
    if let Read::Payload(n) = read {
        let value = exception.args(context).get(n as usize).cloned();
        return value.map_or(Value::Absent, |value| Value::of(&value, false));
    }
    let (tag, instance) = (exception.tag(context), context.instance());
    let tags = 0..instance.module(context).num_tags();
    let index = tags
        .into_iter()
        .find(|&index| instance.tag(context, index) == Some(tag));
    index.map_or(Value::Absent, Value::from)
}

/// The name of a trap in reports.
fn code(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::Trap(trap) => trap.code().name(),
        ErrorKind::Host(_) => "host",
        _ => "other",
    }
}

/// Without the backtrace.
fn message(error: &Error) -> String {
    match error.kind() {
        ErrorKind::Trap(trap) => trap.message(),
        _ => error.to_string(),
    }
}

fn reason(reason: ExitReason) -> Value {
    Value::from(match reason {
        ExitReason::Return => "return",
        ExitReason::Trap => "trap",
        ExitReason::Exception => "exception",
        ExitReason::TailCall => "tail_call",
        _ => "other",
    })
}

/// What an indirect call is about to reach, whether or not its type fits.
fn callee_of(context: &mut ProbeContext<'_>, callee: Callee, what: Target) -> Value {
    let Some(func) = target(context, callee) else {
        return Value::Absent;
    };
    let own = context
        .func()
        .module(context)
        .map(|(module, _)| module.clone());
    match (func.module(context), what) {
        (Some((module, index)), _) if own.is_some_and(|own| own.same(module)) => {
            facts::of_callee(module, index, what)
        }
        // Of another module, or of the host.
        (_, Target::Kind) => Value::from("import"),
        (_, Target::Name) => Value::from(func.name(context).as_str()),
        _ => Value::Absent,
    }
}

/// How the numbers of an action add up.
pub(super) fn adding(kind: &Kind) -> fn(&mut Tally, Number) {
    match kind {
        Kind::Min => Tally::min,
        Kind::Max => Tally::max,
        Kind::Hist => Tally::hist,
        Kind::Sum | Kind::Count | Kind::Stack(_) | Kind::Print(_) => Tally::sum,
    }
}

/// Does an action; gives the line that it prints, if it does.
fn perform(
    action: &Action,
    tallies: &mut Tallies,
    inputs: &[Value],
    context: &mut ProbeContext<'_>,
) -> Option<String> {
    let key: Vec<Value> = action.by.iter().map(|expr| eval(expr, inputs)).collect();
    match &action.kind {
        Kind::Count => tallies.under(key).count += 1,
        Kind::Sum | Kind::Min | Kind::Max | Kind::Hist => {
            let value = action.args.first().map(|expr| eval(expr, inputs));
            let add = adding(&action.kind);
            tallies
                .under(key)
                .number(&value.unwrap_or(Value::Absent), add);
        }
        Kind::Stack(frames) => {
            let stack = stack(tallies, *frames, context);
            tallies.under(key).stack(stack);
        }
        Kind::Print(format) => {
            tallies.under(key).count += 1;
            return Some(format.fill(action.args.iter().map(|expr| eval(expr, inputs))));
        }
    }
    None
}

/// The innermost frames as one text: outermost first, between semicolons, as
/// flame graphs take them. `...` stands for frames further out.
fn stack(tallies: &mut Tallies, frames: usize, context: &mut ProbeContext<'_>) -> Arc<str> {
    let depth = context.depth();
    let shown = depth.min(frames);
    let funcs: Vec<Func> = (0..shown)
        .filter_map(|n| Some(context.frame_at(n)?.func()))
        .collect();
    // The same frames with and without more behind them are two texts.
    let cut = depth > shown;
    let known = tallies.stacks.get(funcs.as_slice());
    if let Some(text) = known.filter(|text| text.starts_with("...") == cut) {
        return text.clone();
    }
    let names = funcs.iter().rev().map(|func| {
        let name = func.name(context);
        demangle(&name).unwrap_or(name).replace(';', ",")
    });
    let names: Vec<String> = cut
        .then(|| "...".to_owned())
        .into_iter()
        .chain(names)
        .collect();
    let text: Arc<str> = names.join(";").into();
    tallies.stacks.insert(funcs.into(), text.clone());
    text
}
