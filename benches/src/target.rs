//! What a figure is to be. Targets are printed beside figures, so that a report can be read without the design at hand.

use serde::Serialize;
use std::fmt;

/// An upper bound.
#[derive(Clone, Copy)]
pub struct Target {
    /// What is bounded.
    pub what: &'static str,
    /// The bound.
    pub limit: f64,
}

/// A figure beside its target.
#[derive(Clone, Serialize)]
pub struct Verdict {
    /// What was measured.
    pub what: &'static str,
    /// The figure.
    pub value: f64,
    /// Where it was, if it is the worst of several.
    pub at: Option<String>,
    /// What it is to be at most; absent where it is not judged.
    pub target: Option<f64>,
    /// Whether it is.
    pub met: Option<bool>,
}

impl Target {
    /// A target.
    pub const fn at_most(what: &'static str, limit: f64) -> Target {
        Target { what, limit }
    }

    /// A figure, judged unless what was measured is not what the target is about.
    pub fn verdict(self, judged: bool, value: f64, at: Option<String>) -> Verdict {
        Verdict {
            what: self.what,
            value,
            at,
            target: judged.then_some(self.limit),
            met: judged.then_some(value <= self.limit),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:.3}", self.what, self.value)?;
        if let Some(at) = &self.at {
            write!(f, " ({at})")?;
        }
        match (self.target, self.met) {
            (Some(target), Some(met)) => {
                let word = if met { "met" } else { "MISSED" };
                write!(f, ", target <= {target:.2}: {word}")
            }
            _ => f.write_str(", no target"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_may_be_reached() {
        let target = Target::at_most("worst", 1.1);
        let verdict = target.verdict(true, 1.1, Some("gemm".to_owned()));
        assert_eq!(
            verdict.to_string(),
            "worst 1.100 (gemm), target <= 1.10: met"
        );
        assert_eq!(target.verdict(true, 1.11, None).met, Some(false));
        assert_eq!(
            target.verdict(false, 2.0, None).to_string(),
            "worst 2.000, no target"
        );
    }
}
