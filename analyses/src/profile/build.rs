//! What a profile's functions are, from what is known of them when the run is over.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use probity_engine::WasmPc;
use probity_probes::cfg::Cfg;
use probity_probes::opcode::class_of;

use super::Frame;
use super::data::{Function, LoopSpan, Profile, ProfiledModule, Weight};
use crate::analysis::{self, Key, Run, function_name, module_name};

/// The functions of these frames, in their order. `weights` are those of a function's own operators, by offset, ascending; the
/// sites are those of the profile's nodes.
pub(super) fn functions(
    run: &Run<'_>,
    frames: &[Frame],
    profile: &Profile,
    weights: impl Fn(&analysis::Function<'_>) -> Vec<(u32, u64)>,
) -> Vec<Function> {
    let known = run
        .functions(false)
        .map(|function| (function.key, function));
    let known: HashMap<Key, analysis::Function<'_>> = known.collect();
    let mut sites: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); frames.len()];
    for node in profile.nodes.iter().skip(1).filter(|node| node.parent != 0) {
        let caller = profile.nodes[node.parent as usize].function;
        sites[caller as usize].extend(node.site);
    }
    let functions = frames.iter().zip(&sites).map(|(frame, sites)| match frame {
        Frame::Host(name) => host(name.clone()),
        Frame::Wasm(key) => wasm(run, *key, known.get(key), sites, &weights),
    });
    functions.collect()
}

/// The modules of a run.
pub(crate) fn modules(run: &Run<'_>) -> Vec<ProfiledModule> {
    let modules = (0..).zip(run.modules).zip(run.sources);
    let modules = modules.map(|((at, module), source)| ProfiledModule {
        name: module_name(module, at).into(),
        path: source
            .origin()
            .path
            .as_ref()
            .map(|path| path.display().to_string().into()),
    });
    modules.collect()
}

fn host(name: Arc<str>) -> Function {
    Function {
        module: None,
        index: None,
        name,
        source: None,
        pcs: Vec::new(),
        places: BTreeMap::new(),
        loops: Vec::new(),
    }
}

fn wasm(
    run: &Run<'_>,
    key: Key,
    function: Option<&analysis::Function<'_>>,
    sites: &BTreeSet<u32>,
    weights: impl Fn(&analysis::Function<'_>) -> Vec<(u32, u64)>,
) -> Function {
    let module = &run.modules[key.module as usize];
    let info = module.function(key.index);
    let source = run.sources.get(key.module as usize);
    let map = run.source(key);
    let body = info.and_then(|info| info.body());
    let declared =
        body.and_then(|body| map?.function(WasmPc(body.start))?.function().place.clone());
    let pcs = function.map_or_else(Vec::new, weights);
    let mut places = BTreeMap::new();
    if let Some(source) = source.filter(|_| map.is_some()) {
        let pcs = pcs.iter().map(|&(pc, _)| pc).chain(sites.iter().copied());
        places.extend(pcs.map(|pc| (pc, source.frames(key.index, WasmPc(pc)))));
    }
    let operators = function.map_or_else(Vec::new, |function| function.operators());
    let cfg = Cfg::new(&operators);
    let loops = cfg.loops().iter().map(|l| LoopSpan {
        start: cfg.pcs()[l.header as usize],
        end: cfg.pcs()[l.end as usize],
        depth: l.depth,
    });
    Function {
        module: Some(key.module),
        index: Some(key.index),
        name: match &info {
            Some(info) => function_name(info),
            None => format!("func[{}]", key.index).into(),
        },
        source: declared,
        pcs,
        places,
        loops: loops.collect(),
    }
}

/// Weights by the counts of a function's operators.
pub(super) fn counted(function: &analysis::Function<'_>, weight: Weight) -> Vec<(u32, u64)> {
    let Some(counts) = &function.counts else {
        return Vec::new();
    };
    let imported = function.imported();
    let weighed = function.operators();
    let weighed = weighed
        .iter()
        .zip(counts.instrs())
        .map(|((pc, op), count)| {
            let each = match weight {
                Weight::Cycles => class_of(op, imported).cycles(),
                _ => 1,
            };
            (pc.0, count * each)
        });
    weighed.filter(|&(_, weight)| weight > 0).collect()
}
