//! Every program of `tests/programs` gives its expected output, whoever
//! watches; and what the watchers count is the same.

use std::{
    error::Error,
    process::ExitCode,
    sync::{Arc, OnceLock},
};

use libtest_mimic::{Arguments, Failed, Trial};
use probity_engine::Module;
use probity_tests::{
    guest::{Counted, Given, Seen, Watcher, engine, run},
    programs::{Program, all, copy_directory},
};

/// A program with its default run under each watcher, made once.
struct Runs {
    program: Program,
    runs: [OnceLock<Result<Run, String>>; 3],
}

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
    for program in programs {
        let name = program.name.clone();
        let runs = Arc::new(Runs {
            program,
            runs: Default::default(),
        });
        for watcher in Watcher::ALL {
            let runs = Arc::clone(&runs);
            let name = format!("{name}::{}", watcher.name());
            trials.push(Trial::test(name, move || output(&runs, watcher)));
        }
        let name = format!("{name}::counts_agree");
        trials.push(Trial::test(name, move || counts(&runs)));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

impl Runs {
    fn under(&self, watcher: Watcher) -> Result<&Run, Failed> {
        self.runs[watcher as usize]
            .get_or_init(|| watched(&self.program, watcher).map_err(|e| e.to_string()))
            .as_ref()
            .map_err(Failed::from)
    }
}

/// The default run, with a directory of its own.
fn watched(program: &Program, watcher: Watcher) -> Result<Run, Box<dyn Error>> {
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
    let engine = engine();
    let module = Module::from_file(&engine, &program.wasm)?;
    Ok(run(&engine, &module, &given, watcher))
}

fn output(runs: &Runs, watcher: Watcher) -> Result<(), Failed> {
    let (seen, _) = runs.under(watcher)?;
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
    let (alone, _) = runs.under(Watcher::Nobody)?;
    let (probed, by_probe) = runs.under(Watcher::GlobalProbe)?;
    let (analysed, by_analysis) = runs.under(Watcher::AllAnalyses)?;
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
