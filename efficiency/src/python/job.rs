//! What the harness is told, as Python's text, and what it says.
//!
//! It writes to the program's own stdout, behind all that the program printed: a word that nobody knows, a letter, and a text. The
//! word only tells the two apart. Whoever finds it out could say what its result is, which it can anyway.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::LazyLock;

use serde_json::Value;

/// Part of what samples are told apart by: changes whenever the harness makes something else of the same program.
pub(crate) const GENERATION: &str = "probity-python-2";
/// The harness: defines `_probity_prepare`, `_probity_go` and `_probity_run`.
pub(crate) const HARNESS: &str = include_str!("harness.py");
/// Has it run the program that it was given.
pub(crate) const GO: &str = "_probity_go()\n";

/// What one run is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job<'a> {
    pub source: &'a str,
    /// The function that is called; without one the program is run as a whole.
    pub name: Option<&'a str>,
    pub args: &'a [Value],
    /// Behind the program's name.
    pub argv: &'a [String],
}

/// How far an interpreter goes that takes one text and ends. Both words are of one length, so that nothing else differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// To where the program would begin.
    Start,
    /// To the program's end.
    End,
}

impl Until {
    /// The argument behind the text.
    pub fn word(self) -> &'static str {
        match self {
            Until::Start => "no",
            Until::End => "go",
        }
    }
}

/// How a program ended, by its harness.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Report {
    /// It ran to its end.
    Done,
    /// What the function gave, as JSON.
    Result(Value),
    /// It ended itself, with a code.
    Exit(u32),
    /// What it gave is no result, and why.
    Unfit(String),
    /// The compiler refused it.
    Syntax(String),
    /// There was no memory for it.
    Memory(String),
    /// It recursed too deep.
    Depth(String),
    /// An exception that nobody caught.
    Raised(String),
}

/// A word of the same length in every process, and of other letters. It is made of what no program's counts depend on: its bytes are
/// only written.
static WORD: LazyLock<String> = LazyLock::new(|| {
    let part = || RandomState::new().build_hasher().finish();
    format!("\0{:016x}{:016x}\0", part(), part())
});

impl Job<'_> {
    /// The statement that hands it to the harness.
    pub fn prepare(&self) -> String {
        let args = Value::Array(self.args.to_vec()).to_string();
        let argv: Vec<String> = self.argv.iter().map(|arg| literal(arg)).collect();
        format!(
            "_probity_prepare(b{}, {}, {}, [{}], {})\n",
            literal(&WORD),
            self.name.map_or("None".to_owned(), literal),
            literal(&args),
            argv.join(", "),
            literal(self.source),
        )
    }

    /// The whole text for an interpreter that takes one text and ends; its argument is one of [`Until`].
    pub fn script(&self) -> String {
        format!("{HARNESS}\n{}_probity_run()\n", self.prepare())
    }
}

/// A text as Python reads it, in ASCII.
fn literal(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        // Writing to a string does not fail.
        let _ = match c {
            '"' | '\\' => write!(out, "\\{c}"),
            ' '..='~' => {
                out.push(c);
                Ok(())
            }
            '\n' => write!(out, "\\n"),
            '\0'..='\u{ff}' => write!(out, "\\x{:02x}", u32::from(c)),
            _ => write!(out, "\\U{:08x}", u32::from(c)),
        };
    }
    out.push('"');
    out
}

/// Takes what the harness said from a program's output, where it said something.
pub(crate) fn take_report(output: &mut Vec<u8>) -> Option<Report> {
    let word = WORD.as_bytes();
    let at = output.windows(word.len()).rposition(|part| part == word)?;
    let said = output.split_off(at).split_off(word.len());
    let (kind, text) = said.split_first()?;
    Some(report(*kind, text))
}

fn report(kind: u8, text: &[u8]) -> Report {
    let words = || String::from_utf8_lossy(text).into_owned();
    match kind {
        b'D' => Report::Done,
        b'R' => match serde_json::from_slice(text) {
            Ok(value) => Report::Result(value),
            // A lone surrogate, or a number beyond all floats.
            Err(error) => Report::Unfit(format!("its result is no JSON: {error}")),
        },
        b'X' => Report::Exit(words().parse().unwrap_or(1)),
        b'S' => Report::Syntax(words()),
        b'M' => Report::Memory(words()),
        b'C' => Report::Depth(words()),
        b'E' => Report::Raised(words()),
        b'W' => Report::Unfit(words()),
        _ => Report::Unfit("it says something that is no result".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_are_what_python_reads() {
        assert_eq!(literal("a\"\\\n\0é😀"), r#""a\"\\\n\x00\xe9\U0001f600""#);
    }

    #[test]
    fn a_job_is_one_statement() {
        let job = Job {
            source: "def f(): pass\n",
            name: Some("f"),
            args: &[json!([1, "x"])],
            argv: &["a".to_owned()],
        };
        let text = job.prepare();
        assert!(
            text.contains(r#", "f", "[[1,\"x\"]]", ["a"], "def f(): pass\n")"#),
            "{text}"
        );
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn what_was_printed_and_what_was_said_are_told_apart() {
        let said = |text: &str| {
            let mut output = format!("printed{}{text}", *WORD).into_bytes();
            let report = take_report(&mut output);
            assert_eq!(output, b"printed");
            report.expect("said")
        };
        assert_eq!(said("D"), Report::Done);
        assert_eq!(said("R[1, 2.5]"), Report::Result(json!([1, 2.5])));
        assert_eq!(said("X3"), Report::Exit(3));
        assert!(matches!(said("R\"\\ud800\""), Report::Unfit(m) if m.contains("no JSON")));
        assert!(matches!(said("?"), Report::Unfit(_)));
        let mut output = b"R7".to_vec();
        assert_eq!(take_report(&mut output), None);
        assert_eq!(output, b"R7");
        // A program that has found the word says no more than the harness behind it.
        let twice = format!("R1{}R2", *WORD);
        let mut output = format!("{}{twice}", *WORD).into_bytes();
        assert_eq!(take_report(&mut output), Some(Report::Result(json!(2))));
    }

    #[test]
    fn words_differ_in_letters_alone() {
        assert_eq!(WORD.len(), 34);
        assert!(WORD.is_ascii());
    }
}
