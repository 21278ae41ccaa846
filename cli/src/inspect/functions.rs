//! The table of a module's functions.

use std::{
    io::{self, Write},
    path::Path,
};

use probity_engine::{LoadError, Module};
use serde_json::json;

use super::all;
use crate::{output::printable, types::signature};

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
pub fn rows(module: &Module) -> Result<Vec<Row>, LoadError> {
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
                signature: signature(function.ty()),
                code,
            })
        })
        .collect()
}

/// A table, numbers right-aligned; the name stands last but the type, because
/// names can be very long.
pub fn write_text(rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
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
    Ok(())
}

/// The same as one document.
pub fn write_json(
    path: &Path,
    module: &Module,
    rows: &[Row],
    out: &mut dyn Write,
) -> io::Result<()> {
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
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}
