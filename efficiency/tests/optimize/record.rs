//! Records: complete, robust against a kill, and replayed.

use std::io::Write as _;

use probity_efficiency::optimize::{
    AttemptRecord, BestSoFar, Decision, Ended, GenerateError, Options, Outcome, Recorder, Replay,
    Reply, Usage, read_record,
};

use crate::judge::{Says, reply, run, run_from};

fn options() -> Options {
    Options {
        rounds: 4,
        candidates: 2,
        seed: 3,
        ..Options::default()
    }
}

/// A run in which everything happens.
fn eventful() -> Says {
    Says::of(vec![
        Ok(reply("```toy\ncost 500\n```\nHow about this?")),
        Err(GenerateError::once("busy")),
        Ok(Reply {
            text: "```\nbroken\n```".to_owned(),
            usage: Some(Usage {
                prompt_tokens: 5,
                completion_tokens: 6,
                total_tokens: 11,
            }),
        }),
        Ok(reply("")),
        Ok(reply("cost 500\n")),
        Ok(reply("\u{0} \u{2028} ä \"\\ \r\n")),
        Ok(reply("cost 20")),
        Err(GenerateError::always("no more credit")),
    ])
}

#[test]
fn a_replay_decides_what_the_run_decided() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("record.jsonl");
    let mut recorder = Recorder::create(&path).expect("a new file");
    let outcome = run_from("cost 900", &mut eventful(), &options(), &mut |record| {
        recorder.write(record)
    });
    assert_eq!(outcome.ended, Ended::Generator("no more credit".to_owned()));

    let recorded = read_record(&path).expect("a record");
    assert_eq!(recorded.len(), 9);
    assert_eq!(recorded[3].usage.map(|usage| usage.total_tokens), Some(11));
    assert_eq!(recorded[3].build_log, "1: no such thing");
    assert_eq!(recorded[5].duplicate_of, Some(1));
    assert_eq!(recorded[8].decision, Decision::NoReply);
    let best = BestSoFar {
        attempt: 7,
        cost: 20,
    };
    assert_eq!(recorded[8].best, Some(best));

    let second = folder.path().join("again.jsonl");
    let mut recorder = Recorder::create(&second).expect("a new file");
    let mut replay = Replay::new(recorded, None);
    let again = run_from("cost 900", &mut replay, &options(), &mut |record| {
        recorder.write(record)
    });
    assert_eq!(again, outcome);
    assert_eq!((replay.used(), replay.different_prompts()), (8, 0));
    let bytes = |path| std::fs::read(path).expect("a record");
    assert!(bytes(&path) == bytes(&second), "the records differ");
}

#[test]
fn nothing_is_lost_by_a_kill_and_the_run_goes_on() {
    let (whole, records) = run(&mut eventful(), &options());
    // A kill within the line of the fifth attempt.
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("record.jsonl");
    let mut recorder = Recorder::create(&path).expect("a new file");
    for record in &records[..4] {
        recorder.write(record).expect("written");
    }
    let line = serde_json::to_string(&records[4]).expect("JSON");
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .expect("the record");
    file.write_all(&line.as_bytes()[..line.len() / 2])
        .expect("written");

    let recorded = read_record(&path).expect("a record");
    assert!(recorded == records[..4], "four attempts are whole");
    // Who goes on says what would have been said.
    let mut rest = eventful();
    rest.replies.nth(2);
    let mut replay = Replay::new(recorded, Some(Box::new(rest)));
    let mut recorder = Recorder::append(&path).expect("the record");
    let mut skip = 4;
    let outcome: Outcome = run_from("cost 900", &mut replay, &options(), &mut |record| {
        if skip > 0 {
            skip -= 1;
            return Ok(());
        }
        recorder.write(record)
    });
    assert_eq!(outcome, whole);
    assert!(
        read_record(&path).expect("a record") == records,
        "the record is whole again"
    );
}

#[test]
fn a_record_that_ends_ends_the_replay() {
    let (_, mut records) = run(&mut eventful(), &options());
    // Candidate 0 of round 2 is missing.
    records.remove(3);
    let mut replay = Replay::new(records, None);
    let (outcome, again) = run(&mut replay, &options());
    assert_eq!(
        outcome.ended,
        Ended::Generator("the record ends here".to_owned())
    );
    assert_eq!((again.len(), replay.used()), (4, 2));
}

#[test]
fn another_prompt_is_noticed() {
    let (_, records) = run(&mut eventful(), &options());
    let mut replay = Replay::new(records, None);
    run_from("cost 800", &mut replay, &options(), &mut |_| Ok(()));
    // The first round shows the start; the second one does again, in what it says of the best program before it.
    assert!(
        replay.different_prompts() >= 2,
        "{}",
        replay.different_prompts()
    );
}

#[test]
fn a_record_is_never_overwritten_and_a_bad_one_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("record.jsonl");
    Recorder::create(&path).expect("a new file");
    let error = Recorder::create(&path).expect_err("it is there");
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
    assert!(read_record(&path).expect("an empty record").is_empty());

    let (_, records) = run(&mut eventful(), &options());
    let good = serde_json::to_string(&records[0]).expect("JSON");
    for bad in [
        "{}",
        "nonsense",
        &good.replace(
            "\"schema\":1,\"task_id\":\"t\",\"attempt\"",
            "\"schema\":2,\"task_id\":\"t\",\"attempt\"",
        ),
    ] {
        std::fs::write(&path, format!("{good}\n{bad}\n")).expect("written");
        let error = read_record(&path).expect_err(bad).to_string();
        assert!(error.contains("record.jsonl, line 2: "), "{error}");
    }
    std::fs::write(&path, [b'\xff', b'\n']).expect("written");
    read_record(&path).expect_err("not UTF-8");
    read_record(&folder.path().join("none")).expect_err("no file");
}

#[test]
fn records_are_read_as_they_were_written() {
    let (_, records) = run(&mut eventful(), &options());
    for record in records {
        let line = serde_json::to_string(&record).expect("JSON");
        let read: AttemptRecord = serde_json::from_str(&line).expect("an attempt");
        assert_eq!(read, record);
    }
}
