//! Every program of `tests/programs` gives its expected output, whoever
//! watches and however its code is executed; and what the watchers count is the same.

use std::{
    error::Error,
    process::ExitCode,
    sync::{Arc, OnceLock},
};

use libtest_mimic::{Arguments, Failed, Trial};
use probity_engine::Module;
use probity_tests::{
    guest::{Counted, Given, Seen, Watcher, Way, engine_in, run},
    programs::{Program, all, copy_directory},
};

/// A program with its default run under each watcher, made once, by way of execution.
struct Runs {
    program: Program,
    runs: [[OnceLock<Result<Run, String>>; 3]; 6],
}

/// Programs that are watched by a global probe in every tier; it makes all code be interpreted, so
/// that a few show whatever would go wrong.
const GLOBAL_IN_TIERS: usize = 4;

type Run = (Seen, Option<Counted>);

fn main() -> ExitCode {
    let programs = match all() {
        Ok(programs) => programs,
        Err(error) => {
            eprintln!("the programs cannot be found: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut trials = Vec::new();
    for (nth, program) in programs.into_iter().enumerate() {
        let name = program.name.clone();
        let runs = Arc::new(Runs {
            program,
            runs: Default::default(),
        });
        for way in Way::ALL {
            let name = match way {
                Way::Interp => name.clone(),
                way => format!("{name}::{}", way.name()),
            };
            for watcher in Watcher::ALL {
                let global = watcher == Watcher::GlobalProbe;
                if global && way != Way::Interp && nth >= GLOBAL_IN_TIERS {
                    continue;
                }
                let runs = Arc::clone(&runs);
                let name = format!("{name}::{}", watcher.name());
                trials.push(Trial::test(name, move || output(&runs, way, watcher)));
            }
            let runs = Arc::clone(&runs);
            let name = format!("{name}::counts_agree");
            trials.push(Trial::test(name, move || match way {
                Way::Interp => counts(&runs),
                way => same_counts(&runs, way),
            }));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

impl Runs {
    fn under(&self, way: Way, watcher: Watcher) -> Result<&Run, Failed> {
        self.runs[way as usize][watcher as usize]
            .get_or_init(|| watched(&self.program, way, watcher).map_err(|e| e.to_string()))
            .as_ref()
            .map_err(Failed::from)
    }
}

/// The default run, with a directory of its own.
fn watched(program: &Program, way: Way, watcher: Watcher) -> Result<Run, Box<dyn Error>> {
    let root = tempfile::tempdir()?;
    if let Some(dir) = &program.dir {
        copy_directory(dir, root.path())?;
    }
    let mut args = vec![format!("{}.wasm", program.name)];
    args.extend(program.args.iter().cloned());
    let given = Given {
        args,
        stdin: program.stdin.clone(),
        root: program.dir.is_some().then(|| root.path()),
        ..Given::default()
    };
    let engine = engine_in(way);
    let module = Module::from_file(&engine, &program.wasm)?;
    Ok(run(&engine, &module, &given, watcher))
}

fn output(runs: &Runs, way: Way, watcher: Watcher) -> Result<(), Failed> {
    let (seen, _) = runs.under(way, watcher)?;
    let expected = &runs.program.expected;
    if seen.outcome != "exit 0" || seen.stdout != *expected || !seen.stderr.is_empty() {
        return Err(format!(
            "{}\nstdout:\n{}\nexpected:\n{}\nstderr:\n{}",
            seen.outcome,
            String::from_utf8_lossy(&seen.stdout),
            String::from_utf8_lossy(expected),
            String::from_utf8_lossy(&seen.stderr),
        )
        .into());
    }
    Ok(())
}

fn counts(runs: &Runs) -> Result<(), Failed> {
    let (alone, _) = runs.under(Way::Interp, Watcher::Nobody)?;
    let (probed, by_probe) = runs.under(Way::Interp, Watcher::GlobalProbe)?;
    let (analysed, by_analysis) = runs.under(Way::Interp, Watcher::AllAnalyses)?;
    let (Some(by_probe), Some(by_analysis)) = (by_probe, by_analysis) else {
        return Err("a watcher counted nothing".into());
    };
    let fuel = [alone.fuel, probed.fuel, analysed.fuel];
    if fuel != [alone.fuel; 3] || by_analysis.fuel != Some(alone.fuel) {
        return Err(format!("fuel differs: {fuel:?}, icount: {:?}", by_analysis.fuel).into());
    }
    if by_probe.instructions != by_analysis.instructions || by_probe.instructions == 0 {
        return Err(format!(
            "instructions differ: {} by a global probe, {} by icount",
            by_probe.instructions, by_analysis.instructions
        )
        .into());
    }
    Ok(())
}

/// Every table of every analysis is that of the interpreter, and so is the fuel where it is counted.
fn same_counts(runs: &Runs, way: Way) -> Result<(), Failed> {
    if way.counts_fuel() {
        let (expected, _) = runs.under(Way::Interp, Watcher::Nobody)?;
        for watcher in [Watcher::Nobody, Watcher::GlobalProbe, Watcher::AllAnalyses] {
            let (found, _) = runs.under(way, watcher)?;
            if found.fuel != expected.fuel {
                let (found, expected) = (found.fuel, expected.fuel);
                return Err(format!("fuel {found}, interpreted {expected}").into());
            }
        }
    }
    let (_, expected) = runs.under(Way::Interp, Watcher::AllAnalyses)?;
    let (_, found) = runs.under(way, Watcher::AllAnalyses)?;
    if found != expected || found.is_none() {
        return Err(format!("counts differ: {found:?}, interpreted {expected:?}").into());
    }
    Ok(())
}
