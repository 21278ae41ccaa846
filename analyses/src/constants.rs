//! What is always the same: parameters, arguments of calls, results of calls, loads and reads of globals that had one
//! value each time, `br_table`s with one index, and branches that always went one way. Candidates for specialisation.
//!
//! Looked at are numbers; floats by their bits, so that 0 and -0 are two values. An execution counts when its operator has
//! completed, an argument when its call executes, a parameter when its function is entered. Vectors and references are
//! not looked at.

use std::collections::HashMap;

use probity_engine::hook::{Action, Counters, Fold, INPUTS_MAX, Input, Probe, Site};
use probity_engine::wasmparser::Operator;
use probity_engine::{CompositeType, Module, Result, ValType, WasmPc};
use probity_probes::access::{Access, AccessKind};
use probity_probes::events::{Callee, callee, goes_on};
use probity_probes::opcode::Opcode;
use probity_probes::wanted::Wanted;

use crate::analysis::{Analysis, Findings, Function, Instrument, Key, Run, function_name};
use crate::options::{NUMBER, OptionInfo, Options};
use crate::report::table::{Column, Fact, Kind, Table, Value};
use crate::ways::Ways;

/// From how many executions on something is called constant.
pub(crate) const MIN: OptionInfo = OptionInfo {
    name: "min",
    default: "2",
    help: "what executed less often is not listed: once is always the same",
    values: &[NUMBER],
};

pub(crate) struct Constants {
    min: u64,
    ways: Ways,
    /// The values of functions, and of each the greatest, and the greatest of its complement.
    values: HashMap<Key, (Vec<Watched>, Counters)>,
}

impl Constants {
    pub fn new(options: &Options) -> Constants {
        Constants {
            min: options.number(MIN.name).unwrap_or(1),
            ways: Ways::default(),
            values: HashMap::new(),
        }
    }
}

/// Where a value is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// A parameter.
    Entry,
    /// An operand, 0 the topmost, before the operator of an index.
    Before(usize, u32),
    /// The same of its results, behind it.
    After(usize, u32),
}

/// A value that is looked at.
#[derive(Debug, Clone, Copy)]
struct Watched {
    at: At,
    ty: ValType,
    /// What it is: `param`, `argument`, `result`, `load`, `global`, `index`.
    what: &'static str,
    /// Which of these, from 0.
    number: u32,
}

fn is_number(ty: ValType) -> bool {
    matches!(
        ty,
        ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64
    )
}

/// All values of a function that are looked at, in the order of its operators.
fn watched(at: &Instrument<'_, '_, '_>) -> Result<Vec<Watched>> {
    let (module, operators) = (at.module, at.operators()?);
    let instance = at.probes.instance_of(at.func);
    let global = |index: u32| {
        let global = instance?.global(&*at.probes, index)?;
        // One that never changes is known to be constant.
        Some(global.ty(&*at.probes)).filter(|ty| ty.mutable)
    };
    let mut list = Vec::new();
    let mut add = |at, ty, what, number| {
        if is_number(ty) {
            list.push(Watched {
                at,
                ty,
                what,
                number,
            });
        }
    };
    for (number, ty) in (0..).zip(at.info.ty().params()) {
        add(At::Entry, *ty, "param", number);
    }
    for (index, (_, op)) in operators.iter().enumerate() {
        let access = Access::of(op).filter(|access| access.kind == AccessKind::Load);
        if access.is_some() {
            let prefix = Opcode::of(op).mnemonic().split('.').next();
            let ty = match prefix {
                Some("i32") => ValType::I32,
                Some("i64") => ValType::I64,
                Some("f32") => ValType::F32,
                Some("f64") => ValType::F64,
                _ => continue,
            };
            add(At::After(index, 0), ty, "load", 0);
        }
        if let Operator::GlobalGet { global_index } = *op
            && let Some(ty) = global(global_index)
        {
            add(At::After(index, 0), ty.content, "global", 0);
        }
        if let Operator::BrTable { .. } = op {
            add(At::Before(index, 0), ValType::I32, "index", 0);
        }
        if let Some(how) = callee(op) {
            let (ty, above) = match how {
                Callee::Direct(callee) => (module.function(callee).map(|f| f.ty().clone()), 0),
                Callee::Table { type_index, .. } => (module.func_type(type_index).cloned(), 1),
                Callee::Reference => (type_of_reference(op, module), 1),
            };
            let Some(ty) = ty else {
                continue;
            };
            let count = ty.params().len() as u32;
            for (number, ty) in (0..).zip(ty.params()) {
                let operand = above + count - 1 - number;
                add(At::Before(index, operand), *ty, "argument", number);
            }
            if goes_on(op) {
                let count = ty.results().len() as u32;
                for (number, ty) in (0..).zip(ty.results()) {
                    add(At::After(index, count - 1 - number), *ty, "result", number);
                }
            }
        }
    }
    Ok(list)
}

fn type_of_reference(op: &Operator<'_>, module: &Module) -> Option<probity_engine::FuncType> {
    let (Operator::CallRef { type_index } | Operator::ReturnCallRef { type_index }) = *op else {
        return None;
    };
    match module.composite_type(type_index)? {
        CompositeType::Func(ty) => Some(ty.clone()),
        _ => None,
    }
}

/// Takes a value into account as the folds of integers do.
fn fold(counters: &Counters, first: usize, value: u64) {
    for (index, value) in [(first, value), (first + 1, !value)] {
        let old = counters.get(index);
        if value > old {
            counters.add(index, value.wrapping_sub(old) as i64);
        }
    }
}

impl Analysis for Constants {
    fn wants_counts(&self, at: &Instrument<'_, '_, '_>) -> Result<Wanted> {
        let mut wanted = Ways::wants_counts(at)?;
        wanted.add_entry();
        for value in watched(at)? {
            if let At::Before(index, _) | At::After(index, _) = value.at {
                wanted.add(&*at.cfg()?, index);
            }
        }
        Ok(wanted)
    }

    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        self.ways.instrument(at)?;
        let operators = at.operators()?;
        let values = watched(at)?;
        let values_len = values.len();
        let known = self.values.entry(at.key);
        let known = known.or_insert_with(|| (values, Counters::new(2 * values_len)));
        let (values, counters) = (&known.0, known.1.clone());
        let mut params = Vec::new();
        for (slot, value) in values.iter().enumerate() {
            let first = 2 * slot;
            let (site, operand) = match value.at {
                At::Entry => {
                    params.push((Input::Local(value.number), first));
                    continue;
                }
                At::Before(index, operand) => (Site::Before(operators[index].0), operand),
                At::After(index, operand) => (Site::After(operators[index].0), operand),
            };
            if let ValType::I32 | ValType::I64 = value.ty {
                for (index, mask) in [(first, 0), (first + 1, !0)] {
                    let action = Action::Fold {
                        counters: counters.clone(),
                        index,
                        operand,
                        signed: false,
                        fold: Fold::Max { mask },
                    };
                    at.probes.insert(at.func, site, Probe::new(action))?;
                }
            } else {
                let counters = counters.clone();
                let probe = Probe::values([Input::Operand(operand)], move |[value]| {
                    fold(&counters, first, value);
                    Ok(())
                });
                at.probes.insert(at.func, site, probe)?;
            }
        }
        for some in params.chunks(INPUTS_MAX) {
            let counters = counters.clone();
            let slots: Vec<usize> = some.iter().map(|(_, first)| *first).collect();
            let action = Action::Values {
                inputs: some.iter().map(|(input, _)| *input).collect(),
                callback: Box::new(move |values| {
                    for (first, value) in slots.iter().zip(values) {
                        fold(&counters, *first, *value);
                    }
                    Ok(())
                }),
            };
            at.probes.insert(at.func, Site::Entry, Probe::new(action))?;
        }
        Ok(())
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let site = run.function_columns("func");
        let value = [
            Column::new("pc", Kind::Pc),
            Column::new("opcode", Kind::Text),
            Column::new("what", Kind::Text),
            Column::new("number", Kind::Index),
            Column::new("callee", Kind::Function),
            Column::new("type", Kind::Text),
            Column::new("value", Kind::Number),
            Column::new("count", Kind::Count),
        ];
        let branch = [
            Column::new("pc", Kind::Pc),
            Column::new("opcode", Kind::Text),
            Column::new("way", Kind::Text),
            Column::new("count", Kind::Count),
        ];
        let mut constants = Table::new("constants", [&site[..], &value].concat(), Some("count"));
        let mut branches = Table::new("branches", [&site[..], &branch].concat(), Some("count"));
        let (mut values, mut decisions) = (0u64, 0u64);
        for function in run.functions(false) {
            let who = run.function_cells(&function);
            let operators = function.operators();
            self.of(&function, &operators, &mut values, &mut |cells| {
                constants.push([&who[..], &cells].concat());
            });
            for (branch, ways) in self.ways.of(&function, &operators) {
                let count: u64 = ways.iter().sum();
                let [not_taken, taken] = ways[..] else {
                    continue;
                };
                if count < self.min {
                    continue;
                }
                decisions += 1;
                if not_taken > 0 && taken > 0 {
                    continue;
                }
                let way = if taken > 0 { "taken" } else { "not taken" };
                let opcode = Opcode::of(&operators[branch.index].1).mnemonic();
                let cells = [branch.pc.0.into(), opcode.into(), way.into(), count.into()];
                branches.push([&who[..], &cells].concat());
            }
        }
        Findings {
            facts: vec![
                Fact::new("values", Kind::Count, values),
                Fact::new("constant_values", Kind::Count, constants.rows.len()),
                Fact::new("branches_seen", Kind::Count, decisions),
                Fact::new("constant_branches", Kind::Count, branches.rows.len()),
            ],
            tables: vec![constants, branches],
            ..Findings::default()
        }
    }
}

impl Constants {
    /// Counts the values of a function, and gives on the rows of those that are constant.
    fn of(
        &self,
        function: &Function<'_>,
        operators: &[(WasmPc, Operator<'_>)],
        seen: &mut u64,
        row: &mut dyn FnMut([Value; 8]),
    ) {
        let (Some((list, counters)), Some(counts)) =
            (self.values.get(&function.key), function.counts.as_ref())
        else {
            return;
        };
        for (slot, value) in list.iter().enumerate() {
            let count = match value.at {
                At::Entry => counts.entries(),
                At::Before(index, _) => counts.instr(index),
                At::After(index, _) => counts.completed(index),
            };
            if count < self.min {
                continue;
            }
            *seen += 1;
            let (greatest, least) = (counters.get(2 * slot), !counters.get(2 * slot + 1));
            if greatest != least {
                continue;
            }
            let op = match value.at {
                At::Entry => None,
                At::Before(index, _) | At::After(index, _) => Some(&operators[index]),
            };
            let direct = match op.and_then(|(_, op)| callee(op)) {
                Some(Callee::Direct(index)) => function.sibling(index),
                _ => None,
            };
            row([
                op.map_or(Value::Nothing, |(pc, _)| pc.0.into()),
                op.map_or(Value::Nothing, |(_, op)| Opcode::of(op).mnemonic().into()),
                value.what.into(),
                value.number.into(),
                direct.map_or(Value::Nothing, |info| Value::Text(function_name(&info))),
                name(value.ty).into(),
                shown(value.ty, greatest),
                count.into(),
            ]);
        }
    }
}

fn name(ty: ValType) -> &'static str {
    match ty {
        ValType::I32 => "i32",
        ValType::I64 => "i64",
        ValType::F32 => "f32",
        _ => "f64",
    }
}

/// Integers with their sign.
fn shown(ty: ValType, bits: u64) -> Value {
    let signed = |value: i64| match u64::try_from(value) {
        Ok(value) => Value::Number(value),
        Err(_) => Value::Negative(value),
    };
    match ty {
        ValType::I32 => signed((bits as i32).into()),
        ValType::I64 => signed(bits as i64),
        ValType::F32 => Value::Real(f32::from_bits(bits as u32).into()),
        _ => Value::Real(f64::from_bits(bits)),
    }
}
