//! `cargo test` of a crate whose programs run under the command. The target wasm32-wasip1 is needed for that, which
//! is not on every machine, so this has a feature and a command of its own: `.ci/runner`.
mod common;

use std::{fs, path::Path, process::Command};

use common::{Files, json, wait};

/// `cargo`, with nothing of this build in its environment.
fn cargo(dir: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let own = std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        ["CARGO", "RUSTC", "RUSTFLAGS", "RUSTDOC"]
            .iter()
            .any(|own| name.starts_with(own))
            && name != "CARGO_HOME"
    });
    for (name, _) in own {
        command.env_remove(name);
    }
    command.current_dir(dir);
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped());
    command.stderr(std::process::Stdio::piped());
    command
}

/// `cargo test` of a crate with three test programs (units, and two of `tests/`), each of which
/// executes a part of the library.
#[test]
fn cargo_tests_have_merged_coverage() {
    let files = Files::new();
    let dir = files.path("shapes");
    fs::create_dir_all(dir.join("src")).unwrap();
    fs::create_dir_all(dir.join("tests")).unwrap();
    let put = |name: &str, text: &str| fs::write(dir.join(name), text).unwrap();
    put(
        "Cargo.toml",
        "[package]\nname = \"shapes\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n",
    );
    put(
        "src/lib.rs",
        "//! The harness gives its `main` the first line.
pub fn sign(n: i32) -> i32 {
    if n < 0 {
        -1
    } else if n == 0 {
        0
    } else {
        1
    }
}

pub fn never(n: i32) -> i32 {
    n + 1
}

pub fn both() -> i32 {
    7
}

#[test]
fn zero() {
    assert_eq!(sign(0), 0);
}
",
    );
    put(
        "tests/negative.rs",
        "#[test]\nfn negative() { assert_eq!(shapes::sign(-3), -1); assert_eq!(shapes::both(), 7); }\n",
    );
    put(
        "tests/positive.rs",
        "#[test]\nfn positive() { assert_eq!(shapes::sign(3), 1); assert_eq!(shapes::both(), 7); }\n#[test]\nfn not_linked_away() { assert_eq!(shapes::never as usize == 0, false); }\n",
    );
    let (sum, lcov) = (files.path("sum.json"), files.path("cov.info"));
    let runner = format!(
        "{} run -a coverage --merge {} --export lcov={} --",
        env!("CARGO_BIN_EXE_probity"),
        sum.display(),
        lcov.display()
    );
    let child = cargo(&dir)
        .args(["test", "--offline", "--target", "wasm32-wasip1"])
        .env("CARGO_TARGET_WASM32_WASIP1_RUNNER", runner)
        .env("CARGO_TARGET_DIR", files.path("target"))
        .spawn()
        .unwrap();
    let done = wait(child);
    assert_eq!(
        done.status,
        Some(0),
        "cargo test for wasm32-wasip1 failed: {done:#?}"
    );
    // Three programs with 1, 1 and 2 tests; then the documentation, which has none.
    assert_eq!(
        done.stdout.matches("test result: ok.").count(),
        4,
        "{done:#?}"
    );

    let text = files.read("cov.info");
    let of_lib = text.split("end_of_record\n").find(|section| {
        let name = format!("SF:{}\n", dir.join("src/lib.rs").display());
        section.contains(&name) || section.contains("src/lib.rs\n")
    });
    let of_lib = of_lib.expect("src/lib.rs");
    let count = |line: u32| -> Option<u64> {
        let line = of_lib
            .lines()
            .find_map(|l| l.strip_prefix(&format!("DA:{line},")))?;
        line.parse().ok()
    };
    // `sign` was called once by each program: -3, 0 and 3, and takes each way once.
    assert_eq!(
        [2, 3, 4, 6, 8].map(count),
        [Some(3), Some(3), Some(1), Some(1), Some(1)]
    );
    // `n == 0` is asked by two of them.
    assert_eq!(count(5), Some(2));
    assert_eq!(
        count(12),
        Some(0),
        "`never` is in a program, and not called"
    );
    let entered = |name: &str| {
        let suffix = format!(",shapes::{name}");
        let line = of_lib
            .lines()
            .find(|l| l.starts_with("FNDA:") && l.ends_with(&suffix));
        line.and_then(|line| line["FNDA:".len()..].split(',').next()?.parse::<u64>().ok())
    };
    assert_eq!(
        ["sign", "never", "both"].map(entered),
        [Some(3), Some(0), Some(2)]
    );
    let read = json(&files.read("sum.json"));
    let modules = read["analyses"]["coverage"]["data"]["modules"]
        .as_array()
        .unwrap();
    assert_eq!(modules.len(), 3);
    // The files of the standard library are not the user's.
    assert!(!text.contains("/library/std/"), "{text}");
}
