//! The name section, read when somebody first asks for a name: programs of tens of
//! megabytes have megabytes of names, and a run without a report needs none.
//!
//! Custom sections cannot make a module invalid, so what is malformed is ignored: reading
//! stops at the first error and keeps what it has.

use std::ops::Range;

use wasmparser::{BinaryReader, Name, NameSectionReader};

use super::{ExternIndex, ImportKind, ModuleInner};

/// Names found in a module; text stays in the module's bytes.
#[derive(Default)]
pub(crate) struct Names {
    module: Option<Span>,
    /// Sorted by function index.
    functions: Vec<(u32, Span)>,
    /// First export of each exported function, sorted by function index: (function, position
    /// in the list of exports).
    exported: Vec<(u32, u32)>,
    /// Of each imported function the position in the list of imports.
    imported: Vec<u32>,
}

/// Where a name's text is in the module: offset and length in bytes.
#[derive(Clone, Copy)]
struct Span {
    start: u32,
    len: u32,
}

impl Span {
    fn of(text: &str, within: &[u8]) -> Span {
        let start = text.as_ptr().addr() - within.as_ptr().addr();
        // Modules are smaller than 4 GiB.
        Span {
            start: start as u32,
            len: text.len() as u32,
        }
    }

    fn get(self, bytes: &[u8]) -> Option<&str> {
        let start = self.start as usize;
        std::str::from_utf8(bytes.get(start..start + self.len as usize)?).ok()
    }
}

impl Names {
    /// Reads the names of a module.
    pub(crate) fn read(module: &ModuleInner) -> Names {
        let mut names = Names::default();
        if let Some(section) = &module.name_section {
            names.read_section(&module.bytes, section);
        }
        for (position, export) in (0..).zip(&module.exports) {
            if let ExternIndex::Func(index) = export.index {
                names.exported.push((index, position));
            }
        }
        for (position, import) in (0..).zip(&module.imports) {
            if let ImportKind::Func(_) = import.kind {
                names.imported.push(position);
            }
        }
        // Stable sorts: of several names the first wins.
        names.functions.sort_by_key(|&(index, _)| index);
        names.functions.dedup_by_key(|&mut (index, _)| index);
        names.exported.sort_by_key(|&(index, _)| index);
        names.exported.dedup_by_key(|&mut (index, _)| index);
        names
    }

    fn read_section(&mut self, bytes: &[u8], section: &Range<usize>) {
        let Some(data) = bytes.get(section.clone()) else {
            return;
        };
        let reader = NameSectionReader::new(BinaryReader::new(data, section.start as u64));
        for subsection in reader {
            match subsection {
                Ok(Name::Module { name, .. }) => self.module = Some(Span::of(name, bytes)),
                Ok(Name::Function(map)) => {
                    // Not through the map itself, which insists on ascending indices.
                    for naming in map.names {
                        let Ok(naming) = naming else { return };
                        let span = Span::of(naming.name, bytes);
                        self.functions.push((naming.index, span));
                    }
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    pub(crate) fn module<'a>(&self, bytes: &'a [u8]) -> Option<&'a str> {
        self.module?.get(bytes)
    }

    /// Name of a function by the name section; an empty one is none.
    pub(crate) fn function<'a>(&self, index: u32, bytes: &'a [u8]) -> Option<&'a str> {
        let at = self
            .functions
            .binary_search_by_key(&index, |&(i, _)| i)
            .ok()?;
        self.functions[at]
            .1
            .get(bytes)
            .filter(|name| !name.is_empty())
    }

    /// Position in the list of exports of the first one of a function.
    pub(crate) fn first_export(&self, index: u32) -> Option<usize> {
        let at = self
            .exported
            .binary_search_by_key(&index, |&(i, _)| i)
            .ok()?;
        Some(self.exported[at].1 as usize)
    }

    /// Position in the list of imports of an imported function.
    pub(crate) fn import(&self, index: u32) -> Option<usize> {
        Some(*self.imported.get(index as usize)? as usize)
    }
}
