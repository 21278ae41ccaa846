//! From code to source lines, by a module's DWARF.
//!
//! In Wasm, DWARF's addresses are byte offsets from the start of the contents of
//! the code section. What is not there, or cannot be read, is not known: debug
//! information is an addition, never a reason to fail.

use std::cell::OnceCell;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use addr2line::Context;
use gimli::{Dwarf, EndianArcSlice, LittleEndian};
use probity_engine::wasmparser::{Chunk, Parser, Payload};
use probity_engine::{Module, WasmPc};

type Reader = EndianArcSlice<LittleEndian>;

/// Where a module came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Its file, beside which others may be that belong to it.
    pub path: Option<PathBuf>,
}

/// What is known of a module's source, read when it is first asked for: a module of tens of
/// megabytes may run without anyone asking.
pub struct Source {
    module: Module,
    origin: Origin,
    map: OnceCell<Option<SourceMap>>,
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

    /// What there is; `None` if the module has no lines.
    pub fn map(&self) -> Option<&SourceMap> {
        let map = self.map.get_or_init(|| SourceMap::new(&self.module));
        map.as_ref()
    }
}

/// The source lines of one module.
pub struct SourceMap {
    context: Context<Reader>,
    /// Byte offset in the module that DWARF calls 0.
    code: u32,
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

impl SourceMap {
    /// Reads what there is; `None` if the module has no lines.
    pub fn new(module: &Module) -> Option<SourceMap> {
        let (code, sections) = sections(module.bytes())?;
        if !sections.iter().any(|(name, _)| *name == ".debug_line") {
            return None;
        }
        let load = |id: gimli::SectionId| {
            let found = sections.iter().find(|(name, _)| *name == id.name());
            let data = found.map_or(&[][..], |(_, data)| data);
            Ok::<Reader, gimli::Error>(Reader::new(data.into(), LittleEndian))
        };
        let context = Context::from_dwarf(Dwarf::load(load).ok()?).ok()?;
        Some(SourceMap { context, code })
    }

    /// The line that the operator at `pc` was made from.
    pub fn line(&self, pc: WasmPc) -> Option<SourceLine> {
        let address = u64::from(pc.0.checked_sub(self.code)?);
        let location = self.context.find_location(address).ok()??;
        Some(SourceLine {
            file: location.file?.into(),
            line: location.line.unwrap_or(0),
        })
    }
}

/// Name and contents of a custom section.
type Section<'m> = (&'m str, &'m [u8]);

/// Start of the code section's contents, and the custom sections.
fn sections(bytes: &[u8]) -> Option<(u32, Vec<Section<'_>>)> {
    let mut parser = Parser::new(0);
    let mut rest = bytes;
    let mut code = None;
    let mut custom = Vec::new();
    loop {
        let wasm = parser.parse(rest, true).ok()?;
        let Chunk::Parsed { consumed, payload } = wasm else {
            return None;
        };
        rest = rest.get(consumed..)?;
        match payload {
            Payload::CodeSectionStart {
                unchecked_range,
                size,
                ..
            } => {
                code = Some(u32::try_from(unchecked_range.start).ok()?);
                // The bodies are of no interest here.
                parser.skip_section();
                rest = rest.get(size as usize..)?;
            }
            Payload::CustomSection(section) => custom.push((section.name(), section.data())),
            Payload::End(_) => return Some((code?, custom)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_engine::Engine;

    /// From `lines.c` beside it, by clang.
    const LINES: &[u8] = include_bytes!("../tests/rules/lines.wasm");

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
