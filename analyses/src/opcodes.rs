//! Executions of each opcode and of each class of opcodes, beside how often
//! they stand in the bodies of the functions looked at, started or not.

use std::collections::BTreeMap;

use probity_engine::Result;
use probity_probes::opcode::{Class, Opcode, class_of};
use probity_probes::wanted::Wanted;

use crate::analysis::{Analysis, Findings, Instrument, Run};
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
    fn wants_counts(&self, _at: &Instrument<'_, '_, '_>) -> Result<Wanted> {
        Ok(Wanted::all())
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        // By index of the opcode; a call of an import is a class of its own.
        let mut sums = vec![[(0u64, 0u64); 2]; Opcode::all().len()];
        for function in run.functions(true) {
            let counts = function.counts.as_ref().map(|counts| counts.instrs());
            let imported = function.imported();
            for (index, (_, op)) in function.operators().iter().enumerate() {
                let host = class_of(op, imported) == Class::CallHost;
                let sum = &mut sums[Opcode::of(op).index()][usize::from(host)];
                sum.0 += 1;
                sum.1 += counts.as_ref().map_or(0, |counts| counts[index]);
            }
        }
        let mut opcodes: Sums<(&'static str, Class)> = Sums::new();
        let mut classes: Sums<Class> = Class::ALL.iter().map(|&class| (class, (0, 0))).collect();
        for (opcode, [own, host]) in Opcode::all().zip(sums) {
            for (class, (bodies, count)) in [(opcode.class(), own), (Class::CallHost, host)] {
                if bodies > 0 {
                    let opcode = opcodes.entry((opcode.mnemonic(), class)).or_default();
                    for sum in [opcode, classes.entry(class).or_default()] {
                        *sum = (sum.0 + bodies, sum.1 + count);
                    }
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
            ..Findings::default()
        }
    }
}
