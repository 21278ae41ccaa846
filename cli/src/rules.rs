//! Rules on the command line: what is wrong with one is shown below it.

use std::io::Write as _;

use probity_engine::Module;
use probity_probes::rule::Rule;

use crate::{
    failure::{Failure, say},
    output::printable,
    progress,
};

/// Reads a rule; what is wrong with it is wrong usage.
pub fn parse(text: &str) -> Result<Rule, Failure> {
    Rule::parse(text).map_err(|error| {
        let help = "(`probity sites --help` says how rules are written)";
        Failure::usage(format!("wrong rule, {}\n{help}", error.shown()))
    })
}

/// Says which rules match nothing in a module. One whose code cannot be read is
/// spoken of when it is run.
pub fn say_if_unmatched(rules: &[Rule], module: &Module, path: &str) {
    for rule in rules {
        if let Ok(false) = rule.matches(module) {
            say(&format!(
                "warning: {path} has no site for the rule `{rule}`"
            ));
        }
    }
}

/// Takes a line of a `print`. There is no one left to tell when it cannot be
/// written.
pub fn print(line: &str) {
    let mut err = progress::stderr();
    for line in line.split('\n') {
        let _ = writeln!(err, "{}", printable(line));
    }
}
