//! What somebody may have meant by a name that is not known.

/// The known name that a given one is close to; `None` if none is close.
pub fn nearest<'k>(given: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let far = 1 + given.chars().count() / 3;
    let distances = known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(given, name), name));
    let (distance, name) = distances.min_by_key(|&(distance, _)| distance)?;
    (distance <= far).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn close_names_only() {
        let known = ["arg0", "local0", "opname"];
        for (given, expected) in [
            ("agr0", Some("arg0")),
            ("opnam", Some("opname")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, known), expected, "{given}");
        }
        assert_eq!(nearest("x", []), None);
    }
}
