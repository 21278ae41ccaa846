//! Which way each branch went: `if`, `br_if` and `select` by their condition
//! (taken: not zero), `br_table` by target.

use std::collections::HashMap;

use probity_engine::Result;
use probity_engine::hook::Counters;
use probity_probes::events::{BranchKind, branches};
use probity_probes::opcode::Opcode;

use crate::analysis::{Analysis, Findings, Instrument, Key, Run};
use crate::options::Options;
use crate::report::table::{Column, Fact, Kind, Table, Value};

pub(crate) struct Branches {
    zero: bool,
    /// The ways of all branches of a function, one branch after the other,
    /// for all its instances.
    counters: HashMap<Key, Counters>,
}

impl Branches {
    pub fn new(options: &Options) -> Branches {
        Branches {
            zero: options.zero(),
            counters: HashMap::new(),
        }
    }
}

impl Analysis for Branches {
    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        let branches = branches(&at.operators()?);
        let ways = branches.iter().map(|branch| branch.ways()).sum();
        let counters = self.counters.entry(at.key);
        let counters = counters.or_insert_with(|| Counters::new(ways));
        let mut first = 0;
        for branch in branches {
            branch.count(at.probes, at.func, counters, first)?;
            first += branch.ways();
        }
        Ok(())
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
        let table =
            |name, more: &[Column]| Table::new(name, [&site[..], more].concat(), Some("count"));
        let mut by_condition = table("branches", &conditions);
        let mut by_table = table("tables", &targets);
        for function in run.functions(self.zero) {
            let who = run.function_cells(&function);
            let counters = self.counters.get(&function.key);
            let operators = function.operators();
            let mut first = 0;
            for branch in branches(&operators) {
                let way = |at: usize| counters.map_or(0, |counters| counters.get(at));
                let ways: Vec<u64> = (first..first + branch.ways()).map(way).collect();
                first += branch.ways();
                let count: u64 = ways.iter().sum();
                if count == 0 && !self.zero {
                    continue;
                }
                let mut row = who.clone();
                row.push(branch.pc.0.into());
                match (branch.kind, &ways[..]) {
                    (BranchKind::Condition, &[not_taken, taken]) => {
                        let opcode = Opcode::of(&operators[branch.index].1).mnemonic();
                        let percent = match count {
                            0 => Value::Nothing,
                            _ => (taken as f64 * 100.0 / count as f64).into(),
                        };
                        row.extend([opcode.into(), count.into()]);
                        row.extend([taken.into(), not_taken.into(), percent]);
                        by_condition.push(row);
                    }
                    (_, ways) => {
                        let (default, targets) = ways.split_last().unwrap_or((&0, &[]));
                        let targets = Value::Numbers(targets.to_vec());
                        row.extend([count.into(), targets, Value::from(*default)]);
                        by_table.push(row);
                    }
                }
            }
        }
        Findings {
            facts: vec![
                Fact::new("taken", Kind::Count, by_condition.sum("taken")),
                Fact::new("not_taken", Kind::Count, by_condition.sum("not_taken")),
                Fact::new("table", Kind::Count, by_table.sum("count")),
            ],
            tables: vec![by_condition, by_table],
        }
    }
}
