//! What one function is compiled to, as the engine explains it.

use std::io::{self, Write};

pub use probity_engine::Explain;
use probity_engine::{FunctionInfo, Module};
use serde_json::json;

use crate::output::printable;

fn key(what: Explain) -> &'static str {
    match what {
        Explain::Clif => "clif",
        Explain::Asm => "asm",
        Explain::Sites => "sites",
    }
}

/// One explanation, ready to be written.
pub struct View {
    index: u32,
    name: Option<String>,
    what: Explain,
    text: String,
}

impl View {
    /// Has the function explained.
    pub fn new(module: &Module, function: FunctionInfo<'_>, what: Explain) -> Result<View, String> {
        let index = function.index();
        if function.is_import() {
            return Err(format!("function {index} is imported: it has no code"));
        }
        Ok(View {
            index,
            name: function.name().map(|n| n.into_owned()),
            what,
            text: module.explain(index, what)?,
        })
    }

    /// For people.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for line in self.text.lines() {
            writeln!(out, "{}", printable(line))?;
        }
        Ok(())
    }

    /// One document.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let document = json!({
            "schema": 1,
            "function": {
                "index": self.index,
                "name": self.name,
                key(self.what): self.text,
            },
        });
        serde_json::to_writer_pretty(&mut *out, &document)?;
        writeln!(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View {
        View {
            index: 3,
            name: Some("fib".to_owned()),
            what: Explain::Asm,
            text: "; wasm pc 0x40\n   0  c3  ret \u{1b}[2J\n".to_owned(),
        }
    }

    #[test]
    fn text_is_safe_for_a_terminal() {
        let mut out = Vec::new();
        view().write_text(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "; wasm pc 0x40\n   0  c3  ret \u{fffd}[2J\n"
        );
    }

    #[test]
    fn json_has_the_text_under_its_name() {
        let mut out = Vec::new();
        view().write_json(&mut out).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(document["function"]["index"], 3);
        assert_eq!(document["function"]["name"], "fib");
        assert_eq!(document["function"]["asm"], view().text);
    }
}
