//! Rules of the user's own: sites chosen by opcode, function, line or operands, and what
//! to count, add up or show there. [`probity_probes::rule`] is the language; this
//! puts rules into a run and their results into tables.
//!
//! Counted is what a rule's action did: `count` says how often, `value` is the sum or
//! the extreme, `skipped` how often there was no number to take. Functions that never
//! started have no sites here.

use std::sync::{Arc, Mutex, PoisonError};

use probity_engine::hook::Probes;
use probity_engine::{Func, Module, Result};
use probity_probes::rule::{
    ActionKind, ActionResult, Body, Event, Mode, Number, Results, Rule, SiteResult, Summary,
    Value as RuleValue, Watcher,
};
use probity_probes::unwind::Unwind;

use crate::analysis::{Analysis, Common, Findings, Instrument, Key, Run, module_name};
use crate::options::{FUNC, OptionInfo, TOP};
use crate::report::table::{Column, Kind, Table, Value};

/// The analysis' name in reports.
pub(crate) const NAME: &str = "rules";
/// As of every analysis; there is no way to set them yet.
pub(crate) static OPTIONS: [OptionInfo; 2] = [FUNC, TOP];

pub(crate) struct Rules {
    watchers: Vec<Watcher>,
}

impl Rules {
    pub fn new(
        rules: impl IntoIterator<Item = Rule>,
        on_print: impl FnMut(&str) + Send + 'static,
    ) -> Rules {
        // All rules print to one place.
        let on_print = Arc::new(Mutex::new(on_print));
        let watchers = rules.into_iter().map(|rule| {
            let watcher = rule.watcher();
            let on_print = on_print.clone();
            watcher.on_print(move |line| {
                let mut on_print = on_print.lock().unwrap_or_else(PoisonError::into_inner);
                on_print(line);
            });
            watcher
        });
        Rules {
            watchers: watchers.collect(),
        }
    }
}

impl Analysis for Rules {
    fn attach(&mut self, probes: &mut Probes<'_>, _common: &mut Common) {
        for watcher in &self.watchers {
            watcher.attach_events(probes);
        }
    }

    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        let mut body = None;
        for watcher in &self.watchers {
            if !watcher.may_match(at.module, at.info) {
                continue;
            }
            let body = match &mut body {
                Some(body) => body,
                none => none.insert(Body::decoded(at.module, at.info, at.operators()?)),
            };
            watcher.instrument_body(at.probes, at.func, body)?;
        }
        Ok(())
    }

    fn unwound(&mut self, _key: Key, func: Func, unwind: Unwind) {
        if let Some(pc) = unwind.caught_at {
            self.watchers
                .iter()
                .for_each(|watcher| watcher.caught(func, pc));
        }
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let found: Vec<(u64, &Watcher, Results)> = (1..)
            .zip(&self.watchers)
            .map(|(number, watcher)| (number, watcher, watcher.results()))
            .collect();
        let actions = || {
            found.iter().flat_map(|(number, _, results)| {
                let actions = results.actions.iter();
                actions.map(move |action| (*number, results, action))
            })
        };
        let any = |is: &dyn Fn(&ActionResult) -> bool| actions().any(|(_, _, action)| is(action));
        let shape = Shape {
            values: any(&|action| has_value(action.kind)),
            skips: any(&|action| has_value(action.kind) || action.kind == ActionKind::Hist),
            modules: Some(run.modules).filter(|modules| modules.len() > 1),
            lines: any(&|action| action.sites.iter().any(|site| site.at.line.is_some())),
        };

        let mut rules = Table::new("rules", vec![RULE, TEXT, SITES], None).whole();
        for (number, watcher, results) in &found {
            let text: Arc<str> = watcher.rule().text().into();
            rules.push(vec![
                (*number).into(),
                Value::Text(text),
                results.sites.into(),
            ]);
        }
        let mut totals = Table::new("actions", shape.columns(vec![RULE, ACTION]), None).whole();
        for (number, _, action) in actions() {
            let row = vec![number.into(), Value::Text(action.text.clone())];
            totals.push(shape.row(row, &action.total));
        }
        let mut tables = vec![rules, totals];
        if any(&|action| !action.is_keyed) {
            let mut sites =
                Table::new("sites", shape.site_columns(), Some("count")).without_share();
            for (number, results, action) in actions() {
                for site in action.sites.iter().filter(|site| has_fired(&site.summary)) {
                    let row = vec![number.into(), Value::Text(action.text.clone())];
                    sites.push(shape.site_row(row, results, site));
                }
            }
            tables.push(sites);
        }
        if any(&|action| action.is_keyed) {
            let columns = shape.columns(vec![RULE, ACTION, KEY]);
            let mut keys = Table::new("keys", columns, Some("count")).without_share();
            for (number, _, action) in actions() {
                for result in &action.keys {
                    let row = vec![
                        number.into(),
                        Value::Text(action.text.clone()),
                        key(&result.key),
                    ];
                    keys.push(shape.row(row, &result.summary));
                }
            }
            tables.push(keys);
        }
        if any(&|action| action.kind == ActionKind::Hist) {
            let columns = vec![RULE, ACTION, KEY, LOW, HIGH, COUNT];
            let mut buckets = Table::new("buckets", columns, None).whole();
            each_part(actions(), |start, summary| {
                for bucket in &summary.buckets {
                    let mut row = start.clone();
                    row.extend([
                        number(Number::Int(bucket.low)),
                        number(Number::Int(bucket.high)),
                        bucket.count.into(),
                    ]);
                    buckets.push(row);
                }
            });
            tables.push(buckets);
        }
        if any(&|action| action.kind == ActionKind::Stack) {
            let columns = vec![RULE, ACTION, KEY, COUNT, STACK];
            let mut stacks = Table::new("stacks", columns, Some("count")).without_share();
            each_part(actions(), |start, summary| {
                for (stack, count) in &summary.stacks {
                    let mut row = start.clone();
                    row.extend([(*count).into(), Value::Text(stack.clone())]);
                    stacks.push(row);
                }
            });
            tables.push(stacks);
        }
        Findings {
            facts: Vec::new(),
            tables,
            ..Findings::default()
        }
    }
}

const RULE: Column = Column::new("rule", Kind::Index);
const TEXT: Column = Column::new("text", Kind::Text);
const SITES: Column = Column::new("sites", Kind::Count);
const ACTION: Column = Column::new("action", Kind::Text);
const KEY: Column = Column::new("key", Kind::Text);
const COUNT: Column = Column::new("count", Kind::Count);
const VALUE: Column = Column::new("value", Kind::Number);
const SKIPPED: Column = Column::new("skipped", Kind::Count);
const LOW: Column = Column::new("low", Kind::Number);
const HIGH: Column = Column::new("high", Kind::Number);
const STACK: Column = Column::new("stack", Kind::Text);

/// Which columns there is something for.
struct Shape<'a> {
    values: bool,
    skips: bool,
    /// Several modules, of which a site is in one.
    modules: Option<&'a [Module]>,
    lines: bool,
}

impl Shape<'_> {
    /// With the columns of figures.
    fn columns(&self, mut columns: Vec<Column>) -> Vec<Column> {
        columns.push(COUNT);
        columns.extend(self.values.then_some(VALUE));
        columns.extend(self.skips.then_some(SKIPPED));
        columns
    }

    /// The values of [`Shape::columns`].
    fn row(&self, mut row: Vec<Value>, summary: &Summary) -> Vec<Value> {
        row.push(summary.count.into());
        if self.values {
            row.push(summary.value.map_or(Value::Nothing, number));
        }
        row.extend(self.skips.then(|| summary.skipped.into()));
        row
    }

    fn site_columns(&self) -> Vec<Column> {
        let mut columns = vec![RULE, ACTION];
        columns.extend(self.modules.map(|_| Column::new("module", Kind::Text)));
        columns.extend([
            Column::new("func", Kind::Index),
            Column::new("name", Kind::Function),
            Column::new("pc", Kind::Pc),
            Column::new("event", Kind::Text),
        ]);
        columns.extend(self.lines.then(|| Column::new("source", Kind::Text)));
        self.columns(columns)
    }

    fn site_row(&self, mut row: Vec<Value>, results: &Results, site: &SiteResult) -> Vec<Value> {
        if let Some(modules) = self.modules {
            let of = &results.modules[site.module];
            let at = modules.iter().position(|module| module.same(of));
            let name = at.map(|at| module_name(of, at as u32));
            row.push(name.map_or(Value::Nothing, |name| Value::Text(name.into())));
        }
        row.extend([
            site.at.func.into(),
            Value::Text(site.name.clone()),
            site.at.pc.0.into(),
            event(site.at.event),
        ]);
        if self.lines {
            let line = site.at.line.as_ref();
            row.push(line.map_or(Value::Nothing, |line| Value::Text(line.to_string().into())));
        }
        self.row(row, &site.summary)
    }
}

fn has_value(kind: ActionKind) -> bool {
    matches!(kind, ActionKind::Sum | ActionKind::Min | ActionKind::Max)
}

fn has_fired(summary: &Summary) -> bool {
    summary.count > 0 || summary.skipped > 0
}

/// Calls `see` with each part of the results that is told apart: of each action the
/// whole, or what is under each key.
fn each_part<'a>(
    actions: impl Iterator<Item = (u64, &'a Results, &'a ActionResult)>,
    mut see: impl FnMut(Vec<Value>, &Summary),
) {
    for (number, _, action) in actions {
        let start = |key: Value| vec![number.into(), Value::Text(action.text.clone()), key];
        if action.is_keyed {
            for result in &action.keys {
                see(start(key(&result.key)), &result.summary);
            }
        } else {
            see(start(Value::Nothing), &action.total);
        }
    }
}

/// The mnemonic, with the mode unless that is the usual one, or the event's name without its provider.
fn event(event: Event) -> Value {
    match event {
        Event::Opcode(opcode, Mode::Before) => opcode.mnemonic().into(),
        Event::Opcode(opcode, _) => {
            let name = event.to_string();
            let mode = name.rsplit(':').next().unwrap_or_default();
            Value::Text(format!("{}:{mode}", opcode.mnemonic()).into())
        }
        other => {
            let name = other.to_string();
            Value::Text(name.trim_start_matches("wasm:").into())
        }
    }
}

fn key(values: &[RuleValue]) -> Value {
    let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    Value::Text(texts.join(", ").into())
}

/// Beyond 64 bits the nearest float.
fn number(number: Number) -> Value {
    match number {
        Number::Int(value) => match (u64::try_from(value), i64::try_from(value)) {
            (Ok(value), _) => Value::Number(value),
            (_, Ok(value)) => Value::Negative(value),
            _ => Value::Real(value as f64),
        },
        Number::Float(value) => Value::Real(value),
    }
}
