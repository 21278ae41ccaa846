//! Where the instructions of a program in Python are, by its own functions and lines, and which of them it did not execute: over all tests
//! together. The interpreter's work for a line is the line's.

use probity_analyses::Session;
use probity_analyses::coverage::FileCoverage;
use probity_analyses::export::{Data, DataKind};
use probity_analyses::profile::data::Profile;

use super::deep::PATIENCE;
use super::explain::{KEPT, coverage, is_own, name_of, quote};
use super::given_again;
use super::prepare::PreparedTest;
use super::runner::{Observer, Runner};
use crate::result::{Coverage, Hot, HotFunction, HotLine, TestResult};
use crate::task::Limits;

/// Runs the tests once more, watched.
pub(super) fn explain<'a, 't>(
    runner: &impl Fn(Observer) -> Result<Runner<'a>, String>,
    tests: impl Iterator<Item = (&'t PreparedTest, &'t TestResult)>,
    limits: &Limits,
    source: Option<&str>,
) -> (Option<Hot>, Option<Coverage>) {
    let mut session = Session::new();
    // Both are in the registry, and have such data.
    let added = session.add("pyprofile", &[]).is_ok()
        && session.add("pycoverage", &[]).is_ok()
        && session.collect(DataKind::Profile).is_ok();
    let Ok(mut watched) = runner(Observer::Session(session)) else {
        return (None, None);
    };
    if !added {
        return (None, None);
    }
    let patient = Limits {
        wall_s: limits.wall_s.saturating_mul(PATIENCE),
        ..*limits
    };
    // What the tests cost without the harness, which is in the profile, too.
    let mut total = 0;
    for (test, tested) in tests {
        let given = given_again(test, tested, &patient);
        watched.run(&given, &test.args, Some(&test.expected));
        total += tested.cost.instr.unwrap_or(0);
    }
    let Some((mut session, Some(mut store))) = watched.into_session() else {
        return (None, None);
    };
    let mut profile = None;
    let mut files: Vec<FileCoverage> = Vec::new();
    for mut report in session.finish(&mut store) {
        match report.data.take() {
            Some(Data::Profile(found)) => profile = Some(found),
            Some(Data::Coverage(found)) => {
                let modules = found.modules.into_iter();
                files.extend(modules.flat_map(|module| module.files));
            }
            _ => {}
        }
    }
    let own = files.iter().find(|file| is_own(&file.path));
    // An interpreter that is too old to be looked into has no lines.
    let Some((profile, own)) = profile.zip(own) else {
        return (None, None);
    };
    let mut hot = Hot {
        functions: functions(&profile, total),
        lines: lines(&profile, &files, total),
        ..Hot::default()
    };
    if let Some(source) = source {
        quote(&mut hot, source);
    }
    (Some(hot), Some(coverage(own)))
}

/// Whether a file is one that people have: the harness and what is built in have names in brackets.
fn is_file(path: &str) -> bool {
    !path.starts_with('<')
}

fn percent(part: u64, total: u64) -> f64 {
    match total {
        0 => 0.0,
        total => 100.0 * part as f64 / total as f64,
    }
}

fn functions(profile: &Profile, total: u64) -> Vec<HotFunction> {
    let all = profile.functions.iter().zip(profile.by_function());
    let all = all.filter(|(function, _)| {
        let file = function.source.as_ref().map(|place| &*place.file);
        file.is_some_and(is_file)
    });
    let mut hot: Vec<HotFunction> = all
        .map(|(function, sums)| HotFunction {
            name: function.name.to_string(),
            calls: sums.calls,
            instr: sums.own,
            instr_percent: percent(sums.own, total),
        })
        .collect();
    hot.sort_by(|a, b| b.instr.cmp(&a.instr).then_with(|| a.name.cmp(&b.name)));
    hot.truncate(KEPT);
    hot
}

fn lines(profile: &Profile, files: &[FileCoverage], total: u64) -> Vec<HotLine> {
    let count = |path: &str, number: u32| {
        let file = files.iter().find(|file| file.path == path)?;
        let line = file.lines.iter().find(|line| line.line == number)?;
        Some(line.count)
    };
    let all = profile.by_line().into_iter();
    let mut hot: Vec<HotLine> = all
        .filter(|(place, sums)| sums.own > 0 && place.line > 0 && is_file(&place.file))
        .map(|(place, sums)| HotLine {
            file: name_of(&place.file).to_owned(),
            line: place.line,
            // See `quote`.
            text: String::new(),
            count: count(&place.file, place.line).unwrap_or(0),
            instr: sums.own,
            instr_percent: percent(sums.own, total),
            allocs: None,
        })
        .collect();
    hot.sort_by(|a, b| {
        let places = (&a.file, a.line).cmp(&(&b.file, b.line));
        b.instr.cmp(&a.instr).then(places)
    });
    hot.truncate(KEPT);
    hot
}
