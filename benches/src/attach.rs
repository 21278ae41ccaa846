//! `benches attach`: how long a probe takes to fire when it is inserted into a function that is running, and what it
//! leaves behind when it is gone. Inserted by a host function that the hot frame calls, so that the time is not that of a
//! request on its way from another thread.

mod guests;
mod run;

use crate::Output;
use crate::engines::probity::tier_name;
use crate::report::{geomean_and_worst, median, print_json};
use crate::target::{Target, Verdict};
use clap::Args;
use guests::GUESTS;
use probity_engine::Tier;
use run::{Plan, Sample};
use serde::Serialize;

const TIERS: [Tier; 3] = [Tier::Interp, Tier::Jit, Tier::Auto];
const FIRST_FIRE: Target = Target::at_most("first fire, slowest run, ms", 5.0);
const AFTERWARDS: Target = Target::at_most(
    "iteration after / before, geomean of loops, worst tier",
    1.02,
);

const FULL: Plan = Plan {
    segment: 50_000,
    phase_ns: 100_000_000,
};
const SMALL: Plan = Plan {
    segment: 5_000,
    phase_ns: 10_000_000,
};

/// How to measure.
#[derive(Args)]
pub struct Attach {
    /// A tenth of the time (a test of the benchmark, not a measurement)
    #[arg(long)]
    small: bool,
    #[command(flatten)]
    output: Output,
}

/// One tier and loop; medians where it does not say otherwise.
#[derive(Serialize)]
struct Row {
    tier: &'static str,
    guest: &'static str,
    first_fire_ns: u64,
    first_fire_slowest_ns: u64,
    iteration_before_ns: f64,
    iteration_after_ns: f64,
    /// Median of the runs' ratios.
    ratio: f64,
    /// From the removal to full speed; absent if half of the runs did not get there.
    recovery_ns: Option<u64>,
}

#[derive(Serialize)]
struct Report {
    command: &'static str,
    runs: u32,
    version: &'static str,
    phase_ns: u64,
    rows: Vec<Row>,
    summary: Vec<Verdict>,
}

/// Runs the command.
pub fn command(what: &Attach) -> Result<(), String> {
    let plan = if what.small { SMALL } else { FULL };
    let runs = what.output.runs;
    let ways: Vec<_> = TIERS
        .into_iter()
        .flat_map(|tier| GUESTS.iter().map(move |guest| (tier, guest)))
        .collect();
    let mut samples: Vec<Vec<Sample>> = ways.iter().map(|_| Vec::new()).collect();
    for _ in 0..runs {
        for (&(tier, guest), samples) in ways.iter().zip(&mut samples) {
            let sample = run::run(guest, tier, plan);
            samples.push(sample.map_err(|e| format!("{} {}: {e}", tier_name(tier), guest.name))?);
        }
    }
    let rows: Vec<Row> = ways
        .iter()
        .zip(&samples)
        .map(|(&(tier, guest), samples)| Row::of(tier, guest.name, samples))
        .collect();
    let report = Report {
        command: "attach",
        runs,
        version: env!("CARGO_PKG_VERSION"),
        phase_ns: plan.phase_ns,
        summary: summary(&rows, !what.small),
        rows,
    };
    if !what.output.json {
        report.print();
        return Ok(());
    }
    print_json(&report)
}

impl Row {
    fn of(tier: Tier, guest: &'static str, samples: &[Sample]) -> Row {
        let ns = |part: fn(&Sample) -> u64| samples.iter().map(part).collect::<Vec<_>>();
        let fires = ns(|s| s.first_fire_ns);
        let recovery = median(&mut ns(|s| s.recovery_ns.unwrap_or(u64::MAX)));
        Row {
            tier: tier_name(tier),
            guest,
            first_fire_ns: median(&mut fires.clone()).unwrap_or_default(),
            first_fire_slowest_ns: fires.into_iter().max().unwrap_or_default(),
            iteration_before_ns: middle(samples, |s| s.before_ns),
            iteration_after_ns: middle(samples, |s| s.after_ns),
            ratio: middle(samples, |s| s.after_ns / s.before_ns),
            recovery_ns: recovery.filter(|&ns| ns != u64::MAX),
        }
    }
}

fn middle(samples: &[Sample], part: fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(part).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Of the tiers that compile: the interpreter is there to compare with.
fn summary(rows: &[Row], judged: bool) -> Vec<Verdict> {
    let compiled = TIERS.map(tier_name).into_iter();
    let compiled = compiled.filter(|&tier| tier != tier_name(Tier::Interp));
    let mut fire: Option<(f64, String)> = None;
    let mut after: Option<(f64, String)> = None;
    for tier in compiled {
        let rows = || rows.iter().filter(|row| row.tier == tier);
        let slowest = rows().map(|row| row.first_fire_slowest_ns).max();
        let slowest = slowest.map(|ns| (ns as f64 / 1e6, tier.to_owned()));
        let ratios: Vec<_> = rows().map(|row| (row.ratio, row.guest)).collect();
        let ratio = geomean_and_worst(&ratios)
            .map(|(mean, worst, at)| (mean, format!("{tier}; worst {worst:.3}, {at}")));
        fire = worse(fire, slowest);
        after = worse(after, ratio);
    }
    let both = [(FIRST_FIRE, fire), (AFTERWARDS, after)];
    both.into_iter()
        .filter_map(|(target, worst)| {
            let (value, at) = worst?;
            Some(target.verdict(judged, value, Some(at)))
        })
        .collect()
}

fn worse(a: Option<(f64, String)>, b: Option<(f64, String)>) -> Option<(f64, String)> {
    a.into_iter().chain(b).max_by(|a, b| a.0.total_cmp(&b.0))
}

impl Report {
    fn print(&self) {
        println!(
            "probity {}. A probe that calls a function is inserted at the header of a hot loop while its frame runs, and removed\n\
             one segment later; {} ms of CPU time before it and after it. Medians of {} runs in turns.\n",
            self.version,
            self.phase_ns / 1_000_000,
            self.runs
        );
        println!(
            "{:<8}{:<8}{:>15}{:>10}{:>21}{:>8}{:>8}{:>21}",
            "tier",
            "loop",
            "first fire us",
            "slowest",
            "iteration ns before",
            "after",
            "ratio",
            "full speed after ms"
        );
        for r in &self.rows {
            let ms = |ns: u64| ns as f64 / 1e6;
            let recovery = r
                .recovery_ns
                .map_or("never".to_owned(), |ns| format!("{:.1}", ms(ns)));
            println!(
                "{:<8}{:<8}{:>15.1}{:>10.1}{:>21.2}{:>8.2}{:>8.3}{recovery:>21}",
                r.tier,
                r.guest,
                r.first_fire_ns as f64 / 1e3,
                r.first_fire_slowest_ns as f64 / 1e3,
                r.iteration_before_ns,
                r.iteration_after_ns,
                r.ratio
            );
        }
        println!();
        for verdict in &self.summary {
            println!("{verdict}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// jit's loops take 1.21 and 1.0 times as long afterwards: 1.1 times by the geometric mean.
    #[test]
    fn judged_are_the_tiers_that_compile_by_their_worst() {
        let sample = |first_fire_ns, after_ns, recovery_ns| Sample {
            first_fire_ns,
            before_ns: 1.0,
            after_ns,
            recovery_ns,
        };
        let rows = [
            Row::of(Tier::Interp, "a", &[sample(9_000_000, 2.0, None)]),
            Row::of(Tier::Jit, "a", &[sample(1_000_000, 1.21, Some(7))]),
            Row::of(Tier::Jit, "b", &[sample(1_000_000, 1.0, Some(7))]),
            Row::of(
                Tier::Auto,
                "a",
                &[sample(6_000_000, 1.0, None), sample(2_000_000, 1.0, None)],
            ),
        ];
        assert_eq!((rows[1].recovery_ns, rows[3].recovery_ns), (Some(7), None));
        let verdicts = summary(&rows, true);
        let found: Vec<_> = verdicts
            .iter()
            .map(|v| ((v.value * 1e6).round(), v.at.as_deref(), v.met))
            .collect();
        assert_eq!(
            found,
            [
                (6e6, Some("auto"), Some(false)),
                (1.1e6, Some("jit; worst 1.210, a"), Some(false))
            ]
        );
    }
}
