//! What the rows say.

use std::fmt;

use serde::Serialize;

use super::agreement::{Agreement, FACTORS, agreement};
use super::{Model, Row, TIME_MIN_NS};

/// Programs that it takes at least.
pub const ROWS_MIN: usize = 5;

/// How well costs order programs, and what a model would add.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// How many programs there are.
    pub programs: usize,
    /// Over all pairs of programs of a language.
    pub all: Vec<Metric>,
    /// Over pairs of one group alone: programs that do the same work. Empty if there are none.
    pub groups: Vec<Metric>,
    /// Weights of operator classes.
    pub model: Model,
    /// The cost that orders held-out programs best, by the first factor; of several the first.
    pub best: &'static str,
}

/// How well one cost orders them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// By factor.
    pub agreement: Vec<Agreement>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalibrationError(usize);

impl fmt::Display for CalibrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "calibrate with {} programs: it takes at least {ROWS_MIN}",
            self.0
        )
    }
}

impl std::error::Error for CalibrationError {}

/// The name of time, measured once more: no cost, but what could be reached.
const AGAIN: &str = "time again";
/// The name of what the model predicts of each program without having seen it.
const MODEL: &str = "model";

impl Calibration {
    /// Of rows, from which the start of their languages is taken off.
    ///
    /// # Errors
    /// If there are too few of them.
    pub fn new(rows: &[Row]) -> Result<Calibration, CalibrationError> {
        if rows.len() < ROWS_MIN {
            return Err(CalibrationError(rows.len()));
        }
        let model = Model::fit(rows);
        let times: Vec<f64> = rows.iter().map(|row| row.time_ns as f64).collect();
        let of = |cost: fn(&Row) -> u64| rows.iter().map(|row| cost(row) as f64).collect();
        let mut costs: Vec<(&'static str, Vec<f64>)> =
            vec![("instr", of(|row| row.instr)), ("fuel", of(|row| row.fuel))];
        if rows.iter().all(|row| row.vcycles.is_some()) {
            costs.push(("vcycles", of(|row| row.vcycles.unwrap_or(0))));
        }
        costs.push((MODEL, model.held_out.clone()));
        costs.push((AGAIN, of(|row| row.again_ns)));
        let metrics = |counts: &dyn Fn(usize, usize) -> bool| -> Vec<Metric> {
            let metric = |(name, costs): &(&'static str, Vec<f64>)| Metric {
                name,
                agreement: agreement(&times, costs, TIME_MIN_NS as f64, counts),
            };
            costs.iter().map(metric).collect()
        };
        // Toolchains are not compared with each other.
        let all = metrics(&|a, b| rows[a].lang == rows[b].lang);
        let grouped = |a: usize, b: usize| {
            !rows[a].group.is_empty()
                && rows[a].group == rows[b].group
                && rows[a].lang == rows[b].lang
        };
        let mut groups = metrics(&grouped);
        if groups[0].agreement[0].pairs == 0 {
            groups.clear();
        }
        let best = all
            .iter()
            .filter(|metric| metric.name != AGAIN)
            .max_by(|a, b| {
                let same = |metric: &Metric| metric.agreement[0].same;
                // Of equals the plainer one, which comes first.
                same(a).cmp(&same(b)).then(std::cmp::Ordering::Greater)
            });
        let best = best.map_or("instr", |metric| metric.name);
        Ok(Calibration {
            programs: rows.len(),
            all,
            groups,
            model,
            best,
        })
    }
}

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} programs: pairs that a cost orders as native time does (share, with its standard error)",
            self.programs
        )?;
        table(f, &self.all)?;
        if !self.groups.is_empty() {
            writeln!(f, "\npairs of programs that do the same work")?;
            table(f, &self.groups)?;
        }
        let model = &self.model;
        writeln!(
            f,
            "\nmodel: ns for one operator of a class, with 95% intervals; error {:.1}% of time where fitted, {:.1}% held out",
            100.0 * model.error,
            100.0 * model.held_out_error
        )?;
        for weight in &model.weights {
            let (low, high) = weight.interval;
            writeln!(
                f,
                "  {:<14} {:8.4}  [{low:.4}, {high:.4}]",
                weight.class, weight.ns
            )?;
        }
        writeln!(f)?;
        match self.best {
            MODEL => writeln!(f, "the model orders held-out programs best"),
            best => writeln!(
                f,
                "{best} orders them best: the model does not order held-out programs better"
            ),
        }
    }
}

fn table(f: &mut fmt::Formatter<'_>, metrics: &[Metric]) -> fmt::Result {
    write!(f, "  {:<12}", "cost")?;
    for factor in FACTORS {
        write!(f, "  {:>22}", format!("at {factor}x"))?;
    }
    writeln!(f)?;
    for metric in metrics {
        write!(f, "  {:<12}", metric.name)?;
        for of in &metric.agreement {
            let cell = format!(
                "{}/{} {:.1}% (±{:.1})",
                of.same,
                of.pairs,
                100.0 * of.share(),
                100.0 * of.standard_error
            );
            write!(f, "  {cell:>22}")?;
        }
        writeln!(f)?;
    }
    Ok(())
}
