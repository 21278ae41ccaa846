//! The form for people: one line an event, indented by depth.
//!
//! A line has no addresses of this machine, no times and no order of compilation, so two runs of a program that do the same give
//! the same text, in whatever tier.

use std::io::{self, Write as _};

use probity_probes::demangle::demangle;

use super::model::{Catalogue, Event, EventKind, Value};
use super::read::Item;

/// Indentation ends here; deeper lines say how deep they are.
const INDENT_MAX: u64 = 40;

/// Writes lines into buffers.
#[derive(Default)]
pub(super) struct TextWriter {
    /// Names of functions as they are shown, once they are.
    names: Vec<Option<Box<str>>>,
    /// By place, what its lines have behind the indentation, where that is always the same.
    fixed: Vec<Option<Box<[u8]>>>,
}

impl TextWriter {
    /// The line of an event.
    pub fn event(&mut self, all: &Catalogue, event: &Event<'_>, out: &mut Vec<u8>) {
        let indent = event.depth.min(INDENT_MAX) as usize;
        out.extend(std::iter::repeat_n(b' ', 2 * indent));
        if event.depth > INDENT_MAX {
            let _ = write!(out, "[{}] ", event.depth);
        }
        if !event.place.types.is_empty() || !event.completed {
            return self.rest(all, event, out);
        }
        let at = event.at as usize;
        if self.fixed.len() <= at {
            self.fixed.resize(at + 1, None);
        }
        if self.fixed[at].is_none() {
            let mut line = Vec::new();
            self.rest(all, event, &mut line);
            self.fixed[at] = Some(line.into());
        }
        out.extend_from_slice(self.fixed[at].as_deref().unwrap_or_default());
    }

    /// A line behind its indentation.
    fn rest(&mut self, all: &Catalogue, event: &Event<'_>, out: &mut Vec<u8>) {
        let place = event.place;
        let kind = place.kind;
        out.extend_from_slice(kind.name().as_bytes());
        out.push(b' ');
        self.name(all, place.callee.unwrap_or(place.function), out);
        let values = event.values;
        let (pc, text) = (place.pc, printable(&place.text));
        // Writing to memory does not fail.
        let _ = match kind {
            EventKind::Call => {
                self.list(all, values, out);
                Ok(())
            }
            EventKind::Return => self.results(all, values, out),
            EventKind::TailCall | EventKind::UnwindTrap | EventKind::UnwindException => {
                write!(out, " at {pc:#x}")
            }
            EventKind::HostCall | EventKind::HostReturn | EventKind::HostFail => {
                match kind {
                    EventKind::HostCall => self.list(all, values, out),
                    EventKind::HostReturn => drop(self.results(all, values, out)),
                    _ => drop(write!(out, ": {text}")),
                }
                out.extend_from_slice(b" in ");
                self.name(all, place.function, out);
                write!(out, " at {pc:#x}")
            }
            EventKind::Catch => write!(out, " {pc:#x}: goes on at {:#x}", place.offset),
            EventKind::Throw => {
                let _ = write!(out, " {pc:#x}: {text} ");
                self.list(all, values, out);
                Ok(())
            }
            EventKind::Instr | EventKind::Bulk | EventKind::Trap => {
                let _ = write!(out, " {pc:#x}: {text}");
                if !values.is_empty() {
                    out.push(b' ');
                    self.list(all, values, out);
                }
                Ok(())
            }
            EventKind::Load | EventKind::Store | EventKind::Update => {
                let _ = write!(out, " {pc:#x}: {text} ");
                self.access(all, event, out);
                Ok(())
            }
            EventKind::GlobalGet | EventKind::GlobalSet | EventKind::Grow => {
                let _ = write!(out, " {pc:#x}: {text} {}", place.index);
                let (before, after) = values.split_at(place.before.min(values.len()));
                if !before.is_empty() {
                    out.push(b' ');
                    self.list(all, before, out);
                }
                self.results(all, after, out)
            }
        };
        if !event.completed {
            out.extend_from_slice(b" (not completed)");
        }
        out.push(b'\n');
    }

    /// Where events are left out.
    pub fn gap(&mut self, events: u64, out: &mut Vec<u8>) {
        let _ = writeln!(out, "... {events} events before are not kept");
    }

    /// `[address] bytes (stored) = loaded`
    fn access(&mut self, all: &Catalogue, event: &Event<'_>, out: &mut Vec<u8>) {
        let place = event.place;
        let (before, after) = event.values.split_at(place.before.min(event.values.len()));
        let address = before.first().and_then(|address| address.unsigned());
        let address = address.unwrap_or(0).saturating_add(place.offset);
        let _ = match place.index {
            0 => write!(out, "[{address:#x}] {}", place.width),
            memory => write!(out, "[{memory}:{address:#x}] {}", place.width),
        };
        if before.len() > 1 {
            out.push(b' ');
            self.list(all, &before[1..], out);
        }
        let _ = self.results(all, after, out);
    }

    /// `(type value, ...)`
    fn list(&mut self, all: &Catalogue, values: &[Value], out: &mut Vec<u8>) {
        out.push(b'(');
        self.values(all, values, out);
        out.push(b')');
    }

    /// ` = type value, ...`
    fn results(&mut self, all: &Catalogue, values: &[Value], out: &mut Vec<u8>) -> io::Result<()> {
        if !values.is_empty() {
            out.extend_from_slice(b" = ");
            self.values(all, values, out);
        }
        Ok(())
    }

    fn values(&mut self, all: &Catalogue, values: &[Value], out: &mut Vec<u8>) {
        for (at, value) in values.iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(b", ");
            }
            match *value {
                Value::Func(Some(function)) => {
                    out.extend_from_slice(b"funcref ");
                    self.name(all, function, out);
                }
                value => drop(write!(out, "{} {value}", value.ty().name())),
            }
        }
    }

    fn name(&mut self, all: &Catalogue, function: u32, out: &mut Vec<u8>) {
        let at = function as usize;
        if self.names.len() <= at {
            self.names.resize(at + 1, None);
        }
        let name = self.names[at].get_or_insert_with(|| shown_name(all, function).into());
        out.extend_from_slice(name.as_bytes());
    }
}

/// A function's name for people; that of a module other than the first with the module's name.
pub(super) fn shown_name(all: &Catalogue, function: u32) -> String {
    let Some(function) = all.functions.get(function as usize) else {
        return "?".to_owned();
    };
    let name = demangle(&function.name);
    let name = printable(name.as_deref().unwrap_or(&function.name));
    let module = function
        .module
        .and_then(|module| all.modules.get(module as usize));
    match module.filter(|module| module.number > 0) {
        Some(module) => format!("{}:{name}", printable(&module.name)),
        None => name,
    }
}

/// One line, whatever a module calls its functions.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// Writes what a [`Reader`](super::Reader) reads as the lines that a trace of the format `text` has.
#[derive(Default)]
pub struct Lines {
    writer: TextWriter,
    line: Vec<u8>,
}

impl Lines {
    /// Writes the line of an event or a gap.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&mut self, item: &Item<'_>, out: &mut impl io::Write) -> io::Result<()> {
        self.line.clear();
        match item {
            Item::Event(event, all) => self.writer.event(all, event, &mut self.line),
            Item::Gap(events) => self.writer.gap(*events, &mut self.line),
        }
        out.write_all(&self.line)
    }
}
