//! `benches jit`: compiled code against Wasmtime's. Both compile a module once; then the runs take turns, each in a new
//! store, and only `_start` is timed. Without the feature `wasmtime` the interpreter stands in for it.

use crate::Measure;
use crate::engines::probity::Eager;
use crate::engines::{Compiler, peer_compiler};
use crate::interp::checked;
use crate::kernels::{self, Kernel, Size};
use crate::pairs::Pairs;
use crate::report::geomean_and_worst;
use crate::target::{Target, Verdict};
use probity_engine::Tier;
use serde::Serialize;

const GEOMEAN: Target = Target::at_most("geomean", 1.0);
const WORST: Target = Target::at_most("worst", 1.1);

/// One kernel.
#[derive(Serialize)]
struct Row {
    kernel: &'static str,
    probity_ns: u64,
    peer_ns: u64,
    /// Median of the pairs.
    ratio: f64,
}

/// The whole comparison.
#[derive(Serialize)]
struct Report {
    command: &'static str,
    runs: u32,
    probity: String,
    /// What the ratios are to.
    peer: String,
    rows: Vec<Row>,
    summary: Vec<Verdict>,
}

/// Runs the command.
pub fn command(measure: &Measure, fastest: bool) -> Result<(), String> {
    let kernels = kernels::select(&measure.only)?;
    let ours = Eager::new(Tier::Jit);
    let peer = peer_compiler()?;
    if peer.is_none() {
        eprintln!(
            "note: built without Wasmtime; use --features wasmtime to compare with it. Here against the interpreter:"
        );
    }
    let judged = peer.is_some() && !measure.small && !fastest;
    let peer = peer.unwrap_or_else(|| Box::new(Eager::new(Tier::Interp)));
    let text = !measure.output.json;
    if text {
        print_head(&ours, &*peer, measure.output.runs, fastest);
    }
    let mut rows = Vec::new();
    let size = match (measure.small, fastest) {
        (true, _) => Size::Small,
        (_, true) => Size::Short,
        (_, false) => Size::Jit,
    };
    for kernel in kernels {
        let runs = measure.output.runs;
        let row = compare(kernel, size, runs, &ours, &*peer)?;
        if text {
            row.print();
        }
        rows.push(row);
    }
    let report = Report {
        command: "jit",
        runs: measure.output.runs,
        probity: ours.version(),
        peer: format!("{} {}", peer.name(), peer.version()),
        summary: summary(&rows, judged),
        rows,
    };
    if !text {
        return crate::report::print_json(&report);
    }
    println!(
        "\nprobity / {}, {} kernels",
        peer.title(),
        report.rows.len()
    );
    for verdict in &report.summary {
        println!("{verdict}");
    }
    Ok(())
}

fn print_head(ours: &dyn Compiler, peer: &dyn Compiler, runs: u32, fastest: bool) {
    for engine in [ours, peer] {
        println!("{:<10} {}", engine.name(), engine.version());
    }
    let what = match fastest {
        true => "fastest of {runs} short runs each",
        false => "medians of {runs} pairs",
    };
    let what = what.replace("{runs}", &runs.to_string());
    println!(
        "CPU time of _start in ms, {what} in turns, modules compiled before. Ratio: that of the"
    );
    println!(
        "times, or its median over the pairs, of probity / {} (below 1 is faster).\n",
        peer.title()
    );
    println!(
        "{:<12}{:>10}{:>16}  ratio",
        "kernel",
        ours.name(),
        peer.title()
    );
}

impl Row {
    fn print(&self) {
        let ms = |ns: u64| ns as f64 / 1e6;
        let (ours, theirs) = (ms(self.probity_ns), ms(self.peer_ns));
        println!(
            "{:<12}{ours:>10.1}{theirs:>16.1}{:>7.3}",
            self.kernel, self.ratio
        );
    }
}

/// Measures one kernel. Its default run comes first: it warms up both, and its output is on file. Of short runs the
/// fastest counts.
fn compare(
    kernel: &Kernel,
    size: Size,
    runs: u32,
    ours: &dyn Compiler,
    peer: &dyn Compiler,
) -> Result<Row, String> {
    let failed = |engine: &dyn Compiler, why| format!("{}, {}: {why}", engine.name(), kernel.name);
    let small = kernel.task(Size::Small)?;
    let task = kernel.task(size)?;
    let engines = [ours, peer];
    let mut compiled = Vec::new();
    for engine in engines {
        let module = engine.compile(&task.wasm).map_err(|e| failed(engine, e))?;
        let run = module.run(&small.argv).map_err(|e| failed(engine, e))?;
        checked(&small, engine.name(), run, &mut small.expected.clone())?;
        compiled.push((engine, module));
    }
    let mut expected = task.expected.clone();
    let mut pairs = Pairs::default();
    for _ in 0..runs {
        let mut times = [0; 2];
        for ((engine, module), time) in compiled.iter().zip(&mut times) {
            let run = module.run(&task.argv).map_err(|e| failed(*engine, e))?;
            *time = checked(&task, engine.name(), run, &mut expected)?;
        }
        pairs.push(times[0], times[1]);
    }
    let (times, ratio) = match size {
        Size::Short => (pairs.fastest(), pairs.ratio_of_fastest()),
        _ => (pairs.medians(), pairs.ratio()),
    };
    let (probity_ns, peer_ns) = times.unwrap_or_default();
    let ratio = ratio.unwrap_or_default();
    Ok(Row {
        kernel: kernel.name,
        probity_ns,
        peer_ns,
        ratio,
    })
}

/// Judged only where the figures are what the targets are about.
fn summary(rows: &[Row], judged: bool) -> Vec<Verdict> {
    let ratios: Vec<_> = rows.iter().map(|r| (r.ratio, r.kernel)).collect();
    let Some((geomean, worst, at)) = geomean_and_worst(&ratios) else {
        return Vec::new();
    };
    let at = Some(at.to_owned());
    vec![
        GEOMEAN.verdict(judged, geomean, None),
        WORST.verdict(judged, worst, at),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiled code prints what the interpreter prints, and what is on file. `compare` fails otherwise.
    #[test]
    fn small_runs_agree_with_the_interpreter() {
        let (ours, interp) = (Eager::new(Tier::Jit), Eager::new(Tier::Interp));
        let mut rows = Vec::new();
        for kernel in kernels::KERNELS {
            match compare(kernel, Size::Small, 1, &ours, &interp) {
                Ok(row) => rows.push(row),
                Err(e) => panic!("{e}"),
            }
        }
        assert_eq!(rows.len(), kernels::KERNELS.len());
        assert!(rows.iter().all(|r| r.ratio > 0.0));
        let verdicts = summary(&rows, false);
        assert!(verdicts.iter().all(|v| v.met.is_none()), "only shown");
    }

    #[test]
    fn targets_of_the_comparison() {
        let row = |kernel, ratio| Row {
            kernel,
            probity_ns: 1,
            peer_ns: 1,
            ratio,
        };
        let verdicts = summary(&[row("a", 0.5), row("b", 1.25)], true);
        let met: Vec<_> = verdicts.iter().map(|v| (v.what, v.met)).collect();
        assert_eq!(met, [("geomean", Some(true)), ("worst", Some(false))]);
        assert_eq!(verdicts[1].at.as_deref(), Some("b"));
    }

    #[test]
    fn a_title_is_name_and_bare_version() {
        let title = Eager::new(Tier::Jit).title();
        assert_eq!(title, concat!("probity ", env!("CARGO_PKG_VERSION")));
    }
}
