//! Progress is for people: on a terminal it comes and goes, elsewhere there is none.
#![cfg(target_os = "linux")]
mod common;

use std::process::{Command, Stdio};

use common::{Files, probity, wait};

const SPIN: &str = r#"(func (export "_start") (loop (br 0)))"#;

/// What a terminal shows as stderr of a run that takes two seconds: that of util-linux's `script`.
fn shown(options: &str) -> String {
    let files = Files::new();
    let module = files.program("spin.wasm", SPIN);
    let (command, module) = (env!("CARGO_BIN_EXE_probity"), module.display());
    let line = format!("'{command}' run --timeout 2s -a icount {options} '{module}' > /dev/null");
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    script
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = script.spawn().expect("the command `script` of util-linux");
    wait(child).expect(124).stdout
}

#[test]
fn a_terminal_shows_progress_and_then_the_report_alone() {
    let text = shown("");
    let (progress, report) = text.rsplit_once("\r\u{1b}[K").expect("a line was shown");
    assert!(
        progress.contains("probity: running (Ctrl-C ends the program"),
        "{text:?}"
    );
    assert!(progress.contains(", 1 s\r"), "{text:?}");
    assert!(report.contains("ended by its limit: time"), "{text:?}");
    assert!(report.contains("== icount =="), "{text:?}");
}

#[test]
fn nobody_else_sees_any() {
    assert!(!shown("--progress never").contains('\u{1b}'));
    let files = Files::new();
    let module = files.program("spin.wasm", SPIN);
    for options in [&[][..], &["--progress", "always"]] {
        let mut command = probity(["run", "--timeout", "2s", "-a", "icount"]);
        command.args(options).arg(&module);
        let done = wait(command.spawn().expect("starts"));
        assert!(!done.stderr.contains(['\r', '\u{1b}']), "{done:?}");
        assert!(!done.stderr.contains("running"), "{done:?}");
    }
}
