//! Where the instructions of a program in Python are, by its own functions and lines, and which of them it did not execute: over all tests
//! together. The interpreter's work for a line is the line's.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_analyses::Session;
use probity_analyses::coverage::FileCoverage;
use probity_analyses::export::{Data, DataKind};
use probity_analyses::profile::data::Profile;

use super::deep::patient;
use super::explain::{KEPT, coverage, is_own, line_count, name_of, percent, quote};
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
    // The counts of lines of libraries, too.
    let all = [("files".to_owned(), "all".to_owned())];
    // Both are in the registry, and have such data.
    let added = session.add("pyprofile", &[]).is_ok()
        && session.add("pycoverage", &all).is_ok()
        && session.collect(DataKind::Profile).is_ok();
    let Ok(mut watched) = runner(Observer::Session(session)) else {
        return (None, None);
    };
    if !added {
        return (None, None);
    }
    let patient = patient(limits);
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
    let mut knows_allocs = false;
    for mut report in session.finish(&mut store) {
        knows_allocs |= report.facts.iter().any(|fact| fact.column.name == "allocs");
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
    let did = Did::of(&profile);
    let mut hot = Hot {
        functions: functions(&profile, &did, total),
        lines: lines(&did, &files, total, knows_allocs),
        ..Hot::default()
    };
    if let Some(source) = source {
        quote(&mut hot, source);
    }
    (Some(hot), Some(coverage(own)))
}

/// What the program did, in its own files and in those of libraries that it called. The harness is neither.
struct Did {
    /// Calls and instructions of each of the profile's functions.
    functions: Vec<(u64, u64)>,
    /// By file and line.
    lines: BTreeMap<(Arc<str>, u32), Spent>,
}

/// What a line cost.
#[derive(Default)]
struct Spent {
    instr: u64,
    allocs: u64,
}

impl Did {
    fn of(profile: &Profile) -> Did {
        let mut did = Did {
            functions: vec![(0, 0); profile.functions.len()],
            lines: BTreeMap::new(),
        };
        let mut is_under = vec![false; profile.nodes.len()];
        // A caller comes before what it calls.
        for (at, node) in profile.nodes.iter().enumerate().skip(1) {
            let function = &profile.functions[node.function as usize];
            let file = function.source.as_ref().map(|place| &place.file);
            let called = is_under[node.parent as usize];
            is_under[at] = called || file.is_some_and(|file| is_own(file));
            let Some(file) = file.filter(|_| is_under[at]) else {
                continue;
            };
            let (calls, instr) = &mut did.functions[node.function as usize];
            *calls += node.calls;
            *instr += node.weight;
            for &(line, weight) in &node.pcs {
                did.lines.entry((file.clone(), line)).or_default().instr += weight;
            }
            for &(line, allocs, _) in &node.allocs {
                did.lines.entry((file.clone(), line)).or_default().allocs += allocs;
            }
        }
        did
    }
}

fn functions(profile: &Profile, did: &Did, total: u64) -> Vec<HotFunction> {
    let all = profile.functions.iter().zip(&did.functions);
    let mut hot: Vec<HotFunction> = all
        .filter(|(_, (_, instr))| *instr > 0)
        .map(|(function, &(calls, instr))| HotFunction {
            name: function.name.to_string(),
            calls,
            instr,
            instr_percent: percent(instr, total),
        })
        .collect();
    hot.sort_by(|a, b| b.instr.cmp(&a.instr).then_with(|| a.name.cmp(&b.name)));
    hot.truncate(KEPT);
    hot
}

fn lines(did: &Did, files: &[FileCoverage], total: u64, knows_allocs: bool) -> Vec<HotLine> {
    let mut hot: Vec<HotLine> = did
        .lines
        .iter()
        .filter(|((_, line), _)| *line > 0)
        .map(|((path, line), &Spent { instr, allocs })| HotLine {
            file: name_of(path).to_owned(),
            line: *line,
            // See `quote`.
            text: String::new(),
            count: line_count(files, path, *line),
            instr,
            instr_percent: percent(instr, total),
            allocs: knows_allocs.then_some(allocs),
        })
        .collect();
    hot.sort_by(|a, b| {
        let places = (&a.file, a.line).cmp(&(&b.file, b.line));
        b.instr.cmp(&a.instr).then(places)
    });
    hot.truncate(KEPT);
    hot
}
