//! How often each instruction executed: exact, structural operators included
//! (rule `instr.v1`).

use probity_engine::Result;
use probity_probes::opcode::Opcode;
use probity_probes::wanted::Wanted;

use crate::analysis::{Analysis, Findings, Instrument, Run};
use crate::options::Options;
use crate::report::table::{Column, Fact, Kind, Table};

pub(crate) struct Hotness {
    zero: bool,
}

impl Hotness {
    pub fn new(options: &Options) -> Hotness {
        Hotness {
            zero: options.zero(),
        }
    }
}

impl Analysis for Hotness {
    fn wants_counts(&self, _at: &Instrument<'_, '_, '_>) -> Result<Wanted> {
        Ok(Wanted::all())
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let mut columns = run.function_columns("func");
        columns.extend([
            Column::new("pc", Kind::Pc),
            Column::new("opcode", Kind::Text),
            Column::new("count", Kind::Count),
        ]);
        let mut table = Table::new("instructions", columns, Some("count"));
        let mut total = 0;
        for function in run.functions(self.zero) {
            let who = run.function_cells(&function);
            let counts = function.counts.as_ref().map(|counts| counts.instrs());
            for (index, (pc, op)) in function.operators().iter().enumerate() {
                let count = counts.as_ref().map_or(0, |counts| counts[index]);
                if count == 0 && !self.zero {
                    continue;
                }
                total += count;
                let mut row = who.clone();
                row.extend([pc.0.into(), Opcode::of(op).mnemonic().into(), count.into()]);
                table.push(row);
            }
        }
        Findings {
            facts: vec![
                Fact::new("rule", Kind::Text, "instr.v1"),
                Fact::new("total", Kind::Count, total),
            ],
            tables: vec![table],
            ..Findings::default()
        }
    }
}
