//! From records to events. Some are known only by what comes next: a store is done unless its trap follows, a function
//! returns if its exit follows its results.

use std::collections::HashMap;

use super::depth::Depth;
use super::model::{Catalogue, Event, EventKind, Groups, Place, Value};
use super::record::{Part, Tag, Turn, len, take_value, words_of};

/// What a record's tag refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Events of a place.
    Place(u32),
    /// A function is left, in whatever way.
    Exit { function: u32 },
    /// A frame is unwound.
    Unwound { function: u32, pc: u32 },
}

/// What is not an event yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    Nothing,
    /// Values of this place are still coming; those of the end, if `ends`.
    Reads {
        place: u32,
        ends: bool,
    },
    /// The operator has begun, and ends by a record of its own.
    Begun(u32),
    /// The operator has begun, and has ended if anything but its trap comes.
    Held(u32),
    /// The results of this place are there.
    Returns(u32),
    /// A tail call is about to leave the function.
    Tails(u32),
    /// The function was left neither way.
    Left(u32),
}

/// What is known between two records.
pub(super) struct State {
    pending: Pending,
    words: Vec<u64>,
    values: Vec<Value>,
    /// The last event that is no way out was a trap.
    trapped: bool,
    depth: Depth,
}

impl State {
    /// With so many active functions; `trapped` if a trap unwinds them.
    pub fn new(depth: u64, trapped: bool) -> State {
        State {
            pending: Pending::Nothing,
            words: Vec::new(),
            values: Vec::new(),
            trapped,
            depth: Depth::new(depth),
        }
    }
}

/// What records refer to.
#[derive(Default)]
pub(super) struct Sources {
    pub catalogue: Catalogue,
    pub all: Vec<Source>,
    unwinds: HashMap<(EventKind, u32, u32), u32>,
}

/// Who gets the events.
pub(super) type Emit<'a> = dyn FnMut(&Catalogue, &Event<'_>) + 'a;

impl Sources {
    /// A new source of records.
    pub fn add(&mut self, source: Source) -> u32 {
        self.all.push(source);
        self.all.len() as u32 - 1
    }

    /// A new place, and the source of its records.
    pub fn add_place(&mut self, place: Place) -> u32 {
        self.catalogue.places.push(place);
        self.add(Source::Place(self.catalogue.places.len() as u32 - 1))
    }

    /// Makes events of whole records. Only those of `groups` are given on.
    pub fn assemble(
        &mut self,
        mut records: &[u64],
        state: &mut State,
        groups: Groups,
        emit: &mut Emit<'_>,
    ) {
        let mut run = Run {
            sources: self,
            state,
            groups,
            emit,
        };
        while let Some((&tag, rest)) = records.split_first() {
            let (words, rest) = rest.split_at(len(tag).min(rest.len()));
            run.record(Tag::of(tag), words);
            records = rest;
        }
    }

    /// Nothing follows any more.
    pub fn settle(&mut self, state: &mut State, groups: Groups, emit: &mut Emit<'_>) {
        let mut run = Run {
            sources: self,
            state,
            groups,
            emit,
        };
        run.settle(None);
    }
}

struct Run<'a, 'e> {
    sources: &'a mut Sources,
    state: &'a mut State,
    groups: Groups,
    emit: &'a mut Emit<'e>,
}

impl Run<'_, '_> {
    fn place(&self, index: u32) -> &Place {
        &self.sources.catalogue.places[index as usize]
    }

    fn record(&mut self, tag: Tag, words: &[u64]) {
        let Some(&source) = self.sources.all.get(tag.source as usize) else {
            return;
        };
        if tag.turn != Turn::Same {
            self.state.trapped = tag.turn == Turn::Traps;
        }
        match source {
            Source::Place(place) => {
                match tag.part {
                    Part::Start => {
                        self.settle(Some(place));
                        self.state.words.clear();
                        self.state.pending = Pending::Reads { place, ends: false };
                    }
                    Part::End if self.place(place).before == 0 => {
                        self.settle(Some(place));
                        self.state.words.clear();
                        self.state.pending = Pending::Reads { place, ends: true };
                    }
                    Part::End if self.state.pending == Pending::Begun(place) => {
                        self.state.pending = Pending::Reads { place, ends: true };
                    }
                    // It goes on with what began before anyone listened.
                    Part::End => self.settle(None),
                    Part::More => {}
                }
                let Pending::Reads { place: read, ends } = self.state.pending else {
                    return;
                };
                if read == place {
                    self.state.words.extend_from_slice(words);
                    self.read(place, ends);
                }
            }
            Source::Exit { function } => self.exit(function),
            Source::Unwound { function, pc } => {
                if self.state.pending == Pending::Left(function) {
                    self.state.pending = Pending::Nothing;
                    self.unwinds(function, pc);
                } else {
                    self.settle(None);
                }
            }
        }
    }

    /// More words of a place are there.
    fn read(&mut self, place: u32, ends: bool) {
        let of = self.place(place);
        let types = if ends {
            &of.types[..]
        } else {
            &of.types[..of.before]
        };
        if self.state.words.len() < words_of(types) {
            return;
        }
        let (kind, open) = (of.kind, of.before < of.types.len());
        self.state.pending = match kind {
            EventKind::Return => Pending::Returns(place),
            EventKind::TailCall => Pending::Tails(place),
            EventKind::Store | EventKind::Bulk => Pending::Held(place),
            _ if open && !ends => Pending::Begun(place),
            _ => {
                self.state.pending = Pending::Nothing;
                return self.event(place, true);
            }
        };
    }

    /// What was pending is an event now. `next` is the place of the record that comes, if it has one.
    fn settle(&mut self, next: Option<u32>) {
        match std::mem::replace(&mut self.state.pending, Pending::Nothing) {
            Pending::Nothing | Pending::Returns(_) | Pending::Tails(_) | Pending::Reads { .. } => {}
            Pending::Begun(place) => self.event(place, false),
            Pending::Held(place) => {
                let this = self.place(place);
                let traps = next.is_some_and(|next| {
                    let next = self.place(next);
                    next.kind == EventKind::Trap
                        && (next.function, next.pc) == (this.function, this.pc)
                });
                self.event(place, !traps);
            }
            Pending::Left(function) => self.unwinds(function, 0),
        }
    }

    fn exit(&mut self, function: u32) {
        match self.state.pending {
            Pending::Returns(place) | Pending::Tails(place)
                if self.place(place).function == function =>
            {
                self.state.pending = Pending::Nothing;
                self.event(place, true);
            }
            _ => {
                self.settle(None);
                self.state.pending = Pending::Left(function);
            }
        }
    }

    fn unwinds(&mut self, function: u32, pc: u32) {
        let kind = match self.state.trapped {
            true => EventKind::UnwindTrap,
            false => EventKind::UnwindException,
        };
        let places = &mut self.sources.catalogue.places;
        let place = self.sources.unwinds.entry((kind, function, pc));
        let place = *place.or_insert_with(|| {
            places.push(Place {
                callee: Some(function),
                ..Place::new(kind, function, pc)
            });
            places.len() as u32 - 1
        });
        self.state.words.clear();
        self.event(place, true);
    }

    fn event(&mut self, at: u32, completed: bool) {
        let State {
            words,
            values,
            depth,
            ..
        } = &mut *self.state;
        let place = &self.sources.catalogue.places[at as usize];
        if !self.groups.contains(place.kind.group()) {
            return;
        }
        let count = if completed {
            place.types.len()
        } else {
            place.before
        };
        let mut rest = &words[..];
        values.clear();
        values.extend(
            place.types[..count]
                .iter()
                .map_while(|ty| take_value(*ty, &mut rest)),
        );
        let event = Event {
            place,
            at,
            values,
            completed,
            depth: depth.of(place.kind),
        };
        (self.emit)(&self.sources.catalogue, &event);
    }
}
