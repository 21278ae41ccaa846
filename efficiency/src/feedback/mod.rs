//! What a run says to whoever writes the next version of the program, most likely another program.
//!
//! Facts come before advice, each statement has numbers of the run behind it (see [`Statement`]), and the same results give
//! the same text. Wall time is the one number of a result that differs from run to run; nothing here looks at it.

mod change;
mod failure;
mod hot;
mod memory;
mod pack;
mod patterns;
mod run;
mod shown;
mod statement;
mod tokens;
mod untested;

use serde::Serialize;

pub use statement::{Fact, Heading, Statement, Value};
pub use tokens::estimate;

use crate::compare::{Key, total};
use crate::result::{SampleResult, TestResult};
use crate::{Column, Status};

/// Version of the form of feedback.
pub const SCHEMA: u32 = 1;
/// Tokens that feedback may take if nothing else is said.
pub const BUDGET_TOKENS: usize = 600;

/// What feedback is made of.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The program's result.
    pub result: &'a SampleResult,
    /// Other results for the task: the cheapest right one is the best known. Those of other tasks are not looked at.
    pub references: &'a [SampleResult],
    /// The previous attempt's result.
    pub previous: Option<&'a SampleResult>,
    /// The program's text, for results that do not have the text of lines.
    pub source: Option<&'a str>,
    /// Which cost is spoken of.
    pub column: Column,
}

impl<'a> Input<'a> {
    /// Of a result alone, by [`Column::DEFAULT`].
    pub fn new(result: &'a SampleResult) -> Input<'a> {
        Input {
            result,
            references: &[],
            previous: None,
            source: None,
            column: Column::DEFAULT,
        }
    }

    /// The cheapest right result that has all of this one's tests, with its cost of them.
    fn best_known(&self) -> Option<(&'a SampleResult, u64)> {
        let own = self.result;
        let references = self.references.iter().filter(|reference| {
            reference.is_correct()
                && reference.task_id == own.task_id
                && reference.count_rule == own.count_rule
        });
        let costs = references.filter_map(|reference| {
            let find = |test: &TestResult| reference.tests.iter().find(|t| t.id == test.id);
            // Of its own tests, in whichever order and with whatever others beside.
            let tests: Option<Vec<TestResult>> =
                own.tests.iter().map(|test| find(test).cloned()).collect();
            Some((reference, total(&tests?, self.column)?))
        });
        costs.min_by(|a, b| {
            let key = |result| Key::of(result);
            a.1.cmp(&b.1).then_with(|| key(a.0).cmp(&key(b.0)))
        })
    }

    /// Cost of the program.
    fn cost(&self) -> Option<u64> {
        total(&self.result.tests, self.column)
    }

    /// The file that the source is: what the judge calls the program's own, else that of the hottest line.
    fn source_file(&self) -> Option<&'a str> {
        let lines = &self.result.hot.as_ref()?.lines;
        let own = lines
            .iter()
            .find(|line| crate::judge::is_own_file(&line.file));
        let hottest = || {
            let lines = lines.iter().rev();
            lines.max_by(|a, b| a.instr_percent.total_cmp(&b.instr_percent))
        };
        Some(&own.or_else(hottest)?.file)
    }

    /// The text of a line, and where it is from.
    fn line_text(&self, index: usize) -> Option<(String, String)> {
        let line = self.result.hot.as_ref()?.lines.get(index)?;
        if !line.text.is_empty() {
            return Some((line.text.clone(), format!("result#/hot/lines/{index}/text")));
        }
        if line.file != self.source_file()? {
            return None;
        }
        let number = usize::try_from(line.line).ok()?;
        let text = self.source?.lines().nth(number.checked_sub(1)?)?.trim();
        (!text.is_empty()).then(|| (text.to_owned(), format!("source#{number}")))
    }
}

/// Feedback that fits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Feedback {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The sample.
    #[serde(flatten)]
    pub key: Key,
    /// How it ended.
    pub status: Status,
    /// All of it.
    pub text: String,
    /// The most tokens that the text is estimated to be.
    pub tokens: usize,
    /// How many it may be. Only if that whether the program is right does not fit, it is more.
    pub budget_tokens: usize,
    /// What is said, in the order of the text.
    pub statements: Vec<Statement>,
    /// What the statements that are left out were about.
    pub dropped: Vec<Heading>,
}

impl Feedback {
    /// Of at most so many tokens, by [`estimate`].
    pub fn new(input: &Input<'_>, budget_tokens: usize) -> Feedback {
        let mut statements = statements(input);
        // Only statements of a heading stay together, each in its order.
        statements.sort_by_key(|statement| statement.heading);
        let dropped = pack::pack(&mut statements, budget_tokens);
        let text = pack::render(&statements);
        Feedback {
            schema: SCHEMA,
            key: Key::of(input.result),
            status: input.result.status,
            tokens: estimate(&text),
            text,
            budget_tokens,
            statements,
            dropped,
        }
    }
}

/// Everything that there is to say.
fn statements(input: &Input<'_>) -> Vec<Statement> {
    let mut statements = Vec::new();
    run::status(input, &mut statements);
    failure::failure(input.result, &mut statements);
    run::flags(input.result, &mut statements);
    run::growth(input.result, &mut statements);
    hot::hot(input, &mut statements);
    memory::memory(input.result, &mut statements);
    hot::branch(input.result, &mut statements);
    untested::untested(input.result, &mut statements);
    patterns::patterns(input, &mut statements);
    change::change(input, &mut statements);
    statements
}

/// Where all numbers are that a column is made of.
fn of_column(whose: &str, column: Column) -> Vec<String> {
    let fields = column.fields().iter();
    fields.map(|field| of_tests(whose, field)).collect()
}

/// Where all of a test's numbers of a field are.
fn of_tests(whose: &str, field: &str) -> String {
    format!("{whose}#/tests/*/{field}")
}
