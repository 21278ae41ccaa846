//! Readers of profile formats, written from their documentation and by other crates than those that write them: what
//! weight each function has itself, by name.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use serde::Deserialize;

/// Own weight by name.
pub type Sums = BTreeMap<String, u64>;

fn add(sums: &mut Sums, name: &str, weight: u64) {
    if weight > 0 {
        *sums.entry(name.to_owned()).or_default() += weight;
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// Stacks between `;`, a blank, a number.
pub fn folded(bytes: &[u8]) -> Sums {
    let mut sums = Sums::new();
    for line in text(bytes).lines() {
        let (stack, weight) = line.rsplit_once(' ').expect("a weight");
        let leaf = stack.rsplit(';').next().expect("a frame");
        add(&mut sums, leaf, weight.parse().expect("a number"));
    }
    sums
}

/// The weight of everything: inferno says it in the title of the frame at the bottom.
pub fn flamegraph_total(bytes: &[u8]) -> u64 {
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..roxmltree::ParsingOptions::default()
    };
    let svg = roxmltree::Document::parse_with_options(text(bytes), options).expect("XML");
    assert_eq!(svg.root_element().tag_name().name(), "svg");
    let titles = svg.descendants().filter(|n| n.has_tag_name("title"));
    let all = titles
        .filter_map(|title| title.text()?.strip_prefix("all ("))
        .next()
        .expect("a frame for all");
    let (number, _) = all.split_once(' ').expect("a unit");
    number.replace(',', "").parse().expect("a number")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Speedscope {
    #[serde(rename = "$schema")]
    schema: String,
    shared: SpeedscopeShared,
    profiles: Vec<SpeedscopeProfile>,
    #[serde(rename = "name")]
    _name: Option<String>,
    #[serde(rename = "exporter")]
    _exporter: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpeedscopeShared {
    frames: Vec<SpeedscopeFrame>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpeedscopeFrame {
    name: String,
    #[serde(rename = "file")]
    _file: Option<String>,
    #[serde(rename = "line")]
    _line: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SpeedscopeProfile {
    r#type: String,
    #[serde(rename = "name")]
    _name: String,
    unit: String,
    start_value: u64,
    end_value: u64,
    samples: Vec<Vec<usize>>,
    weights: Vec<u64>,
}

/// As the schema has files with one sampled profile.
pub fn speedscope(bytes: &[u8]) -> Sums {
    let file: Speedscope = serde_json::from_slice(bytes).expect("the schema's form");
    assert_eq!(
        file.schema,
        "https://www.speedscope.app/file-format-schema.json"
    );
    let [profile] = &file.profiles[..] else {
        panic!("one profile");
    };
    assert_eq!(profile.r#type, "sampled");
    assert!(["none", "nanoseconds"].contains(&profile.unit.as_str()));
    assert_eq!(profile.samples.len(), profile.weights.len());
    let all: u64 = profile.weights.iter().sum();
    assert_eq!((profile.start_value, profile.end_value), (0, all));
    let mut sums = Sums::new();
    for (stack, &weight) in profile.samples.iter().zip(&profile.weights) {
        assert!(stack.iter().all(|&f| f < file.shared.frames.len()));
        let leaf = *stack.last().expect("a frame");
        add(&mut sums, &file.shared.frames[leaf].name, weight);
    }
    sums
}

/// A message of protocol buffers: number and value of each field.
struct Message<'a>(Vec<(u64, Field<'a>)>);

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Message<'a> {
    fn new(mut bytes: &'a [u8]) -> Message<'a> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let field = match key & 7 {
                0 => Field::Number(varint(&mut bytes)),
                2 => {
                    let len = varint(&mut bytes) as usize;
                    let (value, rest) = bytes.split_at(len);
                    bytes = rest;
                    Field::Bytes(value)
                }
                other => panic!("wire type {other}"),
            };
            fields.push((key >> 3, field));
        }
        Message(fields)
    }

    fn all(&self, number: u64) -> impl Iterator<Item = &Field<'a>> {
        let fields = self.0.iter().filter(move |(n, _)| *n == number);
        fields.map(|(_, field)| field)
    }

    fn messages(&self, number: u64) -> impl Iterator<Item = Message<'a>> {
        self.all(number).map(|field| match field {
            Field::Bytes(bytes) => Message::new(bytes),
            Field::Number(_) => panic!("a message"),
        })
    }

    /// Of fields that may be packed.
    fn numbers(&self, number: u64) -> Vec<u64> {
        let mut numbers = Vec::new();
        for field in self.all(number) {
            match field {
                Field::Number(n) => numbers.push(*n),
                Field::Bytes(bytes) => {
                    let mut bytes = *bytes;
                    while !bytes.is_empty() {
                        numbers.push(varint(&mut bytes));
                    }
                }
            }
        }
        numbers
    }

    fn number(&self, number: u64) -> u64 {
        self.numbers(number).last().copied().unwrap_or(0)
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (byte, rest) = bytes.split_first().expect("not cut");
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

/// What pprof's `profile.proto` says, and `CheckValid` of its reader demands. Lines are those of the innermost functions, by name.
pub struct Pprof {
    pub sums: Sums,
    pub calls: Sums,
    pub lines: BTreeMap<(String, u64), u64>,
    /// Names of the functions at each leaf, the innermost inlined one first.
    pub leaves: Vec<Vec<String>>,
}

pub fn pprof(bytes: &[u8]) -> Pprof {
    let mut raw = Vec::new();
    flate2::read::GzDecoder::new(bytes)
        .read_to_end(&mut raw)
        .expect("gzip");
    let profile = Message::new(&raw);
    let strings: Vec<&str> = profile
        .all(6)
        .map(|field| match field {
            Field::Bytes(bytes) => text(bytes),
            Field::Number(_) => panic!("a string"),
        })
        .collect();
    assert_eq!(strings[0], "");
    let types: Vec<&str> = profile
        .messages(1)
        .map(|ty| strings[ty.number(1) as usize])
        .collect();
    let mappings: Vec<u64> = profile.messages(3).map(|m| m.number(1)).collect();
    assert!(!mappings.contains(&0), "ids begin at 1");
    let functions: HashMap<u64, &str> = profile
        .messages(5)
        .map(|f| (f.number(1), strings[f.number(2) as usize]))
        .collect();
    assert!(!functions.contains_key(&0), "ids begin at 1");
    let locations: HashMap<u64, Vec<(&str, u64)>> = profile
        .messages(4)
        .map(|location| {
            let mapping = location.number(2);
            assert!(mapping == 0 || mappings.contains(&mapping));
            let lines = location.messages(4);
            let lines = lines.map(|line| (functions[&line.number(1)], line.number(2)));
            (location.number(1), lines.collect())
        })
        .collect();
    let mut read = Pprof {
        sums: Sums::new(),
        calls: Sums::new(),
        lines: BTreeMap::new(),
        leaves: Vec::new(),
    };
    for sample in profile.messages(2) {
        let values = sample.numbers(2);
        assert_eq!(values.len(), types.len());
        let stack: Vec<_> = sample.numbers(1).iter().map(|id| &locations[id]).collect();
        let leaf = stack.first().expect("a location");
        let (name, line) = leaf[0];
        let weight = *values.last().expect("a value");
        add(&mut read.sums, name, weight);
        *read.lines.entry((name.to_owned(), line)).or_default() += weight;
        if types.len() == 2 {
            assert_eq!(types[0], "calls");
            add(&mut read.calls, name, values[0]);
        }
        read.leaves
            .push(leaf.iter().map(|(name, _)| (*name).to_owned()).collect());
    }
    read
}

/// Tables of columns, as the format's documentation has them; those of frames, functions and strings may be the
/// thread's or shared.
pub fn firefox(bytes: &[u8]) -> Sums {
    let file: serde_json::Value = serde_json::from_slice(bytes).expect("JSON");
    assert!(file["meta"]["preprocessedProfileVersion"].as_u64() >= Some(48));
    let [thread] = &file["threads"].as_array().expect("threads")[..] else {
        panic!("one thread");
    };
    let table = |name: &str| match &file["shared"][name] {
        serde_json::Value::Null => &thread[name],
        shared => shared,
    };
    let number = |value: &serde_json::Value| value.as_u64().expect("a number") as usize;
    let samples = &thread["samples"];
    assert_eq!(samples["weightType"], "samples");
    let stacks = samples["stack"].as_array().expect("stacks");
    let weights = samples["weight"].as_array().expect("weights");
    assert_eq!(samples["length"], stacks.len());
    assert_eq!(weights.len(), stacks.len());
    let mut sums = Sums::new();
    // Behind each sample time goes on by its weight, during which the thread is busy; the last one has no stack.
    let nanos = |value: &serde_json::Value, unit: f64| {
        (value.as_f64().expect("a number") * unit).round() as u64
    };
    let times = samples["timeDeltas"].as_array().expect("times").iter();
    let times: Vec<u64> = times.map(|millis| nanos(millis, 1e6)).collect();
    let busy = samples["threadCPUDelta"].as_array().expect("times").iter();
    let busy: Vec<u64> = busy.map(|micros| nanos(micros, 1e3)).collect();
    assert_eq!(file["meta"]["sampleUnits"]["threadCPUDelta"], "µs");
    assert_eq!(times, busy);
    let mut before = 0;
    for ((stack, weight), time) in stacks.iter().zip(weights).zip(times) {
        assert_eq!(time, 1000 * before);
        before = number(weight) as u64;
        if stack.is_null() {
            assert_eq!(before, 0);
            continue;
        }
        let frame = number(&table("stackTable")["frame"][number(stack)]);
        let func = number(&table("frameTable")["func"][frame]);
        let name = number(&table("funcTable")["name"][func]);
        let name = table("stringArray")[name].as_str().expect("a name");
        add(&mut sums, name, number(weight) as u64);
    }
    sums
}

/// Costs by function and by line, and what calls cost, by caller and callee.
#[derive(Default)]
pub struct Callgrind {
    pub sums: Sums,
    pub lines: BTreeMap<(String, u64), u64>,
    /// Number of calls, and their cost.
    pub calls: BTreeMap<(String, String), (u64, u64)>,
}

/// The grammar of Callgrind's manual, with one event and lines as positions.
pub fn callgrind(bytes: &[u8]) -> Callgrind {
    let mut read = Callgrind::default();
    let (mut objects, mut files) = (HashMap::new(), HashMap::new());
    let mut functions = HashMap::new();
    let name = |names: &mut HashMap<String, String>, text: &str| {
        let (number, given) = text.split_once(')').expect("a number");
        if !given.is_empty() {
            let given = given.strip_prefix(' ').expect("a blank").to_owned();
            let before = names.insert(number.to_owned(), given);
            assert!(before.is_none(), "{text} is named twice");
        }
        names.get(number).expect("a name that was given").clone()
    };
    let (mut file, mut function, mut callee) = (String::new(), String::new(), String::new());
    let mut called = None;
    let (mut summary, mut totals) = (None, None);
    for line in text(bytes).lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some((key, value)) = line.split_once('=') {
            match key {
                "fl" | "fi" | "fe" => file = name(&mut files, value),
                "fn" => function = name(&mut functions, value),
                "ob" | "cob" => drop(name(&mut objects, value)),
                "cfi" | "cfl" => drop(name(&mut files, value)),
                "cfn" => callee = name(&mut functions, value),
                "calls" => {
                    let (count, _) = value.split_once(' ').expect("a position");
                    called = Some(count.parse::<u64>().expect("a number"));
                }
                _ => panic!("unknown line {line}"),
            }
        } else if let Some((key, value)) = line.split_once(": ") {
            match key {
                "summary" => summary = value.parse::<u64>().ok(),
                "totals" => totals = value.parse::<u64>().ok(),
                "events" => assert_eq!(value.split(' ').count(), 1),
                "positions" => assert_eq!(value, "line"),
                "version" | "creator" | "cmd" => {}
                _ => panic!("unknown line {line}"),
            }
        } else {
            let (position, cost) = line.split_once(' ').expect("a cost");
            let position: u64 = position.parse().expect("a line");
            let cost = cost.parse().expect("a number");
            match called.take() {
                Some(count) => {
                    let edge = (function.clone(), callee.clone());
                    let call = read.calls.entry(edge).or_default();
                    *call = (call.0 + count, call.1 + cost);
                }
                None => {
                    add(&mut read.sums, &function, cost);
                    *read.lines.entry((file.clone(), position)).or_default() += cost;
                }
            }
        }
    }
    assert_eq!(summary, Some(read.sums.values().sum()));
    assert_eq!(totals, summary);
    read
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trace {
    trace_events: Vec<TraceEvent>,
}

#[derive(Deserialize)]
struct TraceEvent {
    ph: String,
    name: String,
    ts: Option<u64>,
    dur: Option<u64>,
    s: Option<String>,
}

/// Complete events that nest, as the format's document demands of a thread, and instants; what an event does itself
/// is what those inside leave. Times are whole, so that floating-point sums of them are exact.
pub fn perfetto(bytes: &[u8]) -> Sums {
    let trace: Trace = serde_json::from_slice(bytes).expect("the format's form");
    let mut sums = Sums::new();
    // Name, end and what is left of each event that is open.
    let mut open: Vec<(String, u64, u64)> = Vec::new();
    for event in trace.trace_events {
        if event.ph == "M" {
            continue;
        }
        let start = event.ts.expect("a start");
        if event.ph == "i" {
            assert_eq!(event.dur, None);
            assert_eq!(event.s.as_deref(), Some("t"));
            continue;
        }
        assert_eq!(event.ph, "X");
        let len = event.dur.expect("a length");
        assert!(len > 0, "{} has no length", event.name);
        while open.last().is_some_and(|&(_, end, _)| end <= start) {
            let (name, _, own) = open.pop().expect("one");
            add(&mut sums, &name, own);
        }
        if let Some((_, end, own)) = open.last_mut() {
            assert!(
                start + len <= *end,
                "{} is not inside its caller",
                event.name
            );
            *own -= len;
        }
        open.push((event.name, start + len, len));
    }
    for (name, _, own) in open {
        add(&mut sums, &name, own);
    }
    sums
}

/// Statements of the language of Graphviz: what the labels of nodes say, and that edges are between nodes.
pub fn dot(bytes: &[u8]) -> Sums {
    let mut sums = Sums::new();
    let mut nodes = Vec::new();
    let mut lines = text(bytes).lines();
    assert!(
        lines
            .next()
            .is_some_and(|line| line.starts_with("digraph \""))
    );
    for line in lines.by_ref().map(str::trim) {
        if let Some((from, to)) = line.split_once(" -> ") {
            let to = to.split(' ').next().expect("a node");
            assert!(nodes.contains(&from) && nodes.contains(&to), "{line}");
        } else if let Some((node, rest)) = line.split_once(" [label=\"") {
            let (name, rest) = rest.split_once("\\nself ").expect("a weight");
            let (own, _) = rest.split_once(' ').expect("a share");
            let name = name.replace("\\\"", "\"").replace("\\\\", "\\");
            add(&mut sums, &name, own.parse().expect("a number"));
            nodes.push(node);
        } else if line == "}" {
            break;
        }
    }
    assert_eq!(lines.next(), None);
    sums
}
