//! Choosing functions by name or index, as the option `func=` does.

use std::ops::RangeInclusive;

use probity_engine::FunctionInfo;
use wildmatch::WildMatch;

use crate::demangle::demangle;

/// A set of functions, written as alternatives between `|`:
///
/// - `17` is the function of that index;
/// - `3..10` the indices from 3 to 9, `3..=10` to 10, `3..` all from 3 on,
///   `..10` all below 10;
/// - anything else a name, in which `*` stands for any text and `?` for any
///   one character. It is compared with the name as the module has it, with
///   the demangled name, and with `func[i]` where there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionSelector {
    alternatives: Vec<Alternative>,
}

#[derive(Debug, Clone, PartialEq)]
enum Alternative {
    Indices(RangeInclusive<u32>),
    Name(WildMatch),
}

impl Default for FunctionSelector {
    fn default() -> FunctionSelector {
        FunctionSelector::all()
    }
}

impl FunctionSelector {
    /// Every function.
    pub fn all() -> FunctionSelector {
        FunctionSelector {
            alternatives: vec![Alternative::Indices(0..=u32::MAX)],
        }
    }

    /// Reads a selector.
    ///
    /// # Errors
    /// A message if an alternative is empty or is a range that holds nothing.
    pub fn parse(text: &str) -> Result<FunctionSelector, String> {
        let alternatives = text.split('|').map(alternative);
        Ok(FunctionSelector {
            alternatives: alternatives.collect::<Result<_, String>>()?,
        })
    }

    /// Whether a function is in the set.
    pub fn matches(&self, function: &FunctionInfo<'_>) -> bool {
        let name = || function.name().map(|name| name.into_owned());
        self.matches_name(function.index(), name)
    }

    /// The same for a function of which only index and name are known; `None` if it has no name.
    pub fn matches_name(&self, index: u32, name: impl FnOnce() -> Option<String>) -> bool {
        let by_index = self.alternatives.iter().any(|alternative| {
            matches!(alternative, Alternative::Indices(range) if range.contains(&index))
        });
        let patterns = || {
            self.alternatives.iter().filter_map(|a| match a {
                Alternative::Name(pattern) => Some(pattern),
                Alternative::Indices(_) => None,
            })
        };
        if by_index || patterns().next().is_none() {
            return by_index;
        }
        let name = name().unwrap_or_else(|| format!("func[{index}]"));
        let demangled = demangle(&name);
        patterns().any(|pattern| {
            pattern.matches(&name) || demangled.as_deref().is_some_and(|d| pattern.matches(d))
        })
    }
}

fn alternative(text: &str) -> Result<Alternative, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("a function selector has an empty alternative".to_owned());
    }
    if let Ok(index) = text.parse() {
        return Ok(Alternative::Indices(index..=index));
    }
    if let Some(range) = range(text) {
        let range = range.filter(|range| !range.is_empty());
        return range
            .map(Alternative::Indices)
            .ok_or_else(|| format!("the range of functions `{text}` is empty"));
    }
    Ok(Alternative::Name(WildMatch::new(text)))
}

/// `None` if the text is no range; `Some(None)` if it ends below 0.
fn range(text: &str) -> Option<Option<RangeInclusive<u32>>> {
    let (first, last) = text.split_once("..")?;
    let number = |text: &str, default| match text {
        "" => Some(default),
        _ => text.parse::<u32>().ok(),
    };
    let first = number(first, 0)?;
    if last.is_empty() {
        return Some(Some(first..=u32::MAX));
    }
    if let Some(last) = last.strip_prefix('=') {
        return Some(Some(first..=last.parse().ok()?));
    }
    let last = last.parse::<u32>().ok()?.checked_sub(1);
    Some(last.map(|last| first..=last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(selector: &str, names: &[Option<&str>]) -> Vec<usize> {
        let selector = FunctionSelector::parse(selector).expect("selector");
        let matches = |&index: &usize| {
            selector.matches_name(index as u32, || names[index].map(str::to_owned))
        };
        (0..names.len()).filter(matches).collect()
    }

    #[test]
    fn selectors() {
        const RUST: &str = "_ZN4core3fmt5Write9write_str17h0123456789abcdefE";
        let names = [
            Some("main"),
            Some("memcpy"),
            None,
            Some("memset"),
            Some(RUST),
        ];
        for (selector, expected) in [
            ("main", vec![0]),
            ("mem*", vec![1, 3]),
            ("mem???", vec![1, 3]),
            ("1..3", vec![1, 2]),
            ("1..=3", vec![1, 2, 3]),
            ("3..", vec![3, 4]),
            ("..2", vec![0, 1]),
            ("2", vec![2]),
            ("func[2]", vec![2]),
            ("func[*", vec![2]),
            ("core::fmt::*", vec![4]),
            ("_ZN4core*", vec![4]),
            ("4|main | 9", vec![0, 4]),
            ("*", vec![0, 1, 2, 3, 4]),
            ("none", vec![]),
        ] {
            assert_eq!(chosen(selector, &names), expected, "{selector}");
        }
        assert!(FunctionSelector::all().matches_name(7, || None));
    }

    #[test]
    fn refused_selectors() {
        for bad in ["", "a||b", "3..3", "5..2", "..0", "5..=4"] {
            assert!(FunctionSelector::parse(bad).is_err(), "{bad}");
        }
    }
}
