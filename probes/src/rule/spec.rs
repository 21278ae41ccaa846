//! The first part of a rule: `provider:package:event:mode`, which says at what it
//! fires. Every part may have patterns, several between `|`; what is left out is
//! anything, or the usual.

use std::fmt;
use std::ops::Range;

use super::ast::Globs;
use super::error::RuleError;
use crate::nearest::nearest;
use crate::opcode::{Class, Opcode};

/// What a rule fires at.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spec {
    /// By the index of the opcode.
    pub opcodes: Vec<bool>,
    /// All operators of these classes too.
    pub classes: Vec<Class>,
    /// When a site of an opcode fires.
    pub modes: Vec<Mode>,
    /// What is no opcode.
    pub structure: Vec<Structure>,
    /// Units of fuel from one tick to the next.
    pub tick_units: u64,
}

/// When a site fires, in relation to its operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Mode {
    /// Each time control reaches it.
    Before,
    /// Each time it has completed and control goes on to the operator behind it.
    After,
}

/// Events that are no operators: of functions, blocks and loops, of exceptions, and of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Structure {
    /// `wasm:func:entry`: before everything else of the function.
    FunctionEntry,
    /// `wasm:func:exit`: every way out of the function; traps, exceptions and tail
    /// calls too.
    FunctionExit,
    /// `wasm:block:entry`: before the first operator of a basic block.
    BlockEntry,
    /// `wasm:block:exit`: before the last operator of a basic block.
    BlockExit,
    /// `wasm:loop:entry`: control comes to a loop, not back to it.
    LoopEntry,
    /// `wasm:loop:iter`: each round of a loop, the first included.
    LoopIteration,
    /// `wasm:loop:back`: control has come back to a loop.
    LoopBack,
    /// `wasm:edge:taken`: control goes from the end of a basic block to another than that behind it.
    EdgeTaken,
    /// `wasm:edge:falls`: control goes from the end of a basic block on to the one behind it.
    EdgeFalls,
    /// `wasm:exception:catch`: a `try_table` catches an exception.
    Catch,
    /// `wasm:func:trap`: a trap, or an error of the host, is about to unwind the function and those that called it.
    Trap,
    /// `wasm:fuel:tick`: so much more fuel has been consumed.
    FuelTick,
}

impl Structure {
    fn part(self) -> (&'static str, &'static str) {
        match self {
            Structure::FunctionEntry => ("func", "entry"),
            Structure::FunctionExit => ("func", "exit"),
            Structure::BlockEntry => ("block", "entry"),
            Structure::BlockExit => ("block", "exit"),
            Structure::LoopEntry => ("loop", "entry"),
            Structure::LoopIteration => ("loop", "iter"),
            Structure::LoopBack => ("loop", "back"),
            Structure::EdgeTaken => ("edge", "taken"),
            Structure::EdgeFalls => ("edge", "falls"),
            Structure::Catch => ("exception", "catch"),
            Structure::Trap => ("func", "trap"),
            Structure::FuelTick => ("fuel", "tick"),
        }
    }

    /// Whether it may happen at any operator, so that nothing is known of the site before it does.
    pub(super) fn is_anywhere(self) -> bool {
        matches!(self, Structure::Trap | Structure::FuelTick)
    }

    const ALL: [Structure; 12] = [
        Structure::FunctionEntry,
        Structure::FunctionExit,
        Structure::BlockEntry,
        Structure::BlockExit,
        Structure::LoopEntry,
        Structure::LoopIteration,
        Structure::LoopBack,
        Structure::EdgeTaken,
        Structure::EdgeFalls,
        Structure::Catch,
        Structure::Trap,
        Structure::FuelTick,
    ];
}

/// At what a site fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Event {
    /// A function, block or loop.
    Structure(Structure),
    /// An operator.
    Opcode(Opcode, Mode),
}

impl fmt::Display for Event {
    /// As a rule names it, such as `wasm:opcode:call:before`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Opcode(opcode, mode) => {
                let mode = match mode {
                    Mode::Before => "before",
                    Mode::After => "after",
                };
                write!(f, "wasm:opcode:{}:{mode}", opcode.mnemonic())
            }
            Event::Structure(structure) => {
                let (package, event) = structure.part();
                write!(f, "wasm:{package}:{event}")
            }
        }
    }
}

/// The package of ticks. A pattern does not mean it, for code that counts fuel is slower.
const FUEL: &str = "fuel";

/// Units of fuel from one tick to the next, if the rule does not say it.
const TICK_UNITS: u64 = 1_000_000;

const PACKAGES: [&str; 11] = [
    "opcode",
    "func",
    "block",
    "loop",
    "edge",
    "memory",
    "table",
    "global",
    "object",
    "exception",
    FUEL,
];

/// Operators by what they do: package, event, and their names.
const GROUPS: [(&str, &str, &str); 9] = [
    ("memory", "access", "*.load*|*.store*|*.atomic.rmw*"),
    ("memory", "grow", "memory.grow"),
    ("memory", "bulk", "memory.copy|memory.fill|memory.init"),
    ("table", "access", "table.get|table.set"),
    ("table", "grow", "table.grow"),
    ("table", "bulk", "table.copy|table.fill|table.init"),
    ("global", "access", "global.get|global.set"),
    ("object", "new", "struct.new*|array.new*"),
    ("exception", "throw", "throw|throw_ref"),
];

/// Modes by name; with what to do instead of those that are none.
const MODES: [(&str, Result<Mode, &str>); 8] = [
    ("before", Ok(Mode::Before)),
    ("after", Ok(Mode::After)),
    (
        "alt",
        Err("a rule watches and changes nothing; use `before`"),
    ),
    (
        "block_alt",
        Err("a rule watches and changes nothing; use `before`"),
    ),
    (
        "entry",
        Err("write `wasm:func:entry`, `wasm:block:entry` or `wasm:loop:entry`"),
    ),
    ("exit", Err("write `wasm:func:exit` or `wasm:block:exit`")),
    (
        "semantic_after",
        Err("use `before` of what is branched to, or `wasm:block:entry`"),
    ),
    (
        "at_target",
        Err("use `before` of what is branched to, or `wasm:block:entry`"),
    ),
];

/// A part of the specification, and where it stands.
#[derive(Clone)]
struct Part<'t> {
    text: &'t str,
    span: Range<usize>,
}

impl Part<'_> {
    fn alternatives(&self) -> impl Iterator<Item = &str> {
        self.text.split('|').map(str::trim)
    }

    fn globs(&self) -> Globs {
        Globs::new(if self.text.is_empty() { "*" } else { self.text })
    }

    fn is_pattern(&self) -> bool {
        self.text.is_empty() || self.text.contains(['*', '?', '|'])
    }
}

/// Reads a specification that stands at `span` of a rule.
pub(super) fn parse(rule: &str, span: Range<usize>) -> Result<Spec, RuleError> {
    let error =
        |span: &Range<usize>, message: String| Err(RuleError::new(rule, span.clone(), message));
    let parts = parts(rule, span.clone());
    if parts.iter().all(|part| part.text.is_empty()) && parts.len() < 2 {
        let message =
            "a rule begins with what it matches, such as `call`, `*.load*` or `wasm:func:entry`";
        return error(&span, message.to_owned());
    }
    if let Some(part) = parts.iter().find(|part| part.text.contains(['(', ')'])) {
        let message =
            "there are no type bounds; operands have the types that the program gives them";
        return error(&part.span, message.to_owned());
    }
    if let Some(part) = parts.iter().find(|part| {
        part.alternatives()
            .any(|text| text.contains(char::is_whitespace))
    }) {
        let message = "nothing follows the event but `/ PREDICATE /` and `{ ACTIONS }`";
        return error(&part.span, message.to_owned());
    }

    let [provider, package, event, mode] = assign(rule, &span, parts)?;
    if !provider.globs().matches("wasm") {
        let message = format!("unknown provider `{}`; there is `wasm`", provider.text);
        return error(&provider.span, message);
    }
    let globs = package.globs();
    let named = |name| package.alternatives().any(|text| text == name);
    let packages = PACKAGES.map(|name| match name {
        FUEL => named(name),
        _ => globs.matches(name),
    });
    if matches!(package.text, "begin" | "end" | "report") {
        let message = "results are reported when the run is over; there is no event for that";
        return error(&package.span, message.to_owned());
    }
    if !packages.contains(&true) {
        return error(&package.span, unknown("package", package.text, PACKAGES));
    }

    let [of_opcodes, ..] = packages;
    let mut spec = Spec {
        opcodes: Vec::new(),
        classes: Vec::new(),
        modes: Vec::new(),
        structure: structure(&event, packages),
        tick_units: TICK_UNITS,
    };
    let (classes, globs): (Vec<&str>, Vec<&str>) =
        event.alternatives().partition(|text| text.starts_with('@'));
    if of_opcodes {
        for class in classes {
            spec.classes.extend(self::classes(rule, &event, class)?);
        }
        if event.text.is_empty() || !globs.is_empty() {
            let nothing_else =
                spec.structure.is_empty() && groups(&event, packages).next().is_none();
            spec.opcodes = opcodes(rule, &event, &globs, nothing_else)?;
        }
    }
    for (_, _, names) in groups(&event, packages) {
        let globs = Globs::new(names);
        spec.opcodes.resize(Opcode::all().len(), false);
        for opcode in Opcode::all().filter(|opcode| globs.matches(opcode.mnemonic())) {
            spec.opcodes[opcode.index()] = true;
        }
    }
    let any_opcode = spec.opcodes.contains(&true) || !spec.classes.is_empty();
    if !any_opcode && spec.structure.is_empty() {
        let names = Structure::ALL.into_iter().map(Structure::part);
        let names = names.chain(GROUPS.map(|(package, event, _)| (package, event)));
        let names = names
            .filter(|(package, _)| globs_contain(&packages, package))
            .map(|(_, event)| event);
        let names: Vec<&str> = names.collect();
        return error(&event.span, unknown("event", event.text, names));
    }
    if let Some(units) = tick_units(rule, &mode, &spec, any_opcode)? {
        spec.tick_units = units;
        return Ok(spec);
    }
    spec.modes = modes(rule, &mode, any_opcode, &spec)?;
    Ok(spec)
}

fn globs_contain(packages: &[bool; PACKAGES.len()], name: &str) -> bool {
    PACKAGES
        .iter()
        .zip(packages)
        .any(|(known, &chosen)| chosen && *known == name)
}

fn unknown<'k>(what: &str, given: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(given, known.iter().copied()) {
        Some(name) => format!("unknown {what} `{given}`; did you mean `{name}`?"),
        None => format!("unknown {what} `{given}`; known: {}", known.join(", ")),
    }
}

/// The texts between colons, without blanks around them.
fn parts(rule: &str, span: Range<usize>) -> Vec<Part<'_>> {
    let mut at = span.start;
    let parts = rule[span].split(':').map(|text| {
        let start = at + (text.len() - text.trim_start().len());
        at += text.len() + 1;
        let text = text.trim();
        Part {
            text,
            span: start..start + text.len(),
        }
    });
    parts.collect()
}

/// Which part is what: the last ones may be left out, and the first.
fn assign<'t>(
    rule: &str,
    span: &Range<usize>,
    parts: Vec<Part<'t>>,
) -> Result<[Part<'t>; 4], RuleError> {
    let usual = |text: &'static str| Part {
        text,
        span: span.start..span.start,
    };
    let end = || Part {
        text: "",
        span: span.end..span.end,
    };
    let is_mode = |part: &Part<'_>| MODES.iter().any(|(name, _)| *name == part.text);
    let is_package = |part: &Part<'_>| PACKAGES.contains(&part.text);
    let is_event = |parts: &[Part<'_>]| {
        let names = (parts[0].text, parts[1].text);
        let group = |&(package, event, _): &(&str, &str, &str)| (package, event) == names;
        Structure::ALL.iter().any(|event| event.part() == names) || GROUPS.iter().any(group)
    };
    let mut parts = parts;
    let len = parts.len();
    if len > 4 {
        let message = "a rule has four parts at most: `provider:package:event:mode`";
        return Err(RuleError::new(rule, parts[4].span.clone(), message));
    }
    // `call`, `call:before`; `func:entry`, `loop:iter`; `opcode:call:before`.
    let event_first = len == 1 && parts[0].text != "wasm"
        || len == 2
            && parts[0].text != "wasm"
            && !is_event(&parts)
            && (is_mode(&parts[1]) || !is_package(&parts[0]));
    if event_first {
        parts.insert(0, usual("wasm"));
        parts.insert(1, usual("opcode"));
    } else if len < 4 && is_package(&parts[0]) {
        parts.insert(0, usual("wasm"));
    }
    parts.resize(4, end());
    parts
        .try_into()
        .map_err(|_| RuleError::new(rule, span.clone(), "too many parts"))
}

/// The structural events that are meant.
fn structure(event: &Part<'_>, packages: [bool; PACKAGES.len()]) -> Vec<Structure> {
    let globs = event.globs();
    let chosen = Structure::ALL.into_iter().filter(|structure| {
        let (package, name) = structure.part();
        globs_contain(&packages, package) && globs.matches(name)
    });
    chosen.collect()
}

/// The groups of operators that are meant.
fn groups(
    event: &Part<'_>,
    packages: [bool; PACKAGES.len()],
) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let globs = event.globs();
    GROUPS
        .into_iter()
        .filter(move |(package, name, _)| globs_contain(&packages, package) && globs.matches(name))
}

/// The opcodes that are meant. `must` if nothing else is.
fn opcodes(
    rule: &str,
    event: &Part<'_>,
    patterns: &[&str],
    must: bool,
) -> Result<Vec<bool>, RuleError> {
    let mut chosen = vec![false; Opcode::all().len()];
    for pattern in patterns {
        let globs = Globs::new(if pattern.is_empty() { "*" } else { pattern });
        let mut any = false;
        for opcode in Opcode::all().filter(|opcode| globs.matches(opcode.mnemonic())) {
            chosen[opcode.index()] = true;
            any = true;
        }
        if !any && must {
            let names = Opcode::all().map(Opcode::mnemonic);
            let mut message = format!("no opcode is called `{pattern}`");
            let class = Class::ALL.iter().any(|class| class.name() == *pattern);
            if class {
                message += &format!("; the class is `@{pattern}`");
            } else if let Some(name) = nearest(pattern, names) {
                message += &format!("; did you mean `{name}`?");
            }
            return Err(RuleError::new(rule, event.span.clone(), message));
        }
    }
    Ok(chosen)
}

/// The classes that `@PATTERN` means.
fn classes(rule: &str, event: &Part<'_>, text: &str) -> Result<Vec<Class>, RuleError> {
    let pattern = text.trim_start_matches('@');
    let globs = Globs::new(pattern);
    let chosen = Class::ALL
        .into_iter()
        .filter(|class| globs.matches(class.name()));
    let chosen: Vec<Class> = chosen.collect();
    if chosen.is_empty() {
        let message = unknown("class", pattern, Class::ALL.map(Class::name));
        return Err(RuleError::new(rule, event.span.clone(), message));
    }
    Ok(chosen)
}

/// What stands in place of a mode where a rule is about ticks alone: the units of fuel from one to the next, digits that `_` may
/// separate.
fn tick_units(
    rule: &str,
    mode: &Part<'_>,
    spec: &Spec,
    any_opcode: bool,
) -> Result<Option<u64>, RuleError> {
    if any_opcode || spec.structure != [Structure::FuelTick] || mode.is_pattern() {
        return Ok(None);
    }
    let units = mode.text.replace('_', "").parse();
    match units.ok().filter(|&units| units > 0) {
        Some(units) => Ok(Some(units)),
        None => {
            let message = format!(
                "`{}` is no number of units of fuel, such as `wasm:fuel:tick:100_000`",
                mode.text
            );
            Err(RuleError::new(rule, mode.span.clone(), message))
        }
    }
}

fn modes(
    rule: &str,
    mode: &Part<'_>,
    any_opcode: bool,
    spec: &Spec,
) -> Result<Vec<Mode>, RuleError> {
    let error = |message: String| Err(RuleError::new(rule, mode.span.clone(), message));
    if mode.text.is_empty() {
        return Ok(vec![Mode::Before]);
    }
    if !any_opcode && !mode.is_pattern() {
        let event = spec.structure[0];
        return error(format!(
            "`{}` has no mode; leave `:{}` out",
            Event::Structure(event),
            mode.text
        ));
    }
    let globs = mode.globs();
    let named = MODES.iter().filter(|(name, _)| globs.matches(name));
    let modes: Vec<Mode> = named.clone().filter_map(|(_, mode)| mode.ok()).collect();
    match (modes.is_empty(), named.clone().next()) {
        (false, _) => Ok(modes),
        (true, Some((name, Err(instead)))) => {
            error(format!("mode `{name}` is not supported: {instead}"))
        }
        _ => error(unknown("mode", mode.text, ["before"])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Spec, RuleError> {
        parse(text, 0..text.len())
    }

    fn names(text: &str) -> Vec<String> {
        let spec = read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let opcodes =
            Opcode::all().filter(|opcode| spec.opcodes.get(opcode.index()) == Some(&true));
        let mut names: Vec<String> = opcodes.map(|opcode| opcode.mnemonic().to_owned()).collect();
        names.extend(
            spec.classes
                .iter()
                .map(|class| format!("@{}", class.name())),
        );
        names.extend(
            spec.structure
                .iter()
                .map(|s| Event::Structure(*s).to_string()),
        );
        names
    }

    #[test]
    fn forms() {
        let calls = ["call", "call_indirect", "call_ref"];
        for (text, expected) in [
            ("wasm:opcode:call:before", &["call"][..]),
            ("wasm:opcode:call", &["call"]),
            ("wasm::call", &["call"]),
            ("opcode:call", &["call"]),
            ("opcode:call:before", &["call"]),
            ("call:before", &["call"]),
            ("call:bef*", &["call"]),
            ("call", &["call"]),
            ("call*", &calls),
            ("w*:op*:call*:*", &calls),
            ("return|return_call", &["return", "return_call"]),
            ("i32.load | f?4.load", &["i32.load", "f64.load"]),
            ("loop", &["loop"]),
            ("loop:before", &["loop"]),
            ("@load|drop", &["drop", "@load"]),
            ("@float*", &["@float", "@float_div"]),
            ("wasm:func:entry", &["wasm:func:entry"]),
            ("func:entry", &["wasm:func:entry"]),
            (
                "func:*",
                &["wasm:func:entry", "wasm:func:exit", "wasm:func:trap"],
            ),
            ("wasm:func:e*", &["wasm:func:entry", "wasm:func:exit"]),
            ("func:trap", &["wasm:func:trap"]),
            ("fuel:tick", &["wasm:fuel:tick"]),
            ("wasm:fuel", &["wasm:fuel:tick"]),
            ("fuel:tick:1_000", &["wasm:fuel:tick"]),
            ("wasm:fuel|func:t*", &["wasm:func:trap", "wasm:fuel:tick"]),
            ("exception:catch", &["wasm:exception:catch"]),
            ("loop:iter", &["wasm:loop:iter"]),
            ("wasm:loop:back", &["wasm:loop:back"]),
            ("edge:taken", &["wasm:edge:taken"]),
            ("wasm:edge", &["wasm:edge:taken", "wasm:edge:falls"]),
            ("memory:grow", &["memory.grow"]),
            ("wasm:*:grow", &["memory.grow", "table.grow"]),
            ("wasm:memory:grow:after", &["memory.grow"]),
            ("table:access", &["table.get", "table.set"]),
            (
                "exception:*",
                &["throw", "throw_ref", "wasm:exception:catch"],
            ),
            (
                "wasm:*:entry",
                &["wasm:func:entry", "wasm:block:entry", "wasm:loop:entry"],
            ),
        ] {
            assert_eq!(names(text), expected, "{text}");
        }
        let all = Opcode::all().len();
        for text in ["*", "wasm:opcode:*:before", "wasm:opcode", "*:before"] {
            assert_eq!(names(text).len(), all, "{text}");
        }
        // All but ticks of fuel.
        for text in ["wasm", "wasm:*:*:before", ":::"] {
            assert_eq!(names(text).len(), all + Structure::ALL.len() - 1, "{text}");
        }
        assert_eq!(read("fuel:tick:1_000").map(|s| s.tick_units), Ok(1000));
        assert_eq!(read("fuel:tick").map(|s| s.tick_units), Ok(TICK_UNITS));
    }

    #[test]
    fn what_is_wrong_and_where() {
        for (text, span, message) in [
            (
                "cal",
                0..3,
                "no opcode is called `cal`; did you mean `call`?",
            ),
            (
                "wasm:opcode:i32.lod:before",
                12..19,
                "no opcode is called `i32.lod`; did you mean `i32.load`?",
            ),
            (
                "mul",
                0..3,
                "no opcode is called `mul`; the class is `@mul`",
            ),
            ("@lod", 0..4, "unknown class `lod`; did you mean `load`?"),
            (
                "wasi:opcode:call:before",
                0..4,
                "unknown provider `wasi`; there is `wasm`",
            ),
            (
                "wasm:opcod:call",
                5..10,
                "unknown package `opcod`; did you mean `opcode`?",
            ),
            (
                "func:enter",
                5..10,
                "unknown event `enter`; did you mean `entry`?",
            ),
            (
                "memory:groww",
                7..12,
                "unknown event `groww`; did you mean `grow`?",
            ),
            (
                "edge:taken:after",
                11..16,
                "`wasm:edge:taken` has no mode; leave `:after` out",
            ),
            (
                "func:entry:before",
                11..17,
                "`wasm:func:entry` has no mode; leave `:before` out",
            ),
            (
                "fuel:tick:0",
                10..11,
                "`0` is no number of units of fuel, such as `wasm:fuel:tick:100_000`",
            ),
            (
                "wasm:fuel:tick:1k",
                15..17,
                "`1k` is no number of units of fuel, such as `wasm:fuel:tick:100_000`",
            ),
            (
                "func:trap:before",
                10..16,
                "`wasm:func:trap` has no mode; leave `:before` out",
            ),
            (
                "call:alt",
                5..8,
                "mode `alt` is not supported: a rule watches and changes nothing; use `before`",
            ),
            (
                "call:befor",
                5..10,
                "unknown mode `befor`; did you mean `before`?",
            ),
            (
                "wasm:end",
                5..8,
                "results are reported when the run is over; there is no event for that",
            ),
            (
                "call(arg0: i32):before",
                0..9,
                "there are no type bounds; operands have the types that the program gives them",
            ),
            (
                "call count",
                0..10,
                "nothing follows the event but `/ PREDICATE /` and `{ ACTIONS }`",
            ),
            (
                "a:b:c:d:e",
                8..9,
                "a rule has four parts at most: `provider:package:event:mode`",
            ),
            (
                "",
                0..0,
                "a rule begins with what it matches, such as `call`, `*.load*` or `wasm:func:entry`",
            ),
        ] {
            let error = read(text).expect_err(text);
            assert_eq!((error.message(), error.span()), (message, span), "{text}");
        }
    }
}
