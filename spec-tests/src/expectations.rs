//! What does not pass, as data with reasons: `expectations.toml`.
//!
//! An entry names the directives of a file that fail, and the file must fail in
//! exactly these: the other assertions stay in force, an entry whose directive
//! passes fails the run, and a crash or a timeout is never excused.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::mode::Mode;
use crate::suite::{File, Folder};

/// The entries of the expectations file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectations {
    #[serde(default, rename = "expected_failure")]
    failures: Vec<ExpectedFailure>,
    #[serde(default, rename = "left_out")]
    left_out: Vec<LeftOut>,
}

/// Directives that fail.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedFailure {
    file: String,
    #[serde(default)]
    mode: Option<String>,
    lines: BTreeSet<usize>,
    reason: String,
}

/// A folder of the suite that does not run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeftOut {
    folder: String,
    reason: String,
}

impl ExpectedFailure {
    fn covers(&self, file: &File, mode: Mode) -> bool {
        self.file == file.to_string() && self.mode.as_deref().is_none_or(|m| m == mode.name())
    }
}

impl Expectations {
    /// Those of this crate.
    pub fn load() -> Result<Expectations, String> {
        Expectations::parse(include_str!("../expectations.toml"))
    }

    /// Parse the file's text. An error says what and where.
    pub fn parse(text: &str) -> Result<Expectations, String> {
        toml::from_str(text).map_err(|e| e.to_string())
    }

    /// The lines of the directives that are expected to fail in this case.
    pub fn lines(&self, file: &File, mode: Mode) -> BTreeSet<usize> {
        self.failures
            .iter()
            .filter(|entry| entry.covers(file, mode))
            .flat_map(|entry| entry.lines.iter().copied())
            .collect()
    }

    /// Complain about entries that name no case or give no reason, which would
    /// stay behind unseen when a file is renamed, and about folders of the suite
    /// that neither run nor are left out for a reason.
    pub fn check(&self, files: &[File], folders: &[String]) -> Result<(), String> {
        for entry in &self.failures {
            let named = files
                .iter()
                .any(|file| Mode::ALL.iter().any(|mode| entry.covers(file, *mode)));
            if !named {
                let mode = entry.mode.as_deref().unwrap_or("any");
                return Err(format!(
                    "the entry for `{}` in mode `{mode}` names no case",
                    entry.file
                ));
            }
            if entry.reason.trim().is_empty() || entry.lines.is_empty() {
                return Err(format!(
                    "the entry for `{}` gives no reason or no lines",
                    entry.file
                ));
            }
        }
        for entry in &self.left_out {
            if entry.reason.trim().is_empty() {
                return Err(format!("the entry for `{}` gives no reason", entry.folder));
            }
            if !folders.contains(&entry.folder) || Folder::by_name(&entry.folder).is_some() {
                return Err(format!(
                    "`{}` is left out, but it runs or does not exist",
                    entry.folder
                ));
            }
        }
        for folder in folders {
            let left_out = self.left_out.iter().any(|entry| entry.folder == *folder);
            if Folder::by_name(folder).is_none() && !left_out {
                return Err(format!(
                    "the suite's folder `{folder}` neither runs nor is left out for a reason"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::folders_of_the_suite;

    fn entry(file: &str, mode: Option<&str>, lines: &str, reason: &str) -> String {
        let mode = mode.map_or(String::new(), |mode| format!("mode = \"{mode}\"\n"));
        format!(
            "[[expected_failure]]\nfile = \"{file}\"\n{mode}lines = [{lines}]\nreason = \"{reason}\"\n"
        )
    }

    #[test]
    fn entries_cover_their_file_and_mode_only() {
        let names = File::find("wasm-v2", "names.wast").unwrap();
        let nop = File::find("wasm-v2", "nop.wast").unwrap();
        let lines = |text: &str, file, mode| -> Vec<usize> {
            let expectations = Expectations::parse(text).unwrap();
            expectations.lines(file, mode).into_iter().collect()
        };

        let one = entry("wasm-v2/names.wast", Some("each"), "4, 7", "r");
        assert_eq!(lines(&one, &names, Mode::Each), [4, 7]);
        assert_eq!(lines(&one, &names, Mode::None), []);
        assert_eq!(lines(&one, &nop, Mode::Each), []);

        let two = one + &entry("wasm-v2/names.wast", None, "9", "r");
        assert_eq!(lines(&two, &names, Mode::None), [9]);
        assert_eq!(lines(&two, &names, Mode::Each), [4, 7, 9]);
    }

    #[test]
    fn entries_that_name_no_case_or_no_reason_are_refused() {
        let files = Folder::by_name("wasm-v2").unwrap().files();
        let check = |text: String| Expectations::parse(&text).unwrap().check(&files, &[]);
        assert!(check(entry("wasm-v2/names.wast", None, "1", "r")).is_ok());
        assert!(check(entry("wasm-v2/absent.wast", None, "1", "r")).is_err());
        assert!(check(entry("wasm-v2/names.wast", Some("absent"), "1", "r")).is_err());
        assert!(check(entry("wasm-v2/names.wast", None, "1", " ")).is_err());
        assert!(check(entry("wasm-v2/names.wast", None, "", "r")).is_err());
    }

    #[test]
    fn every_folder_needs_a_decision() {
        let folders = folders_of_the_suite();
        let check = |text: &str| Expectations::parse(text).unwrap().check(&[], &folders);
        let left_out = |folder: &str, reason: &str| {
            format!("[[left_out]]\nfolder = \"{folder}\"\nreason = \"{reason}\"\n")
        };
        assert!(check("").unwrap_err().contains("custom-descriptors"));
        assert!(check(&left_out("custom-descriptors", "r")).is_ok());
        assert!(check(&left_out("custom-descriptors", "")).is_err());
        let both = left_out("custom-descriptors", "r") + &left_out("simd", "r");
        assert!(check(&both).unwrap_err().contains("simd"));
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(Expectations::parse("typo = 1").is_err());
    }
}
