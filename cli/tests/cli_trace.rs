//! Traces on the command line: written by runs, read by `probity trace`, and what fails there.

mod common;

use std::fs;
use std::path::PathBuf;

use common::{Files, json, probity, run, run_module, run_with_input, wait};

/// Prints `hi`; with an argument it traps in `deep`.
const PROGRAM: &str = r#"
    (data (i32.const 64) "hi\n")
    (func $deep (param i32) (result i32)
      (if (i32.eqz (local.get 0)) (then unreachable))
      (call $deep (i32.sub (local.get 0) (i32.const 1))))
    (func (export "_start")
      (call $print (i32.const 64) (i32.const 3))
      (drop (call $args_sizes_get (i32.const 16) (i32.const 20)))
      (if (i32.gt_u (i32.load (i32.const 16)) (i32.const 1))
        (then (drop (call $deep (i32.const 3))))))
"#;

fn program(files: &Files) -> PathBuf {
    files.program("p.wasm", PROGRAM)
}

fn traced(files: &Files, options: &str, name: &str, args: &str) -> common::Done {
    let out = files.path(name);
    let spec = format!("-a trace:{options},out={}", out.display());
    run_module(&spec, &program(files), args)
}

#[test]
fn text_in_every_tier() {
    let files = Files::new();
    let mut texts = Vec::new();
    for tier in ["interp", "jit", "auto"] {
        let out = files.path(tier);
        let spec = format!(
            "--tier {tier} -a trace:events=calls+memory,out={}",
            out.display()
        );
        let done = run_module(&spec, &program(&files), "").expect(0);
        // Neither a report nor anything else is written.
        assert_eq!((&*done.stdout, &*done.stderr), ("hi\n", ""));
        texts.push(files.read(tier));
    }
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    let lines: Vec<&str> = texts[0].lines().collect();
    let at = |line: usize| lines[line].split(" 0x").next().expect("a piece");
    assert_eq!(
        lines[..3],
        [
            "call _start()",
            "  call print(i32 64, i32 3)",
            "    call print_to(i32 1, i32 64, i32 3)"
        ]
    );
    assert_eq!(at(3), "      store print_to");
    assert!(
        lines[3].ends_with(": i32.store [0x0] 4 (i32 64)"),
        "{}",
        lines[3]
    );
    let host = "      host-call wasi_snapshot_preview1.fd_write(i32 1, i32 0, i32 1, i32 8) in print_to at";
    assert_eq!(at(5), host);
}

#[test]
fn a_binary_file_is_printed_as_the_text() {
    let files = Files::new();
    traced(&files, "events=all,operands=on", "t.txt", "x").expect(134);
    traced(&files, "events=all,operands=on,format=binary", "t.bin", "x").expect(134);
    let (text, bin) = (files.read("t.txt"), files.path("t.bin"));
    let print = |options: &str| {
        let mut command = probity(["trace", "print"]);
        command.args(options.split_whitespace()).arg(&bin);
        wait(command.spawn().unwrap())
    };
    assert_eq!(print("").expect(0).stdout, text);
    let mut stdin = probity(["trace", "print", "-"]);
    stdin.stdin(std::process::Stdio::piped());
    assert_eq!(
        run_with_input(stdin, &fs::read(&bin).unwrap())
            .expect(0)
            .stdout,
        text
    );

    // 4 calls of `deep` have 4 ways out.
    let deep = print("--func deep --events calls").expect(0).stdout;
    assert_eq!(deep.lines().count(), 8, "{deep}");
    let some = print("--func deep --events calls --from 4 --limit 2")
        .expect(0)
        .stdout;
    let expected: Vec<&str> = deep.lines().skip(3).take(2).collect();
    assert_eq!(some.lines().collect::<Vec<_>>(), expected);

    let objects = print("--format json --func deep --events calls+traps")
        .expect(0)
        .stdout;
    let objects: Vec<_> = objects.lines().map(json).collect();
    assert_eq!(objects[0]["event"], "call");
    assert_eq!(objects[0]["operands"][0]["value"], 3);
    assert_eq!(objects[4]["event"], "trap");
    assert_eq!(objects[4]["message"], "unreachable");
    assert_eq!(objects[5]["event"], "unwind-trap");

    let stat = run(["trace".as_ref(), "stat".as_ref(), bin.as_os_str()])
        .expect(0)
        .stdout;
    let events = text.lines().count();
    assert!(stat.contains(&format!("events: {events}\n")), "{stat}");
    let size = fs::metadata(&bin).unwrap().len();
    assert!(stat.contains(&format!("bytes: {size}\n")), "{stat}");
    assert!(size < text.len() as u64, "{size}");
}

/// Everything before the cut is printed, then the offset is told.
#[test]
fn files_that_are_cut_or_wrong() {
    let files = Files::new();
    traced(&files, "format=binary", "t.bin", "").expect(0);
    let bytes = fs::read(files.path("t.bin")).unwrap();
    let print = |bytes: &[u8]| {
        let path = files.put("cut.bin", bytes);
        run(["trace".as_ref(), "print".as_ref(), path.as_os_str()])
    };
    let all = print(&bytes).expect(0).stdout;
    let len = bytes.len();
    let done = print(&bytes[..len - 2]).expect(1);
    assert_eq!(done.stdout, all);
    let done = done.says(&["cut.bin: the trace ends at byte"]);
    assert!(
        done.stderr
            .contains(&format!("byte {}, without its end", len - 2)),
        "{done:?}"
    );
    let done = print(&bytes[..len / 2]).expect(1);
    assert!(all.starts_with(&done.stdout) && done.stdout.len() < all.len());
    let stat = run([
        "trace".as_ref(),
        "stat".as_ref(),
        files.path("cut.bin").as_os_str(),
    ])
    .expect(1);
    assert!(stat.stdout.contains("events: "), "{stat:?}");
    print(b"\0asm")
        .expect(1)
        .says(&["byte 0: this is no trace"]);
    run(["trace", "print", "/nonexistent"])
        .expect(1)
        .says(&["/nonexistent"]);
    run(["trace", "print", "--events", "cals", "-"])
        .expect(2)
        .says(&["unknown events `cals`", "calls"]);
    run(["trace", "print", "--func", "3..3", "-"])
        .expect(2)
        .says(&["is empty"]);
}

/// The last events of a run that traps; nothing of one that does not.
#[test]
fn a_flight_recorder() {
    let files = Files::new();
    let done = traced(&files, "events=calls+traps,last=3", "crash.txt", "x").expect(134);
    assert!(done.stderr.contains("unreachable"), "{done:?}");
    let text = files.read("crash.txt");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[0].starts_with("... ") && lines[0].ends_with(" events before are not kept"));
    assert!(lines[3].starts_with("unwind-trap _start at 0x"), "{text}");
    traced(&files, "last=3", "none.txt", "").expect(0);
    assert!(!files.path("none.txt").exists());
    traced(&files, "last=2,dump=always", "end.txt", "").expect(0);
    assert_eq!(files.read("end.txt").lines().last(), Some("return _start"));
    // A limit is an end of that kind, too.
    let out = files.path("fuel.txt");
    let spec = format!("--fuel 20 -a trace:last=1,out={}", out.display());
    run_module(&spec, &program(&files), "").expect(124);
    assert!(files.read("fuel.txt").contains("unwind-trap _start"));
}

/// A full disk and a closed pipe: the guest goes on, and its output is whole.
#[test]
#[cfg(target_os = "linux")]
fn places_that_fail() {
    let files = Files::new();
    let program = program(&files);
    let report = files.path("report.json");
    let spec = format!(
        "-a trace:events=all,out=/dev/full -a icount --format json -o {}",
        report.display()
    );
    let done = run_module(&spec, &program, "").expect(3);
    assert_eq!(done.stdout, "hi\n");
    let done = done.says(&["/dev/full: failed to write the trace: ", "are lost"]);
    assert_eq!(done.stderr.lines().count(), 1, "{done:?}");
    let report = json(&files.read("report.json"));
    assert!(report["analyses"]["icount"]["total"].as_u64() > Some(10));
    assert!(report["analyses"]["trace"]["problem"].is_string());
    // The guest's own trouble is the more important news.
    run_module("-a trace:out=/dev/full", &program, "x").expect(134);
    // What a flight recorder kept follows on stderr.
    let done = run_module("-a trace:last=2,format=binary,out=/dev/full", &program, "x").expect(134);
    assert!(done.stderr.contains("unwind-trap _start at "), "{done:?}");

    let mut piped = probity(["run", "-a", "trace:events=all,out=-"]);
    let mut child = piped.arg(&program).spawn().unwrap();
    drop(child.stdout.take());
    // The guest writes to the same pipe, and does not look whether it can.
    let done = wait(child).expect(0);
    assert_eq!(done.stderr, "");
}

#[test]
fn wrong_usage() {
    let files = Files::new();
    let program = program(&files);
    for (spec, says) in [
        ("trace:format=binary", "a binary trace needs a file"),
        ("trace:out=", "names no file"),
        ("trace:out=a,out=b", "given twice"),
        ("trace:out=/nonexistent/t", "/nonexistent/t"),
        ("trace:evnts=calls", "did you mean `events`?"),
        ("trace:events=call", "did you mean `calls`?"),
        ("trace:last=0", "known: off, <number>"),
        ("trace:last=3,limit=4", "it keeps the last events"),
        ("trace:func=3..3", "is empty"),
    ] {
        run_module(&format!("-a {spec}"), &program, "")
            .expect(2)
            .says(&[says]);
    }
    // A wrong option costs no file.
    let old = files.put("old.txt", "old");
    let spec = format!("-a trace:events=call,out={}", old.display());
    run_module(&spec, &program, "").expect(2);
    assert_eq!(files.read("old.txt"), "old");
    let spec = "-a trace:out=- -a icount -o -";
    run_module(spec, &program, "")
        .expect(2)
        .says(&["two outputs go to stdout"]);
    let list = run(["list"]).expect(0).stdout;
    assert!(
        list.contains("-a trace:out=FILE") && list.contains("last=off"),
        "{list}"
    );
}
