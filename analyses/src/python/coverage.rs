//! `pycoverage`: which lines of Python files executed, of all that their code objects have. A function that is defined and
//! never called is known by its code object, which is a constant of the one around it; a file that is never imported is not
//! known.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use probity_engine::hook::Probes;
use probity_engine::{Func, Result};
use probity_probes::unwind::Unwind;

use super::tracker::Tracker;
use super::watch::{Member, Wish};
use crate::analysis::{Analysis, Common, Findings, Instrument, Key, Run};
use crate::coverage::{CoverageData, FileFilter, FileSum, ModuleCoverage, SourceFunction, tables};
use crate::export::Data;
use crate::options::{OptionInfo, Options};

/// The files that are told of.
pub(crate) const FILES: OptionInfo = OptionInfo {
    name: "files",
    default: "own",
    help: "Python files: own (not of the library), all, or paths with * and ?, several with |",
    values: &[],
};

/// Where the guest's files are.
pub(crate) const ROOT: OptionInfo = OptionInfo {
    name: "root",
    default: "/",
    help: "the host's directory that the guest has as /, to find the text of files",
    values: &[],
};

/// What modules that are built in are called instead of files.
const FROZEN: &str = "<frozen ";

pub(crate) struct PyCoverage {
    options: Options,
    member: Member,
    filter: FileFilter,
    root: String,
}

impl PyCoverage {
    pub fn new(options: &Options) -> PyCoverage {
        PyCoverage {
            options: options.clone(),
            member: Member::default(),
            filter: FileFilter::parse(options.get(FILES.name)),
            root: options.get(ROOT.name).to_owned(),
        }
    }
}

impl Analysis for PyCoverage {
    fn attach(&mut self, _probes: &mut Probes<'_>, common: &mut Common) {
        let wish = Wish {
            costs: false,
            nested: true,
        };
        self.member.join(common, &self.options, &wish);
    }

    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        self.member.instrument(at)
    }

    fn unwound(&mut self, _key: Key, func: Func, unwind: Unwind) {
        self.member.unwound(func, unwind);
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let followed = self.member.finish();
        let tracker = followed.tracker();
        let modules = crate::profile::modules(run).into_iter().zip(run.modules);
        let modules = modules.map(|(of, module)| ModuleCoverage {
            hash: blake3::hash(module.bytes()).to_hex().to_string(),
            path: of.path.map(|path| path.to_string()),
            name: module.name().map(str::to_owned),
            runs: 1,
            ..ModuleCoverage::default()
        });
        let mut data = CoverageData {
            modules: modules.collect(),
            ..CoverageData::default()
        };
        if let (Some(tracker), Some(module)) = (&tracker, data.modules.first_mut()) {
            let files = files(tracker, &self.filter).into_iter();
            let files = files.map(|(path, sum)| sum.finish(self.host_path(&path)));
            module.files = files.collect();
        }
        let (totals, files) = tables::files(&data);
        let mut facts = tables::facts(&totals);
        facts.extend(followed.facts(tracker.as_deref()));
        Findings {
            facts,
            tables: vec![files],
            data: Some(Data::Coverage(data)),
        }
    }
}

impl PyCoverage {
    /// A path of the guest's as the host knows it.
    fn host_path(&self, path: &str) -> String {
        match path.strip_prefix('/') {
            Some(inside) if self.root != "/" => {
                format!("{}/{inside}", self.root.trim_end_matches('/'))
            }
            _ => path.to_owned(),
        }
    }
}

/// What of each file executed, by path.
fn files(tracker: &Tracker, filter: &FileFilter) -> BTreeMap<Arc<str>, FileSum> {
    // A code object has a node for each way to it.
    let mut nodes: HashMap<u32, Vec<_>> = HashMap::new();
    for node in &tracker.nodes[1..] {
        nodes.entry(node.code).or_default().push(node);
    }
    let codes = &tracker.codes.all;
    // Lines that others have than the functions that begin there: what defines these.
    let mut around: HashSet<(&str, u32)> = HashSet::new();
    for code in codes {
        let inside = code.lines.iter().zip(0..);
        let inside = inside.filter(|&(&line, at)| {
            code.has_code(at) && (line != code.first_line || code.is_module())
        });
        around.extend(inside.map(|(&line, _)| (&*code.file, line)));
    }
    let mut files: BTreeMap<Arc<str>, FileSum> = BTreeMap::new();
    for (code, index) in codes.iter().zip(0..) {
        let is_own = *filter != FileFilter::Own || !code.file.starts_with(FROZEN);
        if !is_own || code.is_own() || !filter.takes(&code.file) {
            continue;
        }
        let sum = files.entry(code.file.clone()).or_default();
        let nodes = nodes.get(&index).map_or(&[][..], Vec::as_slice);
        for (&line, at) in code.lines.iter().zip(0..) {
            let begins = line == code.first_line && !code.is_module();
            if line == 0 || !code.has_code(at) || begins && around.contains(&(&*code.file, line)) {
                continue;
            }
            let hits = nodes.iter().map(|node| node.lines[at as usize].hits);
            sum.line(line, hits.sum());
        }
        if !code.is_module() {
            sum.function(SourceFunction {
                name: code.name.to_string(),
                line: code.first_line.max(1),
                end_line: code.lines.last().copied().unwrap_or(1).max(1),
                count: nodes.iter().map(|node| node.calls).sum(),
            });
        }
    }
    files
}
