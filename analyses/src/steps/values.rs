//! What variables are, in the frame that a probe is in.

use std::sync::Arc;

use probity_engine::WasmPc;
use probity_engine::hook::ProbeContext;
use probity_probes::source::{Place, TypeId, TypeKind, Variable};

use super::{Number, StepOptions, VariableValue};
use crate::debug::eval::View;
use crate::debug::info::{Known, Program};
use crate::debug::value::{Datum, Form, Value};

/// Which variables a step sees.
pub(super) struct Seen {
    /// The line that its function is declared at.
    pub from: u32,
    /// Its own line.
    pub line: u32,
    /// Where it began.
    pub pc: WasmPc,
}

/// Structures in structures that are looked through for pointers.
const DEPTH_MAX: u32 = 8;

impl Seen {
    /// Whether a variable is one of the function's, and declared by then.
    fn has(&self, variable: &Variable, file: &str) -> bool {
        let declared = variable.declared.as_ref();
        declared.is_some_and(|at| {
            *at.file == *file && (self.from..=self.line).contains(&at.line) && at.line > 0
        })
    }
}

/// The variables that are seen at a place, inner ones first: name and type.
pub(super) fn seen(known: &mut Known, of: &Seen, file: &str) -> Vec<(Arc<str>, Arc<str>)> {
    let variables = known.variables(of.pc);
    let mut found: Vec<(Arc<str>, Arc<str>)> = Vec::new();
    for variable in variables.iter().filter(|variable| of.has(variable, file)) {
        if found.iter().all(|(name, _)| *name != variable.name) {
            let ty = type_name(known, variable.ty);
            found.push((variable.name.clone(), ty));
        }
    }
    found
}

/// The variables behind a step that has just ended, with what they are now.
pub(super) fn variables(
    program: &mut Program,
    context: &mut ProbeContext<'_>,
    of: &Seen,
    options: &StepOptions,
) -> Vec<VariableValue> {
    let Some(mut view) = View::new(program, context, 0) else {
        return Vec::new();
    };
    let pc = view.pc;
    let known = view.known();
    let now = known.variables(pc);
    let before = known.variables(of.pc);
    let is_same = |a: &Variable, b: &Variable| {
        (&a.name, &a.declared, a.depth) == (&b.name, &b.declared, b.depth)
    };
    // What is in memory is still there when its scope has ended.
    let is_left = |variable: &&Variable| {
        matches!(variable.place, Place::Memory { .. })
            && now.iter().all(|other| !is_same(variable, other))
    };
    let mut all: Vec<&Variable> = now.iter().chain(before.iter().filter(is_left)).collect();
    all.retain(|variable| of.has(variable, &options.file));
    all.sort_by_key(|variable| std::cmp::Reverse(variable.depth));
    let mut found: Vec<VariableValue> = Vec::new();
    for variable in all {
        if found.len() >= options.limits.values {
            break;
        }
        if found.iter().any(|other| other.name == variable.name) {
            continue;
        }
        found.extend(value(&mut view, variable, options));
    }
    found
}

/// A variable's value; `None` if it has none here, or one that is not to be read.
fn value(
    view: &mut View<'_, '_>,
    variable: &Variable,
    options: &StepOptions,
) -> Option<VariableValue> {
    let ty = variable.ty?;
    let bytes = view.known().size(ty)?;
    if bytes > options.limits.value_bytes {
        return None;
    }
    let value = view.variable(variable).ok()?;
    let mut text = view.show(&value, Form::Natural);
    let has_addresses = match behind_number(&text) {
        Some(pointed) => {
            text = pointed.to_owned();
            false
        }
        None => has_pointers(view.known(), ty, DEPTH_MAX) && !is_null(&value),
    };
    if let Some((end, _)) = text.char_indices().nth(options.limits.value_chars) {
        text.truncate(end);
        text.push_str("...");
    }
    Some(VariableValue {
        name: variable.name.clone(),
        ty: type_name(view.known(), variable.ty),
        number: number(view.known(), ty, &value),
        text,
        has_addresses,
    })
}

/// What the debugger shows behind a number: the text that a pointer points to, or the character of a code.
fn behind_number(shown: &str) -> Option<&str> {
    let (number, text) = shown.split_once(' ')?;
    let is_address = number.starts_with("0x") && text.starts_with('"');
    let is_code = number.parse::<u32>().is_ok() && text.starts_with('\'');
    (is_address || is_code).then_some(text)
}

fn is_null(value: &Value) -> bool {
    value.datum == Datum::Int(0)
}

/// Integers and floats; characters and names of values are text.
fn number(known: &mut Known, ty: TypeId, value: &Value) -> Option<Number> {
    let ty = known.ty(ty)?;
    let is_character = ty.bytes == Some(1) && ty.name.contains("char");
    match (&ty.kind, &value.datum) {
        (TypeKind::Integer { .. }, Datum::Int(value)) if !is_character => Some(Number::Int(*value)),
        (TypeKind::Float, Datum::Float(value)) => Some(Number::Float(*value)),
        _ => None,
    }
}

/// Whether values of a type have addresses in them.
fn has_pointers(known: &mut Known, id: TypeId, depth: u32) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return true;
    };
    let Some(ty) = known.ty(id) else {
        return false;
    };
    match &ty.kind {
        TypeKind::Pointer(_) => true,
        TypeKind::Array { of: Some(of), .. } => has_pointers(known, *of, depth),
        TypeKind::Structure(members) => members
            .iter()
            .filter_map(|member| member.ty)
            .any(|ty| has_pointers(known, ty, depth)),
        _ => false,
    }
}

fn type_name(known: &mut Known, ty: Option<TypeId>) -> Arc<str> {
    let ty = ty.and_then(|ty| known.named_type(ty));
    ty.map_or_else(|| "?".into(), |ty| ty.name.clone())
}

/// The value of an integer outside of functions.
pub(super) fn counter(
    program: &mut Program,
    context: &mut ProbeContext<'_>,
    name: &str,
) -> Option<i64> {
    let mut view = View::new(program, context, 0)?;
    let statics = view.known().statics();
    let last = |variable: &&Variable| variable.name.rsplit("::").next() == Some(name);
    let exact = statics.iter().find(|variable| *variable.name == *name);
    let variable = exact.or_else(|| statics.iter().find(last))?;
    let value = view.variable(variable).ok()?;
    match number(view.known(), variable.ty?, &value)? {
        Number::Int(value) => i64::try_from(value).ok(),
        Number::Float(_) => None,
    }
}
