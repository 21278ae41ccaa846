//! Options of analyses: what exists is declared as data, so that every
//! analysis refuses what it does not know in the same words.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use probity_probes::matcher::FunctionSelector;
use probity_probes::nearest::nearest;

use crate::tracepoints::Points;

/// An option of an analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionInfo {
    /// What stands before the `=`.
    pub name: &'static str,
    /// The value without it.
    pub default: &'static str,
    /// One line for people.
    pub help: &'static str,
    /// The values it takes, forms in `<>` among them ([`NUMBER`], [`DURATION`]); empty if it has a syntax of its own.
    pub values: &'static [&'static str],
}

/// The form of a positive number, in which `_` may separate digits.
pub(crate) const NUMBER: &str = "<number>";
/// The form of a positive duration, such as `10ms`.
pub(crate) const DURATION: &str = "<duration>";

/// The form of points of a program, such as `main+12`.
pub(crate) const POINTS: &str = "<function+offset>";
/// The form of a selection of functions.
pub(crate) const FUNCTIONS: &str =
    "<functions: name with * and ?, index, range 3..10; several with |>";
/// The form of a line's size: a power of two.
pub(crate) const LINE_POWER: &str = "<power of two from 8 to 4096>";
/// The form of a page's size: a power of two.
pub(crate) const PAGE_POWER: &str = "<power of two from 4096 to 65536>";

/// The form of a cache's geometry.
pub(crate) const GEOMETRY: &str = "<bytes>x<ways>x<line>, such as 32Kx8x64, with a line of 16 bytes or more and a number of sets that are powers of two";

impl OptionInfo {
    /// Whether it takes a value.
    pub(crate) fn accepts(&self, value: &str) -> bool {
        let fits = |form: &&str| match *form {
            NUMBER => number(value).is_some(),
            DURATION => duration(value).is_some(),
            POINTS => Points::parse(value).is_some(),
            LINE_POWER => power(value, 8..=4096),
            GEOMETRY => Geometry::parse(value).is_some(),
            FUNCTIONS => FunctionSelector::parse(value).is_ok(),
            PAGE_POWER => power(value, 4096..=65536),
            word => word == value,
        };
        self.values.is_empty() || self.values.iter().any(fits)
    }
}

fn number(text: &str) -> Option<u64> {
    let digits = text.replace('_', "");
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|&number| plain && number > 0)
}

fn power(text: &str, range: RangeInclusive<u64>) -> bool {
    number(text).is_some_and(|number| number.is_power_of_two() && range.contains(&number))
}

/// The geometry of a cache. All sizes are bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub bytes: u64,
    pub ways: u64,
    pub line: u64,
}

impl Geometry {
    /// More lines than this no cache has, and a simulation would need too much memory.
    const LINES_MAX: u64 = 1 << 24;

    /// Reads [`GEOMETRY`].
    pub fn parse(text: &str) -> Option<Geometry> {
        let mut parts = text.split('x');
        let mut next = || {
            let part = parts.next()?;
            let (digits, unit) = match part.strip_suffix(['K', 'M']) {
                Some(digits) if part.ends_with('K') => (digits, 1 << 10),
                Some(digits) => (digits, 1 << 20),
                None => (part, 1),
            };
            number(digits)?.checked_mul(unit)
        };
        let (bytes, ways, line) = (next()?, next()?, next()?);
        let way = ways.checked_mul(line)?;
        let fits = parts.next().is_none()
            && line.is_power_of_two()
            && (16..=4096).contains(&line)
            && bytes.is_multiple_of(way)
            && (bytes / way).is_power_of_two()
            && bytes / line <= Geometry::LINES_MAX;
        fits.then_some(Geometry { bytes, ways, line })
    }

    /// Number of sets.
    pub fn sets(&self) -> u64 {
        self.bytes / self.line / self.ways
    }

    /// In the words of cachegrind.
    pub fn describe(&self) -> String {
        let Geometry { bytes, ways, line } = self;
        match ways {
            1 => format!("{bytes} B, {line} B, direct-mapped"),
            _ => format!("{bytes} B, {line} B, {ways}-way associative"),
        }
    }
}

fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit() && c != '_')?;
    let count = number(&text[..unit])?;
    Some(match &text[unit..] {
        "us" => Duration::from_micros(count),
        "ms" => Duration::from_millis(count),
        "s" => Duration::from_secs(count),
        _ => return None,
    })
}

/// Which functions an analysis looks at; every analysis has it.
pub const FUNC: OptionInfo = OptionInfo {
    name: "func",
    default: "*",
    help: "only these functions: name with * and ?, index, range 3..10, source lines FILE:A-B; several with |",
    values: &[],
};

/// How many rows the text report shows; every analysis has it.
pub const TOP: OptionInfo = OptionInfo {
    name: "top",
    default: "20",
    help: "rows of each table in text reports, or `all`",
    values: &[],
};

/// Whether a report lists what never executed.
pub const ZERO: OptionInfo = OptionInfo {
    name: "zero",
    default: "omit",
    help: "what never executed: leave it out, or list it with 0",
    values: &["omit", "include"],
};

/// A wrong analysis, option or value. The message names what is wrong and the
/// nearest name that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageError {
    message: String,
}

impl UsageError {
    pub(crate) fn new(message: String) -> UsageError {
        UsageError { message }
    }

    /// `what` `given` is none of `known`.
    pub(crate) fn unknown(what: &str, given: &str, known: &[&str]) -> UsageError {
        let mut message = format!("unknown {what} `{given}`");
        match nearest(given, known.iter().copied()) {
            Some(name) => message += &format!("; did you mean `{name}`?"),
            None => message += &format!("; known: {}", known.join(", ")),
        }
        UsageError { message }
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for UsageError {}

/// The options of one analysis in one run, checked.
#[derive(Debug, Clone)]
pub struct Options {
    values: Vec<(&'static str, String)>,
    /// Functions that the analysis looks at.
    pub selector: FunctionSelector,
    /// Rows of a text table; `None` for all.
    pub top: Option<usize>,
}

impl Options {
    /// Checks what a user gave against what the analysis knows. Where it does not declare [`FUNC`] or [`TOP`], their defaults
    /// count.
    ///
    /// # Errors
    /// What is unknown, not accepted or given twice; the message names the nearest that exists.
    pub fn parse(
        analysis: &str,
        known: &'static [OptionInfo],
        given: &[(String, String)],
    ) -> Result<Options, UsageError> {
        let mut values: Vec<(&'static str, String)> = known
            .iter()
            .map(|option| (option.name, option.default.to_owned()))
            .collect();
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in given {
            let Some(at) = known.iter().position(|option| option.name == name) else {
                let names: Vec<&str> = known.iter().map(|option| option.name).collect();
                let what = format!("option of {analysis}:");
                return Err(UsageError::unknown(&what, name, &names));
            };
            let option = &known[at];
            if !option.accepts(value) {
                let what = format!("value of {analysis}'s option {name}:");
                return Err(UsageError::unknown(&what, value, option.values));
            }
            if seen.contains(&option.name) {
                let message = format!("option {name} of {analysis} is given twice");
                return Err(UsageError::new(message));
            }
            seen.push(option.name);
            values[at].1.clone_from(value);
        }
        let find = |wanted: OptionInfo| {
            let value = values.iter().find(|(name, _)| *name == wanted.name);
            value.map_or(wanted.default, |(_, value)| value)
        };
        let selector = FunctionSelector::parse(find(FUNC))
            .map_err(|message| UsageError::new(format!("option func of {analysis}: {message}")))?;
        let top = match find(TOP) {
            "all" => None,
            number => Some(number.parse().map_err(|_| {
                let message = format!("option top of {analysis}: `{number}` is no number");
                UsageError::new(message)
            })?),
        };
        Ok(Options {
            selector,
            top,
            values,
        })
    }

    /// The value of an option that the analysis declares.
    pub fn get(&self, name: &str) -> &str {
        let value = self.values.iter().find(|(known, _)| *known == name);
        value.map_or("", |(_, value)| value)
    }

    /// The number that an option has, if it is one.
    pub fn number(&self, name: &str) -> Option<u64> {
        number(self.get(name))
    }

    /// The duration that an option has, if it is one.
    pub fn duration(&self, name: &str) -> Option<Duration> {
        duration(self.get(name))
    }

    /// The geometry that an option has, or else its default.
    pub(crate) fn geometry(&self, option: &OptionInfo) -> Geometry {
        let given = Geometry::parse(self.get(option.name));
        given
            .or_else(|| Geometry::parse(option.default))
            .unwrap_or(Geometry {
                bytes: 16,
                ways: 1,
                line: 16,
            })
    }

    /// Whether the report lists what never executed.
    pub fn zero(&self) -> bool {
        self.get(ZERO.name) == "include"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[OptionInfo] = &[FUNC, TOP, ZERO];

    fn parse(given: &[(&str, &str)]) -> Result<Options, String> {
        let given: Vec<(String, String)> = given
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        Options::parse("hotness", KNOWN, &given).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_and_values() {
        let options = parse(&[]).expect("defaults");
        assert_eq!((options.top, options.zero()), (Some(20), false));
        let options = parse(&[("top", "all"), ("zero", "include")]).expect("values");
        assert_eq!((options.top, options.zero()), (None, true));
    }

    #[test]
    fn forms_of_values() {
        let option = |values| OptionInfo { values, ..FUNC };
        for (values, right, wrong) in [
            (
                &["all", NUMBER][..],
                &["all", "1", "1_000"][..],
                &["0", "-1", "+1", "", "1ms"][..],
            ),
            (
                &[DURATION],
                &["1ms", "20us", "1_0s"],
                &["1", "0s", "1h", "ms", "1.5s"],
            ),
            (
                &[LINE_POWER],
                &["8", "64", "4_096"],
                &["4", "48", "8192", "64K", ""],
            ),
            (
                &[GEOMETRY],
                &["32Kx8x64", "32768x8x64", "8Mx16x64", "96x3x16", "64x1x16"],
                &[
                    "32K",
                    "32Kx8",
                    "32Kx8x48",
                    "32Kx8x8",
                    "96x2x16",
                    "32Kx8x64x1",
                    "0x1x16",
                    "1x99999999999999999x16",
                    "2048Mx16x16",
                    "32kx8x64",
                ],
            ),
            (&[PAGE_POWER], &["4096", "65536"], &["2048", "131072"]),
        ] {
            let option = option(values);
            assert!(
                right.iter().all(|value| option.accepts(value)),
                "{values:?}"
            );
            assert!(
                !wrong.iter().any(|value| option.accepts(value)),
                "{values:?}"
            );
        }
        assert_eq!(duration("250us"), Some(Duration::from_micros(250)));
    }

    #[test]
    fn what_is_wrong_names_what_is_right() {
        let error = |given: &[(&str, &str)]| parse(given).err().unwrap_or_default();
        assert_eq!(
            error(&[("zeros", "x")]),
            "unknown option of hotness: `zeros`; did you mean `zero`?"
        );
        assert_eq!(
            error(&[("colour", "x")]),
            "unknown option of hotness: `colour`; known: func, top, zero"
        );
        assert_eq!(
            error(&[("zero", "inclde")]),
            "unknown value of hotness's option zero: `inclde`; did you mean `include`?"
        );
        assert_eq!(
            error(&[("top", "-1")]),
            "option top of hotness: `-1` is no number"
        );
        assert_eq!(
            error(&[("top", "1"), ("top", "2")]),
            "option top of hotness is given twice"
        );
        assert_eq!(
            error(&[("func", "")]),
            "option func of hotness: a function selector has an empty alternative"
        );
    }
}
