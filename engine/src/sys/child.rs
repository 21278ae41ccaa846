//! Tests that end their process, or change what belongs to all of it, run in one of their own:
//! the test's binary, started again for this test alone.

use std::process::{Command, ExitStatus, exit};

use rustix::process::{Resource, Rlimit, setrlimit};

const VARIABLE: &str = "PROBITY_TEST_CHILD";

/// Runs `body` in another process, in which the test `name` comes here again; says how it ended.
/// The name is the whole path without the crate.
pub(crate) fn in_child(name: &str, body: impl FnOnce()) -> ExitStatus {
    if std::env::var_os(VARIABLE).is_some_and(|test| test == name) {
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        let _ = setrlimit(Resource::Core, none);
        body();
        exit(0);
    }
    let binary = std::env::current_exe().expect("the test's binary");
    let output = Command::new(binary)
        .args([name, "--exact", "--nocapture"])
        .env(VARIABLE, name)
        .output()
        .expect("a child");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        !stdout.contains("running 0 tests"),
        "no test is named {name}"
    );
    print!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
    output.status
}
