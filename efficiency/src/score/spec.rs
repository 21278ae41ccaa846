//! What a metric is asked for by: `pass@10`, `%opt@1.5`, `dps:min_correct=10`.

use std::fmt;

use super::metric::Formula;
use super::registry::{Argument, MetricInfo, registry};
use super::sysllmatic::Quantity;
use crate::Column;

/// A metric as it was asked for, ready to be computed.
pub struct Metric {
    /// What it is.
    pub info: &'static MetricInfo,
    /// Its name with what it was asked for: `pass@10`.
    pub label: String,
    /// How it is computed.
    pub formula: Formula,
}

/// What all metrics of a run are given.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The column of costs.
    pub column: Column,
    /// The values of k.
    pub k: Vec<u64>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            column: Column::DEFAULT,
            k: vec![1],
        }
    }
}

/// What one metric is given.
#[derive(Debug, Clone)]
pub struct Given {
    /// The column of costs.
    pub column: Column,
    /// Samples that are taken.
    pub k: u64,
    threshold: f64,
    quantity: Quantity,
    parameters: Vec<(&'static str, f64)>,
}

impl Given {
    /// A parameter of the metric; one that its row does not have is 0.
    pub fn parameter(&self, name: &str) -> f64 {
        let known = self.parameters.iter().find(|(known, _)| *known == name);
        known.map_or(0.0, |(_, value)| *value)
    }

    /// The threshold in its name.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// The quantity in its name.
    pub fn quantity(&self) -> Quantity {
        self.quantity
    }
}

/// What is wrong with what a metric is asked for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpecError {
    /// There is no such metric.
    Unknown(String),
    /// There is, but not so.
    Wrong(String),
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpecError::Unknown(name) => write!(f, "there is no metric '{name}'"),
            SpecError::Wrong(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for SpecError {}

/// The metrics of names, each once. A bare number is another one for the name before it: `pass@1`, `10`.
///
/// # Errors
/// As [`parse`].
pub fn parse_all<'n>(
    names: impl IntoIterator<Item = &'n str>,
    settings: &Settings,
) -> Result<Vec<Metric>, SpecError> {
    let mut metrics: Vec<Metric> = Vec::new();
    let mut stem: Option<&str> = None;
    for name in names {
        let is_number = name.parse::<f64>().is_ok();
        let more = match stem.filter(|_| is_number) {
            Some(stem) => parse(&format!("{stem}{name}"), settings)?,
            None => parse(name, settings)?,
        };
        for metric in more {
            if metrics.iter().all(|known| known.label != metric.label) {
                metrics.push(metric);
            }
        }
        if !is_number {
            stem = registry()
                .iter()
                .filter_map(MetricInfo::stem)
                .find(|stem| name.len() > stem.len() && name.starts_with(stem));
        }
    }
    Ok(metrics)
}

/// The metrics of one name: one for each k or threshold that it is to be had at, and for a first part such as `speedup`
/// each metric that begins with it.
///
/// # Errors
/// If there is no such metric, or it has no such parameter.
pub fn parse(text: &str, settings: &Settings) -> Result<Vec<Metric>, SpecError> {
    let mut parts = text.split(':');
    let head = parts.next().unwrap_or("");
    let options: Vec<&str> = parts.collect();
    let mut metrics = Vec::new();
    for info in registry() {
        if let Some(argument) = info.argument_in(head) {
            metrics.extend(instances(info, argument, &options, settings)?);
        }
    }
    if metrics.is_empty() {
        let group = format!("{head}.");
        for info in registry().iter().filter(|i| i.name.starts_with(&group)) {
            metrics.extend(instances(info, "", &options, settings)?);
        }
    }
    match metrics.is_empty() {
        true => Err(SpecError::Unknown(head.to_owned())),
        false => Ok(metrics),
    }
}

impl MetricInfo {
    /// What stands for the last letter of its name: `10` in `pass@10`; empty where nothing, or that letter, is. `None` if
    /// it is another name.
    fn argument_in<'h>(&self, head: &'h str) -> Option<&'h str> {
        if head == self.name {
            return Some("");
        }
        let stem = self.stem()?;
        if head == stem.trim_end_matches(['@', '_']) {
            return Some("");
        }
        head.strip_prefix(stem).filter(|rest| !rest.is_empty())
    }

    /// Its name without the letter that stands for a number or name.
    fn stem(&self) -> Option<&'static str> {
        let letter = match self.argument {
            Argument::None => return None,
            Argument::K => "k",
            Argument::Threshold(_) => "p",
            Argument::Quantity => "q",
        };
        self.name.strip_suffix(letter)
    }
}

fn instances(
    info: &'static MetricInfo,
    argument: &str,
    options: &[&str],
    settings: &Settings,
) -> Result<Vec<Metric>, SpecError> {
    let parameters = parameters(info, options)?;
    let wrong = |what: &str| {
        SpecError::Wrong(format!(
            "wrong metric '{}{argument}': '{argument}' is no {what}",
            info.stem().unwrap_or("")
        ))
    };
    let stem = info.stem().unwrap_or(info.name);
    let given = Given {
        column: settings.column,
        k: 1,
        threshold: 0.0,
        quantity: Quantity::Cost(settings.column),
        parameters,
    };
    let one = |label: String, given: Given| Metric {
        info,
        label,
        formula: (info.make)(&given),
    };
    let ks = || settings.k.iter().copied();
    let of_k = |k: u64| {
        let given = Given { k, ..given.clone() };
        one(format!("{stem}{k}"), given)
    };
    Ok(match (info.argument, argument) {
        (Argument::None, _) if info.takes_k => ks()
            .map(|k| one(format!("{}@{k}", info.name), Given { k, ..given.clone() }))
            .collect(),
        (Argument::None, _) => vec![one(info.name.to_owned(), given.clone())],
        (Argument::K, "") => ks().map(of_k).collect(),
        (Argument::K, text) => {
            let k = text.parse().ok().filter(|k| *k > 0);
            vec![of_k(k.ok_or_else(|| wrong("number of samples"))?)]
        }
        (Argument::Threshold(all), text) => {
            let thresholds = match text {
                "" => all.to_vec(),
                text => {
                    let threshold = text.parse().ok().filter(|t: &f64| t.is_finite());
                    vec![threshold.ok_or_else(|| wrong("threshold"))?]
                }
            };
            let ks: Vec<u64> = if info.takes_k {
                ks().collect()
            } else {
                vec![1]
            };
            let mut all = Vec::new();
            for k in ks {
                for &threshold in &thresholds {
                    let label = match info.takes_k {
                        true => format!("{stem}{threshold} best@{k}"),
                        false => format!("{stem}{threshold}"),
                    };
                    let given = Given {
                        k,
                        threshold,
                        ..given.clone()
                    };
                    all.push(one(label, given));
                }
            }
            all
        }
        (Argument::Quantity, text) => {
            let column = settings.column.name();
            let names = match text {
                "" => vec![column, "memory", "throughput"],
                text => vec![text],
            };
            let of_name = |name: &str| {
                let quantity = Quantity::of_name(name).ok_or_else(|| wrong("column of costs"))?;
                let given = Given {
                    quantity,
                    ..given.clone()
                };
                Ok(one(format!("{stem}{name}"), given))
            };
            names
                .into_iter()
                .map(of_name)
                .collect::<Result<_, SpecError>>()?
        }
    })
}

/// Defaults, and what `name=value` says instead.
fn parameters(info: &MetricInfo, options: &[&str]) -> Result<Vec<(&'static str, f64)>, SpecError> {
    let known = info.parameters.iter();
    let mut parameters: Vec<_> = known.map(|p| (p.name, p.default)).collect();
    for option in options {
        let wrong = |why: String| {
            SpecError::Wrong(format!(
                "wrong parameter '{option}' of {}: {why}",
                info.name
            ))
        };
        let (name, value) = option
            .split_once('=')
            .ok_or_else(|| wrong("it is not NAME=NUMBER".to_owned()))?;
        let value: f64 = value
            .parse()
            .ok()
            .filter(|value: &f64| value.is_finite())
            .ok_or_else(|| wrong(format!("'{value}' is no number")))?;
        let parameter = parameters.iter_mut().find(|(known, _)| *known == name);
        match parameter {
            Some((_, slot)) => *slot = value,
            None => {
                let names: Vec<&str> = info.parameters.iter().map(|p| p.name).collect();
                let has = match names.is_empty() {
                    true => "it has none".to_owned(),
                    false => format!("it has {}", names.join(", ")),
                };
                return Err(wrong(has));
            }
        }
    }
    Ok(parameters)
}
