//! `probity calibrate`.

use std::{collections::HashMap, path::PathBuf};

use clap::{ArgGroup, Args};
use probity_efficiency::{
    calibrate::{Calibration, Measurer, NativeError, Natives, Row, Subject},
    jsonl::Lines,
    judge::{Judge, Prepared, source_of},
    sample::Sample,
    task::{Entry, Tasks},
};

use crate::{
    failure::{Failure, OUTPUT, say},
    judging::JudgingArgs,
    place::Place,
    program::{self, ProgramArgs},
    progress::{self, Progress},
    results::{self, Format},
};

/// Find out how well counts order programs as native time does
///
/// Each program is measured here and run natively, several times, and has to print the same in both ways. What an empty program of
/// its language takes is subtracted. Then all pairs of programs of a language whose times differ by 1.1x, 1.25x, 1.5x and 2x are
/// ordered by each cost, by time measured once more, and by a model of weighted operator classes, which predicts each program
/// from those of other tasks. Native times below 1 ms are not told apart: so much is noise of starting a process.
///
/// Programs are run natively without any protection: take only such as you trust.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("input").args(["programs", "samples", "from"]).required(true).multiple(true))]
#[command(after_help = "\
Languages are run by python3 (isolated, -I -S), cc, c++ and rustc; time is processor
time. --native and --native-build say otherwise. In a command {source} is the
program's file and {exe} a place for what is built; words are separated by spaces.

Examples:
  probity calibrate examples/python/*.py --save rows.jsonl
  probity calibrate --from rows.jsonl --format json
  probity calibrate --tasks tasks.jsonl --samples samples.jsonl --native-build 'cpp=clang++ -O3 -o {exe} {source}'

Exit status:
  0  there is an answer
  1  a program could not be measured (it is named, and left out), or too few could
  2  wrong usage
  3  output could not be written")]
pub struct CalibrateArgs {
    /// Source files, each of them a program
    #[arg(value_name = "PROGRAM")]
    programs: Vec<PathBuf>,

    /// Programs of these samples, too, each with its task's largest input; those of one task do the same work
    #[arg(long, value_name = "FILE", requires = "tasks")]
    samples: Option<PathBuf>,

    /// The tasks of --samples
    #[arg(long, value_name = "FILE", requires = "samples")]
    tasks: Option<PathBuf>,

    /// Rows that were measured before, by --save; may be repeated
    #[arg(long, value_name = "FILE")]
    from: Vec<PathBuf>,

    /// Write what was measured, a line of JSON for each program
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,

    /// Native runs of each of the two measurements of time, of which the shortest counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    /// What runs programs of a language natively
    #[arg(long, value_name = "LANG=COMMAND", value_parser = assignment)]
    native: Vec<(String, String)>,

    /// What builds programs of a language natively
    #[arg(long, value_name = "LANG=COMMAND", value_parser = assignment)]
    native_build: Vec<(String, String)>,

    /// Format of what is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Where it goes [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    limits: ProgramArgs,

    #[command(flatten)]
    judging: JudgingArgs,

    /// When progress is shown
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = progress::When::Auto)]
    progress: progress::When,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((lang, command)) if !lang.is_empty() && !command.trim().is_empty() => {
            Ok((lang.to_owned(), command.to_owned()))
        }
        _ => Err("a language, `=`, and a command are needed".to_owned()),
    }
}

/// Runs the subcommand.
pub fn main(args: CalibrateArgs) -> Result<u8, Failure> {
    let report = args.output.as_deref().map_or(Place::Stdout, Place::of);
    let rows = args.save.as_deref().map(Place::of);
    Place::all_differ(rows.iter().chain([&report]))?;
    let usage = |e: NativeError| Failure::usage(format!("failed to understand the command: {e}"));
    let mut natives = Natives::default();
    for (lang, command) in &args.native {
        natives.set_run(lang, command).map_err(usage)?;
    }
    for (lang, command) in &args.native_build {
        natives.set_build(lang, command).map_err(usage)?;
    }
    let mut rows: Vec<Row> = Vec::new();
    for path in &args.from {
        for line in Lines::<Row>::open(path).map_err(|e| Failure::load(format!("failed to {e}")))? {
            rows.push(line.map_err(|e| Failure::load(format!("failed to {e}")))?.1);
        }
    }
    let judge = args.judging.judge(&[])?;
    let progress = Progress::start(args.progress, "preparing the programs");
    let subjects = subjects(&args, &judge)?;
    let mut measurer = Measurer::new(&judge, &natives, args.limits.limits(), args.runs);
    let mut measured = Vec::new();
    let mut failed = 0;
    for (at, subject) in subjects.iter().enumerate() {
        progress.phase(format!(
            "{} of {}: {}",
            at + 1,
            subjects.len(),
            subject.program
        ));
        match measurer.measure(subject) {
            Ok(row) => measured.push(row),
            Err(error) => {
                failed += 1;
                say(&format!("failed to measure {}: {error}", subject.program));
            }
        }
    }
    drop(progress);
    let mut status = u8::from(failed > 0);
    if let Some(path) = &args.save {
        let lines = measured
            .iter()
            .map(|row| serde_json::to_string(row).map(|line| line + "\n"));
        let lines: Result<String, _> = lines.collect();
        let lines = lines.map_err(|e| Failure::load(format!("failed to write the rows: {e}")))?;
        let written = Place::of(path).deliver("the rows", |out| out.write_all(lines.as_bytes()));
        status = status.max(if written { 0 } else { OUTPUT });
    }
    rows.extend(measured);
    let calibration =
        Calibration::new(&rows).map_err(|e| Failure::load(format!("failed to {e}")))?;
    let written = results::write(
        "the calibration",
        args.format,
        args.output.as_deref(),
        &calibration.to_string(),
        || serde_json::to_string_pretty(&calibration),
    );
    Ok(status.max(written))
}

/// All programs that are asked for.
fn subjects(args: &CalibrateArgs, judge: &Judge) -> Result<Vec<Subject>, Failure> {
    let mut subjects = Vec::new();
    let toolchains = &judge.config().builder.toolchains;
    for path in &args.programs {
        let name = program::name(path);
        let lang = toolchains.language_of(path).ok_or_else(|| {
            Failure::load(format!(
                "failed to read {}: its name does not say in which language it is",
                path.display()
            ))
        })?;
        let text = String::from_utf8(program::read(path)?).map_err(|_| {
            Failure::load(format!(
                "failed to read {}: it is not UTF-8",
                path.display()
            ))
        })?;
        subjects.push(Subject {
            program: name,
            group: String::new(),
            lang: lang.to_owned(),
            text,
            stdin: args.limits.input()?,
            args: Vec::new(),
        });
    }
    if let (Some(samples), Some(tasks)) = (&args.samples, &args.tasks) {
        let failed = |e: &dyn std::fmt::Display| Failure::load(format!("failed to {e}"));
        let tasks = Tasks::read(tasks).map_err(|e| failed(&e))?;
        let mut largest: HashMap<String, Prepared> = HashMap::new();
        let dir = samples.parent().unwrap_or(std::path::Path::new(""));
        for line in Lines::<Sample>::open(samples).map_err(|e| failed(&e))? {
            let (line, sample) = line.map_err(|e| failed(&e))?;
            let Some(task) = tasks.get(&sample.task_id) else {
                return Err(Failure::load(format!(
                    "failed to read {}: line {line}: there is no task `{}`",
                    samples.display(),
                    sample.task_id
                )));
            };
            if task.entry != Entry::Stdio {
                say(&format!(
                    "{}: functions are not run natively; left out",
                    sample.task_id
                ));
                continue;
            }
            if !largest.contains_key(&sample.task_id) {
                let prepared = judge.prepare(task, tasks.dir(), None, &HashMap::new());
                let prepared = prepared.map_err(|e| failed(&e))?.largest();
                largest.insert(sample.task_id.clone(), prepared);
            }
            let test = &largest[&sample.task_id].tests[0];
            let model = sample.model.as_deref().unwrap_or_default();
            subjects.push(Subject {
                program: format!(
                    "{}:{model}:{}",
                    sample.task_id,
                    sample.sample_id.unwrap_or(0)
                ),
                group: sample.task_id.clone(),
                lang: sample.lang.clone().unwrap_or_else(|| task.lang.clone()),
                text: source_of(task, &sample, dir).map_err(|e| failed(&e))?,
                stdin: test.stdin.clone(),
                args: test.argv(),
            });
        }
    }
    Ok(subjects)
}
