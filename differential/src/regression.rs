//! What was once found wrong, kept as text with what must come out.
//!
//! A file is a module with comments: what was wrong, and lines that begin with `;;!`, in order:
//! `;;! call NAME ARGUMENTS => OUTCOME`, `;;! global NAME => VALUE`,
//! `;;! memory NAME OFFSET => BYTES` (in hexadecimal), `;;! instantiation => OUTCOME`. Names are
//! those of exports; values and outcomes are written as in [`crate::value`] and [`crate::end`].

use crate::case::{Call, Case};
use crate::end::End;
use crate::probity::{Engines, ProbitySide};
use crate::shape::Shape;
use crate::side::{Item, Side};
use crate::value::Value;
use crate::watch::Watch;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    Instantiation(End),
    Call(Call, End),
    Global(String, Value),
    Memory(String, usize, Vec<u8>),
}

/// Runs a file in Probity, unwatched and watched in every way.
///
/// # Errors
/// What is not as the file says, or cannot be read.
pub fn replay(engines: &Engines, text: &str) -> Result<(), String> {
    let lines: Result<Vec<Line>, String> = text
        .lines()
        .filter_map(|line| line.strip_prefix(";;!"))
        .map(parse)
        .collect();
    let lines = lines?;
    if lines.is_empty() {
        return Err("nothing is expected of it".to_owned());
    }
    let wasm = wat::parse_str(text).map_err(|error| error.to_string())?;
    let shape = Shape::of(&wasm).map_err(|error| error.to_string())?;
    let case = Case::of_module(0, wasm, shape);
    for watch in Watch::all() {
        for deterministic in [false, true] {
            run(engines, &case, deterministic, watch, &lines)
                .map_err(|what| format!("watched: {watch}: {what}"))?;
        }
    }
    Ok(())
}

fn run(
    engines: &Engines,
    case: &Case,
    deterministic: bool,
    watch: Watch,
    lines: &[Line],
) -> Result<(), String> {
    let mut side =
        ProbitySide::new(engines, case, deterministic, watch).map_err(|error| error.to_string())?;
    let mut start = &End::Results(Vec::new());
    for line in lines {
        match line {
            Line::Instantiation(end) => start = end,
            Line::Call(call, expected) => {
                let end = side.call(&call.export, &call.arguments);
                if end != *expected {
                    return Err(format!("{:?} => {end}, expected {expected}", call.export));
                }
            }
            Line::Global(name, expected) => match item(&mut side, case, name)? {
                Item::Global(value) if value == *expected => {}
                other => return Err(format!("{name:?} is {other:?}, expected {expected}")),
            },
            Line::Memory(name, at, expected) => {
                let Item::Memory(content) = item(&mut side, case, name)? else {
                    return Err(format!("{name:?} is no memory"));
                };
                let found = content.get(*at..).and_then(|c| c.get(..expected.len()));
                if found != Some(expected) {
                    return Err(format!("{name:?} at {at:#x} is {found:02x?}"));
                }
            }
        }
    }
    if side.start() != start {
        return Err(format!("instantiation => {}", side.start()));
    }
    side.watching.check()
}

fn item<'a>(side: &'a mut ProbitySide, case: &Case, name: &str) -> Result<Item<'a>, String> {
    let exports = &case.shape.exports;
    let index = exports.iter().position(|export| export.name == name);
    let item = index.and_then(|index| side.items().into_iter().nth(index));
    item.ok_or_else(|| format!("no export {name:?}"))
}

fn parse(line: &str) -> Result<Line, String> {
    let wrong = || format!("cannot read `{line}`");
    let (left, right) = line.split_once("=>").ok_or_else(wrong)?;
    let mut words = left.split_whitespace();
    let (kind, name) = (words.next().ok_or_else(wrong)?, words.next());
    let name = name.map(str::to_owned);
    Ok(match kind {
        "instantiation" => Line::Instantiation(right.parse()?),
        "call" => {
            let arguments: Result<Vec<Value>, String> = words.map(str::parse).collect();
            let call = Call {
                export: name.ok_or_else(wrong)?,
                arguments: arguments?,
            };
            Line::Call(call, right.parse()?)
        }
        "global" => Line::Global(name.ok_or_else(wrong)?, right.trim().parse()?),
        "memory" => {
            let at = words.next().and_then(|at| at.parse().ok());
            let bytes = right.split_whitespace();
            let bytes: Result<Vec<u8>, _> = bytes.map(|b| u8::from_str_radix(b, 16)).collect();
            let bytes = bytes.map_err(|_| wrong())?;
            Line::Memory(name.ok_or_else(wrong)?, at.ok_or_else(wrong)?, bytes)
        }
        _ => return Err(wrong()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &str = r#"(module
        (memory (export "m") 1) (data (i32.const 3) "\01\02")
        (global (export "g") (mut i32) (i32.const 5))
        (func (export "f") (param i32) (result i32) local.get 0 i32.const 1 i32.add))
    "#;

    fn check(lines: &str) -> Result<(), String> {
        replay(&Engines::default(), &format!("{lines}\n{MODULE}"))
    }

    #[test]
    fn what_is_expected_is_compared() {
        let right = ";;! call f i32:2 => i32:3\n;;! global g => i32:5\n;;! memory m 2 => 00 01 02";
        assert_eq!(check(right), Ok(()));
        for wrong in [
            "",
            ";;! call f i32:2 => i32:4",
            ";;! call f i32:2 => trap memory",
            ";;! global g => i32:6",
            ";;! memory m 2 => 01",
            ";;! memory m 65536 => 00",
            ";;! instantiation => trap unreachable\n;;! call f i32:2 => i32:3",
            ";;! call h => returned",
            ";;! something => else",
        ] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }
}
