//! `benches short`: short runs as a whole process has them: engine, module, code, instance, run and end, with each tier in
//! turns. Where compiling everything costs more than it brings, and where it does not, `auto` is to be near the better.
//!
//! Judged is wall time: how long a user waits. CPU time, in which code that is compiled in the background on another
//! processor counts, stands beside it; on a machine whose processors are all busy the two come together.

use crate::Measure;
use crate::clock::{cpu_ns, wall_ns};
use crate::engines::Run;
use crate::engines::probity::{Prepared, tier_name};
use crate::interp::checked;
use crate::kernels::{self, Size, Task};
use crate::report::{geomean_and_worst, median, print_json};
use crate::target::{Target, Verdict};
use probity_engine::Tier;
use serde::Serialize;
use std::time::Duration;

const TIERS: [Tier; 3] = [Tier::Interp, Tier::Jit, Tier::Auto];
const WALL: Target = Target::at_most("auto / better of interp and jit, wall time, geomean", 1.15);
const WALL_WORST: Target = Target::at_most("the same, worst", 1.15);
const CPU: Target = Target::at_most("the same, CPU time, geomean", 1.15);

/// One kernel; times are medians in the order of the tiers.
#[derive(Serialize)]
struct Row {
    kernel: &'static str,
    cpu_ns: [u64; 3],
    wall_ns: [u64; 3],
    cpu_ratio: f64,
    wall_ratio: f64,
}

#[derive(Serialize)]
struct Report {
    command: &'static str,
    runs: u32,
    version: &'static str,
    tiers: [&'static str; 3],
    rows: Vec<Row>,
    summary: Vec<Verdict>,
}

/// Runs the command.
pub fn command(measure: &Measure) -> Result<(), String> {
    let kernels = kernels::select(&measure.only)?;
    let text = !measure.output.json;
    let runs = measure.output.runs;
    if text {
        println!(
            "probity {}, default config. From making the engine to dropping it, in ms, medians of {runs} runs in turns.\n\
             Ratio: auto / the better of interp and jit.\n",
            env!("CARGO_PKG_VERSION")
        );
        println!("{:<12}{:>26}{:>7}{:>29}", "", "CPU", "", "wall");
        let names: String = TIERS.map(|t| format!("{:>9}", tier_name(t))).concat();
        println!("{:<12}{names}  ratio {names}  ratio", "kernel");
    }
    let size = match measure.small {
        true => Size::Small,
        false => Size::Short,
    };
    let mut rows = Vec::new();
    for kernel in kernels {
        let row = in_turns(&kernel.task(size)?, runs)?;
        if text {
            row.print();
        }
        rows.push(row);
    }
    let report = Report {
        command: "short",
        runs,
        version: env!("CARGO_PKG_VERSION"),
        tiers: TIERS.map(tier_name),
        summary: summary(&rows, !measure.small),
        rows,
    };
    if !text {
        return print_json(&report);
    }
    println!();
    for verdict in &report.summary {
        println!("{verdict}");
    }
    Ok(())
}

impl Row {
    fn print(&self) {
        let times = |ns: [u64; 3]| ns.map(|t| format!("{:>9.1}", t as f64 / 1e6)).concat();
        println!(
            "{:<12}{}{:>7.2} {}{:>7.2}",
            self.kernel,
            times(self.cpu_ns),
            self.cpu_ratio,
            times(self.wall_ns),
            self.wall_ratio
        );
    }
}

fn in_turns(task: &Task, runs: u32) -> Result<Row, String> {
    let mut expected = task.expected.clone();
    let mut cpu: [Vec<u64>; 3] = Default::default();
    let mut wall: [Vec<u64>; 3] = Default::default();
    for _ in 0..runs {
        for (i, tier) in TIERS.into_iter().enumerate() {
            settle();
            let (cpu_begin, wall_begin) = (cpu_ns(), wall_ns());
            let run = whole(tier, task)
                .map_err(|e| format!("{}, {}: {e}", tier_name(tier), task.name))?;
            cpu[i].push(cpu_ns() - cpu_begin);
            wall[i].push(wall_ns() - wall_begin);
            checked(task, tier_name(tier), run, &mut expected)?;
        }
    }
    let medians = |samples: &mut [Vec<u64>; 3]| {
        [0, 1, 2].map(|i| median(&mut samples[i]).unwrap_or_default())
    };
    let (cpu_ns, wall_ns) = (medians(&mut cpu), medians(&mut wall));
    Ok(Row {
        kernel: task.name,
        cpu_ns,
        wall_ns,
        cpu_ratio: ratio(cpu_ns),
        wall_ratio: ratio(wall_ns),
    })
}

/// All that a process does; everything is dropped at the end.
fn whole(tier: Tier, task: &Task) -> Result<Run, String> {
    let (mut prepared, ()) = Prepared::new(tier, task, |_, _| Ok(()))?;
    prepared.run()
}

/// Waits until nothing of the run before works on in the background; the end of a process would have ended that.
fn settle() {
    const TRIES: u32 = 200;
    const IDLE_NS: u64 = 200_000;
    for _ in 0..TRIES {
        let begin = cpu_ns();
        std::thread::sleep(Duration::from_millis(2));
        if cpu_ns() - begin < IDLE_NS {
            return;
        }
    }
}

fn ratio([interp, jit, auto]: [u64; 3]) -> f64 {
    auto as f64 / interp.min(jit).max(1) as f64
}

fn summary(rows: &[Row], judged: bool) -> Vec<Verdict> {
    let of = |part: fn(&Row) -> f64| {
        let ratios: Vec<_> = rows.iter().map(|r| (part(r), r.kernel)).collect();
        geomean_and_worst(&ratios)
    };
    let Some(((wall, worst, at), (cpu, ..))) = of(|r| r.wall_ratio).zip(of(|r| r.cpu_ratio)) else {
        return Vec::new();
    };
    vec![
        WALL.verdict(judged, wall, None),
        WALL_WORST.verdict(judged, worst, Some(at.to_owned())),
        CPU.verdict(false, cpu, None),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_is_compared_with_the_better_one() {
        assert_eq!(ratio([10, 100, 12]), 1.2);
        assert_eq!(ratio([100, 10, 12]), 1.2);
    }

    #[test]
    fn every_tier_prints_the_same() {
        let kernels = kernels::select(&["words".to_owned()]).expect("a kernel");
        let task = kernels[0].task(Size::Small).expect("it is there");
        let row = in_turns(&task, 1).unwrap_or_else(|e| panic!("{e}"));
        assert!(row.cpu_ns.iter().all(|&t| t > 0));
        assert_eq!(summary(&[row], true).len(), 3);
    }
}
