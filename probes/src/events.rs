//! Events that analyses watch, found in a body and counted by the engine's
//! inline actions.

use probity_engine::hook::{Action, Counters, Fold, Probe, ProbeContext, ProbeId, Probes, Site};
use probity_engine::wasmparser::Operator;
use probity_engine::{Error, Func, Result, WasmPc};

use crate::reference::Test;

/// A place where a value decides how control or data goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Branch {
    /// Index of the operator in its function.
    pub index: usize,
    /// Its byte offset in the module.
    pub pc: WasmPc,
    /// How many ways there are, and how one is chosen.
    pub kind: BranchKind,
}

/// How a branch chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BranchKind {
    /// `if`, `br_if` and `select`: an i32 that is zero or not.
    Condition,
    /// `br_table`: an index; this many targets, the default included.
    Table(u32),
    /// `br_on_*`: a reference that is of some kind or not.
    Reference(Test),
}

impl Branch {
    /// Number of ways: not taken (zero) and taken, or each target with the
    /// default last.
    pub fn ways(&self) -> usize {
        match self.kind {
            BranchKind::Condition | BranchKind::Reference(_) => 2,
            BranchKind::Table(targets) => targets as usize,
        }
    }

    /// Counts in `counters[index]` how often the condition was not zero. For the other way there is the count of the
    /// operator itself, which costs less than another counter.
    ///
    /// # Errors
    /// If the engine refuses the probe, or there is no condition.
    pub fn count_taken(
        &self,
        probes: &mut Probes<'_>,
        func: Func,
        counters: &Counters,
        index: usize,
    ) -> Result<ProbeId> {
        if self.kind != BranchKind::Condition {
            return Err(Error::usage("a branch without a condition"));
        }
        let fold = Action::Fold {
            counters: counters.clone(),
            index,
            operand: 0,
            signed: false,
            fold: Fold::Nonzero,
        };
        probes.insert(func, Site::Before(self.pc), Probe::new(fold))
    }

    /// Counts each way in `counters[first..first + ways]`. What a reference
    /// decides costs a call each time: better computed where
    /// [`Told`](crate::told::Told) can.
    ///
    /// # Errors
    /// If the engine refuses the probe.
    pub fn count(
        &self,
        probes: &mut Probes<'_>,
        func: Func,
        counters: &Counters,
        first: usize,
    ) -> Result<ProbeId> {
        let counters = counters.clone();
        let probe = match self.kind {
            BranchKind::Reference(test) => {
                let module = probes.module_of(func).map(|(module, _)| module);
                let taken = module.and_then(|module| test.taken(&module));
                let mut taken = taken.ok_or_else(|| Error::usage("no branch on a reference"))?;
                Probe::call(move |context| {
                    if let Some(way) = taken(context) {
                        counters.add(first + usize::from(way), 1);
                    }
                    Ok(())
                })
            }
            kind => Probe::new(Action::CountTop {
                counters,
                first,
                len: self.ways() as u32,
                boolean: kind == BranchKind::Condition,
            }),
        };
        probes.insert(func, Site::Before(self.pc), probe)
    }
}

/// The branch that an operator is, if it is one. `br` is none: it has one way.
pub fn branch_of(index: usize, pc: WasmPc, op: &Operator<'_>) -> Option<Branch> {
    let kind = match op {
        Operator::If { .. }
        | Operator::BrIf { .. }
        | Operator::Select
        | Operator::TypedSelect { .. }
        | Operator::TypedSelectMulti { .. } => BranchKind::Condition,
        Operator::BrTable { targets } => BranchKind::Table(targets.len() + 1),
        op => BranchKind::Reference(Test::of(op)?),
    };
    Some(Branch { index, pc, kind })
}

/// The branches of a body, in program order.
pub fn branches(operators: &[(WasmPc, Operator<'_>)]) -> Vec<Branch> {
    let branches = operators
        .iter()
        .enumerate()
        .filter_map(|(index, (pc, op))| branch_of(index, *pc, op));
    branches.collect()
}

/// Whether control can go on from an operator to the one behind it: not from `br`, nor from the `else` that ends
/// a true arm. The last `end` of a function returns.
pub fn goes_on(op: &Operator<'_>) -> bool {
    !matches!(
        op,
        Operator::Br { .. }
            | Operator::BrTable { .. }
            | Operator::Else
            | Operator::Return
            | Operator::Unreachable
            | Operator::Throw { .. }
            | Operator::ThrowRef
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
    )
}

/// A call operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Index of the operator in its function.
    pub index: usize,
    /// Its byte offset in the module.
    pub pc: WasmPc,
    /// What it calls.
    pub callee: Callee,
    /// Whether the callee takes the place of the function.
    pub tail: bool,
}

/// How a call finds its callee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callee {
    /// The function of this index.
    Direct(u32),
    /// The element of a table at the index on top of the operand stack.
    Table {
        /// Index of the type that the element must have.
        type_index: u32,
        /// Index of the table.
        table_index: u32,
    },
    /// The function reference on top of the operand stack.
    Reference,
}

/// What an operator calls, if it calls.
pub fn callee(op: &Operator<'_>) -> Option<Callee> {
    Some(match *op {
        Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
            Callee::Direct(function_index)
        }
        Operator::CallIndirect {
            type_index,
            table_index,
        }
        | Operator::ReturnCallIndirect {
            type_index,
            table_index,
        } => Callee::Table {
            type_index,
            table_index,
        },
        Operator::CallRef { .. } | Operator::ReturnCallRef { .. } => Callee::Reference,
        _ => return None,
    })
}

/// The calls of a body, tail calls included, in program order.
pub fn calls(operators: &[(WasmPc, Operator<'_>)]) -> Vec<Call> {
    let calls = operators
        .iter()
        .enumerate()
        .filter_map(|(index, (pc, op))| {
            let callee = callee(op)?;
            let tail = matches!(
                op,
                Operator::ReturnCall { .. }
                    | Operator::ReturnCallIndirect { .. }
                    | Operator::ReturnCallRef { .. }
            );
            let pc = *pc;
            Some(Call {
                index,
                pc,
                callee,
                tail,
            })
        });
    calls.collect()
}

/// An operator that makes a structure or an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocation {
    /// Index of the operator in its function.
    pub index: usize,
    /// Its byte offset in the module.
    pub pc: WasmPc,
    /// Index of the type that it makes one of.
    pub type_index: u32,
    /// How long an array it makes.
    pub length: Length,
}

/// Where the length of a new array comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// It is no array.
    None,
    /// It is part of the operator.
    Fixed(u32),
    /// It is the topmost operand, an i32 without sign.
    Operand,
}

/// The allocations of a body, in program order: exactly the operators that
/// [`Opcode::allocates`](crate::opcode::Opcode::allocates) tells.
pub fn allocations(operators: &[(WasmPc, Operator<'_>)]) -> Vec<Allocation> {
    let sites = operators
        .iter()
        .enumerate()
        .filter_map(|(index, (pc, op))| {
            let (type_index, length) = match *op {
                Operator::StructNew { struct_type_index }
                | Operator::StructNewDefault { struct_type_index }
                | Operator::StructNewDesc { struct_type_index }
                | Operator::StructNewDefaultDesc { struct_type_index } => {
                    (struct_type_index, Length::None)
                }
                Operator::ArrayNewFixed {
                    array_type_index,
                    array_size,
                } => (array_type_index, Length::Fixed(array_size)),
                Operator::ArrayNew { array_type_index }
                | Operator::ArrayNewDefault { array_type_index }
                | Operator::ArrayNewData {
                    array_type_index, ..
                }
                | Operator::ArrayNewElem {
                    array_type_index, ..
                } => (array_type_index, Length::Operand),
                _ => return None,
            };
            let pc = *pc;
            Some(Allocation {
                index,
                pc,
                type_index,
                length,
            })
        });
    sites.collect()
}

/// Calls `entry` before the first operator of a function and `exit` on every
/// way out of it; each entry has its exit. Returns both probes.
///
/// # Errors
/// If the engine refuses a probe, such as for a host function.
pub fn entry_exit(
    probes: &mut Probes<'_>,
    func: Func,
    entry: impl FnMut(&mut ProbeContext<'_>) -> Result<()> + Send + 'static,
    exit: impl FnMut(&mut ProbeContext<'_>) -> Result<()> + Send + 'static,
) -> Result<(ProbeId, ProbeId)> {
    let entry = probes.insert(func, Site::Entry, Probe::call(entry))?;
    let exit = probes.insert(func, Site::Exit, Probe::call(exit))?;
    Ok((entry, exit))
}
