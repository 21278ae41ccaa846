//! Where the program is to stop: breakpoints, and what is known of watchpoints and catchpoints.

use std::collections::HashSet;

use probity_engine::Func;
use probity_engine::hook::{Probes, Site};

use super::expr::Expr;
use super::info::Program;
use super::location::Spot;
use super::watch::Watching;

/// A condition, as it was written and as it is understood.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub text: String,
    pub expr: Expr,
}

/// Something to stop at.
pub(super) struct Point {
    pub number: u32,
    pub kind: Kind,
    pub enabled: bool,
    /// It goes away when it has stopped the program.
    pub temporary: bool,
    pub condition: Option<Condition>,
    /// How many more times it does not stop.
    pub ignored: u64,
    /// How often the program has come to it, with its condition holding.
    pub hits: u64,
}

/// What it is.
pub(super) enum Kind {
    /// Operators.
    Break { text: String, spots: Vec<Spot> },
    /// Something that changes.
    Watch(Watching),
    /// Something that happens.
    Catch(Event),
}

/// What may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// An exception is caught.
    Caught,
    /// A host function is called, of this name if there is one.
    Host(Option<String>),
}

impl Point {
    pub fn new(number: u32, kind: Kind) -> Point {
        Point {
            number,
            kind,
            enabled: true,
            temporary: false,
            condition: None,
            ignored: 0,
            hits: 0,
        }
    }

    /// What it is called in messages.
    pub fn name(&self) -> String {
        let kind = match (&self.kind, self.temporary) {
            (Kind::Break { .. }, false) => "Breakpoint",
            (Kind::Break { .. }, true) => "Temporary breakpoint",
            (Kind::Watch(_), _) => "Watchpoint",
            (Kind::Catch(_), _) => "Catchpoint",
        };
        format!("{kind} {}", self.number)
    }

    /// Counts a hit; whether the program is to stop.
    pub fn hit(&mut self) -> bool {
        self.hits += 1;
        let stops = self.ignored == 0;
        self.ignored = self.ignored.saturating_sub(1);
        stops
    }

    /// The sites that it needs, in all instances there are.
    pub fn sites(&self, program: &Program, probes: &Probes<'_>, sites: &mut HashSet<(Func, Site)>) {
        match &self.kind {
            _ if !self.enabled => {}
            Kind::Break { spots, .. } => {
                for spot in spots {
                    let functions = program.functions(probes, spot.module, spot.index);
                    sites.extend(functions.map(|func| (func, Site::Before(spot.pc))));
                }
            }
            Kind::Watch(watching) => sites.extend(watching.sites().iter().copied()),
            Kind::Catch(_) => {}
        }
    }
}
