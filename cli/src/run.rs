//! `probity run`: instantiate a module, watch it, report how it ended.
//!
//! The order of things matters and is all in [`main`]: everything that can be
//! wrong with the command line is found before the guest runs; analyses are
//! attached before instantiation, so that a start function is watched too; the
//! watchdog is disarmed before reports are made, so that a timeout cannot cut
//! them short; the report comes last, whatever happened to the guest.

mod args;
pub(crate) mod execute;
pub(crate) mod invoke;
pub(crate) mod outcome;
mod resolve;
mod trace;
mod watch;

pub use args::{Format, RunArgs};
pub use trace::OUT;

use std::io::Write;

use probity_analyses::{AnalysisReport, ModuleSummary, Report, export::Data};
use probity_engine::{Engine, Module};
use probity_probes::source::SourceMap;

use self::{
    execute::{Run, execute},
    invoke::Entry,
    outcome::Ended,
    resolve::{Plan, ReportTarget},
};
use crate::{
    coverage::write_coverage,
    failure::{Failure, OUTPUT, say},
    place::Place,
    progress::Progress,
    rules,
};

/// Runs the subcommand; the result is the process's exit status.
pub fn main(args: RunArgs) -> Result<u8, Failure> {
    let progress = Progress::start(args.progress, "loading");
    let mut plan = Plan::resolve(args)?;
    let engine = Engine::new(&plan.guest.config);
    let path = plan.guest.module.display().to_string();
    // Said at once if nothing can come of it; and once.
    let no_cache = engine.cache_error();
    if let Some(error) = &no_cache {
        say(&format!("failed to {error}; compiled code is not kept"));
    }

    let (summary, mut run) = match Module::from_file(&engine, &plan.guest.module) {
        Ok(module) => {
            let entry = Entry::of(&module, &plan.guest)?;
            let summary = ModuleSummary::new(&module, Some(&path));
            if let Some(map) = &plan.guest.source_map {
                SourceMap::from_file(&module, map)
                    .map_err(|e| Failure::usage(format!("failed to {e}")))?;
            }
            rules::say_if_unmatched(&plan.rules, &module, &path);
            // What is watched gets code of its own.
            if engine.config().is_compiled_first() && plan.report.is_none() {
                progress.phase("compiling");
                module.compile();
            }
            progress.phase(match plan.report.is_some() || !plan.exports.is_empty() {
                true => "running (Ctrl-C ends the program and gives the report so far)",
                false => "running",
            });
            let run = execute(&engine, &module, &entry, &mut plan, &progress)?;
            (summary, run)
        }
        Err(error) => {
            let summary = ModuleSummary {
                bytes: std::fs::metadata(&plan.guest.module).map_or(0, |m| m.len()),
                path: Some(path.clone()),
                ..ModuleSummary::default()
            };
            let run = Run {
                ended: Ended::of_error(&error.into(), None),
                results: Vec::new(),
                analyses: Vec::new(),
            };
            (summary, run)
        }
    };

    drop(progress);
    // The process ends before the modules that threads still compile.
    engine.save_cache();
    if let Some(error) = engine.cache_error().filter(|_| no_cache.is_none()) {
        say(&format!("failed to {error}"));
    }
    // A text report on stderr says it all itself.
    if !plan
        .report
        .as_ref()
        .is_some_and(ReportTarget::is_for_the_terminal)
    {
        run.ended.say(&path);
    }
    let mut all_written = true;
    if let Err(failure) = invoke::print(&run.results) {
        failure.report();
        all_written = false;
    }
    if let Some(error) = engine.tools_error() {
        say(&format!("failed to {error}"));
        all_written = false;
    }
    if let Some(trace) = &plan.trace {
        all_written &= trace.tell();
    }
    let (outcome, status) = run.ended.into_parts();
    // Nothing was collected of a module that could not be loaded.
    if !run.analyses.is_empty() {
        all_written &= export(&plan, &mut run.analyses);
    }
    if let Some(target) = &plan.report {
        let report = Report {
            module: summary,
            outcome,
            analyses: run.analyses,
        };
        let write = |out: &mut dyn Write| report.write(target.format, out);
        all_written &= target.place.deliver("the report", write);
    }
    // The guest's own trouble is the more important news.
    Ok(if status == 0 && !all_written {
        OUTPUT
    } else {
        status
    })
}

/// Adds coverage to that of other runs, and writes all exports; false if anything is not where it
/// should be.
fn export(plan: &Plan, analyses: &mut [AnalysisReport]) -> bool {
    let mut all_written = true;
    let coverage = analyses
        .iter_mut()
        .find_map(|analysis| match &mut analysis.data {
            Some(Data::Coverage(coverage)) => Some(coverage),
            _ => None,
        });
    let mut sum = None;
    if let Some(coverage) = coverage {
        coverage.source_dirs.clone_from(&plan.source_dirs);
        if let Some(file) = &plan.merge {
            match file.add(coverage.clone()) {
                Ok((mut both, lock)) => {
                    both.source_dirs.clone_from(&plan.source_dirs);
                    sum = Some((Data::Coverage(both), lock));
                }
                Err(error) => {
                    let path = file.path().display();
                    say(&format!(
                        "failed to add coverage to {path}: {error}; that of this run follows here"
                    ));
                    let write = |out: &mut dyn Write| write_coverage(coverage, out);
                    Place::Stderr.deliver("coverage", write);
                    all_written = false;
                }
            }
        }
    }
    for target in &plan.exports {
        all_written &= match &sum {
            Some((data, _)) if data.kind() == target.format.takes => target.write(data),
            _ => target.write_report(analyses),
        };
    }
    all_written
}
