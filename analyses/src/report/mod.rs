//! The document of one run, and its writers.
//!
//! - **JSON**: `{"schema":1,"module":{..},"outcome":{..},"analyses":{..}}`. An
//!   analysis is an object of its facts and, by name, its tables as arrays of
//!   objects. Counts are exact integers; pcs are byte offsets in the module;
//!   a range is `[first, behind the last]`; `name` is the function's name as
//!   the module has it.
//!   What formats of other tools are made from is `data`, if it was collected
//!   (see [`export`](crate::export)).
//! - **CSV**: one rectangle for the whole document, so that every CSV reader
//!   loads it: the columns `analysis` and `table`, then every column of any
//!   table once, empty where it does not apply. The facts of an analysis are
//!   its row of the table `summary`, module and outcome the row of the table
//!   `run`. Lists are separated by spaces, ranges are `first-behind`.
//! - **Text**: for people. Hottest rows first, names demangled, as many rows
//!   as the analysis' option `top` says.

mod csv;
mod json;
pub mod table;
mod text;

use std::io;

use probity_engine::Module;
pub use table::AnalysisReport;
pub(crate) use text::thousands;

/// A form of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// For people.
    Text,
    /// For programs: one document, `"schema":1`.
    Json,
    /// For spreadsheets and data frames.
    Csv,
}

impl Format {
    /// Every format with the name that options use.
    pub const ALL: [(&'static str, Format); 3] = [
        ("text", Format::Text),
        ("json", Format::Json),
        ("csv", Format::Csv),
    ];
}

/// What was run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModuleSummary {
    /// The file, as it was given.
    pub path: Option<String>,
    /// The module's own name.
    pub name: Option<String>,
    /// Size of the Wasm bytes.
    pub bytes: u64,
    /// Number of functions, imported ones included.
    pub functions: u32,
}

impl ModuleSummary {
    /// Summary of a module that came from `path`.
    pub fn new(module: &Module, path: Option<&str>) -> ModuleSummary {
        ModuleSummary {
            path: path.map(str::to_owned),
            name: module.name().map(str::to_owned),
            bytes: module.bytes().len() as u64,
            functions: module.num_functions(),
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutcomeKind {
    /// The guest ended by itself.
    Exit,
    /// The guest trapped.
    Trap,
    /// A limit of fuel, time or memory, or an interrupt, ended it.
    Limit,
    /// It did not run, or the host failed.
    Error,
}

impl OutcomeKind {
    /// The name that reports use.
    pub fn name(self) -> &'static str {
        match self {
            OutcomeKind::Exit => "exit",
            OutcomeKind::Trap => "trap",
            OutcomeKind::Limit => "limit",
            OutcomeKind::Error => "error",
        }
    }
}

/// Which exit, trap or limit it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutcomeCode {
    /// The guest's exit code, whole.
    Number(u32),
    /// The name of a trap or limit, such as `stack` or `fuel`.
    Name(String),
}

impl From<u32> for OutcomeCode {
    fn from(code: u32) -> OutcomeCode {
        OutcomeCode::Number(code)
    }
}

impl From<&str> for OutcomeCode {
    fn from(name: &str) -> OutcomeCode {
        OutcomeCode::Name(name.to_owned())
    }
}

/// How a run ended, in words too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The kind of end.
    pub kind: OutcomeKind,
    /// Which of its kind.
    pub code: OutcomeCode,
    /// For people; empty if there is nothing to say.
    pub message: String,
    /// Frames from the innermost, for traps.
    pub backtrace: Vec<String>,
}

/// The document of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What was run.
    pub module: ModuleSummary,
    /// How it ended.
    pub outcome: Outcome,
    /// What the analyses found out.
    pub analyses: Vec<AnalysisReport>,
}

impl Report {
    /// Writes the document, as UTF-8 that ends with a line break.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, format: Format, out: &mut dyn io::Write) -> io::Result<()> {
        let mut out = io::BufWriter::new(out);
        match format {
            Format::Text => text::write(self, &mut out)?,
            Format::Json => json::write(self, &mut out)?,
            Format::Csv => csv::write(self, &mut out)?,
        }
        io::Write::flush(&mut out)
    }

    /// The document as JSON, in memory.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// Writes findings that are of no single run, as [`Report::write`] does but for module and outcome.
///
/// # Errors
/// Those of `out`.
pub fn write_analyses(
    analyses: &[AnalysisReport],
    format: Format,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    match format {
        Format::Text => text::write_analyses(analyses, &mut out)?,
        Format::Json => json::write_analyses(analyses, &mut out)?,
        Format::Csv => csv::write_analyses(analyses, None, &mut out)?,
    }
    io::Write::flush(&mut out)
}

#[cfg(test)]
mod tests;
