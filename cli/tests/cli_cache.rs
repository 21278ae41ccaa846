//! `probity run --cache` and `probity cache`.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use common::{Done, Files, probity, wait};

/// Some functions, and a trap if there is an argument.
const PROGRAM: &str = r#"
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else (i32.add
        (call $fib (i32.sub (local.get 0) (i32.const 1)))
        (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func (export "fail") (param i32) (result i32)
    (i32.div_u (call $fib (local.get 0)) (i32.const 0)))"#;

fn files_of(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Calls a function of the program with 20.
fn call(module: &Path, cache: &str, more: &[&str], function: &str) -> Done {
    let mut command = probity(["run", cache, "--invoke", function]);
    command.args(more).arg(module).arg("20");
    wait(command.spawn().unwrap())
}

#[test]
fn every_run_is_the_same() {
    let files = Files::new();
    let module = files.program("p.wasm", PROGRAM);
    let dir = files.path("cache");
    let cache = format!("--cache={}", dir.display());
    let mut written = Vec::new();
    for tier in ["jit", "jit", "auto", "interp", "jit"] {
        let done = call(&module, &cache, &["--tier", tier], "fib").expect(0);
        assert_eq!((&*done.stdout, &*done.stderr), ("6765\n", ""), "{tier}");
        let done = call(&module, &cache, &["--tier", tier], "fail").expect(134);
        let plain = call(&module, "--tier=interp", &[], "fail").expect(134);
        assert_eq!(done.stderr, plain.stderr, "{tier}");
        let done = call(
            &module,
            &cache,
            &["--tier", tier, "--fuel", "100000"],
            "fib",
        )
        .expect(124);
        let plain = call(&module, "--tier=interp", &["--fuel", "100000"], "fib").expect(124);
        assert_eq!(done.stderr, plain.stderr, "{tier}");
        let done = call(&module, &cache, &["--tier", tier, "-a", "icount"], "fib").expect(0);
        let plain = call(&module, "--tier=interp", &["-a", "icount"], "fib").expect(0);
        assert_eq!(done.stderr, plain.stderr, "{tier}");
        let now = files_of(&dir);
        assert_eq!(now.len(), 1);
        let bytes = fs::read(&now[0]).unwrap();
        if tier == "jit" {
            // After the first round there is nothing to add.
            assert!(written.is_empty() || written == bytes);
            written = bytes;
        }
    }
    let mode = fs::metadata(&dir).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

/// Where caches belong, unless something else is said; and what `probity cache` says of it.
#[test]
fn the_default_directory() {
    let files = Files::new();
    let module = files.program("p.wasm", PROGRAM);
    let run = |xdg: Option<&Path>, args: &[&str]| {
        let mut command = probity(args);
        command
            .env("HOME", files.path("home"))
            .env_remove("XDG_CACHE_HOME");
        if let Some(xdg) = xdg {
            command.env("XDG_CACHE_HOME", xdg);
        }
        wait(command.spawn().unwrap()).expect(0)
    };
    let module = module.to_str().unwrap();
    let args = [
        "run", "--cache", "--tier", "jit", "--invoke", "fib", module, "5",
    ];
    let home = files.path("home/.cache/probity");
    assert_eq!(
        run(None, &["cache", "info"]).stdout,
        format!(
            "directory  {}\nfiles      0\nbytes      0\n",
            home.display()
        )
    );
    assert_eq!(run(None, &args).stdout, "5\n");
    // A relative path is none.
    assert_eq!(run(Some(Path::new("relative")), &args).stdout, "5\n");
    assert_eq!(files_of(&home).len(), 1);
    let xdg = files.path("xdg");
    assert_eq!(run(Some(&xdg), &args).stdout, "5\n");
    assert_eq!(files_of(&xdg.join("probity")).len(), 1);

    let bytes = fs::metadata(&files_of(&home)[0]).unwrap().len();
    let info = run(None, &["cache", "info"]);
    let end = format!("\nfiles      1\nbytes      {bytes}\n");
    assert!(info.stdout.ends_with(&end), "{info:?}");
    fs::write(home.join("mine"), "").unwrap();
    run(None, &["cache", "clear"]);
    assert_eq!(files_of(&home), [home.join("mine")]);
    let xdg = xdg.join("probity");
    run(None, &["cache", "clear", xdg.to_str().unwrap()]);
    assert!(files_of(&xdg).is_empty());
}

/// The guest runs without a cache that is not safe, or not there.
#[test]
fn directories_that_are_refused() {
    let files = Files::new();
    let module = files.program("p.wasm", PROGRAM);
    let dir = files.path("cache");
    let cache = format!("--cache={}", dir.display());
    fs::create_dir(&dir).unwrap();
    fs::set_permissions(&dir, Permissions::from_mode(0o777)).unwrap();
    let done = call(&module, &cache, &[], "fib").expect(0);
    assert_eq!(done.stdout, "6765\n");
    done.says(&[
        "failed to use directory",
        "others can write to it (mode 777)",
        "is not kept",
    ]);
    assert!(files_of(&dir).is_empty());
    for what in ["info", "clear"] {
        let args = ["cache".as_ref(), what.as_ref(), dir.as_os_str()];
        common::run(args).expect(2).says(&["others can write"]);
    }
    let done = call(&module, "--cache=/proc/none/of/this", &[], "fib").expect(0);
    done.says(&["failed to create directory '/proc/none/of/this'"]);
}

/// A directory in which nobody can make files, not even who may write anywhere; and a file that cannot
/// become as long as it should, as on a full disk. The guest runs, the code that was kept stays, and nothing
/// is left lying about.
#[test]
fn what_cannot_be_written_is_said() {
    let files = Files::new();
    let module = files.program("p.wasm", PROGRAM);
    let done = call(&module, "--cache=/proc", &["--tier", "jit"], "fib").expect(0);
    assert_eq!(done.stdout, "6765\n");
    done.says(&["failed to write to the cache in '/proc': "]);

    let dir = files.path("cache");
    let cache = format!("--cache={}", dir.display());
    let limited = |module: &Path| {
        let mut shell = std::process::Command::new("sh");
        let script = "trap '' XFSZ; ulimit -f 1; exec \"$@\"";
        let command = probity(["run", &cache, "--tier", "jit", "--invoke", "fib"]);
        shell.args(["-c", script, "sh"]).arg(command.get_program());
        shell.args(command.get_args()).arg(module).arg("20");
        shell.stdout(std::process::Stdio::piped());
        shell.stderr(std::process::Stdio::piped());
        wait(shell.spawn().unwrap()).expect(0)
    };
    call(&module, &cache, &["--tier", "jit"], "fib").expect(0);
    let kept = files_of(&dir);
    let bytes = fs::read(&kept[0]).unwrap();
    let other = files.program("q.wasm", &format!("{PROGRAM} (func (export \"other\"))"));
    let done = limited(&other);
    assert_eq!(done.stdout, "6765\n");
    done.says(&["failed to write to the cache in '", "File too large"]);
    assert_eq!(files_of(&dir), kept);
    assert_eq!(fs::read(&kept[0]).unwrap(), bytes);
    // What is there can be used all the same.
    let done = limited(&module);
    assert_eq!((&*done.stdout, &*done.stderr), ("6765\n", ""));
}

/// Processes do not wait for each other, nor harm each other.
#[test]
fn many_processes_at_once() {
    let files = Files::new();
    let module = files.program("p.wasm", PROGRAM);
    let dir = files.path("cache");
    for _ in 0..3 {
        let children: Vec<_> = (0..8)
            .map(|n| {
                let mut command = probity(["run", "--invoke", "fib"]);
                command.arg(format!("--cache={}", dir.display()));
                command.args(["--tier", if n % 2 == 0 { "jit" } else { "auto" }]);
                command.arg(&module).arg("20").spawn().unwrap()
            })
            .collect();
        for child in children {
            let done = wait(child).expect(0);
            assert_eq!((&*done.stdout, &*done.stderr), ("6765\n", ""));
        }
        assert_eq!(files_of(&dir).len(), 1);
        fs::write(&files_of(&dir)[0], "no code").unwrap();
    }
}
