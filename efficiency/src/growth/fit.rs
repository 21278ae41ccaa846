//! Least squares with one coefficient.
//!
//! With t for cost and h for a class's values, both less those of the smallest input, the coefficient is sum(t h) / sum(h^2),
//! and the normalised root mean square is sqrt(mean((t - coefficient h)^2)) / mean(|t|) (the form of Google Benchmark's
//! complexity report). h is scaled by its largest value, so that no class is too large to be computed with.

use serde::Serialize;

use super::Class;

/// Cost at a size, less that of the smallest input. Less than nothing if it costs less.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gain {
    pub size: f64,
    pub cost: f64,
}

/// How a class fits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Fit {
    /// The class.
    pub class: Class,
    /// Cost per unit of the class; 0 if the class is too large for a number, or cost does not grow.
    pub coefficient: f64,
    /// Root mean square of what is left, in parts of the mean cost; the largest size not included.
    pub rms: f64,
    /// How far off the prediction of the largest size is, in parts of its cost; below 0 if too small. `None`: beyond all numbers.
    pub prediction_error: Option<f64>,
    /// ln of cost per unit of the class; minus infinity if cost does not grow.
    #[serde(skip)]
    pub ln_coefficient: f64,
}

impl Fit {
    /// Of a class to costs of sizes beyond the smallest; `held_out` is predicted, not fitted.
    pub(super) fn new(class: Class, smallest: f64, fitted: &[Gain], held_out: Gain) -> Fit {
        let logs: Vec<f64> = fitted
            .iter()
            .map(|gain| class.ln_gain(gain.size, smallest))
            .collect();
        let scale = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // No difference at any size: nothing that a coefficient could do.
        let values: Vec<f64> = logs
            .iter()
            .map(|ln| {
                if scale.is_finite() {
                    (ln - scale).exp()
                } else {
                    0.0
                }
            })
            .collect();
        let squares: f64 = values.iter().map(|h| h * h).sum();
        let products: f64 = fitted.iter().zip(&values).map(|(t, h)| t.cost * h).sum();
        // Growth by less than nothing is no growth.
        let scaled = if squares > 0.0 {
            (products / squares).max(0.0)
        } else {
            0.0
        };
        let residuals = fitted.iter().zip(&values).map(|(t, h)| t.cost - scaled * h);
        let ln_coefficient = scaled.ln() - if scale.is_finite() { scale } else { 0.0 };
        let coefficient = ln_coefficient.exp();
        Fit {
            class,
            coefficient: if coefficient.is_finite() {
                coefficient
            } else {
                0.0
            },
            rms: normalised(residuals, fitted.iter().map(|t| t.cost.abs())),
            prediction_error: error(
                ln_coefficient + class.ln_gain(held_out.size, smallest),
                held_out.cost,
            ),
            ln_coefficient,
        }
    }

    /// Whether it says anything: cost grows, and it is a number.
    pub fn grows(&self) -> bool {
        self.ln_coefficient > f64::NEG_INFINITY
    }

    /// What the fit is judged by: the larger one of how far it is off where it was fitted and where it predicts.
    pub fn miss(&self) -> f64 {
        self.rms
            .max(self.prediction_error.map_or(f64::INFINITY, f64::abs))
    }

    /// What it says of the cost of a size, less that of the smallest; infinite if it is beyond all numbers.
    pub fn gain(&self, size: f64, smallest: f64) -> f64 {
        (self.ln_coefficient + self.class.ln_gain(size, smallest)).exp()
    }
}

/// sqrt(mean(x^2)) / mean(y); 0 if nothing is left of nothing.
pub(super) fn normalised(
    residuals: impl ExactSizeIterator<Item = f64>,
    costs: impl ExactSizeIterator<Item = f64>,
) -> f64 {
    let (n, m) = (residuals.len() as f64, costs.len() as f64);
    let root = (residuals.map(|x| x * x).sum::<f64>() / n).sqrt();
    let mean = costs.sum::<f64>() / m;
    match (root > 0.0, mean > 0.0) {
        (false, _) => 0.0,
        (true, true) => root / mean,
        (true, false) => f64::MAX,
    }
}

/// (predicted - measured) / |measured|.
fn error(ln_predicted: f64, measured: f64) -> Option<f64> {
    let error = if measured > 0.0 {
        (ln_predicted - measured.ln()).exp_m1()
    } else {
        let difference = ln_predicted.exp() - measured;
        if difference == 0.0 {
            0.0
        } else {
            difference / measured.abs()
        }
    };
    error.is_finite().then_some(error)
}
