//! What the loop asks of the judge, and of whoever explains results.

use crate::Column;
use crate::compare::total;
use crate::result::SampleResult;

/// Builds, checks and measures programs.
pub trait Attempts {
    /// What comes of a program. A program that fails is a result that says so.
    /// `number` is that of the attempt, from 0: the sample id of the result.
    fn attempt(&mut self, number: u64, program: &str) -> Judged;
}

/// What the judge has to say of a program.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The result.
    pub result: SampleResult,
    /// What the compiler wrote, warnings included; empty if nothing.
    pub build_log: String,
}

/// What there is to be explained.
#[derive(Debug, Clone, Copy)]
pub struct Explained<'a> {
    /// The program's text.
    pub program: &'a str,
    /// What came of it.
    pub result: &'a SampleResult,
    /// What came of the best program before it, if there was one.
    pub previous: Option<&'a SampleResult>,
}

/// Makes feedback of a result: deterministic text.
pub trait Explain {
    /// The feedback.
    fn explain(&self, what: &Explained<'_>) -> String;
}

impl<F: Fn(&Explained<'_>) -> String> Explain for F {
    fn explain(&self, what: &Explained<'_>) -> String {
        self(what)
    }
}

/// Cost of a correct program, by [`Column::DEFAULT`]: of its stress tests, or of all tests if it has none. `None` if it is not correct,
/// or if any of these tests was not measured.
pub fn cost(result: &SampleResult) -> Option<u64> {
    let correct = result.is_correct().then_some(&result.tests)?;
    total(correct, Column::DEFAULT)
}
