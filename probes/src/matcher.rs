//! Choosing functions by name, index or source line, as the option `func=` does.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use probity_engine::{FunctionInfo, Module, WasmPc};
use wildmatch::WildMatch;

use crate::demangle::demangle;
use crate::source::{LineRange, SourceMap};

/// A set of functions, written as alternatives between `|`:
///
/// - `17` is the function of that index;
/// - `3..10` the indices from 3 to 9, `3..=10` to 10, `3..` all from 3 on,
///   `..10` all below 10;
/// - `main.c:17` and `main.c:3-10` are the functions that have code of these source lines, inlined or not, by the module's
///   DWARF; a file is named by the end of its path;
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
    Lines(Lines),
}

/// The functions of source lines.
#[derive(Debug, Clone)]
struct Lines {
    range: LineRange,
    /// By module: reading its lines takes time.
    known: Arc<Mutex<Vec<Chosen>>>,
}

/// A module, and the functions of it that are chosen.
type Chosen = (Module, HashSet<u32>);

impl PartialEq for Lines {
    fn eq(&self, other: &Lines) -> bool {
        self.range == other.range
    }
}

impl Lines {
    fn matches(&self, function: &FunctionInfo<'_>) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let module = function.module();
        let at = known.iter().position(|(of, _)| of.same(module));
        let at = at.unwrap_or_else(|| {
            known.push((module.clone(), self.functions(module)));
            known.len() - 1
        });
        known[at].1.contains(&function.index())
    }

    fn functions(&self, module: &Module) -> HashSet<u32> {
        let Some(map) = SourceMap::new(module) else {
            return HashSet::new();
        };
        let rows = map.rows(0..u32::MAX);
        let chosen = rows.filter(|row| self.range.contains(row.file, row.line));
        chosen
            .filter_map(|row| function_at(module, WasmPc(row.start)))
            .collect()
    }
}

/// The function whose body holds an offset in a module.
pub fn function_at(module: &Module, pc: WasmPc) -> Option<u32> {
    // Bodies are in the order of indices.
    let (mut low, mut high) = (module.num_imported_functions(), module.num_functions());
    while low < high {
        let middle = low + (high - low) / 2;
        let body = module.function(middle)?.body()?;
        if pc.0 < body.start {
            high = middle;
        } else if pc.0 >= body.end {
            low = middle + 1;
        } else {
            return Some(middle);
        }
    }
    None
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
        let by_line =
            |a: &Alternative| matches!(a, Alternative::Lines(lines) if lines.matches(function));
        self.matches_name(function.index(), name) || self.alternatives.iter().any(by_line)
    }

    /// The same for a function of which only index and name are known; `None` if it has no name. Source lines then
    /// choose nothing.
    pub fn matches_name(&self, index: u32, name: impl FnOnce() -> Option<String>) -> bool {
        let by_index = self.alternatives.iter().any(|alternative| {
            matches!(alternative, Alternative::Indices(range) if range.contains(&index))
        });
        let patterns = || {
            self.alternatives.iter().filter_map(|a| match a {
                Alternative::Name(pattern) => Some(pattern),
                Alternative::Indices(_) | Alternative::Lines(_) => None,
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
    if is_line(text) {
        return Ok(Alternative::Lines(Lines {
            range: LineRange::parse(text)?,
            known: Arc::default(),
        }));
    }
    Ok(Alternative::Name(WildMatch::new(text)))
}

/// Whether it ends as `:17` or `:3-10`. A path of Rust has two colons.
fn is_line(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(file, lines)| {
        !file.ends_with(':') && lines.starts_with(|c: char| c.is_ascii_digit())
    })
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
    fn selectors_of_lines() {
        // From `inlined.c`, whose line 11 is of `both`, inlined into `weigh` (0) and `run` (1).
        let wasm = include_bytes!("../tests/source/inlined.wasm");
        let module = Module::new(&probity_engine::Engine::default(), wasm).expect("module");
        let chosen = |text: &str| -> Vec<u32> {
            let selector = FunctionSelector::parse(text).expect("selector");
            let all = (0..module.num_functions()).filter_map(|index| module.function(index));
            let chosen = all.filter(|info| selector.matches(info));
            chosen.map(|info| info.index()).collect()
        };
        assert_eq!(chosen("inlined.c:10-12"), [0, 1]);
        assert_eq!(chosen("inlined.c:17"), [0]);
        assert_eq!(chosen("inlined.c:22-25"), [1]);
        assert_eq!(chosen("inlined.c:22|0"), [0, 1]);
        assert_eq!(chosen("other.c:17"), [0; 0]);
        assert_eq!(chosen("a::17"), [0; 0]);
        let error = FunctionSelector::parse("inlined.c:9-3").err();
        assert_eq!(error.as_deref(), Some("no line is in `inlined.c:9-3`"));
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
