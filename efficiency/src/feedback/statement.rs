//! A statement: words, and the facts that it rests on.
//!
//! Numbers get into a statement as facts only; a fact has its value as measured, how it is shown, and where in the results it
//! is from. So a statement without evidence cannot be written.

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::shown::clean;

/// What a statement is about, in the order of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Heading {
    /// Whether it is right, and what it costs.
    Status,
    /// Why it is not right.
    Failed,
    /// What makes it suspect.
    Flags,
    /// How cost grows.
    Growth,
    /// Where cost is.
    Hot,
    /// Allocations and caches.
    Memory,
    /// Branches.
    Branch,
    /// What no test executes.
    Untested,
    /// What may be done about it: advice.
    Patterns,
    /// What the last change did.
    Change,
}

impl Heading {
    /// What stands before its statements.
    pub(super) fn label(self) -> &'static str {
        match self {
            Heading::Status | Heading::Failed => "",
            Heading::Flags => "FLAGS: ",
            Heading::Growth => "GROWTH: ",
            Heading::Hot => "HOT: ",
            Heading::Memory => "MEMORY: ",
            Heading::Branch => "BRANCH ",
            Heading::Untested => "UNTESTED: ",
            Heading::Patterns => "PATTERNS (evidence): ",
            Heading::Change => "CHANGE vs previous: ",
        }
    }

    /// What stands between its statements.
    pub(super) fn between(self) -> &'static str {
        match self {
            Heading::Status => ". ",
            Heading::Failed => "\n",
            _ => "; ",
        }
    }
}

/// A value as measured.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A count.
    Count(u64),
    /// Any other number.
    Number(f64),
    /// A name, or a piece of program.
    Text(String),
}

/// Something that was measured, or follows from that.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Fact {
    /// What it is.
    pub name: &'static str,
    /// As measured.
    pub value: Value,
    /// As it stands in the text.
    pub shown: String,
    /// What it is from: `result#POINTER`, `previous#POINTER` or `reference#POINTER`, where the pointer is a JSON pointer
    /// (RFC 6901) into that result, with `*` for all elements of an array; of tests, those that costs are of. `source#LINE` is
    /// the program's text.
    pub from: Vec<String>,
}

impl Fact {
    pub(super) fn count(
        name: &'static str,
        value: u64,
        shown: String,
        from: impl Into<String>,
    ) -> Fact {
        Fact::new(name, Value::Count(value), shown, vec![from.into()])
    }

    /// A count of a column of costs, which may be made of several numbers.
    pub(super) fn cost(name: &'static str, value: u64, shown: String, from: Vec<String>) -> Fact {
        Fact::new(name, Value::Count(value), shown, from)
    }

    pub(super) fn number(
        name: &'static str,
        value: f64,
        shown: String,
        from: impl IntoIterator<Item = String>,
    ) -> Fact {
        Fact::new(
            name,
            Value::Number(value),
            shown,
            from.into_iter().collect(),
        )
    }

    /// Text of one line, which control characters do not change.
    pub(super) fn text(name: &'static str, value: &str, from: impl Into<String>) -> Fact {
        let shown = value.replace(char::is_control, "\u{fffd}");
        let value = Value::Text(value.to_owned());
        Fact::new(name, value, shown, vec![from.into()])
    }

    /// A name that several numbers go by.
    pub(super) fn texts(name: &'static str, value: &str, from: Vec<String>) -> Fact {
        Fact {
            from,
            ..Fact::text(name, value, "")
        }
    }

    /// Text of several lines.
    pub(super) fn lines(name: &'static str, value: &str, from: impl Into<String>) -> Fact {
        let shown = clean(value);
        let value = Value::Text(value.to_owned());
        Fact::new(name, value, shown, vec![from.into()])
    }

    fn new(name: &'static str, value: Value, shown: String, from: Vec<String>) -> Fact {
        Fact {
            name,
            value,
            shown,
            from,
        }
    }
}

/// A part of a statement.
#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Words(&'static str),
    Fact(Fact),
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// What it is about.
    pub heading: Heading,
    /// The larger, the later it is left out.
    pub importance: u32,
    pieces: Vec<Piece>,
    /// The same in less words, or of less.
    short: Option<Box<Statement>>,
}

impl Statement {
    pub(super) fn new(heading: Heading, importance: u32) -> Statement {
        Statement {
            heading,
            importance,
            pieces: Vec::new(),
            short: None,
        }
    }

    /// Adds words, which have no numbers in them.
    pub(super) fn words(mut self, words: &'static str) -> Statement {
        debug_assert!(!words.chars().next().is_some_and(|c| c.is_ascii_digit()));
        self.pieces.push(Piece::Words(words));
        self
    }

    /// Adds a fact, as it is shown.
    pub(super) fn fact(mut self, fact: Fact) -> Statement {
        self.pieces.push(Piece::Fact(fact));
        self
    }

    /// Adds facts with words between them.
    pub(super) fn facts(
        mut self,
        between: &'static str,
        facts: impl IntoIterator<Item = Fact>,
    ) -> Statement {
        for (i, fact) in facts.into_iter().enumerate() {
            if i > 0 {
                self = self.words(between);
            }
            self = self.fact(fact);
        }
        self
    }

    /// What takes its place where there is no room for it.
    pub(super) fn or_short(mut self, short: Statement) -> Statement {
        self.short = Some(Box::new(short));
        self
    }

    pub(super) fn take_short(&mut self) -> Option<Statement> {
        self.short.take().map(|short| *short)
    }

    /// As text, without a full stop.
    pub fn text(&self) -> String {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Words(words) => words,
            Piece::Fact(fact) => fact.shown.as_str(),
        });
        pieces.collect()
    }

    /// What it rests on, in the order of the text.
    pub fn evidence(&self) -> impl Iterator<Item = &Fact> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Words(_) => None,
            Piece::Fact(fact) => Some(fact),
        })
    }
}

impl Serialize for Statement {
    /// `{heading, text, importance, facts}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Statement", 4)?;
        fields.serialize_field("heading", &self.heading)?;
        fields.serialize_field("text", &self.text())?;
        fields.serialize_field("importance", &self.importance)?;
        fields.serialize_field("facts", &self.evidence().collect::<Vec<_>>())?;
        fields.end()
    }
}
