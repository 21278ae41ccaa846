//! The tables of `cache`, and what exports show.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_engine::WasmPc;
use probity_probes::opcode::Opcode;
use probity_probes::source::SourceLine;

use super::data::{CacheData, CacheFunction, CacheLine, Costs};
use crate::analysis::{Findings, Key, Run};
use crate::export::Data;
use crate::options::Geometry;
use crate::report::table::{Column, Fact, Kind, Table, Value};

/// In the order of [`Costs::events`].
const EVENTS: [&str; 11] = [
    "instructions",
    "reads",
    "d1_read_misses",
    "ll_read_misses",
    "writes",
    "d1_write_misses",
    "ll_write_misses",
    "branches",
    "mispredicted",
    "indirect",
    "indirect_mispredicted",
];

fn columns(first: &[Column]) -> Vec<Column> {
    let events = EVENTS.map(|name| Column::new(name, Kind::Count));
    let cycles = [Column::new("cycles", Kind::Count)];
    [first, &events, &cycles].concat()
}

fn row(mut first: Vec<Value>, costs: &Costs) -> Vec<Value> {
    first.extend(costs.events().map(Value::from));
    first.push(costs.cycles().into());
    first
}

pub(super) fn findings(
    run: &Run<'_>,
    sites: impl Iterator<Item = ((Key, WasmPc), Costs)>,
    (d1, ll): (Geometry, Geometry),
    is_exported: bool,
) -> Findings {
    let mut by_site: BTreeMap<(Key, WasmPc), Costs> = BTreeMap::new();
    for (site, costs) in sites {
        *by_site.entry(site).or_default() += &costs;
    }
    let who = run.function_columns("func");
    let heat = Some("cycles");
    let mut functions = Table::new("functions", columns(&who), heat);
    let site = [
        Column::new("pc", Kind::Pc),
        Column::new("opcode", Kind::Text),
    ];
    let mut sites = Table::new("sites", columns(&[&who[..], &site].concat()), heat);
    let mut lines: BTreeMap<SourceLine, Costs> = BTreeMap::new();
    let mut total = Costs::default();
    let mut data = Vec::new();
    for function in run.functions(false) {
        let key = function.key;
        let source = run.source(key);
        let who = run.function_cells(&function);
        let counts = function.counts.as_ref();
        let counts = counts.map_or_else(Vec::new, |counts| counts.instrs());
        let mut sum = Costs::default();
        let mut within: BTreeMap<(Option<Arc<str>>, u32), Costs> = BTreeMap::new();
        for (at, (pc, op)) in function.operators().iter().enumerate() {
            let found = by_site.get(&(key, *pc));
            let mut costs = found.copied().unwrap_or_default();
            costs.instructions = counts.get(at).copied().unwrap_or(0);
            if costs == Costs::default() {
                continue;
            }
            sum += &costs;
            if found.is_some() {
                let mut first = who.clone();
                first.extend([pc.0.into(), Opcode::of(op).mnemonic().into()]);
                sites.push(row(first, &costs));
            }
            let line = source.and_then(|source| source.line(*pc));
            let place = match (&line, source) {
                (Some(line), _) => (Some(line.file.clone()), line.line),
                (None, Some(_)) => (None, 0),
                (None, None) => (None, pc.0),
            };
            *within.entry(place).or_default() += &costs;
            if let Some(line) = line {
                *lines.entry(line).or_default() += &costs;
            }
        }
        if sum == Costs::default() {
            continue;
        }
        total += &sum;
        functions.push(row(who, &sum));
        let lines = within.into_iter();
        let lines = lines.map(|((file, line), costs)| CacheLine { file, line, costs });
        data.push(CacheFunction {
            module: key.module,
            index: key.index,
            name: function.name(),
            lines: lines.collect(),
        });
    }
    let mut tables = vec![functions];
    tables.extend(line_table(lines));
    tables.push(sites);
    let data = is_exported.then(|| {
        Data::Cache(CacheData {
            caches: [d1, ll].map(|level| level.describe()),
            modules: run.titles(),
            functions: data,
        })
    });
    Findings {
        facts: facts(&total, (d1, ll)),
        tables,
        data,
    }
}

fn facts(total: &Costs, (d1, ll): (Geometry, Geometry)) -> Vec<Fact> {
    let events = EVENTS.iter().zip(total.events());
    let mut facts: Vec<Fact> = events
        .map(|(name, count)| Fact::new(name, Kind::Count, count))
        .collect();
    let sum = |at: usize| total.reads[at] + total.writes[at];
    let branches = total.conditional[0] + total.indirect[0];
    let wrong = total.conditional[1] + total.indirect[1];
    let percent = |part: u64, of: u64| match of {
        0 => Value::Nothing,
        _ => (part as f64 * 100.0 / of as f64).into(),
    };
    facts.extend([
        Fact::new("cycles", Kind::Count, total.cycles()),
        Fact::new("d1_miss_percent", Kind::Percent, percent(sum(1), sum(0))),
        Fact::new("ll_miss_percent", Kind::Percent, percent(sum(2), sum(0))),
        Fact::new(
            "mispredicted_percent",
            Kind::Percent,
            percent(wrong, branches),
        ),
        Fact::new("d1", Kind::Text, Value::Text(d1.describe().into())),
        Fact::new("ll", Kind::Text, Value::Text(ll.describe().into())),
    ]);
    facts
}

/// `None` if no module says which lines it is of.
fn line_table(lines: BTreeMap<SourceLine, Costs>) -> Option<Table> {
    if lines.is_empty() {
        return None;
    }
    let first = [
        Column::new("file", Kind::Text),
        Column::new("line", Kind::Index),
    ];
    let mut table = Table::new("lines", columns(&first), Some("cycles"));
    for (line, costs) in lines {
        let first = vec![Value::Text(line.file), line.line.into()];
        table.push(row(first, &costs));
    }
    Some(table)
}
