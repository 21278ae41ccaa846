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
    weights: Weights,
    /// Its sums, and by how far the counts had come then: most functions of a large module do nothing in most runs.
    known: Option<(u64, Sums)>,
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

/// What the operators of a function add, and those of each of its blocks together.
struct Weights {
    each: Vec<Weight>,
    /// Columns of [`Totals`] with what one execution of a block adds; those of a block from its number in `starts` on.
    blocks: Vec<(u8, u32)>,
    starts: Vec<u32>,
}

/// Sums since the store was made, modulo 2^64: by column, the classes first.
#[derive(Clone, Default)]
pub(super) struct Totals(Sums);

type Sums = [u64; COLUMNS];

const CLASSES: usize = Class::ALL.len();
const INSTR: usize = CLASSES;
const FUEL: usize = CLASSES + 1;
const LOADS: usize = CLASSES + 2;
const STORES: usize = CLASSES + 3;
const BYTES: usize = CLASSES + 4;
/// Executions of operators that take fuel by a size that is not counted.
const SIZED: usize = CLASSES + 5;
/// By bulk operations.
const MOVED_BYTES: usize = CLASSES + 6;
const MOVED_ELEMENTS: usize = CLASSES + 7;
const COLUMNS: usize = CLASSES + 8;

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
        let mut totals = Totals::default();
        totals.0[MOVED_BYTES] = self.bulk.get(BULK_BYTES);
        totals.0[MOVED_ELEMENTS] = self.bulk.get(BULK_ELEMENTS);
        for function in &mut shared.functions {
            let Some(progress) = self.plan.progress(function.func) else {
                continue;
            };
            let known = function.known.take();
            let known = known.filter(|(at, _)| *at == progress).or_else(|| {
                let counts = self.plan.counts(function.func)?;
                Some((progress, function.weights.sums(&counts)))
            });
            if let Some((_, own)) = &known {
                add(&mut totals.0, own, 1);
            }
            function.known = known;
        }
        Ok(totals)
    }
}

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
) -> Result<Weights> {
    let Some(info) = module.function(index) else {
        return Ok(Weights::default());
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
    Ok(Weights::new(operators.iter().map(weight).collect(), &cfg))
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

fn add(sums: &mut Sums, more: &Sums, times: u64) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum = sum.wrapping_add(more.wrapping_mul(times));
    }
}

impl Weight {
    /// What it adds if it executes, and completes. One that traps accesses nothing.
    fn add_to(&self, sums: &mut Sums) {
        sums[self.class as usize] += 1;
        sums[INSTR] += 1;
        sums[FUEL] += u64::from(self.fuel);
        sums[SIZED] += u64::from(self.sized);
        self.add_access(sums);
    }

    fn add_access(&self, sums: &mut Sums) {
        if let Some((kind, width)) = self.access {
            let (reads, writes) = (u64::from(kind.reads()), u64::from(kind.writes()));
            sums[LOADS] += reads;
            sums[STORES] += writes;
            sums[BYTES] += (reads + writes) * u64::from(width);
        }
    }
}

impl Default for Weights {
    fn default() -> Weights {
        Weights {
            each: Vec::new(),
            blocks: Vec::new(),
            starts: vec![0],
        }
    }
}

impl Weights {
    fn new(each: Vec<Weight>, cfg: &Cfg) -> Weights {
        let mut weights = Weights::default();
        for block in cfg.blocks() {
            let mut sums = [0; COLUMNS];
            each[block.instrs()]
                .iter()
                .for_each(|w| w.add_to(&mut sums));
            let columns = sums.iter().zip(0..).filter(|(n, _)| **n > 0);
            // A function has fewer operators than that.
            let columns = columns.map(|(&n, column)| (column, n as u32));
            weights.blocks.extend(columns);
            weights.starts.push(weights.blocks.len() as u32);
        }
        weights.each = each;
        weights
    }

    /// All that a function did. While code runs, counts that follow from others may be below zero by the frames that stand in it: these
    /// take away what others have too much.
    fn sums(&self, counts: &FunctionCounts) -> Sums {
        let mut sums = [0u64; COLUMNS];
        // One at each function entry.
        sums[FUEL] = counts.entries();
        let blocks = counts.blocks().iter().zip(self.starts.windows(2));
        for (&count, range) in blocks.filter(|(count, _)| **count != 0) {
            for &(column, n) in &self.blocks[range[0] as usize..range[1] as usize] {
                let sum = &mut sums[column as usize];
                *sum = sum.wrapping_add(count.wrapping_mul(n.into()));
            }
        }
        for (block, behind, times) in counts.stops() {
            let end = counts.cfg().blocks()[block].instrs().end;
            let mut rest = [0; COLUMNS];
            { self.each[behind..end].iter() }.for_each(|w| w.add_to(&mut rest));
            add(&mut sums, &rest, times.wrapping_neg());
        }
        for (index, times) in counts.failed() {
            let mut access = [0; COLUMNS];
            self.each[index].add_access(&mut access);
            add(&mut sums, &access, times.wrapping_neg());
        }
        sums
    }
}

impl Totals {
    /// Adds other sums.
    pub fn plus(&mut self, other: &Totals) {
        add(&mut self.0, &other.0, 1);
    }

    /// What was added to earlier sums.
    pub fn beyond(&self, earlier: &Totals) -> Totals {
        let mut more = self.clone();
        add(&mut more.0, &earlier.0, u64::MAX);
        more
    }

    /// At most so much fuel was taken since earlier sums, sizes of bulk operations included: as a limit sees it. `None` if that
    /// cannot be told.
    pub fn fuel_at_most(&self, earlier: &Totals) -> Option<u64> {
        let more = self.beyond(earlier);
        // Of 16 bytes, or an element, one unit: the sum of what is rounded down is no more than the sum rounded down.
        let [bytes, elements, sized, fuel] =
            [MOVED_BYTES, MOVED_ELEMENTS, SIZED, FUEL].map(|column| yet(more.0[column]));
        (sized == 0).then(|| fuel.saturating_add(bytes / 16 + elements))
    }

    /// The cost of what was added to earlier sums.
    pub fn since(&self, earlier: &Totals) -> Cost {
        let more = self.beyond(earlier);
        let of = |column: usize| yet(more.0[column]);
        let classes = Class::ALL.iter().filter_map(|&class| {
            let count = of(class as usize);
            (count > 0).then(|| (class.name().to_owned(), count))
        });
        Cost {
            instr: Some(of(INSTR)),
            fuel: Some(of(FUEL)),
            classes: classes.collect(),
            loads: Some(of(LOADS)),
            stores: Some(of(STORES)),
            bytes: Some(of(BYTES)),
            bulk_bytes: Some(of(MOVED_BYTES)),
            bulk_elements: Some(of(MOVED_ELEMENTS)),
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
