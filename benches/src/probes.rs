//! `benches probes`: what instrumentation costs. Each variant prepares a store before the module is instantiated; the
//! first is the uninstrumented run, and the second the same again, which shows the noise floor: no other ratio means more
//! than that.

use crate::Measure;
use crate::engines::probity::Prepared;
use crate::interp::checked;
use crate::kernels::{self, Task};
use crate::report::{Comparison, Ratio, Row, median};
use probity_analyses::Session;
use probity_engine::{Module, Store, Tier};
use probity_wasi::WasiCtx;

/// One way to run a kernel. To add one, add a row to [`VARIANTS`].
struct Variant {
    name: &'static str,
    /// What it does, for the heading.
    about: &'static str,
    /// Inserts probes or attaches analyses; the session, if any, is asked for its reports after the run.
    prepare: fn(&mut Store<WasiCtx>, &Module) -> Result<Session, String>,
}

const VARIANTS: &[Variant] = &[
    Variant {
        name: "none",
        about: "no probe",
        prepare: |s, m| attach(&[], s, m),
    },
    Variant {
        name: "none again",
        about: "no probe, a second time: the noise floor",
        prepare: |s, m| attach(&[], s, m),
    },
    Variant {
        name: "icount",
        about: "executed instructions, by function",
        prepare: |s, m| attach(&["icount"], s, m),
    },
    Variant {
        name: "coverage",
        about: "functions, blocks, instructions",
        prepare: |s, m| attach(&["coverage"], s, m),
    },
    Variant {
        name: "hotness",
        about: "executions of every instruction",
        prepare: |s, m| attach(&["hotness"], s, m),
    },
    Variant {
        name: "branches",
        about: "outcomes of every branch",
        prepare: |s, m| attach(&["branches"], s, m),
    },
    Variant {
        name: "calls",
        about: "calls and their targets",
        prepare: |s, m| attach(&["calls"], s, m),
    },
    Variant {
        name: "loops",
        about: "iterations of loops",
        prepare: |s, m| attach(&["loops"], s, m),
    },
    Variant {
        name: "opcodes",
        about: "executions by opcode",
        prepare: |s, m| attach(&["opcodes"], s, m),
    },
    Variant {
        name: "four",
        about: "icount, coverage, hotness and branches in one run",
        prepare: |s, m| attach(&["icount", "coverage", "hotness", "branches"], s, m),
    },
];

fn attach(
    analyses: &[&str],
    store: &mut Store<WasiCtx>,
    module: &Module,
) -> Result<Session, String> {
    let mut session = Session::new();
    for name in analyses {
        session.add(name, &[]).map_err(|e| e.to_string())?;
    }
    session.attach(store, module).map_err(|e| e.to_string())?;
    Ok(session)
}

/// Runs the command with the variants that `only` names, all if it is empty.
pub fn command(measure: &Measure, only: &[String]) -> Result<(), String> {
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
        let task = kernel.task(measure.interp_size())?;
        let row = Row {
            kernel: kernel.name,
            median_ns: in_turns(&task, &variants, measure.output.runs)?,
        };
        if text {
            comparison.print_row(&row);
        }
        comparison.rows.push(row);
    }
    comparison.finish();
    if text {
        comparison.print_summary();
        return Ok(());
    }
    comparison.print_json()
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

fn in_turns(task: &Task, variants: &[&Variant], runs: u32) -> Result<Vec<Option<u64>>, String> {
    let mut samples: Vec<Vec<u64>> = variants.iter().map(|_| Vec::new()).collect();
    let mut expected = task.expected.clone();
    for _ in 0..runs {
        for (variant, times) in variants.iter().zip(&mut samples) {
            let (mut prepared, mut session) = Prepared::new(Tier::Interp, task, variant.prepare)
                .map_err(|e| format!("{}: {e}", variant.name))?;
            let run = prepared
                .run()
                .map_err(|e| format!("{}, {}: {e}", variant.name, task.name))?;
            session.finish(&mut prepared.store);
            times.push(checked(task, variant.name, run, &mut expected)?);
        }
    }
    Ok(samples.iter_mut().map(|s| median(s)).collect())
}
