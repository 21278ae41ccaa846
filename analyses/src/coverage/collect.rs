//! From the counts of a run to [`CoverageData`].
//!
//! Whether something executed is known from one-shot probes that cost nothing once
//! they have fired; how often is not. So counts, and the ways of branches, are
//! collected only if an export wants them.

use std::collections::{BTreeMap, HashMap};

use probity_engine::wasmparser::Operator;
use probity_engine::{Result, WasmPc};
use probity_probes::source::SourceMap;

use super::data::{
    CoverageData, FileCoverage, FunctionCoverage, LineCoverage, ModuleCoverage, OffsetBranch, Piece,
};
use crate::analysis::{Function, Instrument, Run};
use crate::ways::Ways;

/// What has to be placed before the run, besides the counts of all operators.
#[derive(Default)]
pub(super) struct Collector {
    ways: Ways,
}

impl Collector {
    pub fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        self.ways.instrument(at)
    }

    pub fn finish(&self, run: &Run<'_>) -> CoverageData {
        let mut modules: Vec<ModuleCoverage> = run
            .modules
            .iter()
            .zip(run.sources)
            .map(|(module, source)| ModuleCoverage {
                hash: blake3::hash(module.bytes()).to_hex().to_string(),
                path: source
                    .origin()
                    .path
                    .as_ref()
                    .map(|p| p.display().to_string()),
                name: module.name().map(str::to_owned),
                runs: 1,
                ..ModuleCoverage::default()
            })
            .collect();
        let mut files: Vec<Files> = modules.iter().map(|_| Files::default()).collect();
        for function in run.functions(true) {
            let at = function.key.module as usize;
            let operators = function.operators();
            if operators.is_empty() {
                continue;
            }
            let counts = match &function.counts {
                Some(counts) => counts.instrs(),
                None => vec![0; operators.len()],
            };
            let branches = self.ways.of(&function, &operators);
            let branches = branches.into_iter().map(|(branch, ways)| OffsetBranch {
                pc: branch.pc.0,
                ways,
            });
            let branches: Vec<OffsetBranch> = branches.collect();
            if let Some(source) = run.source(function.key) {
                files[at].add(source, &operators, &counts);
            }
            modules[at].functions.push(FunctionCoverage {
                index: function.key.index,
                name: function.name().to_string(),
                entries: function.counts.as_ref().map_or(0, |c| c.entries()),
                pieces: pieces(&function, &operators, &counts),
                branches,
            });
        }
        for (module, files) in modules.iter_mut().zip(files) {
            module.files = files.finish();
        }
        CoverageData { modules }
    }
}

fn pieces(
    function: &Function<'_>,
    operators: &[(WasmPc, Operator<'_>)],
    counts: &[u64],
) -> Vec<Piece> {
    let body = function.info.body().unwrap_or(0..0);
    let mut pieces: Vec<Piece> = Vec::new();
    for (at, ((pc, _), &count)) in operators.iter().zip(counts).enumerate() {
        let end = operators.get(at + 1).map_or(body.end, |(pc, _)| pc.0);
        match pieces.last_mut() {
            Some(last) if last.count == count => {
                last.end = end;
                last.operators += 1;
            }
            _ => pieces.push(Piece {
                start: pc.0,
                end,
                operators: 1,
                count,
            }),
        }
    }
    pieces
}

/// The source files of a module.
#[derive(Default)]
struct Files {
    by_path: BTreeMap<String, BTreeMap<u32, u64>>,
}

impl Files {
    fn add(&mut self, source: &SourceMap, operators: &[(WasmPc, Operator<'_>)], counts: &[u64]) {
        let mut highest: HashMap<(std::sync::Arc<str>, u32), u64> = HashMap::new();
        for ((pc, _), &count) in operators.iter().zip(counts) {
            if let Some(at) = source.line(*pc).filter(|at| at.line > 0) {
                let line = highest.entry((at.file, at.line)).or_default();
                *line = count.max(*line);
            }
        }
        for ((file, line), count) in highest {
            let lines = self.by_path.entry(file.to_string()).or_default();
            *lines.entry(line).or_default() += count;
        }
    }

    fn finish(self) -> Vec<FileCoverage> {
        let files = self.by_path.into_iter().map(|(path, lines)| FileCoverage {
            path,
            lines: lines
                .into_iter()
                .map(|(line, count)| LineCoverage { line, count })
                .collect(),
            ..FileCoverage::default()
        });
        files.collect()
    }
}
