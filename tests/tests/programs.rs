//! Every program of `tests/programs` gives its expected output, whoever
//! watches; and what the watchers count is the same.

use std::{process::ExitCode, sync::Arc};

use libtest_mimic::{Arguments, Failed, Trial};
use probity_engine::Module;
use probity_tests::{
    guest::{Counted, Given, Seen, Watcher, engine, run},
    programs::{Program, all, copy_directory},
};

fn main() -> ExitCode {
    let programs = match all() {
        Ok(programs) => programs,
        Err(error) => {
            eprintln!("the programs cannot be found: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut trials = Vec::new();
    for program in programs.into_iter().map(Arc::new) {
        for watcher in Watcher::ALL {
            let program = Arc::clone(&program);
            let name = format!("{}::{}", program.name, watcher.name());
            trials.push(Trial::test(name, move || output(&program, watcher)));
        }
        let name = format!("{}::counts_agree", program.name);
        trials.push(Trial::test(name, move || counts(&program)));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// The default run, with a directory of its own.
fn watched(program: &Program, watcher: Watcher) -> Result<(Seen, Option<Counted>), Failed> {
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

fn output(program: &Program, watcher: Watcher) -> Result<(), Failed> {
    let (seen, _) = watched(program, watcher)?;
    if seen.outcome != "exit 0" || seen.stdout != program.expected || !seen.stderr.is_empty() {
        return Err(format!(
            "{}\nstdout:\n{}\nexpected:\n{}\nstderr:\n{}",
            seen.outcome,
            String::from_utf8_lossy(&seen.stdout),
            String::from_utf8_lossy(&program.expected),
            String::from_utf8_lossy(&seen.stderr),
        )
        .into());
    }
    Ok(())
}

fn counts(program: &Program) -> Result<(), Failed> {
    let (alone, _) = watched(program, Watcher::Nobody)?;
    let (probed, by_probe) = watched(program, Watcher::GlobalProbe)?;
    let (analysed, by_analysis) = watched(program, Watcher::AllAnalyses)?;
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
