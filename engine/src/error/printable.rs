//! Names in messages. A module is not trusted, and its names may be anything: also
//! sequences that would make a terminal do things.

use std::borrow::Cow;
use std::fmt;

/// Text of a module's, shown without control characters.
pub(crate) struct Printable<'a>(pub(crate) &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl<'a> Printable<'a> {
    pub(crate) fn text(&self) -> Cow<'a, str> {
        if self.0.contains(char::is_control) {
            Cow::Owned(self.0.replace(char::is_control, "\u{fffd}"))
        } else {
            Cow::Borrowed(self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(Printable("plain Ä").to_string(), "plain Ä");
        assert_eq!(Printable("\u{1b}[2J\r\n\0x").to_string(), "�[2J���x");
    }
}
