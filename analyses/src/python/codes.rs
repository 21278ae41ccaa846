//! The code objects that have been seen, and their lines.

use std::collections::HashMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::guest::cpython::{Code, Identity, LineRange, Offsets};
use crate::guest::{GuestError, View};

/// Code objects that are known by their address at a time; beyond that all are read anew.
const KNOWN_MAX: usize = 1 << 16;

/// Code objects inside of code objects that are looked at.
const NESTED_MAX: usize = 1 << 16;

/// What a function, module or class was compiled to. Equal code objects are one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Content {
    pub name: Arc<str>,
    pub file: Arc<str>,
    pub first_line: u32,
    /// Ranges of code units, each with an index of `lines`; `None` for what is of no line.
    pub ranges: Vec<(u32, u32, Option<u32>)>,
    /// The lines that it has, ascending. One at least: that where it begins.
    pub lines: Vec<u32>,
}

impl Content {
    fn of(code: &Code) -> Content {
        let own = code.lines.iter().filter_map(|range| range.line);
        let mut lines: Vec<u32> = own.chain([code.first_line]).collect();
        lines.sort_unstable();
        lines.dedup();
        let index = |line: u32| lines.binary_search(&line).ok().map(|at| at as u32);
        let ranges = code.lines.iter();
        let ranges =
            ranges.map(|&LineRange { start, end, line }| (start, end, line.and_then(index)));
        Content {
            name: code.name.clone(),
            file: code.file.clone(),
            first_line: code.first_line,
            ranges: ranges.collect(),
            lines,
        }
    }

    /// The line where it begins, as an index of its lines.
    pub fn first(&self) -> u32 {
        let at = self.lines.binary_search(&self.first_line);
        at.map_or(0, |at| at as u32)
    }

    /// The range of a code unit, as an index; `None` behind the last. Quickly, if it is the guess.
    #[inline]
    pub fn range(&self, unit: u32, guess: u32) -> Option<usize> {
        let guessed = self.ranges.get(guess as usize);
        if guessed.is_some_and(|&(start, end, _)| start <= unit && unit < end) {
            return Some(guess as usize);
        }
        let at = self.ranges.partition_point(|&(_, end, _)| end <= unit);
        (at < self.ranges.len()).then_some(at)
    }

    /// Bytes of its instructions; without lines any number.
    #[inline]
    pub fn bytes(&self) -> u32 {
        self.ranges.last().map_or(1 << 24, |&(_, end, _)| 2 * end)
    }

    /// Whether it is code of the interpreter's own, by which an `__init__` returns. It is named like a file.
    pub fn is_own(&self) -> bool {
        &*self.file == "__init__"
    }

    /// Whether it is a whole file, and no function or class of it.
    pub fn is_module(&self) -> bool {
        &*self.name == "<module>"
    }

    /// Whether a line has code of its own, rather than what a call begins with alone.
    pub fn has_code(&self, line: u32) -> bool {
        let of = |&(_, _, at): &(u32, u32, Option<u32>)| at == Some(line);
        self.ranges.iter().any(of)
    }
}

/// All that have been seen.
#[derive(Default)]
pub(super) struct Codes {
    pub all: Vec<Arc<Content>>,
    by_content: HashMap<Arc<Content>, u32>,
    by_address: FxHashMap<u32, (Identity, u32)>,
    /// Those that have no lines because their tables are damaged.
    pub damaged: u64,
}

impl Codes {
    /// The code object at an address, as an index of `all`, and the address of its first instruction. Those inside it are looked
    /// at, too, if it is a new one and `with_nested`.
    pub fn at(
        &mut self,
        memory: View<'_>,
        offsets: &Offsets,
        address: u32,
        with_nested: bool,
    ) -> Result<(u32, u32), GuestError> {
        let identity = Identity::read(memory, offsets, address)?;
        let start = identity.start(offsets);
        if let Some(&(known, index)) = self.by_address.get(&address)
            && known == identity
        {
            return Ok((index, start));
        }
        let code = Code::read(memory, offsets, address)?;
        let index = self.add(&code);
        if with_nested {
            self.add_nested(memory, offsets, code);
        }
        Ok((index, start))
    }

    fn add(&mut self, code: &Code) -> u32 {
        self.damaged += u64::from(code.problem.is_some());
        let content = Content::of(code);
        let index = match self.by_content.get(&content) {
            Some(&index) => index,
            None => {
                let content = Arc::new(content);
                let index = self.all.len() as u32;
                self.all.push(content.clone());
                self.by_content.insert(content, index);
                index
            }
        };
        if self.by_address.len() >= KNOWN_MAX {
            self.by_address.clear();
        }
        self.by_address
            .insert(code.identity.address, (code.identity, index));
        index
    }

    /// What cannot be read of those inside is left out.
    fn add_nested(&mut self, memory: View<'_>, offsets: &Offsets, code: Code) {
        let mut rest = vec![code];
        let mut seen = 0;
        while let Some(code) = rest.pop() {
            for address in code.nested(memory, offsets).unwrap_or_default() {
                seen += 1;
                let known = self.by_address.get(&address);
                let identity = Identity::read(memory, offsets, address);
                if seen > NESTED_MAX || known.is_some_and(|(id, _)| Ok(*id) == identity) {
                    continue;
                }
                if let Ok(code) = Code::read(memory, offsets, address) {
                    self.add(&code);
                    rest.push(code);
                }
            }
        }
    }
}
