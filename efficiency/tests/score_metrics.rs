//! Each metric against numbers that were worked out by hand from its origin's formula.
mod score_common;

use probity_efficiency::Status;
use probity_efficiency::result::SampleResult;
use probity_efficiency::task::{Role, TestKind};
use proptest::prelude::*;
use score_common::*;

#[test]
fn pass_at_k() {
    // t: 2 of 5 pass. u: 0 of 2.
    let mut lines = vec![sample("t", 0, &[1]), sample("t", 1, &[1])];
    lines.extend((2..5).map(|id| failed("t", id, Status::Wrong)));
    lines.extend((0..2).map(|id| failed("u", id, Status::Trap)));
    // pass@1: (2/5 + 0) / 2. pass@2: (1 - C(3,2)/C(5,2) + 0) / 2 = (7/10) / 2.
    close(score("pass@1", &lines), 0.2);
    close(score("pass@2", &lines), 0.35);
    // pass@3: u has too few samples. 1 - C(3,3)/C(5,3) = 9/10.
    close(score("pass@3", &lines), 0.9);
    assert_eq!(score("pass@6", &lines), None);
    // What cannot be judged says nothing.
    lines.push(failed("t", 5, Status::Unsupported));
    lines.push(failed("t", 6, Status::Internal));
    close(score("pass@1", &lines), 0.2);
}

#[test]
fn efficient_at_k() {
    let lines = [
        reference("t", "slow", None, &[100]),
        reference("t", "best", None, &[80]),
        sample("t", 0, &[70]),
        sample("t", 1, &[80]), // as fast as the best: not faster
        failed("t", 2, Status::Wrong),
        sample("t", 3, &[200]),
    ];
    // 1 of 4; 1 - C(3,2)/C(4,2) = 1/2.
    close(score("efficient@1", &lines), 0.25);
    close(score("efficient@2", &lines), 0.5);
    assert_eq!(score("efficient@1", &lines[2..]), None);
}

#[test]
fn speedups() {
    let lines = [
        reference("t", "best", None, &[60, 40]),
        reference("t", "slow", None, &[1000]),
        sample("t", 0, &[30, 20]),
        sample("t", 1, &[200]),
        reference("u", "best", None, &[10]),
        sample("u", 0, &[40]),
        failed("u", 1, Status::Wrong),
    ];
    // Against 100 and 10: (100 + 100 + 10) / (50 + 200 + 40).
    close(score("speedup.ratio_of_sums", &lines), 210.0 / 290.0);
    // Ratios 2, 1/2, 1/4: cube root of 1/4; 3 / (1/2 + 2 + 4).
    close(score("speedup.gm", &lines), 0.629_960_524_947_436_6);
    close(score("speedup.hm", &lines), 3.0 / 6.5);
    // `speedup` is all three.
    assert_eq!(Asked::of(&lines).board("speedup").columns.len(), 3);
}

#[test]
fn stress_tests_are_the_cost_where_there_are_any() {
    let mut lines = [
        reference("t", "best", None, &[1, 100]),
        sample("t", 0, &[90, 50]),
    ];
    // All tests: 101 / 140. The second alone: 100 / 50.
    close(score("speedup.gm", &lines), 101.0 / 140.0);
    for line in &mut lines {
        line.tests[1].kind = TestKind::Stress;
    }
    close(score("speedup.gm", &lines), 2.0);
}

#[test]
fn infinite_speedups_are_capped() {
    let lines = [reference("t", "best", None, &[10]), sample("t", 0, &[0])];
    close(score("speedup.gm", &lines), 1e6);
    close(score("speedup.hm:cap=50", &lines), 50.0);
    assert_eq!(score("speedup.ratio_of_sums", &lines), None);
    close(score("best@1:cap=7", &lines), 7.0);
    let zeros = [reference("t", "best", None, &[0]), sample("t", 0, &[0])];
    close(score("speedup.gm", &zeros), 1.0);
    let slow = [reference("t", "best", None, &[0]), sample("t", 0, &[5])];
    close(score("speedup.gm:cap=4", &slow), 0.25);
}

#[test]
fn differential_performance() {
    let mut lines: Vec<SampleResult> = [100, 90, 50, 49, 10]
        .iter()
        .map(|mega| reference("t", &format!("r{mega}"), None, &[mega * 1_000_000]))
        .collect();
    // Clusters {100, 90} 40 %, {50, 49} 80 %, {10} 100 % (see the unit test for the gaps).
    lines.extend([
        sample("t", 0, &[50_000_000]), // as fast as the slowest of the second: 80
        sample("t", 1, &[60_000_000]), // 40
        sample("t", 2, &[200_000_000]), // slower than all: 0
        sample("t", 3, &[10_000_000]), // 100
        failed("t", 4, Status::Wrong), // does not count
    ]);
    close(score("dps", &lines), (80.0 + 40.0 + 0.0 + 100.0) / 4.0);
    // 2/3, 1/3, 0, 3/3.
    close(score("dps_norm", &lines), 50.0);
    close(score("dps:min_correct=4", &lines), 55.0);
    assert_eq!(score("dps:min_correct=5", &lines), None);
    // A task that some reference solves in fewer than 10^4 is none for this.
    lines.push(reference("t", "tiny", None, &[9_999]));
    assert_eq!(score("dps", &lines), None);
}

#[test]
fn differential_performance_with_scores_of_the_origin() {
    let mut slow = reference("t", "ref0", None, &[3_000_000]);
    slow.scores.insert("dps".to_owned(), 30.0);
    let mut fast = reference("t", "ref1", None, &[2_900_000]);
    fast.scores.insert("dps".to_owned(), 100.0);
    // Anew they would be one cluster; their scores say two.
    let lines = [slow, fast, sample("t", 0, &[2_950_000])];
    close(score("dps", &lines), 30.0);
    close(score("dps_norm", &lines), 50.0);
}

#[test]
fn best_of_the_first_k() {
    let lines = [
        reference("t", "src", None, &[100]),
        reference("t", "tgt", None, &[20]),
        failed("t", 0, Status::Wrong),
        sample("t", 1, &[80]),
        sample("t", 2, &[50]),
        sample("t", 3, &[300]),
    ];
    // Without roles the most costly reference is the source. Nothing correct costs infinitely much: 1.
    close(score("best@1", &lines), 1.0);
    close(score("best@2", &lines), 1.25);
    close(score("best@3", &lines), 2.0);
    close(score("best@9", &lines), 2.0);
    close(score_k("percent_correct", 1, &lines), 0.0);
    close(score_k("percent_correct", 2, &lines), 100.0);
    close(score_k("%opt@1.25", 2, &lines), 100.0);
    close(score_k("%opt@1.5", 2, &lines), 0.0);
    close(score_k("%opt@1.1", 1, &lines), 0.0);
    let columns = Asked::of(&lines).board("%opt").columns;
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names.len(), 9);
    assert_eq!(names[0], "%opt@1.1 best@1");
    assert_eq!(names[8], "%opt@10 best@1");
}

#[test]
fn a_role_is_what_it_says() {
    let lines = [
        reference("t", "a", None, &[1000]),
        reference("t", "b", Some(Role::Base), &[100]),
        sample("t", 0, &[50]),
    ];
    close(score("best@1", &lines), 2.0);
}

#[test]
fn beyond() {
    let lines = [
        reference("t", "slow", None, &[50]),
        reference("t", "mid", None, &[30]),
        reference("t", "fast", None, &[10]),
        sample("t", 0, &[20]), // 3/4
        sample("t", 1, &[60]), // 0
        sample("t", 2, &[5]),  // 1
        failed("t", 3, Status::Exit),
    ];
    close(score("beyond", &lines), 100.0 * 1.75 / 4.0);
}

fn with_levels(mut result: SampleResult, levels: &[u32]) -> SampleResult {
    for (test, level) in result.tests.iter_mut().zip(levels) {
        test.level = Some(*level);
    }
    result
}

#[test]
fn efficiency_by_levels() {
    let levels = [0, 1, 1, 2];
    let mut out_of_fuel = with_levels(sample("t", 1, &[10, 100, 100, 1]), &levels);
    out_of_fuel.status = Status::Fuel;
    out_of_fuel.tests[3].pass = false;
    out_of_fuel.tests[3].status = Some(Status::Fuel);
    let lines = [
        with_levels(reference("t", "expert", None, &[10, 100, 80, 200]), &levels),
        with_levels(sample("t", 0, &[5, 150, 90, 300]), &levels),
        out_of_fuel,
        failed("t", 2, Status::Wrong),
    ];
    let task = serde_json::json!({"task_id": "t", "lang": "cpp",
        "scoring": {"hardness": [0.0, 3.0, 4.0], "timeout_factor": 2.0}});
    let mut asked = Asked::of(&lines);
    asked.tasks = vec![serde_json::from_value(task).unwrap()];
    // T = 2 * 200. The first: level 1 (400-150)/(400-100) = 5/6, level 2 (400-300)/(400-200) = 1/2: (3*5/6 + 4/2) / 7 = 4.5/7.
    // The second: level 1 is 1, then nothing: 3/7. The third 0.
    close(asked.score("eff@1"), (4.5 + 3.0) / 7.0 / 3.0);
    // Pairs: the first twice, the second once.
    close(asked.score("eff@2"), (4.5 + 4.5 + 3.0) / 7.0 / 3.0);
    close(asked.score("eff@3"), 4.5 / 7.0);
    assert_eq!(asked.score("eff@4"), None);
    // Without hardness every level weighs 1. Level 0: (400-5)/(400-10).
    let first = (395.0 / 390.0 + 5.0 / 6.0 + 0.5) / 3.0;
    let second = (1.0 + 1.0) / 3.0;
    close(score("eff@1", &lines), (first + second) / 3.0);
}

#[test]
fn efficiency_of_what_fails_at_once() {
    let levels = [0, 1];
    let mut at_once = with_levels(sample("t", 0, &[1, 1]), &levels);
    at_once.status = Status::Wall;
    at_once.tests[0].pass = false;
    at_once.tests[0].status = Some(Status::Wall);
    let lines = [
        with_levels(reference("t", "expert", None, &[10, 100]), &levels),
        at_once,
    ];
    close(score("eff@1", &lines), 0.0);
}

fn with_heap(mut result: SampleResult, bytes: u64) -> SampleResult {
    for test in &mut result.tests {
        test.cost.peak_heap = Some(bytes);
        test.cost.memory_pages = Some(10);
    }
    result
}

#[test]
fn time_and_memory_against_the_canonical_solution() {
    let mut lines = vec![
        with_heap(reference("t", "c", Some(Role::Canonical), &[100]), 1000),
        with_heap(reference("t", "other", None, &[1]), 1),
        with_heap(sample("t", 0, &[150]), 500),
        with_heap(sample("t", 1, &[50]), 3000),
        failed("t", 2, Status::Wrong),
    ];
    // (150 + 50) / 200; (500 + 3000) / 2000; (150*500 + 50*3000) / (2 * 100*1000).
    close(score("net", &lines), 1.0);
    close(score("nmu", &lines), 1.75);
    close(score("ntmu", &lines), 1.125);
    // (2/3 + 1 + 0) / 3; (1 + 1/3 + 0) / 3; (1 + 2/3 + 0) / 3.
    close(score("net.x", &lines), 500.0 / 9.0);
    close(score("nmu.x", &lines), 400.0 / 9.0);
    close(score("ntmu.x", &lines), 500.0 / 9.0);
    // Where the heap was not watched, pages: the same for all.
    lines[0].tests[0].cost.peak_heap = None;
    close(score("nmu", &lines), 1.0);
}

#[test]
fn faster_than_p() {
    let lines = [
        reference("t", "base", None, &[100]),
        sample("t", 0, &[40]),
        sample("t", 1, &[100]), // not more than 1 times as fast
        sample("t", 2, &[200]),
        failed("t", 3, Status::Wrong),
    ];
    close(score("fast_0", &lines), 75.0);
    close(score("fast_1", &lines), 25.0);
    close(score("fast_0.5", &lines), 50.0);
    close(score("fast_2.5", &lines), 0.0);
    assert_eq!(Asked::of(&lines).board("fast_p").columns.len(), 3);
}

#[test]
fn opt_at_k() {
    let lines = [
        reference("t", "base", Some(Role::Base), &[100, 100]),
        reference("t", "expert", Some(Role::Expert), &[40, 50]),
        // sqrt(100/80 * 100/90) = 1.1785, below 1.2.
        sample("t", 0, &[80, 90]),
        // As the expert: sqrt(2.5 * 2) = 2.24, harmonic mean 1.
        sample("t", 1, &[40, 50]),
    ];
    close(score("opt@1", &lines), 0.0);
    close(score("opt@2", &lines), 100.0);
    // Against the expert 40/80 and 50/90: 2 / (2 + 1.8) = 0.526.
    close(score("opt@1:gm=1.1:hm=0.52", &lines), 100.0);
    close(score("opt@1:gm=1.1:hm=0.53", &lines), 0.0);
    // 40/50 and 50/60: 2 / (1.25 + 1.2) = 0.816, fast enough against the base, but not as the expert.
    let lines = [
        lines[0].clone(),
        lines[1].clone(),
        sample("t", 0, &[50, 60]),
    ];
    close(score("opt@1", &lines), 0.0);
}

#[test]
fn relative_improvement() {
    let timed = |mut result: SampleResult, wall_ns| {
        result.tests[0].cost.wall_ns = Some(wall_ns);
        result
    };
    let lines = [
        timed(with_heap(reference("t", "base", None, &[100]), 400), 1000),
        timed(with_heap(sample("t", 0, &[50]), 200), 2000),
        timed(with_heap(sample("t", 1, &[95]), 400), 500),
        failed("t", 2, Status::Wrong),
    ];
    // 100/50 and 100/95; wrong ones do not count.
    close(
        score("sysllmatic.ri@fuel", &lines),
        (2.0 + 100.0 / 95.0) / 2.0,
    );
    close(score("sysllmatic.opt@fuel", &lines), 50.0);
    close(score("sysllmatic.ri@memory", &lines), 1.5);
    // One test in 1000 ns, then in 2000 and in 500: 1/2 and 2 of the throughput.
    close(score("sysllmatic.ri@throughput", &lines), 1.25);
    close(score("sysllmatic.opt@wall_ns", &lines), 50.0);
    assert_eq!(score("sysllmatic.ri@instr", &lines), None);
}

#[test]
fn compile_test_and_sanitizer_scores() {
    let mut good = sample("t", 0, &[1, 1]);
    good.flags = ["use_after_free:a.c:3", "data_segment_grew"]
        .map(str::to_owned)
        .into();
    let mut bad = sample("t", 1, &[1, 1, 1]);
    bad.status = Status::Wrong;
    bad.tests[1].pass = false;
    bad.tests[2].pass = false;
    bad.flags = ["use_after_free:a.c:3", "double_free"]
        .map(str::to_owned)
        .into();
    let mut broken = sample("t", 2, &[]);
    broken.status = Status::CompileError;
    let mut lines = vec![good, bad, broken];
    close(score("oss.compile", &lines), 200.0 / 3.0);
    // 3 of 5 tests passed, 2 of 3 samples could be tested.
    close(score("oss.test", &lines), 40.0);
    // Two alerts that differ: 100 - 2 * 0.88.
    close(score("oss.sanitizer", &lines), 98.24);
    close(score("oss.sanitizer:penalty=10", &lines), 80.0);
    lines[0].flags = (0..200).map(|i| format!("out_of_bounds:{i}")).collect();
    close(score("oss.sanitizer", &lines), 0.01);
}

proptest! {
    #[test]
    fn efficient_at_k_is_the_share_of_subsets(
        runs in proptest::collection::vec((any::<bool>(), 0u64..20), 1..8),
        best in 1u64..20,
        k in 1usize..9,
    ) {
        let mut lines = vec![reference("t", "best", None, &[best])];
        lines.extend((0..).zip(&runs).map(|(id, (is_right, cost))| match is_right {
            true => sample("t", id, &[*cost]),
            false => failed("t", id, Status::Wrong),
        }));
        let got = score(&format!("efficient@{k}"), &lines);
        let masks: Vec<u32> = (0u32..1 << runs.len())
            .filter(|mask| mask.count_ones() as usize == k)
            .collect();
        let has = |mask: &u32| (0..runs.len()).any(|i| {
            let (is_right, cost) = runs[i];
            mask >> i & 1 == 1 && is_right && cost < best
        });
        match got {
            None => prop_assert!(masks.is_empty()),
            Some(got) => {
                let share = masks.iter().filter(|mask| has(mask)).count() as f64 / masks.len() as f64;
                prop_assert!((got - share).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn eff_at_k_is_the_mean_of_the_best_of_subsets(
        costs in proptest::collection::vec(0u64..300, 1..8),
        k in 1usize..9,
    ) {
        let mut lines = vec![reference("t", "expert", None, &[100])];
        lines.extend((0..).zip(&costs).map(|(id, cost)| sample("t", id, &[*cost])));
        // T = 200 by default.
        let value = |cost: u64| (200.0 - cost as f64).max(0.0) / 100.0;
        let masks: Vec<u32> = (0u32..1 << costs.len())
            .filter(|mask| mask.count_ones() as usize == k)
            .collect();
        let best = |mask: &u32| (0..costs.len())
            .filter(|i| mask >> i & 1 == 1)
            .map(|i| value(costs[i]))
            .fold(0.0, f64::max);
        match score(&format!("eff@{k}"), &lines) {
            None => prop_assert!(masks.is_empty()),
            Some(got) => {
                let mean = masks.iter().map(best).sum::<f64>() / masks.len() as f64;
                prop_assert!((got - mean).abs() < 1e-12, "{} {}", got, mean);
            }
        }
    }
}
