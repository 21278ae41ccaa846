//! The format of `pprof`: a protocol buffer, compressed by gzip
//! (<https://github.com/google/pprof/blob/main/proto/profile.proto>). A location is an offset in a module, with a
//! line for each function that is inlined there. Where lines are known a stack's own weight is by line; in a tree of exact
//! counts these are parts, see [`shares`](super::shares), and calls are where the function begins.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;

use super::shares::shares;
use super::{name, title};
use crate::profile::data::Profile as Data;

/// The messages of `profile.proto`, as far as they are used.
mod proto {
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Profile {
        #[prost(message, repeated, tag = "1")]
        pub sample_type: Vec<ValueType>,
        #[prost(message, repeated, tag = "2")]
        pub sample: Vec<Sample>,
        #[prost(message, repeated, tag = "3")]
        pub mapping: Vec<Mapping>,
        #[prost(message, repeated, tag = "4")]
        pub location: Vec<Location>,
        #[prost(message, repeated, tag = "5")]
        pub function: Vec<Function>,
        #[prost(string, repeated, tag = "6")]
        pub string_table: Vec<String>,
        #[prost(message, optional, tag = "11")]
        pub period_type: Option<ValueType>,
        #[prost(int64, tag = "12")]
        pub period: i64,
        #[prost(int64, repeated, tag = "13")]
        pub comment: Vec<i64>,
        #[prost(int64, tag = "14")]
        pub default_sample_type: i64,
    }

    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub struct ValueType {
        #[prost(int64, tag = "1")]
        pub r#type: i64,
        #[prost(int64, tag = "2")]
        pub unit: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Sample {
        #[prost(uint64, repeated, tag = "1")]
        pub location_id: Vec<u64>,
        #[prost(int64, repeated, tag = "2")]
        pub value: Vec<i64>,
    }

    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub struct Mapping {
        #[prost(uint64, tag = "1")]
        pub id: u64,
        #[prost(uint64, tag = "3")]
        pub memory_limit: u64,
        #[prost(int64, tag = "5")]
        pub filename: i64,
        #[prost(bool, tag = "7")]
        pub has_functions: bool,
        #[prost(bool, tag = "8")]
        pub has_filenames: bool,
        #[prost(bool, tag = "9")]
        pub has_line_numbers: bool,
        #[prost(bool, tag = "10")]
        pub has_inline_frames: bool,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Location {
        #[prost(uint64, tag = "1")]
        pub id: u64,
        #[prost(uint64, tag = "2")]
        pub mapping_id: u64,
        #[prost(uint64, tag = "3")]
        pub address: u64,
        #[prost(message, repeated, tag = "4")]
        pub line: Vec<Line>,
    }

    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub struct Line {
        #[prost(uint64, tag = "1")]
        pub function_id: u64,
        #[prost(int64, tag = "2")]
        pub line: i64,
    }

    #[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
    pub struct Function {
        #[prost(uint64, tag = "1")]
        pub id: u64,
        #[prost(int64, tag = "2")]
        pub name: i64,
        #[prost(int64, tag = "3")]
        pub system_name: i64,
        #[prost(int64, tag = "4")]
        pub filename: i64,
        #[prost(int64, tag = "5")]
        pub start_line: i64,
    }
}

pub(in crate::export) fn write(profile: &Data, out: &mut dyn io::Write) -> io::Result<()> {
    let encoded = Builder::new(profile).profile().encode_to_vec();
    let mut gzip = GzEncoder::new(out, Compression::default());
    gzip.write_all(&encoded)?;
    gzip.finish()?;
    Ok(())
}

struct Builder<'p> {
    profile: &'p Data,
    proto: proto::Profile,
    strings: HashMap<String, i64>,
    functions: HashMap<proto::Function, u64>,
    /// By function and pc.
    locations: BTreeMap<(u32, Option<u32>), u64>,
}

impl<'p> Builder<'p> {
    fn new(profile: &'p Data) -> Builder<'p> {
        let mut builder = Builder {
            profile,
            proto: proto::Profile::default(),
            strings: HashMap::new(),
            functions: HashMap::new(),
            locations: BTreeMap::new(),
        };
        // The first string has to be empty.
        builder.string("");
        builder
    }

    fn profile(mut self) -> proto::Profile {
        let profile = self.profile;
        let weight = self.value_type(profile.weight.name(), profile.weight.unit());
        if profile.is_exact {
            let calls = self.value_type("calls", "count");
            self.proto.sample_type.push(calls);
        }
        self.proto.sample_type.push(weight);
        self.proto.default_sample_type = weight.r#type;
        self.proto.period_type = Some(weight);
        self.proto.period = 1;
        let comment = format!(
            "{}, by probity {}",
            title(profile),
            env!("CARGO_PKG_VERSION")
        );
        let comment = self.string(&comment);
        self.proto.comment.push(comment);
        for (id, module) in (1..).zip(&profile.modules) {
            let filename = self.string(module.path.as_deref().unwrap_or(&module.name));
            let has_places = profile
                .functions
                .iter()
                .any(|f| f.module == Some(id as u32 - 1) && !f.places.is_empty());
            self.proto.mapping.push(proto::Mapping {
                id,
                memory_limit: u32::MAX.into(),
                filename,
                has_functions: true,
                has_filenames: has_places,
                has_line_numbers: has_places,
                has_inline_frames: has_places,
            });
        }
        let shares = shares(profile);
        for ((at, node), own) in (0..).zip(&profile.nodes).zip(shares).skip(1) {
            let outer = self.outer(at);
            let mut calls = node.calls;
            let mut rest = node.weight;
            rest -= own.iter().map(|(_, n)| n).sum::<u64>().min(rest);
            let has_calls = profile.is_exact && calls > 0;
            let first = (rest > 0 || has_calls || own.is_empty()).then_some((None, rest));
            let own = own.into_iter().map(|(pc, n)| (Some(pc), n));
            for (pc, weight) in first.into_iter().chain(own) {
                let calls = std::mem::take(&mut calls);
                if weight == 0 && calls == 0 {
                    continue;
                }
                let mut location_id = vec![self.location(node.function, pc)];
                location_id.extend(&outer);
                let value = profile
                    .is_exact
                    .then_some(calls)
                    .into_iter()
                    .chain([weight]);
                let value = value.map(|n| n.try_into().unwrap_or(i64::MAX)).collect();
                self.proto.sample.push(proto::Sample { location_id, value });
            }
        }
        self.proto
    }

    /// Where the callers of a node are calling, from the innermost out.
    fn outer(&mut self, node: u32) -> Vec<u64> {
        let nodes = &self.profile.nodes;
        let mut outer = Vec::new();
        let mut at = &nodes[node as usize];
        while at.parent != 0 {
            let caller = &nodes[at.parent as usize];
            outer.push(self.location(caller.function, at.site));
            at = caller;
        }
        outer
    }

    /// Ids begin at 1.
    fn location(&mut self, function: u32, pc: Option<u32>) -> u64 {
        if let Some(&id) = self.locations.get(&(function, pc)) {
            return id;
        }
        let of = &self.profile.functions[function as usize];
        let source = of.source.as_ref();
        let own = proto::Function {
            id: 0,
            name: self.string(&name(of)),
            system_name: self.string(&of.name),
            filename: source.map_or(0, |source| self.string(&source.file)),
            start_line: source.map_or(0, |source| source.line.into()),
        };
        let places = pc
            .and_then(|pc| of.places.get(&pc))
            .map_or(&[][..], Vec::as_slice);
        let mut line = Vec::new();
        for (at, place) in places.iter().enumerate() {
            let file = place.place.as_ref();
            let is_own = at + 1 == places.len();
            let function = match is_own {
                true => own,
                false => {
                    let name = self.string(&place.function);
                    proto::Function {
                        id: 0,
                        name,
                        system_name: name,
                        filename: file.map_or(0, |place| self.string(&place.file)),
                        start_line: 0,
                    }
                }
            };
            line.push(proto::Line {
                function_id: self.function(function),
                line: file.map_or(0, |place| place.line.into()),
            });
        }
        if line.is_empty() {
            line.push(proto::Line {
                function_id: self.function(own),
                line: own.start_line,
            });
        }
        let id = self.proto.location.len() as u64 + 1;
        self.proto.location.push(proto::Location {
            id,
            mapping_id: of.module.map_or(0, |module| u64::from(module) + 1),
            address: pc.unwrap_or(0).into(),
            line,
        });
        self.locations.insert((function, pc), id);
        id
    }

    fn function(&mut self, function: proto::Function) -> u64 {
        let functions = &mut self.proto.function;
        *self.functions.entry(function).or_insert_with(|| {
            let id = functions.len() as u64 + 1;
            functions.push(proto::Function { id, ..function });
            id
        })
    }

    fn value_type(&mut self, ty: &str, unit: &str) -> proto::ValueType {
        proto::ValueType {
            r#type: self.string(ty),
            unit: self.string(unit),
        }
    }

    fn string(&mut self, text: &str) -> i64 {
        if let Some(&at) = self.strings.get(text) {
            return at;
        }
        let at = self.proto.string_table.len() as i64;
        self.proto.string_table.push(text.to_owned());
        self.strings.insert(text.to_owned(), at);
        at
    }
}
