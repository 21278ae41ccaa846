//! `probity debug`, by batches of commands. What each command shows is tested in `analyses/tests/debug.rs`.
mod common;

use std::{
    fs::File,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use common::{Files, probity, run, run_with_input, wait};

/// Built from `analyses/tests/debug/account.c`.
const ACCOUNT: &[u8] = include_bytes!("../../analyses/tests/debug/account.wasm");
const SOURCE: &str = include_str!("../../analyses/tests/debug/account.c");

#[test]
fn lines_of_the_source_from_the_directory_that_may_be_shown() {
    let files = Files::new();
    let module = files.put("account.wasm", ACCOUNT);
    files.put("account.c", SOURCE);
    let session = files.put("session", "start\nstep\nlist factorial\n");
    let mut command = probity([
        "debug", "--batch", "--invoke", "run", "-e", "continue", "-x",
    ]);
    command.arg(&session).arg(&module).arg("3");
    command.current_dir(files.dir());
    let done = wait(command.spawn().unwrap()).expect(0);
    let expected = "(probity) start

Temporary breakpoint 1, run (n=3) at account.c:41
41\t    book(n, CASH, \"first\");
(probity) step
book (amount=3, kind=CASH, note=0x100000 \"first\") at account.c:18
18\t    struct entry *entry = &entries[used];
(probity) list factorial
23\t    used++;
24\t    balance += amount;
25\t}
26\t
27\tstatic int factorial(int n) {
28\t    if (n <= 1)
29\t        return 1;
30\t    return n * factorial(n - 1);
31\t}
32\t
(probity) continue
113
[The program has ended]
";
    assert_eq!(done.stdout, expected);
    assert_eq!(done.stderr, "");
}

#[test]
fn a_program_has_its_arguments_and_stdin_and_may_run_again() {
    let files = Files::new();
    // Exits with the number of its arguments.
    let module = files.program(
        "count.wasm",
        r#"(func (export "_start")
            (drop (call $args_sizes_get (i32.const 100) (i32.const 104)))
            (call $proc_exit (i32.load (i32.const 100))))"#,
    );
    let mut command = probity(["debug"]);
    command.arg(&module).args(["a", "-b"]);
    let done = run_with_input(command, b"run\nrun\n\nquit\n").expect(0);
    let expected = "(probity) run
[The program has exited with code 3]
(probity) run
[The program has exited with code 3]
(probity) \n(probity) quit
";
    assert_eq!(done.stdout, expected);
}

#[test]
fn quitting_ends_a_program_that_has_stopped() {
    let files = Files::new();
    let module = files.program("spin.wasm", r#"(func (export "_start") (loop (br 0)))"#);
    let path = module.to_str().unwrap();
    let done = run(["debug", "--batch", "-e", "starti", path]).expect(0);
    assert!(done.stdout.contains("_start ()"), "{done:?}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_the_program() {
    let files = Files::new();
    let module = files.program("spin.wasm", r#"(func (export "_start") (loop (br 0)))"#);
    let mut command = probity(["debug", "--batch", "-e", "run", "-e", "info frame"]);
    command.arg(&module);
    let mut child = command.spawn().unwrap();
    // The prompt says that the program is about to run; a signal before that would end the command.
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "(probity) run\n");
    std::thread::sleep(std::time::Duration::from_millis(300));
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(sent.success());
    let rest: Vec<String> = out.lines().map(Result::unwrap).collect();
    wait(child).expect(0);
    assert_eq!(rest[1], "Program interrupted.");
    assert!(rest[2].starts_with("_start ()"), "{rest:?}");
    assert!(
        rest.iter().any(|line| line.starts_with("frame 0 of 1")),
        "{rest:?}"
    );
}

#[test]
fn what_is_wrong_has_its_status() {
    let files = Files::new();
    let module = files.program("nop.wasm", r#"(func (export "_start"))"#);
    let path = module.to_str().unwrap();
    run(["debug", "--batch", "-x", "/nonexistent", path])
        .expect(2)
        .says(&["/nonexistent"]);
    run(["debug", "--batch", "--stdin", "/nonexistent", path])
        .expect(2)
        .says(&["/nonexistent"]);
    let broken = files.put("broken.wasm", b"\0asm\x01\0\0\0\x01\xff");
    run(["debug", "--batch", broken.to_str().unwrap()])
        .expect(1)
        .says(&["broken.wasm", "offset"]);
    // A program that cannot be linked is an answer, not the end.
    let unlinked = files.wasm(
        "unlinked.wasm",
        r#"(module (import "a" "b" (func)) (func (export "_start")))"#,
    );
    let done = run(["debug", "--batch", "-e", "run", unlinked.to_str().unwrap()]).expect(0);
    assert!(
        done.stdout
            .contains("[The program has failed: nothing defines"),
        "{done:?}"
    );
    let mut command = probity(["debug", "--batch", "-e", "help", path]);
    command.stdout(File::create("/dev/full").unwrap());
    wait(command.spawn().unwrap())
        .expect(3)
        .says(&["failed to write to stdout"]);
    // A reader that has seen enough is no failure.
    let mut command = probity(["debug", "--batch"]);
    for _ in 0..2000 {
        command.args(["-e", "help"]);
    }
    command.arg(path);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    wait(child).expect(0);
}
