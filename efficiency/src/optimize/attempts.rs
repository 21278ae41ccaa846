//! What the loop asks of the judge, and of whoever explains results.

use crate::result::SampleResult;
use crate::task::TestKind;

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

/// Cost of a correct program: instructions of its stress tests, or of all tests if it has none. `None` if it is not correct,
/// or if any of these tests was not measured.
pub fn cost(result: &SampleResult) -> Option<u64> {
    if !result.is_correct() {
        return None;
    }
    let stress = result.tests.iter().any(|t| t.kind == TestKind::Stress);
    let counted = result
        .tests
        .iter()
        .filter(|test| !stress || test.kind == TestKind::Stress);
    let mut total: Option<u64> = None;
    for test in counted {
        total = Some(total.unwrap_or(0).saturating_add(test.cost.instr?));
    }
    total
}
