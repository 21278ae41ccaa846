//! A batch as a library: how far it is, being stopped, and what it comes to.

mod guests;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use guests::*;
use probity_efficiency::Status;
use probity_efficiency::jsonl::Lines;
use probity_efficiency::judge::{Columns, Judge};
use probity_efficiency::measure::{Batch, Progress, Summary, seed_of};
use probity_efficiency::result::SampleResult;
use probity_efficiency::task::Tasks;
use probity_engine::Tier;
use serde_json::json;

struct Dir(tempfile::TempDir);

impl Dir {
    fn new(samples: &[serde_json::Value]) -> Dir {
        let dir = Dir(tempfile::tempdir().expect("a directory"));
        dir.put("tasks.jsonl", &[sum_task()]);
        dir.put("samples.jsonl", samples);
        dir
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, lines: &[serde_json::Value]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(self.path(name), text).expect("written");
    }

    fn run(
        &self,
        judge: &Judge,
        resume: bool,
        stop: &AtomicBool,
        tell: &(dyn Fn(Progress) + Sync),
    ) -> Summary {
        let tasks = Tasks::read(&self.path("tasks.jsonl")).expect("tasks");
        let batch = Batch {
            judge,
            tasks: &tasks,
            out: &self.path("out.jsonl"),
            outputs: None,
            resume,
            jobs: 3,
            seed: None,
            stop,
        };
        batch
            .run(&self.path("samples.jsonl"), tell)
            .expect("a summary")
    }

    fn results(&self) -> Vec<SampleResult> {
        let lines = Lines::open(&self.path("out.jsonl")).expect("there");
        lines
            .map(|line| timeless(line.expect("a result").1))
            .collect()
    }
}

fn sums(count: u32) -> Vec<serde_json::Value> {
    let text = |n| program(&format!("(drop (i32.const {n})) {SLOW_SUM}"));
    (0..count)
        .map(|n| json!({"task_id": "sum", "solution": text(n)}))
        .collect()
}

fn judge_in(tier: Tier) -> Judge {
    judge(tier, Columns::default())
}

#[test]
fn a_batch_gives_what_judging_one_by_one_gives() {
    let dir = Dir::new(&sums(20));
    let judge = judge_in(Tier::Auto);
    let prepared = prepare(&judge, &sum_task());
    let summary = dir.run(&judge, false, &AtomicBool::new(false), &|_| {});
    assert_eq!(summary.statuses, [(Status::Ok, 20)]);
    for (n, (sample, got)) in (0..).zip(sums(20).iter().zip(dir.results())) {
        let mut sample: probity_efficiency::sample::Sample =
            serde_json::from_value(sample.clone()).expect("a sample");
        sample.sample_id = Some(n);
        assert_eq!(
            got,
            timeless(judge.judge(&prepared, &sample, Path::new("")))
        );
    }
}

#[test]
fn progress_is_told_and_a_stop_is_obeyed() {
    let dir = Dir::new(&sums(60));
    let judge = judge_in(Tier::Interp);
    let stop = AtomicBool::new(false);
    let told = Mutex::new(Vec::new());
    let tell = |progress: Progress| {
        told.lock().expect("no panic").push(progress);
        stop.store(progress.done >= 10, Ordering::SeqCst);
    };
    let summary = dir.run(&judge, false, &stop, &tell);
    assert!(summary.stopped && summary.resumed == 0);
    // What three workers had begun is ended.
    let there = summary.samples();
    assert!((10..=13).contains(&there), "{there}");
    assert_eq!(dir.results().len() as u64, there);
    let told = told.into_inner().expect("no panic");
    assert!(told.iter().all(|progress| progress.done <= progress.read));
    let last = told.iter().map(|progress| progress.done).max();
    assert!(last >= Some(10), "{last:?}");

    let all = Mutex::new(Progress::default());
    let summary = dir.run(&judge, true, &AtomicBool::new(false), &|progress| {
        let mut all = all.lock().expect("no panic");
        all.done = all.done.max(progress.done);
        all.read = all.read.max(progress.read);
    });
    assert_eq!(
        (summary.resumed, summary.samples(), summary.stopped),
        (there, 60, false)
    );
    assert_eq!(
        all.into_inner().expect("no panic"),
        Progress { done: 60, read: 60 }
    );
    let ids: Vec<u64> = dir
        .results()
        .iter()
        .map(|result| result.sample_id)
        .collect();
    assert_eq!(ids, (0..60).collect::<Vec<u64>>());
}

#[test]
fn a_stop_before_the_begin_judges_nothing() {
    let dir = Dir::new(&sums(5));
    let summary = dir.run(&judge_in(Tier::Jit), false, &AtomicBool::new(true), &|_| {});
    assert!(summary.stopped);
    assert_eq!(summary.samples(), 0);
    assert_eq!(dir.results().len(), 0);
}

#[test]
fn numbers_that_samples_leave_out_follow_those_that_are_there() {
    let mut samples = sums(4);
    samples[1]["sample_id"] = json!(7);
    samples[3]["model"] = json!("other");
    let dir = Dir::new(&samples);
    dir.run(
        &judge_in(Tier::Interp),
        false,
        &AtomicBool::new(false),
        &|_| {},
    );
    let names: Vec<(String, u64)> = dir
        .results()
        .into_iter()
        .map(|r| (r.model, r.sample_id))
        .collect();
    let expected = [("", 0), ("", 7), ("", 8), ("other", 0)];
    assert_eq!(names, expected.map(|(model, id)| (model.to_owned(), id)));
    assert_eq!(seed_of(&dir.path("out.jsonl")), None, "no generator");
    assert_eq!(seed_of(&dir.path("none")), None);
}

#[test]
fn samples_that_are_gone_keep_their_results_at_the_end() {
    let dir = Dir::new(&sums(3));
    let judge = judge_in(Tier::Interp);
    dir.run(&judge, false, &AtomicBool::new(false), &|_| {});
    let mut samples = sums(5);
    samples.remove(0);
    for (id, sample) in (1..).zip(&mut samples) {
        sample["sample_id"] = json!(id);
    }
    dir.put("samples.jsonl", &samples);
    let summary = dir.run(&judge, true, &AtomicBool::new(false), &|_| {});
    assert_eq!((summary.resumed, summary.samples()), (2, 5));
    let ids: Vec<u64> = dir
        .results()
        .iter()
        .map(|result| result.sample_id)
        .collect();
    assert_eq!(ids, [1, 2, 3, 4, 0]);
}
