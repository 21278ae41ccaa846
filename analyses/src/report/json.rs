//! JSON, streamed: a table of millions of rows is never held twice.

use std::io;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::table::{AnalysisReport, Column, Table, Value};
use super::{ModuleSummary, Outcome, OutcomeCode, Report};
use crate::export::Data;

pub(super) fn write(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, report)?;
    out.write_all(b"\n")
}

pub(super) fn write_analyses(
    analyses: &[AnalysisReport],
    out: &mut dyn io::Write,
) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &WithoutRun(analyses))?;
    out.write_all(b"\n")
}

struct WithoutRun<'a>(&'a [AnalysisReport]);

impl Serialize for WithoutRun<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("schema", &1)?;
        map.serialize_entry("analyses", &Analyses(self.0))?;
        map.end()
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Data::Coverage(coverage) => coverage.serialize(serializer),
            Data::Profile(profile) => profile.serialize(serializer),
            Data::Flow(flow) => flow.serialize(serializer),
            Data::Cache(cache) => cache.serialize(serializer),
            Data::Heap(heap) => heap.serialize(serializer),
        }
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("schema", &1)?;
        map.serialize_entry("module", &self.module)?;
        map.serialize_entry("outcome", &self.outcome)?;
        map.serialize_entry("analyses", &Analyses(&self.analyses))?;
        map.end()
    }
}

impl Serialize for ModuleSummary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("path", &self.path)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("bytes", &self.bytes)?;
        map.serialize_entry("functions", &self.functions)?;
        map.end()
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", self.kind.name())?;
        match &self.code {
            OutcomeCode::Number(code) => map.serialize_entry("code", code)?,
            OutcomeCode::Name(name) => map.serialize_entry("code", name)?,
        }
        map.serialize_entry("message", &self.message)?;
        if !self.backtrace.is_empty() {
            map.serialize_entry("backtrace", &self.backtrace)?;
        }
        map.end()
    }
}

struct Analyses<'a>(&'a [AnalysisReport]);

impl Serialize for Analyses<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|analysis| (analysis.name, analysis)))
    }
}

impl Serialize for AnalysisReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for fact in &self.facts {
            map.serialize_entry(fact.column.name, &fact.value)?;
        }
        for table in &self.tables {
            map.serialize_entry(table.name, table)?;
        }
        if !self.warnings.is_empty() {
            map.serialize_entry("warnings", &self.warnings)?;
        }
        if let Some(data) = &self.data {
            map.serialize_entry("data", data)?;
        }
        map.end()
    }
}

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns = &self.columns;
        serializer.collect_seq(self.rows.iter().map(|values| Row { columns, values }))
    }
}

struct Row<'a> {
    columns: &'a [Column],
    values: &'a [Value],
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = self.columns.iter().map(|column| column.name);
        serializer.collect_map(names.zip(self.values))
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Number(number) => serializer.serialize_u64(*number),
            Value::Negative(number) => serializer.serialize_i64(*number),
            Value::Real(number) => serializer.serialize_f64(*number),
            Value::Word(word) => serializer.serialize_str(word),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Numbers(numbers) => numbers.serialize(serializer),
            Value::Ranges(ranges) => ranges.serialize(serializer),
            Value::Nothing => serializer.serialize_none(),
        }
    }
}
