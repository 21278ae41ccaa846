//! The commands: their table, and those that make the program go on.

use probity_engine::hook::ProbeContext;
use probity_probes::nearest::nearest;

use super::edit;
use super::eval::View;
use super::inspect;
use super::points::{Kind, Point};
use super::state::{Shared, State};
use super::step::{Step, Stride};

/// What becomes of the program behind a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// The next command is read.
    Stay,
    /// The program goes on.
    Resume,
    /// It is run from its beginning.
    Run,
    /// It is ended.
    Kill,
    /// It is ended, and so is the session.
    Quit,
}

/// A command at work: what it is given, and the program, if that has stopped.
pub(super) struct Ask<'a, 'p> {
    pub shared: &'a Shared,
    pub args: &'a str,
    /// What stands behind a `/`: `x` in `print/x`.
    pub form: &'a str,
    pub context: Option<&'a mut ProbeContext<'p>>,
}

impl<'p> Ask<'_, 'p> {
    /// The program where it has stopped.
    ///
    /// # Errors
    /// If it does not run.
    pub fn stopped(&mut self) -> Result<&mut ProbeContext<'p>, String> {
        let context = self.context.as_deref_mut();
        context.ok_or_else(|| "the program is not running; `run` starts it".to_owned())
    }

    /// A count that may be given.
    pub fn count(&self, default: u64) -> Result<u64, String> {
        match self.args {
            "" => Ok(default),
            text => text.parse().map_err(|_| format!("`{text}` is no number")),
        }
    }
}

type Run = fn(&mut State, &mut Ask<'_, '_>) -> Result<Flow, String>;

/// A command.
pub struct CommandInfo {
    /// Its name; each beginning of it that no other command has is a name too.
    pub name: &'static str,
    /// Short names.
    pub aliases: &'static [&'static str],
    /// What stands behind it.
    pub usage: &'static str,
    /// One line for people.
    pub help: &'static str,
    run: Run,
}

macro_rules! table {
    ($($name:literal $aliases:expr, $usage:literal, $help:literal => $run:expr;)*) => {
        &[$(CommandInfo {
            name: $name,
            aliases: &$aliases,
            usage: $usage,
            help: $help,
            run: $run,
        }),*]
    };
}

static COMMANDS: &[CommandInfo] = table! {
    "run" ["r"], "", "run the program from its beginning" => |state, ask| run(state, ask);
    "start" [], "", "run it, and stop at its main function" => |state, ask| start(state, ask);
    "starti" [], "", "run it, and stop at its first operator" => |state, ask| starti(state, ask);
    "continue" ["c", "fg"], "[N]", "go on; N: ignore the breakpoint N-1 times" => |state, ask| go_on(state, ask);
    "step" ["s"], "[N]", "go on to another line, into functions that are called" => |state, ask| step(state, ask, Stride::Line, true);
    "next" ["n"], "[N]", "go on to another line of the function" => |state, ask| step(state, ask, Stride::Line, false);
    "stepi" ["si"], "[N]", "go on to the next operator, into functions that are called" => |state, ask| step(state, ask, Stride::Operator, true);
    "nexti" ["ni"], "[N]", "go on to the next operator of the function" => |state, ask| step(state, ask, Stride::Operator, false);
    "finish" ["fin"], "", "go on until the selected frame returns; shows what it returns" => |state, ask| step(state, ask, Stride::Out, false);
    "advance" ["until", "u"], "PLACE", "go on until the program comes there" => |state, ask| advance(state, ask);
    "kill" ["k"], "", "end the program" => |_, ask| { ask.stopped()?; Ok(Flow::Kill) };
    "quit" ["q", "exit"], "", "end the session, and the program" => |_, _| Ok(Flow::Quit);

    "break" ["b", "br"], "[PLACE] [if EXPR]", "stop there: FILE:LINE, LINE, FUNCTION, FUNCTION+OFFSET, *OFFSET" => |state, ask| edit::break_at(state, ask, false);
    "tbreak" ["tb"], "[PLACE] [if EXPR]", "stop there once" => |state, ask| edit::break_at(state, ask, true);
    "watch" [], "EXPR [if EXPR]", "stop behind whatever changes a value" => |state, ask| edit::watch(state, ask);
    "catch" [], "trap|exception|host [NAME]", "stop at traps (the default), caught exceptions, calls of host functions" => |state, ask| edit::catch(state, ask);
    "condition" ["cond"], "N [EXPR]", "stop at N only where EXPR holds; always without one" => |state, ask| edit::condition(state, ask);
    "ignore" [], "N COUNT", "do not stop at N the next COUNT times" => |state, ask| edit::ignore(state, ask);
    "enable" ["en"], "[N]...", "have breakpoints stop again; all without numbers" => |state, ask| edit::enable(state, ask, true);
    "disable" ["dis"], "[N]...", "keep breakpoints from stopping" => |state, ask| edit::enable(state, ask, false);
    "delete" ["d"], "[N]...", "take breakpoints away" => |state, ask| edit::delete(state, ask);

    "backtrace" ["bt", "where"], "[N]", "show the frames of the stack; the innermost N" => |state, ask| inspect::backtrace(state, ask);
    "frame" ["f"], "[N]", "select a frame, and show it" => |state, ask| inspect::frame(state, ask);
    "up" [], "[N]", "select the frame that called" => |state, ask| inspect::up(state, ask);
    "down" [], "[N]", "select the frame that is called" => |state, ask| inspect::down(state, ask);
    "print" ["p", "inspect"], "[/x|d|u|o|t|c] EXPR", "show a value" => |state, ask| inspect::print(state, ask);
    "set" [], "[var] PLACE = EXPR", "change a variable, local, operand, global or memory" => |state, ask| inspect::set(state, ask);
    "display" [], "[/FMT] EXPR", "show a value at each stop" => |state, ask| inspect::display(state, ask);
    "undisplay" [], "[N]", "show it no more" => |state, ask| inspect::undisplay(state, ask);
    "x" [], "[/NFU] EXPR", "show memory: N units in format F (x d u o t c s) of size U (b h w g)" => |state, ask| inspect::examine(state, ask);
    "list" ["l"], "[PLACE|LINE]", "show source lines; without a place the next ones" => |state, ask| inspect::list(state, ask);
    "disassemble" ["disas"], "[FUNCTION]", "show the operators of a function" => |state, ask| inspect::disassemble(state, ask);
    "info" ["i"], "WHAT", "breakpoints, display, frame, args, locals, statics, wasm, globals, memory, functions [GLOB], sources, line PLACE" => |state, ask| inspect::info(state, ask);
    "help" ["h", "?"], "[COMMAND]", "this list" => |state, ask| help(state, ask);
};

/// Every command.
pub fn commands() -> &'static [CommandInfo] {
    COMMANDS
}

/// The command that a word names: in full, by a short name, or by a beginning that no other has.
fn find(word: &str) -> Result<&'static CommandInfo, String> {
    let exact = |command: &&CommandInfo| command.name == word || command.aliases.contains(&word);
    if let Some(command) = COMMANDS.iter().find(exact) {
        return Ok(command);
    }
    let begun = COMMANDS
        .iter()
        .filter(|command| command.name.starts_with(word));
    let begun: Vec<&CommandInfo> = begun.collect();
    match begun[..] {
        [command] => Ok(command),
        [] => {
            let names = COMMANDS.iter().map(|command| command.name);
            Err(match nearest(word, names) {
                Some(near) => format!("unknown command `{word}`; did you mean `{near}`?"),
                None => format!("unknown command `{word}`; `help` lists all"),
            })
        }
        _ => {
            let names: Vec<&str> = begun.iter().map(|command| command.name).collect();
            Err(format!("`{word}` may be {}", names.join(", ")))
        }
    }
}

impl State {
    /// Does what a line says.
    pub fn command(
        &mut self,
        shared: &Shared,
        line: &str,
        context: Option<&mut ProbeContext<'_>>,
    ) -> Flow {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Flow::Stay;
        }
        let end = line.find(|c: char| c.is_whitespace() || c == '/');
        let (word, rest) = line.split_at(end.unwrap_or(line.len()));
        let (form, args) = match rest.strip_prefix('/') {
            Some(rest) => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
            None => ("", rest),
        };
        let mut ask = Ask {
            shared,
            args: args.trim(),
            form,
            context,
        };
        let done = find(word).and_then(|command| (command.run)(self, &mut ask));
        match done {
            Ok(flow) => flow,
            Err(error) => {
                self.say(&format!("{error}\n"));
                Flow::Stay
            }
        }
    }

    /// Whether a point's condition holds where the program is. If it cannot be told, the program stops.
    pub fn holds(&mut self, context: &mut ProbeContext<'_>, point: &Point) -> bool {
        let Some(condition) = &point.condition else {
            return true;
        };
        let view = View::new(&mut self.program, context, 0);
        let value = view.ok_or("the code is not watched".to_owned());
        let value = value.and_then(|mut view| view.eval(&condition.expr)?.is_true());
        value.unwrap_or_else(|error| {
            let (name, text) = (point.name(), &condition.text);
            self.say(&format!(
                "{name}: the condition `{text}` cannot be told: {error}\n"
            ));
            true
        })
    }
}

fn run(state: &mut State, _: &mut Ask<'_, '_>) -> Result<Flow, String> {
    if state.running {
        state.say("The program begins anew.\n");
    }
    Ok(Flow::Run)
}

/// Functions that programs begin with, the user's own first.
const ENTRIES: [&str; 5] = [
    "main",
    "__main_void",
    "__original_main",
    "_start",
    "_initialize",
];

fn start(state: &mut State, ask: &mut Ask<'_, '_>) -> Result<Flow, String> {
    let entry = state.entry.clone();
    let mut places = entry.iter().map(String::as_str).chain(ENTRIES);
    let spots = places.find_map(|place| state.program.locate(place, None).ok());
    let Some(spots) = spots else {
        return starti(state, ask);
    };
    edit::add(
        state,
        Kind::Break {
            text: "start".to_owned(),
            spots,
        },
        true,
        None,
    );
    run(state, ask)
}

fn starti(state: &mut State, ask: &mut Ask<'_, '_>) -> Result<Flow, String> {
    state.stop_at_start = true;
    run(state, ask)
}

fn go_on(state: &mut State, ask: &mut Ask<'_, '_>) -> Result<Flow, String> {
    let count = ask.count(1)?;
    let context = ask.stopped()?;
    let (func, pc) = (context.func(), context.pc());
    let of = context.probes().module_of(func);
    let place = state.program.of(of);
    for point in &mut state.points {
        if let Kind::Break { spots, .. } = &point.kind
            && spots
                .iter()
                .any(|spot| Some((spot.module, spot.index)) == place && spot.pc == pc)
        {
            point.ignored = point.ignored.max(count.saturating_sub(1));
        }
    }
    Ok(Flow::Resume)
}

fn step(
    state: &mut State,
    ask: &mut Ask<'_, '_>,
    stride: Stride,
    into: bool,
) -> Result<Flow, String> {
    let count = ask.count(1)?;
    if count == 0 {
        return Ok(Flow::Stay);
    }
    let selected = state.selected;
    let context = ask.stopped()?;
    // Only `finish` is about the frame that is looked at.
    let frame = match stride {
        Stride::Out => inspect::wasm_frame(state, context, selected)?,
        _ => 0,
    };
    let view = View::new(&mut state.program, context, frame);
    let mut view = view.ok_or("the code is not watched")?;
    let step = Step::new(&mut view, stride, into, count)?;
    if stride == Stride::Out && step.is_outermost() {
        return Err("the outermost frame returns to the host; `continue` goes there".to_owned());
    }
    state.step = Some(step);
    Ok(Flow::Resume)
}

fn advance(state: &mut State, ask: &mut Ask<'_, '_>) -> Result<Flow, String> {
    ask.stopped()?;
    let file = state.listed.as_ref().map(|(file, _)| file.as_str());
    let spots = state.program.locate(ask.args, file)?;
    let text = ask.args.to_owned();
    edit::add(state, Kind::Break { text, spots }, true, None);
    Ok(Flow::Resume)
}

fn help(state: &mut State, ask: &mut Ask<'_, '_>) -> Result<Flow, String> {
    let line = |command: &CommandInfo| {
        let names = [&[command.name], command.aliases].concat().join(", ");
        let usage = format!("{names} {}", command.usage);
        format!("  {:<38} {}\n", usage.trim_end(), command.help)
    };
    let text = match ask.args {
        "" => {
            let mut text: String = COMMANDS.iter().map(line).collect();
            text += "\n\
Expressions are C's, without side effects: variables of the source where the module has DWARF, else local0, global0,\n\
stack0 (the topmost operand); i32[ADDRESS], u8[...], f64[...] are what memory 0 has there.\n\
An empty line repeats the last command.\n";
            text
        }
        word => line(find(word)?),
    };
    state.say(&text);
    Ok(Flow::Stay)
}
