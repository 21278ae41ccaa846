//! Who called whom. Direct calls follow from execution counts; what an
//! indirect call reaches is read from its table just before the call.
//!
//! A call counts when its operator executes, as in rule `instr.v1`, whether or
//! not it comes back. An indirect call that traps, because there is no function
//! of the right type, has no callee and is not listed. The caller of a tail
//! call is the function that it stands in, though that has left the stack when
//! the callee runs; `tail` says how many of all calls they are.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use probity_engine::hook::{Probe, Site};
use probity_engine::{Func, Result};
use probity_probes::callee::{Accepted, target};
use probity_probes::events::{self, Callee};
use probity_probes::opcode::Opcode;
use probity_probes::wanted::Wanted;

use crate::analysis::{Analysis, Findings, Instrument, Key, Run, function_name};
use crate::options::Options;
use crate::report::table::{Column, Fact, Kind, Table, Value};

/// Callees of one indirect call and how often each was called.
type Targets = Arc<Mutex<HashMap<Func, u64>>>;

pub(crate) struct Calls {
    zero: bool,
    /// By function and index of the operator.
    targets: HashMap<(Key, usize), Targets>,
}

impl Calls {
    pub fn new(options: &Options) -> Calls {
        Calls {
            zero: options.zero(),
            targets: HashMap::new(),
        }
    }
}

impl Analysis for Calls {
    fn wants_counts(&self, at: &Instrument<'_, '_, '_>) -> Result<Wanted> {
        let mut wanted = Wanted::nothing();
        for call in events::calls(&at.operators()?) {
            if matches!(call.callee, Callee::Direct(_)) {
                wanted.add(&*at.cfg()?, call.index);
            }
        }
        Ok(wanted)
    }

    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        for call in events::calls(&at.operators()?) {
            if matches!(call.callee, Callee::Direct(_)) {
                continue;
            }
            let targets = self
                .targets
                .entry((at.key, call.index))
                .or_default()
                .clone();
            let module = at.probes.module_of(at.func).map(|(module, _)| module);
            let mut accepted = module.and_then(|module| Accepted::by(call.callee, &module));
            let probe = Probe::call(move |context| {
                if let Some(func) = target(context, call.callee) {
                    let mut targets = targets.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(count) = targets.get_mut(&func) {
                        *count += 1;
                    } else if accepted.as_mut().is_none_or(|a| a.holds(context, func)) {
                        targets.insert(func, 1);
                    }
                }
                Ok(())
            });
            at.probes.insert(at.func, Site::Before(call.pc), probe)?;
        }
        Ok(())
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let mut columns = run.function_columns("func");
        columns.extend([
            Column::new("pc", Kind::Pc),
            Column::new("opcode", Kind::Text),
            Column::new("kind", Kind::Text),
            Column::new("callee", Kind::Index),
            Column::new("callee_name", Kind::Function),
            Column::new("count", Kind::Count),
        ]);
        let mut table = Table::new("calls", columns, Some("count"));
        let mut totals = BTreeMap::from([("direct", 0), ("host", 0), ("indirect", 0)]);
        let mut tail = 0;
        for function in run.functions(self.zero) {
            let who = run.function_cells(&function);
            let operators = function.operators();
            let counts = function.counts.as_ref();
            for call in events::calls(&operators) {
                let mut callees: Vec<(Value, Value, u64)> = Vec::new();
                let mut kind = "indirect";
                if let Callee::Direct(index) = call.callee {
                    let host = index < function.imported();
                    kind = if host { "host" } else { "direct" };
                    let name = function.sibling(index).map(|info| function_name(&info));
                    let name = name.map_or(Value::Nothing, Value::Text);
                    let count = counts.map_or(0, |counts| counts.instr(call.index));
                    callees.push((index.into(), name, count));
                } else if let Some(targets) = self.targets.get(&(function.key, call.index)) {
                    callees = indirect(run, function.key, targets);
                }
                if callees.is_empty() {
                    callees.push((Value::Nothing, Value::Nothing, 0));
                }
                for (callee, name, count) in callees {
                    if count == 0 && !self.zero {
                        continue;
                    }
                    *totals.entry(kind).or_default() += count;
                    let opcode = Opcode::of(&operators[call.index].1).mnemonic();
                    tail += if call.tail { count } else { 0 };
                    let mut row = who.clone();
                    row.extend([call.pc.0.into(), opcode.into(), kind.into()]);
                    row.extend([callee, name, count.into()]);
                    table.push(row);
                }
            }
        }
        let facts = totals
            .into_iter()
            .chain([("tail", tail)])
            .map(|(kind, sum)| Fact::new(kind, Kind::Count, sum));
        Findings {
            facts: facts.collect(),
            tables: vec![table],
            ..Findings::default()
        }
    }
}

/// Callees as (index, name, count), by index; one function of several
/// instances is one callee, one of another module has no index here.
fn indirect(run: &Run<'_>, caller: Key, targets: &Targets) -> Vec<(Value, Value, u64)> {
    let mut callees: BTreeMap<(Option<u32>, String), u64> = BTreeMap::new();
    let targets = targets.lock().unwrap_or_else(PoisonError::into_inner);
    for (&func, count) in targets.iter() {
        let key = (run.key_of)(func).filter(|key| key.module == caller.module);
        let callee = (key.map(|key| key.index), (run.name_of)(func));
        *callees.entry(callee).or_default() += count;
    }
    let callees = callees.into_iter().map(|((index, name), count)| {
        let index = index.map_or(Value::Nothing, Value::from);
        (index, Value::Text(name.into()), count)
    });
    callees.collect()
}
