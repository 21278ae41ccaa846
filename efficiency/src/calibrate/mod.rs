//! Do counts order programs as time does, and would a model of weighted counts do it better?
//!
//! Each program is measured here and run natively, with the same output. Counts are those of the program less those of an empty one
//! of its language, and so is time. Pairs of programs whose times differ by at least some factor are then ordered by each cost:
//! the share that is ordered as time orders it is the agreement. A second measurement of time is ordered as well: it says what could
//! be reached at most.
//!
//! Shorter times than [`TIME_MIN_NS`] are mostly the noise of starting a process: programs that take less are not told apart, and an error of
//! what is predicted for them is one in parts of that.
//!
//! The model gives every class of operators a weight of at least 0, by least squares of relative errors. What it predicts of a program
//! comes from a fit without that program and those that do the same work; a model that orders those predictions no better than plain counts is not worth having.

mod agreement;
mod fit;
mod measure;
mod native;
mod report;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use agreement::{Agreement, FACTORS, agreement};
pub use fit::{Model, Weight, non_negative_least_squares};
pub use measure::{MeasureError, Measurer, Subject};
pub use native::{Native, NativeError, Natives};
pub use report::{Calibration, CalibrationError, Metric, ROWS_MIN};

/// The shortest native time that says something, ns. That of an empty program, which is taken off, differs from run to run by up to
/// a tenth of it.
pub const TIME_MIN_NS: u64 = 1_000_000;

/// A program, measured in both ways.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its name.
    pub program: String,
    /// What it is an answer to; programs of one group do the same work. Empty if it stands alone.
    #[serde(default)]
    pub group: String,
    /// Its language.
    pub lang: String,
    /// Operators executed (rule `instr.v1`).
    pub instr: u64,
    /// Fuel (rule `fuel.v1`).
    pub fuel: u64,
    /// Modelled cycles, if caches were simulated.
    #[serde(default)]
    pub vcycles: Option<u64>,
    /// Executions of each class of operators, by name.
    pub classes: BTreeMap<String, u64>,
    /// Processor time that it took natively, ns: the shortest of several runs.
    pub time_ns: u64,
    /// The same, measured once more.
    pub again_ns: u64,
}

impl Row {
    /// What its time is compared with: itself, unless it is too short for that.
    pub(super) fn scale(&self) -> f64 {
        self.time_ns.max(TIME_MIN_NS) as f64
    }

    /// What is left of it without the start of its language, which `empty` shows. At least 1 of each sum is left, so that there is
    /// something to divide by.
    pub fn without(&self, empty: &Row) -> Row {
        let less = |all: u64, start: u64| all.saturating_sub(start).max(1);
        let class = |(name, count): (&String, &u64)| {
            let start = empty.classes.get(name).copied().unwrap_or(0);
            (name.clone(), count.saturating_sub(start))
        };
        Row {
            instr: less(self.instr, empty.instr),
            fuel: less(self.fuel, empty.fuel),
            vcycles: self
                .vcycles
                .zip(empty.vcycles)
                .map(|(all, start)| less(all, start)),
            classes: self.classes.iter().map(class).collect(),
            time_ns: less(self.time_ns, empty.time_ns),
            again_ns: less(self.again_ns, empty.again_ns),
            ..self.clone()
        }
    }
}
