//! `benches compile`: what it costs to compile a whole module before it runs, by Probity and by Wasmtime, in turns. Both
//! use as many threads as the machine has processors; CPU time says what the work is, wall time how well it is shared out.

use crate::Output;
use crate::clock::{cpu_ns, wall_ns};
use crate::engines::probity::Eager;
use crate::engines::{Compiler, peer_compiler};
use crate::kernels::{self, Size};
use crate::pairs::Pairs;
use crate::report::{geomean_and_worst, median, print_json};
use crate::target::{Target, Verdict};
use clap::Args;
use probity_engine::Tier;
use serde::Serialize;
use std::path::PathBuf;

const CPU: Target = Target::at_most("CPU time, geomean", 1.3);
const CPU_WORST: Target = Target::at_most("CPU time, worst", 1.3);
const WALL: Target = Target::at_most("wall time, geomean", 1.3);

/// What to compile.
#[derive(Args)]
pub struct Modules {
    /// Compile these modules instead of the kernels (besides them with --only)
    modules: Vec<PathBuf>,
    /// Only this kernel; may be repeated
    #[arg(long, value_name = "KERNEL")]
    only: Vec<String>,
    /// How often and in which form
    #[command(flatten)]
    output: Output,
}

/// Medians of one engine.
#[derive(Clone, Copy, Serialize)]
struct Cost {
    cpu_ns: u64,
    wall_ns: u64,
}

/// One module.
#[derive(Serialize)]
struct Row {
    module: String,
    bytes: usize,
    probity: Cost,
    /// Absent without a peer, and where the peer refuses the module.
    peer: Option<Cost>,
    cpu_ratio: Option<f64>,
    wall_ratio: Option<f64>,
}

#[derive(Serialize)]
struct Report {
    command: &'static str,
    runs: u32,
    threads: usize,
    probity: String,
    peer: Option<String>,
    rows: Vec<Row>,
    summary: Vec<Verdict>,
}

/// Runs the command.
pub fn command(what: &Modules) -> Result<(), String> {
    let modules = what.read()?;
    let ours = Eager::new(Tier::Jit);
    let peer = peer_compiler()?;
    if peer.is_none() {
        eprintln!("note: built without Wasmtime; use --features wasmtime to compare with it");
    }
    let text = !what.output.json;
    let mut report = Report {
        command: "compile",
        runs: what.output.runs,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        probity: ours.version(),
        peer: peer
            .as_ref()
            .map(|p| format!("{} {}", p.name(), p.version())),
        rows: Vec::new(),
        summary: Vec::new(),
    };
    let title = peer.as_ref().map_or("no peer".to_owned(), |p| p.title());
    if text {
        report.print_head(&title);
    }
    for (name, wasm) in &modules {
        let row = compare(name, wasm, what.output.runs, &ours, peer.as_deref())?;
        if text {
            row.print();
        }
        report.rows.push(row);
    }
    report.summary = summary(&report.rows);
    if !text {
        return print_json(&report);
    }
    println!("\nprobity / {title}, {} modules", report.rows.len());
    for verdict in &report.summary {
        println!("{verdict}");
    }
    Ok(())
}

impl Modules {
    /// Names and bytes.
    fn read(&self) -> Result<Vec<(String, Vec<u8>)>, String> {
        let mut modules = Vec::new();
        if self.modules.is_empty() || !self.only.is_empty() {
            for kernel in kernels::select(&self.only)? {
                modules.push((kernel.name.to_owned(), kernel.task(Size::Small)?.wasm));
            }
        }
        for path in &self.modules {
            let wasm = std::fs::read(path)
                .map_err(|e| format!("failed to read {}: {e}", path.display()))?;
            if !wasm.starts_with(b"\0asm") {
                return Err(format!(
                    "{} is no binary module; give a .wasm file",
                    path.display()
                ));
            }
            let name = path.file_stem().unwrap_or(path.as_os_str());
            modules.push((name.to_string_lossy().into_owned(), wasm));
        }
        Ok(modules)
    }
}

fn timed(engine: &dyn Compiler, wasm: &[u8]) -> Result<Cost, String> {
    let (cpu, wall) = (cpu_ns(), wall_ns());
    let compiled = engine.compile(wasm)?;
    let cost = Cost {
        cpu_ns: cpu_ns() - cpu,
        wall_ns: wall_ns() - wall,
    };
    drop(compiled);
    Ok(cost)
}

/// Compiles in turns. A peer that refuses the module is left out, with a note.
fn compare(
    name: &str,
    wasm: &[u8],
    runs: u32,
    ours: &dyn Compiler,
    mut peer: Option<&dyn Compiler>,
) -> Result<Row, String> {
    let (mut cpu, mut wall) = (Pairs::default(), Pairs::default());
    let mut alone = Vec::new();
    for _ in 0..runs {
        let our = timed(ours, wasm).map_err(|e| format!("{}, {name}: {e}", ours.name()))?;
        alone.push(our);
        let Some(other) = peer else { continue };
        match timed(other, wasm) {
            Ok(their) => {
                cpu.push(our.cpu_ns, their.cpu_ns);
                wall.push(our.wall_ns, their.wall_ns);
            }
            Err(why) => {
                eprintln!("note: {} does not compile {name}: {why}", other.name());
                peer = None;
            }
        }
    }
    let of = |part: fn(&Cost) -> u64| {
        median(&mut alone.iter().map(part).collect::<Vec<_>>()).unwrap_or_default()
    };
    let theirs = cpu.medians().zip(wall.medians());
    Ok(Row {
        module: name.to_owned(),
        bytes: wasm.len(),
        probity: Cost {
            cpu_ns: of(|c| c.cpu_ns),
            wall_ns: of(|c| c.wall_ns),
        },
        peer: theirs.map(|((_, cpu_ns), (_, wall_ns))| Cost { cpu_ns, wall_ns }),
        cpu_ratio: cpu.ratio(),
        wall_ratio: wall.ratio(),
    })
}

fn summary(rows: &[Row]) -> Vec<Verdict> {
    let cpu: Vec<_> = rows
        .iter()
        .filter_map(|r| Some((r.cpu_ratio?, r.module.as_str())))
        .collect();
    let wall: Vec<_> = rows
        .iter()
        .filter_map(|r| Some((r.wall_ratio?, ())))
        .collect();
    let Some(((cpu, worst, at), (wall, ..))) =
        geomean_and_worst(&cpu).zip(geomean_and_worst(&wall))
    else {
        return Vec::new();
    };
    vec![
        CPU.verdict(true, cpu, None),
        CPU_WORST.verdict(false, worst, Some(at.to_owned())),
        WALL.verdict(true, wall, None),
    ]
}

impl Report {
    fn print_head(&self, title: &str) {
        println!("{:<10} {}", "probity", self.probity);
        if let Some(peer) = &self.peer {
            let (name, version) = peer.split_once(' ').unwrap_or((peer, ""));
            println!("{name:<10} {version}");
        }
        println!(
            "Milliseconds to compile a module, and per MB of Wasm; medians of {} pairs in turns, {} threads. Ratios: medians\n\
             over the pairs of probity / {title} (below 1 is faster).\n",
            self.runs, self.threads
        );
        println!(
            "{:<12}{:>10}{:>23}{:>23}{:>15}\n{:<12}{:>10}{:>23}{:>23}{:>15}",
            "",
            "",
            "probity",
            title,
            "ratio",
            "module",
            "KB",
            "CPU    wall  CPU/MB",
            "CPU    wall  CPU/MB",
            "CPU    wall"
        );
    }
}

impl Row {
    fn print(&self) {
        let cost = |c: Option<Cost>| {
            let Some(c) = c else {
                return format!("{:>23}", "-");
            };
            let (cpu, wall) = (c.cpu_ns as f64 / 1e6, c.wall_ns as f64 / 1e6);
            let per_mb = cpu / (self.bytes as f64 / 1e6);
            format!("{cpu:>8.1}{wall:>8.1}{per_mb:>7.0}")
        };
        let ratio = |r: Option<f64>| r.map_or("-".to_owned(), |r| format!("{r:.2}"));
        println!(
            "{:<12}{:>10.1}{}{}{:>8}{:>7}",
            self.module,
            self.bytes as f64 / 1e3,
            cost(Some(self.probity)),
            cost(self.peer),
            ratio(self.cpu_ratio),
            ratio(self.wall_ratio)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modules(paths: &[&str], only: &[&str]) -> Modules {
        Modules {
            modules: paths.iter().map(PathBuf::from).collect(),
            only: only.iter().map(|&n| n.to_owned()).collect(),
            output: Output {
                runs: 1,
                json: true,
            },
        }
    }

    #[test]
    fn paths_stand_for_the_kernels_unless_some_are_named() {
        let path = crate::root().join("tests/programs/sieve.wasm");
        let path = path.to_str().expect("UTF-8");
        let names = |m: Modules| -> Vec<String> {
            let read = m.read().expect("modules are there");
            read.into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(modules(&[], &[])).len(), kernels::KERNELS.len());
        assert_eq!(names(modules(&[path], &[])), ["sieve"]);
        assert_eq!(names(modules(&[path], &["gemm"])), ["gemm", "sieve"]);
    }

    #[test]
    fn what_cannot_be_compiled_is_named() {
        let missing = modules(&["/no/such.wasm"], &[])
            .read()
            .expect_err("missing");
        assert!(
            missing.contains("failed to read /no/such.wasm"),
            "{missing}"
        );
        let source = crate::root().join("tests/programs/sieve.c");
        let text = modules(&[source.to_str().expect("UTF-8")], &[])
            .read()
            .expect_err("no module");
        assert!(text.contains("no binary module"), "{text}");
    }

    #[test]
    fn without_a_peer_there_are_times_but_no_ratios() {
        let wasm = &modules(&[], &["sieve"]).read().expect("a kernel")[0].1;
        let row = compare("sieve", wasm, 1, &Eager::new(Tier::Jit), None).expect("it compiles");
        assert!(row.probity.cpu_ns > 0 && row.cpu_ratio.is_none());
        assert!(summary(&[row]).is_empty());
    }
}
