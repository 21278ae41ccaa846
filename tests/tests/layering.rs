//! The order of the workspace's crates: dependencies point one way only, and
//! what lies above the engine uses nothing but its public interface.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// What each crate may depend on. A crate may use itself (a dev-dependency on
/// the own package would be one) only through what is listed.
const ALLOWED: &[(&str, &[&str])] = &[
    ("probity-interp", &[]),
    ("probity-engine", &["probity-interp"]),
    ("probity-wasi", &["probity-engine"]),
    ("probity-probes", &["probity-engine"]),
    ("probity-analyses", &["probity-engine", "probity-probes"]),
    (
        "probity-efficiency",
        &[
            "probity-engine",
            "probity-wasi",
            "probity-probes",
            "probity-analyses",
        ],
    ),
    (
        "probity",
        &[
            "probity-engine",
            "probity-wasi",
            "probity-probes",
            "probity-analyses",
            "probity-efficiency",
        ],
    ),
    // As a crate of somebody else would.
    (
        "own-analysis",
        &["probity-engine", "probity-probes", "probity-analyses"],
    ),
];

/// Crates on which nothing may depend, and which may depend on all others.
const TOP: &[&str] = &[
    "probity-tests",
    "probity-spec-tests",
    "probity-benches",
    "probity-differential",
];

/// Crates without unsafe code.
const SAFE: &[&str] = &[
    "probity-wasi",
    "probity-probes",
    "probity-analyses",
    "probity-efficiency",
    "probity",
    "probity-tests",
];

/// Crates that know the engine by its public interface only.
const OUTSIDE: &[&str] = &[
    "probity-wasi",
    "probity-probes",
    "probity-analyses",
    "probity-efficiency",
    "probity",
];

/// The engine's internals, by the words that would name them. The engine hides
/// these from its documentation; crates inside it share them.
const INTERNALS: &[&str] = &["probity_interp", "StoreCore", "core_mut(", ".core()"];

struct Package {
    manifest: PathBuf,
    /// Name and kind (`null` for normal, `dev`, `build`) of each dependency.
    dependencies: Vec<(String, Option<String>)>,
}

/// The workspace's packages, as cargo sees them.
fn packages() -> BTreeMap<String, Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .map(|d| (text(&d["name"]), d["kind"].as_str().map(str::to_owned)))
                .collect();
            let package_of = Package {
                manifest: text(&package["manifest_path"]).into(),
                dependencies,
            };
            (text(&package["name"]), package_of)
        })
        .collect()
}

fn allowed(name: &str) -> Option<&'static [&'static str]> {
    ALLOWED.iter().find(|(n, _)| *n == name).map(|(_, a)| *a)
}

#[test]
fn every_crate_has_its_place() {
    for name in packages().keys() {
        assert!(
            allowed(name).is_some() || TOP.contains(&name.as_str()),
            "{name} is not in this test's tables; decide what it may depend on"
        );
    }
    let packages = packages();
    for name in ALLOWED.iter().map(|(n, _)| n).chain(TOP) {
        assert!(packages.contains_key(*name), "{name} does not exist");
    }
}

#[test]
fn dependencies_point_one_way() {
    let packages = packages();
    let mut checked = 0;
    for (name, package) in &packages {
        for (dependency, kind) in &package.dependencies {
            if !packages.contains_key(dependency) {
                continue;
            }
            checked += 1;
            assert!(
                !TOP.contains(&dependency.as_str()),
                "{name} depends on {dependency}, which is for tests"
            );
            let Some(allowed) = allowed(name) else {
                continue;
            };
            // Tests of a crate may use crates beside it, but none above it.
            let test_only = kind.as_deref() == Some("dev") && rank(dependency) <= rank(name);
            assert!(
                allowed.contains(&dependency.as_str()) || test_only,
                "{name} depends on {dependency} ({kind:?})"
            );
        }
    }
    assert!(checked > 10, "only {checked} dependencies seen");
}

/// Height of a crate: one more than the highest crate it may depend on.
fn rank(name: &str) -> usize {
    allowed(name)
        .unwrap_or_default()
        .iter()
        .map(|below| rank(below) + 1)
        .max()
        .unwrap_or(0)
}

/// Rust files below a crate's `src`.
fn sources(package: &Package) -> Vec<(PathBuf, String)> {
    fn walk(dir: &Path, files: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    let mut files = Vec::new();
    walk(&package.manifest.parent().unwrap().join("src"), &mut files);
    assert!(!files.is_empty(), "{}", package.manifest.display());
    files
}

#[test]
fn crates_above_the_engine_forbid_unsafe_code() {
    let packages = packages();
    for name in SAFE {
        let roots: Vec<_> = sources(&packages[*name])
            .into_iter()
            .filter(|(path, _)| path.ends_with("src/lib.rs") || path.ends_with("src/main.rs"))
            .collect();
        assert!(!roots.is_empty(), "{name}");
        for (path, text) in roots {
            assert!(
                text.contains("#![forbid(unsafe_code)]"),
                "{} lacks #![forbid(unsafe_code)]",
                path.display()
            );
        }
    }
}

#[test]
fn engine_internals_stay_inside() {
    let packages = packages();
    for name in OUTSIDE {
        for (path, text) in sources(&packages[*name]) {
            for word in INTERNALS {
                assert!(
                    !text.contains(word),
                    "{} names the engine's internal `{word}`",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn files_stay_small() {
    /// Longer is a smell unless it is a table.
    const LINES_MAX: usize = 1000;
    for package in packages().values() {
        for (path, text) in sources(package) {
            let lines = text.lines().count();
            assert!(lines < LINES_MAX, "{}: {lines} lines", path.display());
        }
    }
}
