//! The official test suite: one case for each script file and mode.
//!
//! `cargo test -p probity-spec-tests --test spec -- simd` runs what has `simd`
//! in its name; the usual options of test binaries work.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use probity_spec_tests::child::{self, Outcome};
use probity_spec_tests::expectations::Expectations;
use probity_spec_tests::mode::Mode;
use probity_spec_tests::suite::{File, Folder};

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).peekable();
    if args.next_if(|arg| arg == child::CHILD_ARGUMENT).is_some() {
        return child::main(args);
    }

    let expectations = match Expectations::parse(include_str!("../expectations.toml")) {
        Ok(expectations) => Arc::new(expectations),
        Err(e) => {
            eprintln!("failed to read expectations.toml: {e}");
            return ExitCode::from(2);
        }
    };
    let arguments = Arguments::from_args();
    let conclusion = libtest_mimic::run(&arguments, trials(&expectations));
    if !arguments.list {
        println!(
            "{} passed, {} failed",
            conclusion.num_passed, conclusion.num_failed
        );
    }
    conclusion.exit_code()
}

fn trials(expectations: &Arc<Expectations>) -> Vec<Trial> {
    let mut trials = Vec::new();
    let mut all = Vec::new();
    for folder in Folder::ALL {
        let files = folder.files();
        let (found, expected) = (files.len(), folder.expected_files());
        trials.push(Trial::test(
            format!("{} is whole", folder.name()),
            move || match found == expected {
                true => Ok(()),
                false => Err(format!("expected {expected} files, found {found}").into()),
            },
        ));
        for file in &files {
            for mode in Mode::ALL {
                let (file, mode) = (file.clone(), *mode);
                let expectations = expectations.clone();
                trials.push(Trial::test(format!("{file}:{mode}"), move || {
                    judge(&file, mode, &expectations)
                }));
            }
        }
        all.extend(files);
    }
    let expectations = expectations.clone();
    trials.push(Trial::test("expectations.toml is current", move || {
        expectations.check(&all).map_err(Failed::from)
    }));
    trials
}

fn judge(file: &File, mode: Mode, expectations: &Expectations) -> Result<(), Failed> {
    match (child::run(file, mode), expectations.reason(file, mode)) {
        (Outcome::Passed, None) | (Outcome::Failed(_), Some(_)) => Ok(()),
        (Outcome::Passed, Some(reason)) => Err(format!(
            "passed unexpectedly: remove its entry from expectations.toml (`{reason}`)"
        )
        .into()),
        (Outcome::Failed(report) | Outcome::Broken(report), _) => Err(report.into()),
    }
}
