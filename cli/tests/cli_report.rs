//! `probity report`: usage, reports that cannot be read, places that cannot be written. What is on the page is for
//! `analyses/tests/page.rs`, how it looks for `.ci/report`.
mod common;

use std::{fs, process::Stdio};

use common::{Files, probity, run, run_module, run_with_input, wait};

/// The report of a run in a file.
fn report(files: &Files) -> std::path::PathBuf {
    let module = files.wasm(
        "p.wasm",
        r#"(module (func $work (export "work") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))"#,
    );
    let path = files.path("run.json");
    let options = format!(
        "-a icount -a profile --format json -o {} --invoke work",
        path.display()
    );
    run_module(&options, &module, "4").expect(0);
    path
}

#[test]
fn the_page_is_beside_the_report_or_where_it_is_wanted() {
    let files = Files::new();
    let path = report(&files);
    let path = path.display().to_string();
    let done = run(["report", &path]).expect(0);
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", ""));
    let page = files.read("run.html");
    // `local.get`, `i32.const`, `i32.add`, `end`.
    assert!(
        page.contains(r#"<dd data-fact="icount.total">4</dd>"#),
        "{page}"
    );
    assert!(page.contains("<title>p.wasm</title>"));
    let own = files.path("own.html").display().to_string();
    run(["report", &path, "-o", &own, "--title", "T & U"]).expect(0);
    assert!(files.read("own.html").contains("<title>T &amp; U</title>"));
    let done = run(["report", &path, "-o", "-"]).expect(0);
    assert_eq!(done.stdout, page);
    let done = run_with_input(probity(["report", "-"]), &fs::read(&path).unwrap()).expect(0);
    assert_eq!(done.stdout, page);
    // Again, over the page that is there.
    run(["report", &path]).expect(0);
    assert_eq!(files.read("run.html"), page);
}

#[test]
fn wrong_usage() {
    let files = Files::new();
    let path = report(&files).display().to_string();
    let before = files.read("run.json");
    run(["report"]).expect(2).says(&["RUN"]);
    run(["report", &path, "--colour", "red"]).expect(2);
    let done = run(["report", &path, "-o", &path]).expect(2);
    done.says(&["would replace the report", "-o"]);
    let done = run(["report", &path, "--source-dir", &path]).expect(2);
    done.says(&["--source-dir", "no directory"]);
    let other = files.put("run2.html", &before).display().to_string();
    run(["report", &other]).expect(2).says(&["would replace"]);
    assert_eq!(files.read("run.json"), before);
    assert_eq!(files.read("run2.html"), before);
    let help = run(["report", "--help"]).expect(0).stdout;
    assert!(help.contains("-a coverage:granularity=line"), "{help}");
}

#[test]
fn reports_that_cannot_be_read() {
    let files = Files::new();
    let nowhere = files.path("nowhere.json").display().to_string();
    let done = run(["report", &nowhere]).expect(1);
    done.says(&["failed to read a report from", "nowhere.json"]);
    run(["report", files.dir().to_str().unwrap()]).expect(1);
    for (name, text, says) in [
        (
            "broken.json",
            "{\"schema\":1,\n\"analyses\":{\"a\" 1}}",
            "line 2 column 17",
        ),
        (
            "empty.json",
            " \n",
            "it is empty; `probity run --format json",
        ),
        (
            "later.json",
            "{\"schema\":2,\"analyses\":{}}",
            "its schema is 2; this version reads schema 1",
        ),
        ("other.json", "{\"a\":1}", "it has no `schema`"),
        (
            "text.json",
            "p.wasm exited with code 0\n",
            "line 1 column 1",
        ),
    ] {
        let path = files.put(name, text).display().to_string();
        run(["report", &path])
            .expect(1)
            .says(&["failed to read a report from", name, says]);
        assert!(!files.path(name).with_extension("html").exists(), "{name}");
    }
    let done = run_with_input(probity(["report", "-"]), b"[").expect(1);
    done.says(&["failed to read a report from stdin", "line 1 column"]);
}

#[test]
fn places_that_cannot_be_written() {
    let files = Files::new();
    let path = report(&files).display().to_string();
    let gone = files.path("gone").join("p.html").display().to_string();
    let done = run(["report", &path, "-o", &gone]).expect(3);
    done.says(&["failed to write the page to", "gone"]);
    run(["report", &path, "-o", "/dev/full"])
        .expect(3)
        .says(&["failed to write the page to /dev/full"]);
    let full = || {
        fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap()
    };
    let mut command = probity(["report", &path, "-o", "-"]);
    command.stdout(Stdio::from(full()));
    wait(command.spawn().unwrap())
        .expect(3)
        .says(&["failed to write to stdout"]);
    // A reader that has seen enough is no error.
    let mut child = probity(["report", &path, "-o", "-"]).spawn().unwrap();
    drop(child.stdout.take());
    let done = wait(child).expect(0);
    assert_eq!(done.stderr, "");
}
