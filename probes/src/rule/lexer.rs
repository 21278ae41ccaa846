//! The words of predicates and actions. What stands before them, the probe's
//! specification, has a form of its own: see [`super::spec`].

use std::ops::Range;

use super::error::RuleError;

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word {
    Name(String),
    Int(i128),
    Float(f64),
    Text(String),
    /// One of [`SYMBOLS`].
    Symbol(&'static str),
    End,
}

impl Word {
    /// For messages.
    pub fn describe(&self) -> String {
        match self {
            Word::Name(name) => format!("`{name}`"),
            Word::Int(number) => format!("`{number}`"),
            Word::Float(number) => format!("`{number}`"),
            Word::Text(_) => "a text".to_owned(),
            Word::Symbol(symbol) => format!("`{symbol}`"),
            Word::End => "the end of the rule".to_owned(),
        }
    }
}

/// A word and the bytes where it stands.
pub(super) type Spanned = (Word, Range<usize>);

/// Longer ones before their prefixes.
const SYMBOLS: [&str; 33] = [
    "&&", "||", "==", "!=", "!~", "<=", ">=", "<<", ">>", "++", "+=", "+", "-", "*", "/", "%", "&",
    "|", "^", "!", "~", "<", ">", "(", ")", "[", "]", "{", "}", ",", ";", "=", ".",
];

/// The words from byte `start` on, the last of which is [`Word::End`].
pub(super) fn words(text: &str, start: usize) -> Result<Vec<Spanned>, RuleError> {
    let mut words = Vec::new();
    let mut at = start;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (word, len) = if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        } else if first == '"' {
            string(text, at)?
        } else if first.is_ascii_digit() {
            number(text, at)?
        } else if first.is_alphabetic() || first == '_' {
            let len = run(rest, |c| c.is_alphanumeric() || c == '_');
            (Word::Name(rest[..len].to_owned()), len)
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            (Word::Symbol(symbol), symbol.len())
        } else {
            let span = at..at + first.len_utf8();
            let shown = first.escape_debug();
            let message = match first {
                '\'' => "texts stand in double quotes".to_owned(),
                _ => format!("unexpected character `{shown}`"),
            };
            return Err(RuleError::new(text, span, message));
        };
        words.push((word, at..at + len));
        at += len;
    }
    words.push((Word::End, text.len()..text.len()));
    Ok(words)
}

/// Bytes of the longest prefix of such characters.
fn run(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}

fn number(text: &str, at: usize) -> Result<(Word, usize), RuleError> {
    let rest = &text[at..];
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut len = run(rest, is_part);
    let hexadecimal = rest.starts_with("0x") || rest.starts_with("0X");
    if !hexadecimal {
        // `1.5`, `1e-3`; a point without digits behind it is none of the number's.
        let behind = &rest[len..];
        if behind.starts_with('.') && behind[1..].starts_with(|c: char| c.is_ascii_digit()) {
            len += 1 + run(&behind[1..], is_part);
        }
        let behind = &rest[len..];
        if rest[..len].ends_with(['e', 'E'])
            && behind.starts_with(['-', '+'])
            && behind[1..].starts_with(|c: char| c.is_ascii_digit())
        {
            len += 1 + run(&behind[1..], is_part);
        }
    }
    let digits = rest[..len].replace('_', "");
    let word = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(digits) => i128::from_str_radix(digits, 16).ok().map(Word::Int),
        None => {
            let float = || digits.parse().ok().map(Word::Float);
            digits.parse().ok().map(Word::Int).or_else(float)
        }
    };
    match word {
        Some(word) => Ok((word, len)),
        None => {
            let message = format!("`{}` is no number", &rest[..len]);
            Err(RuleError::new(text, at..at + len, message))
        }
    }
}

fn string(text: &str, at: usize) -> Result<(Word, usize), RuleError> {
    let mut value = String::new();
    let mut chars = text[at..].char_indices().skip(1);
    while let Some((offset, c)) = chars.next() {
        match c {
            '"' => return Ok((Word::Text(value), offset + 1)),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, c @ ('\\' | '"'))) => value.push(c),
                Some((end, c)) => {
                    let span = at + offset..at + end + c.len_utf8();
                    let message = "unknown escape; there are `\\n`, `\\t`, `\\\\` and `\\\"`";
                    return Err(RuleError::new(text, span, message));
                }
                None => break,
            },
            c => value.push(c),
        }
    }
    let message = "the text has no closing `\"`";
    Err(RuleError::new(text, at..text.len(), message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_words() {
        let name = |name: &str| Word::Name(name.to_owned());
        let text = |text: &str| Word::Text(text.to_owned());
        for (input, expected) in [
            ("a_1 b", vec![name("a_1"), name("b")]),
            ("1_000 0xff", vec![Word::Int(1000), Word::Int(255)]),
            ("1.5 2e3", vec![Word::Float(1.5), Word::Float(2000.0)]),
            ("1e-2", vec![Word::Float(0.01)]),
            ("1-2", vec![Word::Int(1), Word::Symbol("-"), Word::Int(2)]),
            ("1.", vec![Word::Int(1), Word::Symbol(".")]),
            (
                "a<=b<c",
                vec![
                    name("a"),
                    Word::Symbol("<="),
                    name("b"),
                    Word::Symbol("<"),
                    name("c"),
                ],
            ),
            (r#""a\"\n{}""#, vec![text("a\"\n{}")]),
            ("größe", vec![name("größe")]),
        ] {
            let words: Vec<Word> = words(input, 0)
                .expect(input)
                .into_iter()
                .map(|w| w.0)
                .collect();
            let (last, words) = words.split_last().expect("an end");
            assert_eq!((words, last), (expected.as_slice(), &Word::End), "{input}");
        }
    }

    #[test]
    fn wrong_words_have_their_place() {
        for (input, span, message) in [
            ("a # b", 2..3, "unexpected character `#`"),
            ("'a'", 0..1, "texts stand in double quotes"),
            ("\"ab", 0..3, "the text has no closing `\"`"),
            ("\"a\\", 0..3, "the text has no closing `\"`"),
            ("1 12ab", 2..6, "`12ab` is no number"),
            ("0x", 0..2, "`0x` is no number"),
            (
                "\"\\q\"",
                1..3,
                "unknown escape; there are `\\n`, `\\t`, `\\\\` and `\\\"`",
            ),
        ] {
            let error = words(input, 0).expect_err(input);
            assert_eq!((error.span(), error.message()), (span, message), "{input}");
        }
    }
}
