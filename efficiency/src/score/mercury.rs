//! Beyond: where a sample is between the slowest and the fastest reference (Du et al., 2024, Mercury).

use super::metric::{Formula, mean};
use super::results::TaskView;
use super::run::Run;
use super::spec::Given;

/// `clip((max - t) / (max - min), 0, 1)` of a cost between the references' greatest and least. Where these are the same,
/// as with one reference, it is 1 for who is not slower and 0 for others.
pub fn beyond(cost: f64, max: f64, min: f64) -> f64 {
    if max <= min {
        return f64::from(u8::from(cost <= max));
    }
    ((max - cost) / (max - min)).clamp(0.0, 1.0)
}

/// The mean over samples, 0 for wrong ones, then over tasks; in percent.
pub(super) fn formula(given: &Given) -> Formula {
    let column = given.column;
    Formula::mean(100.0, move |task: &TaskView| {
        let (max, min) = (task.greatest_cost(column)?, task.least_cost(column)?);
        let of_run = |run: &Run| match run.cost(column).filter(|_| run.is_correct) {
            Some(cost) => beyond(cost, max, min),
            None => 0.0,
        };
        mean(task.measured(column).map(of_run))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_by_hand() {
        // References cost 10 to 50.
        assert_eq!(beyond(20.0, 50.0, 10.0), 0.75);
        assert_eq!(beyond(5.0, 50.0, 10.0), 1.0);
        assert_eq!(beyond(60.0, 50.0, 10.0), 0.0);
        // One reference.
        assert_eq!(beyond(10.0, 10.0, 10.0), 1.0);
        assert_eq!(beyond(11.0, 10.0, 10.0), 0.0);
        assert_eq!(beyond(0.0, 0.0, 0.0), 1.0);
    }
}
