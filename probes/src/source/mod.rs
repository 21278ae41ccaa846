//! From code to its source: lines, functions and what is inlined in them.
//!
//! A module says it by DWARF in its custom sections, or in those of a file that its section
//! `external_debug_info` names, or by a source map in a file that its section `sourceMappingURL` names. What is not there, or cannot be read, is not known: debug
//! information is an addition, never a reason to fail. Then functions still have the names of
//! the name section, and code has offsets.
//!
//! ```
//! use probity_engine::{Engine, Module, WasmPc};
//! use probity_probes::source::{Origin, Source};
//!
//! let module = Module::new(&Engine::default(), "(module (func $f nop))")?;
//! let source = Source::new(&module, Origin::default());
//! assert!(source.map().is_none()); // neither DWARF nor a source map
//! let frames = source.frames(0, WasmPc(0));
//! assert_eq!(&*frames[0].function, "f");
//! # Ok::<(), probity_engine::LoadError>(())
//! ```

mod dwarf;
mod file;
mod functions;
mod line_range;
mod lines;
mod mappings;
mod paths;
mod sections;
mod types;
mod variables;

use std::cell::OnceCell;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use probity_engine::{Module, WasmPc};

pub use functions::{FunctionCode, Inlined, SourceFunction};
pub use line_range::{LineRange, is_file};
pub use types::{Member, Type, TypeId, TypeKind};
pub use variables::{Base, Place, Variable};

use crate::demangle::demangle;
use dwarf::Reading;
use functions::FunctionTable;
use lines::LineTable;
use sections::Sections;

/// Where a module came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Its file, beside which files that it names may be.
    pub path: Option<PathBuf>,
    /// A source map to use, whatever the module says itself.
    pub source_map: Option<PathBuf>,
}

/// What is known of a module's source, read when it is first asked for: a module of tens of
/// megabytes may run without anyone asking.
pub struct Source {
    module: Module,
    origin: Origin,
    map: OnceCell<Result<Option<SourceMap>, String>>,
}

/// A place in the source that is being executed: the code's own, or where a function is
/// inlined.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SourceFrame {
    /// The function, demangled; by the name section if nothing else has it, else `func[i]`.
    pub function: Arc<str>,
    /// The line in it.
    pub place: Option<SourceLine>,
    /// The column there, from 1; 0 if that is not known.
    pub column: u32,
}

impl Source {
    /// Reads nothing yet.
    pub fn new(module: &Module, origin: Origin) -> Source {
        Source {
            module: module.clone(),
            origin,
            map: OnceCell::new(),
        }
    }

    /// Where the module came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What there is; `None` if the module does not say which lines it is of.
    pub fn map(&self) -> Option<&SourceMap> {
        self.read().as_ref().ok()?.as_ref()
    }

    /// Why a file that the module or the user names was not read, as a fragment that names it.
    pub fn problem(&self) -> Option<&str> {
        self.read().as_ref().err().map(String::as_str)
    }

    /// Whether anyone has asked for anything yet.
    pub fn was_asked(&self) -> bool {
        self.map.get().is_some()
    }

    fn read(&self) -> &Result<Option<SourceMap>, String> {
        self.map.get_or_init(|| self.find())
    }

    fn find(&self) -> Result<Option<SourceMap>, String> {
        if let Some(path) = &self.origin.source_map {
            return SourceMap::from_file(&self.module, path).map(Some);
        }
        if let Some(map) = SourceMap::new(&self.module) {
            return Ok(Some(map));
        }
        let Some(sections) = Sections::new(self.module.bytes()) else {
            return Ok(None);
        };
        let beside = |url: String| file::beside(&url, self.origin.path.as_deref());
        if let Some(url) = file::url(&sections, "external_debug_info") {
            return SourceMap::from_dwarf_file(&self.module, &beside(url)?).map(Some);
        }
        let Some(url) = file::url(&sections, "sourceMappingURL") else {
            return Ok(None);
        };
        match file::inline(&url) {
            Some(text) => SourceMap::from_text(&self.module, &text?).map(Some),
            None => SourceMap::from_file(&self.module, &beside(url)?).map(Some),
        }
    }

    /// The functions of the source that the operator at `pc` of the function `index` belongs to,
    /// from the innermost inlined one out. Never empty.
    pub fn frames(&self, index: u32, pc: WasmPc) -> Vec<SourceFrame> {
        let mut frames = self.map().map_or_else(Vec::new, |map| map.frames(pc));
        let own_name = || {
            let info = self.module.function(index);
            let name = info.as_ref().and_then(|info| info.name());
            let name = name.map(|name| demangle(&name).unwrap_or_else(|| name.into_owned()));
            name.unwrap_or_else(|| format!("func[{index}]")).into()
        };
        if frames.is_empty() {
            frames.push(SourceFrame {
                function: own_name(),
                place: self.map().and_then(|map| map.line(pc)),
                column: self.map().map_or(0, |map| map.column(pc)),
            });
        }
        frames
    }
}

/// The source of one module's code.
pub struct SourceMap {
    module: Module,
    /// The file that has the DWARF, if that is not the module.
    dwarf: Option<Vec<u8>>,
    lines: OnceCell<LineTable>,
    functions: OnceCell<FunctionTable>,
}

/// A place in a source file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceLine {
    /// Path as the compiler had it.
    pub file: Arc<str>,
    /// Line from 1; 0 where the compiler does not say.
    pub line: u32,
}

impl fmt::Display for SourceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

/// Neighbouring code of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceRow<'s> {
    /// First byte, as an offset in the module.
    pub start: u32,
    /// Behind the last byte.
    pub end: u32,
    /// Path as the compiler had it.
    pub file: &'s Arc<str>,
    /// Line from 1; 0 where the compiler does not say.
    pub line: u32,
    /// Column from 1; 0 where the compiler does not say.
    pub column: u32,
}

impl SourceMap {
    /// What a module's DWARF says, read when it is first asked for; `None` if the module has
    /// no lines.
    pub fn new(module: &Module) -> Option<SourceMap> {
        Sections::new(module.bytes())?.custom(".debug_line")?;
        Some(SourceMap {
            module: module.clone(),
            dwarf: None,
            lines: OnceCell::new(),
            functions: OnceCell::new(),
        })
    }

    /// What a source map in a file says.
    ///
    /// # Errors
    /// If the file cannot be read or is no source map; the message names it.
    pub fn from_file(module: &Module, path: &Path) -> Result<SourceMap, String> {
        let text = file::read(path);
        text.and_then(|text| SourceMap::from_text(module, &text))
            .map_err(|e| format!("read source map `{}`: {e}", path.display()))
    }

    /// What the text of a source map says.
    ///
    /// # Errors
    /// If it is none.
    pub fn from_text(module: &Module, text: &[u8]) -> Result<SourceMap, String> {
        let lines = mappings::read(text, module.bytes().len() as u32)?;
        Ok(SourceMap {
            module: module.clone(),
            dwarf: None,
            lines: lines.into(),
            functions: OnceCell::from(FunctionTable::default()),
        })
    }

    /// What the DWARF in another file says, as compilers write it that keep it apart
    /// (`external_debug_info`).
    ///
    /// # Errors
    /// If the file cannot be read; the message names it.
    pub fn from_dwarf_file(module: &Module, path: &Path) -> Result<SourceMap, String> {
        let dwarf = file::read(path)
            .map_err(|e| format!("read debug information `{}`: {e}", path.display()))?;
        Ok(SourceMap {
            module: module.clone(),
            dwarf: Some(dwarf),
            lines: OnceCell::new(),
            functions: OnceCell::new(),
        })
    }

    fn sections(&self) -> Option<Sections<'_>> {
        let own = Sections::new(self.module.bytes())?;
        Some(match &self.dwarf {
            Some(dwarf) => own.with_custom_of(dwarf),
            None => own,
        })
    }

    fn lines(&self) -> &LineTable {
        self.lines.get_or_init(|| {
            let sections = self.sections();
            sections.map_or_else(LineTable::default, |sections| dwarf::lines(&sections))
        })
    }

    fn functions(&self) -> &FunctionTable {
        self.functions.get_or_init(|| {
            let sections = self.sections();
            sections.map_or_else(FunctionTable::default, |sections| {
                dwarf::functions(&sections)
            })
        })
    }

    /// The line that the operator at `pc` was made from.
    pub fn line(&self, pc: WasmPc) -> Option<SourceLine> {
        let row = self.lines().at(pc.0)?;
        Some(SourceLine {
            file: self.lines().path(row.file)?.clone(),
            line: row.line,
        })
    }

    /// The column of it, from 1; 0 if that is not known.
    pub fn column(&self, pc: WasmPc) -> u32 {
        self.lines().at(pc.0).map_or(0, |row| row.column)
    }

    /// Which lines the code of a range of the module is of, ascending: with the bodies of all
    /// functions, every line that has code at all.
    pub fn rows(&self, range: Range<u32>) -> impl Iterator<Item = SourceRow<'_>> {
        let rows = self.lines().within(range.clone()).iter();
        rows.filter_map(move |row| {
            Some(SourceRow {
                start: row.start.max(range.start),
                end: row.end.min(range.end),
                file: self.lines().path(row.file)?,
                line: row.line,
                column: row.column,
            })
        })
    }

    /// The function of the source whose code holds an offset, with what is inlined in it; source
    /// maps have none.
    pub fn function(&self, pc: WasmPc) -> Option<&FunctionCode> {
        self.functions().at(pc.0)
    }

    /// The variables in scope at the operator at `pc`, with those of inlined functions; inner
    /// scopes first. Reads what it needs at each call: for a debugger, which asks when it stops.
    pub fn variables(&self, pc: WasmPc) -> Vec<Variable> {
        let code = self.function(pc);
        let sections = self.sections();
        let Some((code, sections)) = code.zip(sections) else {
            return Vec::new();
        };
        let address = pc.0.saturating_sub(sections.code);
        Reading::new(&sections).variables(code.entry(), address.into())
    }

    /// The variables outside of all functions: C's of a file, Rust's statics by their path. Reads what it needs at each
    /// call.
    pub fn statics(&self) -> Vec<Variable> {
        let sections = self.sections();
        sections.map_or_else(Vec::new, |sections| Reading::new(&sections).statics())
    }

    /// A type of the source, as [`Variable::ty`] or another type names it.
    pub fn ty(&self, id: TypeId) -> Option<Type> {
        Reading::new(&self.sections()?).ty(id)
    }

    /// The functions of the source that the operator at `pc` belongs to, from the innermost
    /// inlined one out; empty if no function is known there.
    pub fn frames(&self, pc: WasmPc) -> Vec<SourceFrame> {
        let Some(code) = self.function(pc) else {
            return Vec::new();
        };
        let mut place = self.line(pc);
        let mut column = self.column(pc);
        let mut copy = code.innermost(pc.0);
        let mut frames = Vec::new();
        while let Some(inlined) = copy.and_then(|copy| code.inlined().get(copy as usize)) {
            frames.push(SourceFrame {
                function: inlined.function.name.clone(),
                place: std::mem::replace(&mut place, inlined.call.clone()),
                column: std::mem::replace(&mut column, inlined.call_column),
            });
            copy = inlined.parent;
        }
        frames.push(SourceFrame {
            function: code.function().name.clone(),
            place,
            column,
        });
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_engine::Engine;

    /// From `lines.c` beside it, by clang.
    const LINES: &[u8] = include_bytes!("../../tests/rules/lines.wasm");

    /// Operators of one byte at the borders between lines show that offsets are exact:
    /// the comparison of the loop's condition, the `return`, and the `end` behind it,
    /// which is of no line.
    #[test]
    fn lines_of_a_compiler() {
        let module = Module::new(&Engine::default(), LINES).expect("module");
        let map = SourceMap::new(&module).expect("lines");
        let function = module.function(0).expect("function");
        let operators = function.operators().expect("operators");
        let lines: Vec<String> = operators[3..8]
            .iter()
            .map(|(pc, _)| map.line(*pc).expect("a line").to_string())
            .collect();
        let at = |line: u32| format!("src/lines.c:{line}");
        assert_eq!(
            lines,
            [
                at(7),
                at(7),
                "src/lines.c".to_owned(),
                at(11),
                "src/lines.c".to_owned()
            ]
        );
        assert_eq!(map.line(WasmPc(0)), None);
    }

    #[test]
    fn without_lines() {
        let engine = Engine::default();
        for text in ["(module)", "(module (func nop))"] {
            let module = Module::new(&engine, text).expect("module");
            assert!(SourceMap::new(&module).is_none(), "{text}");
        }
        // Sections that claim to be DWARF and are not.
        let text = r#"(module (func nop) (@custom ".debug_line" "\ff\ff\ff")
            (@custom ".debug_info" "\01\02") (@custom ".debug_abbrev" "\00"))"#;
        let module = Module::new(&engine, text).expect("module");
        let (pc, _) = module
            .function(0)
            .expect("function")
            .operators()
            .expect("body")[0];
        let line = SourceMap::new(&module).and_then(|map| map.line(pc));
        assert_eq!(line, None);
    }
}
