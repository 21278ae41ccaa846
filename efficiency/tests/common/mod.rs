//! Expected texts in files, and results to work on.
#![allow(dead_code)] // each test file uses its part

use std::path::{Path, PathBuf};

use probity_efficiency::compare::{Results, by_key};
use probity_efficiency::jsonl::{LineError, Lines};

/// Checks a text with that of a file beside the tests; `BLESS=1` rewrites the file.
#[track_caller]
pub fn expect_file(name: &str, text: &str) {
    let path = beside(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, text).expect("write");
        return;
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|e| panic!("{}: {e}; BLESS=1 writes it", path.display()));
    assert!(
        text == expected,
        "not what {} has (BLESS=1 rewrites it):\n{text}",
        path.display()
    );
}

/// A file beside the tests.
pub fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

/// Results from text.
pub fn try_results(text: &str) -> Result<Results, LineError> {
    let bytes = std::io::Cursor::new(text.as_bytes().to_vec());
    by_key(Lines::new(Path::new("results.jsonl"), bytes))
}

#[track_caller]
pub fn results(text: &str) -> Results {
    try_results(text).unwrap_or_else(|e| panic!("{e}"))
}
