//! `probity run`: instantiate a module, watch it, report how it ended.
//!
//! The order of things matters and is all in [`main`]: everything that can be
//! wrong with the command line is found before the guest runs; analyses are
//! attached before instantiation, so that a start function is watched too; the
//! watchdog is disarmed before reports are made, so that a timeout cannot cut
//! them short; the report comes last, whatever happened to the guest.

mod args;
mod execute;
mod invoke;
mod outcome;
mod report;
mod resolve;
mod wasm;
mod watch;

pub use args::RunArgs;

use probity_analyses::{ModuleSummary, Report};
use probity_engine::{Engine, Module};

use self::{
    execute::{Run, execute},
    invoke::Entry,
    outcome::Ended,
    resolve::{Plan, ReportTarget},
};
use crate::{
    failure::{Failure, OUTPUT, say},
    rules,
};

/// Runs the subcommand; the result is the process's exit status.
pub fn main(args: RunArgs) -> Result<u8, Failure> {
    let mut plan = Plan::resolve(args)?;
    let engine = Engine::new(&plan.config);
    let path = plan.module.display().to_string();
    // Said at once if nothing can come of it; and once.
    let no_cache = engine.cache_error();
    if let Some(error) = &no_cache {
        say(&format!("failed to {error}; compiled code is not kept"));
    }

    let (summary, run) = match Module::from_file(&engine, &plan.module) {
        Ok(module) => {
            let entry = Entry::choose(&module, plan.invoke.as_deref(), &plan.guest_args)?;
            let summary = ModuleSummary::new(&module, Some(&path));
            rules::say_if_unmatched(&plan.rules, &module, &path);
            // What is watched gets code of its own.
            if engine.config().is_compiled_first() && plan.report.is_none() {
                module.compile();
            }
            (summary, execute(&engine, &module, &entry, &mut plan)?)
        }
        Err(error) => {
            let summary = ModuleSummary {
                bytes: std::fs::metadata(&plan.module).map_or(0, |m| m.len()),
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
    let (outcome, status) = run.ended.into_parts();
    // Nothing was collected of a module that could not be loaded.
    if !run.analyses.is_empty() {
        for target in &plan.exports {
            all_written &= report::export(&run.analyses, target);
        }
    }
    if let Some(target) = &plan.report {
        let report = Report {
            module: summary,
            outcome,
            analyses: run.analyses,
        };
        all_written &= report::deliver(&report, target);
    }
    // The guest's own trouble is the more important news.
    Ok(if status == 0 && !all_written {
        OUTPUT
    } else {
        status
    })
}
