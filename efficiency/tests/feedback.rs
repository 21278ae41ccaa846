//! What is said of runs, and that all of it is measured.

mod common;
#[path = "feedback/evidence.rs"]
mod evidence;
#[path = "feedback/random.rs"]
mod random;

use common::{beside, expect_file};
use evidence::check_evidence;
use probity_efficiency::Column;
use probity_efficiency::compare::read;
use probity_efficiency::feedback::{Feedback, Heading, Input, estimate};
use probity_efficiency::result::{HotBranch, HotLoop, SampleResult};
use proptest::prelude::*;

fn result(name: &str) -> SampleResult {
    let path = beside(&format!("feedback/{name}.jsonl"));
    let results = read(&path).unwrap_or_else(|e| panic!("{e}"));
    results.into_values().next().expect("a result")
}

/// All that can be said.
fn whole(input: &Input<'_>) -> Feedback {
    let feedback = Feedback::new(input, usize::MAX);
    check_evidence(&feedback, input);
    assert_eq!(feedback.dropped, []);
    feedback
}

#[test]
fn texts_of_runs() {
    let [slow, fast, older] = ["slow", "fast", "older"].map(result);
    let references = [fast.clone()];
    let input = Input {
        references: &references,
        previous: Some(&older),
        ..Input::new(&slow)
    };
    let feedback = whole(&input);
    expect_file("feedback/slow.txt", &feedback.text);
    let json = serde_json::to_string_pretty(&feedback).expect("json");
    expect_file("feedback/slow.json", &(json + "\n"));
    let better = Input {
        previous: Some(&slow),
        ..Input::new(&fast)
    };
    expect_file("feedback/fast.txt", &whole(&better).text);
    for name in ["wrong", "trap", "fuel", "compile", "internal", "bare"] {
        let result = result(name);
        expect_file(
            &format!("feedback/{name}.txt"),
            &whole(&Input::new(&result)).text,
        );
    }
}

/// The text of lines comes from the source where the result does not have it, and files are told apart.
#[test]
fn several_files_and_a_source() {
    let alloc = result("alloc");
    let source = "1\n2\n3\n4\n5\n6\n  s = s + piece(i);  \n";
    let input = Input {
        source: Some(source),
        ..Input::new(&alloc)
    };
    let feedback = whole(&input);
    expect_file("feedback/alloc.txt", &feedback.text);
    assert!(
        feedback
            .text
            .contains("line join.cpp:7 `s = s + piece(i);` 55% of instr")
    );
    let without = Feedback::new(&Input::new(&alloc), usize::MAX);
    assert!(without.text.contains("line join.cpp:7 55% of instr"));
}

/// 127,600,000 + 510,400,000 = 638,000,000 of the stress tests; the reference's 1,100,000 + 2,400,000 = 3,500,000 of the same
/// ones; 638 / 3.5 = 182.3. Before it was 127,600,000 + 600,000,000: -12.31%. L1: 160,000 of 160,000,000 accesses, 0.1%.
#[test]
fn numbers_worked_by_hand() {
    let [slow, fast, older] = ["slow", "fast", "older"].map(result);
    let references = [fast];
    let input = Input {
        references: &references,
        previous: Some(&older),
        ..Input::new(&slow)
    };
    let text = whole(&input).text;
    for part in [
        "CORRECT 3/3. Cost 606.1M fuel (best known 3.3M, 182x). Most expensive test: t2 (n=5000)",
        "GROWTH: n=1k 2k 4k 8k -> slopes 2.00 2.00 2.00; fits n^2.",
        "HOT: line 11 `if (abs(a[i]-a[j])<t)` 91% of instr; ",
        "loop line 10 ran 12.5M times (avg 2500 x 5000)",
        "0 allocations in loops",
        "L1 miss 0.1%. BRANCH line 11: 0.0% taken of 12.5M.",
        "UNTESTED: line 14 never executed - behaviour there is unchecked.",
        "PATTERNS (evidence): better algorithm [slope 2.00, best known fits n log n, 182x the best known]",
        "CHANGE vs previous: -12% fuel; line 11 88%->91%",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

#[test]
fn references_that_say_nothing_are_not_compared_with() {
    let [slow, fast] = ["slow", "fast"].map(result);
    let says = |change: &dyn Fn(&mut SampleResult)| {
        let mut fast = fast.clone();
        change(&mut fast);
        let references = [fast];
        let input = Input {
            references: &references,
            ..Input::new(&slow)
        };
        whole(&input).text.contains("best known")
    };
    assert!(says(&|_| ()));
    assert!(!says(&|fast| fast.task_id = "lc/other".to_owned()));
    assert!(!says(&|fast| fast.status = probity_efficiency::Status::Trap));
    assert!(!says(&|fast| fast.count_rule = "instr.v2".to_owned()));
    assert!(!says(&|fast| drop(fast.tests.remove(1))));
    assert!(!says(&|fast| fast.tests[1].cost.fuel = None));
    // A reference that costs nothing has no ratio to it.
    assert!(says(&|fast| fast
        .tests
        .iter_mut()
        .for_each(|test| test.cost.fuel = Some(0))));
}

#[test]
fn patterns_need_their_numbers() {
    let patterns = |result: &SampleResult| -> Vec<String> {
        let feedback = whole(&Input::new(result));
        let patterns = feedback
            .statements
            .iter()
            .filter(|s| s.heading == Heading::Patterns);
        patterns.map(|statement| statement.text()).collect()
    };
    let mut alloc = result("alloc");
    assert_eq!(
        patterns(&alloc),
        [
            "allocation in loops [250.0k in loop line join.cpp:6, 1.0 a turn]",
            "copying, as of strings that are built piece by piece [1.2 GB copied, 20.0 kB written, 250.0k allocations]",
            "cache-hostile access [L1 miss 12%]",
            "calls dominate [fib(unsigned int) 1.3M calls of 12.0 instr, 38% of instr]",
        ]
    );
    // 832,040 of 1,346,269 is no bias; 1,346,000 is.
    let branch = &mut alloc.hot.as_mut().expect("hot").branches[0];
    (branch.taken, branch.not_taken) = (1_346_000, 269);
    let last = patterns(&alloc).pop().expect("patterns");
    assert_eq!(last, "biased branch [line fib.cpp:3: 99.9% taken of 1.3M]");
    // A loop's own branch is always biased.
    let hot = alloc.hot.as_mut().expect("hot");
    hot.branches[0].line = 6;
    hot.lines[0].line = 6;
    hot.branches[0].file = hot.lines[0].file.clone();
    assert_eq!(patterns(&alloc).len(), 4);
    alloc.hot.as_mut().expect("hot").loops.clear();
    assert_eq!(patterns(&alloc).len(), 4);
    assert!(patterns(&alloc)[3].starts_with("biased branch [line join.cpp:6"));

    let mut slow = result("slow");
    assert_eq!(
        patterns(&slow),
        [
            "better algorithm [slope 2.00]",
            "repeated work [loop line 10: 5000 passes of 2500 turns]",
            "biased branch [line 11: 0.0% taken of 12.5M]",
        ]
    );
    let complexity = slow.complexity.as_mut().expect("complexity");
    complexity.best = "n log n".to_owned();
    assert_eq!(patterns(&slow).len(), 1);
    let complexity = slow.complexity.as_mut().expect("complexity");
    complexity.best = "2^n".to_owned();
    slow.hot.as_mut().expect("hot").functions[0].calls = 1_346_269;
    assert_eq!(
        patterns(&slow)[1],
        "repeated work, keep results [function main called 1.3M times, fits 2^n]"
    );
    slow.status = probity_efficiency::Status::Wrong;
    assert_eq!(patterns(&slow), [""; 0]);
    assert_eq!(patterns(&result("bare")), [""; 0]);
}

#[test]
fn a_program_that_is_as_good_as_the_best_known_is_not_called_bad() {
    let slow = result("slow");
    let references = [slow.clone()];
    let input = Input {
        references: &references,
        ..Input::new(&slow)
    };
    let text = whole(&input).text;
    assert!(text.contains("(best known 606.1M, 1.0x)"), "{text}");
    assert!(
        !text.contains("better algorithm") && !text.contains("repeated work"),
        "{text}"
    );
}

#[test]
fn changes() {
    let slow = result("slow");
    let says = |previous: &SampleResult, result: &SampleResult| {
        let input = Input {
            previous: Some(previous),
            ..Input::new(result)
        };
        let feedback = whole(&input);
        let change = feedback
            .text
            .lines()
            .find(|line| line.starts_with("CHANGE"));
        change.unwrap_or_default().to_owned()
    };
    assert_eq!(
        says(&slow, &slow),
        "CHANGE vs previous: the same module as before, aa11."
    );
    let fast = result("fast");
    assert_eq!(
        says(&slow, &fast),
        "CHANGE vs previous: -99% fuel; growth n^2 -> n log n."
    );
    let wrong = {
        let mut wrong = result("wrong");
        wrong.wasm_sha256 = "dd".to_owned();
        wrong
    };
    assert_eq!(says(&wrong, &slow), "CHANGE vs previous: wrong -> ok.");
    assert_eq!(says(&slow, &wrong), "CHANGE vs previous: ok -> wrong.");
    // A line that moved.
    let mut moved = slow.clone();
    moved.wasm_sha256 = "ee".to_owned();
    let hot = moved.hot.as_mut().expect("hot");
    (hot.lines[0].line, hot.lines[0].instr_percent) = (13, 50.0);
    assert_eq!(
        says(&slow, &moved),
        "CHANGE vs previous: +0.0% fuel; line 11->13 91%->50%."
    );
}

#[test]
fn growth_that_no_class_has_is_not_said_to_fit() {
    let mut slow = result("slow");
    let mut says = |rms: f64, error: Option<f64>, alternatives: &[&str]| {
        let complexity = slow.complexity.as_mut().expect("complexity");
        (complexity.rms, complexity.prediction_error) = (rms, error);
        complexity.alternatives = alternatives
            .iter()
            .map(|class| (*class).to_owned())
            .collect();
        let text = whole(&Input::new(&slow)).text;
        let line = text
            .lines()
            .find(|line| line.starts_with("GROWTH"))
            .expect("growth");
        line.split_once("; ").expect("two statements").1.to_owned()
    };
    assert_eq!(says(0.04, Some(-0.03), &[]), "fits n^2.");
    assert_eq!(says(0.04, Some(-0.06), &[]), "fits n^2 (6.0% off).");
    assert_eq!(
        says(0.11, Some(0.06), &["n log n", "n"]),
        "fits n^2 (11% off) (not distinguishable from n log n, n)."
    );
    assert_eq!(
        says(0.2, Some(0.583), &["n^3"]),
        "fits none of the classes, nearest n^2 (58% off) (not distinguishable from n^3)."
    );
}

/// Percents of an outer loop have those of the inner ones in them, and it may be entered more often than one beside.
#[test]
fn the_loop_that_turns_most_often_is_told_first() {
    let mut slow = result("slow");
    let hot = slow.hot.as_mut().expect("hot");
    hot.lines.clear();
    let l = |line, entries, trips, instr_percent| HotLoop {
        line,
        entries,
        trips,
        average: trips as f64 / entries as f64,
        instr_percent,
        ..HotLoop::default()
    };
    hot.loops = vec![
        l(1, 900, 1800, 99.0),
        l(2, 2, 5001, 60.0),
        l(3, 1, 1_000_000, 4.9),
    ];
    hot.functions[0].name = "main".to_owned();
    let text = whole(&Input::new(&slow)).text;
    let hot = text
        .lines()
        .find(|line| line.starts_with("HOT"))
        .expect("hot");
    assert_eq!(
        hot,
        "HOT: loop line 2 ran 5001 times (avg 2501 x 2); loop line 1 ran 1800 times (avg 2 x 900); \
         function main 94% of instr in 3 calls."
    );
}

#[test]
fn another_cost_may_be_spoken_of() {
    let slow = result("slow");
    let input = Input {
        column: Column::Loads,
        ..Input::new(&slow)
    };
    assert!(whole(&input).text.contains("Cost 150.0M loads."));
    let input = Input {
        column: Column::Allocs,
        ..Input::new(&slow)
    };
    assert!(whole(&input).text.contains("Cost 8 allocs."));
    let input = Input {
        column: Column::WallNs,
        ..Input::new(&slow)
    };
    assert!(!whole(&input).text.contains("Cost"));
}

/// A line of letters is 1 per four begun; digits, signs and other bytes are 1 each; a space in front of a word is none.
#[test]
fn tokens_worked_by_hand() {
    for (text, tokens) in [
        ("", 0),
        ("word", 1),
        ("words", 2),
        ("two words", 3),
        ("5000", 4),
        ("at 12", 1 + 1 + 2),
        ("a  b", 1 + 1 + 1),
        ("n^2.\n", 1 + 3 + 1),
        ("ä", 2),
        (" ", 1),
        ("x ", 2),
    ] {
        assert_eq!(estimate(text), tokens, "{text:?}");
    }
}

#[test]
fn small_budgets_keep_what_matters() {
    let [slow, fast, older] = ["slow", "fast", "older"].map(result);
    let references = [fast];
    let input = Input {
        references: &references,
        previous: Some(&older),
        ..Input::new(&slow)
    };
    let mut all = String::new();
    for budget in [0, 40, 80, 120, 200, 300] {
        let feedback = Feedback::new(&input, budget);
        all += &format!("-- {budget}: {} tokens\n{}", feedback.tokens, feedback.text);
    }
    expect_file("feedback/budgets.txt", &all);
    // Why it is not right is cut to its first line, then left out.
    let compile = result("compile");
    let texts: Vec<String> = [400, 300, 60, 5]
        .iter()
        .map(|budget| Feedback::new(&Input::new(&compile), *budget).text)
        .collect();
    assert!(
        texts[0].contains("'x14'\n") || texts[0].contains("more lines"),
        "{}",
        texts[0]
    );
    expect_file("feedback/compile_budgets.txt", &texts.join("--\n"));
}

#[test]
fn hostile_texts_disturb_nothing() {
    let mut wrong = result("wrong");
    wrong.tests[1].message = Some("\u{1b}[2Jexpected\r\n".repeat(500) + &"x".repeat(100_000));
    wrong.tests[1].id = "t\u{7}\n1".to_owned();
    let text = whole(&Input::new(&wrong)).text;
    assert!(
        !text.contains('\u{1b}') && !text.contains('\u{7}') && !text.contains('\r'),
        "{text}"
    );
    assert!(text.len() < 1500, "{}", text.len());
    let mut slow = result("slow");
    let hot = slow.hot.as_mut().expect("hot");
    hot.lines[0].text = "\u{1b}".repeat(10_000);
    hot.functions[0].name = "f".repeat(100_000);
    hot.branches = vec![HotBranch {
        function: "g".repeat(100_000),
        taken: u64::MAX,
        not_taken: u64::MAX,
        ..HotBranch::default()
    }];
    let text = whole(&Input::new(&slow)).text;
    assert!(!text.contains('\u{1b}') && text.len() < 2000, "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Every number of the text is a fact, every fact is from the results, and the text fits.
    #[test]
    fn every_statement_is_measured(seed in any::<u64>(), budgets in [0usize..900, 0usize..900]) {
        let mut random = random::Random::new(seed);
        let result = random.result();
        let references = [random.result(), random.result()];
        let previous = random.result();
        let input = Input {
            references: &references,
            previous: random.flip().then_some(&previous),
            source: random.flip().then_some("int main() {\n  return 7;\n}\n"),
            ..Input::new(&result)
        };
        let [low, high] = [budgets[0].min(budgets[1]), budgets[0].max(budgets[1])];
        let (low, high, all) = (
            Feedback::new(&input, low),
            Feedback::new(&input, high),
            Feedback::new(&input, usize::MAX),
        );
        for feedback in [&low, &high, &all] {
            check_evidence(feedback, &input);
            prop_assert_eq!(feedback.tokens, estimate(&feedback.text));
            prop_assert!(
                feedback.tokens <= feedback.budget_tokens || feedback.statements.len() == 1,
                "{}", feedback.text
            );
            prop_assert_eq!(feedback.statements[0].heading, Heading::Status);
            // Nothing is cut: every statement is in the text as a whole.
            let mut rest = feedback.text.as_str();
            for statement in &feedback.statements {
                let text = statement.text();
                let at = rest.find(&text);
                prop_assert!(at.is_some(), "no {} in {}", text, feedback.text);
                rest = &rest[at.unwrap() + text.len()..];
            }
            prop_assert_eq!(&Feedback::new(&input, feedback.budget_tokens), feedback);
        }
        prop_assert!(low.statements.len() <= high.statements.len());
        prop_assert_eq!(low.statements.len() + low.dropped.len(), all.statements.len());
        // What is left out is less important than all that is said.
        let least = low.statements.iter().map(|s| s.importance).min().unwrap();
        let said: Vec<String> = low.statements.iter().map(|s| s.text()).collect();
        for statement in all.statements.iter().filter(|s| s.heading != Heading::Failed) {
            prop_assert!(
                statement.importance <= least
                    || said.contains(&statement.text())
                    || statement.heading == Heading::Untested,
                "{} is missing in\n{}", statement.text(), low.text
            );
        }
    }
}
