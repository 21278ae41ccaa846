//! Points of the program that are watched: how often control comes to each, and what the frame has there: locals and
//! operands, for the first hits of each point or the last ones.
//!
//! A point is hit before its operator executes. Hits with values are numbered from 1 over all points, in the order in which
//! they come; with `keep=first` those that are only counted have no number.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use probity_engine::hook::{Probe, ProbeContext, Site};
use probity_engine::wasmparser::Operator;
use probity_engine::{FunctionInfo, Result, Val, WasmPc};
use probity_probes::gate::Gate;
use probity_probes::matcher::FunctionSelector;
use probity_probes::opcode::Opcode;
use probity_probes::wanted::Wanted;

use crate::analysis::{Analysis, Findings, Instrument, Key, Run};
use crate::options::{NUMBER, OptionInfo, Options, POINTS};
use crate::report::table::{Column, Fact, Kind, Table, Value};
use crate::trace;

/// Frames that are counted at each hit.
const DEPTH_MAX: usize = 1000;

/// Which points.
pub(crate) const AT: OptionInfo = OptionInfo {
    name: "at",
    default: "*",
    help: "points: FUNC (where it begins), FUNC+OFFSET, FUNC+FIRST..END (bytes from its first operator), FUNC@PC, FUNC@FIRST..END (offsets in the module); several with |",
    values: &[POINTS],
};

/// How many hits of a point are shown with values.
pub(crate) const HITS: OptionInfo = OptionInfo {
    name: "hits",
    default: "10",
    help: "so many hits of each point are kept with their values; `none` has them counted only",
    values: &["none", NUMBER],
};

/// Which hits these are.
pub(crate) const KEEP: OptionInfo = OptionInfo {
    name: "keep",
    default: "first",
    help: "the first hits of each point are kept, or the last ones, which costs more",
    values: &["first", "last"],
};

/// Places in functions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Points(Vec<Point>);

#[derive(Debug, Clone, PartialEq)]
struct Point {
    functions: FunctionSelector,
    /// First and behind the last offset.
    range: (u32, u32),
    /// They count from the function's first operator.
    relative: bool,
}

impl Points {
    /// Reads points; `None` if the text has none.
    pub fn parse(text: &str) -> Option<Points> {
        let all = text.split('|').map(Point::parse);
        Some(Points(all.collect::<Option<_>>()?))
    }

    /// Whether an operator is one; `first` is the first operator of the function.
    fn contain(&self, info: &FunctionInfo<'_>, first: WasmPc, pc: WasmPc) -> bool {
        self.0.iter().any(|point| {
            let from = if point.relative { first.0 } else { 0 };
            let at = pc.0.wrapping_sub(from);
            (point.range.0..point.range.1).contains(&at) && point.functions.matches(info)
        })
    }
}

impl Point {
    fn parse(text: &str) -> Option<Point> {
        // A name may have either sign, but no digit behind the last one.
        let split = text
            .rfind(['+', '@'])
            .map(|at| (&text[..at], &text[at + 1..], text.as_bytes()[at] == b'+'));
        let split =
            split.filter(|(_, offsets, _)| offsets.starts_with(|c: char| c.is_ascii_digit()));
        let (functions, range, relative) = match split {
            Some((functions, offsets, relative)) => (functions, range(offsets)?, relative),
            None => (text, (0, 1), true),
        };
        Some(Point {
            functions: FunctionSelector::parse(functions).ok()?,
            range,
            relative,
        })
    }
}

/// `OFFSET` or `FIRST..END`, in decimal or hexadecimal.
fn range(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    match text.split_once("..") {
        Some((first, end)) => Some((number(first)?, number(end)?)).filter(|(a, b)| a < b),
        None => number(text).and_then(|at| Some((at, at.checked_add(1)?))),
    }
}

/// A hit.
struct Hit {
    number: u64,
    /// Number of frames, if they are not too many to be counted.
    depth: Option<u64>,
    locals: String,
    operands: String,
}

/// What hits have in common.
#[derive(Default)]
struct State {
    hits: u64,
    /// By function and index of the operator.
    points: HashMap<(Key, usize), VecDeque<Hit>>,
}

pub(crate) struct Tracepoints {
    points: Points,
    /// Kept of each point.
    hits: usize,
    last: bool,
    state: Arc<Mutex<State>>,
}

impl Tracepoints {
    pub fn new(options: &Options) -> Tracepoints {
        Tracepoints {
            points: Points::parse(options.get(AT.name)).unwrap_or(Points(Vec::new())),
            hits: options.number(HITS.name).unwrap_or(0) as usize,
            last: options.get(KEEP.name) == "last",
            state: Arc::default(),
        }
    }

    /// Indices of the operators of a function that are points.
    fn of(&self, info: &FunctionInfo<'_>, operators: &[(WasmPc, Operator<'_>)]) -> Vec<usize> {
        let Some(&(first, _)) = operators.first() else {
            return Vec::new();
        };
        let all = operators.iter().enumerate();
        let points = all.filter(|(_, (pc, _))| self.points.contain(info, first, *pc));
        points.map(|(index, _)| index).collect()
    }
}

impl Analysis for Tracepoints {
    fn wants_counts(&self, at: &Instrument<'_, '_, '_>) -> Result<Wanted> {
        let mut wanted = Wanted::nothing();
        for index in self.of(&at.info, &at.operators()?) {
            wanted.add(&*at.cfg()?, index);
        }
        Ok(wanted)
    }

    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        if self.hits == 0 {
            return Ok(());
        }
        let operators = at.operators()?;
        for index in self.of(&at.info, &operators) {
            let (state, point) = (self.state.clone(), (at.key, index));
            let (kept, last) = (self.hits, self.last);
            let take = move |context: &mut ProbeContext<'_>| {
                // To count frames takes as long as there are many.
                let is_deep = context.frame_at(DEPTH_MAX).is_some();
                let depth = (!is_deep).then(|| context.depth() as u64);
                let (locals, operands) = (locals(context), operands(context));
                let mut state = lock(&state);
                state.hits += 1;
                let number = state.hits;
                let hits = state.points.entry(point).or_default();
                // Several instances share a point.
                if hits.len() == kept {
                    match last {
                        true => drop(hits.pop_front()),
                        false => return Ok(()),
                    }
                }
                hits.push_back(Hit {
                    number,
                    depth,
                    locals,
                    operands,
                });
                Ok(())
            };
            let probe = match last {
                true => Probe::call(take),
                false => Gate::new().first(kept as u64).probe(take),
            };
            at.probes
                .insert(at.func, Site::Before(operators[index].0), probe)?;
        }
        Ok(())
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let site = run.function_columns("func");
        let point = [
            Column::new("pc", Kind::Pc),
            Column::new("opcode", Kind::Text),
            Column::new("count", Kind::Count),
        ];
        let hit = [
            Column::new("pc", Kind::Pc),
            Column::new("hit", Kind::Index),
            Column::new("depth", Kind::Index),
            Column::new("locals", Kind::Text),
            Column::new("operands", Kind::Text),
        ];
        let mut points = Table::new("points", [&site[..], &point].concat(), Some("count"));
        let mut hits = Table::new("hits_kept", [&site[..], &hit].concat(), None);
        let state = lock(&self.state);
        let mut kept: Vec<(u64, Vec<Value>)> = Vec::new();
        for function in run.functions(false) {
            let who = run.function_cells(&function);
            let operators = function.operators();
            for index in self.of(&function.info, &operators) {
                let (pc, op) = &operators[index];
                let count = function
                    .counts
                    .as_ref()
                    .map_or(0, |counts| counts.instr(index));
                if count == 0 {
                    continue;
                }
                let opcode = Opcode::of(op).mnemonic();
                points.push([&who[..], &[pc.0.into(), opcode.into(), count.into()]].concat());
                for hit in state
                    .points
                    .get(&(function.key, index))
                    .into_iter()
                    .flatten()
                {
                    let cells = [
                        pc.0.into(),
                        hit.number.into(),
                        hit.depth.map_or(Value::Nothing, Value::from),
                        Value::Text(hit.locals.as_str().into()),
                        Value::Text(hit.operands.as_str().into()),
                    ];
                    kept.push((hit.number, [&who[..], &cells].concat()));
                }
            }
        }
        kept.sort_by_key(|(number, _)| *number);
        for (_, row) in kept {
            hits.push(row);
        }
        Findings {
            facts: vec![Fact::new("hits", Kind::Count, points.sum("count"))],
            tables: vec![points, hits],
            ..Findings::default()
        }
    }
}

/// `type value, ...`; what compiled code has not kept is `?`.
fn locals(context: &mut ProbeContext<'_>) -> String {
    let frame = context.frame();
    let all = (0..frame.num_locals())
        .map(|local| frame.local(local).as_ref().map_or("?".to_owned(), shown));
    all.collect::<Vec<_>>().join(", ")
}

/// The same, the topmost last.
fn operands(context: &mut ProbeContext<'_>) -> String {
    let frame = context.frame();
    let all = (0..frame.num_operands()).filter_map(|at| frame.operand(at).as_ref().map(shown));
    all.collect::<Vec<_>>().join(", ")
}

fn shown(value: &Val) -> String {
    let value = trace::plain(value);
    format!("{} {value}", value.ty().name())
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_read() {
        let point = |text: &str| {
            let all = Points::parse(text)?.0;
            Some((all[0].range, all[0].relative))
        };
        assert_eq!(point("main"), Some(((0, 1), true)));
        assert_eq!(point("main+12"), Some(((12, 13), true)));
        assert_eq!(point("main+0x10..0x20"), Some(((16, 32), true)));
        assert_eq!(point("3..5@0x40"), Some(((64, 65), false)));
        // Names of C++ have such signs.
        assert_eq!(point("operator+"), Some(((0, 1), true)));
        assert_eq!(point("a@b+3"), Some(((3, 4), true)));
        for wrong in ["", "a||b", "a+5..5", "3..3", "a@4294967295", "a+0x", "+5"] {
            assert_eq!(Points::parse(wrong), None, "{wrong}");
        }
        assert_eq!(
            Points::parse("a|b+1|c@2").map(|points| points.0.len()),
            Some(3)
        );
    }
}
