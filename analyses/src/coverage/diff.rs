//! What changed between two runs, or two sets of runs, line by line.

use std::collections::BTreeMap;

use super::data::{CoverageData, FileCoverage};
use super::files::{FileTotals, Share};
use super::tables::NAME;
use crate::report::AnalysisReport;
use crate::report::table::{Column, Fact, Kind, Table, Value};

/// How two sets of runs differ. Lines are compared by number: where a file has changed, what
/// has moved looks lost and gained.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CoverageDiff {
    /// Each source file of either, by path.
    pub files: Vec<FileDiff>,
}

/// How coverage of one file differs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileDiff {
    /// Path as the compiler had it.
    pub path: String,
    /// Before; nothing if the file was not there.
    pub old: FileTotals,
    /// After; nothing if the file is not there.
    pub new: FileTotals,
    /// Lines that have code in both and were executed before only.
    pub lost: Vec<u32>,
    /// Lines that have code in both and are executed now only.
    pub gained: Vec<u32>,
    /// Functions that were executed before and are not now, though they are there.
    pub functions_lost: Vec<String>,
}

impl CoverageDiff {
    /// What changed from `old` to `new`.
    pub fn new(old: &CoverageData, new: &CoverageData) -> CoverageDiff {
        let mut pairs: BTreeMap<String, [FileCoverage; 2]> = BTreeMap::new();
        for (at, data) in [old, new].into_iter().enumerate() {
            for file in data.files() {
                let path = file.path.clone();
                pairs.entry(path).or_default()[at] = file;
            }
        }
        let files = pairs.into_iter().map(|(path, [old, new])| {
            let executed: BTreeMap<u32, bool> = old
                .lines
                .iter()
                .map(|line| (line.line, line.count > 0))
                .collect();
            let changed = |now: bool| {
                let lines = new.lines.iter().filter(|line| {
                    (line.count > 0) == now && executed.get(&line.line) == Some(&!now)
                });
                lines.map(|line| line.line).collect()
            };
            let was_executed = |name: &str| {
                let mut known = old.functions.iter().filter(|f| f.name == name);
                known.any(|function| function.count > 0)
            };
            let functions_lost = new
                .functions
                .iter()
                .filter(|function| function.count == 0 && was_executed(&function.name));
            FileDiff {
                old: old.totals(),
                new: new.totals(),
                lost: changed(false),
                gained: changed(true),
                functions_lost: functions_lost.map(|f| f.name.clone()).collect(),
                path,
            }
        });
        CoverageDiff {
            files: files.collect(),
        }
    }

    /// The same as facts and tables, files that differ alone.
    pub fn report(&self) -> AnalysisReport {
        let columns = vec![
            Column::new("file", Kind::Text),
            Column::new("old_percent", Kind::Percent),
            Column::new("new_percent", Kind::Percent),
            Column::new("lost", Kind::Count),
            Column::new("gained", Kind::Count),
            Column::new("lost_lines", Kind::Counts),
            Column::new("gained_lines", Kind::Counts),
        ];
        let mut files = Table::new("files", columns, None);
        let columns = vec![
            Column::new("file", Kind::Text),
            Column::new("name", Kind::Text),
        ];
        let mut functions = Table::new("functions_lost", columns, None);
        let percent = |share: Share| share.percent().map_or(Value::Nothing, Value::Real);
        let numbers =
            |lines: &[u32]| Value::Numbers(lines.iter().copied().map(u64::from).collect());
        for file in &self.files {
            if file.old != file.new || !file.lost.is_empty() || !file.gained.is_empty() {
                files.push(vec![
                    Value::Text(file.path.as_str().into()),
                    percent(file.old.lines),
                    percent(file.new.lines),
                    file.lost.len().into(),
                    file.gained.len().into(),
                    numbers(&file.lost),
                    numbers(&file.gained),
                ]);
            }
            for name in &file.functions_lost {
                let (file, name) = (file.path.as_str().into(), name.as_str().into());
                functions.push(vec![Value::Text(file), Value::Text(name)]);
            }
        }
        let total = |of: fn(&FileDiff) -> FileTotals| {
            let totals = self.files.iter().map(of);
            totals.fold(FileTotals::default(), FileTotals::plus)
        };
        let (old, new) = (total(|file| file.old), total(|file| file.new));
        AnalysisReport {
            name: NAME,
            facts: vec![
                Fact::new("old_lines_total", Kind::Count, old.lines.total),
                Fact::new("old_lines_covered", Kind::Count, old.lines.covered),
                Fact::new("old_percent", Kind::Percent, percent(old.lines)),
                Fact::new("new_lines_total", Kind::Count, new.lines.total),
                Fact::new("new_lines_covered", Kind::Count, new.lines.covered),
                Fact::new("new_percent", Kind::Percent, percent(new.lines)),
                Fact::new("lost", Kind::Count, files.sum("lost")),
                Fact::new("gained", Kind::Count, files.sum("gained")),
            ],
            tables: vec![files, functions],
            top: None,
            warnings: Vec::new(),
            data: None,
        }
    }
}
