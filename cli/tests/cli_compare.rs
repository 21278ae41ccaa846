//! `probity compare BEFORE AFTER`.
mod common;

use common::{Files, json, run};

/// A result of one test, with a hot line that has nearly all of its cost.
pub fn result(task: &str, model: &str, id: u64, instr: u64, line: u32) -> String {
    format!(
        r#"{{"schema":1,"task_id":"{task}","sample_id":{id},"model":"{model}","count_rule":"instr.v1","status":"ok","tests":[{{"id":"t0","pass":true,"fuel":{instr}}}],"hot":{{"lines":[{{"file":"a.c","line":{line},"text":"s += a[i];","count":9,"instr":{instr},"instr_percent":80}}]}}}}"#
    ) + "\n"
}

#[test]
fn one_sample_is_shown_in_detail() {
    let files = Files::new();
    let before = files.put("before.jsonl", result("t", "m", 0, 2000, 11));
    let after = files.put("after.jsonl", result("t", "m", 0, 1500, 13));
    let done = run(["compare", before.to_str().unwrap(), after.to_str().unwrap()]).expect(0);
    for part in [
        "t:m:0\nstatus: ok\n",
        "cost  before  after  change      %\nfuel   2,000  1,500    -500  -25.0\n",
        "test  fuel before  after  change      %  status\nt0          2,000  1,500    -500  -25.0  ok\n",
        "a.c:11 -> 13         2,000  1,500    -500  -25.0  s += a[i];\n",
    ] {
        assert!(
            done.stdout.contains(part),
            "no {part:?} in\n{}",
            done.stdout
        );
    }
}

#[test]
fn several_samples_are_listed_and_one_is_chosen() {
    let files = Files::new();
    let before =
        result("t", "m", 0, 2000, 11) + &result("t", "m", 1, 10, 11) + &result("u", "", 0, 5, 1);
    let after =
        result("t", "m", 1, 10, 11) + &result("t", "m", 0, 1500, 13) + &result("v", "", 0, 5, 1);
    let (before, after) = (files.put("b.jsonl", before), files.put("a.jsonl", after));
    let (before, after) = (before.to_str().unwrap(), after.to_str().unwrap());
    let done = run(["compare", before, after]).expect(0);
    assert_eq!(
        done.stdout,
        "sample  fuel before  after  change      %  status\n\
         t:m:0         2,000  1,500    -500  -25.0  ok\n\
         t:m:1            10     10       0      0  ok\n\
         1 of 2 samples changed\n\
         only before: u::0\n\
         only after: v::0\n"
    );
    let done = run(["compare", before, after, "--sample", "t:m:1", "--top", "0"]).expect(0);
    assert!(
        done.stdout.starts_with("t:m:1\nstatus: ok\n"),
        "{}",
        done.stdout
    );
    let done = run(["compare", before, after, "--details"]).expect(0);
    assert!(
        done.stdout.contains("\nt:m:0\nstatus: ok\n"),
        "{}",
        done.stdout
    );
    let out = files.path("out.json");
    let out = out.to_str().unwrap();
    run(["compare", before, after, "--format", "json", "-o", out]).expect(0);
    let report = json(&files.read("out.json"));
    assert_eq!(report["schema"], 1);
    assert_eq!(report["samples"][0]["costs"][0]["change"], -500);
    assert_eq!(report["samples"][0]["costs"][0]["percent"], -25.0);
    assert_eq!(report["only_before"][0]["task_id"], "u");
    run(["compare", before, after, "--sample", "w"])
        .expect(2)
        .says(&["neither file has a sample 'w'"]);
    run(["compare", before, after, "--cost", "x"])
        .expect(2)
        .says(&["there is no cost `x`; known: instr, fuel"]);
}

#[test]
fn bad_files_are_told_with_their_line() {
    let files = Files::new();
    let good = result("t", "m", 0, 2000, 11);
    let bad = files.put("bad.jsonl", format!("{good}\n{{\"schema\":1}}\n"));
    let good = files.put("good.jsonl", good);
    run([&good, &bad].iter().fold(
        vec!["compare".into()],
        |mut args: Vec<std::ffi::OsString>, p| {
            args.push(p.into());
            args
        },
    ))
    .expect(1)
    .says(&[
        "failed to read ",
        "bad.jsonl, line 3: missing field `task_id`",
    ]);
    run(["compare", good.to_str().unwrap(), "/nowhere.jsonl"])
        .expect(1)
        .says(&["failed to read /nowhere.jsonl: "]);
    run(["compare", good.to_str().unwrap()]).expect(2);
}
