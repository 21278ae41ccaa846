//! Scores: the metrics of the field's benchmarks, each by its origin's formula, of result lines.
//!
//! [`registry`] has a row for each metric. A [`Results`] takes result lines, and the tasks file where a metric wants what it
//! says; [`Answers`] takes predictions and the truth. A [`Board`] has the scores of each model, with the share of samples
//! that were judged, and an interval for each score.
//!
//! Samples that could not be judged ([`crate::Status::is_unjudged`]) are left out of every metric, and reported. So is, by
//! metrics of cost, a correct sample without a value in the chosen column. A task of which a model has no judged sample is no part
//! of its scores, where some origins count it as failed; the board shows how many there are. Costs are compared within a
//! task only.

pub mod board;
pub mod bootstrap;
mod correctness;
pub mod effibench;
pub mod enamel;
pub mod estimate;
pub mod evalperf;
mod gso;
mod inputs;
mod kernelbench;
pub mod mercury;
pub mod metric;
mod ossbench;
mod pie;
mod registry;
pub mod rerank;
pub mod results;
pub mod reval;
pub mod run;
pub mod spec;
pub mod speedup;
pub mod sysllmatic;

pub use board::Board;
pub use bootstrap::Bootstrap;
pub use inputs::Inputs;
pub use registry::{Argument, MetricInfo, Needs, Parameter, registry};
pub use rerank::{OutputLine, Outputs};
pub use results::Results;
pub use reval::Answers;
pub use spec::{Metric, Settings, SpecError, parse, parse_all};
