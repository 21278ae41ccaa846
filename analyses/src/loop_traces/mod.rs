//! The paths that iterations of loops took: for each loop the sequences of basic blocks, and how often each was taken.
//!
//! An iteration begins each time that control reaches the `loop` operator, and ends when it comes there again (`back`), leaves
//! the loop (`exit`), or the function ends (`leave`: a return, a tail call, a trap, an exception). In a path an
//! inner loop is one step, however often it goes round; its own iterations have paths of their own. Calls are no steps, and a
//! loop in a recursive function has paths of each frame. A loop that no branch goes back to has none.
//!
//! `branches` are the decisions along the path: `T` if a condition was not zero or a branch was taken, `n` if not, the offset
//! that a `br_table` went to, `!` where an exception was caught.
//!
//! Functions that nest more than 256 loops are not traced; `functions_not_traced` says how many.

mod walk;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use probity_engine::hook::{Action, Probe, Probes, Ring, Site};
use probity_engine::wasmparser::Operator;
use probity_engine::{Result, WasmPc};
use probity_probes::cfg::Cfg;

use self::walk::{BACK, CUT, Cycle, INNER, LEAVE, Step, TO, Walk};
use crate::analysis::{Analysis, Common, Findings, Instrument, Key, Run};
use crate::options::{NUMBER, OptionInfo, Options};
use crate::report::table::{Column, Fact, Kind, Table, Value};

/// How many paths of a loop are told apart.
pub(crate) const PATHS: OptionInfo = OptionInfo {
    name: "paths",
    default: "1000",
    help: "so many paths of each loop are told apart; iterations on later ones are counted together",
    values: &[NUMBER],
};

/// How long a path is at most.
pub(crate) const LENGTH: OptionInfo = OptionInfo {
    name: "length",
    default: "64",
    help: "blocks of a path; what comes behind them does not tell paths apart",
    values: &[NUMBER],
};

/// Words between running code and the walk.
const RING_WORDS: usize = 1 << 13;

pub(crate) struct LoopTraces {
    walk: Arc<Mutex<Walk>>,
    ring: Ring,
    /// Functions that are nested beyond [`DEPTH_MAX`].
    not_traced: BTreeSet<Key>,
}

impl LoopTraces {
    pub fn new(options: &Options) -> LoopTraces {
        let number = |option: OptionInfo| options.number(option.name).unwrap_or(1) as usize;
        let walk = Arc::new(Mutex::new(Walk::new(number(PATHS), number(LENGTH))));
        let drained = walk.clone();
        let ring = Ring::new(RING_WORDS, move |records| {
            lock(&drained).take(records);
            Ok(())
        });
        LoopTraces {
            walk,
            ring,
            not_traced: BTreeSet::new(),
        }
    }
}

/// Functions with loops in more loops than these are not traced.
const DEPTH_MAX: u32 = 256;

impl Analysis for LoopTraces {
    fn attach(&mut self, probes: &mut Probes<'_>, _common: &mut Common) {
        let ring = self.ring.clone();
        // The ring is this store's, and its function does not fail.
        probes.on_end(move |probes, _, _| drop(ring.drain(probes)));
    }

    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        let cfg = at.cfg()?;
        // Each round of a loop is a step of the one around it: no compiler nests them like this.
        if cfg.loops().iter().any(|item| item.depth > DEPTH_MAX) {
            self.not_traced.insert(at.key);
            return Ok(());
        }
        let Some(function) = lock(&self.walk).function(at.key, &cfg) else {
            return Ok(());
        };
        let record = |step: Step| {
            Probe::new(Action::Record {
                ring: self.ring.clone(),
                tag: step.tag(function),
                inputs: Vec::new(),
            })
        };
        // What other probes of an entry or exit call is called by the function.
        let entry = record(Step::Entry).priority(i32::MIN);
        at.probes.insert(at.func, Site::Entry, entry)?;
        let exit = record(Step::Exit).priority(i32::MAX);
        at.probes.insert(at.func, Site::Exit, exit)?;
        let reachable = cfg.blocks().iter().enumerate();
        for (index, block) in reachable.filter(|(_, block)| block.reachable) {
            let pc = WasmPc(cfg.pcs()[block.start as usize]);
            let probe = record(Step::Block(index as u32));
            at.probes.insert(at.func, Site::Before(pc), probe)?;
        }
        Ok(())
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let site = [
            run.function_columns("func"),
            vec![Column::new("pc", Kind::Pc)],
        ]
        .concat();
        let sums = [
            Column::new("iterations", Kind::Count),
            Column::new("paths", Kind::Count),
            Column::new("commonest_percent", Kind::Percent),
        ];
        let path = [
            Column::new("count", Kind::Count),
            Column::new("ends", Kind::Text),
            Column::new("branches", Kind::Text),
            Column::new("path", Kind::Text),
        ];
        let mut loops = Table::new("loops", [&site[..], &sums].concat(), Some("iterations"));
        let mut paths = Table::new("paths", [&site[..], &path].concat(), Some("count"));
        let mut others = 0;
        let walk = lock(&self.walk);
        for function in run.functions(false) {
            let Some(found) = walk.found(function.key) else {
                continue;
            };
            let operators = function.operators();
            let cfg = Cfg::new(&operators);
            for cycle in &found.cycles {
                let kept: u64 = cycle.paths.values().sum();
                let iterations = kept + cycle.others;
                if iterations == 0 {
                    continue;
                }
                others += cycle.others;
                let mut who = run.function_cells(&function);
                who.push(operators[cycle.header as usize].0.0.into());
                let most = cycle.paths.values().max().copied().unwrap_or(0);
                let percent = 100.0 * most as f64 / iterations as f64;
                let sums = [iterations.into(), cycle.paths.len().into(), percent.into()];
                loops.push([&who[..], &sums].concat());
                let mut all: Vec<(&Vec<u32>, &u64)> = cycle.paths.iter().collect();
                all.sort();
                for (steps, count) in all {
                    let shown = Shown::new(cycle, steps, &cfg, &operators);
                    let cells = [
                        (*count).into(),
                        shown.ends.into(),
                        Value::Text(shown.branches.into()),
                        Value::Text(shown.path.into()),
                    ];
                    paths.push([&who[..], &cells].concat());
                }
            }
        }
        Findings {
            facts: vec![
                Fact::new("iterations", Kind::Count, loops.sum("iterations")),
                Fact::new("paths_found", Kind::Count, loops.sum("paths")),
                Fact::new("on_other_paths", Kind::Count, others),
                Fact::new(
                    "functions_not_traced",
                    Kind::Count,
                    self.not_traced.len() as u64,
                ),
            ],
            tables: vec![loops, paths],
            ..Findings::default()
        }
    }
}

/// A path as a row has it.
struct Shown {
    ends: &'static str,
    branches: String,
    path: String,
}

impl Shown {
    fn new(cycle: &Cycle, steps: &[u32], cfg: &Cfg, operators: &[(WasmPc, Operator<'_>)]) -> Shown {
        let pc = |block: u32| operators[cfg.blocks()[block as usize].start as usize].0.0;
        let (mut branches, mut path) = (String::new(), Vec::new());
        // The block that a step begins with; none at the end.
        let first = |step: u32| match step {
            BACK => Some(cycle.block),
            LEAVE | CUT => None,
            step => Some(step & !(INNER | TO)),
        };
        let mut ends = "leave";
        for (at, &step) in steps.iter().enumerate() {
            match step {
                BACK => ends = "back",
                LEAVE => {}
                CUT => path.push("...".to_owned()),
                step if step & INNER != 0 => path.push(format!("loop({:#x})", pc(step & !INNER))),
                step if step & TO != 0 => ends = "exit",
                block => {
                    path.push(format!("{:#x}", pc(block)));
                    let next = steps.get(at + 1).and_then(|next| first(*next));
                    if let Some(next) = next {
                        branches += &decision(block, next, cfg, operators, pc(next));
                    }
                }
            }
        }
        Shown {
            ends,
            branches,
            path: path.join(" "),
        }
    }
}

/// How control went from a block to another one; nothing if it could not go otherwise.
fn decision(
    from: u32,
    to: u32,
    cfg: &Cfg,
    operators: &[(WasmPc, Operator<'_>)],
    target: u32,
) -> String {
    if !cfg.edges_from(from).any(|next| next == to) {
        return "!".to_owned();
    }
    let last = cfg.blocks()[from as usize].end as usize - 1;
    let taken = match (&operators[last].1, cfg.two_ways(last)) {
        (Operator::BrTable { .. }, _) => return format!("({target:#x})"),
        (Operator::If { .. }, Some((falls, lands))) if falls != lands => to as usize == falls,
        (Operator::BrIf { .. }, Some((falls, lands))) if falls != lands => to as usize == lands,
        (
            Operator::BrOnNull { .. }
            | Operator::BrOnNonNull { .. }
            | Operator::BrOnCast { .. }
            | Operator::BrOnCastFail { .. },
            Some((falls, lands)),
        ) if falls != lands => to as usize == lands,
        _ => return String::new(),
    };
    if taken { "T" } else { "n" }.to_owned()
}

/// A panic elsewhere leaves whole steps behind.
fn lock(walk: &Mutex<Walk>) -> MutexGuard<'_, Walk> {
    walk.lock().unwrap_or_else(PoisonError::into_inner)
}
