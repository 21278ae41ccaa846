//! Executions of each opcode and of each class of opcodes, beside how often
//! they stand in the bodies of the functions looked at, started or not.

use std::collections::BTreeMap;

use probity_probes::opcode::{Class, Opcode, class_of};

use crate::analysis::{Analysis, Findings, Run};
use crate::options::Options;
use crate::report::table::{Column, Fact, Kind, Table};

pub(crate) struct Opcodes;

impl Opcodes {
    pub fn new(_options: &Options) -> Opcodes {
        Opcodes
    }
}

/// In the bodies, and executed.
type Sums<K> = BTreeMap<K, (u64, u64)>;

impl Analysis for Opcodes {
    fn wants_counts(&self) -> bool {
        true
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let mut opcodes: Sums<(&'static str, Class)> = Sums::new();
        let mut classes: Sums<Class> = Class::ALL.iter().map(|&class| (class, (0, 0))).collect();
        for function in run.functions(true) {
            let counts = function.counts.as_ref().map(|counts| counts.instrs());
            let imported = function.imported();
            for (index, (_, op)) in function.operators().iter().enumerate() {
                let count = counts.as_ref().map_or(0, |counts| counts[index]);
                let class = class_of(op, imported);
                let opcode = opcodes.entry((Opcode::of(op).mnemonic(), class));
                for sum in [opcode.or_default(), classes.entry(class).or_default()] {
                    sum.0 += 1;
                    sum.1 += count;
                }
            }
        }

        let counts = [
            Column::new("static", Kind::Count),
            Column::new("count", Kind::Count),
        ];
        let text = |name| Column::new(name, Kind::Text);
        let columns = [&[text("class")][..], &counts].concat();
        let mut by_class = Table::new("classes", columns, Some("count"));
        for (class, (bodies, count)) in classes {
            by_class.push(vec![class.name().into(), bodies.into(), count.into()]);
        }
        let columns = [&[text("opcode"), text("class")][..], &counts].concat();
        let mut by_opcode = Table::new("opcodes", columns, Some("count"));
        for ((opcode, class), (bodies, count)) in opcodes {
            let class = class.name().into();
            by_opcode.push(vec![opcode.into(), class, bodies.into(), count.into()]);
        }
        let total: u64 = by_class.sum("count");
        Findings {
            facts: vec![
                Fact::new("rule", Kind::Text, "instr.v1"),
                Fact::new("total", Kind::Count, total),
            ],
            tables: vec![by_class, by_opcode],
        }
    }
}
