//! The texts that `print` fills in.

use std::fmt::Write as _;

use super::value::Value;

/// A format: literal pieces with a value behind each but the last.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Format {
    pieces: Vec<(String, Style)>,
    last: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Style {
    Plain,
    Hex,
}

impl Format {
    /// Reads `{}` and `{:x}`; `{{` and `}}` are braces.
    pub fn parse(text: &str) -> Result<Format, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            let known = [
                ("{{", None),
                ("}}", None),
                ("{}", Some(Style::Plain)),
                ("{:x}", Some(Style::Hex)),
            ];
            let found = known.iter().find(|(mark, _)| rest.starts_with(mark));
            let Some((mark, style)) = found else {
                return Err(
                    "in a format there are `{}`, `{:x}` for hexadecimal, and `{{` and `}}` for braces"
                        .to_owned(),
                );
            };
            match style {
                Some(style) => pieces.push((std::mem::take(&mut literal), *style)),
                None => literal.push_str(&mark[..1]),
            }
            rest = &rest[mark.len()..];
        }
        literal.push_str(rest);
        let last = literal;
        Ok(Format { pieces, last })
    }

    /// How many values it takes.
    pub fn values(&self) -> usize {
        self.pieces.len()
    }

    /// The text, of as many values as it takes.
    pub fn fill(&self, values: impl Iterator<Item = Value>) -> String {
        let mut text = String::new();
        for ((literal, style), value) in self.pieces.iter().zip(values) {
            text.push_str(literal);
            // Writing to a `String` does not fail.
            let _ = match style {
                Style::Plain => write!(text, "{value}"),
                Style::Hex => write!(text, "{value:x}"),
            };
        }
        text.push_str(&self.last);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let values = || [Value::Int(255), Value::from("x")].into_iter();
        for (text, count, expected) in [
            ("plain", 0, "plain"),
            ("{} and {}", 2, "255 and x"),
            ("{:x}{{}}", 1, "ff{}"),
            ("{}", 1, "255"),
        ] {
            let format = Format::parse(text).expect(text);
            assert_eq!(
                (format.values(), format.fill(values()).as_str()),
                (count, expected)
            );
        }
        for bad in ["{", "}", "{:d}", "a {b}"] {
            assert!(Format::parse(bad).is_err(), "{bad}");
        }
    }
}
