//! Formats of other people's tools: what an analysis found, as their readers
//! expect it.
//!
//! Tables are for people and scripts; a format such as lcov wants more than
//! rows, so a report also carries [`Data`], typed by what it is about. Every
//! format is one row of [`exports`]: its name, the kind of data that it takes
//! and a writer. Data costs a run more than tables do, so analyses collect it
//! when a format wants it: [`Session::collect`](crate::Session::collect).

mod cachegrind;
mod cobertura;
mod dhat;
mod flow;
mod html;
mod lcov;
mod llvm_cov;
mod profile;
mod summary;

use std::borrow::Cow;
use std::io;

use probity_probes::demangle::demangle;
use probity_probes::nearest::nearest;

use crate::cache::data::CacheData;
use crate::control::FlowData;
use crate::coverage::{CoverageData, FunctionCoverage, ModuleCoverage, Share};
use crate::heap::data::HeapData;
use crate::options::UsageError;
use crate::profile::data::Profile;
use crate::registry::registry;
use crate::report::AnalysisReport;

/// What an analysis found out, for formats.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Which lines, functions and branches executed, how often.
    Coverage(CoverageData),
    /// Where the weight of the run was, along the calls.
    Profile(Profile),
    /// How often control went along each edge between blocks.
    Flow(FlowData),
    /// What a simulated machine cost.
    Cache(CacheData),
    /// What was allocated.
    Heap(HeapData),
}

impl Data {
    /// What it is about.
    pub fn kind(&self) -> DataKind {
        match self {
            Data::Coverage(_) => DataKind::Coverage,
            Data::Profile(_) => DataKind::Profile,
            Data::Flow(_) => DataKind::Flow,
            Data::Cache(_) => DataKind::Cache,
            Data::Heap(_) => DataKind::Heap,
        }
    }
}

/// What data is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataKind {
    /// [`Data::Coverage`]
    Coverage,
    /// [`Data::Profile`]
    Profile,
    /// [`Data::Flow`]
    Flow,
    /// [`Data::Cache`]
    Cache,
    /// [`Data::Heap`]
    Heap,
}

impl DataKind {
    /// The name that messages use.
    pub fn name(self) -> &'static str {
        match self {
            DataKind::Coverage => "coverage",
            DataKind::Profile => "profile",
            DataKind::Flow => "control flow",
            DataKind::Cache => "cache",
            DataKind::Heap => "heap",
        }
    }

    /// The analyses that have such data.
    pub fn analyses(self) -> impl Iterator<Item = &'static str> {
        let have = registry().iter().filter(move |a| a.data == Some(self));
        have.map(|analysis| analysis.name)
    }
}

/// A format.
pub struct ExportInfo {
    /// What `--export` takes before the `=`.
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// The data that it shows.
    pub takes: DataKind,
    /// Writes data of that kind; of any other, nothing.
    write: fn(&Data, &mut dyn io::Write) -> io::Result<()>,
}

static EXPORTS: &[ExportInfo] = &[
    ExportInfo {
        name: "lcov",
        summary: "lines, functions and branches for genhtml and other readers of lcov's tracefiles",
        takes: DataKind::Coverage,
        write: |data, out| of_coverage(data, out, lcov::write),
    },
    ExportInfo {
        name: "cobertura",
        summary: "the same as Cobertura's XML, for GitLab, Jenkins and others",
        takes: DataKind::Coverage,
        write: |data, out| of_coverage(data, out, cobertura::write),
    },
    ExportInfo {
        name: "llvm-cov",
        summary: "the same as llvm-cov's JSON, version 2.0.1",
        takes: DataKind::Coverage,
        write: |data, out| of_coverage(data, out, llvm_cov::write),
    },
    ExportInfo {
        name: "html",
        summary: "one page with the source, its counts and what did not execute",
        takes: DataKind::Coverage,
        write: |data, out| of_coverage(data, out, html::write),
    },
    ExportInfo {
        name: "summary",
        summary: "text: what of each file executed, and which lines did not",
        takes: DataKind::Coverage,
        write: |data, out| of_coverage(data, out, summary::write),
    },
    ExportInfo {
        name: "folded",
        summary: "stacks with their weights, one a line, for flame graph tools",
        takes: DataKind::Profile,
        write: |data, out| of_profile(data, out, profile::folded::write),
    },
    ExportInfo {
        name: "svg",
        summary: "flame graph, to be looked at in a browser",
        takes: DataKind::Profile,
        write: |data, out| of_profile(data, out, profile::flamegraph::write),
    },
    ExportInfo {
        name: "speedscope",
        summary: "flame graph of www.speedscope.app",
        takes: DataKind::Profile,
        write: |data, out| of_profile(data, out, profile::speedscope::write),
    },
    ExportInfo {
        name: "pprof",
        summary: "for `go tool pprof` and its relatives, with lines and inlined functions",
        takes: DataKind::Profile,
        write: |data, out| of_profile(data, out, profile::pprof::write),
    },
    ExportInfo {
        name: "firefox",
        summary: "for profiler.firefox.com",
        takes: DataKind::Profile,
        write: |data, out| of_profile(data, out, profile::firefox::write),
    },
    ExportInfo {
        name: "callgrind",
        summary: "for KCachegrind and callgrind_annotate, with lines",
        takes: DataKind::Profile,
        write: |data, out| of_profile(data, out, profile::callgrind::write),
    },
    ExportInfo {
        name: "perfetto",
        summary: "trace events, for ui.perfetto.dev and chrome://tracing",
        takes: DataKind::Profile,
        write: |data, out| of_profile(data, out, profile::perfetto::write),
    },
    ExportInfo {
        name: "dot",
        summary: "call tree for Graphviz",
        takes: DataKind::Profile,
        write: |data, out| of_profile(data, out, profile::dot::write),
    },
    ExportInfo {
        name: "cfg",
        summary: "control-flow graphs for Graphviz, with counts of blocks and edges",
        takes: DataKind::Flow,
        write: |data, out| match data {
            Data::Flow(data) => flow::write(data, out),
            _ => Ok(()),
        },
    },
    ExportInfo {
        name: "cachegrind",
        summary: "for cg_annotate: events of simulated caches and branch prediction by line",
        takes: DataKind::Cache,
        write: |data, out| match data {
            Data::Cache(cache) => cachegrind::write(cache, out),
            _ => Ok(()),
        },
    },
    ExportInfo {
        name: "dhat",
        summary: "for valgrind's dh_view.html: what was allocated, by stack",
        takes: DataKind::Heap,
        write: |data, out| match data {
            Data::Heap(heap) => dhat::write(heap, out),
            _ => Ok(()),
        },
    },
];

fn of_coverage(
    data: &Data,
    out: &mut dyn io::Write,
    write: fn(&CoverageData, &mut dyn io::Write) -> io::Result<()>,
) -> io::Result<()> {
    match data {
        Data::Coverage(coverage) => write(coverage, out),
        _ => Ok(()),
    }
}

fn of_profile(
    data: &Data,
    out: &mut dyn io::Write,
    write: fn(&Profile, &mut dyn io::Write) -> io::Result<()>,
) -> io::Result<()> {
    match data {
        Data::Profile(profile) => write(profile, out),
        _ => Ok(()),
    }
}

/// Every format, in the order of lists.
pub fn exports() -> &'static [ExportInfo] {
    EXPORTS
}

impl ExportInfo {
    /// The format of a name.
    ///
    /// # Errors
    /// If there is none; the message names the nearest.
    pub fn find(name: &str) -> Result<&'static ExportInfo, UsageError> {
        let names = || exports().iter().map(|export| export.name);
        let found = exports().iter().find(|export| export.name == name);
        found.ok_or_else(|| {
            let mut message = format!("unknown export format `{name}`");
            match nearest(name, names()) {
                Some(name) => message += &format!("; did you mean `{name}`?"),
                None => message += &format!("; known: {}", names().collect::<Vec<_>>().join(", ")),
            }
            UsageError::new(message)
        })
    }

    /// Writes data in this format.
    ///
    /// # Errors
    /// Those of `out`, and [`io::ErrorKind::InvalidInput`] if the data is not of the
    /// kind that the format takes.
    pub fn write(&self, data: &Data, out: &mut dyn io::Write) -> io::Result<()> {
        if data.kind() != self.takes {
            let (takes, given) = (self.takes.name(), data.kind().name());
            let message = format!("{} takes {takes} data, not {given} data", self.name);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let mut out = io::BufWriter::new(out);
        (self.write)(data, &mut out)?;
        io::Write::flush(&mut out)
    }

    /// Writes the data of a run's first analysis that has the kind.
    ///
    /// # Errors
    /// Those of [`ExportInfo::write`]; [`io::ErrorKind::NotFound`] if no analysis has such data.
    pub fn write_report(
        &self,
        analyses: &[AnalysisReport],
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let mut data = analyses.iter().filter_map(|a| a.data.as_ref());
        match data.find(|data| data.kind() == self.takes) {
            Some(data) => self.write(data, out),
            None => {
                let message = format!("no analysis has {} data", self.takes.name());
                Err(io::Error::new(io::ErrorKind::NotFound, message))
            }
        }
    }
}

/// Names come from the module: in formats of lines, a line break must not begin one.
fn one_line(text: &str) -> Cow<'_, str> {
    match text.contains(char::is_control) {
        true => text.replace(char::is_control, "\u{fffd}").into(),
        false => text.into(),
    }
}

/// A function's name for people.
fn shown_name(function: &FunctionCoverage) -> Cow<'_, str> {
    demangle(&function.name).map_or(Cow::Borrowed(&*function.name), Cow::Owned)
}

/// How many operators of each function executed.
fn function_shares(module: &ModuleCoverage) -> impl Iterator<Item = (&FunctionCoverage, Share)> {
    module.functions.iter().map(|function| {
        let mut share = Share::default();
        for piece in &function.pieces {
            let operators = u64::from(piece.operators);
            share.total += operators;
            share.covered += if piece.count > 0 { operators } else { 0 };
        }
        (function, share)
    })
}
