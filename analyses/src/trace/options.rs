//! What a trace can be asked for.

use super::model::{Group, Groups};
use crate::options::{FUNC, NUMBER, OptionInfo, Options, UsageError};
use probity_probes::source::LineRange;

/// The analysis' name.
pub const NAME: &str = "trace";

/// One line for people.
pub const SUMMARY: &str =
    "calls with arguments, instructions, memory and more, event by event, to a file";

/// What a session's trace takes ([`Session::add_trace`](crate::Session::add_trace)).
pub static OPTIONS: &[OptionInfo] = &[
    FUNC, EVENTS, LINE, FORMAT, OPERANDS, FROM, EVERY, LIMIT, LAST, DUMP,
];

const EVENTS: OptionInfo = OptionInfo {
    name: "events",
    default: "calls+exceptions+traps",
    help: "what is traced: calls, instr, memory, globals, grow, exceptions, traps, with + between them, or all",
    values: &[],
};

const LINE: OptionInfo = OptionInfo {
    name: "line",
    default: "*",
    help: "only what was made from these source lines: FILE, FILE:N or FILE:A-B; several with |",
    values: &[],
};

const FORMAT: OptionInfo = OptionInfo {
    name: "format",
    default: "text",
    help: "one line an event, or the binary form that `probity trace` reads",
    values: &["text", "binary"],
};

const OPERANDS: OptionInfo = OptionInfo {
    name: "operands",
    default: "off",
    help: "whether the events of instr have the operands that are taken",
    values: &["off", "on"],
};

const FROM: OptionInfo = OptionInfo {
    name: "from",
    default: "1",
    help: "the first event that is written, counted from 1",
    values: &[NUMBER],
};

const EVERY: OptionInfo = OptionInfo {
    name: "every",
    default: "1",
    help: "from there on only each n-th event",
    values: &[NUMBER],
};

const LIMIT: OptionInfo = OptionInfo {
    name: "limit",
    default: "none",
    help: "how many events are written; the program then goes on untraced",
    values: &["none", NUMBER],
};

const LAST: OptionInfo = OptionInfo {
    name: "last",
    default: "off",
    help: "flight recorder: keep only so many events, the last ones, and write them when the program traps",
    values: &["off", NUMBER],
};

const DUMP: OptionInfo = OptionInfo {
    name: "dump",
    default: "trap",
    help: "with last: written if a trap, limit or exception ends the program, or at every end",
    values: &["trap", "always"],
};

/// The form of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceFormat {
    /// One line an event.
    Text,
    /// The compact form that [`Reader`](super::Reader) reads.
    Binary,
}

/// The options, resolved.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub groups: Groups,
    pub lines: Option<Lines>,
    pub format: TraceFormat,
    pub operands: bool,
    pub from: u64,
    pub every: u64,
    pub limit: Option<u64>,
    pub last: Option<u64>,
    pub dump_always: bool,
}

impl Settings {
    pub fn new(options: &Options) -> Result<Settings, UsageError> {
        let wrong = |name: &str, message: String| {
            UsageError::new(format!("option {name} of {NAME}: {message}"))
        };
        let groups = Groups::parse(options.get("events")).map_err(|name| {
            let known: Vec<&str> = Group::ALL.iter().map(|group| group.name()).collect();
            let known = [&known[..], &["all"]].concat();
            UsageError::unknown(&format!("events of {NAME}:"), &name, &known)
        })?;
        let lines = match options.get("line") {
            "*" => None,
            text => Some(Lines::parse(text).map_err(|message| wrong("line", message))?),
        };
        let settings = Settings {
            groups,
            lines,
            format: match options.get("format") {
                "binary" => TraceFormat::Binary,
                _ => TraceFormat::Text,
            },
            operands: options.get("operands") == "on",
            from: options.number("from").unwrap_or(1),
            every: options.number("every").unwrap_or(1),
            limit: options.number("limit"),
            last: options.number("last"),
            dump_always: options.get("dump") == "always",
        };
        let chosen = settings.from > 1 || settings.every > 1 || settings.limit.is_some();
        if settings.last.is_some() && chosen {
            let message = "it keeps the last events; from, every and limit choose among the first";
            return Err(wrong("last", message.to_owned()));
        }
        if settings.last.is_none() && settings.dump_always {
            let message = "it says when a flight recorder writes; give last=N too";
            return Err(wrong("dump", message.to_owned()));
        }
        Ok(settings)
    }
}

/// Source lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lines(Vec<LineRange>);

impl Lines {
    fn parse(text: &str) -> Result<Lines, String> {
        Ok(Lines(
            text.split('|')
                .map(LineRange::parse)
                .collect::<Result<_, _>>()?,
        ))
    }

    /// Whether a line of a file is among them.
    pub fn contain(&self, path: &str, line: u32) -> bool {
        self.0.iter().any(|lines| lines.contains(path, line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(given: &[(&str, &str)]) -> Result<Settings, String> {
        let given: Vec<(String, String)> = given
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let options = Options::parse(NAME, OPTIONS, &given);
        let settings = options.and_then(|options| Settings::new(&options));
        settings.map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_accepted() {
        let settings = settings(&[]).expect("settings");
        assert!(settings.groups.contains(Group::Calls));
        assert!(!settings.groups.contains(Group::Memory));
        assert_eq!((settings.from, settings.every, settings.last), (1, 1, None));
    }

    #[test]
    fn what_is_wrong_names_what_is_right() {
        let error = |given: &[(&str, &str)]| settings(given).err().unwrap_or_default();
        assert_eq!(
            error(&[("events", "calls+memry")]),
            "unknown events of trace: `memry`; did you mean `memory`?"
        );
        assert_eq!(
            error(&[("last", "5"), ("limit", "3")]),
            "option last of trace: it keeps the last events; from, every and limit choose among the first"
        );
        assert_eq!(
            error(&[("dump", "always")]),
            "option dump of trace: it says when a flight recorder writes; give last=N too"
        );
        assert_eq!(
            error(&[("line", "a.c:0")]),
            "option line of trace: `0` is no line number"
        );
        assert_eq!(
            error(&[("line", "a.c:9-3")]),
            "option line of trace: no line is in `a.c:9-3`"
        );
        assert_eq!(
            error(&[("limit", "0")]),
            "unknown value of trace's option limit: `0`; known: none, <number>"
        );
    }
}
