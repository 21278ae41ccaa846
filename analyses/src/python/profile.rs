//! `pyprofile`: instructions of each Python function and line, along the calls.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use probity_engine::hook::{Counters, Probes};
use probity_engine::{Func, Result};
use probity_probes::source::{SourceFrame, SourceLine};
use probity_probes::unwind::Unwind;

use super::allocs::Allocated;
use super::tracker::{Line, ROOT, Tracker};
use super::watch::{Member, Place, Wish, lock};
use crate::analysis::{Analysis, Common, Findings, Instrument, Key, Run};
use crate::export::{Data, DataKind};
use crate::options::{NUMBER, OptionInfo, Options};
use crate::profile::data::{Function, Node, Profile, Sums, Weight};
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

/// What exact ones add up.
pub(crate) const WEIGHT: OptionInfo = OptionInfo {
    name: "weight",
    default: "instructions",
    help: "what to add up, if exactly: operators executed, allocations, or the bytes of these",
    values: &["instructions", "allocs", "bytes"],
};

pub(crate) struct PyProfile {
    options: Options,
    mode: Mode,
    member: Member,
    is_exported: bool,
}

enum Mode {
    Exact(Weight),
    Sample(Samples),
}

struct Samples {
    /// Units of fuel between two.
    every: u64,
    /// What those weigh that find no interpreter yet.
    early: Counters,
    place: Arc<Mutex<Option<Place>>>,
}

impl PyProfile {
    pub fn new(options: &Options) -> PyProfile {
        let (mode, member) = match options.get(MODE.name) {
            "sample" => {
                let (member, place) = Member::sampling();
                let samples = Samples {
                    every: options.number(EVERY.name).unwrap_or(1_000_000),
                    early: Counters::new(1),
                    place,
                };
                (Mode::Sample(samples), member)
            }
            _ => {
                let weight = match options.get(WEIGHT.name) {
                    "allocs" => Weight::Allocs,
                    "bytes" => Weight::Bytes,
                    _ => Weight::Instructions,
                };
                (Mode::Exact(weight), Member::default())
            }
        };
        PyProfile {
            options: options.clone(),
            mode,
            member,
            is_exported: false,
        }
    }
}

impl Analysis for PyProfile {
    fn attach(&mut self, probes: &mut Probes<'_>, common: &mut Common) {
        let Mode::Sample(samples) = &self.mode else {
            let wish = Wish {
                costs: true,
                nested: false,
            };
            self.member.join(common, &self.options, &wish);
            return;
        };
        let every = samples.every;
        let (early, place) = (samples.early.clone(), samples.place.clone());
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
        self.member.instrument(at)
    }

    fn unwound(&mut self, _key: Key, func: Func, unwind: Unwind) {
        self.member.unwound(func, unwind);
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let followed = self.member.finish();
        let tracker = followed.tracker();
        let mut facts = Vec::new();
        let profile = match &self.mode {
            Mode::Exact(weight) => {
                facts.push(Fact::new("rule", Kind::Text, "instr.v1"));
                let all = match weight {
                    Weight::Allocs => followed.allocated.unwrap_or_default().count,
                    Weight::Bytes => followed.allocated.unwrap_or_default().bytes,
                    _ => followed.total,
                };
                profile(run, tracker.as_deref(), *weight, all)
            }
            Mode::Sample(samples) => {
                let (every, early) = (samples.every, samples.early.get(0));
                let found = tracker.as_ref().map_or(0, |tracker| tracker.samples);
                facts.push(Fact::new("samples", Kind::Count, found + early / every));
                let mut profile = profile(run, tracker.as_deref(), Weight::Fuel, early);
                profile.is_exact = false;
                if tracker.is_some() {
                    profile.nodes[1].weight += early;
                }
                profile
            }
        };
        facts.insert(0, Fact::new("weight", Kind::Text, profile.weight.name()));
        facts.push(Fact::new("total", Kind::Count, profile.total()));
        let known = followed.allocated.filter(|_| profile.is_exact);
        if let Some(allocated) = known {
            facts.push(Fact::new("allocs", Kind::Count, allocated.count));
            facts.push(Fact::new("bytes", Kind::Count, allocated.bytes));
        }
        facts.extend(followed.facts(tracker.as_deref()));
        let places = places(tracker.as_deref());
        let tables = vec![
            functions(&profile, known.is_some()),
            lines(&profile, &places, known.is_some()),
        ];
        Findings {
            facts,
            tables,
            data: self.is_exported.then_some(Data::Profile(profile)),
        }
    }
}

/// What a line is in a profile of such weights.
fn weight_of(line: &Line, weight: Weight) -> u64 {
    match weight {
        Weight::Allocs => line.allocated.count,
        Weight::Bytes => line.allocated.bytes,
        _ => line.weight,
    }
}

/// A profile without functions, but for what is of none.
fn nothing(run: &Run<'_>, weight: Weight, native: u64) -> Profile {
    let node = |weight| Node {
        parent: 0,
        function: 0,
        site: None,
        calls: 0,
        weight,
        pcs: Vec::new(),
        allocs: Vec::new(),
    };
    Profile {
        weight,
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

/// Lines stand for offsets: a function's are those of its code. `all` is what executed if no interpreter was found.
fn profile(run: &Run<'_>, tracker: Option<&Tracker>, weight: Weight, all: u64) -> Profile {
    let Some(tracker) = tracker else {
        return nothing(run, weight, all);
    };
    let native = &tracker.nodes[ROOT as usize].lines[0];
    let mut profile = nothing(run, weight, weight_of(native, weight));
    profile.nodes[1].allocs.extend(allocs_of((0, native)));
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
        let lines = || code.lines.iter().copied().zip(&node.lines);
        let weights = lines().map(|(at, line)| (at, weight_of(line, weight)));
        let pcs: Vec<(u32, u64)> = weights.filter(|(_, weight)| *weight > 0).collect();
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
            allocs: lines().filter_map(allocs_of).collect(),
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

/// What a line allocated, if it did.
fn allocs_of((at, line): (u32, &Line)) -> Option<(u32, u64, u64)> {
    let Allocated { count, bytes } = line.allocated;
    (count > 0).then_some((at, count, bytes))
}

/// Columns of costs: own and with callees, and allocations if they are known.
fn cost_columns(first: Option<&'static str>, known: bool) -> Vec<Column> {
    let allocs = known.then_some(["allocs", "bytes"]);
    let names = first.into_iter().chain(["self", "total"]);
    let names = names.chain(allocs.into_iter().flatten());
    names.map(|name| Column::new(name, Kind::Count)).collect()
}

fn cost_cells(first: Option<u64>, sums: &Sums, allocated: Option<Allocated>) -> Vec<Value> {
    let allocated = allocated.map(|allocated| [allocated.count, allocated.bytes]);
    let cells = first.into_iter().chain([sums.own, sums.total]);
    let cells = cells.chain(allocated.into_iter().flatten());
    cells.map(Value::from).collect()
}

fn functions(profile: &Profile, known: bool) -> Table {
    let mut allocated = vec![Allocated::default(); profile.functions.len()];
    for node in &profile.nodes[1..] {
        let of = &mut allocated[node.function as usize];
        for &(_, count, bytes) in &node.allocs {
            of.add(Allocated { count, bytes });
        }
    }
    let mut columns = vec![
        Column::new("function", Kind::Function),
        Column::new("file", Kind::Text),
        Column::new("line", Kind::Index),
    ];
    columns.extend(cost_columns(profile.is_exact.then_some("calls"), known));
    let mut table = Table::new("functions", columns, Some("self"));
    let sums = profile.by_function().into_iter().zip(allocated);
    for (function, (sums, allocated)) in profile.functions.iter().zip(sums) {
        let place = function.source.as_ref();
        let mut row = vec![
            Value::Text(function.name.clone()),
            place.map_or(Value::Nothing, |place| Value::Text(place.file.clone())),
            place.map_or(Value::Nothing, |place| place.line.into()),
        ];
        let calls = profile.is_exact.then_some(sums.calls);
        row.extend(cost_cells(calls, &sums, known.then_some(allocated)));
        table.push(row);
    }
    table
}

/// What each line did, all ways to it taken together.
fn places(tracker: Option<&Tracker>) -> HashMap<SourceLine, Line> {
    let mut places: HashMap<SourceLine, Line> = HashMap::new();
    let Some(tracker) = tracker else {
        return places;
    };
    for node in &tracker.nodes[1..] {
        let code = &tracker.codes.all[node.code as usize];
        for (&line, did) in code.lines.iter().zip(&node.lines) {
            let place = SourceLine {
                file: code.file.clone(),
                line,
            };
            let sum = places.entry(place).or_default();
            sum.hits += did.hits;
            sum.allocated.add(did.allocated);
        }
    }
    places
}

fn lines(profile: &Profile, places: &HashMap<SourceLine, Line>, known: bool) -> Table {
    let mut columns = vec![
        Column::new("file", Kind::Text),
        Column::new("line", Kind::Index),
    ];
    columns.extend(cost_columns(profile.is_exact.then_some("hits"), known));
    let mut table = Table::new("lines", columns, Some("self"));
    for (place, sums) in profile.by_line() {
        let did = places.get(&place).copied().unwrap_or_default();
        let mut row = vec![Value::Text(place.file), place.line.into()];
        let hits = profile.is_exact.then_some(did.hits);
        row.extend(cost_cells(hits, &sums, known.then_some(did.allocated)));
        table.push(row);
    }
    table
}
