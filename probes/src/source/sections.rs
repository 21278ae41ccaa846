//! The parts of a module that say where it came from.

use probity_engine::wasmparser::{Chunk, Parser, Payload};

/// Name and contents of a custom section.
type Custom<'m> = (&'m str, &'m [u8]);

/// Custom sections, and where the code is.
pub(super) struct Sections<'m> {
    /// Start of the code section's contents.
    pub code: u32,
    custom: Vec<Custom<'m>>,
}

impl<'m> Sections<'m> {
    /// `None` if there is no code.
    pub fn new(bytes: &'m [u8]) -> Option<Sections<'m>> {
        let (code, custom) = read(bytes)?;
        Some(Sections {
            code: code?,
            custom,
        })
    }

    /// The same code, with the custom sections of another file.
    pub fn with_custom_of<'f>(&self, bytes: &'f [u8]) -> Sections<'f> {
        Sections {
            code: self.code,
            custom: read(bytes).map_or_else(Vec::new, |(_, custom)| custom),
        }
    }

    /// The contents of the first custom section of a name.
    pub fn custom(&self, name: &str) -> Option<&'m [u8]> {
        let section = self.custom.iter().find(|(other, _)| *other == name);
        section.map(|&(_, data)| data)
    }
}

/// Start of the code section's contents, if there is one, and the custom sections.
fn read(bytes: &[u8]) -> Option<(Option<u32>, Vec<Custom<'_>>)> {
    let mut parser = Parser::new(0);
    let mut rest = bytes;
    let mut code = None;
    let mut custom = Vec::new();
    loop {
        let Chunk::Parsed { consumed, payload } = parser.parse(rest, true).ok()? else {
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
            Payload::End(_) => return Some((code, custom)),
            _ => {}
        }
    }
}
