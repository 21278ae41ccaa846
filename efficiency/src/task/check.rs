//! Whether an output is right.

use serde_json::Value;

use super::Checker;

/// Characters of a line that a message shows.
const SHOWN: usize = 80;

impl Checker {
    /// Compares what a program printed with what is expected.
    ///
    /// # Errors
    /// The first difference, for people.
    pub fn check(&self, expected: &str, got: &[u8]) -> Result<(), String> {
        if *self == Checker::Any {
            return Ok(());
        }
        let Ok(got) = std::str::from_utf8(got) else {
            return Err("the output is not UTF-8".to_owned());
        };
        match self {
            Checker::Any => Ok(()),
            Checker::Exact => lines(expected, got),
            Checker::Tokens => words(expected, got, |expected, got| expected == got),
            Checker::Float { abs, rel } => words(expected, got, |expected, got| {
                close(expected, got, *abs, *rel)
            }),
        }
    }

    /// Compares what a function gave with what is expected. Numbers are compared as numbers.
    ///
    /// # Errors
    /// Both, for people.
    pub fn check_value(&self, expected: &Value, got: &Value) -> Result<(), String> {
        match *self == Checker::Any || self.same(expected, got) {
            true => Ok(()),
            false => Err(format!(
                "expected {}, got {}",
                short(&expected.to_string()),
                short(&got.to_string())
            )),
        }
    }

    fn same(&self, expected: &Value, got: &Value) -> bool {
        match (expected, got) {
            (Value::Array(expected), Value::Array(got)) => {
                expected.len() == got.len()
                    && expected
                        .iter()
                        .zip(got)
                        .all(|(expected, got)| self.same(expected, got))
            }
            (Value::Number(expected), Value::Number(got)) => {
                if expected == got {
                    return true;
                }
                if !expected.is_f64() && !got.is_f64() {
                    // Not as floats, which take neighbours for the same.
                    return false;
                }
                let (Some(expected), Some(got)) = (expected.as_f64(), got.as_f64()) else {
                    return false;
                };
                match self {
                    Checker::Float { abs, rel } => near(expected, got, *abs, *rel),
                    _ => expected == got,
                }
            }
            (Value::Number(expected), Value::Object(object)) => {
                let text = object.get(BIG_INTEGER).and_then(Value::as_str);
                let got = text.and_then(|text| text.parse().ok());
                got.is_some_and(|got| self.same(&Value::Number(expected.clone()), &number(got)))
            }
            _ => expected == got,
        }
    }
}

/// The name under which a result has an integer that numbers of JSON are too small for, as text: two of these are the same if their
/// texts are, and one is the number that a reader of JSON would make of it.
const BIG_INTEGER: &str = "\0int";

fn number(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// Lines, without white space at their ends and without empty lines at the end.
fn lines(expected: &str, got: &str) -> Result<(), String> {
    let (mut expected, mut got) = (expected.trim_end().lines(), got.trim_end().lines());
    for number in 1u64.. {
        match (
            expected.next().map(str::trim_end),
            got.next().map(str::trim_end),
        ) {
            (None, None) => return Ok(()),
            (Some(expected), Some(got)) if expected == got => {}
            (expected, got) => return Err(difference("line", number, expected, got)),
        }
    }
    Ok(())
}

fn words(expected: &str, got: &str, same: impl Fn(&str, &str) -> bool) -> Result<(), String> {
    let (mut expected, mut got) = (expected.split_whitespace(), got.split_whitespace());
    for number in 1u64.. {
        match (expected.next(), got.next()) {
            (None, None) => return Ok(()),
            (Some(expected), Some(got)) if same(expected, got) => {}
            (expected, got) => return Err(difference("word", number, expected, got)),
        }
    }
    Ok(())
}

fn difference(what: &str, number: u64, expected: Option<&str>, got: Option<&str>) -> String {
    let show =
        |text: Option<&str>| text.map_or("nothing".to_owned(), |text| format!("`{}`", short(text)));
    format!(
        "{what} {number}: expected {}, got {}",
        show(expected),
        show(got)
    )
}

fn short(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn close(expected: &str, got: &str, abs: f64, rel: f64) -> bool {
    if expected == got {
        return true;
    }
    match (expected.parse::<f64>(), got.parse::<f64>()) {
        (Ok(expected), Ok(got)) => near(expected, got, abs, rel),
        _ => false,
    }
}

/// NaN is near NaN alone, an infinity near itself.
fn near(expected: f64, got: f64, abs: f64, rel: f64) -> bool {
    if expected.is_nan() || got.is_nan() {
        return expected.is_nan() && got.is_nan();
    }
    if expected.is_infinite() || got.is_infinite() {
        return expected == got;
    }
    let difference = (expected - got).abs();
    difference <= abs || difference <= rel * expected.abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn exact_forgives_white_space_at_ends() {
        let check = |expected: &str, got: &str| Checker::Exact.check(expected, got.as_bytes());
        assert_eq!(check("1 2\n3\n", "1 2  \n3"), Ok(()));
        assert_eq!(
            check("1\n2", "1\n\n2").unwrap_err(),
            "line 2: expected `2`, got ``"
        );
        assert_eq!(
            check("1 2", "1  2").unwrap_err(),
            "line 1: expected `1 2`, got `1  2`"
        );
        assert_eq!(
            check("1", "1\n2").unwrap_err(),
            "line 2: expected nothing, got `2`"
        );
        assert_eq!(check("", "\n"), Ok(()));
        assert!(Checker::Exact.check("", b"\xff").is_err());
    }

    #[test]
    fn tokens_are_words() {
        let check = |got: &str| Checker::Tokens.check("a 1\nb", got.as_bytes());
        assert_eq!(check("a\n1 b "), Ok(()));
        assert_eq!(
            check("a 1").unwrap_err(),
            "word 3: expected `b`, got nothing"
        );
        assert_eq!(
            check("a 1.0 b").unwrap_err(),
            "word 2: expected `1`, got `1.0`"
        );
    }

    #[test]
    fn numbers_are_near_by_either_measure() {
        let checker = Checker::Float {
            abs: 0.01,
            rel: 0.001,
        };
        let check = |expected: &str, got: &str| checker.check(expected, got.as_bytes()).is_ok();
        // 0.009 <= 0.01; 0.5 <= 0.001 * 1000; 1.5 > 1.
        assert!(check("0", "0.009") && check("1000", "1000.5") && !check("1000", "1001.5"));
        assert!(check("nan", "NaN") && !check("nan", "1") && !check("1", "nan"));
        assert!(check("inf", "inf") && !check("inf", "1e308") && !check("inf", "-inf"));
        assert!(check("yes 1e3", "yes 1000") && !check("yes", "no"));
    }

    #[test]
    fn values_are_compared_by_what_they_are() {
        let exact =
            |expected: Value, got: Value| Checker::Exact.check_value(&expected, &got).is_ok();
        assert!(exact(json!(3), json!(3.0)) && !exact(json!(3), json!(4)));
        assert!(exact(json!([1, 2]), json!([1, 2])) && !exact(json!([1, 2]), json!([1])));
        assert!(exact(json!("a"), json!("a")) && !exact(json!("1"), json!(1)));
        assert!(!exact(
            json!(9007199254740993i64),
            json!(9007199254740992i64)
        ));
        let big = |text: &str| json!({"\0int": text});
        assert!(exact(
            big("100000000000000000000001"),
            big("100000000000000000000001")
        ));
        assert!(!exact(
            big("100000000000000000000001"),
            big("100000000000000000000000")
        ));
        assert!(exact(json!(1e23), big("100000000000000000000000")));
        assert!(!exact(json!(1e24), big("100000000000000000000000")));
        let near = Checker::Float { abs: 0.1, rel: 0.0 };
        assert!(near.check_value(&json!([0.5]), &json!([0.55])).is_ok());
    }
}
