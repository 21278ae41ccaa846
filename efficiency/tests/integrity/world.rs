//! The outside world: a virtual clock, seeded random numbers, no files, no sockets, no environment, no other imports.

use std::time::{Duration, Instant};

use probity_efficiency::Status;
use probity_efficiency::judge::{Columns, flags};

use crate::guests::*;

/// What a program that ends with this value prints, by `judged` in every tier: the tests say what they got.
fn printed(imports: &str, body: &str) -> (String, Vec<String>) {
    let result = judged(
        &sum_task(),
        &with_import(imports, "", body),
        Columns::default(),
    );
    assert_eq!(result.status, Status::Wrong, "{:?}", result.message);
    let message = result.message.unwrap_or_default();
    let got = message.split("got `").nth(1).expect("a line was printed");
    (got.trim_end_matches('`').to_owned(), result.flags)
}

#[test]
fn the_clock_is_virtual_and_reading_it_is_flagged() {
    // Twice, and the difference, which would be some hundred nanoseconds that no two runs share.
    let body = "(drop (call $clock (i32.const 1) (i64.const 0) (i32.const 1000)))
        (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 1008)))
        (call $print (i32.wrap_i64 (i64.sub (i64.load (i32.const 1008)) (i64.load (i32.const 1000)))))";
    let (step, flags) = printed("", body);
    assert_eq!(step, "1000");
    assert_eq!(flags, [flags::READS_CLOCK]);
    // 2000-01-01T00:00:00Z, in seconds.
    let body = "(drop (call $clock (i32.const 0) (i64.const 0) (i32.const 1000)))
        (call $print (i32.wrap_i64 (i64.div_u (i64.load (i32.const 1000)) (i64.const 1000000000))))";
    assert_eq!(printed("", body).0, "946684800");
}

#[test]
fn random_numbers_are_the_same_in_every_run_and_asking_for_them_is_flagged() {
    let body = "(drop (call $random (i32.const 1000) (i32.const 4))) (call $print (i32.load (i32.const 1000)))";
    let (first, flags) = printed("", body);
    assert_eq!(flags, [flags::READS_RANDOM]);
    assert_eq!(printed("", body).0, first);
}

#[test]
fn sleeping_takes_no_time() {
    let import = r#"(import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))"#;
    // A day by the monotonic clock: userdata, tag, (clock) id, timeout, precision, flags.
    let body = format!(
        "(i32.store (i32.const 1016) (i32.const 1)) (i64.store (i32.const 1024) (i64.const 86400000000000))
        (if (call $poll (i32.const 1000) (i32.const 2000) (i32.const 1) (i32.const 3000)) (then unreachable))
        {SLOW_SUM}"
    );
    let started = Instant::now();
    let text = with_import(import, "", &body);
    let result = judged(&sum_task(), &text, Columns::default());
    assert_eq!(result.status, Status::Ok, "{:?}", result.message);
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn there_are_no_files() {
    let wasi = |name: &str, params: &str| {
        format!(
            r#"(import "wasi_snapshot_preview1" "{name}" (func ${name} (param {params}) (result i32)))"#
        )
    };
    let imports = [
        wasi("fd_prestat_get", "i32 i32"),
        wasi("fd_prestat_dir_name", "i32 i32 i32"),
        wasi("fd_allocate", "i32 i64 i64"),
        wasi("fd_readdir", "i32 i32 i32 i64 i32"),
        wasi("fd_filestat_set_size", "i32 i64"),
        wasi("path_create_directory", "i32 i32 i32"),
        wasi("path_unlink_file", "i32 i32 i32"),
        wasi("path_symlink", "i32 i32 i32 i32 i32"),
        wasi("path_link", "i32 i32 i32 i32 i32 i32 i32"),
        wasi("path_rename", "i32 i32 i32 i32 i32 i32"),
        wasi("path_filestat_get", "i32 i32 i32 i32 i32"),
        wasi("path_readlink", "i32 i32 i32 i32 i32 i32"),
        wasi("sock_accept", "i32 i32 i32"),
        wasi("sock_send", "i32 i32 i32 i32 i32"),
    ]
    .concat();
    // Everything with descriptors 0 to 19; how often anything succeeded is printed.
    let calls = |path: usize, len: usize| {
        let path = format!("(i32.const {path}) (i32.const {len})");
        let fd = "(local.get $i)";
        [
            format!("(call $path_open {fd} (i32.const 1) {path} (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 1000))"),
            // To be created.
            format!("(call $path_open {fd} (i32.const 1) {path} (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 1000))"),
            format!("(call $fd_prestat_get {fd} (i32.const 1000))"),
            format!("(call $fd_prestat_dir_name {fd} (i32.const 1000) (i32.const 9))"),
            format!("(call $fd_allocate {fd} (i64.const 0) (i64.const 1000000000))"),
            format!("(call $fd_readdir {fd} (i32.const 1000) (i32.const 900) (i64.const 0) (i32.const 2000))"),
            format!("(call $fd_filestat_set_size {fd} (i64.const 1000000000))"),
            format!("(call $path_create_directory {fd} {path})"),
            format!("(call $path_unlink_file {fd} {path})"),
            format!("(call $path_symlink {path} {fd} {path})"),
            format!("(call $path_link {fd} (i32.const 1) {path} {fd} {path})"),
            format!("(call $path_rename {fd} {path} {fd} {path})"),
            format!("(call $path_filestat_get {fd} (i32.const 1) {path} (i32.const 1000))"),
            format!("(call $path_readlink {fd} {path} (i32.const 1000) (i32.const 900) (i32.const 2000))"),
            format!("(call $sock_accept {fd} (i32.const 0) (i32.const 1000))"),
            format!("(call $sock_send {fd} (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1000))"),
        ]
        .map(|call| format!("(local.set $s (i32.add (local.get $s) (i32.eqz {call})))"))
        .concat()
    };
    let paths = ["/etc/passwd", "../../etc/passwd", "."];
    let data: String = (0..)
        .zip(paths)
        .map(|(at, path)| format!("(data (i32.const {}) \"{path}\")", 40_000 + 100 * at))
        .collect();
    let all: String = (0..)
        .zip(paths)
        .map(|(at, path)| calls(40_000 + 100 * at, path.len()))
        .collect();
    let body = format!(
        "(local.set $i (i32.const 0))
        (loop $next {all} (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20))))
        (call $print (local.get $s))"
    );
    let result = judged(
        &sum_task(),
        &with_import(&imports, &data, &body),
        Columns::default(),
    );
    assert_eq!(
        result.message.as_deref(),
        Some("test small: line 1: expected `6`, got `0`"),
        "nothing succeeds"
    );
    // 16 calls with each of 3 paths and 20 descriptors, and the three for input and output.
    assert_eq!(result.tests[0].cost.host_calls, Some(16 * 3 * 20 + 3));
}

#[test]
fn nothing_of_the_environment_is_there() {
    let import = r#"(import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))"#;
    let body = "(drop (call $environ (i32.const 1000) (i32.const 1004)))
        (drop (call $args_sizes (i32.const 1008) (i32.const 1012)))
        (call $print (i32.add (i32.mul (i32.load (i32.const 1000)) (i32.const 10)) (i32.load (i32.const 1008))))";
    // No variables, and one argument: the program's name.
    assert_eq!(printed(import, body).0, "1");
}

#[test]
fn an_end_in_the_middle_is_no_end_of_the_judge() {
    let status = |body: &str| {
        let result = judged(&sum_task(), &program(body), Columns::default());
        (result.status, result.tests.len())
    };
    assert_eq!(status("(call $exit (i32.const 0))"), (Status::Wrong, 2));
    assert_eq!(status("(call $exit (i32.const 1))"), (Status::Exit, 2));
    assert_eq!(status("(call $exit (i32.const -1))"), (Status::Exit, 2));
    // What was printed by then is judged.
    assert_eq!(
        status(&format!(
            "{SLOW_SUM} (call $exit (i32.const 0)) unreachable"
        )),
        (Status::Ok, 2)
    );
}

#[test]
fn imports_that_are_not_there_are_named() {
    let result = |import: &str| {
        let text = format!("(module {import} (func (export \"_start\")))");
        let result = judged(&sum_task(), &text, Columns::default());
        assert_eq!(result.status, Status::Unsupported, "{import}");
        assert!(result.tests.is_empty());
        result.message.unwrap_or_default()
    };
    for import in [
        r#"(import "env" "secret" (func))"#,
        r#"(import "env" "secret" (memory 1))"#,
        r#"(import "env" "secret" (memory 1 1 shared))"#,
        r#"(import "env" "secret" (table 1 funcref))"#,
        r#"(import "env" "secret" (global i32))"#,
        r#"(import "env" "secret" (tag))"#,
    ] {
        assert!(result(import).contains("`env` `secret`"), "{import}");
    }
    let threads = result(r#"(import "wasi" "thread-spawn" (func (param i32) (result i32)))"#);
    assert!(threads.contains("`wasi` `thread-spawn`"), "{threads}");
    // One that is there, with another type.
    let wrong = r#"(module (import "wasi_snapshot_preview1" "fd_read" (func (param i32))) (func (export "_start")))"#;
    let wrong = judged(&sum_task(), wrong, Columns::default());
    assert_eq!(wrong.status, Status::Unsupported, "{:?}", wrong.message);
    // Any number of them, of any length.
    let many: String = (0..3000)
        .map(|n| format!("(import \"{}\" \"{n}\" (func))", "m".repeat(1000)))
        .collect();
    assert!(result(&many).len() < 20_000);
}
