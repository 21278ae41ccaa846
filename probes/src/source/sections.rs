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
                Payload::End(_) => {
                    return Some(Sections {
                        code: code?,
                        custom,
                    });
                }
                _ => {}
            }
        }
    }

    /// The contents of the first custom section of a name.
    pub fn custom(&self, name: &str) -> Option<&'m [u8]> {
        let section = self.custom.iter().find(|(other, _)| *other == name);
        section.map(|&(_, data)| data)
    }
}
