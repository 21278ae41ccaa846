//! The failures that are known, as data: `expectations.toml`.

use serde::Deserialize;

use crate::mode::Mode;
use crate::suite::File;

/// The entries of the expectations file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectations {
    #[serde(default, rename = "expected_failure")]
    entries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    file: String,
    mode: String,
    reason: String,
}

impl Entry {
    fn covers(&self, file: &File, mode: Mode) -> bool {
        self.file == file.to_string() && (self.mode == "*" || self.mode == mode.name())
    }
}

impl Expectations {
    /// Parse the file's text. An error says what and where.
    pub fn parse(text: &str) -> Result<Expectations, String> {
        toml::from_str(text).map_err(|e| e.to_string())
    }

    /// Why this case is expected to fail, if it is.
    pub fn reason(&self, file: &File, mode: Mode) -> Option<&str> {
        self.entries
            .iter()
            .find(|entry| entry.covers(file, mode))
            .map(|entry| entry.reason.as_str())
    }

    /// Complain about entries that name no case or give no reason: they would
    /// stay behind unseen when a file is renamed.
    pub fn check(&self, files: &[File]) -> Result<(), String> {
        for entry in &self.entries {
            let named = files
                .iter()
                .any(|file| Mode::ALL.iter().any(|mode| entry.covers(file, *mode)));
            if !named {
                return Err(format!(
                    "the entry for `{}` in mode `{}` names no case",
                    entry.file, entry.mode
                ));
            }
            if entry.reason.trim().is_empty() {
                return Err(format!("the entry for `{}` gives no reason", entry.file));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Folder;

    fn entry(file: &str, mode: &str, reason: &str) -> String {
        format!(
            "[[expected_failure]]\nfile = \"{file}\"\nmode = \"{mode}\"\nreason = \"{reason}\"\n"
        )
    }

    #[test]
    fn entries_cover_their_file_and_mode_only() {
        let files = Folder::WasmV2.files();
        let file = files.iter().find(|f| f.name == "names.wast").unwrap();
        let other = files.iter().find(|f| f.name == "nop.wast").unwrap();

        let one = Expectations::parse(&entry("wasm-v2/names.wast", "probes", "r")).unwrap();
        assert_eq!(one.reason(file, Mode::Probes), Some("r"));
        assert_eq!(one.reason(file, Mode::None), None);
        assert_eq!(one.reason(other, Mode::Probes), None);

        let all = Expectations::parse(&entry("wasm-v2/names.wast", "*", "r")).unwrap();
        assert_eq!(all.reason(file, Mode::None), Some("r"));
    }

    #[test]
    fn entries_that_name_no_case_or_no_reason_are_refused() {
        let files = Folder::WasmV2.files();
        let check = |text: String| Expectations::parse(&text).unwrap().check(&files);
        assert!(check(entry("wasm-v2/names.wast", "*", "r")).is_ok());
        assert!(check(entry("wasm-v2/absent.wast", "*", "r")).is_err());
        assert!(check(entry("wasm-v2/names.wast", "absent", "r")).is_err());
        assert!(check(entry("wasm-v2/names.wast", "*", " ")).is_err());
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(Expectations::parse("typo = 1").is_err());
    }
}
