//! What a rule has found.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError};

use probity_engine::Module;

use super::ast::{Action, Kind};
use super::live::{Meant, adding};
use super::select::Match;
use super::tally::{Tally, bounds};
use super::value::{Number, Value};
use super::watcher::{Cell, Placed};
use crate::opcode::Opcode;

/// Everything that a rule has found until now.
#[derive(Debug, Clone)]
pub struct Results {
    /// One for each action, in the rule's order.
    pub actions: Vec<ActionResult>,
    /// Number of sites that match, in the functions that are watched.
    pub sites: usize,
    /// The modules that [`SiteResult::module`] speaks of.
    pub modules: Vec<Module>,
    /// What could not be watched.
    pub errors: Vec<String>,
}

/// What one action has found.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionResult {
    /// The action, as the rule has it.
    pub text: Arc<str>,
    /// What it does.
    pub kind: ActionKind,
    /// Whether it has `by`.
    pub is_keyed: bool,
    /// All sites and keys together.
    pub total: Summary,
    /// Without `by`: each site, in the order of modules, functions and operators.
    pub sites: Vec<SiteResult>,
    /// With `by`: each key that has been seen, in order.
    pub keys: Vec<KeyResult>,
}

/// What an action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionKind {
    /// `count`
    Count,
    /// `sum(EXPR)`
    Sum,
    /// `min(EXPR)`
    Min,
    /// `max(EXPR)`
    Max,
    /// `hist(EXPR)`
    Hist,
    /// `stack`
    Stack,
    /// `print(FORMAT, ...)`
    Print,
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ActionKind::Count => "count",
            ActionKind::Sum => "sum",
            ActionKind::Min => "min",
            ActionKind::Max => "max",
            ActionKind::Hist => "hist",
            ActionKind::Stack => "stack",
            ActionKind::Print => "print",
        })
    }
}

/// What has been found at one site.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteResult {
    /// Index in [`Results::modules`].
    pub module: usize,
    /// Name of the function, else `func[i]`.
    pub name: Arc<str>,
    /// Which site.
    pub at: Match,
    /// Its operator; `None` at the entry and the exit of functions.
    pub opcode: Option<Opcode>,
    /// All instances of the module together.
    pub summary: Summary,
}

/// What has been found under one key.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyResult {
    /// The values of the expressions behind `by`.
    pub key: Vec<Value>,
    /// All sites together.
    pub summary: Summary,
}

/// Figures of an action.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    /// Times that it was done: the predicate was true, and there was a number if
    /// it takes one.
    pub count: u64,
    /// Times that there was no number: the value was a NaN, a vector or a reference, or there
    /// was none.
    pub skipped: u64,
    /// Sum, minimum or maximum; `None` if nothing was done, and for other actions.
    pub value: Option<Number>,
    /// Of `hist`: those that are not empty, ascending.
    pub buckets: Vec<Bucket>,
    /// Of `stack`: frames from the outermost on, between `;`, and times.
    pub stacks: Vec<(Arc<str>, u64)>,
}

/// A bucket of a histogram. Floats are in that of their integral part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// The least number in it.
    pub low: i128,
    /// The greatest integer in it.
    pub high: i128,
    /// How many numbers were in it.
    pub count: u64,
}

impl Tally {
    fn summary(&self) -> Summary {
        let buckets = self.buckets.iter().map(|(&bucket, &count)| {
            let (low, high) = bounds(bucket);
            Bucket { low, high, count }
        });
        Summary {
            count: self.count,
            skipped: self.skipped,
            value: self.number,
            buckets: buckets.collect(),
            stacks: self
                .stacks
                .iter()
                .map(|(stack, &n)| (stack.clone(), n))
                .collect(),
        }
    }
}

/// Adds up what has been kept.
pub(super) fn of(
    actions: &[Action],
    placed: &[Placed],
    modules: Vec<Module>,
    errors: Vec<String>,
) -> Results {
    // The same site of several instances is one.
    let mut sites: BTreeMap<_, Vec<&Placed>> = BTreeMap::new();
    for site in placed {
        let place = (site.module, site.at.func, site.at.index, site.at.event);
        sites.entry(place).or_default().push(site);
    }
    let results = actions.iter().enumerate().map(|(at, action)| {
        let mut result = ActionResult {
            text: action.text.clone(),
            kind: kind(&action.kind),
            is_keyed: !action.by.is_empty(),
            total: Summary::default(),
            sites: Vec::new(),
            keys: Vec::new(),
        };
        let add = adding(&action.kind);
        let mut total = Tally::default();
        let mut keys: BTreeMap<Vec<Value>, Tally> = BTreeMap::new();
        for instances in sites.values() {
            let mut all = Tally::default();
            for cell in instances.iter().map(|site| &site.cells[at]) {
                collect(cell, add, &mut all, &mut keys);
            }
            total.merge(&all, add);
            if !result.is_keyed
                && let Some(site) = instances.first()
            {
                result.sites.push(SiteResult {
                    module: site.module,
                    name: site.name.clone(),
                    at: site.at.clone(),
                    opcode: site.opcode,
                    summary: all.summary(),
                });
            }
        }
        for (key, tally) in keys {
            total.merge(&tally, add);
            let summary = tally.summary();
            result.keys.push(KeyResult { key, summary });
        }
        result.total = total.summary();
        result
    });
    Results {
        actions: results.collect(),
        sites: sites.len(),
        modules,
        errors,
    }
}

fn collect(
    cell: &Cell,
    add: fn(&mut Tally, Number),
    all: &mut Tally,
    keys: &mut BTreeMap<Vec<Value>, Tally>,
) {
    match cell {
        Cell::Inline {
            counters,
            index,
            ways,
            key,
        } => {
            let fires = counters.get(*index);
            let count = match ways {
                None => fires,
                Some((Meant::Ways, ways)) => ways.taken(),
                Some((Meant::Others, ways)) => fires.saturating_sub(ways.taken()),
            };
            match key.is_empty() {
                true => all.count += count,
                false if count > 0 => keys.entry(key.clone()).or_default().count += count,
                false => {}
            }
        }
        Cell::Tallies(list, action) => {
            let list = list.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(tallies) = list.get(*action) {
                all.merge(&tallies.all, add);
                for (key, tally) in &tallies.by_key {
                    keys.entry(key.clone()).or_default().merge(tally, add);
                }
            }
        }
    }
}

fn kind(kind: &Kind) -> ActionKind {
    match kind {
        Kind::Count => ActionKind::Count,
        Kind::Sum => ActionKind::Sum,
        Kind::Min => ActionKind::Min,
        Kind::Max => ActionKind::Max,
        Kind::Hist => ActionKind::Hist,
        Kind::Stack(_) => ActionKind::Stack,
        Kind::Print(_) => ActionKind::Print,
    }
}
