//! All samples of a file.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use probity_efficiency::{
    Status,
    measure::{Batch, BatchError, Progress as Done, Summary},
    task::Tasks,
};

use super::{MeasureArgs, Seed};
use crate::{
    failure::{Failure, INTERRUPTED, OUTPUT, say},
    output,
    progress::Progress,
};

/// Set by Ctrl-C: no more samples are begun.
static STOP: AtomicBool = AtomicBool::new(false);

pub fn main(args: &MeasureArgs, tasks: &Path, samples: &Path) -> Result<u8, Failure> {
    if args.program.are_given() || !args.program_args.is_empty() {
        return Err(Failure::usage(
            "--stdin, --fuel, --timeout and arguments are for a PROGRAM; tasks have limits and inputs of their own",
        ));
    }
    let judge = args.judging.judge(&[])?;
    let read = Tasks::read(tasks).map_err(|e| Failure::load(format!("failed to {e}")))?;
    // Without a file of the user's, results are kept in one that nobody sees.
    let hidden;
    let out = match &args.output {
        Some(path) => path.as_path(),
        None => {
            hidden = tempfile::NamedTempFile::new().map_err(|e| cannot_write(&e))?;
            hidden.path()
        }
    };
    let jobs = match args.jobs {
        Some(jobs) => jobs.into(),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let seed = args.seed.map(|seed| match seed {
        Seed::Number(number) => number,
        Seed::Random => random(),
    });
    stop_at_interrupt();
    let progress = Progress::start(args.progress, "reading samples");
    let batch = Batch {
        judge: &judge,
        tasks: &read,
        out,
        resume: args.resume,
        jobs,
        seed,
        stop: &STOP,
    };
    let tell = |done: Done| {
        progress.phase(format!("{} of {} samples judged", done.done, done.read));
    };
    let result = batch.run(samples, &tell);
    drop(progress);
    let summary = result.map_err(|error| match error {
        BatchError::Samples(error) => Failure::load(format!("failed to {error}")),
        BatchError::Results(error) => Failure {
            status: OUTPUT,
            message: error.to_string(),
        },
    })?;
    if args.output.is_none() {
        let mut file = std::fs::File::open(out).map_err(|e| cannot_write(&e))?;
        output::to_stdout(|to| std::io::copy(&mut file, to).map(drop))?;
    }
    let seed = match (args.seed, seed) {
        (Some(Seed::Random), Some(seed)) => format!("; seed {seed}"),
        _ => String::new(),
    };
    say(&format!("{}{seed}", told(&summary)));
    Ok(if summary.stopped { INTERRUPTED } else { 0 })
}

/// What came of it, in one line.
fn told(summary: &Summary) -> String {
    let total = summary.samples();
    let unjudged: u64 = Status::ALL
        .iter()
        .filter(|status| status.is_unjudged())
        .map(|status| summary.count(*status))
        .sum();
    let mut parts: Vec<String> = Vec::new();
    for status in Status::ALL {
        match summary.count(status) {
            0 => {}
            count => parts.push(format!("{count} {status}")),
        }
    }
    let mut text = format!("{total} samples: {}", parts.join(", "));
    if total == 0 {
        text = "no samples".to_owned();
    }
    if total > 0 {
        text += &format!(
            "; {:.1}% judged",
            100.0 * (total - unjudged) as f64 / total as f64
        );
    }
    if summary.duplicates > 0 {
        text += &format!("; {} have the module of another", summary.duplicates);
    }
    if summary.resumed > 0 {
        text += &format!("; {} were there already", summary.resumed);
    }
    if summary.stopped {
        text += "; stopped before the end";
    }
    text
}

fn cannot_write(error: &std::io::Error) -> Failure {
    Failure {
        status: OUTPUT,
        message: format!("failed to keep results: {error}"),
    }
}

/// A seed that nobody can know before.
fn random() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    // Keys of the standard library's maps are the system's random numbers.
    std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish()
}

/// The first Ctrl-C lets what is being judged end, the second ends everything.
fn stop_at_interrupt() {
    // Without a handler Ctrl-C ends the process, which loses nothing either.
    drop(ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(INTERRUPTED.into());
        }
        say("ending when the samples in work are judged; Ctrl-C again to end at once");
    }));
}
