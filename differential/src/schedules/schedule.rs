//! Schedules: which probes come and go, and when.

use std::collections::BTreeMap;
use std::fmt;

use probity_engine::hook::Fold;

use super::events::{PlaceId, Places};
use super::others::Others;
use crate::rng::mix;

/// Names a probe of a schedule.
pub type Label = usize;

/// Counters of a schedule, in blocks of [`BLOCK`].
pub const SLOTS: usize = 96;

/// Counters that share a block.
pub const BLOCK: usize = 8;

/// The first word of records, less the slot.
pub const RECORD_TAG: u64 = 1 << 40;

/// What a probe that calls a function with values adds to its counter.
pub fn told(values: &[u64]) -> u64 {
    let start = 1 + values.len() as u64;
    values.iter().fold(start, |sum, &value| mix(sum ^ value))
}

/// When something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// Before the host makes this call.
    Call(usize),
    /// While probes with a function fire: the fire with this number, counted from 1 over all of them.
    Fire(u64),
    /// In this call of an imported function, from 1.
    HostCall(u64),
    /// Before this first call of a function, from 1.
    FirstCall(u64),
    /// When a frame has been unwound, counted from 1.
    Unwind(u64),
}

/// A change of the probe table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A probe comes.
    Insert(Label, Planned),
    /// A probe goes; it may have gone already.
    Remove(Label),
}

/// A probe to be inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// Its site; `None` for a global probe.
    pub place: Option<PlaceId>,
    /// What it does.
    pub does: Does,
    /// Its priority.
    pub priority: i32,
    /// Does it go after its first fire?
    pub one_shot: bool,
}

/// What a probe does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// Adds to a counter.
    Add {
        /// Which.
        slot: usize,
        /// What it adds.
        n: u64,
    },
    /// Makes a counter 1.
    Set {
        /// Which.
        slot: usize,
    },
    /// Counts the topmost operand.
    Top {
        /// Counter of operand 0.
        slot: usize,
        /// Number of counters.
        len: u32,
        /// Every operand but 0 counts as 1.
        boolean: bool,
    },
    /// Takes the topmost operand into account.
    Fold {
        /// Which counter.
        slot: usize,
        /// How.
        fold: Fold,
        /// It has a sign.
        signed: bool,
    },
    /// Calls a function with the topmost operand, or with nothing. It adds what [`told`] says.
    Values {
        /// Which counter.
        slot: usize,
        /// Whether it takes the operand.
        takes: bool,
    },
    /// Writes a record: [`RECORD_TAG`] plus the slot, and the topmost operand if it takes it.
    Record {
        /// Tells it from others.
        slot: usize,
        /// Whether it takes the operand.
        takes: bool,
    },
    /// Calls a function, which is where steps are made.
    Call(Deed),
    /// No probe of a site: calls a function each time that so much fuel has been consumed.
    Tick {
        /// Units of fuel.
        every: u64,
    },
}

/// What a probe's function does besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Nothing.
    Nothing,
    /// Reads locals and operands of several frames.
    Read,
    /// Writes a local or operand with the value that it has.
    Write,
}

/// A schedule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule {
    /// What is done when.
    pub steps: BTreeMap<Moment, Vec<Step>>,
    /// What other threads do.
    pub others: Option<Others>,
}

impl Schedule {
    /// As text, a moment a line, with the names of places.
    pub fn text(&self, places: &Places) -> String {
        let mut text = String::new();
        if let Some(others) = &self.others {
            text.push_str(&format!("{others:?}\n"));
        }
        for (moment, steps) in &self.steps {
            text.push_str(&format!("{moment}:\n"));
            for step in steps {
                text.push_str(&match step {
                    Step::Remove(label) => format!("  remove #{label}\n"),
                    Step::Insert(label, planned) => {
                        format!("  insert #{label}: {}\n", planned.text(places))
                    }
                });
            }
        }
        text
    }

    /// Number of steps.
    pub fn len(&self) -> usize {
        self.steps.values().map(Vec::len).sum()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Planned {
    /// As text.
    pub fn text(&self, places: &Places) -> String {
        let place = match self.place.map(|id| places.get(id)) {
            None => "everywhere".to_owned(),
            Some(place) => place.to_string(),
        };
        if let Does::Tick { every } = self.does {
            return format!("tick every {every} units");
        }
        let once = if self.one_shot { " once" } else { "" };
        format!("{:?}{once}, priority {}, {place}", self.does, self.priority)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Moment::Call(n) => write!(f, "before call {n}"),
            Moment::Fire(n) => write!(f, "in fire {n}"),
            Moment::HostCall(n) => write!(f, "in host call {n}"),
            Moment::FirstCall(n) => write!(f, "at first call {n}"),
            Moment::Unwind(n) => write!(f, "after unwound frame {n}"),
        }
    }
}
