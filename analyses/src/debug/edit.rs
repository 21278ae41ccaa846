//! Commands that say where the program is to stop.

use super::commands::{Ask, Flow};
use super::eval::View;
use super::expr;
use super::inspect::wasm_frame;
use super::location::Spot;
use super::points::{Condition, Event, Kind, Point};
use super::state::State;
use super::watch::Watching;

/// Adds a point; gives its number.
pub(super) fn add(
    state: &mut State,
    kind: Kind,
    temporary: bool,
    condition: Option<Condition>,
) -> u32 {
    state.last_number += 1;
    let point = Point::new(state.last_number, kind);
    state.points.push(Point {
        temporary,
        condition,
        ..point
    });
    state.last_number
}

/// What stands before ` if `, and the condition behind it.
fn split_condition(text: &str) -> Result<(&str, Option<Condition>), String> {
    let (what, condition) = match text.strip_prefix("if ") {
        Some(condition) => ("", Some(condition)),
        None => match text.split_once(" if ") {
            Some((what, condition)) => (what, Some(condition)),
            None => (text, None),
        },
    };
    let condition = condition.map(read_condition).transpose()?;
    Ok((what.trim(), condition))
}

fn read_condition(text: &str) -> Result<Condition, String> {
    Ok(Condition {
        expr: expr::parse(text)?,
        text: text.trim().to_owned(),
    })
}

pub(super) fn break_at(
    state: &mut State,
    ask: &mut Ask<'_, '_>,
    temporary: bool,
) -> Result<Flow, String> {
    let (place, condition) = split_condition(ask.args)?;
    let (text, spots) = match place {
        "" => {
            let selected = state.selected;
            let context = ask.stopped()?;
            let frame = wasm_frame(state, context, selected)?;
            let view = View::new(&mut state.program, context, frame);
            let view = view.ok_or("the code is not watched")?;
            let spot = Spot {
                module: view.module,
                index: view.index,
                pc: view.pc,
            };
            (format!("*{:#x}", spot.pc.0), vec![spot])
        }
        place => {
            let file = state.listed.as_ref().map(|(file, _)| file.as_str());
            (place.to_owned(), state.program.locate(place, file)?)
        }
    };
    let told = describe(state, &spots);
    let number = add(state, Kind::Break { text, spots }, temporary, condition);
    let name = if temporary {
        "Temporary breakpoint"
    } else {
        "Breakpoint"
    };
    state.say(&format!("{name} {number} at {told}\n"));
    Ok(Flow::Stay)
}

/// Where spots are.
pub(super) fn describe(state: &State, spots: &[Spot]) -> String {
    let one = |spot: &Spot| {
        let known = &state.program.modules[spot.module];
        let function = known.function_name(spot.index);
        match known.line(spot.pc) {
            Some(line) => format!("{:#x}: {function}, {line}", spot.pc.0),
            None => format!("{:#x}: {function}", spot.pc.0),
        }
    };
    match spots {
        [spot] => one(spot),
        [first, ..] => format!("{} places, the first {}", spots.len(), one(first)),
        [] => "no place".to_owned(),
    }
}

pub(super) fn watch(state: &mut State, ask: &mut Ask<'_, '_>) -> Result<Flow, String> {
    let (text, condition) = split_condition(ask.args)?;
    let expr = expr::parse(text)?;
    let selected = state.selected;
    let shared = ask.shared;
    let context = ask.stopped()?;
    let frame = wasm_frame(state, context, selected)?;
    let view = View::new(&mut state.program, context, frame);
    let mut view = view.ok_or("the code is not watched")?;
    let mut watching = Watching::new(&mut view, text, &expr)?;
    let number = state.last_number + 1;
    let started: Vec<_> = state.started.iter().copied().collect();
    watching.attach(shared, number, &mut context.probes(), started.into_iter());
    let number = add(state, Kind::Watch(watching), false, condition);
    state.say(&format!("Watchpoint {number}: {text}\n"));
    Ok(Flow::Stay)
}

pub(super) fn catch(state: &mut State, ask: &mut Ask<'_, '_>) -> Result<Flow, String> {
    let (what, condition) = split_condition(ask.args)?;
    let mut words = what.split_whitespace();
    let event = match words.next() {
        Some("trap") => {
            state.catch_traps = words.next() != Some("off");
            state.say(match state.catch_traps {
                true => "The program stops where it traps.\n",
                false => "Traps end the program without a stop.\n",
            });
            return Ok(Flow::Stay);
        }
        Some("exception") => Event::Caught,
        Some("host") => Event::Host(words.next().map(str::to_owned)),
        _ => return Err("what may be caught: trap [off], exception, host [NAME]".to_owned()),
    };
    let number = add(state, Kind::Catch(event), false, condition);
    state.say(&format!("Catchpoint {number}: {what}\n"));
    Ok(Flow::Stay)
}

/// The point of a number.
fn point<'s>(state: &'s mut State, text: &str) -> Result<&'s mut Point, String> {
    let number: Option<u32> = text.parse().ok();
    let found = state
        .points
        .iter_mut()
        .find(|point| Some(point.number) == number);
    found.ok_or_else(|| format!("there is no breakpoint `{text}`; `info breakpoints` lists them"))
}

pub(super) fn condition(state: &mut State, ask: &mut Ask<'_, '_>) -> Result<Flow, String> {
    let (number, text) = ask.args.split_once(' ').unwrap_or((ask.args, ""));
    let condition = match text.trim() {
        "" => None,
        text => Some(read_condition(text)?),
    };
    point(state, number)?.condition = condition;
    Ok(Flow::Stay)
}

pub(super) fn ignore(state: &mut State, ask: &mut Ask<'_, '_>) -> Result<Flow, String> {
    let usage = "ignore N COUNT: a breakpoint, and how often it does not stop";
    let (number, count) = ask.args.split_once(' ').ok_or(usage)?;
    let count = count.trim().parse().map_err(|_| usage)?;
    point(state, number)?.ignored = count;
    Ok(Flow::Stay)
}

pub(super) fn enable(
    state: &mut State,
    ask: &mut Ask<'_, '_>,
    enabled: bool,
) -> Result<Flow, String> {
    if ask.args.is_empty() {
        for point in &mut state.points {
            point.enabled = enabled;
        }
    }
    for number in ask.args.split_whitespace() {
        point(state, number)?.enabled = enabled;
    }
    Ok(Flow::Stay)
}

pub(super) fn delete(state: &mut State, ask: &mut Ask<'_, '_>) -> Result<Flow, String> {
    let mut numbers = Vec::new();
    for number in ask.args.split_whitespace() {
        numbers.push(point(state, number)?.number);
    }
    let all = ask.args.is_empty();
    let mut kept = Vec::new();
    for mut point in std::mem::take(&mut state.points) {
        if !all && !numbers.contains(&point.number) {
            kept.push(point);
        } else if let (Kind::Watch(watching), Some(context)) =
            (&mut point.kind, ask.context.as_deref_mut())
        {
            watching.detach(&mut context.probes());
        }
    }
    state.points = kept;
    Ok(Flow::Stay)
}
