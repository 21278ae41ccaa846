//! From the counts of a run to [`CoverageData`].
//!
//! Whether something executed is known for less than how often, and which way branches went. So all
//! of that is collected only if an export wants it.

use probity_engine::wasmparser::Operator;
use probity_engine::{Result, WasmPc};

use super::data::{CoverageData, FunctionCoverage, ModuleCoverage, OffsetBranch, Piece};
use super::file_filter::FileFilter;
use super::source::{Executed, Files};
use crate::analysis::{Function, Instrument, Run};
use crate::ways::Ways;

/// What has to be placed before the run, besides the counts of all operators.
pub(super) struct Collector {
    ways: Ways,
    filter: FileFilter,
}

impl Collector {
    pub fn new(filter: FileFilter) -> Collector {
        Collector {
            ways: Ways::default(),
            filter,
        }
    }

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
        let new_files = |_| Files::new(&self.filter);
        let mut files: Vec<Files<'_>> = modules.iter().map(new_files).collect();
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
            if let Some(source) = run.source(function.key) {
                files[at].add(
                    source,
                    &Executed {
                        function: &function,
                        operators: &operators,
                        counts: &counts,
                        branches: &branches,
                    },
                );
            }
            let branches = branches.into_iter().map(|(branch, ways)| OffsetBranch {
                pc: branch.pc.0,
                ways,
            });
            modules[at].functions.push(FunctionCoverage {
                index: function.key.index,
                name: function.name().to_string(),
                entries: function.counts.as_ref().map_or(0, |c| c.entries()),
                pieces: pieces(&function, &operators, &counts),
                branches: branches.collect(),
            });
        }
        for (module, files) in modules.iter_mut().zip(files) {
            module.files = files.finish();
        }
        CoverageData {
            modules,
            ..CoverageData::default()
        }
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
