//! How often each global was read and written, in all and by each operator. They follow from counts of blocks. What
//! constant expressions read does not count.

use std::collections::BTreeMap;

use probity_engine::Result;
use probity_engine::wasmparser::Operator;
use probity_probes::opcode::Opcode;
use probity_probes::wanted::Wanted;

use crate::analysis::{Analysis, Findings, Instrument, Run};
use crate::options::Options;
use crate::report::table::{Column, Fact, Kind, Table};

pub(crate) struct Globals {
    zero: bool,
}

impl Globals {
    pub fn new(options: &Options) -> Globals {
        Globals {
            zero: options.zero(),
        }
    }
}

/// The global of an operator, and whether it is written.
fn used(op: &Operator<'_>) -> Option<(u32, bool)> {
    use Operator as O;
    match *op {
        O::GlobalGet { global_index } | O::GlobalAtomicGet { global_index, .. } => {
            Some((global_index, false))
        }
        O::GlobalSet { global_index } | O::GlobalAtomicSet { global_index, .. } => {
            Some((global_index, true))
        }
        _ => None,
    }
}

impl Analysis for Globals {
    fn wants_counts(&self, at: &Instrument<'_, '_, '_>) -> Result<Wanted> {
        let mut wanted = Wanted::nothing();
        for (index, (_, op)) in at.operators()?.iter().enumerate() {
            if used(op).is_some() {
                wanted.add(&*at.cfg()?, index);
            }
        }
        Ok(wanted)
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let mut columns = run.function_columns("func");
        columns.extend([
            Column::new("pc", Kind::Pc),
            Column::new("opcode", Kind::Text),
            Column::new("global", Kind::Index),
            Column::new("count", Kind::Count),
        ]);
        let mut sites = Table::new("sites", columns, Some("count"));
        // Of each module and global: reads and writes.
        let mut sums: BTreeMap<(u32, u32), [u64; 2]> = BTreeMap::new();
        for function in run.functions(self.zero) {
            let who = run.function_cells(&function);
            for (index, (pc, op)) in function.operators().iter().enumerate() {
                let Some((global, writes)) = used(op) else {
                    continue;
                };
                let counts = function.counts.as_ref();
                let count = counts.map_or(0, |counts| counts.instr(index));
                if count == 0 && !self.zero {
                    continue;
                }
                let sum = sums.entry((function.key.module, global)).or_default();
                sum[usize::from(writes)] += count;
                let mut row = who.clone();
                row.extend([
                    pc.0.into(),
                    Opcode::of(op).mnemonic().into(),
                    global.into(),
                    count.into(),
                ]);
                sites.push(row);
            }
        }
        let mut columns = vec![
            Column::new("global", Kind::Index),
            Column::new("reads", Kind::Count),
            Column::new("writes", Kind::Count),
        ];
        let several = run.modules.len() > 1;
        if several {
            columns.insert(0, Column::new("module", Kind::Index));
        }
        let mut globals = Table::new("globals", columns, Some("reads"));
        for ((module, global), [reads, writes]) in sums {
            let mut row = vec![global.into(), reads.into(), writes.into()];
            if several {
                row.insert(0, module.into());
            }
            globals.push(row);
        }
        Findings {
            facts: vec![
                Fact::new("reads", Kind::Count, globals.sum("reads")),
                Fact::new("writes", Kind::Count, globals.sum("writes")),
            ],
            tables: vec![globals, sites],
            ..Findings::default()
        }
    }
}
