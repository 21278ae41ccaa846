//! `benches probes`: what instrumentation costs. Each variant prepares a store before the module is instantiated; the
//! first is the uninstrumented run, and the second the same again, which shows the noise floor: no other ratio means more
//! than that. Before a variant is measured in a tier that compiles, its reports of a small run there must equal the
//! interpreter's.

use crate::Measure;
use crate::engines::probity::{Prepared, tier_name};
use crate::interp::checked;
use crate::kernels::{self, Size, Task};
use crate::memory_trace::{MemoryTrace, Summary};
use crate::report::{Comparison, Ratio, Row, median};
use crate::target::Target;
use probity_analyses::Session;
use probity_analyses::report::AnalysisReport;
use probity_engine::{Module, Store, Tier};
use probity_wasi::WasiCtx;

/// One way to run a kernel. To add one, add a row to [`VARIANTS`].
struct Variant {
    name: &'static str,
    /// What it does, for the heading.
    about: &'static str,
    /// Inserts probes or attaches analyses.
    prepare: fn(&mut Store<WasiCtx>, &Module) -> Result<Watching, String>,
    /// What it is to cost in compiled code at most.
    target: Option<Target>,
}

/// What watches a run.
enum Watching {
    Session(Session),
    Trace(MemoryTrace),
}

/// What was found.
#[derive(PartialEq)]
enum Found {
    Reports(Vec<AnalysisReport>),
    Trace(Summary),
}

impl Watching {
    fn finish(self, store: &mut Store<WasiCtx>) -> Result<Found, String> {
        match self {
            Watching::Session(mut session) => Ok(Found::Reports(session.finish(store))),
            Watching::Trace(trace) => {
                let summary = trace.finish(store).map_err(|e| e.to_string())?;
                Ok(Found::Trace(summary))
            }
        }
    }
}

const fn at_most(limit: f64) -> Option<Target> {
    Some(Target::at_most("instrumented / plain, geomean", limit))
}

const VARIANTS: &[Variant] = &[
    Variant {
        name: "none",
        about: "no probe",
        prepare: |s, m| attach(&[], s, m),
        target: None,
    },
    Variant {
        name: "none again",
        about: "no probe, a second time: the noise floor",
        prepare: |s, m| attach(&[], s, m),
        target: None,
    },
    Variant {
        name: "icount",
        about: "executed instructions, by function",
        prepare: |s, m| attach(&["icount"], s, m),
        target: at_most(1.05),
    },
    Variant {
        name: "coverage",
        about: "functions, blocks, instructions",
        prepare: |s, m| attach(&["coverage"], s, m),
        target: at_most(1.03),
    },
    Variant {
        name: "hotness",
        about: "executions of every instruction",
        prepare: |s, m| attach(&["hotness"], s, m),
        target: at_most(1.10),
    },
    Variant {
        name: "branches",
        about: "outcomes of every branch",
        prepare: |s, m| attach(&["branches"], s, m),
        target: at_most(1.15),
    },
    Variant {
        name: "calls",
        about: "calls and their targets",
        prepare: |s, m| attach(&["calls"], s, m),
        target: None,
    },
    Variant {
        name: "loops",
        about: "iterations of loops",
        prepare: |s, m| attach(&["loops"], s, m),
        target: at_most(1.02),
    },
    Variant {
        name: "opcodes",
        about: "executions by opcode",
        prepare: |s, m| attach(&["opcodes"], s, m),
        target: None,
    },
    Variant {
        name: "fprofile",
        about: "exact weight of functions, lines and loops",
        prepare: |s, m| attach(&["fprofile"], s, m),
        target: None,
    },
    Variant {
        name: "profile",
        about: "the same with the call tree",
        prepare: |s, m| attach(&["profile"], s, m),
        target: None,
    },
    Variant {
        name: "three",
        about: "hotness, branches and icount in one run",
        prepare: |s, m| attach(&["hotness", "branches", "icount"], s, m),
        target: at_most(1.15),
    },
    Variant {
        name: "memory trace",
        about: "site and address of every load and store, to a buffer",
        prepare: |s, _| Ok(Watching::Trace(MemoryTrace::attach(s))),
        target: at_most(2.5),
    },
    Variant {
        name: "memory",
        about: "lines, pages and strides of every access, and the working set",
        prepare: |s, m| attach(&["memory"], s, m),
        target: None,
    },
    Variant {
        name: "cache",
        about: "simulated caches and branch prediction",
        prepare: |s, m| attach(&["cache"], s, m),
        target: None,
    },
    Variant {
        name: "heap",
        about: "blocks of malloc and its like",
        prepare: |s, m| attach(&["heap"], s, m),
        target: None,
    },
    Variant {
        name: "four",
        about: "icount, coverage, hotness and branches in one run",
        prepare: |s, m| attach(&["icount", "coverage", "hotness", "branches"], s, m),
        target: None,
    },
];

fn attach(
    analyses: &[&str],
    store: &mut Store<WasiCtx>,
    module: &Module,
) -> Result<Watching, String> {
    let mut session = Session::new();
    for name in analyses {
        session.add(name, &[]).map_err(|e| e.to_string())?;
    }
    session.attach(store, module).map_err(|e| e.to_string())?;
    Ok(Watching::Session(session))
}

/// Runs the command with the variants that `only` names, all if it is empty.
pub fn command(measure: &Measure, tier: Tier, only: &[String]) -> Result<(), String> {
    let kernels = kernels::select(&measure.only)?;
    let variants = select(only)?;
    let mut comparison = Comparison {
        command: "probes",
        runs: measure.output.runs,
        columns: variants.iter().map(|v| v.name.to_owned()).collect(),
        versions: variants.iter().map(|v| v.about.to_owned()).collect(),
        rows: Vec::new(),
        summary: Vec::new(),
        ratio: Ratio::OtherByFirst,
    };
    let text = !measure.output.json;
    if text {
        comparison.print_head();
    }
    for kernel in kernels {
        if tier != Tier::Interp {
            let task = kernel.task(Size::Small)?;
            for variant in &variants {
                check(&task, variant, tier)?;
            }
        }
        let task = kernel.task(measure.size_for(tier))?;
        let row = Row {
            kernel: kernel.name,
            median_ns: in_turns(&task, &variants, tier, measure.output.runs)?,
        };
        if text {
            comparison.print_row(&row);
        }
        comparison.rows.push(row);
    }
    comparison.finish();
    if text {
        comparison.print_summary();
        if tier != Tier::Interp && !measure.small {
            println!();
            for (variant, summary) in variants[1..].iter().zip(&comparison.summary) {
                if let Some(target) = variant.target {
                    let verdict = target.verdict(true, summary.geomean, None);
                    println!("{}: {verdict}", variant.name);
                }
            }
        }
        return Ok(());
    }
    comparison.print_json()
}

/// What a variant finds in a run that printed what it should.
fn found(task: &Task, variant: &Variant, tier: Tier) -> Result<Found, String> {
    let fail = |e: String| format!("{}, {}: {e}", variant.name, task.name);
    let (mut prepared, watching) = Prepared::new(tier, task, variant.prepare).map_err(fail)?;
    let run = prepared.run().map_err(fail)?;
    checked(task, variant.name, run, &mut task.expected.clone())?;
    watching.finish(&mut prepared.store).map_err(fail)
}

/// A figure is worth nothing if the counts that it was paid for are wrong.
fn check(task: &Task, variant: &Variant, tier: Tier) -> Result<(), String> {
    match found(task, variant, tier)? == found(task, variant, Tier::Interp)? {
        true => Ok(()),
        false => Err(format!(
            "{}, {}: reports of tier {} differ from the interpreter's",
            variant.name,
            task.name,
            tier_name(tier)
        )),
    }
}

/// The uninstrumented run is always there: the others are compared with it.
fn select(only: &[String]) -> Result<Vec<&'static Variant>, String> {
    if let Some(unknown) = only
        .iter()
        .find(|n| !VARIANTS.iter().any(|v| v.name == **n))
    {
        let known: Vec<_> = VARIANTS.iter().map(|v| v.name).collect();
        return Err(format!(
            "unknown variant '{unknown}'; known: {}",
            known.join(", ")
        ));
    }
    let wanted =
        |v: &&Variant| only.is_empty() || v.name == "none" || only.iter().any(|n| n == v.name);
    Ok(VARIANTS.iter().filter(wanted).collect())
}

fn in_turns(
    task: &Task,
    variants: &[&Variant],
    tier: Tier,
    runs: u32,
) -> Result<Vec<Option<u64>>, String> {
    let mut samples: Vec<Vec<u64>> = variants.iter().map(|_| Vec::new()).collect();
    let mut expected = task.expected.clone();
    for _ in 0..runs {
        for (variant, times) in variants.iter().zip(&mut samples) {
            let (mut prepared, watching) = Prepared::new(tier, task, variant.prepare)
                .map_err(|e| format!("{}: {e}", variant.name))?;
            let run = prepared
                .run()
                .map_err(|e| format!("{}, {}: {e}", variant.name, task.name))?;
            watching.finish(&mut prepared.store)?;
            times.push(checked(task, variant.name, run, &mut expected)?);
        }
    }
    Ok(samples.iter_mut().map(|s| median(s)).collect())
}
