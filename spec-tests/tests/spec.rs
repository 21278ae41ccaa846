//! The official test suite: one case for each script file and mode.
//!
//! `cargo test -p probity-spec-tests --test spec -- simd` runs what has `simd`
//! in its name; the usual options of test binaries work. `-- --script FOLDER PATH
//! MODE` runs any script under the configuration of one of the suite's folders.
//! A case may take two minutes, or what `SPEC_TESTS_TIMEOUT_S` says.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use probity_spec_tests::child::{self, Outcome};
use probity_spec_tests::expectations::Expectations;
use probity_spec_tests::mode::Mode;
use probity_spec_tests::suite::{self, Folder};

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    if let Some(argument @ (child::CHILD_ARGUMENT | child::SCRIPT_ARGUMENT)) =
        args.next().as_deref()
    {
        return child::main(argument, args);
    }

    let arguments = Arguments::from_args();
    let conclusion = libtest_mimic::run(&arguments, trials());
    if !arguments.list {
        println!(
            "{} passed, {} failed",
            conclusion.num_passed, conclusion.num_failed
        );
    }
    conclusion.exit_code()
}

fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    let mut all = Vec::new();
    for folder in Folder::all() {
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
            for &mode in Mode::ALL {
                let file = file.clone();
                trials.push(Trial::test(
                    format!("{file}:{mode}"),
                    move || match child::run(&file, mode) {
                        Outcome::Passed => Ok(()),
                        Outcome::Failed(report) => Err(report.into()),
                    },
                ));
            }
        }
        all.extend(files);
    }
    trials.push(Trial::test("expectations.toml is current", move || {
        Expectations::load()
            .and_then(|e| e.check(&all, &suite::folders_of_the_suite()))
            .map_err(Failed::from)
    }));
    trials
}
