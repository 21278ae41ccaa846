//! The toolchain table: how each language is compiled.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;

use super::process::{Ended, Environment, ProcessLimits, run_limited};

/// The table that comes with the program.
const DEFAULT: &str = include_str!("default.toml");

/// The language that an interpreter runs, which no table has.
pub(super) const PYTHON: &str = "python";
/// The end of the names of its files.
const PYTHON_EXTENSION: &str = "py";

/// A language.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Language {
    /// Of its files, without the dot.
    pub extensions: Vec<String>,
    /// The first that works is taken.
    pub compilers: Vec<Compiler>,
}

/// A compiler of a language.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compiler {
    /// What results call it.
    pub name: String,
    /// A command that prints its version, on the first line that is not empty.
    pub version: Vec<String>,
    /// A command that fails if it cannot be used here.
    #[serde(default)]
    pub check: Vec<String>,
    /// How it is called.
    pub command: Vec<String>,
    /// What `{flags}` are, where a task says nothing.
    #[serde(default)]
    pub flags: Vec<String>,
}

/// A compiler that is there.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub compiler: Compiler,
    /// Name and version.
    pub title: String,
}

/// What is wrong with a table.
#[derive(Debug)]
pub struct TableError {
    path: PathBuf,
    message: String,
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read {}: {}", self.path.display(), self.message)
    }
}

impl std::error::Error for TableError {}

/// The languages that programs can be in, and which of their compilers are there; clones share what was found out.
#[derive(Debug, Clone)]
pub struct Toolchains {
    languages: BTreeMap<String, Language>,
    found: Arc<Mutex<BTreeMap<String, Option<Found>>>>,
}

impl Default for Toolchains {
    fn default() -> Toolchains {
        Toolchains {
            // The file is part of the program, and read by a test.
            languages: toml::from_str(DEFAULT).unwrap_or_default(),
            found: Arc::default(),
        }
    }
}

impl Toolchains {
    /// The table that comes with the program, with the languages of a file instead of its own of the same name.
    ///
    /// # Errors
    /// If the file cannot be read, or is not of the form.
    pub fn with_file(path: &Path) -> Result<Toolchains, TableError> {
        let problem = |message: String| TableError {
            path: path.to_owned(),
            message,
        };
        let text = std::fs::read_to_string(path).map_err(|e| problem(e.to_string()))?;
        let own: BTreeMap<String, Language> =
            toml::from_str(&text).map_err(|e| problem(e.to_string()))?;
        for (name, language) in &own {
            let empty = |command: &Vec<String>| command.is_empty();
            if language
                .compilers
                .iter()
                .any(|c| empty(&c.version) || empty(&c.command))
            {
                return Err(problem(format!(
                    "a compiler of `{name}` has an empty `version` or `command`"
                )));
            }
        }
        let mut all = Toolchains::default();
        all.languages.extend(own);
        Ok(all)
    }

    /// The names of the languages.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        let own = self.languages.keys().map(String::as_str);
        own.chain((!self.has_compiler(PYTHON)).then_some(PYTHON))
    }

    /// Whether a table says how a language is compiled.
    pub(super) fn has_compiler(&self, language: &str) -> bool {
        self.languages.contains_key(language)
    }

    /// The language of a file, by the end of its name.
    pub fn language_of(&self, path: &Path) -> Option<&str> {
        let extension = path.extension()?.to_str()?;
        let mut languages = self.languages.iter();
        let found = languages.find(|(_, language)| {
            let mut own = language.extensions.iter();
            own.any(|own| own == extension)
        });
        match found {
            Some((name, _)) => Some(name),
            None => (extension == PYTHON_EXTENSION).then_some(PYTHON),
        }
    }

    /// What a language's compiler is told where a task says nothing.
    ///
    /// # Errors
    /// If there is no such language, or none of its compilers is installed.
    pub fn flags_of(&self, language: &str) -> Result<Vec<String>, String> {
        if language == PYTHON && !self.has_compiler(PYTHON) {
            return Ok(Vec::new());
        }
        Ok(self.compiler(language)?.compiler.flags)
    }

    /// The end of the names of a language's files.
    pub(super) fn extension_of(&self, language: &str) -> &str {
        let language = self.languages.get(language);
        language
            .and_then(|l| l.extensions.first())
            .map_or("txt", String::as_str)
    }

    /// The compiler of a language.
    ///
    /// # Errors
    /// If there is no such language, or none of its compilers is installed.
    pub(super) fn compiler(&self, language: &str) -> Result<Found, String> {
        let Some(entry) = self.languages.get(language) else {
            let known: Vec<&str> = self.languages().collect();
            return Err(format!(
                "no toolchain for the language `{language}`; known are {}",
                known.join(", ")
            ));
        };
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let found = found
            .entry(language.to_owned())
            .or_insert_with(|| entry.compilers.iter().find_map(look_for));
        found.clone().ok_or_else(|| {
            let names: Vec<&str> = entry.compilers.iter().map(|c| c.name.as_str()).collect();
            format!(
                "no compiler for `{language}` is installed (looked for: {})",
                names.join(", ")
            )
        })
    }
}

fn look_for(compiler: &Compiler) -> Option<Found> {
    let limits = ProcessLimits {
        wall: Duration::from_secs(60),
        output_bytes: 1 << 16,
        environment: Environment::Tools,
        ..ProcessLimits::default()
    };
    let run = |command: &[String]| {
        let ended = run_limited(command, None, &[], &limits).ok()?;
        match ended {
            Ended::Exit { status: 0, output } => Some(output),
            _ => None,
        }
    };
    if !compiler.check.is_empty() {
        run(&compiler.check)?;
    }
    let output = run(&compiler.version)?;
    let version = output
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())?;
    Some(Found {
        compiler: compiler.clone(),
        title: format!("{} {version}", compiler.name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_that_comes_with_the_program_is_whole() {
        let languages: BTreeMap<String, Language> = toml::from_str(DEFAULT).expect("the form");
        for (name, language) in &languages {
            assert!(
                !language.extensions.is_empty() && !language.compilers.is_empty(),
                "{name}"
            );
            for compiler in &language.compilers {
                for place in ["{source}", "{output}"] {
                    assert!(compiler.command.iter().any(|word| word == place), "{name}");
                }
            }
        }
        let toolchains = Toolchains::default();
        assert_eq!(toolchains.language_of(Path::new("a/b.rs")), Some("rust"));
        assert_eq!(toolchains.language_of(Path::new("a/b.xyz")), None);
        let unknown = toolchains.compiler("cobol").expect_err("not there");
        assert!(
            unknown.contains("`cobol`") && unknown.contains("cpp"),
            "{unknown}"
        );
    }

    #[test]
    fn a_users_table_goes_first() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("own.toml");
        let own = "[tcl]\nextensions = ['tcl']\n[[tcl.compilers]]\nname = 'none'\nversion = ['false']\ncommand = ['x']\n\
            [[tcl.compilers]]\nname = 'some'\nversion = ['echo', '7']\ncommand = ['x']\n";
        std::fs::write(&path, own).expect("written");
        let toolchains = Toolchains::with_file(&path).expect("the form");
        assert_eq!(toolchains.compiler("tcl").expect("there").title, "some 7");
        assert!(toolchains.languages().any(|name| name == "cpp"));
        std::fs::write(&path, "[tcl]\nextensions = 3\n").expect("written");
        let error = Toolchains::with_file(&path).expect_err("wrong").to_string();
        assert!(
            error.contains("own.toml") && error.contains("line 2"),
            "{error}"
        );
    }
}
