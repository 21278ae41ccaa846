//! What judging costs: measuring against plain runs, many small samples, and how costs agree with time.
//!
//! Both halves of a pair do the same work on the same inputs, a module compiled and each test run: `plain` by compiled code that nobody
//! counts or limits, `judged` with exact counts, limits and a checked output.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use clap::Args;
use probity_efficiency::Column;
use probity_efficiency::jsonl::Lines;
use probity_efficiency::judge::{Columns, Config, Judge, Prepared};
use probity_efficiency::result::SampleResult;
use probity_efficiency::sample::Sample;
use probity_efficiency::task::{Entry, Tasks};
use probity_efficiency::toolchain::{BuildCache, Builder, Built};
use probity_engine::{Config as EngineConfig, Engine, Linker, Module, Store, Tier};
use probity_wasi::{Exit, OutputBuffer, WasiCtx, WasiCtxBuilder};

use crate::clock::{cpu_ns, wall_ns};
use crate::pairs::Pairs;
use crate::report::geomean_and_worst;
use crate::root;

/// Which programs, and how often.
#[derive(Args)]
pub struct Judging {
    /// Tasks
    #[arg(long, value_name = "FILE", default_value_os_t = root().join("examples/efficiency/tasks.jsonl"))]
    tasks: PathBuf,
    /// Programs
    #[arg(long, value_name = "FILE", default_value_os_t = root().join("examples/efficiency/samples.jsonl"))]
    samples: PathBuf,
    /// Only this task; may be repeated
    #[arg(long, value_name = "TASK")]
    only: Vec<String>,
    /// Runs of each pair; the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// How many small samples are judged
    #[arg(long, default_value_t = 1000)]
    small: u32,
    /// Where built programs are kept, so that only the first run builds them
    #[arg(long, value_name = "DIR", default_value_os_t = root().join("target/judge-builds"))]
    build_cache: PathBuf,
}

/// A program that is right, with its task.
struct Case {
    name: String,
    task: usize,
    built: Built,
    result: SampleResult,
}

pub fn command(args: &Judging) -> Result<(), String> {
    let judge = |tier: Tier, columns: Columns| -> Result<Judge, String> {
        Ok(Judge::new(Config {
            builder: Builder {
                cache: Some(BuildCache::new(&args.build_cache).map_err(|e| e.to_string())?),
                ..Builder::default()
            },
            tier: Some(tier),
            columns,
        }))
    };
    let auto = judge(Tier::Auto, Columns::default())?;
    let interp = judge(Tier::Interp, Columns::default())?;
    let tasks = Tasks::read(&args.tasks).map_err(|e| format!("failed to {e}"))?;
    let mut prepared = Vec::new();
    for task in tasks.iter() {
        if args.only.is_empty() || args.only.contains(&task.task_id) {
            prepared.push(auto.prepare(task, tasks.dir(), None, &HashMap::new())?);
        }
    }
    let mut cases = Vec::new();
    let dir = args.samples.parent().unwrap_or(Path::new(""));
    for line in Lines::<Sample>::open(&args.samples).map_err(|e| format!("failed to {e}"))? {
        let (line, sample) = line.map_err(|e| format!("failed to {e}"))?;
        let Some(task) = prepared
            .iter()
            .position(|p| p.task.task_id == sample.task_id)
        else {
            continue;
        };
        let built = auto.build_sample(&prepared[task].task, &sample, dir);
        let built = built.map_err(|e| format!("{} in line {line}: {e}", sample.task_id))?;
        let result = auto.judge_module(&prepared[task], &built, None);
        if !result.is_correct() {
            return Err(format!(
                "{} in line {line}: {}",
                sample.task_id, result.status
            ));
        }
        // What the figures below are bought with.
        let naive = interp.judge_module(&prepared[task], &built, None);
        if costs(&naive) != costs(&result) {
            return Err(format!(
                "{} in line {line}: counts differ between tiers",
                sample.task_id
            ));
        }
        let name = format!("{}#{}", sample.task_id, cases.len());
        cases.push(Case {
            name,
            task,
            built,
            result,
        });
    }
    println!(
        "{} programs, all right, counts equal in interp and auto",
        cases.len()
    );
    overhead(args, &auto, &prepared, &cases)?;
    small(args, &auto, &prepared, &cases)?;
    agreement(
        &judge(
            Tier::Auto,
            Columns {
                cache: true,
                wall_runs: 5,
                ..Columns::default()
            },
        )?,
        &prepared,
        &cases,
    )
}

/// All counts of all tests.
fn costs(result: &SampleResult) -> Vec<Option<u64>> {
    let exact = Column::MEASURED.iter().filter(|column| column.is_exact());
    let tests = &result.tests;
    exact
        .flat_map(|column| tests.iter().map(|test| column.of(&test.cost)))
        .collect()
}

/// Compiles a module and runs every test, watched by nobody.
fn plain(engine: &Engine, prepared: &Prepared, built: &Built) -> Result<(), String> {
    let module = Module::new(engine, &built.wasm).map_err(|e| e.to_string())?;
    let mut linker: Linker<WasiCtx> = Linker::new(engine);
    probity_wasi::add_to_linker(&mut linker, |ctx| ctx).map_err(|e| e.to_string())?;
    for test in &prepared.tests {
        let mut wasi = WasiCtxBuilder::new();
        wasi.arg("program")
            .stdin_bytes(test.stdin.clone())
            .stdout(OutputBuffer::new());
        let mut store = Store::new(engine, wasi.build());
        let run = || {
            let instance = linker.instantiate(&mut store, &module)?;
            let start = instance.get_typed_func::<(), ()>(&store, "_start")?;
            start.call(&mut store, ())
        };
        let result = { run }();
        if let Err(error) = result
            && error.downcast_ref::<Exit>().is_none()
        {
            return Err(error.to_string());
        }
    }
    Ok(())
}

fn engine(tier: Tier) -> Engine {
    let mut config = EngineConfig::new();
    config
        .tier(tier)
        .deterministic(true)
        .max_stack_bytes(64 << 20);
    Engine::new(&config)
}

/// Time of a closure in process CPU time.
fn timed<T>(run: impl FnOnce() -> T) -> (u64, T) {
    let before = cpu_ns();
    let value = run();
    (cpu_ns() - before, value)
}

/// Judging in each of the ways to execute code that run long, against plain runs of compiled code.
fn overhead(
    args: &Judging,
    judge: &Judge,
    prepared: &[Prepared],
    cases: &[Case],
) -> Result<(), String> {
    let jit = engine(Tier::Jit);
    let mut ratios = Vec::new();
    println!("\nmeasuring against plain compiled runs, all tests of a program (CPU time)");
    for case in cases {
        let prepared = &prepared[case.task];
        if prepared.task.entry != Entry::Stdio {
            continue;
        }
        let mut pairs = Pairs::default();
        for _ in 0..args.runs {
            let (judged, result) = timed(|| judge.judge_module(prepared, &case.built, None));
            if costs(&result) != costs(&case.result) {
                return Err(format!("{}: counts differ between runs", case.name));
            }
            let (plain, ran) = timed(|| plain(&jit, prepared, &case.built));
            ran?;
            pairs.push(judged, plain);
        }
        if let (Some(ratio), Some((judged, plain))) = (pairs.ratio(), pairs.medians()) {
            println!(
                "  {:<28} {:8.1} ms / {:8.1} ms = {ratio:.3}",
                case.name,
                judged as f64 / 1e6,
                plain as f64 / 1e6
            );
            ratios.push((ratio, case.name.as_str()));
        }
    }
    if let Some((mean, worst, name)) = geomean_and_worst(&ratios) {
        println!("geomean {mean:.3}, worst {worst:.3} ({name})");
    }
    Ok(())
}

/// Many samples of one small test each.
fn small(
    args: &Judging,
    judge: &Judge,
    prepared: &[Prepared],
    cases: &[Case],
) -> Result<(), String> {
    let engines = [("auto", engine(Tier::Auto)), ("jit", engine(Tier::Jit))];
    // The smallest test of each task alone.
    let smallest: Vec<Prepared> = prepared.iter().map(Prepared::smallest).collect();
    let count = args.small as usize;
    let chosen = || cases.iter().cycle().take(count);
    println!("\n{count} small samples, one test each (CPU time)");
    for (name, engine) in &engines {
        let mut pairs = Pairs::default();
        for _ in 0..args.runs {
            let (judged, results) = timed(|| {
                let results = chosen()
                    .map(|case| judge.judge_module(&smallest[case.task], &case.built, None));
                results.filter(|result| !result.is_correct()).count()
            });
            if results > 0 {
                return Err(format!("{results} small samples are not right"));
            }
            let (plain, ran) = timed(|| {
                chosen().try_for_each(|case| plain(engine, &smallest[case.task], &case.built))
            });
            ran?;
            pairs.push(judged, plain);
        }
        if let (Some(ratio), Some((judged, plain))) = (pairs.ratio(), pairs.medians()) {
            let each = |ns: u64| ns as f64 / 1e6 / count as f64;
            println!(
                "  judged {:.3} ms / plain, tier {name} {:.3} ms each = {ratio:.3}",
                each(judged),
                each(plain)
            );
        }
    }
    // One program, many tests: what a further test costs beside its own run.
    for case in cases.iter().take(3) {
        let many = smallest[case.task].repeated(count);
        let wall = wall_ns();
        let result = judge.judge_module(&many, &case.built, None);
        let wall = wall_ns() - wall;
        let own: u64 = result
            .tests
            .iter()
            .filter_map(|test| test.cost.wall_ns)
            .sum();
        let setup = wall.saturating_sub(own) as f64 / 1e3 / count as f64;
        println!(
            "  {:<28} {count} tests: {:.1} us each beside the run itself ({:.1} us)",
            case.name,
            setup,
            own as f64 / 1e3 / count as f64
        );
    }
    Ok(())
}

/// How often costs order programs of one task as time does.
fn agreement(judge: &Judge, prepared: &[Prepared], cases: &[Case]) -> Result<(), String> {
    println!(
        "\ncosts of each program at its largest test, and how they order the programs of a task"
    );
    let mut points: BTreeMap<usize, Vec<(String, Vec<f64>)>> = BTreeMap::new();
    println!(
        "  {:<28} {:>14} {:>14} {:>14} {:>10} {:>10}",
        "program", "instr", "fuel", "vcycles", "ms", "again"
    );
    for case in cases {
        let largest = prepared[case.task].largest();
        let result = judge.judge_module(&largest, &case.built, None);
        let again = judge.judge_module(&largest, &case.built, None);
        let [test] = &result.tests[..] else {
            continue;
        };
        let cost = &test.cost;
        let number = |value: Option<u64>| value.unwrap_or(0) as f64;
        let second = again.tests.first().and_then(|test| test.cost.wall_ns);
        let row = vec![
            number(cost.instr),
            number(cost.fuel),
            number(cost.vcycles),
            number(cost.wall_ns),
            number(second),
        ];
        println!(
            "  {:<28} {:>14} {:>14} {:>14} {:>10.2} {:>10.2}",
            case.name,
            row[0],
            row[1],
            row[2],
            row[3] / 1e6,
            row[4] / 1e6
        );
        points
            .entry(case.task)
            .or_default()
            .push((case.name.clone(), row));
    }
    const TIME: usize = 3;
    for (column, name) in [
        (0, "instr"),
        (1, "fuel"),
        (2, "vcycles"),
        (4, "time itself, again"),
    ] {
        let mut shown = Vec::new();
        for factor in [1.1, 1.25, 1.5, 2.0] {
            let (mut same, mut all) = (0, 0);
            for rows in points.values() {
                for (at, (_, a)) in rows.iter().enumerate() {
                    for (_, b) in &rows[at + 1..] {
                        let (fast, slow) = if a[TIME] < b[TIME] { (a, b) } else { (b, a) };
                        if slow[TIME] >= factor * fast[TIME] {
                            all += 1;
                            same += usize::from(slow[column] > fast[column]);
                        }
                    }
                }
            }
            shown.push(format!("{same}/{all} at {factor}x"));
        }
        let taus: Vec<f64> = points
            .values()
            .filter_map(|rows| tau(rows, column, TIME))
            .collect();
        let mean = taus.iter().sum::<f64>() / taus.len().max(1) as f64;
        println!(
            "  {name:<20} {}; Kendall's tau {mean:.3} (mean of {} tasks)",
            shown.join(", "),
            taus.len()
        );
    }
    Ok(())
}

/// Kendall's rank correlation of two columns: (concordant - discordant) / pairs; `None` for less than two rows.
fn tau(rows: &[(String, Vec<f64>)], a: usize, b: usize) -> Option<f64> {
    let (mut sum, mut pairs) = (0.0, 0);
    for (at, (_, x)) in rows.iter().enumerate() {
        for (_, y) in &rows[at + 1..] {
            pairs += 1;
            sum += ((x[a] - y[a]) * (x[b] - y[b])).signum();
        }
    }
    (pairs > 0).then(|| sum / f64::from(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tau_counts_pairs() {
        let row = |a: f64, b: f64| (String::new(), vec![a, b]);
        // (1, 10), (2, 30), (3, 20): two pairs agree, one does not.
        let rows = [row(1.0, 10.0), row(2.0, 30.0), row(3.0, 20.0)];
        assert_eq!(tau(&rows, 0, 1), Some(1.0 / 3.0));
        assert_eq!(tau(&rows[..1], 0, 1), None);
    }
}
