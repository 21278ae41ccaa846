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

/// `unknown WHAT 'NAME'`, with the nearest known name.
pub fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(name, known) {
        Some(near) => {
            format!("unknown {what} '{name}'; the nearest known one is '{near}'")
        }
        None => format!("unknown {what} '{name}'; there is none"),
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
    fn the_message_names_both() {
        assert_eq!(
            unknown("analysis", "icout", ["calls", "icount"]),
            "unknown analysis 'icout'; the nearest known one is 'icount'"
        );
    }
}
