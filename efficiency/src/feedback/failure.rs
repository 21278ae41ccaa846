//! Statements on what went wrong: the first test that is not passed, or what the compiler said.

use super::run::failures;
use super::shown::clipped;
use super::statement::{Fact, Heading, Statement};
use crate::Status;
use crate::compare::ended;
use crate::result::SampleResult;

/// Lines of a message that are given, by how much room there is.
const LINES_MAX: [usize; 3] = [1, 4, 12];
/// Nothing but the status is more important.
const IMPORTANCE: u32 = 900;
/// Characters of a line that are given.
const LINE_CHARS_MAX: usize = 200;

/// What to say of a sample that is not right; nothing of one that is.
pub(super) fn failure(result: &SampleResult, out: &mut Vec<Statement>) {
    if result.is_correct() {
        return;
    }
    let failed = result.tests.iter().enumerate().find(|(_, test)| !test.pass);
    match failed {
        Some((index, test)) => {
            let of = |importance: u32| {
                let id = Fact::text("test", &test.id, format!("result#/tests/{index}/id"));
                let mut statement = Statement::new(Heading::Failed, importance)
                    .words("FAILED ")
                    .fact(id);
                if let Some(size) = test.size {
                    let from = format!("result#/tests/{index}/size");
                    let size = Fact::count("size", size, size.to_string(), from);
                    statement = statement.words(" (n=").fact(size).words(")");
                }
                statement.words(", ").words(reason(ended(test)))
            };
            let message = test
                .message
                .as_deref()
                .filter(|text| !text.trim().is_empty());
            let (message, from) = match message {
                Some(message) => (Some(message), format!("result#/tests/{index}/message")),
                None => (result.message.as_deref(), "result#/message".to_owned()),
            };
            out.push(with_message(of, true, message, &from));
            others(result, out);
        }
        None => {
            let of = |importance: u32| {
                Statement::new(Heading::Failed, importance).words(match result.status {
                    Status::CompileError => "COMPILER",
                    _ => "REASON",
                })
            };
            let is_told = |text: &&str| !text.trim().is_empty();
            if let Some(message) = result.message.as_deref().filter(is_told) {
                out.push(with_message(of, false, Some(message), "result#/message"));
            }
        }
    }
}

fn reason(status: Status) -> &'static str {
    match status {
        Status::Ok => "not passed",
        Status::CompileError => "not compiled",
        Status::Wrong => "wrong output",
        Status::Exit => "ended with a failure code",
        Status::Trap => "trapped",
        Status::Fuel => "used more fuel than allowed (too many steps, or an endless loop)",
        Status::Memory => "wanted more memory than allowed",
        Status::Stack => "recursed too deep",
        Status::Wall => "took more time than allowed",
        Status::Output => "wrote more output than allowed",
        Status::Unsupported => "cannot be judged here",
        Status::Internal => "the judge failed, which says nothing about the program",
    }
}

/// A statement with the first lines of a message, and fewer where there is no room; in the end without any, if it says
/// something without.
fn with_message(
    of: impl Fn(u32) -> Statement,
    says_something: bool,
    message: Option<&str>,
    from: &str,
) -> Statement {
    let lines: Vec<&str> = message.map_or("", str::trim).lines().collect();
    if lines.is_empty() {
        return of(IMPORTANCE);
    }
    let mut short = says_something.then(|| of(IMPORTANCE));
    for lines_max in LINES_MAX {
        let count = lines.len().min(lines_max);
        let shown = lines[..count]
            .iter()
            .map(|line| clipped(line, LINE_CHARS_MAX));
        let shown: Vec<String> = shown.collect();
        let mut statement = of(IMPORTANCE)
            .words(if count > 1 { ":\n" } else { ": " })
            .fact(Fact::lines("message", &shown.join("\n"), from));
        if lines.len() > count {
            let more = (lines.len() - count) as u64;
            let fact = Fact::count("lines_left_out", more, more.to_string(), from);
            statement = statement.words(" (more lines: ").fact(fact).words(")");
        }
        short = Some(match short {
            Some(short) => statement.or_short(short),
            None => statement,
        });
        if count == lines.len() {
            break;
        }
    }
    short.unwrap_or_else(|| of(IMPORTANCE))
}

/// `3 of 24 tests fail: wrong output 2, trapped 1`
fn others(result: &SampleResult, out: &mut Vec<Statement>) {
    let failures = failures(result);
    let count: u64 = failures.iter().map(|(_, count)| count).sum();
    if count < 2 {
        return;
    }
    let from = "result#/tests/*/status";
    let number = |name, value: u64| Fact::count(name, value, value.to_string(), from);
    let mut statement = Statement::new(Heading::Failed, 640)
        .fact(number("failed", count))
        .words(" tests fail: ");
    for (i, (status, count)) in failures.into_iter().enumerate() {
        if i > 0 {
            statement = statement.words(", ");
        }
        statement = statement
            .words(status.name())
            .words(" ")
            .fact(number("failed_so", count));
    }
    out.push(statement);
}
