//! The programs of `tests/programs`, as its `README.md` describes the files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// One program and its default run.
#[derive(Clone, Debug)]
pub struct Program {
    /// File name without extension.
    pub name: String,
    /// The module.
    pub wasm: PathBuf,
    /// Its stdout, byte for byte.
    pub expected: Vec<u8>,
    /// Arguments, the program's name not included.
    pub args: Vec<String>,
    /// Standard input.
    pub stdin: Vec<u8>,
    /// A directory that it reads and writes, to be copied.
    pub dir: Option<PathBuf>,
}

/// Where the programs are.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("programs")
}

/// Every program, by name.
///
/// # Errors
/// If there is none, one has no `.expected` file, a file belongs to no
/// program, or a file cannot be read.
pub fn all() -> io::Result<Vec<Program>> {
    let dir = directory();
    let mut names = Vec::new();
    let mut companions = Vec::new();
    for entry in fs::read_dir(&dir)? {
        let path = entry?.path();
        let name = |p: &Path| p.file_stem().map(|s| s.to_string_lossy().into_owned());
        match path.extension().and_then(|e| e.to_str()) {
            Some("wasm") => names.extend(name(&path)),
            Some("expected" | "args" | "stdin" | "d") => {
                companions.extend(name(&path).map(|name| (name, path)));
            }
            _ => {}
        }
    }
    names.sort();
    if names.is_empty() {
        return Err(io::Error::other(format!("no program in {}", dir.display())));
    }
    if let Some((_, path)) = companions.iter().find(|(name, _)| !names.contains(name)) {
        return Err(io::Error::other(format!(
            "{} belongs to no program",
            path.display()
        )));
    }
    names.into_iter().map(|name| program(&dir, name)).collect()
}

fn program(dir: &Path, name: String) -> io::Result<Program> {
    let path = |extension: &str| dir.join(format!("{name}.{extension}"));
    let optional = |extension: &str| {
        let path = path(extension);
        if path.exists() {
            fs::read(path)
        } else {
            Ok(Vec::new())
        }
    };
    let expected = fs::read(path("expected"))
        .map_err(|e| io::Error::new(e.kind(), format!("{name}.expected: {e}")))?;
    let args = String::from_utf8(optional("args")?).map_err(io::Error::other)?;
    Ok(Program {
        wasm: path("wasm"),
        expected,
        args: args.lines().map(str::to_owned).collect(),
        stdin: optional("stdin")?,
        dir: Some(path("d")).filter(|d| d.is_dir()),
        name,
    })
}

/// Copies a directory with all in it.
///
/// # Errors
/// Those of the file system.
pub fn copy_directory(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_directory(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
