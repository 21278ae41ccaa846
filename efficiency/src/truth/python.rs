//! The truth of a program in Python, which its interpreter's debug information does not have: what it gives, and which of its lines
//! executed. Lines are those of its code objects, read from the interpreter's memory.

use std::collections::BTreeSet;

use probity_analyses::Session;
use probity_analyses::coverage::LineCoverage;
use probity_analyses::export::Data;
use probity_analyses::report::AnalysisReport;

use super::{Input, Run, TruthError, TruthOptions, TruthProgram, rows};
use crate::Status;
use crate::judge::{is_own_file, watched};
use crate::score::reval::Kind;

/// What can be told.
pub(super) const KINDS: [Kind; 2] = [Kind::Coverage, Kind::Output];
/// What the harness calls the program.
pub(super) const FILE: &str = "main.py";

/// # Errors
/// If something else is wanted.
pub(super) fn check(options: &TruthOptions) -> Result<(), TruthError> {
    match options.kinds.is_subset(&BTreeSet::from(KINDS)) {
        true => Ok(()),
        false => Err(TruthError(
            "tell next lines, variables or steps of a program in Python: only coverage and output are known of those, \
                choose them by --kinds"
                .to_owned(),
        )),
    }
}

/// Runs it with an input.
pub(super) fn run(
    program: &TruthProgram,
    input: &Input,
    given: watched::Run<'_>,
) -> Result<Run, TruthError> {
    let is_covered = program.options.kinds.contains(&Kind::Coverage);
    let mut session = Session::new();
    if is_covered {
        let added = session.add("pycoverage", &[]);
        added.map_err(|e| TruthError(e.to_string()))?;
    }
    let watched = program.program.run_reported(given, session);
    let (watched, reports) = watched.map_err(|e| TruthError(format!("run it: {e}")))?;
    let lines = own_lines(reports);
    // What is no Python has no lines.
    if is_covered && lines.is_none() && watched.status != Status::CompileError {
        return Err(TruthError(format!(
            "find its lines: {} cannot be looked into, CPython 3.13 to 3.15 can; `probity toolchain add python` adds another",
            program.toolchain
        )));
    }
    let rows = rows::of_python(program, input, &watched, &lines.unwrap_or_default());
    Ok(Run {
        status: watched.status,
        message: watched.message,
        rows,
    })
}

/// The lines of the program's own file.
fn own_lines(reports: Vec<AnalysisReport>) -> Option<Vec<LineCoverage>> {
    let data = reports
        .into_iter()
        .find_map(|mut report| report.data.take());
    let Some(Data::Coverage(found)) = data else {
        return None;
    };
    let mut files = found.modules.into_iter().flat_map(|module| module.files);
    let own = files.find(|file| is_own_file(&file.path))?;
    Some(own.lines.into_iter().filter(|line| line.line > 0).collect())
}
