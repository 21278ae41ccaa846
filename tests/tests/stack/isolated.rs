//! A test body in a process of its own, on a thread with a stack of known size.

use std::process::Command;
use std::thread;

/// Set in the child to the name of the test that it runs.
const CHILD: &str = "PROBITY_STACK_TEST";

/// Run `body` in a child process, on a thread with `stack_bytes` of native stack.
/// `test` is the test's full name, by which the child finds its way back here.
pub fn isolated(test: &str, stack_bytes: usize, body: fn()) {
    if std::env::var(CHILD).as_deref() == Ok(test) {
        let worker = thread::Builder::new().stack_size(stack_bytes).spawn(body);
        if worker.expect("a thread").join().is_err() {
            panic!("the test's thread panicked");
        }
        return;
    }
    let output = Command::new(std::env::current_exe().expect("the test's executable"))
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD, test)
        .output()
        .expect("a child process");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "{} in the child\n{stdout}\n{stderr}",
        output.status
    );
    assert!(
        stdout.contains("1 passed"),
        "the child did not run `{test}`:\n{stdout}"
    );
}
