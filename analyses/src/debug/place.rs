//! Where the program stands, in words: the frames of the stack, with those of inlined functions.

use std::path::PathBuf;

use probity_engine::Val;
use probity_engine::hook::ProbeContext;
use probity_probes::operator;
use probity_probes::source::{SourceFrame, SourceLine};

use super::eval::View;
use super::info::Program;
use super::value::{Datum, Form, Value, plain};
use crate::sources;

/// One frame as it is shown: a Wasm frame, or a function that is inlined in one.
pub(super) struct Position {
    /// Which Wasm frame.
    pub frame: usize,
    pub function: String,
    /// Where it is in the source.
    pub line: Option<SourceLine>,
    /// `pc` and operator, for what has no lines.
    operator: String,
    pub pc: u32,
    /// `(n=5)`; nothing for what is inlined.
    arguments: String,
}

impl Position {
    /// The innermost one.
    pub fn innermost(program: &mut Program, context: &mut ProbeContext<'_>) -> Option<Position> {
        of_frame(program, context, 0).into_iter().next()
    }

    /// Line and file for `list`.
    pub fn listed(&self) -> Option<(String, u32)> {
        let line = self.line.as_ref()?;
        Some((line.file.to_string(), line.line.saturating_sub(5).max(1)))
    }

    /// `fib (n=5) at fib.c:3`
    pub fn headline(&self) -> String {
        let (function, arguments) = (&self.function, &self.arguments);
        match &self.line {
            Some(line) => format!("{function} {arguments} at {line}"),
            None => format!("{function} {arguments} at {:#x}", self.pc),
        }
    }

    /// What a stop says: function and place where they are new, then the line itself.
    pub fn announce(&self, dirs: &[PathBuf], is_new: bool) -> String {
        let mut text = String::new();
        if is_new {
            text += &self.headline();
            text.push('\n');
        }
        let line = self.line.as_ref();
        let source = line.and_then(|line| Some((line.line, source_line(dirs, line)?)));
        text += &match (source, line) {
            (Some((number, source)), _) => format!("{number}\t{source}\n"),
            (None, Some(line)) if !is_new => format!("{line}\n"),
            (None, Some(_)) => String::new(),
            (None, None) => format!("{:#x}\t{}\n", self.pc, self.operator),
        };
        text
    }
}

/// The text of a line, if its file may be shown.
fn source_line(dirs: &[PathBuf], line: &SourceLine) -> Option<String> {
    let text = sources::text(dirs, &line.file)?;
    let nth = (line.line as usize).checked_sub(1)?;
    text.lines().nth(nth).map(str::to_owned)
}

/// The frames of the source in one Wasm frame, innermost first.
fn of_frame(program: &mut Program, context: &mut ProbeContext<'_>, frame: usize) -> Vec<Position> {
    let Some(mut view) = View::new(program, context, frame) else {
        return Vec::new();
    };
    let (index, pc) = (view.index, view.pc);
    let known = view.known();
    let frames = known.frames(index, pc);
    let info = known.module.function(index);
    let operators = info.and_then(|info| info.operators().ok());
    let operators = operators.unwrap_or_default();
    let at = operators.binary_search_by_key(&pc.0, |(pc, _)| pc.0).ok();
    let operator = at.map_or_else(String::new, |at| operator::text(&operators[at].1));
    drop(operators);
    let arguments = arguments(&mut view);
    let last = frames.len().saturating_sub(1);
    let shown = |(nth, frame_of): (usize, SourceFrame)| Position {
        frame,
        function: frame_of.function.to_string(),
        line: frame_of.place.filter(|line| line.line > 0),
        operator: operator.clone(),
        pc: pc.0,
        arguments: match nth == last {
            true => arguments.clone(),
            false => "[inlined]".to_owned(),
        },
    };
    frames.into_iter().enumerate().map(shown).collect()
}

/// A function's arguments, by the names of the source if it has them.
fn arguments(view: &mut View<'_, '_>) -> String {
    let (index, pc) = (view.index, view.pc);
    let variables = view.known().variables(pc);
    let mut parts = Vec::new();
    for variable in variables.iter().filter(|v| v.is_parameter && v.depth == 1) {
        let value = view.variable(variable);
        parts.push(format!("{}={}", variable.name, shown(view, value)));
    }
    let known = view.known();
    if parts.is_empty()
        && known
            .source
            .map()
            .and_then(|map| map.function(pc))
            .is_none()
    {
        let params = known
            .module
            .function(index)
            .map_or(0, |info| info.num_params());
        for i in 0..params {
            let value = view.eval(&super::expr::Expr::Name(format!("local{i}")));
            parts.push(format!("local{i}={}", shown(view, value)));
        }
    }
    format!("({})", parts.join(", "))
}

/// A value, or why there is none.
pub(super) fn shown(view: &mut View<'_, '_>, value: Result<Value, String>) -> String {
    match value {
        Ok(value) => view.show(&value, Form::Natural),
        Err(error) => format!("<{error}>"),
    }
}

/// A Wasm value with its type.
pub(super) fn wasm_value(value: &Val) -> String {
    let text = match plain(value) {
        Datum::Int(number) => number.to_string(),
        Datum::Float(number) => format!("{number:?}"),
        Datum::Vector(number) => format!("{number:#034x}"),
        Datum::Reference(what) => what,
        Datum::Aggregate => String::new(),
    };
    format!("{} {text}", value.ty())
}

/// All frames of the stack as they are shown, innermost first, up to `limit`.
pub(super) fn stack(
    program: &mut Program,
    context: &mut ProbeContext<'_>,
    limit: usize,
) -> Vec<Position> {
    let mut positions = Vec::new();
    let depth = context.depth();
    for frame in 0..depth {
        if positions.len() >= limit {
            break;
        }
        positions.extend(of_frame(program, context, frame));
    }
    positions.truncate(limit);
    positions
}
