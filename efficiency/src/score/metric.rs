//! What a metric is: sums over tasks, and what is made of them.
//!
//! Every metric of a model is a function of sums that its tasks add to: a mean is sum / count, a ratio of sums is just
//! that, a geometric mean is exp(sum of logs / count). So one mechanism adds them up, and resamples tasks for intervals.

use super::results::TaskView;
use super::reval::TaskAnswers;

/// What one task adds. Most metrics use the first two: a sum of values and their number.
pub type Sums = [f64; 4];

/// Adds what a task adds.
pub fn add(sums: &mut Sums, more: &Sums) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += more;
    }
}

/// Which of two values is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// The greater.
    Higher,
    /// The smaller.
    Lower,
}

impl Better {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Better::Higher => "higher",
            Better::Lower => "lower",
        }
    }
}

/// What a task adds to a metric of samples; `None` if nothing can be said of it: too few samples, no reference.
pub type OfTask = Box<dyn Fn(&TaskView) -> Option<Sums> + Send + Sync>;
/// The same of a metric of predictions.
pub type OfAnswers = Box<dyn Fn(&TaskAnswers) -> Option<Sums> + Send + Sync>;
/// The metric's value, of the sums over all tasks; `None` if that is no number.
pub type Finish = Box<dyn Fn(&Sums) -> Option<f64> + Send + Sync>;

/// What a metric is computed from.
pub enum Of {
    /// Samples of a task that were judged.
    Samples(OfTask),
    /// Answers to questions about a program's run.
    Answers(OfAnswers),
}

/// How a metric is computed.
pub struct Formula {
    /// Of one task.
    pub of: Of,
    /// Of all.
    pub finish: Finish,
}

impl Formula {
    /// Of samples.
    pub fn new(
        of: impl Fn(&TaskView) -> Option<Sums> + Send + Sync + 'static,
        finish: impl Fn(&Sums) -> Option<f64> + Send + Sync + 'static,
    ) -> Formula {
        Formula {
            of: Of::Samples(Box::new(of)),
            finish: Box::new(finish),
        }
    }

    /// The mean over tasks, times a factor.
    pub fn mean(
        factor: f64,
        of: impl Fn(&TaskView) -> Option<f64> + Send + Sync + 'static,
    ) -> Formula {
        Formula::new(
            move |task| of(task).map(|value| [value, 1.0, 0.0, 0.0]),
            move |sums| ratio(sums).map(|mean| factor * mean),
        )
    }

    /// The share of right answers, in percent.
    pub fn answers(of: impl Fn(&TaskAnswers) -> Option<Sums> + Send + Sync + 'static) -> Formula {
        Formula {
            of: Of::Answers(Box::new(of)),
            finish: Box::new(|sums| ratio(sums).map(|share| 100.0 * share)),
        }
    }
}

/// The first sum by the second.
pub fn ratio(sums: &Sums) -> Option<f64> {
    (sums[1] != 0.0).then(|| sums[0] / sums[1])
}

/// The mean of values; `None` of none.
pub fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0u64);
    for value in values {
        sum += value;
        count += 1;
    }
    (count > 0).then(|| sum / count as f64)
}
