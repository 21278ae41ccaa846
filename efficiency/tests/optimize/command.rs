//! Commands as generators: prompt and reply by pipes, and nothing left behind.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use probity_efficiency::optimize::{
    Command, CommandLimits, GenerateError, Generator, Message, Options, Reply, Request, Role,
};

use crate::judge::run;

fn limits(time: Duration) -> CommandLimits {
    CommandLimits {
        time,
        reply_bytes: 1000,
    }
}

fn ask(line: &str, time: Duration, content: &str) -> Result<Reply, GenerateError> {
    let messages = [
        Message::new(Role::System, "Be good."),
        Message::new(Role::User, content),
    ];
    let mut command = Command::new(line, limits(time), Arc::default());
    command.generate(&Request {
        round: 2,
        candidate: 1,
        candidates: 3,
        messages: &messages,
        seed: 7,
    })
}

fn error(line: &str, time: Duration) -> String {
    let error = ask(line, time, "x").expect_err(line);
    assert!(!error.is_final());
    error.to_string()
}

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

#[test]
fn the_prompt_is_its_input_and_its_output_the_reply() {
    let said = ask(
        "cat; echo $PROBITY_ROUND $PROBITY_CANDIDATE $PROBITY_SEED",
        LONG,
        "Hurry.",
    )
    .expect("a reply");
    assert_eq!(said.text, "Be good.\n\nHurry.\n2 1 7\n");
}

#[test]
fn one_that_does_not_read_is_fine() {
    let said = ask("exec 0<&-; echo hello", LONG, &"x".repeat(1 << 20)).expect("a reply");
    assert_eq!(said.text, "hello\n");
}

#[test]
fn failures_are_told_with_what_it_says() {
    assert_eq!(
        error("echo no model >&2; exit 3", LONG),
        "the generator ended with status 3: no model"
    );
    assert_eq!(
        error("kill -9 $$", LONG),
        "the generator was ended by signal 9"
    );
    assert!(error("nonesuch-command", LONG).contains("ended with status 127"));
}

#[test]
fn floods_end_at_the_limit() {
    let start = Instant::now();
    assert_eq!(
        error("yes", LONG),
        "the generator wrote more than the 1000 bytes that are allowed"
    );
    // A flood of stderr is read and forgotten.
    let said = ask("yes >&2 & sleep 0.2; kill $!; echo a", LONG, "x").expect("a reply");
    assert_eq!(said.text, "a\n");
    assert!(start.elapsed() < LONG);
}

#[test]
fn one_that_hangs_is_killed_with_all_that_it_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let pids = folder.path().join("pids");
    let line = format!(
        "sleep 1000 & echo $! > {0}; sh -c 'sleep 1000 & echo $! >> {0}; wait'",
        pids.display()
    );
    assert_eq!(
        error(&line, SHORT),
        "the generator did not end within 0.3 s"
    );
    gone(&pids, 2);
}

#[test]
fn one_that_closes_its_output_has_still_to_end() {
    assert_eq!(
        error("echo a; exec 1>&- 2>&-; sleep 1000", SHORT),
        "the generator did not end within 0.3 s"
    );
}

#[test]
fn children_left_behind_are_killed_and_do_not_hold_up_the_reply() {
    let folder = tempfile::tempdir().expect("a folder");
    let pids = folder.path().join("pids");
    let start = Instant::now();
    let line = format!(
        "sleep 1000 >&- 2>&- & echo $! > {}; echo done",
        pids.display()
    );
    assert_eq!(ask(&line, LONG, "x").expect("a reply").text, "done\n");
    gone(&pids, 1);
    // This one keeps the output open.
    let line = format!("sleep 1000 & echo $! > {}; echo done", pids.display());
    assert!(error(&line, LONG).contains("keeps its output open"));
    gone(&pids, 1);
    assert!(start.elapsed() < LONG);
}

#[test]
fn it_is_interrupted() {
    let stop = Arc::new(AtomicBool::new(false));
    let mut command = Command::new("sleep 1000", limits(LONG), stop.clone());
    let waiting = std::thread::spawn(move || {
        let request = Request {
            round: 1,
            candidate: 0,
            candidates: 1,
            messages: &[],
            seed: 0,
        };
        command
            .generate(&request)
            .expect_err("interrupted")
            .to_string()
    });
    std::thread::sleep(Duration::from_millis(50));
    stop.store(true, Ordering::Relaxed);
    assert_eq!(
        waiting.join().expect("no panic"),
        "the generator was interrupted"
    );
}

#[test]
fn a_loop_with_a_command() {
    // Half of what the program costs that the prompt shows.
    let line = r#"sed -n 's/^cost //p' | head -1 | { read n; printf '```toy\ncost %d\n```\n' $((n / 2)); }"#;
    let mut command = Command::new(line, limits(LONG), Arc::default());
    let options = Options {
        rounds: 3,
        ..Options::default()
    };
    let (outcome, _) = run(&mut command, &options);
    // 900, 450, 225, 112.
    assert_eq!(
        outcome.best.map(|best| (best.attempt, best.cost)),
        Some((3, 112))
    );
}

/// Whether the processes that are listed in a file, so many of them, are dead.
fn gone(pids: &Path, count: usize) {
    let text = std::fs::read_to_string(pids).expect("pids");
    assert_eq!(text.lines().count(), count, "{text}");
    for pid in text.lines() {
        let deadline = Instant::now() + Duration::from_secs(10);
        let stat = format!("/proc/{pid}/stat");
        // Nobody may have reaped it yet.
        while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(Instant::now() < deadline, "{pid} is alive");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
