//! The table of a module's functions; and the types and tags that have no
//! function to be seen at.

use std::{
    io::{self, Write},
    path::Path,
};

use probity_engine::{LoadError, Module};
use serde_json::json;

use super::{all, types::Types};
use crate::output::printable;

/// One function.
pub struct Row {
    index: u32,
    name: String,
    signature: String,
    /// `None` for imports.
    code: Option<Code>,
}

/// Where a function's body is and how large.
struct Code {
    /// Byte offset in the module of the body, locals declarations included.
    offset: u32,
    bytes: u32,
    /// Operators, structured markers and the last `end` included.
    instructions: usize,
}

/// Reads every function; fails with the first body that cannot be read.
pub fn rows(module: &Module, types: &Types<'_>) -> Result<Vec<Row>, LoadError> {
    all(module)
        .map(|function| {
            let code = match function.body() {
                None => None,
                Some(body) => Some(Code {
                    offset: body.start,
                    bytes: body.end - body.start,
                    instructions: function.operators()?.len(),
                }),
            };
            Ok(Row {
                index: function.index(),
                name: function.name().map_or_else(String::new, |n| n.into_owned()),
                signature: types.signature(function.ty()),
                code,
            })
        })
        .collect()
}

/// A table, numbers right-aligned; the name stands last but the type, because
/// names can be very long.
pub fn write_text(
    module: &Module,
    types: &Types<'_>,
    rows: &[Row],
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(
        out,
        "{:>6}  {:>10}  {:>8}  {:>7}  name and type",
        "index", "offset", "bytes", "instrs"
    )?;
    for row in rows {
        let name = if row.name.is_empty() {
            "-".into()
        } else {
            printable(&row.name)
        };
        match &row.code {
            Some(code) => write!(
                out,
                "{:6}  {:>10}  {:8}  {:7}  {name}",
                row.index,
                format!("{:#x}", code.offset),
                code.bytes,
                code.instructions
            )?,
            None => write!(
                out,
                "{:6}  {:>10}  {:>8}  {:>7}  {name}",
                row.index, "import", "-", "-"
            )?,
        }
        if !row.signature.is_empty() {
            write!(out, " {}", row.signature)?;
        }
        writeln!(out)?;
    }
    let mut heading = Some("\n type  structure or array");
    for (index, ty) in types.objects() {
        if let Some(heading) = heading.take() {
            writeln!(out, "{heading}")?;
        }
        writeln!(out, "{index:5}  {ty}")?;
    }
    let mut heading = Some("\n  tag  what its exceptions carry");
    for index in 0..module.num_tags() {
        if let Some(heading) = heading.take() {
            writeln!(out, "{heading}")?;
        }
        let ty = types.tag(index).filter(|ty| !ty.is_empty());
        writeln!(out, "{index:5}  {}", ty.as_deref().unwrap_or("-"))?;
    }
    Ok(())
}

/// The same as one document.
pub fn write_json(
    path: &Path,
    module: &Module,
    types: &Types<'_>,
    rows: &[Row],
    out: &mut dyn Write,
) -> io::Result<()> {
    let objects = types
        .objects()
        .map(|(index, ty)| json!({"index": index, "type": ty}));
    let objects: Vec<_> = objects.collect();
    let tags: Vec<_> = (0..module.num_tags())
        .map(|index| json!({"index": index, "type": types.tag(index)}))
        .collect();
    let functions: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "index": row.index,
                "name": (!row.name.is_empty()).then_some(&row.name),
                "type": row.signature,
                "import": row.code.is_none(),
                "offset": row.code.as_ref().map(|c| c.offset),
                "bytes": row.code.as_ref().map(|c| c.bytes),
                "instructions": row.code.as_ref().map(|c| c.instructions),
            })
        })
        .collect();
    let document = json!({
        "schema": 1,
        "module": {
            "path": path.display().to_string(),
            "bytes": module.bytes().len(),
            "name": module.name(),
        },
        "functions": functions,
        "types": objects,
        "tags": tags,
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}
