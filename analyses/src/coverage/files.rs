//! Coverage by source file, all modules taken together, as formats show it.

use std::collections::BTreeMap;

use super::data::{
    CoverageData, FileCoverage, LineCoverage, SourceBranch, SourceFunction, SourceWay,
};

/// How many of something there are, and how many of them executed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// All.
    pub total: u64,
    /// Those that executed.
    pub covered: u64,
}

impl Share {
    fn of(executed: impl Iterator<Item = bool>) -> Share {
        let mut share = Share::default();
        for executed in executed {
            share.total += 1;
            share.covered += u64::from(executed);
        }
        share
    }

    /// Both together.
    pub fn plus(self, other: Share) -> Share {
        Share {
            total: self.total + other.total,
            covered: self.covered + other.covered,
        }
    }

    /// Of 100; `None` of nothing.
    pub fn percent(self) -> Option<f64> {
        (self.total > 0).then(|| self.covered as f64 * 100.0 / self.total as f64)
    }
}

/// What of a file, or of several, executed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileTotals {
    /// Lines that have code.
    pub lines: Share,
    /// Functions.
    pub functions: Share,
    /// Ways of branches.
    pub branches: Share,
}

impl FileTotals {
    /// Both together.
    pub fn plus(self, other: FileTotals) -> FileTotals {
        FileTotals {
            lines: self.lines.plus(other.lines),
            functions: self.functions.plus(other.functions),
            branches: self.branches.plus(other.branches),
        }
    }
}

impl FileCoverage {
    /// What of the file executed.
    pub fn totals(&self) -> FileTotals {
        let ways = self.branches.iter().flat_map(|branch| &branch.ways);
        FileTotals {
            lines: Share::of(self.lines.iter().map(|line| line.count > 0)),
            functions: Share::of(self.functions.iter().map(|function| function.count > 0)),
            branches: Share::of(ways.map(|way| way.count > 0)),
        }
    }
}

impl CoverageData {
    /// Each source file, by path; what several modules have of one is added up.
    pub fn files(&self) -> Vec<FileCoverage> {
        let mut files: BTreeMap<&str, FileSum> = BTreeMap::new();
        for file in self.modules.iter().flat_map(|module| &module.files) {
            files.entry(&file.path).or_default().add(file);
        }
        let files = files.into_iter();
        files
            .map(|(path, sum)| sum.finish(path.to_owned()))
            .collect()
    }
}

/// Where a branch is and where its ways lead, which makes it the same branch.
type BranchKey = (u32, u32, Vec<u32>, u32);

/// One file, added up.
#[derive(Default)]
pub(crate) struct FileSum {
    lines: BTreeMap<u32, u64>,
    functions: BTreeMap<(u32, String), (u32, u64)>,
    branches: BTreeMap<BranchKey, Vec<u64>>,
}

impl FileSum {
    pub fn add(&mut self, file: &FileCoverage) {
        for line in &file.lines {
            self.line(line.line, line.count);
        }
        for function in &file.functions {
            self.function(function.clone());
        }
        for branch in &file.branches {
            self.branch(branch);
        }
    }

    pub fn line(&mut self, line: u32, count: u64) {
        let sum = self.lines.entry(line).or_default();
        *sum = sum.saturating_add(count);
    }

    pub fn function(&mut self, function: SourceFunction) {
        let key = (function.line, function.name);
        let (end_line, sum) = self.functions.entry(key).or_default();
        *end_line = function.end_line.max(*end_line);
        *sum = sum.saturating_add(function.count);
    }

    pub fn branch(&mut self, branch: &SourceBranch) {
        let leads_to: Vec<u32> = branch.ways.iter().map(|way| way.to_line).collect();
        let key = (branch.line, branch.column, leads_to, branch.ordinal);
        let ways = self.branches.entry(key);
        let ways = ways.or_insert_with(|| vec![0; branch.ways.len()]);
        for (sum, way) in ways.iter_mut().zip(&branch.ways) {
            *sum = sum.saturating_add(way.count);
        }
    }

    pub fn finish(self, path: String) -> FileCoverage {
        let lines = self.lines.into_iter();
        let functions = self.functions.into_iter();
        let branches = self.branches.into_iter();
        FileCoverage {
            path,
            lines: lines
                .map(|(line, count)| LineCoverage { line, count })
                .collect(),
            functions: functions
                .map(|((line, name), (end_line, count))| SourceFunction {
                    name,
                    line,
                    end_line,
                    count,
                })
                .collect(),
            branches: branches
                .map(|((line, column, leads_to, ordinal), counts)| {
                    let ways = leads_to.into_iter().zip(counts);
                    SourceBranch {
                        line,
                        column,
                        ordinal,
                        ways: ways
                            .map(|(to_line, count)| SourceWay { to_line, count })
                            .collect(),
                    }
                })
                .collect(),
        }
    }
}
