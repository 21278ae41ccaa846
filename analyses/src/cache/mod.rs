//! Simulated caches and a branch predictor, in the manner of cachegrind: how a machine would fare with what the program does to its
//! memories, and with its branches.
//!
//! Two levels for data, `d1` and `ll`: each access that misses `d1` goes to `ll`. An access that straddles lines is one access and at
//! most one miss of each level. An atomic update is a read. Operators that work on a length (`memory.fill`, `copy`, `init`) are an
//! access to each line of `d1` that they touch, reading and writing in turn. An access that traps is none. Addresses are those of the
//! memory, as if it lay at an address that all sizes divide; different memories share no lines.
//!
//! There is no cache of instructions: bytes of a module are not what a machine executes, and where its own instructions
//! lie is no property of the program. Nor are there accesses to locals and operands, most of which are in registers.
//!
//! Conditional branches are `if`, `br_if` and `br_on_*`, taken where the condition is not zero; indirect ones are `br_table`, by the label that it
//! goes to, `call_indirect`, by the element of the table, and `call_ref`, by the function. A branch is one as soon as it executes.
//!
//! Modelled cycles are cachegrind's estimate: one for each instruction (rule `instr.v1`), 10 for each miss of `d1` and each wrong prediction, and 100
//! for each miss of `ll`.

pub mod data;
mod level;
mod predictor;
mod report;

use std::collections::HashMap;

use probity_engine::hook::{Probe, ProbeContext, Probes, Site};
use probity_engine::wasmparser::Operator;
use probity_engine::{Func, Result, WasmPc};
use probity_probes::access::AccessKind;
use probity_probes::callee::target;
use probity_probes::events::{self, BranchKind, Callee};
use probity_probes::wanted::Wanted;

use crate::accesses::{Sink, Touch, Tracer};
use crate::analysis::{Analysis, Common, Findings, Instrument, Run};
use crate::export::DataKind;
use crate::options::{GEOMETRY, Geometry, OptionInfo, Options};
use data::Costs;
use level::Level;
use predictor::Predictor;

/// The first level.
pub(crate) const D1: OptionInfo = OptionInfo {
    name: "d1",
    default: "32Kx8x64",
    help: "first level of the cache: bytes x ways x bytes of a line",
    values: &[GEOMETRY],
};

/// The last level.
pub(crate) const LL: OptionInfo = OptionInfo {
    name: "ll",
    default: "8Mx16x64",
    help: "last level of the cache",
    values: &[GEOMETRY],
};

/// Whether branches are predicted.
pub(crate) const BRANCHES: OptionInfo = OptionInfo {
    name: "branches",
    default: "on",
    help: "whether branches are predicted",
    values: &["on", "off"],
};

pub(crate) struct Cache {
    tracer: Tracer<Machine>,
    d1: Geometry,
    ll: Geometry,
    branches: bool,
    is_exported: bool,
}

/// The simulated machine.
struct Machine {
    d1: Level,
    ll: Level,
    predictor: Predictor,
    /// By site of the trace.
    sites: Vec<SiteState>,
    /// Numbers for functions that references call.
    functions: HashMap<Func, u64>,
}

#[derive(Default)]
struct SiteState {
    costs: Costs,
    branch: Option<Branch>,
}

/// A branch whose topmost operand says which way it goes.
enum Branch {
    Condition(WasmPc),
    /// With the labels of a table, the default last.
    Table(WasmPc, Box<[u32]>),
    Element(WasmPc),
}

impl Cache {
    pub fn new(options: &Options) -> Cache {
        let [d1, ll] = [D1, LL].map(|option| options.geometry(&option));
        Cache {
            tracer: Tracer::new(Machine {
                d1: Level::new(d1),
                ll: Level::new(ll),
                predictor: Predictor::new(),
                sites: Vec::new(),
                functions: HashMap::new(),
            }),
            d1,
            ll,
            branches: options.get(BRANCHES.name) != "off",
            is_exported: false,
        }
    }

    /// Has a branch predicted that an operand decides.
    fn predict(&self, at: &mut Instrument<'_, '_, '_>, pc: WasmPc, branch: Branch) -> Result<()> {
        let site = self.tracer.value(at, pc)?;
        self.tracer.state().sink.site(site).branch = Some(branch);
        Ok(())
    }

    /// Has a branch predicted that a reference decides: by a call, for references are no numbers.
    fn predict_reference(
        &self,
        at: &mut Instrument<'_, '_, '_>,
        pc: WasmPc,
        mut told: impl FnMut(&mut Machine, u32, &mut ProbeContext<'_>) + Send + 'static,
    ) -> Result<()> {
        let (site, tracer) = (self.tracer.site(at, pc), self.tracer.clone());
        let probe = Probe::call(move |context| {
            // What came before it is told before it.
            tracer.ring().drain(context)?;
            let mut state = tracer.finish();
            told(&mut state.sink, site, context);
            Ok(())
        });
        at.probes
            .insert(at.func, Site::Before(pc), probe.priority(i32::MAX))?;
        Ok(())
    }

    fn branches(&self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        let operators = at.operators()?;
        for branch in events::branches(&operators) {
            let pc = branch.pc;
            match (branch.kind, &operators[branch.index].1) {
                (
                    BranchKind::Condition,
                    Operator::Select
                    | Operator::TypedSelect { .. }
                    | Operator::TypedSelectMulti { .. },
                ) => {}
                (BranchKind::Condition, _) => self.predict(at, pc, Branch::Condition(pc))?,
                (BranchKind::Table(_), Operator::BrTable { targets }) => {
                    let labels = targets.targets().chain([Ok(targets.default())]);
                    let labels = labels.filter_map(|label| label.ok()).collect();
                    self.predict(at, pc, Branch::Table(pc, labels))?;
                }
                (BranchKind::Table(_), _) => {}
                (BranchKind::Reference(test), _) => {
                    let Some(mut taken) = test.taken(at.module) else {
                        continue;
                    };
                    self.predict_reference(at, pc, move |machine, site, context| {
                        if let Some(taken) = taken(context) {
                            machine.condition(site, pc, taken);
                        }
                    })?;
                }
            }
        }
        for call in events::calls(&operators) {
            let (pc, callee) = (call.pc, call.callee);
            match callee {
                Callee::Direct(_) => {}
                Callee::Table { .. } => self.predict(at, pc, Branch::Element(pc))?,
                Callee::Reference => {
                    self.predict_reference(at, pc, move |machine, site, context| {
                        let target = target(context, callee);
                        machine.reference(site, pc, target);
                    })?;
                }
            }
        }
        Ok(())
    }
}

impl Machine {
    fn site(&mut self, site: u32) -> &mut SiteState {
        let at = site as usize;
        if at >= self.sites.len() {
            self.sites.resize_with(at + 1, SiteState::default);
        }
        &mut self.sites[at]
    }

    #[inline]
    fn touch(&mut self, site: u32, touch: &Touch) {
        let d1_misses = self.d1.misses(touch);
        let ll_misses = d1_misses && self.ll.misses(touch);
        let costs = &mut self.site(site).costs;
        let [all, d1, ll] = match touch.kind {
            AccessKind::Store => &mut costs.writes,
            AccessKind::Load | AccessKind::Update => &mut costs.reads,
        };
        *all += 1;
        *d1 += u64::from(d1_misses);
        *ll += u64::from(ll_misses);
    }

    fn condition(&mut self, site: u32, pc: WasmPc, taken: bool) {
        let missed = self.predictor.misses(pc.0, taken);
        count(&mut self.site(site).costs.conditional, missed);
    }

    fn indirect(&mut self, site: u32, pc: WasmPc, target: u64) {
        let missed = self.predictor.misses_target(pc.0, target);
        count(&mut self.site(site).costs.indirect, missed);
    }

    fn reference(&mut self, site: u32, pc: WasmPc, target: Option<Func>) {
        let next = self.functions.len() as u64 + 1;
        let target = target.map_or(0, |func| *self.functions.entry(func).or_insert(next));
        self.indirect(site, pc, target);
    }
}

fn count([all, misses]: &mut [u64; 2], missed: bool) {
    *all += 1;
    *misses += u64::from(missed);
}

impl Sink for Machine {
    #[inline]
    fn access(&mut self, site: u32, touch: Touch) {
        self.touch(site, &touch);
    }

    fn bulk(&mut self, site: u32, read: Option<Touch>, write: Touch) {
        let bits = self.d1.line_bits();
        let mut reads = read.iter().flat_map(|read| read.by_block(bits));
        let mut writes = write.by_block(bits);
        loop {
            let (read, write) = (reads.next(), writes.next());
            if read.is_none() && write.is_none() {
                break;
            }
            for touch in read.iter().chain(&write) {
                self.touch(site, touch);
            }
        }
    }

    fn value(&mut self, site: u32, value: u64) {
        match self.site(site).branch {
            Some(Branch::Condition(pc)) => self.condition(site, pc, value != 0),
            Some(Branch::Table(pc, ref labels)) => {
                let at = usize::try_from(value).unwrap_or(usize::MAX);
                let label = labels.get(at).or(labels.last()).copied().unwrap_or(0);
                self.indirect(site, pc, label.into());
            }
            Some(Branch::Element(pc)) => self.indirect(site, pc, value),
            None => {}
        }
    }
}

impl Analysis for Cache {
    fn collect(&mut self, _kind: DataKind) {
        self.is_exported = true;
    }

    fn attach(&mut self, probes: &mut Probes<'_>, _common: &mut Common) {
        self.tracer.attach(probes);
    }

    fn wants_counts(&self, _at: &Instrument<'_, '_, '_>) -> Result<Wanted> {
        Ok(Wanted::all())
    }

    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        self.tracer.accesses(at)?;
        match self.branches {
            true => self.branches(at),
            false => Ok(()),
        }
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let state = self.tracer.finish();
        let machine = &state.sink;
        let costs = state.sites.iter().zip(&machine.sites);
        let costs = costs.map(|(site, found)| ((site.key, site.pc), found.costs));
        report::findings(run, costs, (self.d1, self.ll), self.is_exported)
    }
}
