//! Which source files are of interest.

use wildmatch::WildMatch;

use crate::options::OptionInfo;

/// The source files that lines, functions and branches are told of.
pub(crate) const FILES: OptionInfo = OptionInfo {
    name: "files",
    default: "own",
    help: "source files in exports: own (no toolchain, system or registry), all, or paths with * and ?, several with |",
    values: &[],
};

/// Parts of paths that belong to toolchains, systems and registries of packages.
const FOREIGN: &[&str] = &[
    // Rust: the standard library, crates of a registry or a repository.
    "/rustc/",
    "/rustlib/src/",
    "/rust/deps/",
    "/.cargo/registry/",
    "/cargo/registry/",
    "/.cargo/git/checkouts/",
    // wasi-libc, as itself and in wasi-sdk; Emscripten's system libraries; Zig's.
    "libc-bottom-half/",
    "libc-top-half/",
    "wasisdk://",
    "/emsdk/",
    "/emscripten/system/",
    "/zig/lib/",
    "/ziglang/lib/",
    // LLVM's runtime libraries, TinyGo, AssemblyScript, packages of npm.
    "/compiler-rt/",
    "/libcxx/",
    "/libcxxabi/",
    "/tinygo/src/",
    "~lib/",
    "/node_modules/",
];

/// Where systems keep what others have made.
const FOREIGN_DIRS: &[&str] = &[
    "/usr/",
    "/nix/store/",
    "dlmalloc/src/",
    "library/std/src/",
    "library/core/src/",
];

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FileFilter {
    Own,
    All,
    Paths(Vec<WildMatch>),
}

impl FileFilter {
    pub fn parse(text: &str) -> FileFilter {
        match text {
            "own" => FileFilter::Own,
            "all" => FileFilter::All,
            paths => {
                FileFilter::Paths(paths.split('|').map(|p| WildMatch::new(p.trim())).collect())
            }
        }
    }

    pub fn takes(&self, path: &str) -> bool {
        match self {
            FileFilter::All => true,
            FileFilter::Own => {
                !FOREIGN.iter().any(|part| path.contains(part))
                    && !FOREIGN_DIRS.iter().any(|dir| path.starts_with(dir))
            }
            FileFilter::Paths(patterns) => patterns.iter().any(|pattern| pattern.matches(path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_files_are_those_of_no_toolchain() {
        let own = FileFilter::parse("own");
        for path in [
            "/work/app/src/lib.rs",
            "src/main.c",
            "/home/me/cargo/src/a.rs",
            "C:\\app\\a.cpp",
        ] {
            assert!(own.takes(path), "{path}");
        }
        for path in [
            "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/num/mod.rs",
            "/home/me/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/serde-1.0.0/src/lib.rs",
            "libc-top-half/musl/src/stdio/printf.c",
            "wasisdk://v25.0/build/sysroot/wasi-libc/libc-top-half/musl/src/exit/exit.c",
            "/usr/include/c++/v1/vector",
        ] {
            assert!(!own.takes(path), "{path}");
        }
    }

    #[test]
    fn chosen_files() {
        let filter = FileFilter::parse("src/*.c | */lib.rs");
        assert!(filter.takes("src/a.c") && filter.takes("/work/lib.rs"));
        assert!(!filter.takes("src/a.h"));
        assert!(FileFilter::parse("all").takes("/rustc/x"));
    }
}
