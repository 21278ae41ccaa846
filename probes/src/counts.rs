//! The counter plan of a run: who wants to know how often something ran asks
//! the plan, and all share one set of counters. Exact after traps, host
//! errors, exits and exceptions too: an operator counts once control reaches
//! it, the one that traps or throws included, and what stands behind it in its
//! block does not.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use probity_engine::hook::{Action, Counters, Probe, Probes, Site};
use probity_engine::{Func, Result, WasmPc};

use crate::cfg::Cfg;
use crate::flow::Flow;
use crate::unwind::Unwind;
use crate::wanted::Wanted;

/// Counters shared by everything in a run. Clones are the same plan.
///
/// A function is counted from the moment of [`CountPlan::instrument`], which
/// must come before its first execution (`Probes::on_first_call`). Counts are
/// complete while no activation of it is on the stack.
#[derive(Clone, Default)]
pub struct CountPlan {
    functions: Arc<Mutex<HashMap<Func, Placed>>>,
    every_block: bool,
}

/// Times that a block was left from within: (block, index of the first operator
/// that was then not executed) to their number.
type Stops = BTreeMap<(u32, u32), u64>;

struct Placed {
    cfg: Arc<Cfg>,
    flow: Flow,
    /// One counter for each counted block, in order, then the entry's.
    counters: Counters,
    stops: Stops,
    /// Of these, by the operator that trapped, threw or was in a call: it executed, and did not complete.
    failed: BTreeMap<u32, u64>,
    /// Exceptions that landed at the start of each block, and 0 for the entry.
    caught: Vec<u64>,
}

impl CountPlan {
    /// An empty plan that places as few counters as it can.
    pub fn new() -> CountPlan {
        CountPlan::default()
    }

    /// An empty plan that counts every block. Slower, equal in its answers:
    /// the yardstick of tests.
    pub fn with_every_block() -> CountPlan {
        CountPlan {
            every_block: true,
            ..CountPlan::default()
        }
    }

    /// Learns where activations leave a straight line from within: call it
    /// once, before the run.
    pub fn attach(&self, probes: &mut Probes<'_>) {
        let plan = self.clone();
        probes.on_unwind(move |probes, func, pc| {
            plan.unwound(func, Unwind::new(probes, pc));
        });
    }

    /// Puts the counters into a function that tell what is wanted, unless it has counters already.
    ///
    /// # Errors
    /// If the engine refuses a probe, such as for a host function.
    pub fn instrument(
        &self,
        probes: &mut Probes<'_>,
        func: Func,
        cfg: &Arc<Cfg>,
        wanted: &Wanted,
    ) -> Result<()> {
        if self.functions().contains_key(&func) {
            return Ok(());
        }
        let flow = match self.every_block {
            true => Flow::every_block(cfg, wanted),
            false => Flow::minimal(cfg, wanted),
        };
        let sites = sites(cfg, &flow);
        let counters = Counters::new(sites.len());
        for (index, site) in sites.into_iter().enumerate() {
            let action = Action::CountAdd {
                counters: counters.clone(),
                index,
                n: 1,
            };
            probes.insert(func, site, Probe::new(action))?;
        }
        let placed = Placed {
            cfg: cfg.clone(),
            flow,
            counters,
            stops: BTreeMap::new(),
            failed: BTreeMap::new(),
            caught: vec![0; cfg.blocks().len() + 1],
        };
        self.functions().insert(func, placed);
        Ok(())
    }

    /// The line ended behind the operator if that executed (R3: one that traps
    /// is charged), before it if a limit ended it there.
    fn unwound(&self, func: Func, unwind: Unwind) {
        if let Some(placed) = self.functions().get_mut(&func)
            && let Some(at) = placed.cfg.index_of(unwind.pc)
        {
            placed.stop(at, unwind.executed);
            if let Some(landing) = unwind.caught_at.and_then(|pc| placed.cfg.index_of(pc)) {
                placed.caught[placed.cfg.block_of(landing)] += 1;
            }
        }
    }

    /// What is known about a function now; `None` if it never started.
    pub fn counts(&self, func: Func) -> Option<FunctionCounts> {
        self.functions().get(&func).map(Placed::counts)
    }

    /// A number that grows whenever something is counted in a function: while it is the same, so are its [`counts`](Self::counts), which
    /// take far longer. `None` if it never started.
    pub fn progress(&self, func: Func) -> Option<u64> {
        self.functions().get(&func).map(Placed::progress)
    }

    fn functions(&self) -> MutexGuard<'_, HashMap<Func, Placed>> {
        self.functions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the counters of a function go, in the order of [`Placed::counters`].
fn sites(cfg: &Cfg, flow: &Flow) -> Vec<Site> {
    let counted = (0..cfg.blocks().len()).filter(|&block| flow.counts_block(block));
    let mut sites: Vec<Site> = counted
        .map(|block| Site::Before(WasmPc(cfg.pcs()[cfg.blocks()[block].start as usize])))
        .collect();
    if flow.counts_entry() {
        sites.push(Site::Entry);
    }
    sites
}

impl Placed {
    fn stop(&mut self, at: usize, executed: bool) {
        let block = self.cfg.block_of(at);
        let behind = at as u32 + u32::from(executed);
        *self.stops.entry((block as u32, behind)).or_default() += 1;
        if executed {
            *self.failed.entry(at as u32).or_default() += 1;
        }
        // Stopped at the edge: the way into the block was taken, but its
        // counter did not run.
        if behind == self.cfg.blocks()[block].start && self.flow.counts_block(block) {
            let before = (0..block).filter(|&other| self.flow.counts_block(other));
            self.counters.add(before.count(), 1);
        }
    }

    /// Nothing of what is added up here ever becomes less.
    fn progress(&self) -> u64 {
        let counters = (0..self.counters.len()).map(|slot| self.counters.get(slot));
        let stops = self.stops.values().chain(self.failed.values()).copied();
        let all = counters.chain(stops).chain(self.caught.iter().copied());
        all.fold(0, u64::wrapping_add)
    }

    fn counts(&self) -> FunctionCounts {
        let blocks = self.cfg.blocks().len();
        let mut slots = (0..self.counters.len()).map(|slot| self.counters.get(slot));
        let mut take = |counted: bool| match counted {
            true => slots.next().unwrap_or(0),
            false => 0,
        };
        let mut counted: Vec<u64> = (0..blocks)
            .map(|block| take(self.flow.counts_block(block)))
            .collect();
        counted.push(take(self.flow.counts_entry()));
        let mut stopped = vec![0; blocks + 1];
        for (&(block, _), &times) in &self.stops {
            stopped[block as usize] += times;
        }
        let mut executions = self.flow.solve(&counted, &stopped, &self.caught);
        let entries = executions.pop().unwrap_or(0);
        FunctionCounts {
            cfg: self.cfg.clone(),
            told: (0..blocks).map(|block| self.flow.tells(block)).collect(),
            entries,
            blocks: executions,
            stops: self.stops.clone(),
            failed: self.failed.clone(),
        }
    }
}

/// How often everything in one function ran that is [`Wanted`].
#[derive(Debug, Clone)]
pub struct FunctionCounts {
    cfg: Arc<Cfg>,
    /// For each block, whether its count is known, or it never runs.
    told: Vec<bool>,
    entries: u64,
    blocks: Vec<u64>,
    stops: Stops,
    failed: BTreeMap<u32, u64>,
}

impl FunctionCounts {
    /// The function's control flow, which gives the indices their meaning.
    pub fn cfg(&self) -> &Cfg {
        &self.cfg
    }

    /// Times that the function was entered.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Times that each block was entered; 0 if its count was not wanted.
    pub fn blocks(&self) -> &[u64] {
        &self.blocks
    }

    /// Executions of the operator of an index (rule `instr.v1`), whose block must be wanted.
    ///
    /// # Panics
    /// If there is no operator of that index.
    pub fn instr(&self, index: usize) -> u64 {
        let block = self.cfg.block_of(index);
        let reachable = self.cfg.blocks()[block].reachable;
        debug_assert!(self.told[block] || !reachable, "nobody wanted it");
        let range = (block as u32, 0)..=(block as u32, index as u32);
        let stopped: u64 = self.stops.range(range).map(|(_, times)| times).sum();
        self.blocks[block].saturating_sub(stopped)
    }

    /// Times that control went on behind the operator of an index, whose block must be wanted, within
    /// the function or out of it.
    ///
    /// # Panics
    /// If there is no operator of that index.
    pub fn completed(&self, index: usize) -> u64 {
        let failed = self.failed.get(&(index as u32));
        self.instr(index)
            .saturating_sub(failed.copied().unwrap_or(0))
    }

    /// Times that a block was left from within: the block, the index of the first operator that was then not executed, and the times.
    pub fn stops(&self) -> impl Iterator<Item = (usize, usize, u64)> {
        let stops = self.stops.iter();
        stops.map(|(&(block, behind), &times)| (block as usize, behind as usize, times))
    }

    /// Times that the operator of an index executed and did not complete.
    pub fn failed(&self) -> impl Iterator<Item = (usize, u64)> {
        let failed = self.failed.iter();
        failed.map(|(&index, &times)| (index as usize, times))
    }

    /// Executions of every operator, in program order.
    pub fn instrs(&self) -> Vec<u64> {
        let mut counts = Vec::with_capacity(self.cfg.len());
        for (at, (block, &entered)) in self.cfg.blocks().iter().zip(&self.blocks).enumerate() {
            let mut stops = self
                .stops
                .range((at as u32, 0)..(at as u32 + 1, 0))
                .peekable();
            let mut left = entered;
            for index in block.instrs() {
                while let Some((_, times)) =
                    stops.next_if(|((_, behind), _)| *behind as usize <= index)
                {
                    left = left.saturating_sub(*times);
                }
                counts.push(left);
            }
        }
        counts
    }

    /// Adds the counts of the same function in another instance.
    pub fn merge(&mut self, other: &FunctionCounts) {
        self.entries += other.entries;
        for (sum, more) in self.blocks.iter_mut().zip(&other.blocks) {
            *sum += more;
        }
        for (&at, &times) in &other.stops {
            *self.stops.entry(at).or_default() += times;
        }
        for (&at, &times) in &other.failed {
            *self.failed.entry(at).or_default() += times;
        }
    }
}
