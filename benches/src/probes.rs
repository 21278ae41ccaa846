//! `benches probes`: what instrumentation costs. Each variant prepares a store before `_start`; the first is the
//! uninstrumented run, and the second the same again, which shows the noise floor: no other ratio means more than that.

use crate::Measure;
use crate::engines::probity::Prepared;
use crate::interp::checked;
use crate::kernels::{self, Task};
use crate::report::{Comparison, Ratio, Row, median};
use std::any::Any;

/// One way to run a kernel. To add one, add a row to [`VARIANTS`].
struct Variant {
    name: &'static str,
    /// What it does, for the heading.
    about: &'static str,
    /// Inserts probes, or attaches analyses. What it returns is dropped after the run.
    prepare: fn(&mut Prepared) -> Result<Box<dyn Any>, String>,
}

const VARIANTS: &[Variant] = &[
    Variant {
        name: "none",
        about: "no probe",
        prepare: nothing,
    },
    Variant {
        name: "none again",
        about: "no probe, a second time: the noise floor",
        prepare: nothing,
    },
];

fn nothing(_: &mut Prepared) -> Result<Box<dyn Any>, String> {
    Ok(Box::new(()))
}

/// Runs the command.
pub fn command(measure: &Measure) -> Result<(), String> {
    let kernels = kernels::select(&measure.only)?;
    let mut comparison = Comparison {
        command: "probes",
        runs: measure.output.runs,
        columns: VARIANTS.iter().map(|v| v.name.to_owned()).collect(),
        versions: VARIANTS.iter().map(|v| v.about.to_owned()).collect(),
        rows: Vec::new(),
        summary: Vec::new(),
        ratio: Ratio::OtherByFirst,
    };
    let text = !measure.output.json;
    if text {
        comparison.print_head();
    }
    for kernel in kernels {
        let task = kernel.task(measure.small)?;
        let row = Row {
            kernel: kernel.name,
            median_ns: in_turns(&task, measure.output.runs)?,
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

fn in_turns(task: &Task, runs: u32) -> Result<Vec<Option<u64>>, String> {
    let mut samples: Vec<Vec<u64>> = VARIANTS.iter().map(|_| Vec::new()).collect();
    let mut expected = task.expected.clone();
    for _ in 0..runs {
        for (variant, times) in VARIANTS.iter().zip(&mut samples) {
            let mut prepared = Prepared::new(task)?;
            let _attached =
                (variant.prepare)(&mut prepared).map_err(|e| format!("{}: {e}", variant.name))?;
            let run = prepared
                .run()
                .map_err(|e| format!("{}, {}: {e}", variant.name, task.name))?;
            times.push(checked(task, variant.name, run, &mut expected)?);
        }
    }
    Ok(samples.iter_mut().map(|s| median(s)).collect())
}
