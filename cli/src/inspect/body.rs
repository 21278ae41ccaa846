//! The bytecode of one function, nested, with offsets and branch targets.

use std::io::{self, Write};

use probity_engine::{
    FunctionInfo, LoadError, Module, WasmPc,
    wasmparser::{Catch, Operator},
};
use probity_probes::events::{Allocation, allocations};
use probity_probes::labels::depths;
use probity_probes::operator;
use serde_json::json;

use super::types::Types;
use crate::output::printable;

/// A function's code, ready to be written.
pub struct Body {
    index: u32,
    name: Option<String>,
    signature: String,
    /// Byte range in the module; `None` for an import.
    range: Option<std::ops::Range<u32>>,
    num_params: usize,
    /// Types of parameters and locals.
    locals: Vec<String>,
    lines: Vec<Line>,
}

/// One operator.
struct Line {
    pc: u32,
    depth: usize,
    text: String,
    /// Offsets of the operators that control can branch to, in the order of
    /// the immediates (the default of a `br_table` last).
    targets: Vec<u32>,
    note: Option<Note>,
}

/// What an operator's index stands for.
enum Note {
    /// A function's name.
    Function(String),
    /// A type, as far as it fits a line.
    Type(String),
}

impl Body {
    /// Reads the function.
    pub fn new(module: &Module, function: FunctionInfo<'_>) -> Result<Body, LoadError> {
        let import = function.is_import();
        let types = Types::new(module);
        let locals = match import {
            true => function.ty().params().to_vec(),
            false => function.local_types()?,
        };
        Ok(Body {
            index: function.index(),
            name: function.name().map(|n| n.into_owned()),
            signature: types.signature(function.ty()),
            range: function.body(),
            num_params: function.ty().params().len(),
            locals: locals.into_iter().map(|ty| types.value(ty)).collect(),
            lines: if import {
                Vec::new()
            } else {
                lines(module, &types, &function)?
            },
        })
    }

    /// For people.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "func[{}]", self.index)?;
        if let Some(name) = &self.name {
            write!(out, " {}", printable(name))?;
        }
        if !self.signature.is_empty() {
            write!(out, " {}", self.signature)?;
        }
        let Some(range) = &self.range else {
            return writeln!(out, ": imported");
        };
        writeln!(
            out,
            ": {} bytes at {:#x}, {} instructions",
            range.end - range.start,
            range.start,
            self.lines.len()
        )?;
        for (i, ty) in self.locals.iter().enumerate() {
            let what = if i < self.num_params {
                "param"
            } else {
                "local"
            };
            writeln!(out, "  {what} {i}: {ty}")?;
        }
        let width = format!("{:#x}", range.end).len();
        for line in &self.lines {
            let indent = 2 * line.depth;
            write!(
                out,
                "{:>width$}  {:indent$}{}",
                format!("{:#x}", line.pc),
                "",
                line.text
            )?;
            if !line.targets.is_empty() {
                let targets: Vec<String> =
                    line.targets.iter().map(|pc| format!("{pc:#x}")).collect();
                write!(out, "  -> {}", targets.join(" "))?;
            }
            match &line.note {
                Some(Note::Function(name)) => write!(out, "  ; {}", printable(name))?,
                Some(Note::Type(ty)) => write!(out, "  ; {ty}")?,
                None => {}
            }
            writeln!(out)?;
        }
        Ok(())
    }

    /// One document.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let code: Vec<_> = self
            .lines
            .iter()
            .map(|line| {
                let (callee, ty) = match &line.note {
                    Some(Note::Function(name)) => (Some(name), None),
                    Some(Note::Type(ty)) => (None, Some(ty)),
                    None => (None, None),
                };
                json!({
                    "pc": line.pc,
                    "depth": line.depth,
                    "text": line.text,
                    "targets": line.targets,
                    "callee": callee,
                    "type": ty,
                })
            })
            .collect();
        let document = json!({
            "schema": 1,
            "function": {
                "index": self.index,
                "name": self.name,
                "type": self.signature,
                "import": self.range.is_none(),
                "offset": self.range.as_ref().map(|r| r.start),
                "bytes": self.range.as_ref().map(|r| r.end - r.start),
                "locals": self.locals,
                "code": code,
            },
        });
        serde_json::to_writer_pretty(&mut *out, &document)?;
        writeln!(out)
    }
}

/// Where a branch to a label leads.
struct Label {
    /// Index of the operator that opens the block; `None` for the function.
    opener: Option<usize>,
    is_loop: bool,
}

/// The operators with nesting and targets.
fn lines(
    module: &Module,
    types: &Types<'_>,
    function: &FunctionInfo<'_>,
) -> Result<Vec<Line>, LoadError> {
    let operators = function.operators()?;
    let ends = ends(&operators);
    let last = operators.last().map_or(0, |(pc, _)| pc.0);
    let mut labels = vec![Label {
        opener: None,
        is_loop: false,
    }];
    let mut lines = Vec::with_capacity(operators.len());
    for (i, (pc, op)) in operators.iter().enumerate() {
        let target = |depth: u32| -> Option<u32> {
            let from_top = usize::try_from(depth).ok()?.checked_add(1)?;
            let label = labels.get(labels.len().checked_sub(from_top)?)?;
            Some(match label.opener {
                None => last,
                Some(opener) if label.is_loop => operators[opener].0.0,
                Some(opener) => ends[opener].map_or(last, |end| operators[end].0.0),
            })
        };
        let targets: Vec<u32> = branch_depths(op).into_iter().filter_map(target).collect();
        // `else` and `end` stand where their block began.
        let closes = matches!(
            op,
            Operator::End | Operator::Else | Operator::Catch { .. } | Operator::CatchAll
        );
        let depth = labels.len().saturating_sub(1 + usize::from(closes));
        lines.push(Line {
            pc: pc.0,
            depth,
            text: operator::text(op),
            targets,
            note: note(module, types, op),
        });
        if opens(op) {
            labels.push(Label {
                opener: Some(i),
                is_loop: matches!(op, Operator::Loop { .. }),
            });
        } else if matches!(op, Operator::End | Operator::Delegate { .. }) {
            labels.pop();
        }
    }
    Ok(lines)
}

fn opens(op: &Operator<'_>) -> bool {
    matches!(
        op,
        Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. }
            | Operator::Try { .. }
    )
}

/// For each operator that opens a block, the index of the one that ends it.
fn ends(operators: &[(probity_engine::WasmPc, Operator<'_>)]) -> Vec<Option<usize>> {
    let mut ends = vec![None; operators.len()];
    let mut open = Vec::new();
    for (i, (_, op)) in operators.iter().enumerate() {
        if opens(op) {
            open.push(i);
        } else if matches!(op, Operator::End | Operator::Delegate { .. })
            && let Some(opener) = open.pop()
        {
            ends[opener] = Some(i);
        }
    }
    ends
}

/// Relative depths of the labels an operator can branch to.
fn branch_depths(op: &Operator<'_>) -> Vec<u32> {
    match op {
        Operator::TryTable { try_table } => try_table
            .catches
            .iter()
            .map(|catch| match catch {
                Catch::One { label, .. }
                | Catch::OneRef { label, .. }
                | Catch::All { label }
                | Catch::AllRef { label } => *label,
            })
            .collect(),
        op => depths(op),
    }
}

/// Bytes of a type that a note has; types can be very long.
const TYPE_BYTES_MAX: usize = 80;

fn note(module: &Module, types: &Types<'_>, op: &Operator<'_>) -> Option<Note> {
    let name = |index: u32| {
        let name = module.function(index)?.name()?;
        Some(Note::Function(name.into_owned()))
    };
    let ty = |text: String| match text.len() {
        0 => None,
        1..=TYPE_BYTES_MAX => Some(Note::Type(text)),
        _ => {
            let end = text.floor_char_boundary(TYPE_BYTES_MAX);
            Some(Note::Type(format!("{} ...", &text[..end])))
        }
    };
    match *op {
        Operator::Call { function_index }
        | Operator::ReturnCall { function_index }
        | Operator::RefFunc { function_index } => name(function_index),
        Operator::CallIndirect { type_index, .. }
        | Operator::ReturnCallIndirect { type_index, .. }
        | Operator::CallRef { type_index }
        | Operator::ReturnCallRef { type_index } => {
            ty(types.signature(module.func_type(type_index)?))
        }
        Operator::Throw { tag_index } => ty(types.tag(tag_index)?),
        _ => match allocations(&[(WasmPc(0), op.clone())])[..] {
            [Allocation { type_index, .. }] => ty(types.defined(type_index)?),
            _ => None,
        },
    }
}
