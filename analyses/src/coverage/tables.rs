//! Coverage of source files as facts and tables, and the documents that are merged and compared.

use std::io;

use serde::Deserialize;

use super::data::CoverageData;
use super::files::{FileTotals, Share};
use crate::export::Data;
use crate::report::AnalysisReport;
use crate::report::table::{Column, Fact, Kind, Table, Value};

/// The analysis whose data it is.
pub(crate) const NAME: &str = "coverage";

impl Share {
    fn percent_value(self) -> Value {
        self.percent().map_or(Value::Nothing, Value::Real)
    }
}

/// The totals of all source files.
pub(crate) fn facts(totals: &FileTotals) -> Vec<Fact> {
    let count = |name, number: u64| Fact::new(name, Kind::Count, number);
    vec![
        count("lines_total", totals.lines.total),
        count("lines_covered", totals.lines.covered),
        Fact::new("lines_percent", Kind::Percent, totals.lines.percent_value()),
        count("source_functions_total", totals.functions.total),
        count("source_functions_covered", totals.functions.covered),
        count("branches_total", totals.branches.total),
        count("branches_covered", totals.branches.covered),
    ]
}

/// A row for each source file.
pub(crate) fn files(coverage: &CoverageData) -> (FileTotals, Table) {
    let columns = vec![
        Column::new("file", Kind::Text),
        Column::new("lines_total", Kind::Count),
        Column::new("lines_covered", Kind::Count),
        Column::new("lines_percent", Kind::Percent),
        Column::new("source_functions_total", Kind::Count),
        Column::new("source_functions_covered", Kind::Count),
        Column::new("branches_total", Kind::Count),
        Column::new("branches_covered", Kind::Count),
    ];
    let mut table = Table::new("files", columns, None);
    let mut sum = FileTotals::default();
    for file in coverage.files() {
        let totals = file.totals();
        sum = sum.plus(totals);
        table.push(vec![
            Value::Text(file.path.as_str().into()),
            totals.lines.total.into(),
            totals.lines.covered.into(),
            totals.lines.percent_value(),
            totals.functions.total.into(),
            totals.functions.covered.into(),
            totals.branches.total.into(),
            totals.branches.covered.into(),
        ]);
    }
    (sum, table)
}

impl CoverageData {
    /// What a run with the same lines would report: totals, a table of files, and the data
    /// itself. As JSON it is what [`CoverageData::from_json`] reads.
    pub fn report(&self) -> AnalysisReport {
        let (totals, files) = files(self);
        AnalysisReport {
            name: NAME,
            facts: facts(&totals),
            tables: vec![files],
            top: None,
            warnings: Vec::new(),
            data: Some(Data::Coverage(self.clone())),
        }
    }

    /// The data of a JSON report: of a run that collected it, or of several that were merged.
    ///
    /// # Errors
    /// If it is no such report.
    pub fn from_json(text: impl io::Read) -> Result<CoverageData, String> {
        #[derive(Deserialize)]
        struct Document {
            schema: u64,
            #[serde(default)]
            analyses: Analyses,
        }
        #[derive(Default, Deserialize)]
        struct Analyses {
            coverage: Option<Coverage>,
        }
        #[derive(Deserialize)]
        struct Coverage {
            data: Option<CoverageData>,
        }
        let document: Document =
            serde_json::from_reader(io::BufReader::new(text)).map_err(|e| e.to_string())?;
        if document.schema != 1 {
            return Err(format!("schema {} instead of 1", document.schema));
        }
        let coverage = document.analyses.coverage;
        let coverage = coverage.ok_or("it has no analysis `coverage`")?;
        coverage.data.ok_or_else(|| {
            "its coverage has no lines; run with -a coverage:granularity=line, or with an export"
                .to_owned()
        })
    }
}
