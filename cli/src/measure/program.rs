//! One program's card.

use std::path::Path;

use probity_efficiency::card::card;

use super::{Format, MeasureArgs};
use crate::{failure::Failure, judging::Column, output, program, progress::Progress};

pub fn main(args: &MeasureArgs, program: &Path) -> Result<u8, Failure> {
    if args.resume || args.jobs.is_some() || args.seed.is_some() {
        return Err(Failure::usage(
            "--resume, --jobs and --seed are for TASKS and SAMPLES",
        ));
    }
    let judge = args.judging.judge(&[Column::All])?;
    let progress = Progress::start(args.progress, "building and running the program");
    let measured = args.program.card(&judge, program, &args.program_args)?;
    drop(progress);
    let text = match args.format {
        Format::Text => card(&program::name(program), &measured.result),
        Format::Json => serde_json::to_string(&measured.result)
            .map(|line| line + "\n")
            .map_err(|e| Failure::load(format!("failed to write the result: {e}")))?,
    };
    match &args.output {
        Some(path) => std::fs::write(path, text).map_err(|e| Failure {
            status: crate::failure::OUTPUT,
            message: format!("failed to write {}: {e}", path.display()),
        })?,
        None => output::to_stdout(|out| out.write_all(text.as_bytes()))?,
    }
    Ok(u8::from(!measured.result.is_correct()))
}
