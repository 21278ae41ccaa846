//! A profile in a JSON report: the same as in memory, with source places as objects.

use std::collections::BTreeMap;

use probity_probes::source::{SourceFrame, SourceLine};
use serde::ser::{Serialize, SerializeSeq, Serializer};

#[derive(serde::Serialize)]
struct Line<'a> {
    file: &'a str,
    /// `null` where the compiler does not say.
    line: Option<u32>,
}

#[derive(serde::Serialize)]
struct Frame<'a> {
    function: &'a str,
    place: Option<Line<'a>>,
}

#[derive(serde::Serialize)]
struct Place<'a> {
    pc: u32,
    /// From the innermost inlined function out.
    frames: Vec<Frame<'a>>,
}

impl<'a> Line<'a> {
    fn of(line: &'a SourceLine) -> Line<'a> {
        Line {
            file: &line.file,
            line: Some(line.line).filter(|line| *line > 0),
        }
    }
}

/// Where a function is defined.
pub(super) fn line<S: Serializer>(
    line: &Option<SourceLine>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    line.as_ref().map(Line::of).serialize(serializer)
}

/// The places of a function's offsets.
pub(super) fn places<S: Serializer>(
    places: &BTreeMap<u32, Vec<SourceFrame>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(places.len()))?;
    for (&pc, frames) in places {
        let frames = frames.iter().map(|frame| Frame {
            function: &frame.function,
            place: frame.place.as_ref().map(Line::of),
        });
        let frames = frames.collect();
        list.serialize_element(&Place { pc, frames })?;
    }
    list.end()
}
