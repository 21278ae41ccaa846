//! Code objects: what functions, modules and classes are compiled to.

use std::sync::Arc;

use super::lines::{self, BYTES_MAX, LineRange};
use super::{Offsets, unicode};
use crate::guest::{GuestError, View};

/// Constants of a code object that are looked at.
const CONSTS_MAX: u32 = 1 << 16;

/// A code object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// What it was when it was read.
    pub identity: Identity,
    /// Its name, with the names of what it is in.
    pub name: Arc<str>,
    /// The file, as the guest names it.
    pub file: Arc<str>,
    /// The line where it begins; 0 for a module.
    pub first_line: u32,
    /// Lines of its instructions; empty if the table is damaged.
    pub lines: Vec<LineRange>,
    /// Why there are no lines.
    pub problem: Option<GuestError>,
}

/// Which code object is at an address: another one may come there when it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The object's address.
    pub address: u32,
    /// What numbers code objects as they are made.
    version: u32,
    file: u32,
    name: u32,
    table: u32,
    first_line: u32,
}

impl Identity {
    /// The identity of the code object at an address.
    pub fn read(memory: View<'_>, at: &Offsets, address: u32) -> Result<Identity, GuestError> {
        let field = |offset| memory.pointer("a code object", address, offset);
        Ok(Identity {
            address,
            version: field(at.code_version)?,
            file: field(at.filename)?,
            name: field(at.qualname)?,
            table: field(at.linetable)?,
            first_line: field(at.firstlineno)?,
        })
    }

    /// Address of its first instruction.
    pub fn start(&self, at: &Offsets) -> u32 {
        self.address.wrapping_add(at.code_adaptive)
    }
}

impl Code {
    /// Reads the code object at an address. One whose table of lines is damaged has none.
    ///
    /// # Errors
    /// It has no name or no file.
    pub fn read(memory: View<'_>, at: &Offsets, address: u32) -> Result<Code, GuestError> {
        let identity = Identity::read(memory, at, address)?;
        let lines = bytes(memory, at, identity.table)
            .and_then(|table| lines::decode(table, identity.first_line));
        let (lines, problem) = match lines {
            Ok(lines) => (lines, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        Ok(Code {
            identity,
            name: unicode::read(memory, at, identity.name)?.into(),
            file: unicode::read(memory, at, identity.file)?.into(),
            first_line: identity.first_line,
            lines,
            problem,
        })
    }

    /// Whether it is code of the interpreter's own, by which an `__init__` returns; it is named like a file.
    pub fn is_own(&self) -> bool {
        &*self.file == "__init__"
    }

    /// The line of an instruction's address.
    pub fn line(&self, at: &Offsets, instruction: u32) -> Option<u32> {
        let unit = instruction.checked_sub(self.identity.start(at))? / 2;
        let found = self.lines.partition_point(|range| range.end <= unit);
        self.lines.get(found)?.line
    }

    /// Bytes of its instructions, as far as there are lines for them.
    pub fn len(&self) -> u32 {
        2 * self.lines.last().map_or(0, |range| range.end)
    }

    /// Whether it has no instructions.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Addresses of the code objects among its constants: functions and classes that are defined inside.
    ///
    /// # Errors
    /// The constants cannot be read.
    pub fn nested(&self, memory: View<'_>, at: &Offsets) -> Result<Vec<u32>, GuestError> {
        const WHAT: &str = "the constants of a code object";
        let own = self.identity.address;
        let ty = memory.pointer(WHAT, own, at.ob_type)?;
        let tuple = memory.pointer(WHAT, own, at.consts)?;
        let len = memory.pointer(WHAT, tuple, at.tuple_size)?;
        if len > CONSTS_MAX {
            return Err(GuestError::TooLong(WHAT));
        }
        let mut nested = Vec::new();
        for i in 0..len {
            let item = u64::from(tuple) + u64::from(at.tuple_item) + 4 * u64::from(i);
            let item = memory.u32(WHAT, item)?;
            if memory.pointer(WHAT, item, at.ob_type)? == ty {
                nested.push(item);
            }
        }
        Ok(nested)
    }
}

/// The content of a `bytes` object.
fn bytes<'a>(memory: View<'a>, at: &Offsets, address: u32) -> Result<&'a [u8], GuestError> {
    const WHAT: &str = "a location table";
    let len = u64::from(memory.pointer(WHAT, address, at.bytes_size)?);
    if len > BYTES_MAX {
        return Err(GuestError::TooLong(WHAT));
    }
    memory.bytes(WHAT, u64::from(address) + u64::from(at.bytes_val), len)
}
