//! What is wrong with a rule, and where.

use std::fmt;
use std::ops::Range;

/// A rule that cannot be read. Displayed as its message alone; [`RuleError::shown`]
/// adds the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    text: String,
    span: Range<usize>,
    message: String,
}

impl RuleError {
    pub(super) fn new(text: &str, span: Range<usize>, message: impl Into<String>) -> RuleError {
        RuleError {
            text: text.to_owned(),
            span,
            message: message.into(),
        }
    }

    /// The bytes of the rule's text that are wrong; empty where something is missing.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// What is wrong, and what to write instead if that is known: a lowercase fragment.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where the span starts: the line and the character in it, both from 1.
    pub fn position(&self) -> (usize, usize) {
        let before = &self.text[..self.span.start];
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        (line, before[start..].chars().count() + 1)
    }

    /// Three lines: position and message, the line of the rule, and a caret below
    /// each character that is wrong. Control characters are replaced.
    ///
    /// ```
    /// use probity_probes::rule::Rule;
    ///
    /// let error = Rule::parse("call / agr0 == 1 /").unwrap_err();
    /// assert_eq!(error.shown(), "\
    /// column 8: unknown variable `agr0`; did you mean `arg0`?
    ///   call / agr0 == 1 /
    ///          ^^^^");
    /// ```
    pub fn shown(&self) -> String {
        let (line, column) = self.position();
        let shown = self.text.lines().nth(line - 1).unwrap_or("");
        let shown: String = shown
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let wrong = self.text[self.span.clone()].lines().next().unwrap_or("");
        let carets = "^".repeat(wrong.chars().count().max(1));
        let place = match self.text.contains('\n') {
            true => format!("line {line}, column {column}"),
            false => format!("column {column}"),
        };
        let blank = " ".repeat(column - 1);
        format!("{place}: {}\n  {shown}\n  {blank}{carets}", self.message)
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RuleError {}
