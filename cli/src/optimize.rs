//! `probity optimize`: programs are written, judged and explained until they are fast, or nobody has a better idea.

mod generators;
mod judge;
mod said;

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use probity_efficiency::feedback::{BUDGET_TOKENS, Feedback, Input};
use probity_efficiency::optimize::{
    AttemptRecord, Explained, Generator, Options, Outcome, Parts, Recorder, Replay, optimize,
    read_record,
};
use probity_efficiency::task::{Task, Tasks};

use crate::failure::{Failure, INTERRUPTED, LOAD, OUTPUT, say};
use crate::judging::JudgingArgs;
use crate::output::to_stdout;
use crate::place::Place;
use crate::{nearest, units};

/// Improve a program: it is written, built, checked, measured and explained, again and again
///
/// The best correct program goes to stdout, what came of each attempt to stderr. Costs are fuel, the count that
/// orders programs most often as time does, of the task's stress tests, or of all its tests if it has none.
#[derive(Debug, Args)]
#[command(
    after_help = "A command reads the prompt on stdin and writes its reply on stdout; the program is the last code block of the task's \
    language in it:\n  probity optimize tasks.jsonl --task pair_sums_cpp --start slow.cpp --generator 'my-model --fast' -o best.cpp\n\
    A server speaks the chat-completions protocol; its key is taken from OPENAI_API_KEY:\n  \
    probity optimize tasks.jsonl --start slow.cpp --endpoint https://example.org/v1 --model m --record run.jsonl\n\
    The same again without it, and on from where a run was killed:\n  \
    probity optimize tasks.jsonl --start slow.cpp --replay run.jsonl\n  \
    probity optimize tasks.jsonl --start slow.cpp --endpoint ... --model m --replay run.jsonl --record run.jsonl"
)]
pub struct OptimizeArgs {
    /// The tasks file
    #[arg(value_name = "TASK")]
    tasks: PathBuf,

    /// Which task of the file, if it has several
    #[arg(long, value_name = "ID")]
    task: Option<String>,

    /// The program to start from
    #[arg(long, value_name = "FILE")]
    start: PathBuf,

    #[command(flatten)]
    generators: generators::GeneratorArgs,

    /// How often the generator is asked
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: u32,

    /// How many programs it is asked for each time
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=128))]
    candidates: u32,

    /// Write every attempt to FILE: prompt, reply, program, build log, result
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// Take replies from this record; the generator, if there is one, goes on where it ends
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,

    /// The most tokens of feedback on one attempt
    #[arg(long, value_name = "N", default_value_t = BUDGET_TOKENS)]
    budget_tokens: usize,

    /// Seed that the generator is given in the first round; each further round has the next number
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    /// Where the best program goes; `-` is stdout
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,

    #[command(flatten)]
    judging: JudgingArgs,
}

/// Runs it.
pub fn main(args: OptimizeArgs) -> Result<u8, Failure> {
    let tasks = Tasks::read(&args.tasks).map_err(|e| Failure::load(format!("failed to {e}")))?;
    let task = task(&args.tasks, &tasks, args.task.as_deref())?;
    let start = fs::read_to_string(&args.start)
        .map_err(|e| Failure::load(format!("failed to read {}: {e}", args.start.display())))?;
    let recorded = match &args.replay {
        Some(path) => Some(read_record(path).map_err(|e| Failure::load(format!("failed to {e}")))?),
        None => None,
    };
    if let Some(other) = recorded
        .iter()
        .flatten()
        .find(|a| a.task_id != task.task_id)
    {
        let message = format!(
            "the record is of the task {}, not of {}",
            other.task_id, task.task_id
        );
        return Err(Failure::usage(message));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let live = args.generators.make(stop.clone())?;
    if live.is_none() && recorded.is_none() {
        return Err(Failure::usage(
            "who writes the programs? give --generator, --endpoint with --model, or --replay",
        ));
    }
    let mut record = open_record(&args, recorded.as_deref())?;
    // Results of a replay have the name of whoever wrote the programs.
    let mut results = recorded
        .iter()
        .flatten()
        .filter_map(|attempt| attempt.result.as_ref());
    let recorded_name = results.next().map(|result| result.model.clone());
    let model = match (args.generators.name(), recorded_name) {
        ("", Some(name)) => name,
        (name, _) => name.to_owned(),
    };
    let mut judge = judge::Judge::new(&args.judging, &task, tasks.dir(), &model)?;
    listen(stop.clone())?;
    let options = Options {
        rounds: args.rounds,
        candidates: args.candidates,
        seed: args.seed,
        stop,
        ..Options::default()
    };
    let (budget, references) = (args.budget_tokens, judge.references().to_vec());
    let explain = |what: &Explained<'_>| {
        // The judge has quoted the program's own lines already.
        let input = Input {
            references: &references,
            previous: what.previous,
            ..Input::new(what.result)
        };
        Feedback::new(&input, budget).text
    };
    let mut run = |generator: &mut dyn Generator| {
        let parts = Parts {
            generator,
            attempts: &mut judge,
            explain: &explain,
            record: &mut |attempt| {
                say(&said::attempt(attempt));
                record(attempt)
            },
        };
        let outcome = optimize(&task, &start, &options, parts);
        outcome.map_err(|e| Failure {
            status: OUTPUT,
            message: e.to_string(),
        })
    };
    let outcome = match (recorded, live) {
        (Some(recorded), live) => {
            let mut replay = Replay::new(recorded, live);
            let outcome = run(&mut replay)?;
            say(&said::replay(&replay));
            outcome
        }
        (None, Some(mut live)) => run(live.as_mut())?,
        (None, None) => return Err(Failure::usage("no generator")),
    };
    finish(&outcome, &args, options.stop.load(Ordering::Relaxed))
}

/// The task that is meant.
fn task(path: &Path, tasks: &Tasks, id: Option<&str>) -> Result<Arc<Task>, Failure> {
    let place = path.display();
    let Some(id) = id else {
        let mut all = tasks.iter();
        return match (all.next(), all.count()) {
            (Some(task), 0) => Ok(task.clone()),
            (_, more) => {
                let count = more + 1;
                Err(Failure::usage(format!(
                    "{place} has {count} tasks; choose one by --task"
                )))
            }
        };
    };
    tasks.get(id).cloned().ok_or_else(|| {
        let hint = nearest::hint(id, tasks.iter().map(|task| task.task_id.as_str()));
        Failure::usage(format!("{place} has no task {id}{hint}"))
    })
}

type Record = Box<dyn FnMut(&AttemptRecord) -> std::io::Result<()>>;

/// Writes attempts, if anybody wants them. A record that is replayed and written at once has its attempts already.
fn open_record(args: &OptimizeArgs, recorded: Option<&[AttemptRecord]>) -> Result<Record, Failure> {
    let Some(path) = &args.record else {
        return Ok(Box::new(|_| Ok(())));
    };
    let goes_on = args
        .replay
        .as_ref()
        .is_some_and(|replay| same_file(replay, path));
    let (recorder, known) = match (goes_on, recorded) {
        (true, Some(recorded)) => (Recorder::append(path), recorded.len() as u64),
        _ => (Recorder::create(path), 0),
    };
    let mut recorder = recorder.map_err(|e| {
        let again = match e.kind() {
            std::io::ErrorKind::AlreadyExists => {
                "; --replay it too to go on with it, or choose another"
            }
            _ => "",
        };
        Failure::load(format!(
            "failed to record in {}: {e}{again}",
            path.display()
        ))
    })?;
    Ok(Box::new(move |attempt| match attempt.attempt < known {
        true => Ok(()),
        false => recorder.write(attempt),
    }))
}

fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// Ctrl-C ends it behind what is under way; a second one ends it at once.
fn listen(stop: Arc<AtomicBool>) -> Result<(), Failure> {
    ctrlc::set_handler(move || {
        if stop.swap(true, Ordering::SeqCst) {
            process::exit(i32::from(INTERRUPTED));
        }
    })
    .map_err(|e| Failure::load(format!("failed to handle Ctrl-C: {e}")))
}

fn finish(outcome: &Outcome, args: &OptimizeArgs, interrupted: bool) -> Result<u8, Failure> {
    say(&said::outcome(outcome));
    let Some(best) = &outcome.best else {
        return Err(Failure {
            status: if interrupted { INTERRUPTED } else { LOAD },
            message: "no program was correct".to_owned(),
        });
    };
    match Place::of(&args.output) {
        Place::File(path) => fs::write(&path, &best.program).map_err(|e| Failure {
            status: OUTPUT,
            message: format!(
                "failed to write the best program to {}: {e}",
                path.display()
            ),
        })?,
        _ => to_stdout(|out| out.write_all(best.program.as_bytes()))?,
    }
    Ok(if interrupted { INTERRUPTED } else { 0 })
}

/// Durations as options have them.
fn duration(text: &str) -> Result<Duration, String> {
    units::duration(text)
}
