//! `pyprofile`: instructions of each Python function and line, along the calls.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use probity_engine::{Func, Result};
use probity_probes::source::{SourceFrame, SourceLine};
use probity_probes::total::RunningTotal;
use probity_probes::unwind::Unwind;

use super::Watch;
use super::tracker::{ROOT, Tracker};
use crate::analysis::{Analysis, Findings, Instrument, Key, Run};
use crate::export::{Data, DataKind};
use crate::profile::data::{Function, Node, Profile, Weight};
use crate::report::table::{Column, Fact, Kind, Table, Value};

/// What executes outside of Python code.
const NATIVE: &str = "(native)";

pub(crate) struct PyProfile {
    total: RunningTotal,
    watch: Watch,
    is_exported: bool,
}

impl PyProfile {
    pub fn new() -> PyProfile {
        let total = RunningTotal::new();
        PyProfile {
            watch: Watch::new(Some(total.clone()), true, false),
            total,
            is_exported: false,
        }
    }
}

impl Analysis for PyProfile {
    fn collect(&mut self, _kind: DataKind) {
        self.is_exported = true;
    }

    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        self.watch.instrument(at)
    }

    fn unwound(&mut self, _key: Key, func: Func, unwind: Unwind) {
        self.watch.unwound(func, unwind);
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let tracker = self.watch.finish();
        let profile = match &tracker {
            Some(tracker) => profile(run, tracker),
            None => nothing(run, self.total.get()),
        };
        let mut facts = vec![
            Fact::new("rule", Kind::Text, "instr.v1"),
            Fact::new("total", Kind::Count, profile.total()),
        ];
        facts.extend(self.watch.facts(tracker.as_deref()));
        let tables = vec![functions(&profile), lines(&profile, tracker.as_deref())];
        Findings {
            facts,
            tables,
            data: self.is_exported.then_some(Data::Profile(profile)),
        }
    }
}

/// A profile without functions, but for what is of none.
fn nothing(run: &Run<'_>, native: u64) -> Profile {
    let node = |weight| Node {
        parent: 0,
        function: 0,
        site: None,
        calls: 0,
        weight,
        pcs: Vec::new(),
    };
    Profile {
        weight: Weight::Instructions,
        is_exact: true,
        modules: crate::profile::modules(run),
        functions: vec![Function {
            module: None,
            index: None,
            name: NATIVE.into(),
            source: None,
            pcs: Vec::new(),
            places: BTreeMap::new(),
            loops: Vec::new(),
        }],
        nodes: vec![node(0), node(native)],
    }
}

/// Lines stand for offsets: a function's are those of its code.
fn profile(run: &Run<'_>, tracker: &Tracker) -> Profile {
    let mut profile = nothing(run, tracker.nodes[ROOT as usize].lines[0].weight);
    let mut indices: HashMap<(Arc<str>, Arc<str>, u32), u32> = HashMap::new();
    let mut own: Vec<BTreeMap<u32, u64>> = vec![BTreeMap::new()];
    for node in &tracker.nodes[1..] {
        let code = &tracker.codes.all[node.code as usize];
        let key = (code.file.clone(), code.name.clone(), code.first_line);
        let functions = &mut profile.functions;
        let function = *indices.entry(key).or_insert_with(|| {
            let index = functions.len() as u32;
            let place = |line| SourceLine {
                file: code.file.clone(),
                line,
            };
            functions.push(Function {
                module: Some(0),
                index: Some(index - 1),
                name: code.name.clone(),
                source: Some(place(code.first_line)),
                pcs: Vec::new(),
                places: BTreeMap::new(),
                loops: Vec::new(),
            });
            own.push(BTreeMap::new());
            index
        });
        let lines = code.lines.iter().zip(&node.lines);
        let lines = lines.filter(|(_, line)| line.weight > 0);
        let pcs: Vec<(u32, u64)> = lines.map(|(&at, line)| (at, line.weight)).collect();
        let of = &mut own[function as usize];
        pcs.iter()
            .for_each(|&(line, weight)| *of.entry(line).or_default() += weight);
        profile.nodes.push(Node {
            // Behind the host and `(native)`.
            parent: if node.parent == ROOT {
                0
            } else {
                node.parent + 1
            },
            function,
            site: (node.site > 0).then_some(node.site),
            calls: node.calls,
            weight: pcs.iter().map(|(_, weight)| weight).sum(),
            pcs,
        });
    }
    let sites: Vec<(u32, u32)> = profile.nodes[1..]
        .iter()
        .filter_map(|node| Some((profile.nodes[node.parent as usize].function, node.site?)))
        .collect();
    for (function, site) in sites {
        own[function as usize].entry(site).or_default();
    }
    for (function, own) in profile.functions.iter_mut().zip(own) {
        let file = function.source.as_ref().map(|place| place.file.clone());
        let name = function.name.clone();
        if let Some(file) = file {
            function.places = own
                .keys()
                .map(|&line| {
                    let place = SourceLine {
                        file: file.clone(),
                        line,
                    };
                    let frame = SourceFrame {
                        function: name.clone(),
                        place: Some(place),
                        column: 0,
                    };
                    (line, vec![frame])
                })
                .collect();
        }
        function.pcs = own.into_iter().filter(|&(_, weight)| weight > 0).collect();
    }
    profile
}

fn functions(profile: &Profile) -> Table {
    let columns = vec![
        Column::new("function", Kind::Function),
        Column::new("file", Kind::Text),
        Column::new("line", Kind::Index),
        Column::new("calls", Kind::Count),
        Column::new("self", Kind::Count),
        Column::new("total", Kind::Count),
    ];
    let mut table = Table::new("functions", columns, Some("self"));
    for (function, sums) in profile.functions.iter().zip(profile.by_function()) {
        let place = function.source.as_ref();
        table.push(vec![
            Value::Text(function.name.clone()),
            place.map_or(Value::Nothing, |place| Value::Text(place.file.clone())),
            place.map_or(Value::Nothing, |place| place.line.into()),
            sums.calls.into(),
            sums.own.into(),
            sums.total.into(),
        ]);
    }
    table
}

fn lines(profile: &Profile, tracker: Option<&Tracker>) -> Table {
    let mut hits: HashMap<SourceLine, u64> = HashMap::new();
    for node in tracker.map_or(&[][..], |tracker| &tracker.nodes[1..]) {
        let Some(code) = tracker.map(|t| &t.codes.all[node.code as usize]) else {
            continue;
        };
        for (&line, did) in code.lines.iter().zip(&node.lines) {
            let place = SourceLine {
                file: code.file.clone(),
                line,
            };
            *hits.entry(place).or_default() += did.hits;
        }
    }
    let columns = vec![
        Column::new("file", Kind::Text),
        Column::new("line", Kind::Index),
        Column::new("hits", Kind::Count),
        Column::new("self", Kind::Count),
        Column::new("total", Kind::Count),
    ];
    let mut table = Table::new("lines", columns, Some("self"));
    for (place, sums) in profile.by_line() {
        table.push(vec![
            Value::Text(place.file.clone()),
            place.line.into(),
            hits.get(&place).copied().unwrap_or(0).into(),
            sums.own.into(),
            sums.total.into(),
        ]);
    }
    table
}
