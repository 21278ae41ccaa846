//! What a case's failures mean, given those that are expected.

use std::collections::BTreeSet;

use crate::runner::Failure;

/// At most this many failures are listed; a file with thousands of assertions
/// may fail in most of them for one reason.
const LISTED_MAX: usize = 25;

/// The case's report, one failure a line; `None` if the directives that fail are
/// exactly those of the `expected` lines.
pub fn report(
    name: &str,
    failures: &[Failure],
    expected: &BTreeSet<usize>,
    directives: usize,
) -> Option<String> {
    let line = |failure: &Failure| failure.place.map(|place| place.line);
    let mut unexpected: Vec<String> = failures
        .iter()
        .filter(|failure| line(failure).is_none_or(|line| !expected.contains(&line)))
        .map(|failure| match failure.place {
            Some(place) => format!("{name}:{place}: {}", failure.message),
            None => format!("{name}: {}", failure.message),
        })
        .collect();
    let failed: BTreeSet<usize> = failures.iter().filter_map(line).collect();
    let total = unexpected.len();
    if total > 0 {
        unexpected.truncate(LISTED_MAX);
        unexpected.push(format!("{total} of {directives} directives failed"));
    }
    unexpected.extend(expected.difference(&failed).map(|line| {
        format!("{name}:{line}: passed unexpectedly: remove it from expectations.toml")
    }));
    (!unexpected.is_empty()).then(|| unexpected.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Place;

    #[test]
    fn exactly_the_expected_directives_have_to_fail() {
        let at = |line| Failure {
            place: Some(Place { line, column: 2 }),
            message: "m".to_owned(),
        };
        let report = |failures: &[Failure], expected: &[usize]| {
            report("f", failures, &expected.iter().copied().collect(), 9)
        };
        assert_eq!(report(&[], &[]), None);
        assert_eq!(report(&[at(3), at(5)], &[3, 5]), None);
        let one = report(&[at(3), at(5)], &[3]).unwrap();
        assert_eq!(one, "f:5:2: m\n1 of 9 directives failed");
        let stale = report(&[], &[3]).unwrap();
        assert!(stale.starts_with("f:3: passed unexpectedly"), "{stale}");
        let whole = Failure {
            place: None,
            message: "m".to_owned(),
        };
        assert!(report(&[whole], &[3]).unwrap().starts_with("f: m\n"));
    }
}
