//! Checks that each number of feedback is a fact, that each fact is shown as what it is, and that it is what the results have.

use probity_efficiency::Column;
use probity_efficiency::compare::{Key, total};
use probity_efficiency::feedback::{Fact, Feedback, Input, Value};
use probity_efficiency::result::SampleResult;
use serde_json::Value as Json;

#[track_caller]
pub fn check_evidence(feedback: &Feedback, input: &Input<'_>) {
    let json = serde_json::to_value(feedback).expect("json");
    assert_eq!(json["text"], feedback.text);
    let statements = json["statements"].as_array().expect("statements");
    let documents = Documents::new(input);
    for (statement, json) in feedback.statements.iter().zip(statements) {
        let text = statement.text();
        assert_eq!(json["text"], text);
        // What is left without the facts that the JSON has are words.
        let mut words = String::new();
        let mut rest = text.as_str();
        for fact in json["facts"].as_array().expect("facts") {
            let shown = fact["shown"].as_str().expect("shown");
            let (before, after) = rest.split_once(shown).unwrap_or_else(|| {
                panic!("no {shown:?} in {rest:?} of {text:?}");
            });
            words.push_str(before);
            words.push(' ');
            rest = after;
        }
        words.push_str(rest);
        let mut last = ' ';
        for c in words.chars() {
            assert!(
                !c.is_ascii_digit() || last.is_alphabetic(),
                "{words:?} of {text:?}"
            );
            last = c;
        }
        for fact in statement.evidence() {
            check_shown(fact);
            check_source(fact, input, &documents);
            check_derived(fact, input, &documents);
        }
    }
    let facts = feedback
        .statements
        .iter()
        .flat_map(|statement| statement.evidence());
    let has_numbers = feedback.text.chars().any(|c| c.is_ascii_digit());
    assert!(!has_numbers || facts.count() > 0);
}

/// The results, as they are and as JSON.
struct Documents<'a>(Vec<(&'static str, &'a SampleResult, Json)>);

impl<'a> Documents<'a> {
    fn new(input: &Input<'a>) -> Documents<'a> {
        let results = [
            ("result", Some(input.result)),
            ("previous", input.previous),
            ("reference", best_known(input)),
        ];
        let results = results.into_iter().filter_map(|(whose, result)| {
            let json = serde_json::to_value(result?).expect("json");
            Some((whose, result?, json))
        });
        Documents(results.collect())
    }

    fn of(&self, whose: &str) -> (&'a SampleResult, &Json) {
        let found = self.0.iter().find(|document| document.0 == whose);
        let (_, result, json) = found.unwrap_or_else(|| panic!("no {whose}"));
        (result, json)
    }
}

/// The number that is shown is that of the fact, but for rounding.
fn check_shown(fact: &Fact) {
    let value = match &fact.value {
        Value::Count(count) => *count as f64,
        Value::Number(number) => *number,
        Value::Text(text) => {
            assert_eq!(fact.shown.chars().count(), text.chars().count(), "{fact:?}");
            return;
        }
    };
    let end = fact
        .shown
        .find(|c: char| !(c.is_ascii_digit() || "+-.".contains(c)));
    let (digits, unit) = fact.shown.split_at(end.unwrap_or(fact.shown.len()));
    let shown: f64 = digits.parse().unwrap_or_else(|e| panic!("{e}: {fact:?}"));
    let factor = match unit.trim_start().trim_end_matches('B') {
        "" | "%" | "x" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        other => panic!("{other:?} of {fact:?}"),
    };
    let shown = shown * factor;
    let allowed = match unit {
        "" if matches!(fact.value, Value::Count(_)) => 0.0,
        // A tenth of the last digit that is shown, of at least two.
        _ if factor > 1.0 => 0.051 * factor,
        _ => 0.51,
    };
    assert!(
        (shown - value).abs() <= allowed.max(1e-9 * value.abs()),
        "{fact:?}"
    );
}

/// The results have it.
fn check_source(fact: &Fact, input: &Input<'_>, documents: &Documents<'_>) {
    assert!(!fact.from.is_empty(), "{fact:?}");
    for from in &fact.from {
        let (whose, place) = from.split_once('#').expect("a pointer");
        if whose == "source" {
            let line: usize = place.parse().expect("a line");
            let text = input
                .source
                .expect("a source")
                .lines()
                .nth(line - 1)
                .expect("the line");
            check_text(fact, text.trim());
            continue;
        }
        let (result, json) = documents.of(whose);
        if let Some((list, field)) = place.split_once("/*") {
            let list = json.pointer(list).and_then(Json::as_array).expect("a list");
            let found = list.iter().filter(|item| item.pointer(field).is_some());
            assert!(found.count() > 0 || field == "/status", "{fact:?}");
            check_sum(fact, result, field);
            continue;
        }
        let found = json
            .pointer(place)
            .unwrap_or_else(|| panic!("nothing is there: {fact:?}"));
        // Those are worked out anew.
        if fact.from.len() > 1 || fact.name == "off_percent" {
            assert!(found.is_number(), "{fact:?}");
            continue;
        }
        match (&fact.value, found) {
            (Value::Count(count), Json::Number(number)) => {
                assert_eq!(number.as_u64(), Some(*count), "{fact:?}");
            }
            (Value::Number(value), Json::Number(number)) => {
                assert_eq!(number.as_f64(), Some(*value), "{fact:?}");
            }
            // A line of `file:line`, a number of lines or of elements.
            (Value::Count(count), Json::String(text)) => {
                let is_line = text.ends_with(&format!(":{count}"));
                assert!(is_line || text.lines().count() as u64 > *count, "{fact:?}");
            }
            (Value::Count(count), Json::Array(list)) => assert_eq!(*count, list.len() as u64),
            (Value::Text(_), Json::String(text)) => check_text(fact, text),
            other => panic!("{other:?} of {fact:?}"),
        }
    }
}

/// A text is that of the results, or its beginning, or the beginnings of its first lines.
fn check_text(fact: &Fact, found: &str) {
    let Value::Text(text) = &fact.value else {
        panic!("no text: {fact:?}");
    };
    if fact.name != "message" {
        let begin = text.strip_suffix("...").unwrap_or(text);
        // The last part of a path is a text, too.
        assert!(
            found.contains(begin),
            "{text:?} is not of {found:?}: {fact:?}"
        );
        return;
    }
    let mut found = found.trim().lines();
    for line in text.lines() {
        let found = found.next().unwrap_or_default();
        let begin = line.strip_suffix("...").unwrap_or(line);
        assert!(
            found.starts_with(begin),
            "{line:?} is not of {found:?}: {fact:?}"
        );
    }
}

/// A sum of what tests cost is that.
fn check_sum(fact: &Fact, result: &SampleResult, field: &str) {
    let name = field.trim_start_matches('/');
    let Ok(column) = name.parse::<Column>() else {
        return;
    };
    match &fact.value {
        // Of a reference the tests that the program has are added up: see the texts for those.
        Value::Count(count) if fact.from.len() == 1 && fact.name != "best_known" => {
            let allocs_of_loops = fact.name == "loop_allocs";
            assert!(
                allocs_of_loops || total(&result.tests, column) == Some(*count),
                "{fact:?}"
            );
        }
        Value::Text(text) => assert_eq!(text, name),
        _ => {}
    }
}

/// The cheapest right one with all of the tests, by what the documentation says.
fn best_known<'a>(input: &Input<'a>) -> Option<&'a SampleResult> {
    let cost = |reference: &SampleResult| -> Option<u64> {
        let tests = input.result.tests.iter().map(|test| {
            reference
                .tests
                .iter()
                .find(|other| other.id == test.id)
                .cloned()
        });
        total(&tests.collect::<Option<Vec<_>>>()?, input.column)
    };
    let references = input.references.iter().filter(|reference| {
        reference.is_correct()
            && reference.task_id == input.result.task_id
            && reference.count_rule == input.result.count_rule
    });
    let known =
        references.filter_map(|reference| Some((cost(reference)?, Key::of(reference), reference)));
    let best = known.min_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    best.map(|(_, _, reference)| reference)
}

/// What follows from several numbers does so by the formula.
fn check_derived(fact: &Fact, input: &Input<'_>, documents: &Documents<'_>) {
    let numbers: Vec<f64> = fact
        .from
        .iter()
        .filter_map(|from| match from.split_once("#/tests/*/") {
            Some(("result", column)) => {
                let column = column.parse::<Column>().ok()?;
                Some(total(&input.result.tests, column)? as f64)
            }
            Some(("reference", column)) => {
                let own = &input.result.tests;
                let (best, _) = documents.of("reference");
                let is_own = |id: &str| own.iter().any(|test| test.id == id);
                let tests = best.tests.iter().filter(|test| is_own(&test.id));
                let tests: Vec<_> = tests.cloned().collect();
                Some(total(&tests, column.parse().ok()?)? as f64)
            }
            Some(_) => None,
            None => documents
                .of("result")
                .1
                .pointer(from.strip_prefix("result#")?)?
                .as_f64(),
        })
        .collect();
    let expected = match (fact.name, numbers.as_slice()) {
        ("best_known", [cost]) => *cost,
        ("ratio" | "instr_per_call" | "allocs_per_turn", [a, b]) => a / b.max(1.0),
        ("l1_miss_percent", [misses, loads, stores]) => 100.0 * misses / (loads + stores).max(1.0),
        ("taken_percent", [taken, not_taken]) => 100.0 * taken / (taken + not_taken).max(1.0),
        ("executed", [taken, not_taken]) => taken + not_taken,
        ("off_percent", [part]) => 100.0 * part.abs(),
        (name, numbers) => {
            let is_known = matches!(name, "cost_percent" | "wasm_sha256");
            assert!(numbers.len() < 2 || is_known, "{fact:?} {numbers:?}");
            return;
        }
    };
    let value = match fact.value {
        Value::Count(count) => count as f64,
        Value::Number(number) => number,
        Value::Text(_) => panic!("no number: {fact:?}"),
    };
    // Sums end at 64 bits.
    let expected = if fact.name == "executed" {
        expected.min(u64::MAX as f64)
    } else {
        expected
    };
    let is_near = (value - expected).abs() <= 1e-9 * expected.abs().max(1.0);
    assert!(
        is_near || expected > 1e19,
        "{expected}: {fact:?} {numbers:?}"
    );
}
