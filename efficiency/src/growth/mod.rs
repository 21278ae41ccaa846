//! How cost grows with the size of the input, and what the numbers do not say.
//!
//! Costs are exact counts, so a fit misses for one reason only: the class is not all there is to it. What is done about that:
//!
//! * Start-up. The cost of the smallest legal input is subtracted. To fit what is left to g(n) would be wrong unless g is
//!   nothing there: cost a + b g(n) leaves b (g(n) - g(n0)). So g(n0) is subtracted, too, which makes the fit exact for every
//!   start-up cost and every n0; where n0 is 0 or 1 that changes nothing. The fit passes through the smallest size, which
//!   therefore is no point of the fit. For the class 1 nothing would be left; it is not shifted, and is fitted a second way:
//!   as the mean of whole costs, start-up included, for a constant cannot be told from start-up.
//! * Lower-order terms. A least-squares fit of a + b n log n + c n in one coefficient predicts too much for larger sizes, and
//!   the next lower class too little. That is why the largest size is held out: a class is judged by the larger one of its
//!   normalised root mean square and its prediction error. If even the best class misses by more than 1%, the class on the
//!   other side of the measured cost is named beside it, unless it misses more than twice as much.
//! * What cannot be told apart. Classes whose misses differ by at most 1% (of cost) are alternatives, and are said to be not
//!   distinguishable. 1 is one of them if cost as a whole hardly changes, however exactly the little growth fits another class.
//!
//! Prints nothing and runs nothing: costs are given, or [`scale`] gets them.

mod class;
mod fit;
mod plot;
pub mod scale;
mod series;
mod slope;
mod table;
mod verdict;

use std::fmt;

use serde::Serialize;

pub use class::Class;
pub use fit::Fit;
pub use plot::plot;
pub use series::points;

use crate::result::Complexity;

/// Misses that differ by at most this part of cost tell nothing.
pub const NEAR: f64 = 0.01;
/// A class that misses more of cost is none that it grows as.
pub const UNLIKE: f64 = 0.25;
/// Sizes without which nothing can be said: the smallest, one to fit, one to predict.
pub const SIZES_MIN: usize = 3;

/// Cost at a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Point {
    /// Size of the input, in whatever the task measures it.
    pub size: u64,
    /// What it costs, in the unit of its column.
    pub cost: u64,
}

/// There are too few sizes for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooFew {
    /// How many different ones there are.
    pub sizes: usize,
}

impl fmt::Display for TooFew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "fit growth: costs of {} sizes are known, at least {SIZES_MIN} different ones are needed",
            self.sizes
        )
    }
}

impl std::error::Error for TooFew {}

/// How cost grows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Growth {
    /// Which cost: `fuel`.
    pub column: String,
    /// All sizes, ascending. The first one is the smallest, whose cost is subtracted; the last one is held out.
    pub points: Vec<Point>,
    /// Every class, in ascending order.
    pub fits: Vec<Fit>,
    /// The class that fits best.
    pub best: Class,
    /// How far that is off: the larger one of normalised root mean square and prediction error, in parts of cost.
    pub miss: f64,
    /// Classes that cannot be told from it, in ascending order.
    pub alternatives: Vec<Class>,
    /// Slopes in log-log scale between neighbouring sizes, the smallest not included; start-up is left out on both sides.
    pub slopes: Vec<f64>,
    /// Cost of the smallest size in parts of that of the largest.
    pub startup: f64,
    /// What is to be known beside.
    pub notes: Vec<String>,
}

impl Growth {
    /// Of costs in any order. Of several of one size the largest is taken.
    ///
    /// # Errors
    /// If there are less than [`SIZES_MIN`] different sizes.
    pub fn new(column: &str, points: impl IntoIterator<Item = Point>) -> Result<Growth, TooFew> {
        let mut points: Vec<Point> = points.into_iter().collect();
        points.sort_unstable_by(|a, b| a.size.cmp(&b.size).then(b.cost.cmp(&a.cost)));
        points.dedup_by_key(|point| point.size);
        if points.len() < SIZES_MIN {
            return Err(TooFew {
                sizes: points.len(),
            });
        }
        Ok(verdict::of(column, points))
    }

    /// The smallest size.
    pub fn smallest(&self) -> Point {
        self.points[0]
    }

    /// The size that is predicted, the largest.
    pub fn held_out(&self) -> Point {
        self.points[self.points.len() - 1]
    }

    /// How a class fits.
    pub fn fit(&self, class: Class) -> &Fit {
        &self.fits[class as usize]
    }

    /// Whether `class` is the answer, or cannot be told from it.
    pub fn may_be(&self, class: Class) -> bool {
        self.best == class || self.alternatives.contains(&class)
    }

    /// In one line: `n log n, not distinguishable from n`, or `none of the classes, nearest 2^n, n^3`.
    pub fn answer(&self) -> String {
        if self.miss > UNLIKE {
            let others = self.alternatives.iter().map(|class| format!(", {class}"));
            let others: String = others.collect();
            return format!("none of the classes, nearest {}{others}", self.best);
        }
        answer(self.best.name(), &self.alternatives)
    }

    /// As a part of a sample's result.
    pub fn complexity(&self) -> Complexity {
        Complexity {
            best: self.best.name().to_owned(),
            rms: self.best_rms(),
            slopes: self.slopes.clone(),
            alternatives: self
                .alternatives
                .iter()
                .map(|c| c.name().to_owned())
                .collect(),
            column: self.column.clone(),
            sizes: self.points.iter().map(|point| point.size).collect(),
            costs: self.points.iter().map(|point| point.cost).collect(),
            prediction_error: self.prediction_error(),
            notes: self.notes.clone(),
        }
    }

    /// Normalised root mean square of the best class; of 1 the way that fits better.
    pub fn best_rms(&self) -> f64 {
        let fit = self.fit(self.best);
        match self.best {
            Class::Constant => verdict::Steadiness::of(&self.points).least(fit).rms,
            _ => fit.rms,
        }
    }

    /// How far the best class is off at the largest size, in parts of its cost; of 1 the way that fits better.
    pub fn prediction_error(&self) -> Option<f64> {
        let fit = self.fit(self.best);
        match self.best {
            Class::Constant => {
                verdict::Steadiness::of(&self.points)
                    .least(fit)
                    .prediction_error
            }
            _ => fit.prediction_error,
        }
    }
}

/// A class and those that it cannot be told from.
pub(crate) fn answer(best: &str, alternatives: &[impl fmt::Display]) -> String {
    let mut text = best.to_owned();
    for (i, class) in alternatives.iter().enumerate() {
        text.push_str(match i {
            0 => ", not distinguishable from ",
            _ => ", ",
        });
        text.push_str(&class.to_string());
    }
    text
}
