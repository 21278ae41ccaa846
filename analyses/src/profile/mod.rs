//! Profiles: where the weight of a run was, by function, line and loop, along the calls.
//!
//! `profile` and `fprofile` are exact. Each entry and exit of a function is seen, and what the calls in between have
//! executed follows from one running total ([`RunningTotal`]); so the weights of all nodes add up to what `icount` counts, to the
//! unit, however calls end: by traps, exits, exceptions, tail calls. Weights inside functions come from
//! the counter plan that all analyses share.
//!
//! `sample` looks at the stack now and then, see [`sample`].
//!
//! Functions that are not watched (the option `func`) are not there: what they call is called by whoever called them.

mod build;
pub mod data;
mod grown;
mod json;
mod sample;
mod tables;
mod tree;

use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use probity_engine::hook::{HostPhase, Probe, Probes, Site};
use probity_engine::{Func, Result};
use probity_probes::events;
use probity_probes::opcode::class_of;
use probity_probes::total::RunningTotal;
use probity_probes::unwind::Unwind;
use probity_probes::wanted::Wanted;

use crate::analysis::{Analysis, Common, Findings, Instrument, Key, Run};
use crate::export::{Data, DataKind};
use crate::options::{NUMBER, OptionInfo, Options};
use crate::report::table::{Fact, Kind};
pub(crate) use build::modules;
use data::{Node, Profile, Weight};
pub(crate) use sample::{EVERY, Sample};
use tree::{Children, Shape, SharedTree, Tree};

/// What is added up.
pub(crate) const WEIGHT: OptionInfo = OptionInfo {
    name: "weight",
    default: "instructions",
    help: "what to add up: operators executed, or their modelled cycles",
    values: &["instructions", "cycles"],
};

/// Whether calls are told apart by their place.
pub(crate) const SITES: OptionInfo = OptionInfo {
    name: "sites",
    default: "auto",
    help: "whether calls from different places of a function are different; auto: if something is exported",
    values: &["auto", "on", "off"],
};

/// How deep the tree is.
pub(crate) const DEPTH: OptionInfo = OptionInfo {
    name: "depth",
    default: "all",
    help: "levels of the call tree; what is called deeper is part of its caller",
    values: &["all", NUMBER],
};

/// What becomes of functions that call themselves.
pub(crate) const RECURSION: OptionInfo = OptionInfo {
    name: "recursion",
    default: "keep",
    help: "a function that is on the way already: keep it as another level, or fold it into the first",
    values: &["keep", "fold"],
};

/// Whether host functions are frames.
pub(crate) const HOST: OptionInfo = OptionInfo {
    name: "host",
    default: "on",
    help: "whether calls of host functions are in the tree, by name",
    values: &["on", "off"],
};

/// Whose call a node is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Frame {
    Wasm(Key),
    /// By name of module and import.
    Host(Arc<str>),
}

/// An exact profile.
pub(crate) struct ExactProfile {
    /// Whether the tree itself is of interest.
    shows_tree: bool,
    weight: Weight,
    /// `None` until it is known whether something is exported.
    sites: Option<bool>,
    is_exported: bool,
    host: bool,
    total: RunningTotal,
    tree: SharedTree,
    frames: Arc<Mutex<Frames>>,
}

/// The frames that have been seen; a node's frame is an index here.
#[derive(Default)]
struct Frames {
    all: Vec<Frame>,
    indices: HashMap<Frame, u32>,
}

impl Frames {
    fn index(&mut self, frame: Frame) -> u32 {
        let all = &mut self.all;
        *self.indices.entry(frame).or_insert_with_key(|frame| {
            all.push(frame.clone());
            all.len() as u32 - 1
        })
    }
}

impl ExactProfile {
    /// With the tree among its tables if `shows_tree`.
    pub fn new(options: &Options, shows_tree: bool) -> ExactProfile {
        let total = RunningTotal::new();
        let shape = Shape {
            depth_max: options
                .number(DEPTH.name)
                .map_or(u32::MAX, |depth| depth.try_into().unwrap_or(u32::MAX)),
            fold_recursion: options.get(RECURSION.name) == "fold",
        };
        ExactProfile {
            shows_tree,
            weight: match options.get(WEIGHT.name) {
                "cycles" => Weight::Cycles,
                _ => Weight::Instructions,
            },
            sites: match options.get(SITES.name) {
                "on" => Some(true),
                "off" => Some(false),
                _ => None,
            },
            is_exported: false,
            host: options.get(HOST.name) != "off",
            tree: Arc::new(Tree::new(total.clone(), shape)),
            total,
            frames: Arc::default(),
        }
    }

    fn frame(&self, frame: Frame) -> u32 {
        lock(&self.frames).index(frame)
    }
}

impl Analysis for ExactProfile {
    fn collect(&mut self, _kind: DataKind) {
        self.is_exported = true;
    }

    fn attach(&mut self, probes: &mut Probes<'_>, _common: &mut Common) {
        if !self.host {
            return;
        }
        let (tree, frames) = (self.tree.clone(), self.frames.clone());
        let mut callees: HashMap<Func, Children> = HashMap::new();
        probes.on_host_call(move |_, call| {
            match call.phase {
                HostPhase::Call => {
                    let children = callees.entry(call.func).or_insert_with(|| {
                        let frame = Frame::Host(call.name.into());
                        Children::new(lock(&frames).index(frame))
                    });
                    tree.enter(children);
                }
                HostPhase::Return | HostPhase::Fail(_) => tree.leave(),
            }
            Ok(())
        });
    }

    fn wants_counts(&self, _at: &Instrument<'_, '_, '_>) -> Result<Wanted> {
        Ok(Wanted::all())
    }

    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        let (operators, cfg) = (at.operators()?, at.cfg()?);
        let imported = at.module.num_imported_functions();
        let weight = |index: usize| match self.weight {
            Weight::Cycles => class_of(&operators[index].1, imported).cycles(),
            _ => 1,
        };
        self.total.instrument(at.probes, at.func, &cfg, weight)?;
        if self.sites.unwrap_or(self.is_exported) {
            for call in events::calls(&operators)
                .into_iter()
                .filter(|call| !call.tail)
            {
                let (tree, pc) = (self.tree.clone(), call.pc.0);
                let probe = Probe::values([], move |[]| {
                    tree.calls_at(pc);
                    Ok(())
                });
                at.probes.insert(at.func, Site::Before(call.pc), probe)?;
            }
        }
        let (tree, mut children) = (
            self.tree.clone(),
            Children::new(self.frame(Frame::Wasm(at.key))),
        );
        let enter = Probe::values([], move |[]| {
            tree.enter(&mut children);
            Ok(())
        });
        // What other probes of an entry call is called by the function.
        at.probes
            .insert(at.func, Site::Entry, enter.priority(i32::MIN))?;
        let tree = self.tree.clone();
        let leave = Probe::values([], move |[]| {
            tree.leave();
            Ok(())
        });
        at.probes
            .insert(at.func, Site::Exit, leave.priority(i32::MAX))?;
        Ok(())
    }

    fn unwound(&mut self, _key: Key, func: Func, unwind: Unwind) {
        let missing = self.total.unwound(func, unwind);
        if missing != 0 {
            self.tree.correct(missing, unwind.caught_at.is_some());
        }
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let frames = lock(&self.frames).all.clone();
        let nodes = (0..self.tree.len()).map(|index| {
            let node = self.tree.node(index);
            let site = node.site.load(Relaxed);
            Node {
                parent: node.parent.load(Relaxed),
                function: node.frame.load(Relaxed),
                site: (site > 0).then_some(site),
                calls: node.calls.load(Relaxed),
                // The host's own sum is that of nothing.
                weight: if index == 0 {
                    0
                } else {
                    node.sum.load(Relaxed)
                },
                pcs: Vec::new(),
                allocs: Vec::new(),
            }
        });
        let mut profile = Profile {
            weight: self.weight,
            is_exact: true,
            modules: build::modules(run),
            functions: Vec::new(),
            nodes: nodes.collect(),
        };
        profile.functions = build::functions(run, &frames, &profile, |function| {
            build::counted(function, self.weight)
        });
        profile.drop_unused();
        let folded = self.tree.folded.load(Relaxed);
        let mut facts = tables::facts(&profile);
        if folded > 0 {
            facts.push(Fact::new("folded_calls", Kind::Count, folded));
        }
        if self.tree.is_full.load(Relaxed) {
            let note = "the tree is as large as it may be; deeper calls are part of their callers";
            facts.push(Fact::new("cut", Kind::Text, note));
        }
        Findings {
            facts,
            tables: tables::tables(run, &profile, self.shows_tree),
            data: self.is_exported.then_some(Data::Profile(profile)),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
