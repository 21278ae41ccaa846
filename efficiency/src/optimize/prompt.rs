//! What a generator is asked.
//!
//! Each round starts anew with the best program, what was measured of it, and what came of the last round: a prompt stays of one
//! size however many rounds there were, and depends on nothing but results.

use std::fmt::Write as _;

use super::message::{Message, Role};
use crate::Column;
use crate::task::{Entry, Task};

/// Tests that are shown are no longer than this, input and output together.
const EXAMPLE_BYTES: usize = 400;
const EXAMPLES: usize = 2;

/// How things stand.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// The best program, or the one to start from while none is correct.
    pub program: &'a str,
    /// What was found of it.
    pub feedback: &'a str,
    /// Whether it is correct.
    pub correct: bool,
    /// The last round's attempts that were not better, in their order.
    pub failed: &'a [Failed],
}

/// An attempt that was not better.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// In a word or two: `wrong`, `not faster`.
    pub what: String,
    /// Its program, if there was one.
    pub program: Option<String>,
    /// What was found of it.
    pub feedback: String,
}

/// The messages for the next round.
pub fn prompt(task: &Task, standing: &Standing<'_>) -> Vec<Message> {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_task(&mut text, task);
    let _ = write_standing(&mut text, task, standing);
    vec![
        Message::new(Role::System, system(task)),
        Message::new(Role::User, text),
    ]
}

fn system(task: &Task) -> String {
    format!(
        "You make programs cheaper. A program's cost is its {cost} on the tests of its task, counted exactly: one for nearly every WebAssembly \
         instruction that it executes, and one for each function that it enters; a program that fails any test is worth nothing. Find a better algorithm first, \
         then a smaller constant. Do not write to the tests: they change. Answer with the whole program, in `{}`, in one \
         fenced code block.",
        task.lang,
        cost = Column::DEFAULT,
    )
}

fn write_task(text: &mut String, task: &Task) -> std::fmt::Result {
    writeln!(text, "# Task\n")?;
    if !task.prompt.is_empty() {
        writeln!(text, "{}\n", task.prompt.trim())?;
    }
    match &task.entry {
        Entry::Stdio => writeln!(text, "The program reads stdin and writes stdout.")?,
        Entry::Func(name) => writeln!(text, "The program exports the function `{name}`.")?,
    }
    let examples = task.tests.iter().filter_map(|test| {
        let expected = test.expected.as_ref()?;
        let expected = match expected.as_str() {
            Some(text) => text.to_owned(),
            None => expected.to_string(),
        };
        let given = match &task.entry {
            Entry::Stdio => test.stdin.clone(),
            Entry::Func(_) => serde_json::Value::from(test.args.clone()).to_string(),
        };
        (given.len() + expected.len() <= EXAMPLE_BYTES).then_some((given, expected))
    });
    for (given, expected) in examples.take(EXAMPLES) {
        writeln!(text, "\nFor")?;
        write_fenced(text, "", &given)?;
        writeln!(text, "it gives")?;
        write_fenced(text, "", &expected)?;
    }
    Ok(())
}

fn write_standing(text: &mut String, task: &Task, standing: &Standing<'_>) -> std::fmt::Result {
    let title = match standing.correct {
        true => "# The best program so far",
        false => "# The program, which is not right yet",
    };
    writeln!(text, "\n{title}\n")?;
    write_fenced(text, &task.lang, standing.program)?;
    write_feedback(text, standing.feedback)?;
    if standing.failed.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n# What the last round tried, and was not better")?;
    // One program is enough to learn from; all of them would be most of the prompt.
    let shown = standing.failed.iter().rposition(|f| f.program.is_some());
    for (i, failed) in standing.failed.iter().enumerate() {
        writeln!(text, "\n## {}. {}\n", i + 1, failed.what)?;
        if let (true, Some(program)) = (Some(i) == shown, &failed.program) {
            write_fenced(text, &task.lang, program)?;
        }
        write_feedback(text, &failed.feedback)?;
    }
    Ok(())
}

fn write_feedback(text: &mut String, feedback: &str) -> std::fmt::Result {
    if feedback.trim().is_empty() {
        return Ok(());
    }
    writeln!(text, "Measured:")?;
    write_fenced(text, "", feedback)
}

/// A block whose fence is longer than any within it, so that its text cannot end it.
fn write_fenced(text: &mut String, info: &str, content: &str) -> std::fmt::Result {
    let (mut longest, mut run) = (0, 0);
    for c in content.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat((longest + 1).max(3));
    writeln!(
        text,
        "{fence}{info}\n{}\n{fence}",
        content.trim_end_matches('\n')
    )
}
