//! Where in a function's code a line begins.
//!
//! A place is the first operator of a row of the line table that computes something, and the first one behind each
//! `loop` and `end`, where branches land. A row that only jumps is a place if its line has a statement that jumps: else
//! it is how the compiler joins branches, which it gives to the line of the whole `if`. The markers themselves are
//! none: leaving a loop lands on its `end`, which the compiler gives to the loop's line, although nothing of that line
//! is executed then.

use std::sync::Arc;

use probity_engine::wasmparser::Operator;
use probity_engine::{FunctionInfo, WasmPc};
use probity_probes::source::{SourceLine, SourceMap, SourceRow};

use super::StepOptions;

/// What one activation is at when control comes to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// A line of the file.
    Line(u32),
    /// Code that is of no step.
    Elsewhere,
    /// The compiler does not say: the activation stays where it is.
    Unsaid,
}

/// A function of the source that a place is in: the Wasm function's own, or one inlined in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    /// Which copy of an inlined function; `None` for the function's own.
    pub copy: Option<u32>,
    pub at: At,
    /// The line that the function is declared at; 0 if that is not said, or is in another file.
    pub declared: u32,
}

/// The functions around a place, outermost first.
pub(super) type Levels = Arc<[Level]>;

/// The places of a function; none if no code of it is of the file.
pub(super) fn sites(
    map: &SourceMap,
    info: &FunctionInfo<'_>,
    operators: &[(WasmPc, Operator<'_>)],
    options: &StepOptions,
) -> Vec<(WasmPc, Levels)> {
    let Some(body) = info.body() else {
        return Vec::new();
    };
    let rows: Vec<SourceRow<'_>> = map.rows(body).collect();
    let opening = opening(&rows);
    let mut starts = rows.iter().map(|row| row.start).peekable();
    let is_joint = |at: usize, end: Option<u32>| {
        let row = operators[at..].iter();
        let mut row = row.take_while(|(pc, _)| end.is_none_or(|end| pc.0 < end));
        let is_jump = |op: &Operator<'_>| matches!(op, Operator::Br { .. }) || is_marker(op);
        let jumps = options.jumps.as_ref();
        jumps.is_some_and(|lines| {
            let line = map.line(operators[at].0);
            !line.is_some_and(|at| lines.contains(&at.line)) && row.all(|(_, op)| is_jump(op))
        })
    };
    let mut sites = Vec::new();
    let mut is_place = true;
    for (at, (pc, op)) in operators.iter().enumerate() {
        while starts.next_if(|start| *start <= pc.0).is_some() {
            is_place = true;
        }
        if is_marker(op) {
            is_place = true;
        } else if is_place {
            is_place = false;
            if !is_joint(at, starts.peek().copied()) {
                sites.push((*pc, levels(map, *pc, *pc < opening, options)));
            }
        }
    }
    let is_own =
        |(_, levels): &(WasmPc, Levels)| levels.iter().any(|level| matches!(level.at, At::Line(_)));
    match sites.iter().any(is_own) {
        true => sites,
        false => Vec::new(),
    }
}

/// Whether an operator only marks where blocks begin and end.
fn is_marker(op: &Operator<'_>) -> bool {
    matches!(
        op,
        Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::End
            | Operator::Else
            | Operator::TryTable { .. }
            | Operator::Nop
    )
}

/// The end of what the compiler adds in front of a function: its first row, which is at no column.
fn opening(rows: &[SourceRow<'_>]) -> WasmPc {
    match rows {
        [first, _, ..] if first.column == 0 => WasmPc(first.end),
        _ => WasmPc(0),
    }
}

/// The functions around a place.
fn levels(map: &SourceMap, pc: WasmPc, is_opening: bool, options: &StepOptions) -> Levels {
    let at = |place: Option<SourceLine>| match place {
        _ if is_opening => At::Elsewhere,
        Some(place) if place.line == 0 => At::Unsaid,
        Some(place) if *place.file == *options.file && !options.skipped.contains(&place.line) => {
            At::Line(place.line)
        }
        Some(_) => At::Elsewhere,
        None => At::Unsaid,
    };
    let declared = |place: &Option<SourceLine>| match place {
        Some(place) if *place.file == *options.file => place.line,
        _ => 0,
    };
    let mut place = map.line(pc);
    let mut levels = Vec::new();
    let code = map.function(pc);
    let mut copy = code.and_then(|code| code.innermost(pc.0));
    while let Some((index, inlined)) =
        copy.and_then(|copy| Some((copy, code?.inlined().get(copy as usize)?)))
    {
        levels.push(Level {
            copy: Some(index),
            at: at(std::mem::replace(&mut place, inlined.call.clone())),
            declared: declared(&inlined.function.place),
        });
        copy = inlined.parent;
    }
    levels.push(Level {
        copy: None,
        at: at(place),
        declared: code.map_or(0, |code| declared(&code.function().place)),
    });
    levels.reverse();
    levels.into()
}
