//! `benches interp`: Probity's interpreter against its peers, all in turns, with equal output as the condition.

use crate::Measure;
use crate::engines::{self, Contender, Run};
use crate::kernels::{self, Task};
use crate::report::{Comparison, Ratio, Row, median};
use probity_engine::Tier;

/// Runs the command.
pub fn command(measure: &Measure) -> Result<(), String> {
    let kernels = kernels::select(&measure.only)?;
    let mut contenders: Vec<Box<dyn Contender>> = vec![Box::new(engines::probity::Probity)];
    contenders.extend(engines::peers()?);
    let mut comparison = Comparison {
        command: "interp",
        runs: measure.output.runs,
        columns: contenders.iter().map(|c| c.name().to_owned()).collect(),
        versions: contenders.iter().map(|c| c.version()).collect(),
        rows: Vec::new(),
        summary: Vec::new(),
        ratio: Ratio::FirstByOther,
    };
    if contenders.len() == 1 {
        eprintln!("note: built without peers; use --features peers (or peers-simd) to compare");
    }
    let text = !measure.output.json;
    if text {
        comparison.print_head();
    }
    let mut notes = Vec::new();
    for kernel in kernels {
        let task = kernel.task(measure.size_for(Tier::Interp))?;
        let row = Row {
            kernel: kernel.name,
            median_ns: in_turns(&task, &mut contenders, measure.output.runs, &mut notes)?,
        };
        if text {
            comparison.print_row(&row);
        }
        comparison.rows.push(row);
    }
    comparison.finish();
    if text {
        comparison.print_summary();
    } else {
        comparison.print_json()?;
    }
    for note in notes {
        eprintln!("note: {note}");
    }
    Ok(())
}

/// Medians of each contender. The first must run everything; a peer that cannot is left out of the row, with a note.
fn in_turns(
    task: &Task,
    contenders: &mut [Box<dyn Contender>],
    runs: u32,
    notes: &mut Vec<String>,
) -> Result<Vec<Option<u64>>, String> {
    let mut samples: Vec<Option<Vec<u64>>> = contenders.iter().map(|_| Some(Vec::new())).collect();
    let mut expected = task.expected.clone();
    for _ in 0..runs {
        for (i, (contender, slot)) in contenders.iter_mut().zip(&mut samples).enumerate() {
            let Some(times) = slot else { continue };
            match contender.run(task) {
                Ok(run) => times.push(checked(task, contender.name(), run, &mut expected)?),
                Err(why) if i > 0 && times.is_empty() => {
                    notes.push(format!(
                        "{} does not run {}: {why}",
                        contender.name(),
                        task.name
                    ));
                    *slot = None;
                }
                Err(why) => return Err(format!("{}, {}: {why}", contender.name(), task.name)),
            }
        }
    }
    Ok(samples
        .into_iter()
        .map(|s| s.and_then(|mut s| median(&mut s)))
        .collect())
}

/// The run's time, if its output equals that of all runs before it.
pub fn checked(
    task: &Task,
    engine: &str,
    run: Run,
    expected: &mut Option<Vec<u8>>,
) -> Result<u64, String> {
    let expected = expected.get_or_insert_with(|| run.stdout.clone());
    if *expected != run.stdout {
        let (a, b) = (
            String::from_utf8_lossy(expected),
            String::from_utf8_lossy(&run.stdout),
        );
        return Err(format!(
            "{}: output differs in {engine}\nexpected: {a}\nprinted:  {b}",
            task.name
        ));
    }
    Ok(run.cpu_ns)
}
