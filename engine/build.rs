//! Decides whether the JIT is part of the engine (`cfg(jit)`): on x86-64 Linux, and not under
//! Miri, which cannot run machine code, nor under a sanitizer, which cannot see it.
//!
//! Gives each build of the compiler a name (`PROBITY_BUILD`), so that nothing that one build has
//! compiled is run by another.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What code is made from: the engine, the interpreter's layouts, and the versions of all else.
const SOURCES: [&str; 6] = [
    "src",
    "interp/src",
    "interp/build.rs",
    "build.rs",
    "Cargo.toml",
    "../Cargo.lock",
];

fn main() {
    println!("cargo::rustc-check-cfg=cfg(jit)");
    let var = |name: &str| env::var(name).unwrap_or_default();
    let native = var("CARGO_CFG_TARGET_ARCH") == "x86_64" && var("CARGO_CFG_TARGET_OS") == "linux";
    let miri = env::var_os("CARGO_CFG_MIRI").is_some();
    let sanitized = env::var_os("CARGO_CFG_SANITIZE").is_some();
    if native && !miri && !sanitized {
        println!("cargo::rustc-cfg=jit");
    }
    println!("cargo::rustc-env=PROBITY_BUILD={:016x}", build());
}

/// A hash of the sources and of what turns them into a program.
fn build() -> u64 {
    let mut hasher = DefaultHasher::new();
    for source in SOURCES {
        let path = Path::new(source);
        // A package does not have what lies outside of its folder.
        if path.exists() {
            println!("cargo::rerun-if-changed={source}");
            hash(path, &mut hasher);
        }
    }
    // The compiler decides where fields lie that machine code reads.
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    if let Ok(output) = Command::new(rustc).arg("-vV").output() {
        output.stdout.hash(&mut hasher);
    }
    for name in ["OPT_LEVEL", "PROFILE", "CARGO_ENCODED_RUSTFLAGS"] {
        env::var_os(name).hash(&mut hasher);
    }
    hasher.finish()
}

fn hash(path: &Path, hasher: &mut DefaultHasher) {
    path.hash(hasher);
    let Ok(entries) = fs::read_dir(path) else {
        fs::read(path).ok().hash(hasher);
        return;
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        hash(&path, hasher);
    }
}
