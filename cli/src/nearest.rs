//! The known name that a mistyped one is closest to.

/// The most similar of `known`, or `None` if there is none. It is named even
/// when it is far away: a list of one is still a better message than none.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|k| (strsim::normalized_damerau_levenshtein(name, k), k))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| k)
}

/// `; the nearest known one is 'NAME'`, to be added to a message about an
/// unknown name; `; there is none` if nothing is known.
pub fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(name, known) {
        Some(near) => format!("; the nearest known one is '{near}'"),
        None => "; there is none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_name_wins() {
        let known = ["icount", "hotness", "coverage", "calls"];
        for (typed, expected) in [
            ("icout", "icount"),
            ("hotnes", "hotness"),
            ("call", "calls"),
            ("cov", "coverage"),
            ("ICOUNT", "icount"),
        ] {
            let got = nearest(&typed.to_lowercase(), known);
            assert_eq!(got, Some(expected), "{typed}");
        }
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn the_hint_names_it() {
        assert_eq!(
            hint("icout", ["calls", "icount"]),
            "; the nearest known one is 'icount'"
        );
        assert_eq!(hint("x", []), "; there is none");
    }
}
