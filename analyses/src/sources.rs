//! Source files that reports show, and their paths in them.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A larger file is no source that anyone reads.
const BYTES_MAX: u64 = 8 << 20;

/// The text of a source file; `None` if it is not below one of the directories, or cannot
/// be read. A module names its files, and is not trusted: what it names elsewhere is not for
/// readers of a report.
pub(crate) fn text(dirs: &[PathBuf], path: &str) -> Option<String> {
    dirs.iter().find_map(|dir| {
        let mut bytes = Vec::new();
        let file = File::open(below(dir, path)?).ok()?;
        file.take(BYTES_MAX + 1).read_to_end(&mut bytes).ok()?;
        let fits = bytes.len() as u64 <= BYTES_MAX;
        fits.then(|| String::from_utf8_lossy(&bytes).into_owned())
    })
}

/// The file of that path, if it is there and below the directory.
fn below(dir: &Path, path: &str) -> Option<PathBuf> {
    let dir = dir.canonicalize().ok()?;
    // An absolute path replaces the directory.
    let file = dir.join(path).canonicalize().ok()?;
    (file.starts_with(&dir) && file.is_file()).then_some(file)
}

/// The first of the directories that has the file of a relative path.
pub(crate) fn home(dirs: &[PathBuf], path: &str) -> Option<PathBuf> {
    let mut dirs = dirs.iter().filter(|_| Path::new(path).is_relative());
    let home = dirs.find(|dir| below(dir, path).is_some())?;
    std::path::absolute(home).ok()
}

/// A path in relation to the first of the directories that it is below: the
/// directory, and the rest.
pub(crate) fn relative<'p>(dirs: &[PathBuf], path: &'p str) -> Option<(PathBuf, &'p str)> {
    dirs.iter().find_map(|dir| {
        // No file need be there, so no links are followed.
        let dir = std::path::absolute(dir).ok()?;
        let rest = Path::new(path).strip_prefix(&dir).ok()?.to_str()?;
        (!rest.is_empty()).then_some((dir, rest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_outside_are_not_read() {
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let in_dir = |dir: &str| [here.join(dir)];
        let absolute = here.join("src/sources.rs");
        let absolute = absolute.to_str().expect("UTF-8");
        let inside = in_dir("src");
        assert!(text(&inside, "sources.rs").is_some());
        assert!(text(&inside, absolute).is_some_and(|text| text.contains("//! Source files")));
        assert_eq!(text(&inside, "../Cargo.toml"), None);
        assert_eq!(text(&inside, "export"), None);
        assert_eq!(text(&in_dir("tests"), absolute), None);
        assert_eq!(text(&[], absolute), None);
        assert_eq!(
            relative(&inside, absolute),
            Some((here.join("src"), "sources.rs"))
        );
        assert_eq!(relative(&inside, "/elsewhere/a.rs"), None);
        assert_eq!(home(&inside, "sources.rs"), Some(here.join("src")));
        assert_eq!(home(&inside, "../Cargo.toml"), None);
        assert_eq!(home(&inside, absolute), None);
    }
}
