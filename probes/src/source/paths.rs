//! Paths as compilers write them.

/// The same path without components that say nothing (`./`, `//`): units of a
/// program write the same file in different ways. `..` stays, since what it means depends on
/// symbolic links.
pub(super) fn tidy(path: &str) -> String {
    if path.contains('\\') {
        return path.to_owned();
    }
    let parts = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".");
    let tidy = parts.collect::<Vec<_>>().join("/");
    match path.starts_with('/') {
        true => format!("/{tidy}"),
        // `scheme://...` is no path to tidy.
        false if path.contains("://") => path.to_owned(),
        false => tidy,
    }
}

/// `path` if it is absolute, else below `dir`.
pub(super) fn join(dir: &str, path: &str) -> String {
    if is_absolute(path) || dir.is_empty() {
        return path.to_owned();
    }
    let separator = if dir.contains('\\') { '\\' } else { '/' };
    match dir.ends_with(separator) {
        true => format!("{dir}{path}"),
        false => format!("{dir}{separator}{path}"),
    }
}

fn is_absolute(path: &str) -> bool {
    let drive = |rest: &str| rest.starts_with(":/") || rest.starts_with(":\\");
    path.starts_with(['/', '\\']) || path.contains("://") || path.get(1..).is_some_and(drive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (path, expected) in [
            ("././libc/./a.c", "libc/a.c"),
            ("/work//src/./lib.rs", "/work/src/lib.rs"),
            ("/a/../b.c", "/a/../b.c"),
            ("C:\\src\\.\\a.c", "C:\\src\\.\\a.c"),
            ("wasisdk://v1/./a.c", "wasisdk://v1/./a.c"),
            ("./", ""),
        ] {
            assert_eq!(tidy(path), expected);
        }
        for (dir, path, expected) in [
            ("/work", "src/a.c", "/work/src/a.c"),
            ("/work/", "a.c", "/work/a.c"),
            ("/work", "/a.c", "/a.c"),
            ("C:\\work", "a.c", "C:\\work\\a.c"),
            ("/work", "C:\\a.c", "C:\\a.c"),
            ("/work", "D:/a.c", "D:/a.c"),
            ("", "a.c", "a.c"),
            ("/work", "é", "/work/é"),
        ] {
            assert_eq!(join(dir, path), expected);
        }
    }
}
