//! What is in a trace, in numbers.

use std::collections::BTreeMap;

use super::model::{Catalogue, Event, EventKind};

/// Sums over the events of a trace.
#[derive(Debug, Clone, Default)]
pub struct Statistics {
    /// All events.
    pub events: u64,
    /// Those that a flight recorder did not keep.
    pub gaps: u64,
    /// Events of each kind, by its number.
    pub kinds: [u64; EventKind::ALL.len()],
    /// Events in each function of the catalogue; calls and their ways out are the callee's, host calls the caller's.
    pub functions: BTreeMap<u32, u64>,
    /// Bytes that loads and updates read.
    pub bytes_read: u64,
    /// Bytes that stores and updates wrote.
    pub bytes_written: u64,
    /// The greatest depth of an event.
    pub depth_max: u64,
}

impl Statistics {
    /// Adds an event.
    pub fn add(&mut self, event: &Event<'_>) {
        let place = event.place;
        self.events += 1;
        self.kinds[place.kind as usize] += 1;
        *self.functions.entry(place.function).or_default() += 1;
        self.depth_max = self.depth_max.max(event.depth);
        let bytes = if event.completed {
            place.width.into()
        } else {
            0
        };
        if let EventKind::Load | EventKind::Update = place.kind {
            self.bytes_read += bytes;
        }
        if let EventKind::Store | EventKind::Update = place.kind {
            self.bytes_written += bytes;
        }
    }

    /// Functions with the most events first, each with its name.
    pub fn functions_by_events(&self, all: &Catalogue) -> Vec<(String, u64)> {
        let mut functions: Vec<(u32, u64)> = self.functions.iter().map(|(&f, &n)| (f, n)).collect();
        functions.sort_by_key(|&(function, events)| (std::cmp::Reverse(events), function));
        let named = functions.into_iter();
        named
            .map(|(function, events)| (super::text::shown_name(all, function), events))
            .collect()
    }
}
