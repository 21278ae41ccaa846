//! The compact form of a trace, version 1, and its writer.
//!
//! A file is a header and records. The header is the eight bytes `\x89PTRACE\n` and the version, one byte. Numbers
//! (`n` below) are LEB128 without sign: seven bits a byte, the lowest first. A text is its length in bytes, then
//! UTF-8. Each record begins with a number:
//!
//! | | record |
//! |---|---|
//! | 0 | end: `n` events were written. A file without it is cut |
//! | 1 | a module: `n` which attached module of the run, text name, 32 bytes BLAKE3 of its binary, `n` length of its binary |
//! | 2 | a function: `n` 1 + module or 0 for none (the host's), `n` index in the module, text name |
//! | 3 | a place, see below |
//! | 4 | gap: `n` events that came here are not in the file, in the ring of a flight recorder |
//! | 5 | depth: `n` traced functions are active here, where that does not follow from the events |
//! | 8 + 2p + c | an event of place `p`; its operator completed if `c` is 1 |
//!
//! Modules, functions and places are numbered from 0 in the order of their records, which come before what refers to them. A
//! place is: byte kind ([`EventKind`](super::EventKind)), `n` function, `n` 1 + callee or 0, `n` pc, text operator or message,
//! `n` index of the memory, global, table or tag, `n` offset, `n` width, `n` number of values, `n` how many of these
//! are there before the operator executes, and a byte for each value's type: that of Wasm's binary format, 0 where each
//! value has its type in front of it.
//!
//! An event has the values of its place, one after the other; only those of before if it did not complete. An `i32` or `i64` is
//! the difference to the last value at the same position of the same place (0 at first), wrapped around to its width, and then as
//! `0, -1, 1, -2` becomes `0, 1, 2, 3`. An `f32` or `f64` is its bits, XORed with the last ones, with its bytes in
//! reverse order, as a number. A `v128` is 16 bytes, lane 0 first. A function reference is 0 for null or 1 + function; other
//! references are 0 for null, 1 for any, and an `anyref` that is an `i31` is 2 + what an `i32` would be. Values with their type in front are differences
//! to 0.
//!
//! So each record says itself where it ends, and a file that is cut can be read up to the cut.

use super::codec::{put, put_text, put_value};
use super::depth::Depth;
use super::model::{Catalogue, Event, Type, Value};

/// What every file begins with.
pub(super) const MAGIC: [u8; 8] = *b"\x89PTRACE\n";
/// The version that is written, and the only one that is read.
pub(super) const VERSION: u8 = 1;

pub(super) const END: u64 = 0;
pub(super) const MODULE: u64 = 1;
pub(super) const FUNCTION: u64 = 2;
pub(super) const PLACE: u64 = 3;
pub(super) const GAP: u64 = 4;
pub(super) const DEPTH: u64 = 5;
pub(super) const EVENT: u64 = 8;

/// Writes records into buffers.
#[derive(Default)]
pub(super) struct BinaryWriter {
    modules: Numbers,
    functions: Numbers,
    places: Numbers,
    /// Of each place in the file, the last value at each position.
    last: Vec<Vec<u64>>,
    depth: Depth,
    events: u64,
}

/// What numbers of a catalogue are in the file, where they are given as things come up.
#[derive(Default)]
struct Numbers {
    known: Vec<Option<u32>>,
    count: u32,
}

impl Numbers {
    fn get(&self, index: u32) -> Option<u32> {
        *self.known.get(index as usize)?
    }

    fn give(&mut self, index: u32) -> u32 {
        let at = index as usize;
        if self.known.len() <= at {
            self.known.resize(at + 1, None);
        }
        let number = self.count;
        self.known[at] = Some(number);
        self.count += 1;
        number
    }
}

impl BinaryWriter {
    /// What a file begins with.
    pub fn header(out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        out.push(VERSION);
    }

    /// An event, with all that it refers to and that is not in the file yet.
    pub fn event(&mut self, all: &Catalogue, event: &Event<'_>, out: &mut Vec<u8>) {
        let at = match self.places.get(event.at) {
            Some(at) => at,
            None => self.place(all, event.at, out),
        };
        for value in event.values {
            if let Value::Func(Some(function)) = value {
                self.function(all, *function, out);
            }
        }
        let kind = event.place.kind;
        let expected = self.depth.of(kind);
        if expected != event.depth {
            put(out, DEPTH);
            put(out, self.depth.set(kind, event.depth));
            self.depth.of(kind);
        }
        put(out, EVENT + 2 * u64::from(at) + u64::from(event.completed));
        let functions = &self.functions;
        let number = |function| functions.get(function).unwrap_or(0);
        let last = &mut self.last[at as usize];
        for ((value, last), ty) in event.values.iter().zip(last).zip(&event.place.types) {
            if *ty == Type::Varies {
                out.push(value.ty().code());
                put_value(out, *value, &mut 0, number);
            } else {
                put_value(out, *value, last, number);
            }
        }
        self.events += 1;
    }

    /// So many events are left out here.
    pub fn gap(&mut self, events: u64, out: &mut Vec<u8>) {
        put(out, GAP);
        put(out, events);
    }

    /// Nothing comes any more.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        put(out, END);
        put(out, self.events);
    }

    fn place(&mut self, all: &Catalogue, index: u32, out: &mut Vec<u8>) -> u32 {
        let place = &all.places[index as usize];
        let function = self.function(all, place.function, out);
        let callee = place.callee.map(|callee| self.function(all, callee, out));
        put(out, PLACE);
        out.push(place.kind as u8);
        put(out, function.into());
        put(out, callee.map_or(0, |callee| u64::from(callee) + 1));
        put(out, place.pc.into());
        put_text(out, &place.text);
        put(out, place.index.into());
        put(out, place.offset);
        put(out, place.width.into());
        put(out, place.types.len() as u64);
        put(out, place.before as u64);
        out.extend(place.types.iter().map(|ty| ty.code()));
        self.last.push(vec![0; place.types.len()]);
        self.places.give(index)
    }

    fn function(&mut self, all: &Catalogue, index: u32, out: &mut Vec<u8>) -> u32 {
        if let Some(number) = self.functions.get(index) {
            return number;
        }
        let function = &all.functions[index as usize];
        let module = function.module.map(|module| self.module(all, module, out));
        put(out, FUNCTION);
        put(out, module.map_or(0, |module| u64::from(module) + 1));
        put(out, function.index.into());
        put_text(out, &function.name);
        self.functions.give(index)
    }

    fn module(&mut self, all: &Catalogue, index: u32, out: &mut Vec<u8>) -> u32 {
        if let Some(number) = self.modules.get(index) {
            return number;
        }
        let module = &all.modules[index as usize];
        put(out, MODULE);
        put(out, module.number.into());
        put_text(out, &module.name);
        out.extend_from_slice(&module.hash);
        put(out, module.bytes);
        self.modules.give(index)
    }
}
