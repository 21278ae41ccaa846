//! Which way each branch went: `if`, `br_if` and `select` by their condition
//! (taken: not zero), `br_on_*` by whether they branched, `br_table` by target;
//! and where exceptions landed that the function itself caught.

use std::collections::BTreeMap;

use probity_engine::{Func, Result, WasmPc};
use probity_probes::events::BranchKind;
use probity_probes::opcode::Opcode;
use probity_probes::unwind::Unwind;
use probity_probes::wanted::Wanted;

use crate::analysis::{Analysis, Findings, Instrument, Key, Run};
use crate::options::Options;
use crate::report::table::{Column, Fact, Kind, Table, Value};
use crate::ways::Ways;

pub(crate) struct Branches {
    zero: bool,
    ways: Ways,
    /// Exceptions by the operator that threw or called, and the landing.
    caught: BTreeMap<(Key, WasmPc, WasmPc), u64>,
}

impl Branches {
    pub fn new(options: &Options) -> Branches {
        Branches {
            zero: options.zero(),
            ways: Ways::default(),
            caught: BTreeMap::new(),
        }
    }
}

impl Analysis for Branches {
    fn wants_counts(&self, at: &Instrument<'_, '_, '_>) -> Result<Wanted> {
        Ways::wants_counts(at)
    }

    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        self.ways.instrument(at)
    }

    fn unwound(&mut self, key: Key, _func: Func, unwind: Unwind) {
        if let Some(landing) = unwind.caught_at {
            *self.caught.entry((key, unwind.pc, landing)).or_default() += 1;
        }
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let mut site = run.function_columns("func");
        site.push(Column::new("pc", Kind::Pc));
        let conditions = [
            Column::new("opcode", Kind::Text),
            Column::new("count", Kind::Count),
            Column::new("taken", Kind::Count),
            Column::new("not_taken", Kind::Count),
            Column::new("taken_percent", Kind::Percent),
        ];
        let targets = [
            Column::new("count", Kind::Count),
            Column::new("targets", Kind::Counts),
            Column::new("default", Kind::Count),
        ];
        let landings = [
            Column::new("opcode", Kind::Text),
            Column::new("landing", Kind::Pc),
            Column::new("count", Kind::Count),
        ];
        let table =
            |name, more: &[Column]| Table::new(name, [&site[..], more].concat(), Some("count"));
        let mut by_condition = table("branches", &conditions);
        let mut by_table = table("tables", &targets);
        let mut by_exception = table("catches", &landings);
        for function in run.functions(self.zero) {
            let who = run.function_cells(&function);
            let operators = function.operators();
            for (branch, ways) in self.ways.of(&function, &operators) {
                let count: u64 = ways.iter().sum();
                if count == 0 && !self.zero {
                    continue;
                }
                let mut row = who.clone();
                row.push(branch.pc.0.into());
                match (branch.kind, &ways[..]) {
                    (BranchKind::Table(_), ways) => {
                        let (default, targets) = ways.split_last().unwrap_or((&0, &[]));
                        let targets = Value::Numbers(targets.to_vec());
                        row.extend([count.into(), targets, Value::from(*default)]);
                        by_table.push(row);
                    }
                    (_, ways) => {
                        let (taken, not_taken) = (ways[1], ways[0]);
                        let opcode = Opcode::of(&operators[branch.index].1).mnemonic();
                        let percent = match count {
                            0 => Value::Nothing,
                            _ => (taken as f64 * 100.0 / count as f64).into(),
                        };
                        row.extend([opcode.into(), count.into()]);
                        row.extend([taken.into(), not_taken.into(), percent]);
                        by_condition.push(row);
                    }
                }
            }
            let key = function.key;
            let all = (key, WasmPc(0), WasmPc(0))..=(key, WasmPc(u32::MAX), WasmPc(u32::MAX));
            for (&(_, pc, landing), &count) in self.caught.range(all) {
                let thrower = operators.binary_search_by_key(&pc, |(pc, _)| *pc);
                let opcode = thrower.map(|at| Opcode::of(&operators[at].1).mnemonic());
                let opcode = opcode.map_or(Value::Nothing, Value::from);
                let mut row = who.clone();
                row.extend([pc.0.into(), opcode, landing.0.into(), count.into()]);
                by_exception.push(row);
            }
        }
        Findings {
            facts: vec![
                Fact::new("taken", Kind::Count, by_condition.sum("taken")),
                Fact::new("not_taken", Kind::Count, by_condition.sum("not_taken")),
                Fact::new("table_count", Kind::Count, by_table.sum("count")),
                Fact::new("caught", Kind::Count, by_exception.sum("count")),
            ],
            tables: vec![by_condition, by_table, by_exception],
            ..Findings::default()
        }
    }
}
