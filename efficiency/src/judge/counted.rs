//! Exact counts of a run, which any number of runs of one instance share: what a run cost is the difference.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use probity_engine::hook::{Action, Counters, Fold, Probe, Probes, Site};
use probity_engine::wasmparser::Operator;
use probity_engine::{Error, Func, Module, Result, Store, WasmPc};
use probity_probes::access::{Access, AccessKind};
use probity_probes::cfg::Cfg;
use probity_probes::counts::{CountPlan, FunctionCounts};
use probity_probes::opcode::{Class, Opcode, class_of};
use probity_probes::wanted::Wanted;

use crate::result::Cost;

/// What is counted of a store's one module. Clones are the same counts.
#[derive(Clone)]
pub(super) struct Counted {
    plan: CountPlan,
    shared: Arc<Mutex<Shared>>,
    /// [`BULK_BYTES`] and [`BULK_ELEMENTS`].
    bulk: Counters,
}

const BULK_BYTES: usize = 0;
const BULK_ELEMENTS: usize = 1;

#[derive(Default)]
struct Shared {
    functions: Vec<Function>,
    /// Why a function could not be counted, if one could not.
    problem: Option<Error>,
}

/// What is counted of one function.
struct Function {
    func: Func,
    weights: Vec<Weight>,
    /// Its sums, and by how far the counts had come then: most functions of a large module do nothing in most runs.
    known: Option<(u64, Totals)>,
}

/// What one execution of an operator is.
#[derive(Clone, Copy)]
struct Weight {
    class: Class,
    fuel: u8,
    access: Option<(AccessKind, u8)>,
    /// It takes fuel by the size of an array, which is not counted.
    sized: bool,
}

/// Sums since the store was made.
#[derive(Clone, Default)]
pub(super) struct Totals {
    instr: u64,
    fuel: u64,
    /// By [`Class`].
    classes: [u64; CLASSES],
    loads: u64,
    stores: u64,
    bytes: u64,
    bulk_bytes: u64,
    bulk_elements: u64,
    /// Executions of operators that take fuel by a size that is not counted.
    sized: u64,
}

impl Counted {
    /// Counts everything that the module executes in this store. Call it before there is an instance.
    pub fn attach<T>(store: &mut Store<T>, module: &Module) -> Counted {
        let counted = Counted {
            plan: CountPlan::new(),
            shared: Arc::default(),
            bulk: Counters::new(2),
        };
        counted.plan.attach(&mut store.probes());
        let (plan, shared) = (counted.plan.clone(), counted.shared.clone());
        let (bulk, module) = (counted.bulk.clone(), module.clone());
        store.probes().on_first_call(move |probes, func| {
            let of = probes.module_of(func);
            let Some((_, index)) = of.filter(|(of, _)| of.same(&module)) else {
                return;
            };
            let weights = instrument(&plan, &bulk, probes, func, &module, index);
            let mut shared = lock(&shared);
            match weights {
                Ok(weights) => shared.functions.push(Function {
                    func,
                    weights,
                    known: None,
                }),
                Err(error) => shared.problem = Some(error),
            }
        });
        counted
    }

    /// The sums up to now. No code is running.
    ///
    /// # Errors
    /// If a function could not be counted: the sums would be too small.
    pub fn totals(&self) -> Result<Totals, String> {
        let mut shared = lock(&self.shared);
        if let Some(error) = &shared.problem {
            return Err(format!("failed to count: {error}"));
        }
        let mut totals = Totals {
            bulk_bytes: self.bulk.get(BULK_BYTES),
            bulk_elements: self.bulk.get(BULK_ELEMENTS),
            ..Totals::default()
        };
        for function in &mut shared.functions {
            let Some(progress) = self.plan.progress(function.func) else {
                continue;
            };
            let known = function.known.take();
            let known = known.filter(|(at, _)| *at == progress).or_else(|| {
                let counts = self.plan.counts(function.func)?;
                let mut own = Totals::default();
                own.add(&counts, &function.weights);
                Some((progress, own))
            });
            if let Some((_, own)) = &known {
                totals.plus(own);
            }
            function.known = known;
        }
        Ok(totals)
    }
}

const CLASSES: usize = Class::ALL.len();

/// A panic elsewhere leaves whole entries behind.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn instrument(
    plan: &CountPlan,
    bulk: &Counters,
    probes: &mut Probes<'_>,
    func: Func,
    module: &Module,
    index: u32,
) -> Result<Vec<Weight>> {
    let Some(info) = module.function(index) else {
        return Ok(Vec::new());
    };
    let operators = info.operators()?;
    let cfg = Arc::new(Cfg::new(&operators));
    plan.instrument(probes, func, &cfg, &Wanted::all())?;
    for (pc, op) in &operators {
        if let Some(counter) = bulk_counter(op) {
            count_length(bulk, probes, func, *pc, counter)?;
        }
    }
    let weight = |(_, op): &(WasmPc, Operator<'_>)| Weight {
        class: class_of(op, module.num_imported_functions()),
        fuel: Opcode::of(op).fuel() as u8,
        access: Access::of(op).map(|access| (access.kind, access.width as u8)),
        sized: is_sized(op),
    };
    Ok(operators.iter().map(weight).collect())
}

/// The counter of an operator whose topmost operand is a length.
fn bulk_counter(op: &Operator<'_>) -> Option<usize> {
    match op {
        Operator::MemoryFill { .. } | Operator::MemoryCopy { .. } | Operator::MemoryInit { .. } => {
            Some(BULK_BYTES)
        }
        Operator::TableFill { .. }
        | Operator::TableCopy { .. }
        | Operator::TableInit { .. }
        | Operator::TableGrow { .. } => Some(BULK_ELEMENTS),
        _ => None,
    }
}

/// Whether it works on so many elements of an array as its operands say.
fn is_sized(op: &Operator<'_>) -> bool {
    matches!(
        op,
        Operator::ArrayNew { .. }
            | Operator::ArrayNewDefault { .. }
            | Operator::ArrayNewFixed { .. }
            | Operator::ArrayNewData { .. }
            | Operator::ArrayNewElem { .. }
            | Operator::ArrayFill { .. }
            | Operator::ArrayCopy { .. }
            | Operator::ArrayInitData { .. }
            | Operator::ArrayInitElem { .. }
    )
}

fn count_length(
    bulk: &Counters,
    probes: &mut Probes<'_>,
    func: Func,
    pc: WasmPc,
    counter: usize,
) -> Result<()> {
    let sum = Action::Fold {
        counters: bulk.clone(),
        index: counter,
        operand: 0,
        signed: false,
        fold: Fold::Sum,
    };
    probes.insert(func, Site::Before(pc), Probe::new(sum))?;
    Ok(())
}

impl Totals {
    /// While code runs, counts that follow from others may be below zero by the frames that stand in a function: sums are modulo 2^64, so
    /// that these only take away what others have too much.
    fn add(&mut self, counts: &FunctionCounts, weights: &[Weight]) {
        let plus = |sum: &mut u64, times: u64, count: u64| {
            *sum = sum.wrapping_add(times.wrapping_mul(count));
        };
        // One at each function entry.
        plus(&mut self.fuel, 1, counts.entries());
        for (index, (weight, count)) in weights.iter().zip(counts.instrs()).enumerate() {
            if count == 0 {
                continue;
            }
            plus(&mut self.instr, 1, count);
            plus(&mut self.fuel, weight.fuel.into(), count);
            plus(&mut self.classes[weight.class as usize], 1, count);
            plus(&mut self.sized, weight.sized.into(), count);
            if let Some((kind, width)) = weight.access {
                // One that traps accesses nothing.
                let done = counts.completed(index);
                plus(&mut self.loads, kind.reads().into(), done);
                plus(&mut self.stores, kind.writes().into(), done);
                let ways = u64::from(kind.reads()) + u64::from(kind.writes());
                plus(&mut self.bytes, ways * u64::from(width), done);
            }
        }
    }

    /// Adds other sums, modulo 2^64 as well.
    pub fn plus(&mut self, other: &Totals) {
        self.each(other, u64::wrapping_add);
    }

    /// What was added to earlier sums.
    pub fn beyond(&self, earlier: &Totals) -> Totals {
        let mut more = self.clone();
        more.each(earlier, u64::wrapping_sub);
        more
    }

    fn each(&mut self, other: &Totals, of: fn(u64, u64) -> u64) {
        let pairs = [
            (&mut self.instr, other.instr),
            (&mut self.fuel, other.fuel),
            (&mut self.loads, other.loads),
            (&mut self.stores, other.stores),
            (&mut self.bytes, other.bytes),
            (&mut self.bulk_bytes, other.bulk_bytes),
            (&mut self.bulk_elements, other.bulk_elements),
            (&mut self.sized, other.sized),
        ];
        let classes = self.classes.iter_mut().zip(other.classes);
        for (sum, other) in pairs.into_iter().chain(classes) {
            *sum = of(*sum, other);
        }
    }

    /// At most so much fuel was taken since earlier sums, sizes of bulk operations included: as a limit sees it. `None` if that
    /// cannot be told.
    pub fn fuel_at_most(&self, earlier: &Totals) -> Option<u64> {
        let more = self.beyond(earlier);
        // Of 16 bytes, or an element, one unit: the sum of what is rounded down is no more than the sum rounded down.
        let bulk = yet(more.bulk_bytes) / 16 + yet(more.bulk_elements);
        (yet(more.sized) == 0).then(|| yet(more.fuel).saturating_add(bulk))
    }

    /// The cost of what was added to earlier sums.
    pub fn since(&self, earlier: &Totals) -> Cost {
        let more = self.beyond(earlier);
        let classes = Class::ALL.iter().filter_map(|&class| {
            let count = yet(more.classes[class as usize]);
            (count > 0).then(|| (class.name().to_owned(), count))
        });
        Cost {
            instr: Some(yet(more.instr)),
            fuel: Some(yet(more.fuel)),
            classes: classes.collect(),
            loads: Some(yet(more.loads)),
            stores: Some(yet(more.stores)),
            bytes: Some(yet(more.bytes)),
            bulk_bytes: Some(yet(more.bulk_bytes)),
            bulk_elements: Some(yet(more.bulk_elements)),
            ..Cost::default()
        }
    }
}

/// A difference modulo 2^64: below zero, nothing yet. Counts are so while code runs (see above), and so are those of an interpreter that
/// has not got to where the program begins.
fn yet(more: u64) -> u64 {
    if more > i64::MAX as u64 { 0 } else { more }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_indices_of_their_list() {
        for (index, &class) in Class::ALL.iter().enumerate() {
            assert_eq!(class as usize, index, "{}", class.name());
        }
    }
}
