//! Commands that show what the program has, and `set`, which changes it.

use std::fmt::Write as _;

use probity_engine::ExternType;
use probity_engine::hook::ProbeContext;
use probity_probes::matcher::FunctionSelector;
use probity_probes::operator;

use super::commands::{Ask, Flow};
use super::edit::describe;
use super::eval::{View, integer};
use super::expr;
use super::place::{Position, shown, stack, wasm_value};
use super::points::{Event, Kind};
use super::state::{Display, State};
use super::value::{Form, read};
use crate::sources;

type Done = Result<Flow, String>;

/// Frames that `backtrace` shows without a number.
const FRAMES_MAX: usize = 100;

/// The Wasm frame of the frame that is selected.
pub(super) fn wasm_frame(
    state: &mut State,
    context: &mut ProbeContext<'_>,
    selected: usize,
) -> Result<usize, String> {
    Ok(position(state, context, selected)?.frame)
}

fn position(
    state: &mut State,
    context: &mut ProbeContext<'_>,
    selected: usize,
) -> Result<Position, String> {
    let frames = stack(&mut state.program, context, selected + 1);
    let count = frames.len();
    let found = frames.into_iter().nth(selected);
    found.ok_or_else(|| format!("there is no frame {selected}: the stack has {count}"))
}

/// Does something with the frame that is selected.
fn with_view<R>(
    state: &mut State,
    ask: &mut Ask<'_, '_>,
    f: impl FnOnce(&mut View<'_, '_>) -> Result<R, String>,
) -> Result<R, String> {
    let selected = state.selected;
    let context = ask.stopped()?;
    let frame = match selected {
        0 => 0,
        _ => wasm_frame(state, context, selected)?,
    };
    let view = View::new(&mut state.program, context, frame);
    f(&mut view.ok_or("the code is not watched")?)
}

pub(super) fn backtrace(state: &mut State, ask: &mut Ask<'_, '_>) -> Done {
    let limit = ask.count(FRAMES_MAX as u64)? as usize;
    let context = ask.stopped()?;
    let mut text = String::new();
    let frames = stack(&mut state.program, context, limit.saturating_add(1));
    for (nth, frame) in frames.iter().take(limit).enumerate() {
        let _ = writeln!(text, "#{nth:<3} {}", frame.headline());
    }
    if frames.len() > limit {
        let _ = writeln!(
            text,
            "(more frames follow; the stack has {})",
            context.depth()
        );
    }
    state.say(&text);
    Ok(Flow::Stay)
}

fn select(state: &mut State, ask: &mut Ask<'_, '_>, nth: usize) -> Done {
    let context = ask.stopped()?;
    let position = position(state, context, nth)?;
    state.selected = nth;
    state.listed = position.listed();
    let text = format!("#{nth:<3} {}", position.announce(&state.source_dirs, true));
    state.say(&text);
    Ok(Flow::Stay)
}

pub(super) fn frame(state: &mut State, ask: &mut Ask<'_, '_>) -> Done {
    let nth = ask.count(state.selected as u64)? as usize;
    select(state, ask, nth)
}

pub(super) fn up(state: &mut State, ask: &mut Ask<'_, '_>) -> Done {
    let nth = state.selected.saturating_add(ask.count(1)? as usize);
    select(state, ask, nth)
}

pub(super) fn down(state: &mut State, ask: &mut Ask<'_, '_>) -> Done {
    let by = ask.count(1)? as usize;
    match state.selected.checked_sub(by) {
        Some(nth) => select(state, ask, nth),
        None => Err("it is the innermost frame".to_owned()),
    }
}

pub(super) fn print(state: &mut State, ask: &mut Ask<'_, '_>) -> Done {
    let form = Form::named(ask.form)?;
    let expr = expr::parse(ask.args)?;
    let text = with_view(state, ask, |view| {
        let value = view.eval(&expr)?;
        Ok(view.show(&value, form))
    })?;
    state.say(&format!("{} = {text}\n", ask.args));
    Ok(Flow::Stay)
}

pub(super) fn set(state: &mut State, ask: &mut Ask<'_, '_>) -> Done {
    let args = ask.args.strip_prefix("var ").unwrap_or(ask.args);
    // The first `=` that compares nothing.
    let bytes = args.as_bytes();
    let single = (0..bytes.len()).find(|&at| {
        bytes[at] == b'='
            && bytes.get(at + 1) != Some(&b'=')
            && !matches!(
                at.checked_sub(1).map(|before| bytes[before]),
                Some(b'=' | b'!' | b'<' | b'>')
            )
    });
    let Some(at) = single else {
        return Err("set PLACE = EXPR: for example `set var n = 3`".to_owned());
    };
    let (place, value) = (args[..at].trim(), args[at + 1..].trim());
    let (target, expr) = (expr::parse(place)?, expr::parse(value)?);
    let text = with_view(state, ask, |view| {
        let value = view.assign(&target, &expr)?;
        Ok(view.show(&value, Form::Natural))
    })?;
    if let Some(context) = ask.context.as_deref_mut() {
        state.changed_by_user(context);
    }
    state.say(&format!("{place} = {text}\n"));
    Ok(Flow::Stay)
}

pub(super) fn display(state: &mut State, ask: &mut Ask<'_, '_>) -> Done {
    let form = Form::named(ask.form)?;
    if !ask.args.is_empty() {
        let expr = expr::parse(ask.args)?;
        let number = state.displays.iter().map(|d| d.number).max().unwrap_or(0) + 1;
        state.displays.push(Display {
            number,
            text: ask.args.to_owned(),
            expr,
            form,
        });
    }
    if let Some(context) = ask.context.as_deref_mut() {
        let text = state.displayed(context);
        state.say(&text);
    }
    Ok(Flow::Stay)
}

pub(super) fn undisplay(state: &mut State, ask: &mut Ask<'_, '_>) -> Done {
    match ask.args {
        "" => state.displays.clear(),
        text => {
            let number: u32 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
            let before = state.displays.len();
            state.displays.retain(|display| display.number != number);
            if state.displays.len() == before {
                return Err(format!("there is no display {number}"));
            }
        }
    }
    Ok(Flow::Stay)
}

impl State {
    /// What is shown at each stop.
    pub fn displayed(&mut self, context: &mut ProbeContext<'_>) -> String {
        let mut text = String::new();
        let Some(mut view) = View::new(&mut self.program, context, 0) else {
            return text;
        };
        for display in &self.displays {
            let value = view.eval(&display.expr);
            // What is not in scope here is not of interest here.
            if let Ok(value) = value {
                let shown = view.show(&value, display.form);
                let _ = writeln!(text, "{}: {} = {shown}", display.number, display.text);
            }
        }
        text
    }
}

pub(super) fn examine(state: &mut State, ask: &mut Ask<'_, '_>) -> Done {
    let digits = ask.form.find(|c: char| !c.is_ascii_digit());
    let (count, letters) = ask.form.split_at(digits.unwrap_or(ask.form.len()));
    let count: u64 = match count {
        "" => 1,
        text => text.parse().map_err(|_| format!("`{text}` is no count"))?,
    };
    let (mut format, mut unit) = ('x', 4);
    for letter in letters.chars() {
        match letter {
            'b' => unit = 1,
            'h' => unit = 2,
            'w' => unit = 4,
            'g' => unit = 8,
            'c' => (format, unit) = (letter, 1),
            'x' | 'd' | 'u' | 'o' | 't' | 's' => format = letter,
            other => {
                return Err(format!(
                    "unknown format `{other}`; known: x d u o t c s, b h w g"
                ));
            }
        }
    }
    let expr = expr::parse(ask.args)?;
    let (mut text, mut next) = (String::new(), 0);
    with_view(state, ask, |view| {
        let value = view.eval(&expr)?;
        let mut address = u64::try_from(integer(&value)?).map_err(|_| "that is no address")?;
        for nth in 0..count.min(1 << 16) {
            let per_line = if format == 's' {
                1
            } else {
                (16 / unit as u64).min(8)
            };
            if nth % per_line == 0 {
                let line = if nth == 0 { "" } else { "\n" };
                let _ = write!(text, "{line}{address:#x}:");
            }
            if format == 's' {
                let mut bytes = Vec::new();
                let mut byte = [0];
                while bytes.len() < 200 {
                    read(view.context, view.memory, address, &mut byte)?;
                    address += 1;
                    if byte[0] == 0 {
                        break;
                    }
                    bytes.push(byte[0]);
                }
                let _ = write!(text, "\t{:?}", String::from_utf8_lossy(&bytes));
                continue;
            }
            let mut bytes = [0; 8];
            if let Err(error) = read(view.context, view.memory, address, &mut bytes[..unit]) {
                // What could be read is shown.
                let _ = write!(text, "\t<{error}>");
                break;
            }
            address += unit as u64;
            let bits = u64::from_le_bytes(bytes);
            let unused = 64 - 8 * unit as u32;
            let signed = (bits << unused) as i64 >> unused;
            let width = 2 + 2 * unit;
            let _ = match format {
                'd' => write!(text, "\t{signed}"),
                'u' => write!(text, "\t{bits}"),
                'o' => write!(text, "\t{bits:#o}"),
                't' => write!(text, "\t{bits:#b}"),
                'c' => write!(text, "\t{bits} {:?}", char::from(bits as u8)),
                _ => write!(text, "\t{bits:#0width$x}"),
            };
        }
        next = address;
        Ok(())
    })?;
    text.push('\n');
    let form = ask.form.to_owned();
    state.repeat_as(&format!("x/{form} {next:#x}"));
    state.say(&text);
    Ok(Flow::Stay)
}

/// Lines that `list` shows.
const LINES: u32 = 10;

pub(super) fn list(state: &mut State, ask: &mut Ask<'_, '_>) -> Done {
    if !ask.args.is_empty() {
        let file = state.listed.as_ref().map(|(file, _)| file.clone());
        let spots = state.program.locate(ask.args, file.as_deref())?;
        let line = spots
            .first()
            .and_then(|spot| state.program.modules[spot.module].line(spot.pc));
        let line = line.ok_or("its line is not known; `disassemble` shows its operators")?;
        state.listed = Some((line.file.to_string(), line.line.saturating_sub(5).max(1)));
    } else if state.listed.is_none() {
        let mut entries = ["main", "__main_void", "__original_main", "_start"].into_iter();
        let spots = entries.find_map(|entry| state.program.locate(entry, None).ok());
        let spot = spots.and_then(|spots| spots.first().copied());
        let line = spot.and_then(|spot| state.program.modules[spot.module].line(spot.pc));
        let line = line.ok_or("the program has no line information")?;
        state.listed = Some((line.file.to_string(), line.line.saturating_sub(5).max(1)));
    }
    let Some((file, from)) = state.listed.clone() else {
        return Ok(Flow::Stay);
    };
    let source = sources::text(&state.source_dirs, &file);
    let source = source.ok_or_else(|| {
        format!("{file} is not there, or not below a directory that may be shown (--source-dir)")
    })?;
    let mut text = String::new();
    let mut shown = 0;
    for (nth, line) in source
        .lines()
        .enumerate()
        .skip(from as usize - 1)
        .take(LINES as usize)
    {
        let _ = writeln!(text, "{}\t{line}", nth + 1);
        shown += 1;
    }
    if shown == 0 {
        return Err(format!("{file} has no line {from}"));
    }
    state.listed = Some((file, from + LINES));
    state.repeat_as("list");
    state.say(&text);
    Ok(Flow::Stay)
}

pub(super) fn disassemble(state: &mut State, ask: &mut Ask<'_, '_>) -> Done {
    let (module, index, here) = match ask.args {
        "" => with_view(state, ask, |view| {
            Ok((view.module, view.index, Some(view.pc)))
        })?,
        name => {
            let found = state.program.functions_named(name)?;
            let (module, index) = found[0];
            let here = match ask.context {
                Some(_) => with_view(state, ask, |view| {
                    Ok(((view.module, view.index) == (module, index)).then_some(view.pc))
                })?,
                None => None,
            };
            (module, index, here)
        }
    };
    let known = &state.program.modules[module];
    let info = known
        .module
        .function(index)
        .ok_or("there is no such function")?;
    let operators = info.operators().map_err(|error| error.to_string())?;
    let mut text = format!("{}:\n", known.function_name(index));
    let mut depth = 1_usize;
    let mut line = None;
    for (pc, op) in &operators {
        let now = known.line(*pc);
        if now.is_some() && now != line {
            if let Some(now) = &now {
                let _ = writeln!(text, "{now}");
            }
            line = now;
        }
        let change = Nesting::of(op);
        depth = depth.saturating_sub(change.closes);
        let mark = if here == Some(*pc) { "=>" } else { "  " };
        let (offset, op) = (format!("{:#x}", pc.0), operator::text(op));
        let _ = writeln!(
            text,
            "{mark} {offset:>8}  {:indent$}{op}",
            "",
            indent = 2 * depth
        );
        depth += change.opens;
    }
    state.say(&text);
    Ok(Flow::Stay)
}

/// What an operator does to the depth of blocks.
struct Nesting {
    closes: usize,
    opens: usize,
}

impl Nesting {
    fn of(op: &probity_engine::wasmparser::Operator<'_>) -> Nesting {
        use probity_engine::wasmparser::Operator as O;
        let (closes, opens) = match op {
            O::Block { .. } | O::Loop { .. } | O::If { .. } | O::TryTable { .. } => (0, 1),
            O::Else => (1, 1),
            O::End => (1, 0),
            _ => (0, 0),
        };
        Nesting { closes, opens }
    }
}

pub(super) fn info(state: &mut State, ask: &mut Ask<'_, '_>) -> Done {
    let (what, rest) = ask.args.split_once(' ').unwrap_or((ask.args, ""));
    const KNOWN: [&str; 12] = [
        "breakpoints",
        "display",
        "frame",
        "args",
        "locals",
        "statics",
        "wasm",
        "globals",
        "memory",
        "functions",
        "sources",
        "line",
    ];
    let found = KNOWN
        .iter()
        .find(|known| !what.is_empty() && known.starts_with(what));
    let text = match found {
        Some(&"breakpoints") => points(state),
        Some(&"display") => state
            .displays
            .iter()
            .map(|d| format!("{}: {}\n", d.number, d.text))
            .collect(),
        Some(&"frame") => {
            let selected = state.selected;
            let context = ask.stopped()?;
            let position = position(state, context, selected)?;
            let (pc, headline) = (position.pc, position.headline());
            format!(
                "frame {selected} of {}: {headline}, offset {pc:#x}\n",
                context.depth()
            )
        }
        Some(&"args") => with_view(state, ask, |view| variables(view, true))?,
        Some(&"locals") => with_view(state, ask, |view| variables(view, false))?,
        Some(&"statics") => with_view(state, ask, statics)?,
        Some(&"wasm") => with_view(state, ask, wasm)?,
        Some(&"globals") => with_view(state, ask, globals)?,
        Some(&"memory") => with_view(state, ask, memories)?,
        Some(&"functions") => functions(state, rest)?,
        Some(&"sources") => files(state),
        Some(&"line") => {
            let file = state.listed.as_ref().map(|(file, _)| file.as_str());
            let spots = state.program.locate(rest, file)?;
            spots
                .iter()
                .map(|spot| describe(state, std::slice::from_ref(spot)) + "\n")
                .collect()
        }
        _ => return Err(format!("info WHAT: {}", KNOWN.join(", "))),
    };
    state.say(if text.is_empty() { "none\n" } else { &text });
    Ok(Flow::Stay)
}

fn points(state: &State) -> String {
    let mut text = String::new();
    for point in &state.points {
        let what = match &point.kind {
            Kind::Break { text, spots } => format!("{text} at {}", describe(state, spots)),
            Kind::Watch(watching) => watching.text.clone(),
            Kind::Catch(Event::Caught) => "caught exceptions".to_owned(),
            Kind::Catch(Event::Host(None)) => "calls of host functions".to_owned(),
            Kind::Catch(Event::Host(Some(name))) => format!("calls of {name}"),
        };
        let _ = write!(text, "{}: {what}", point.name());
        if let Some(condition) = &point.condition {
            let _ = write!(text, ", if {}", condition.text);
        }
        if !point.enabled {
            text.push_str(", disabled");
        }
        if point.ignored > 0 {
            let _ = write!(text, ", ignored {} more times", point.ignored);
        }
        let times = if point.hits == 1 { "time" } else { "times" };
        let _ = writeln!(text, ", hit {} {times}", point.hits);
    }
    text
}

/// Parameters, or all other variables that are in scope, by name and value.
fn variables(view: &mut View<'_, '_>, parameters: bool) -> Result<String, String> {
    let pc = view.pc;
    let known = view.known();
    let variables = known.variables(pc);
    let described = known
        .source
        .map()
        .and_then(|map| map.function(pc))
        .is_some();
    let mut text = String::new();
    for variable in variables
        .iter()
        .filter(|v| (v.is_parameter && v.depth == 1) == parameters)
    {
        let value = view.variable(variable);
        let _ = writeln!(text, "{} = {}", variable.name, shown(view, value));
    }
    if !described {
        let index = view.index;
        let info = view.known().module.function(index);
        let params = info.map_or(0, |info| info.num_params());
        let all = wasm_locals(view)?;
        let chosen = all
            .iter()
            .enumerate()
            .filter(|(i, _)| ((*i as u32) < params) == parameters);
        text.extend(chosen.map(|(_, line)| line.as_str()));
    }
    Ok(text)
}

/// The variables outside of functions.
fn statics(view: &mut View<'_, '_>) -> Result<String, String> {
    let mut text = String::new();
    for variable in view.known().statics().iter() {
        let value = view.variable(variable);
        let _ = writeln!(text, "{} = {}", variable.name, shown(view, value));
    }
    Ok(text)
}

/// One line a local.
fn wasm_locals(view: &mut View<'_, '_>) -> Result<Vec<String>, String> {
    let frame = view
        .context
        .frame_at(view.frame)
        .ok_or("the frame has ended")?;
    let count = frame.num_locals();
    let values: Vec<_> = (0..count).map(|i| frame.local(i)).collect();
    let line = |(i, value): (usize, &Option<probity_engine::Val>)| match value {
        Some(value) => format!("local{i} = {}\n", wasm_value(value)),
        None => format!("local{i} = <optimised out>\n"),
    };
    Ok(values.iter().enumerate().map(line).collect())
}

/// Locals and operands as Wasm has them.
fn wasm(view: &mut View<'_, '_>) -> Result<String, String> {
    let mut text: String = wasm_locals(view)?.concat();
    let frame = view
        .context
        .frame_at(view.frame)
        .ok_or("the frame has ended")?;
    for i in 0..frame.num_operands() {
        if let Some(value) = frame.top(i) {
            let _ = writeln!(text, "stack{i} = {}", wasm_value(&value));
        }
    }
    Ok(text)
}

fn globals(view: &mut View<'_, '_>) -> Result<String, String> {
    let mut text = String::new();
    for i in 0.. {
        let Some(global) = view.instance.global(view.context, i) else {
            break;
        };
        let value = global.get(view.context);
        let name = exported(view, |ty, nth| {
            matches!(ty, ExternType::Global(_)) && nth == i
        });
        let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
        let _ = writeln!(text, "global{i}{name} = {}", wasm_value(&value));
    }
    Ok(text)
}

/// The name by which something is exported.
fn exported(view: &mut View<'_, '_>, is: impl Fn(&ExternType, u32) -> bool) -> Option<String> {
    let module = &view.known().module;
    let mut exports = module.exports();
    let found = exports.find(|export| is(&export.ty, export.index))?;
    Some(found.name.to_owned())
}

fn memories(view: &mut View<'_, '_>) -> Result<String, String> {
    let mut text = String::new();
    for i in 0.. {
        let Some(memory) = view.instance.memory(view.context, i) else {
            break;
        };
        let pages = memory.size(view.context);
        let _ = writeln!(
            text,
            "memory {i}: {pages} pages, {:#x} bytes",
            pages * 65536
        );
    }
    Ok(text)
}

/// Functions that a list shows.
const FUNCTIONS_MAX: usize = 1000;

fn functions(state: &State, glob: &str) -> Result<String, String> {
    let selector = match glob.trim() {
        "" => FunctionSelector::all(),
        glob => FunctionSelector::parse(glob)?,
    };
    let mut text = String::new();
    let mut count = 0;
    for known in &state.program.modules {
        for index in known.module.num_imported_functions()..known.module.num_functions() {
            let info = known
                .module
                .function(index)
                .filter(|info| selector.matches(info));
            let Some(body) = info.and_then(|info| info.body()) else {
                continue;
            };
            count += 1;
            if count <= FUNCTIONS_MAX {
                let name = known.function_name(index);
                let line = known.body_start(index).and_then(|pc| known.line(pc));
                let line = line.map(|line| format!("  {line}")).unwrap_or_default();
                let _ = writeln!(text, "{index:>6}  {:#8x}  {name}{line}", body.start);
            }
        }
    }
    if count > FUNCTIONS_MAX {
        let _ = writeln!(
            text,
            "({} more; `info functions GLOB` chooses)",
            count - FUNCTIONS_MAX
        );
    }
    Ok(text)
}

fn files(state: &State) -> String {
    let mut files: Vec<String> = Vec::new();
    for known in &state.program.modules {
        let rows = known.source.map().map(|map| map.rows(0..u32::MAX));
        for row in rows.into_iter().flatten() {
            if files.last().map(String::as_str) != Some(&**row.file) {
                files.push(row.file.to_string());
            }
        }
    }
    files.sort_unstable();
    files.dedup();
    files.iter().map(|file| format!("{file}\n")).collect()
}
