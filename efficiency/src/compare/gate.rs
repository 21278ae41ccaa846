//! Whether results are as good as a baseline: for continuous integration.
//!
//! Costs are exact, so a limit of 0% is one that holds. A sample that was right has to be there, to be right, to have its
//! tests, and to cost at most so much more; what was not right before can only get better. A cost that is not known cannot be
//! vouched for, and counts as a failure.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::text::percent;
use super::{Delta, Key, Results, total};
use crate::grid::{grouped, printable};
use crate::result::SampleResult;
use crate::{Column, Status};

/// By how much cost may grow, percent.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Limit(f64);

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Limit, String> {
        let number = text
            .strip_suffix('%')
            .and_then(|number| number.trim_end().parse().ok());
        match number {
            Some(percent) if (0.0..f64::INFINITY).contains(&percent) => Ok(Limit(percent)),
            _ => Err(format!(
                "`{text}` is no percentage of 0 or more; write it like 2%"
            )),
        }
    }
}

impl Limit {
    /// Whether a cost grew beyond it.
    pub fn is_passed(self, before: u64, after: u64) -> bool {
        let change = i128::from(after) - i128::from(before);
        // Multiplied, not divided: exactly 2% more is within 2%.
        100.0 * change as f64 > self.0 * before as f64
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Rules {
    /// By how much a cost may grow.
    pub limit: Limit,
    /// Which cost.
    pub column: Column,
    /// Whether each test has to be within the limit, not only their sum.
    pub is_per_test: bool,
    /// Samples whose problems are told, but do not fail: as [`Key::is_named`] has it.
    pub allow: Vec<String>,
}

/// What is wrong with a sample.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum Problem {
    /// It was right, and is not there.
    Vanished,
    /// It was right, and is not.
    Broken {
        /// How it ended.
        status: Status,
    },
    /// A test of it is not there.
    TestVanished {
        /// Its name.
        test: String,
    },
    /// It costs more than it may.
    Regressed {
        /// Which test; `None` for all together.
        test: Option<String>,
        /// The cost.
        cost: Delta,
    },
    /// A cost that is to be compared was not measured.
    Unmeasured {
        /// Whether it is the baseline's.
        is_baseline: bool,
    },
    /// Costs were counted by different rules.
    OtherRule {
        /// The baseline's.
        before: String,
        /// That of the results.
        after: String,
    },
}

/// A sample with something wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The sample.
    #[serde(flatten)]
    pub key: Key,
    /// What is wrong.
    #[serde(flatten)]
    pub problem: Problem,
    /// Whether it is allowed.
    pub is_allowed: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// Whether nothing is wrong that is not allowed.
    pub is_passed: bool,
    /// Which cost was compared.
    pub column: Column,
    /// By how much it may grow, percent.
    pub limit: Limit,
    /// Samples that were right before, whose costs were compared.
    pub compared: usize,
    /// Those that cost less than before.
    pub improved: usize,
    /// What is wrong, by name of sample.
    pub findings: Vec<Finding>,
    /// Samples that were not right before and are now.
    pub fixed: Vec<Key>,
    /// Samples that the baseline does not have.
    pub new: Vec<Key>,
    /// What of `allow` names no sample.
    pub unknown: Vec<String>,
}

/// Compares results with a baseline.
pub fn gate(baseline: &Results, results: &Results, rules: &Rules) -> Verdict {
    let mut verdict = Verdict {
        schema: super::SCHEMA,
        is_passed: true,
        column: rules.column,
        limit: rules.limit,
        compared: 0,
        improved: 0,
        findings: Vec::new(),
        fixed: Vec::new(),
        new: Vec::new(),
        unknown: Vec::new(),
    };
    for (key, before) in baseline {
        let after = results.get(key);
        if !before.is_correct() {
            if after.is_some_and(SampleResult::is_correct) {
                verdict.fixed.push(key.clone());
            }
            continue;
        }
        let mut problems = Vec::new();
        match after {
            None => problems.push(Problem::Vanished),
            Some(after) if !after.is_correct() => problems.push(Problem::Broken {
                status: after.status,
            }),
            Some(after) => {
                verdict.compared += 1;
                if costs(before, after, rules, &mut problems) {
                    verdict.improved += 1;
                }
            }
        }
        let is_allowed = rules.allow.iter().any(|id| key.is_named(id));
        verdict.is_passed &= problems.is_empty() || is_allowed;
        verdict
            .findings
            .extend(problems.into_iter().map(|problem| Finding {
                key: key.clone(),
                problem,
                is_allowed,
            }));
    }
    let new = results.keys().filter(|key| !baseline.contains_key(key));
    verdict.new = new.cloned().collect();
    let is_unknown = |id: &&String| {
        let mut keys = baseline.keys().chain(results.keys());
        !keys.any(|key| key.is_named(id))
    };
    verdict.unknown = rules.allow.iter().filter(is_unknown).cloned().collect();
    verdict
}

/// What is wrong with the costs of a sample that is right before and after; whether they are less.
fn costs(
    before: &SampleResult,
    after: &SampleResult,
    rules: &Rules,
    problems: &mut Vec<Problem>,
) -> bool {
    if before.count_rule != after.count_rule {
        problems.push(Problem::OtherRule {
            before: before.count_rule.clone(),
            after: after.count_rule.clone(),
        });
        return false;
    }
    let has = |result: &SampleResult, id: &str| result.tests.iter().any(|test| test.id == id);
    for test in before.tests.iter().filter(|test| !has(after, &test.id)) {
        problems.push(Problem::TestVanished {
            test: test.id.clone(),
        });
    }
    // A test that is new would look like more cost.
    let old: Vec<_> = before
        .tests
        .iter()
        .filter(|test| has(after, &test.id))
        .cloned()
        .collect();
    let new: Vec<_> = after
        .tests
        .iter()
        .filter(|test| has(before, &test.id))
        .cloned()
        .collect();
    let column = rules.column;
    let cost = Delta::new(total(&old, column), total(&new, column));
    let (Some(from), Some(to)) = (cost.before, cost.after) else {
        problems.push(Problem::Unmeasured {
            is_baseline: cost.before.is_none(),
        });
        return false;
    };
    if rules.limit.is_passed(from, to) {
        problems.push(Problem::Regressed { test: None, cost });
    }
    if rules.is_per_test {
        for test in &old {
            let other = new.iter().find(|other| other.id == test.id);
            let cost = Delta::new(
                column.of(&test.cost),
                other.and_then(|other| column.of(&other.cost)),
            );
            if let (Some(from), Some(to)) = (cost.before, cost.after)
                && rules.limit.is_passed(from, to)
            {
                problems.push(Problem::Regressed {
                    test: Some(test.id.clone()),
                    cost,
                });
            }
        }
    }
    to < from
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Vanished => write!(f, "was right, is not there"),
            Problem::Broken { status } => write!(f, "was right, is {status}"),
            Problem::TestVanished { test } => write!(f, "test {} is not there", printable(test)),
            Problem::Regressed { test, cost } => {
                if let Some(test) = test {
                    write!(f, "test {}: ", printable(test))?;
                }
                let number = |number: Option<u64>| number.map_or("-".to_owned(), grouped);
                write!(f, "{} -> {}", number(cost.before), number(cost.after))?;
                match cost.percent() {
                    Some(change) => write!(f, " ({}%)", percent(change)),
                    None => Ok(()),
                }
            }
            Problem::Unmeasured { is_baseline: true } => write!(f, "the baseline has no such cost"),
            Problem::Unmeasured { is_baseline: false } => write!(f, "cost was not measured"),
            Problem::OtherRule { before, after } => {
                let (before, after) = (printable(before), printable(after));
                write!(f, "counted by `{after}`, the baseline by `{before}`")
            }
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let word = if finding.is_allowed {
                "allowed"
            } else {
                "FAIL"
            };
            let key = printable(&finding.key.to_string());
            writeln!(f, "{word} {key}: {}", finding.problem)?;
        }
        for key in &self.fixed {
            writeln!(f, "fixed {}", printable(&key.to_string()))?;
        }
        for key in &self.new {
            writeln!(f, "new {}", printable(&key.to_string()))?;
        }
        let result = if self.is_passed { "passed" } else { "FAILED" };
        let failed = self.findings.iter().filter(|finding| !finding.is_allowed);
        let problems = match failed.count() {
            0 => String::new(),
            1 => "1 problem, ".to_owned(),
            count => format!("{count} problems, "),
        };
        writeln!(
            f,
            "gate {result}: {problems}{} compared by {}, {} cheaper, at most +{} allowed",
            self.compared, self.column, self.improved, self.limit
        )
    }
}
