//! Weights of operator classes, by least squares of relative errors, none of them below 0. Errors of times that are too short to be
//! told are in parts of the shortest that can be.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Row;
use super::agreement::jackknife;

/// What time is made of, by classes of operators.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Model {
    /// The classes that have a weight.
    pub weights: Vec<Weight>,
    /// Root mean square of (predicted - measured) / measured, but at least [`super::TIME_MIN_NS`], of the programs that it was fitted to.
    pub error: f64,
    /// The same of each program as predicted by those of other groups.
    pub held_out_error: f64,
    /// What is predicted of each program by a fit without it and those of its group, which do the same work, ns; in the order of the rows.
    #[serde(skip)]
    pub held_out: Vec<f64>,
}

/// What one execution of an operator of a class takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Weight {
    /// The class.
    pub class: String,
    /// ns; in effect, as part of native code that does the same.
    pub ns: f64,
    /// The ends of its 95% confidence interval, by the jackknife over programs.
    pub interval: (f64, f64),
}

/// Half the width of a 95% interval, in standard errors.
const Z: f64 = 1.96;

impl Model {
    /// Fits the programs' native times.
    pub fn fit(rows: &[Row]) -> Model {
        let classes: BTreeSet<&str> = rows
            .iter()
            .flat_map(|row| row.classes.keys().map(String::as_str))
            .collect();
        let classes: Vec<&str> = classes.into_iter().collect();
        let counts: Vec<Vec<f64>> = rows.iter().map(|row| counts(row, &classes)).collect();
        let fit = |is_out: &dyn Fn(usize) -> bool| weights(rows, &counts, is_out);
        let weights = fit(&|_| false);
        let left_out: Vec<Vec<f64>> = (0..rows.len()).map(|row| fit(&|at| at == row)).collect();
        let predicted = |row: usize| match rows[row].group.as_str() {
            "" => dot(&left_out[row], &counts[row]),
            group => dot(&fit(&|at| rows[at].group == group), &counts[row]),
        };
        let held_out: Vec<f64> = (0..rows.len()).map(predicted).collect();
        let fitted: Vec<f64> = counts.iter().map(|counts| dot(&weights, counts)).collect();
        let interval = |class: usize| {
            let values: Vec<f64> = left_out.iter().map(|weights| weights[class]).collect();
            let half = Z * jackknife(&values);
            ((weights[class] - half).max(0.0), weights[class] + half)
        };
        let entries = classes
            .iter()
            .enumerate()
            .filter(|(at, _)| weights[*at] > 0.0);
        Model {
            weights: entries
                .map(|(at, class)| Weight {
                    class: (*class).to_owned(),
                    ns: weights[at],
                    interval: interval(at),
                })
                .collect(),
            error: relative_error(&fitted, rows),
            held_out_error: relative_error(&held_out, rows),
            held_out,
        }
    }
}

fn counts(row: &Row, classes: &[&str]) -> Vec<f64> {
    let count = |class: &&str| row.classes.get(*class).copied().unwrap_or(0) as f64;
    classes.iter().map(count).collect()
}

/// The weights that fit all rows but some: those of the least sum of squares of relative errors.
fn weights(rows: &[Row], counts: &[Vec<f64>], is_out: &dyn Fn(usize) -> bool) -> Vec<f64> {
    let all = rows.iter().zip(counts).enumerate();
    let fitted = all.filter(|(at, _)| !is_out(*at));
    let (scaled, times): (Vec<Vec<f64>>, Vec<f64>) = fitted
        .map(|(_, (row, counts))| {
            let scale = row.scale();
            let scaled = counts.iter().map(|count| count / scale).collect();
            (scaled, row.time_ns as f64 / scale)
        })
        .unzip();
    non_negative_least_squares(&scaled, &times)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn relative_error(predicted: &[f64], rows: &[Row]) -> f64 {
    let squares = predicted
        .iter()
        .zip(rows)
        .map(|(predicted, row)| ((predicted - row.time_ns as f64) / row.scale()).powi(2));
    (squares.sum::<f64>() / rows.len().max(1) as f64).sqrt()
}

/// The x without a number below 0 that makes |a x - b|^2 the least, by descent along one coordinate after the other.
///
/// `a` has a row for each number of `b`. The sum is convex, so that the descent ends where no coordinate can better it; where columns
/// depend on each other several x are as good, and one of them is given.
pub fn non_negative_least_squares(a: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
    const SWEEPS_MAX: usize = 20_000;
    const CHANGE_MIN: f64 = 1e-12;
    let columns = a.first().map_or(0, Vec::len);
    // With the products of columns, a sweep takes no look at the rows. Columns are scaled to length 1.
    let column = |j: usize| a.iter().map(move |row| row[j]);
    let lengths: Vec<f64> = (0..columns)
        .map(|j| column(j).map(|x| x * x).sum::<f64>().sqrt())
        .collect();
    let product = |j: usize, k: usize| -> f64 {
        let scale = lengths[j] * lengths[k];
        match scale > 0.0 {
            true => column(j).zip(column(k)).map(|(x, y)| x * y).sum::<f64>() / scale,
            false => 0.0,
        }
    };
    let gram: Vec<Vec<f64>> = (0..columns)
        .map(|j| (0..columns).map(|k| product(j, k)).collect())
        .collect();
    let goal: Vec<f64> = (0..columns)
        .map(|j| match lengths[j] > 0.0 {
            true => column(j).zip(b).map(|(x, y)| x * y).sum::<f64>() / lengths[j],
            false => 0.0,
        })
        .collect();
    let mut x = vec![0.0; columns];
    for _ in 0..SWEEPS_MAX {
        let mut change: f64 = 0.0;
        for j in 0..columns {
            if lengths[j] == 0.0 {
                continue;
            }
            let gradient = dot(&gram[j], &x) - goal[j];
            let new = (x[j] - gradient).max(0.0);
            change = change.max((new - x[j]).abs());
            x[j] = new;
        }
        if change < CHANGE_MIN {
            break;
        }
    }
    x.iter()
        .zip(&lengths)
        .map(|(x, length)| if *length > 0.0 { x / length } else { 0.0 })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6 * b.abs().max(1.0)
    }

    /// Rows (1, 0), (0, 1), (1, 1) and b = (2, 3, 5) are met exactly by (2, 3).
    #[test]
    fn an_exact_answer_is_found() {
        let a = [vec![1.0, 0.0], vec![0.0, 1.0], vec![1.0, 1.0]];
        let x = non_negative_least_squares(&a, &[2.0, 3.0, 5.0]);
        assert!(near(x[0], 2.0) && near(x[1], 3.0), "{x:?}");
    }

    /// Rows (1, 1), (1, 2), (1, 3) and b = (3, 2, 1): a line would have slope -1. Without one below 0, the constant is the mean, 2.
    #[test]
    fn no_number_is_below_0() {
        let a = [vec![1.0, 1.0], vec![1.0, 2.0], vec![1.0, 3.0]];
        let x = non_negative_least_squares(&a, &[3.0, 2.0, 1.0]);
        assert!(near(x[0], 2.0) && x[1] == 0.0, "{x:?}");
    }

    /// Where nothing can be bettered: a coordinate above 0 has no gradient, one at 0 has none below 0 (Karush, Kuhn, Tucker).
    #[test]
    fn the_answer_cannot_be_bettered() {
        let mut state = 1u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as f64 / f64::from(1u32 << 31)
        };
        for _ in 0..50 {
            let a: Vec<Vec<f64>> = (0..30)
                .map(|_| (0..8).map(|_| random()).collect())
                .collect();
            let b: Vec<f64> = (0..30).map(|_| random() - 0.3).collect();
            let x = non_negative_least_squares(&a, &b);
            for j in 0..8 {
                let gradient: f64 = a
                    .iter()
                    .zip(&b)
                    .map(|(row, b)| row[j] * (dot(row, &x) - b))
                    .sum();
                assert!(x[j] >= 0.0 && gradient > -1e-6, "{gradient}");
                assert!(x[j] == 0.0 || gradient.abs() < 1e-6, "{gradient}");
            }
        }
    }

    #[test]
    fn nothing_is_fitted_by_nothing() {
        assert!(non_negative_least_squares(&[], &[]).is_empty());
        assert_eq!(non_negative_least_squares(&[vec![0.0]], &[1.0]), [0.0]);
    }
}
