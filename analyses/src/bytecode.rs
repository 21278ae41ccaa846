//! The profile of an interpreter that runs inside Wasm: which of its guest's instructions execute, at which addresses, in which
//! of the guest's functions, and what each costs in Wasm instructions.
//!
//! An interpreter's function is one with a `br_table` of many targets in a loop. The index that it jumps by is the guest's
//! opcode, give or take a constant, and the load before it reads the guest's program counter. An opcode's cost is what
//! executes from its jump to the next one in the same activation, calls included; `self` is without what activations of an
//! interpreter further in cost, as they run a guest's function of their own. Costs are exact (rule `instr.v1`): each jump's
//! place has a known distance from the running total ([`RunningTotal`]).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use probity_engine::hook::{Input, Probe, Site};
use probity_engine::wasmparser::Operator;
use probity_engine::{Func, Result, WasmPc};
use probity_probes::access::{Access, AccessKind};
use probity_probes::cfg::Cfg;
use probity_probes::matcher::FunctionSelector;
use probity_probes::total::RunningTotal;
use probity_probes::unwind::Unwind;

use crate::analysis::{Analysis, Findings, Instrument, Key, Run};
use crate::options::{FUNCTIONS, NUMBER, OptionInfo, Options};
use crate::report::table::{Column, Fact, Kind, Table, Value};

/// How many targets make a jump that of an interpreter.
pub(crate) const CASES: OptionInfo = OptionInfo {
    name: "cases",
    default: "16",
    help: "targets that a br_table in a loop has at least to be an interpreter's",
    values: &[NUMBER],
};

/// Which functions interpret.
pub(crate) const AT: OptionInfo = OptionInfo {
    name: "at",
    default: "auto",
    help: "the functions that interpret; with auto those that look like it",
    values: &["auto", FUNCTIONS],
};

/// Operators between a load of the guest's code and the jump, at most.
const DISTANCE_MAX: usize = 200;
/// Addresses that are told apart.
const ADDRESSES_MAX: usize = 1 << 20;

pub(crate) struct Bytecode {
    cases: u64,
    /// `None` for those that look like it.
    at: Option<FunctionSelector>,
    total: RunningTotal,
    state: Arc<Mutex<State>>,
}

/// How often something executed, and at what cost.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    count: u64,
    own: u64,
    all: u64,
}

impl Cost {
    fn add(&mut self, own: u64, all: u64) {
        self.own = self.own.wrapping_add(own);
        self.all = self.all.wrapping_add(all);
    }
}

/// What an activation is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// What comes before its first jump.
    Setup,
    /// A guest's instruction: the case, and its address.
    Opcode(u64, Option<u64>),
}

/// An activation of an interpreter.
struct Active {
    key: Key,
    doing: Doing,
    /// Total when that began.
    since: u64,
    /// Total at its entry.
    entered: u64,
    /// What activations further in have cost since then.
    nested: u64,
    /// The same since its entry.
    all_nested: u64,
    /// Address of the first instruction.
    first: Option<u64>,
}

#[derive(Default)]
struct State {
    active: Vec<Active>,
    /// The one that was left last; an unwound frame is told of behind its exit.
    left: Option<Active>,
    /// What the running total lacks of frames that were unwound.
    correction: u64,
    /// The guest's program counter, as the last load saw it.
    address: Option<u64>,
    opcodes: BTreeMap<(Key, u64), Cost>,
    addresses: HashMap<(Key, u64), (u64, Cost)>,
    functions: BTreeMap<(Key, Option<u64>), Cost>,
    setup: BTreeMap<Key, u64>,
    /// Instructions at addresses beyond those that are told apart.
    dropped: u64,
}

impl State {
    fn enter(&mut self, key: Key, now: u64) {
        let now = now.wrapping_add(self.correction);
        self.active.push(Active {
            key,
            doing: Doing::Setup,
            since: now,
            entered: now,
            nested: 0,
            all_nested: 0,
            first: None,
        });
    }

    fn jump(&mut self, case: u64, now: u64) {
        let now = now.wrapping_add(self.correction);
        let address = self.address.take();
        let Some(mut active) = self.active.pop() else {
            return;
        };
        self.close(&active, now);
        if active.doing == Doing::Setup {
            active.first = address;
        }
        active.doing = Doing::Opcode(case, address);
        active.since = now;
        active.nested = 0;
        self.active.push(active);
    }

    fn leave(&mut self, now: u64) {
        let now = now.wrapping_add(self.correction);
        let Some(active) = self.active.pop() else {
            return;
        };
        self.close(&active, now);
        let all = now.wrapping_sub(active.entered);
        let function = self
            .functions
            .entry((active.key, active.first))
            .or_default();
        function.count += 1;
        function.add(all.wrapping_sub(active.all_nested), all);
        self.nested(all);
        self.left = Some(active);
    }

    /// An activation has cost so much, which is none of the cost of those further out.
    fn nested(&mut self, all: u64) {
        if let Some(outer) = self.active.last_mut() {
            outer.nested = outer.nested.wrapping_add(all);
            outer.all_nested = outer.all_nested.wrapping_add(all);
        }
    }

    /// What an activation was doing is done.
    fn close(&mut self, active: &Active, now: u64) {
        let all = now.wrapping_sub(active.since);
        let own = all.wrapping_sub(active.nested);
        self.charge(active, 1, own, all);
    }

    fn charge(&mut self, active: &Active, count: u64, own: u64, all: u64) {
        let key = active.key;
        let Doing::Opcode(case, address) = active.doing else {
            let setup = self.setup.entry(key).or_default();
            *setup = setup.wrapping_add(own);
            return;
        };
        let opcode = self.opcodes.entry((key, case)).or_default();
        opcode.count += count;
        opcode.add(own, all);
        let Some(address) = address else {
            return;
        };
        let known =
            self.addresses.len() < ADDRESSES_MAX || self.addresses.contains_key(&(key, address));
        if !known {
            self.dropped += count;
            return;
        }
        let (last_case, cost) = self.addresses.entry((key, address)).or_default();
        *last_case = case;
        cost.count += count;
        cost.add(own, all);
    }

    /// A frame was left from within, or has caught an exception, which the total does not have.
    fn lacks(&mut self, missing: u64, of_left: bool) {
        if let Some(left) = self.left.take().filter(|_| of_left) {
            self.charge(&left, 0, missing, missing);
            let function = self.functions.entry((left.key, left.first)).or_default();
            function.add(missing, missing);
            self.nested(missing);
        }
        self.correction = self.correction.wrapping_add(missing);
    }
}

/// A jump to the code of a guest's instruction.
struct Dispatch {
    pc: WasmPc,
    /// The load of the guest's code, with its constant offset.
    load: Option<(WasmPc, u64)>,
}

impl Bytecode {
    pub fn new(options: &Options) -> Bytecode {
        let at = options.get(AT.name);
        Bytecode {
            cases: options.number(CASES.name).unwrap_or(1),
            at: FunctionSelector::parse(at)
                .ok()
                .filter(|_| at != AT.default),
            total: RunningTotal::new(),
            state: Arc::default(),
        }
    }

    /// The jumps of a function, if it is an interpreter.
    fn dispatches(&self, at: &Instrument<'_, '_, '_>) -> Result<Vec<Dispatch>> {
        if self
            .at
            .as_ref()
            .is_some_and(|chosen| !chosen.matches(&at.info))
        {
            return Ok(Vec::new());
        }
        let (operators, cfg) = (at.operators()?, at.cfg()?);
        let jumps = operators
            .iter()
            .enumerate()
            .filter_map(|(index, (pc, op))| {
                let Operator::BrTable { targets } = op else {
                    return None;
                };
                let enough = u64::from(targets.len()) >= self.cases && in_loop(&cfg, index);
                enough.then(|| Dispatch {
                    pc: *pc,
                    load: load_before(&operators, index),
                })
            });
        Ok(jumps.collect())
    }
}

fn in_loop(cfg: &Cfg, index: usize) -> bool {
    let mut loops = cfg.loops().iter();
    loops.any(|item| (item.header as usize..item.end as usize).contains(&index))
}

/// The last load before an operator; of a byte, if there is one.
fn load_before(operators: &[(WasmPc, Operator<'_>)], index: usize) -> Option<(WasmPc, u64)> {
    let near = operators[index.saturating_sub(DISTANCE_MAX)..index]
        .iter()
        .rev();
    let loads: Vec<(WasmPc, Access)> = near
        .filter_map(|(pc, op)| Some((*pc, Access::of(op)?)))
        .filter(|(_, access)| access.kind == AccessKind::Load)
        .collect();
    let byte = loads.iter().find(|(_, access)| access.width == 1);
    let (pc, access) = byte.or(loads.first())?;
    Some((*pc, access.offset))
}

impl Analysis for Bytecode {
    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        let cfg = at.cfg()?;
        self.total.instrument(at.probes, at.func, &cfg, |_| 1)?;
        let dispatches = self.dispatches(at)?;
        if dispatches.is_empty() {
            return Ok(());
        }
        let (func, key) = (at.func, at.key);
        for dispatch in dispatches {
            let (state, total) = (self.state.clone(), self.total.clone());
            // The way to the jump, as far as the total does not have it.
            let here = Unwind {
                pc: dispatch.pc,
                executed: false,
                caught_at: None,
            };
            let missing = self.total.unwound(func, here);
            let jump = Probe::values([Input::Operand(0)], move |[case]| {
                lock(&state).jump(case, total.get().wrapping_add(missing));
                Ok(())
            });
            at.probes.insert(func, Site::Before(dispatch.pc), jump)?;
            if let Some((pc, offset)) = dispatch.load {
                let state = self.state.clone();
                let load = Probe::values([Input::Operand(0)], move |[address]| {
                    lock(&state).address = Some(address.wrapping_add(offset));
                    Ok(())
                });
                at.probes.insert(func, Site::Before(pc), load)?;
            }
        }
        let (state, total) = (self.state.clone(), self.total.clone());
        let enter = Probe::values([], move |[]| {
            lock(&state).enter(key, total.get());
            Ok(())
        });
        at.probes
            .insert(func, Site::Entry, enter.priority(i32::MIN))?;
        let (state, total) = (self.state.clone(), self.total.clone());
        let leave = Probe::values([], move |[]| {
            lock(&state).leave(total.get());
            Ok(())
        });
        at.probes
            .insert(func, Site::Exit, leave.priority(i32::MAX))?;
        Ok(())
    }

    fn unwound(&mut self, key: Key, func: Func, unwind: Unwind) {
        let missing = self.total.unwound(func, unwind);
        let mut state = lock(&self.state);
        let of_left =
            unwind.caught_at.is_none() && state.left.as_ref().is_some_and(|left| left.key == key);
        state.lacks(missing, of_left);
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let state = lock(&self.state);
        let costs = [
            Column::new("count", Kind::Count),
            Column::new("self", Kind::Count),
            Column::new("total", Kind::Count),
            Column::new("self_average", Kind::Average),
        ];
        let table = |name, more: &[Column]| {
            let columns = [&run.function_columns("func")[..], more, &costs].concat();
            Table::new(name, columns, Some("self"))
        };
        let mut opcodes = table("opcodes", &[Column::new("case", Kind::Index)]);
        let address = [
            Column::new("address", Kind::Pc),
            Column::new("case", Kind::Index),
        ];
        let mut addresses = table("addresses", &address);
        let mut functions = table("functions", &[Column::new("start", Kind::Pc)]);
        let cells = |cost: &Cost| {
            let average = cost.own as f64 / cost.count.max(1) as f64;
            [
                cost.count.into(),
                cost.own.into(),
                cost.all.into(),
                average.into(),
            ]
        };
        let mut interpreters = 0;
        for function in run.functions(false) {
            let key = function.key;
            let who = run.function_cells(&function);
            let mut any = false;
            for (&(_, case), cost) in state.opcodes.range((key, 0)..=(key, u64::MAX)) {
                any = true;
                let mut row = who.clone();
                row.push(case.into());
                row.extend(cells(cost));
                opcodes.push(row);
            }
            let mut all: Vec<_> = state
                .addresses
                .iter()
                .filter(|((of, _), _)| *of == key)
                .collect();
            all.sort_unstable_by_key(|((_, address), _)| *address);
            for ((_, address), (case, cost)) in all {
                let mut row = who.clone();
                row.extend([(*address).into(), (*case).into()]);
                row.extend(cells(cost));
                addresses.push(row);
            }
            for ((_, start), cost) in state.functions.range((key, None)..=(key, Some(u64::MAX))) {
                let mut row = who.clone();
                row.push(start.map_or(Value::Nothing, Value::from));
                row.extend(cells(cost));
                functions.push(row);
            }
            interpreters += u64::from(any);
        }
        let setup: u64 = state.setup.values().sum();
        let mut facts = vec![
            Fact::new("rule", Kind::Text, "instr.v1"),
            Fact::new("interpreters", Kind::Count, interpreters),
            Fact::new("executed", Kind::Count, opcodes.sum("count")),
            Fact::new("cost", Kind::Count, opcodes.sum("self")),
            Fact::new("setup", Kind::Count, setup),
        ];
        if state.dropped > 0 {
            facts.push(Fact::new("at_other_addresses", Kind::Count, state.dropped));
        }
        Findings {
            facts,
            tables: vec![opcodes, functions, addresses],
            ..Findings::default()
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
