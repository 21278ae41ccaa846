//! `pyprofile`: instructions of each Python function and line, along the calls.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use probity_engine::hook::{Counters, Probes};
use probity_engine::{Func, Result};
use probity_probes::source::{SourceFrame, SourceLine};
use probity_probes::total::RunningTotal;
use probity_probes::unwind::Unwind;

use super::tracker::{ROOT, Tracker};
use super::{Watch, lock};
use crate::analysis::{Analysis, Findings, Instrument, Key, Run};
use crate::export::{Data, DataKind};
use crate::options::{NUMBER, OptionInfo, Options};
use crate::profile::data::{Function, Node, Profile, Weight};
use crate::report::table::{Column, Fact, Kind, Table, Value};

/// What executes outside of Python code.
const NATIVE: &str = "(native)";

/// Exactly, or by looking now and then.
pub(crate) const MODE: OptionInfo = OptionInfo {
    name: "mode",
    default: "exact",
    help: "exact: what each line executed; sample: where the program is, every so often, which costs next to nothing",
    values: &["exact", "sample"],
};

/// How often samples are taken.
pub(crate) const EVERY: OptionInfo = OptionInfo {
    name: "every",
    default: "1000000",
    help: "units of fuel between two samples",
    values: &[NUMBER],
};

pub(crate) struct PyProfile {
    mode: Mode,
    watch: Watch,
    is_exported: bool,
}

enum Mode {
    Exact(RunningTotal),
    /// Every so many units of fuel; what samples weigh that find no interpreter yet.
    Sample(u64, Counters),
}

impl PyProfile {
    pub fn new(options: &Options) -> PyProfile {
        let (mode, watch) = match options.get(MODE.name) {
            "sample" => {
                let every = options.number(EVERY.name).unwrap_or(1_000_000);
                let early = Counters::new(1);
                (Mode::Sample(every, early), Watch::sampling())
            }
            _ => {
                let total = RunningTotal::new();
                let watch = Watch::new(Some(total.clone()), true, false);
                (Mode::Exact(total), watch)
            }
        };
        PyProfile {
            mode,
            watch,
            is_exported: false,
        }
    }
}

impl Analysis for PyProfile {
    fn attach(&mut self, probes: &mut Probes<'_>) {
        let Mode::Sample(every, early) = &self.mode else {
            return;
        };
        let (every, early, place) = (*every, early.clone(), self.watch.place.clone());
        probes.on_fuel(every, move |context| {
            match &*lock(&place) {
                Some((memory, tracker)) => {
                    lock(tracker).sample(memory.data(context), every);
                }
                None => early.add(0, every as i64),
            }
            Ok(())
        });
    }

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
        let native = match &self.mode {
            Mode::Exact(total) => total.get(),
            Mode::Sample(_, early) => early.get(0),
        };
        let mut profile = match &tracker {
            Some(tracker) => profile(run, tracker),
            None => nothing(run, native),
        };
        let mut facts = Vec::new();
        match &self.mode {
            Mode::Exact(_) => facts.push(Fact::new("rule", Kind::Text, "instr.v1")),
            Mode::Sample(every, early) => {
                profile.weight = Weight::Fuel;
                profile.is_exact = false;
                let found = tracker.as_ref().map_or(0, |tracker| tracker.samples);
                let samples = found + early.get(0) / every;
                if tracker.is_some() {
                    profile.nodes[1].weight += early.get(0);
                }
                facts.push(Fact::new("samples", Kind::Count, samples));
            }
        }
        facts.insert(0, Fact::new("weight", Kind::Text, profile.weight.name()));
        facts.push(Fact::new("total", Kind::Count, profile.total()));
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
    let mut columns = vec![
        Column::new("function", Kind::Function),
        Column::new("file", Kind::Text),
        Column::new("line", Kind::Index),
    ];
    columns.extend(
        profile
            .is_exact
            .then_some(Column::new("calls", Kind::Count)),
    );
    columns.extend([
        Column::new("self", Kind::Count),
        Column::new("total", Kind::Count),
    ]);
    let mut table = Table::new("functions", columns, Some("self"));
    for (function, sums) in profile.functions.iter().zip(profile.by_function()) {
        let place = function.source.as_ref();
        let mut row = vec![
            Value::Text(function.name.clone()),
            place.map_or(Value::Nothing, |place| Value::Text(place.file.clone())),
            place.map_or(Value::Nothing, |place| place.line.into()),
        ];
        row.extend(profile.is_exact.then(|| sums.calls.into()));
        row.extend([sums.own.into(), sums.total.into()]);
        table.push(row);
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
    let mut columns = vec![
        Column::new("file", Kind::Text),
        Column::new("line", Kind::Index),
    ];
    columns.extend(profile.is_exact.then_some(Column::new("hits", Kind::Count)));
    columns.extend([
        Column::new("self", Kind::Count),
        Column::new("total", Kind::Count),
    ]);
    let mut table = Table::new("lines", columns, Some("self"));
    for (place, sums) in profile.by_line() {
        let came = hits.get(&place).copied().unwrap_or(0);
        let mut row = vec![Value::Text(place.file), place.line.into()];
        row.extend(profile.is_exact.then(|| came.into()));
        row.extend([sums.own.into(), sums.total.into()]);
        table.push(row);
    }
    table
}
