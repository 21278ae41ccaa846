//! What benchmarks on LeetCode's problems have in common: a class `Solution` that takes names for granted, fences, and assertions.

use serde_json::{Map, Number, Value};

/// What such programs take for granted; one line, so that lines are off by one alone.
const NAMES: &str = "import bisect, collections, copy, datetime, functools, heapq, itertools, math, operator, random, re, string; \
from typing import *; from bisect import *; from collections import *; from copy import *; from functools import *; from heapq import *; \
from itertools import *; from math import *; from operator import *; from string import *\n";

/// A whole program.
pub(super) fn program(text: &str) -> String {
    format!("{NAMES}{text}\n")
}

/// What is between the fence of a program in Python and the next, or all of it.
pub(super) fn code_of(text: &str) -> &str {
    let Some((_, behind)) = text.split_once("```python") else {
        return text;
    };
    let code = behind.split("```").next().unwrap_or(behind);
    code.trim_start_matches(['\r', '\n'])
}

/// The method, arguments and result of `assert solution.f(1, [2]) == 3`.
pub(super) fn assertion(line: &str) -> Option<(String, Vec<Value>, Value)> {
    let line = line.trim().strip_prefix("assert")?.trim_start();
    let (object, rest) = line.split_once('.')?;
    let is_name = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let (method, rest) = rest.split_once('(')?;
    if !is_name(object) || !is_name(method) {
        return None;
    }
    let mut reader = Literals { rest };
    let args = reader.items(')')?;
    reader.take("==")?;
    let expected = reader.value(0)?;
    reader.skip();
    let is_end = reader.rest.is_empty() || reader.rest.starts_with(['#', ',']);
    is_end.then(|| (method.to_owned(), args, expected))
}

/// Reads literals of Python. Tuples are lists, keys of dictionaries are texts.
struct Literals<'a> {
    rest: &'a str,
}

/// Deeper lists are no test's.
const DEPTH_MAX: usize = 64;

impl Literals<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, what: &str) -> Option<()> {
        self.skip();
        self.rest = self.rest.strip_prefix(what)?;
        Some(())
    }

    /// Values between commas up to the closing bracket.
    fn items(&mut self, end: char) -> Option<Vec<Value>> {
        self.list(end, 0).map(|(items, _)| items)
    }

    /// The same, and whether there was a comma.
    fn list(&mut self, end: char, depth: usize) -> Option<(Vec<Value>, bool)> {
        let (mut items, mut has_comma) = (Vec::new(), false);
        let mut closing = [0; 4];
        let closing = &*end.encode_utf8(&mut closing);
        loop {
            if self.take(closing).is_some() {
                return Some((items, has_comma));
            }
            items.push(self.value(depth)?);
            if self.take(",").is_some() {
                has_comma = true;
            } else {
                self.take(closing)?;
                return Some((items, has_comma));
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEPTH_MAX {
            return None;
        }
        self.skip();
        for (word, value) in [
            ("True", Value::Bool(true)),
            ("False", Value::Bool(false)),
            ("None", Value::Null),
        ] {
            if self.take(word).is_some() {
                return Some(value);
            }
        }
        match self.rest.chars().next()? {
            '[' => {
                self.take("[")?;
                self.list(']', depth + 1)
                    .map(|(items, _)| Value::Array(items))
            }
            '(' => {
                self.take("(")?;
                let (mut items, has_comma) = self.list(')', depth + 1)?;
                Some(match (items.len(), has_comma) {
                    (1, false) => items.remove(0),
                    _ => Value::Array(items),
                })
            }
            '{' => {
                self.take("{")?;
                self.dictionary(depth + 1)
            }
            '"' | '\'' => self.text().map(Value::String),
            _ => self.number(),
        }
    }

    fn dictionary(&mut self, depth: usize) -> Option<Value> {
        let mut map = Map::new();
        while self.take("}").is_none() {
            let key = match self.value(depth)? {
                Value::String(text) => text,
                key @ (Value::Number(_) | Value::Bool(_) | Value::Null) => key.to_string(),
                _ => return None,
            };
            self.take(":")?;
            map.insert(key, self.value(depth)?);
            if self.take(",").is_none() {
                self.take("}")?;
                break;
            }
        }
        Some(Value::Object(map))
    }

    fn text(&mut self) -> Option<String> {
        let mut chars = self.rest.char_indices();
        let (_, quote) = chars.next()?;
        let mut text = String::new();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => text.push(match chars.next()?.1 {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    c @ ('\\' | '\'' | '"') => c,
                    _ => return None,
                }),
                c if c == quote => {
                    self.rest = &self.rest[at + 1..];
                    return Some(text);
                }
                c => text.push(c),
            }
        }
        None
    }

    fn number(&mut self) -> Option<Value> {
        let is_part =
            |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E' | '_');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        let word = word.replace('_', "");
        let number = match word.parse::<i64>() {
            Ok(number) => number.into(),
            Err(_) if word.contains(['.', 'e', 'E']) => Number::from_f64(word.parse().ok()?)?,
            // Larger than what JSON's readers agree on.
            Err(_) => return None,
        };
        self.rest = rest;
        Some(Value::Number(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn assertions_are_read() {
        let read = |line: &str| assertion(line).map(|(_, args, expected)| (json!(args), expected));
        assert_eq!(
            assertion("assert solution.twoSum([2, 7], -9) == [0, 1]"),
            Some((
                "twoSum".to_owned(),
                vec![json!([2, 7]), json!(-9)],
                json!([0, 1])
            ))
        );
        let all =
            "assert s.f('a\\'\\n', \"b\", 1.5e3, (1,), (2), {'k': None, 3: True},) == False  # so";
        assert_eq!(
            read(all),
            Some((
                json!(["a'\n", "b", 1500.0, [1], 2, {"k": null, "3": true}]),
                json!(false)
            ))
        );
        assert_eq!(read("assert s.f() == []"), Some((json!([]), json!([]))));
        for other in [
            "assert s.f(x) == 1",
            "assert s.f(1) == 1 + 1",
            "assert abs(s.f(1) - 2) < 1e-5",
            "assert s.f([1) == 1",
            "assert s.f(1)",
            "assert s.f('\\x41') == 1",
            "print(1)",
            "assert s.f(1) == 123456789012345678901234567890",
            "assert s.f('é",
        ] {
            assert_eq!(assertion(other), None, "{other}");
        }
        let deep = format!("assert s.f({}{}) == 1", "[".repeat(5000), "]".repeat(5000));
        assert_eq!(assertion(&deep), None);
    }

    #[test]
    fn code_is_in_fences_or_all() {
        assert_eq!(code_of("Here:\n```python\nx = 1\n```\nso"), "x = 1\n");
        assert_eq!(code_of("x = 1\n"), "x = 1\n");
    }
}
