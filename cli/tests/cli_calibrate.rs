//! `probity calibrate`: programs are Wasm text, their compiler is a shell script and what runs them natively is `printf`, so that
//! nothing has to be installed.
mod common;

use common::{Done, Files, json, probity, wait};
use serde_json::json;

/// A module that prints 4 and does so many rounds before that.
fn program(rounds: u32) -> String {
    format!(
        r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\01\00\00\00\00\00\00\00\00\00\00\004")
  (func (export "_start") (local $i i32)
    (loop $more (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {rounds}))))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#
    )
}

/// Five programs in "C", which are the names of modules, and a compiler that takes these.
fn files() -> Files {
    let files = Files::new();
    for n in 1..=5 {
        files.wasm(&format!("{n}.wasm"), &program(n * 1000));
        files.put(&format!("p{n}.c"), n.to_string());
    }
    files.wasm("nothing.wasm", &program(1));
    // What does nothing is written in C.
    let dir = files.dir().display();
    let script = format!(
        "if grep -q 'int main' $1; then name=nothing; else name=$(cat $1); fi; cp {dir}/$name.wasm $2"
    );
    let table = format!(
        "[c]\nextensions = [\"c\"]\n[[c.compilers]]\nname = \"copy\"\nversion = [\"echo\", \"1\"]\n\
        command = [\"sh\", \"-c\", {}, \"sh\", \"{{source}}\", \"{{output}}\"]\n",
        json!(script)
    );
    files.put("table.toml", table);
    files
}

fn calibrate(files: &Files, options: &[&str]) -> Done {
    let mut command = probity(["calibrate"]);
    command.args(options).current_dir(files.dir());
    wait(command.spawn().unwrap())
}

const NATIVE: [&str; 7] = [
    "--toolchains",
    "table.toml",
    "--no-build-cache",
    "--native-build",
    "c=true",
    "--native",
    "c=printf 4",
];

#[test]
fn programs_are_measured_in_both_ways_and_kept() {
    let files = files();
    let programs = ["p1.c", "p2.c", "p3.c", "p4.c", "p5.c"];
    let options: Vec<&str> = programs.iter().chain(&NATIVE).copied().collect();
    let done = calibrate(
        &files,
        &[&options[..], &["--runs", "1", "--save", "rows.jsonl"]].concat(),
    )
    .expect(0);
    assert!(done.stdout.starts_with("5 programs: "), "{done:?}");
    let rows: Vec<serde_json::Value> = files
        .read("rows.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    // A round is `loop`, four operands and operators of the sum and the tee, the constant, lt_u, br_if: 1 + 4 + 3 = 8. What does
    // nothing makes one of them.
    let instr: Vec<u64> = rows
        .iter()
        .map(|row| row["instr"].as_u64().expect("a count"))
        .collect();
    assert_eq!(instr, [1, 2, 3, 4, 5].map(|n| 8 * (n * 1000 - 1)));
    assert_eq!(rows[2]["program"], "p3.c");

    let again = calibrate(&files, &["--from", "rows.jsonl"]).expect(0);
    assert_eq!(again.stdout, done.stdout);
    let found = json(
        &calibrate(&files, &["--from", "rows.jsonl", "--format", "json"])
            .expect(0)
            .stdout,
    );
    assert_eq!(found["programs"], 5);
    assert_eq!(found["all"][0]["name"], "instr");
}

#[test]
fn what_cannot_be_measured_is_named_and_left_out() {
    let files = files();
    files.put("broken.c", "none");
    let programs = ["p1.c", "p2.c", "p3.c", "p4.c", "p5.c", "broken.c"];
    let options: Vec<&str> = programs.iter().chain(&NATIVE).copied().collect();
    let done = calibrate(&files, &[&options[..], &["--runs", "1"]].concat()).expect(1);
    assert!(
        done.stderr.contains("failed to measure broken.c: here: "),
        "{done:?}"
    );
    assert!(done.stdout.starts_with("5 programs: "), "{done:?}");

    let mut other = options.clone();
    *other.last_mut().expect("a command") = "c=printf 5";
    let done = calibrate(&files, &[&other[..], &["--runs", "1"]].concat()).expect(1);
    assert!(
        done.stderr
            .contains("p1.c: it prints something else natively than here"),
        "{done:?}"
    );
    assert!(
        done.stderr
            .contains("calibrate with 0 programs: it takes at least 5"),
        "{done:?}"
    );

    let mut failing = options;
    *failing.last_mut().expect("a command") = "c=false";
    let done = calibrate(&files, &failing).expect(1);
    assert!(
        done.stderr
            .contains("p1.c: natively: `false` ended with status 1"),
        "{done:?}"
    );
}

/// As one that has its own standard library to build first.
#[test]
fn a_compiler_may_take_longer_than_a_program() {
    let files = files();
    let mut options = NATIVE;
    options[4] = "c=sleep 1.5";
    let limited = |limit: &str| {
        let more = ["p1.c", "--runs", "1", limit, "1"];
        calibrate(&files, &[&options[..], &more].concat()).expect(1)
    };
    let done = limited("--timeout");
    assert!(
        done.stderr.contains("calibrate with 1 programs"),
        "{done:?}"
    );
    let done = limited("--build-timeout");
    assert!(done.stderr.contains("`sleep` took too long"), "{done:?}");
}

#[test]
fn wrong_arguments_say_what_is_wrong() {
    let files = files();
    let says = |options: &[&str], status: i32, text: &str| {
        let done = calibrate(&files, options).expect(status);
        assert!(done.stderr.contains(text), "{options:?}: {done:?}");
    };
    says(&[], 2, "<PROGRAM|--samples <FILE>|--from <FILE>>");
    says(&["p1.c", "--native", "cobol=x"], 2, "programs in `cobol`");
    says(
        &["p1.c", "--native", "c"],
        2,
        "a language, `=`, and a command are needed",
    );
    says(&["--from", "none.jsonl"], 1, "none.jsonl");
    says(&["p.unknown"], 1, "does not say in which language");
    files.put("bad.jsonl", "{\"program\":1}\n");
    says(&["--from", "bad.jsonl"], 1, "line 1");
    says(
        &["--from", "x", "--save", "a", "-o", "a"],
        2,
        "two outputs go to a",
    );
}
